"""A job that one host has launched and every host asks for."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit import templates
from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task
from pytest_bgasync.audit.settings import LOCAL, delegate

ID = "BGA005"
SEVERITY = Severity.ERROR
PROBLEM = "a job is launched with run_once, and every host asks for it"
CURE = "give the status run_once, too"
#: A condition about these may leave one host.
_HOSTS = {"inventory_hostname", "inventory_hostname_short", "groups", "group_names", "ansible_host", "ansible_hostname"}


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find statuses without run_once of launches that have it."""
    if plays.truth(task.keyword("run_once"), task) is not False or _is_for_one(task, plays):
        return
    for launch in plays.proven(task, lambda launch: _is_elsewhere(launch, task, plays)):
        yield task.fault(
            f"{launch.called} has run_once, so that one host has the job, and {task.called} asks on every host"
        )


def _is_elsewhere(launch: Task, status: Task, plays: Plays) -> bool:
    once = plays.truth(launch.keyword("run_once"), launch)
    delegates = delegate(launch, plays), delegate(status, plays)
    return bool(once) and launch.play is status.play and delegates == (None, None)


def _is_for_one(task: Task, plays: Plays) -> bool:
    hosts, serial = task.play.hosts, task.play.scope.entry("serial")
    if hosts in LOCAL or hosts.endswith("]") or plays.number(serial, task, 0) in (1, None):
        return True
    conditions = [plays.condition(entry) for entry in task.conditions()]
    words = {word for one in conditions if one is not None for word in templates.names(one)}
    return bool(words & _HOSTS) or any(word.startswith("ansible_play") for word in words)
