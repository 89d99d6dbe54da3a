"""A job that is polled only after its limit."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task

ID = "BGA011"
SEVERITY = Severity.ERROR
PROBLEM = "poll is greater than async; the first question comes after the limit"
CURE = "make poll a small part of async"


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find tasks with a poll above their limit, be it written or the default."""
    entry, limit, poll = task.own("poll"), plays.limit(task), plays.poll(task)
    if not limit or poll is None or poll <= limit:
        return
    said = f"poll: {poll:g} s" if entry is not None else f"{poll:g} s, the default of poll"
    at = entry or task.own("async")
    yield task.fault(f"{task.called} has async: {limit:g} and asks only after {said}", at.place if at else None)
