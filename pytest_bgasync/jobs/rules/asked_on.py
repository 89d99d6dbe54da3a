"""A status task that goes on asking for a job that has ended."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding
from pytest_bgasync.util.text import place

KIND = "asked_on"
CURE = (
    "write until: job is finished; job.finished is 0 or 1 up to ansible-core 2.18 and true or false from 2.19 on,"
    " so that job.finished is true never holds before"
)


def find(facts: Facts) -> Iterator[Finding]:
    """Find statuses that were told more than once that their job has ended."""
    for status in facts.statuses:
        times = sum(status.finished)
        if times > 1:
            where = place(status.task, status.host, label=status.label)
            what = f"status task {where} was told {times} times that its job has ended, and went on asking"
            yield Finding(KIND, status.task, status.host, what, CURE)
