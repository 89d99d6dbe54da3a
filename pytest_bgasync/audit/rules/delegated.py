"""A job that is on another host than the one asked."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task
from pytest_bgasync.audit.settings import delegate, is_other_host

ID = "BGA006"
SEVERITY = Severity.ERROR
PROBLEM = "a job is launched with delegate_to, and asked for without it; the job file is on the delegate"
CURE = "give the launch and the status the same delegate_to"


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find statuses that are delegated otherwise than each launch they may be about."""
    for launch in plays.proven(task, lambda launch: _is_elsewhere(launch, task, plays)):
        yield task.fault(
            f"{launch.called} launches its job {_where(launch, plays)}, and {task.called} asks for it"
            f" {_where(task, plays)}"
        )


def _is_elsewhere(launch: Task, status: Task, plays: Plays) -> bool:
    one, other = delegate(launch, plays), delegate(status, plays)
    if one == other or not plays.same_hosts(launch, status):
        return False
    if one is None or other is None:
        return is_other_host(launch if other is None else status, plays)
    return isinstance(one, str) and isinstance(other, str)


def _where(task: Task, plays: Plays) -> str:
    host = delegate(task, plays)
    return "on the host itself" if host is None else f"on {host}"
