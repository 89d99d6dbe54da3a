"""A result that ``no_log`` hides at the launch and not at the status."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task

ID = "BGA022"
SEVERITY = Severity.ERROR
PROBLEM = "no_log stands on the launch only; the status shows the result"
CURE = "give the status no_log, too"


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find statuses without no_log of launches that have it."""
    if plays.truth(task.keyword("no_log"), task) is not False:
        return
    for launch in plays.proven(task, lambda launch: plays.truth(launch.keyword("no_log"), launch)):
        yield task.fault(f"{launch.called} hides its result with no_log, and {task.called} shows it")
