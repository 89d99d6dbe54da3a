"""A condition that reads the ``rc`` of a job that has none, and is an error exactly then."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_bgasync.findings import Facts, Finding, named
from pytest_bgasync.jobs import Job
from pytest_bgasync.outcome import Outcome
from pytest_bgasync.tasks import place

KIND = "no_rc"
CURE = (
    "a launch and a job that was ended at its limit have no rc: write job is succeeded or job is failed,"
    " or job.rc | default(1)"
)
#: How Jinja says it, in every version of Ansible; nothing else in the result tells.
_MISSING = re.compile(r"has no attribute '?rc\b")
#: What is said of a job in the place of its outcome: one that has ended has an rc, which was not asked for.
_STATES = {
    Outcome.TIMED_OUT: "timed out",
    Outcome.SUCCEEDED: "had been launched only",
    Outcome.FAILED: "had been launched only",
}


def find(facts: Facts) -> Iterator[Finding]:
    """Find tasks that failed for want of an rc on hosts whose jobs have none."""
    for result in facts.tasks.results:
        if result.status != "failed" or not _MISSING.search(result.msg):
            continue
        job = next((job for job in facts.jobs if job.host == result.host and _has_none(job, result.started_at)), None)
        if job is not None:
            what = (
                f"task {place(result.task, result.host, result.item, result.label)} failed before it began: it reads an"
                f" rc, and {named(job)} {_STATES.get(job.outcome, f'is {job.outcome}')} and has none"
            )
            if not result.ignored:
                what += "; what stands after it did not run"
            yield Finding(KIND, result.task, result.host, what, CURE, job)


def _has_none(job: Job, at: float) -> bool:
    """Say whether what the play knew of a job at that moment had no rc: a launch, or a job without a result."""
    if job.outcome not in (Outcome.SUCCEEDED, Outcome.FAILED):
        return True
    return job.poll == 0 and job.rc is not None and not any(poll.finished and poll.at <= at for poll in job.polls)
