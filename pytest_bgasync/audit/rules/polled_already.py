"""A status of a job that its own task has waited for."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task

ID = "BGA004"
SEVERITY = Severity.ERROR
PROBLEM = "a status is asked of a job whose task has poll above 0; that has removed the job file"
CURE = "give the launch poll: 0, or read the result that it has registered and drop the status"


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find statuses of tasks that wait by themselves, with the default of poll, too."""
    for launch in plays.proven(task, plays.waits):
        poll = f"{'poll:' if launch.own('poll') else 'no poll, which means'} {plays.poll(launch):g}"
        yield task.fault(
            f"{launch.called} has {poll}: it has waited for its job and removed the job file before {task.called} asks"
        )
