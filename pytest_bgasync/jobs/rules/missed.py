"""A status task that failed because it did not find its job."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding, named
from pytest_bgasync.jobs.rules.asking import why_missed
from pytest_bgasync.jobs.status_polls import Status
from pytest_bgasync.util.text import place

KIND = "missed"
CURE = (
    "ask on the host, as the user and with the async_dir and HOME of the launch, and only where the launch was"
    " not skipped"
)


def find(facts: Facts) -> Iterator[Finding]:
    """Find statuses that were told of no job."""
    for status in facts.statuses:
        if not status.fine and status.told and not status.found:
            yield Finding(KIND, status.task, status.host, told(status, facts), CURE)


def told(status: Status, facts: Facts) -> str:
    """Say why a status has no answer."""
    asked = f"status task {place(status.task, status.host, label=status.label)}"
    if status.jid is None:
        msg = status.msg.strip().splitlines()
        why = f" ({msg[0]})" if msg else ""
        return f"{asked} asked for no job{why}: a skipped launch has no ansible_job_id"
    job = facts.job(status.jid)
    if job is None:
        return f"{asked} asked for job {status.jid}, which no run of this test launched"
    if not job.launch.misses:
        return f"{asked} never learnt how {named(job)} ended: {job.msg}"
    return f"{asked} did not find {named(job)}: {why_missed(job.launch.misses[-1], job.launch)}"
