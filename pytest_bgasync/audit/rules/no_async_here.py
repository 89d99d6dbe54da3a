"""An action that does not know async."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit.actions import NO_ASYNC
from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task

ID = "BGA037"
SEVERITY = Severity.ERROR
PROBLEM = "copy, template, script, unarchive and others do not support async, include_* reject it"
CURE = "drop async and poll, or run a command that does the same"


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find actions that fail when they are given async."""
    entry = task.own("async")
    if entry is None or task.action not in NO_ASYNC:
        return
    includes = task.action.startswith("include_") and task.action != "include_vars"
    if includes or plays.number(entry, task, 0):
        what = "rejects async" if includes else "does not support async and fails"
        if task.action == "reboot":
            what += " from ansible-core 2.17 on; before, it reboots in the foreground and launches no job"
        yield task.fault(f"{task.action} {what}", entry.place)
