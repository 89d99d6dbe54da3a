"""A condition that reads the ``rc`` of a job that has none, and is an error exactly then."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_bgasync.findings import Facts, Finding, named
from pytest_bgasync.outcome import Outcome
from pytest_bgasync.tasks import place

KIND = "no_rc"
CURE = (
    "a launch and a job that was ended at its limit have no rc: write job is succeeded or job is failed,"
    " or job.rc | default(1)"
)
#: How Jinja says it, in every version of Ansible; nothing else in the result tells.
_MISSING = re.compile(r"has no attribute '?rc\b")


def find(facts: Facts) -> Iterator[Finding]:
    """Find tasks that failed for want of an rc on hosts whose jobs have none."""
    for result in facts.tasks.results:
        if result.status != "failed" or not _MISSING.search(result.msg):
            continue
        job = next((job for job in facts.jobs if job.host == result.host and job.rc is None), None)
        if job is not None:
            how = "timed out" if job.outcome is Outcome.TIMED_OUT else f"is {job.outcome}"
            what = (
                f"task {place(result.task, result.host, result.item, result.label)} failed before it began: it reads an"
                f" rc, and {named(job)} {how} and has none; what stands after it did not run"
            )
            yield Finding(KIND, result.task, result.host, what, CURE, job)
