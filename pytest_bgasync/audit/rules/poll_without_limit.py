"""A task that looks as if it ran in the background, and does not."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit import templates
from pytest_bgasync.audit.actions import NO_JOB
from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task
from pytest_bgasync.util.yaml_nodes import text

ID = "BGA012"
SEVERITY = Severity.ERROR
PROBLEM = "poll: 0 without async runs in the foreground"
CURE = "add async with the seconds that the task may take, or drop poll"


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find tasks with poll: 0 and no limit, or one of 0."""
    entry = task.own("poll")
    if entry is None or plays.poll(task) != 0 or task.action in NO_JOB:
        return
    limit = task.own("async")
    if limit is not None and templates.is_template(text(limit.value)):
        return  # the limit is chosen elsewhere, and 0 may be meant
    if plays.limit(task) == 0:
        said = "no async" if limit is None else "async: 0"
        yield task.fault(f"{task.called} has poll: 0 and {said}, so that it runs in the foreground", entry.place)
