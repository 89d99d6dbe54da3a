"""A task whose ``timeout`` does not end its job."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding, named

KIND = "outlasted"
CURE = "the keyword timeout covers the launch of a job and not its polling: give the limit with async"


def find(facts: Facts) -> Iterator[Finding]:
    """Find jobs that ran longer than the timeout of their task, which is in real seconds."""
    for job in facts.jobs:
        took, timeout = facts.clock.real(job.elapsed), job.launch.timeout
        if 0 < timeout < took:
            what = f"{named(job)} ran for {took:.1f} real seconds, and its task has timeout: {timeout:g}"
            yield Finding(KIND, job.task, job.host, what, CURE, job)
