"""A task that launches its job anew at each try."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from pytest_bgasync.jobs.findings import Facts, Finding
from pytest_bgasync.jobs.job import Job
from pytest_bgasync.util.text import place

KIND = "relaunched"
CURE = "take until off the task that launches, and put it on an async_status task"


def find(facts: Facts) -> Iterator[Finding]:
    """Find tasks with until that launched further jobs before they returned, and waited for none of them."""
    places: dict[Any, list[Job]] = defaultdict(list)
    for job in facts.jobs:
        if job.launch.retried and job.poll == 0:
            places[job.launch.task_id, job.host, repr(job.item)].append(job)
    for jobs in places.values():
        first, count = jobs[0], len(jobs) + 1
        where = place(first.task, first.host, first.item, first.label)
        what = f"task {where} has until and launched {count} jobs, one at each try"
        yield Finding(KIND, first.task, first.host, what, CURE, first)
