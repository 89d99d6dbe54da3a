"""Jobs that run side by side although ``serial`` or ``throttle`` seems to forbid it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from pytest_bgasync.jobs.findings import Facts, Finding, named
from pytest_bgasync.jobs.job import Job
from pytest_bgasync.util.text import place

KIND = "overlapped"
CURE = (
    "serial and throttle hold back launches, not jobs: wait for the jobs of one batch with async_status before the next"
    " is begun, or use poll above 0"
)


def find(facts: Facts) -> Iterator[Finding]:
    """Find jobs of a batch that were at work when the next one launched its own, and more jobs than throttle says."""
    for batch, following in facts.successions():
        own = [job for job in facts.jobs if batch.began <= job.launched_at < following.began]
        end = min((other.began for other in facts.batches if other.began > following.began), default=math.inf)
        later = [job for job in facts.jobs if following.began <= job.launched_at < end]
        if later and (left := _at_work(own, later[0].launched_at)):
            what = f"{named(left[0])} was at work when serial let the next batch launch {named(later[0])}"
            yield Finding(KIND, left[0].task, left[0].host, what, CURE, left[0])
    tasks: dict[str, list[Job]] = defaultdict(list)
    for job in facts.jobs:
        if job.launch.throttle:
            tasks[job.launch.task_id].append(job)
    for jobs in tasks.values():
        first, allowed = jobs[0], jobs[0].launch.throttle
        most = max(len(_at_work(jobs[: number + 1], job.launched_at)) for number, job in enumerate(jobs))
        if most > allowed:
            what = f"{most} jobs of task {place(first.task)} were at work at the same time under throttle: {allowed}"
            yield Finding(KIND, first.task, first.host, what, CURE, first)


def _at_work(jobs: Sequence[Job], at: float) -> list[Job]:
    return [job for job in jobs if job.finished_at is None or job.finished_at > at]
