"""Processes of a job that live on although it was ended at its limit, or was lost."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding, named
from pytest_bgasync.jobs.outcome import CUT_SHORT, Outcome
from pytest_bgasync.jobs.verdict import Process

KIND = "survivors"
CURE = (
    "a command that starts others or calls setsid escapes the end of its job: let it end itself (timeout 60 ...),"
    " or stop it in the rescue of the play"
)


def find(facts: Facts) -> Iterator[Finding]:
    """Find what is left of jobs that have not come to their own end."""
    for job in facts.jobs:
        alive = facts.survivors.get(job.token, ())
        if alive and job.outcome in CUT_SHORT:
            ended = "was ended at its limit" if job.outcome is Outcome.TIMED_OUT else "was lost"
            what = f"{named(job)} {ended}, and of its processes live on: {', '.join(map(_told, alive))}"
            yield Finding(KIND, job.task, job.host, what, CURE, job)


def _told(process: Process) -> str:
    command = process.command if len(process.command) <= 60 else f"{process.command[:57]}..."
    return f"{process.pid} ({command})"
