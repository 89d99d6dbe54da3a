"""A job that is polled only after its limit."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit.model import Fault, Severity, Task
from pytest_bgasync.audit.plays import Plays

ID = "BGA011"
SEVERITY = Severity.ERROR
PROBLEM = "poll is greater than async; the first question comes after the limit"
CURE = "make poll a small part of async"


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find tasks with a written poll above their limit."""
    entry, limit, poll = task.own("poll"), plays.limit(task), plays.poll(task)
    if entry is not None and limit and poll is not None and poll > limit:
        yield task.fault(f"{task.called} has async: {limit:g} and asks only after poll: {poll:g} s", entry.place)
