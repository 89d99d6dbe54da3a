"""A status that is asked as another user than its launch."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task
from pytest_bgasync.audit.settings import differ, folder, is_shared, user

ID = "BGA001"
SEVERITY = Severity.ERROR
PROBLEM = "a status is asked as another user than its launch; each user has job files of their own"
CURE = "give the status the become and become_user of the launch"


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find statuses whose become differs from that of each launch they may be about."""
    for launch in plays.proven(task, lambda launch: _differs(launch, task, plays)):
        yield task.fault(
            f"{launch.called} launches its job as {user(launch, plays)}, and {task.called} asks for it as"
            f" {user(task, plays)}, who does not find it"
        )


def _differs(launch: Task, status: Task, plays: Plays) -> bool:
    if not plays.same_hosts(launch, status) or is_shared(folder(launch, plays), folder(status, plays)):
        return False
    return bool(differ(user(launch, plays), user(status, plays)))
