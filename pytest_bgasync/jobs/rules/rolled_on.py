"""A rolling update that goes on to the next batch after a rescued failure."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding
from pytest_bgasync.util.text import place

KIND = "rolled_on"
CURE = (
    "a rescued failure does not count for serial, any_errors_fatal or max_fail_percentage: end the rescue with a task"
    " that fails"
)


def find(facts: Facts) -> Iterator[Finding]:
    """Find failures of jobs that a rescue caught, with another batch after them."""
    tasks = {job.task for job in facts.jobs} | {status.task for status in facts.statuses}
    for batch, following in facts.successions():
        for result in facts.tasks.results:
            recap = facts.tasks.recap.get(result.host)
            caught = recap is not None and recap.rescued > 0 and recap.failed == 0
            failed = result.status == "failed" and not result.ignored and result.task in tasks
            if caught and failed and batch.began <= result.ended_at < following.began:
                where = place(result.task, result.host, result.item, result.label)
                what = f"task {where} failed and was rescued, and serial went on to the next batch"
                yield Finding(KIND, result.task, result.host, what, CURE)
