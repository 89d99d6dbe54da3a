"""The status of a job that could not be found or read, made to look fine."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding, named
from pytest_bgasync.jobs.job import Job
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.jobs.rules.missed import told
from pytest_bgasync.jobs.status_polls import Status
from pytest_bgasync.jobs.verdict import gave_up

KIND = "swallowed"
CURE = (
    "failed_when and ignore_errors hide that the job is unknown, and a missing job reads as finished:"
    " let the task fail, or test its msg and rc, and fail the play then; where it is to go on, say allow=['swallowed']"
)


def find(facts: Facts) -> Iterator[Finding]:
    """Find statuses without an answer that the play takes for a success or passes over, on hosts that end well."""
    for status in facts.statuses:
        unknown = status.told and (not status.found or _is_lost(status, facts))
        if unknown and status.fine and _ended_well(status.host, facts):
            what = f"{told(status, facts)}, and the play went on"
            yield Finding(KIND, status.task, status.host, what, CURE, facts.job(status.jid))
    for job in facts.jobs:
        if gave_up(job.launch) and _was_lost(job, facts) and _passed_over(job, facts) and _ended_well(job.host, facts):
            what = f"{named(job)} was lost while its task waited for it, and the play went on"
            yield Finding(KIND, job.task, job.host, what, CURE, job)


def _ended_well(host: str, facts: Facts) -> bool:
    """Say whether the play did not fail on a host, as one does that looks at what it has passed over."""
    recap = facts.tasks.recap.get(host)
    return recap is None or recap.failed + recap.unreachable == 0


def _passed_over(job: Job, facts: Facts) -> bool:
    """Say whether the task that launched a job and waited for it looks fine."""
    return any(
        result.ignored or result.status in ("ok", "changed")
        for result in facts.tasks.results
        if (result.task_id, result.host, result.item) == (job.launch.task_id, job.host, job.item)
    )


def _is_lost(status: Status, facts: Facts) -> bool:
    """Say whether it went on asking for a job that no process works at any more, and ended without an answer."""
    job = facts.job(status.jid)
    return job is not None and _was_lost(job, facts) and len(status.finished) > 1 and not any(status.finished)


def _was_lost(job: Job, facts: Facts) -> bool:
    """Say whether a job was lost when the run had ended; what befalls it later the play cannot have passed over."""
    return job.outcome is Outcome.LOST and (job.finished_at or 0) <= facts.looked_at
