"""A result that ``no_log`` was to hide, shown by the status task."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding, named

KIND = "leaked"
CURE = "give the status task no_log, too; the job file on the host is readable for every user in any case"


def find(facts: Facts) -> Iterator[Finding]:
    """Find jobs with no_log whose result came with a task that has none."""
    for job in facts.jobs:
        if job.no_log and job.launch.reported:
            what = f"{named(job)} is to be hidden by no_log, and a status task without it showed its result"
            yield Finding(KIND, job.task, job.host, what, CURE, job)
