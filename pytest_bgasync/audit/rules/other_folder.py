"""A job whose file is in another folder than the one looked in."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task
from pytest_bgasync.audit.settings import differ, folder

ID = "BGA007"
SEVERITY = Severity.ERROR
PROBLEM = "the folder of job files is set on only one of launch and status"
CURE = "set ansible_async_dir, or ANSIBLE_ASYNC_DIR, for both: in the block or play around them"


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find statuses whose async_dir differs from that of each launch they may be about."""
    for launch in plays.proven(task, lambda launch: differ(folder(launch, plays), folder(task, plays))):
        yield task.fault(
            f"{launch.called} keeps its job in {_named(launch, plays)}, and {task.called} looks for it in"
            f" {_named(task, plays)}"
        )


def _named(task: Task, plays: Plays) -> str:
    return str(folder(task, plays) or "~/.ansible_async")
