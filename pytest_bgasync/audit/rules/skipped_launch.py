"""A status that also asks where the launch was skipped."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes as jinja

from pytest_bgasync.audit import templates
from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task

ID = "BGA008"
SEVERITY = Severity.ERROR
PROBLEM = "a launch may be skipped and has no ansible_job_id then, and its status is asked all the same"
CURE = "give the status the condition of the launch, or when: job is not skipped (in a loop of the item)"
#: A condition about these does not depend on what the launch depends on.
_MODES = {"ansible_check_mode", "ansible_diff_mode", "ansible_verbosity"}


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find statuses that no condition keeps from jobs that were not launched."""
    if task.handler:  # it has been notified by something
        return
    for link in plays.links(task):
        if link.result.filtered:
            continue
        own = _conjuncts(task, plays)
        open_ends = [_open(launch, task, own, plays) for launch in link.launches]
        if all(open_ends):
            launch = link.launches[-1]
            yield task.fault(
                f"{launch.called} is skipped unless its condition holds, and {task.called} then asks for a job"
                " that has no ansible_job_id"
            )


def _open(launch: Task, status: Task, own: list[jinja.Expr] | None, plays: Plays) -> bool:
    """Say whether the launch has a condition that the status has not, and the status none that may cover it."""
    conditions = _conjuncts(launch, plays)
    if own is None or not conditions or not plays.same_hosts(launch, status):
        return False
    if all(one in own for one in conditions):
        return False
    more = {name for one in own if one not in conditions for name in templates.names(one)}
    return more <= _MODES


def _conjuncts(task: Task, plays: Plays) -> list[jinja.Expr] | None:
    """Return the parts of all conditions but ``true``; None where one cannot be read."""
    found: list[jinja.Expr] = []
    for entry in task.conditions():
        expression = plays.condition(entry)
        if expression is None:
            return None
        found += [one for one in templates.conjuncts(expression) if one != jinja.Const(True)]
    return found
