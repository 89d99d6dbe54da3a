"""A play that ends for a host with the status of a job, before it says what became of it."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding
from pytest_bgasync.jobs.task_results import Tasks
from pytest_bgasync.util.text import place

KIND = "cut_off"
CURE = (
    "a job with an rc other than 0 fails its status task: if the tasks behind it should run then, give the status"
    " failed_when: false or a rescue, and decide by its rc"
)


def find(facts: Facts) -> Iterator[Finding]:
    """Find statuses that were told of a failure and were the last task of their host."""
    never = _never_reached(facts.tasks)
    for status in facts.statuses:
        ended = status.status == "failed" and not status.fine and any(status.finished)
        if ended and never and facts.tasks.path(status.host)[-1:] == [status.task]:
            where = place(status.task, status.host, label=status.label)
            what = f"the failure of a job failed the status task {where} itself, and the play ended there; never"
            yield Finding(KIND, status.task, status.host, f"{what} reached: {', '.join(map(repr, never))}", CURE)


def _never_reached(tasks: Tasks) -> list[str]:
    """Return the names of tasks that the playbook has and no host came to, without those in roles a second time."""
    if not tasks.complete:
        return []
    reached = {name for reach in tasks.reached for name in (reach.task.name, reach.task.full_name)}
    names = tasks.known - reached
    return sorted(name for name in names if name.partition(" : ")[2] not in tasks.known)
