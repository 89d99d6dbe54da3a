"""Job files that stay on a host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from posixpath import basename, dirname

from pytest_bgasync.jobs.findings import Facts, Finding
from pytest_bgasync.jobs.job import Job
from pytest_bgasync.jobs.outcome import Outcome

KIND = "left_behind"
CURE = "remove each with async_status and mode: cleanup once its result has been read"


def find(facts: Facts) -> Iterator[Finding]:
    """Find the files of jobs that have ended, one finding for each folder."""
    folders: dict[tuple[str, str], list[Job]] = defaultdict(list)
    for job in facts.jobs:
        census = facts.seen.get(job.machine)
        if census is None or job.results_file is None or job.outcome is Outcome.RUNNING:
            continue
        folder, erased = dirname(job.results_file), job.launch.erased_at
        if (erased is None or erased < census.now) and basename(job.results_file) in census.folders.get(folder, ()):
            folders[job.machine, folder].append(job)
    for (machine, folder), jobs in folders.items():
        files = f"{len(jobs)} job file{'s' if len(jobs) > 1 else ''}"
        yield Finding(KIND, jobs[0].task, jobs[0].host, f"{files} left in {folder} on {machine}", CURE, jobs[0])
