"""A job that is still at work at the end of the test."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding, named
from pytest_bgasync.jobs.outcome import Outcome

KIND = "running"
CURE = (
    "let the play or the test wait for it (job.wait()), or, if it may outlive the play,"
    " declare it with @pytest.mark.fire_and_forget({task!r})"
)


def find(facts: Facts) -> Iterator[Finding]:
    """Find jobs that run."""
    for job in facts.jobs:
        if job.outcome is Outcome.RUNNING:
            what = f"{named(job)} was still running at the end of the test"
            yield Finding(KIND, job.task, job.host, what, CURE.format(task=job.task), job)
