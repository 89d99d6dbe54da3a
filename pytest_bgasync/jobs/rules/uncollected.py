"""A job whose result nobody has read."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding, named
from pytest_bgasync.jobs.job import Job
from pytest_bgasync.jobs.launches import Launch
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.jobs.rules.asking import was_unreadable, why_missed
from pytest_bgasync.jobs.verdict import gave_up
from pytest_bgasync.util.text import place

KIND = "uncollected"
CURE = (
    "ask for it with async_status until it is finished, or, if it is left behind on purpose,"
    " declare it with @pytest.mark.fire_and_forget({task!r})"
)


def find(facts: Facts) -> Iterator[Finding]:
    """Find jobs without a final status; of a task with poll > 0 that gave up the play knows by its failure."""
    for job in facts.jobs:
        if not job.may_exist or job.collected or gave_up(job.launch):
            continue
        cure = CURE.format(task=job.task)
        # Whoever looked at it may have read it.
        did = "collected" if job.launch.looks else "read"
        yield Finding(KIND, job.task, job.host, f"nobody {did} the result of {named(job)}: {_why(job)}", cure, job)


def _why(job: Job) -> str:
    launch, polls = job.launch, job.polls
    if launch.file_prefix is not None:
        unknown = f", and whether it runs is not known: {job.msg}" if job.outcome is Outcome.UNREACHABLE else ""
        return f"its launch was not answered, so that no task can ask for it{unknown}"
    if launch.misses:
        return why_missed(launch.misses[-1], launch)
    if launch.retried:
        return "until launches another job at each try, and only the last one is registered"
    if polls:
        asked = f"the play asked {len(polls)} times and was never told that it has ended"
    else:
        asked = _looked(launch) or "no task asked for it"
    if launch.erased_at is not None:
        return f"{asked}, and the play removed its job file with mode: cleanup"
    if not polls:
        return asked
    if "started" in job.data:
        return f"{asked}, because the module's own result has a key 'started'"
    if was_unreadable(job):
        return f"{asked}, because Ansible cannot read its result, as where its output is no UTF-8"
    if job.outcome is Outcome.LOST:
        return f"{asked}; {job.msg}"
    return asked


def _looked(launch: Launch) -> str:
    """Say which task looked at a job without asking for its status; the empty string if none did."""
    look = max(launch.looks, key=lambda look: (look.file, look.at), default=None)
    if look is None:
        return ""
    how = "looked at its job file with" if look.file else "was given its job id for"
    return f"task {place(look.task)} {how} {look.action}, which does not count as collecting it"
