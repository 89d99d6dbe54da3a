"""A play that stops asking while the job may still run."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding, named
from pytest_bgasync.jobs.rules.asking import was_unreadable
from pytest_bgasync.jobs.verdict import gave_up
from pytest_bgasync.util.text import place

KIND = "gave_up"
CURE = (
    "let retries x delay last longer than async, by some ten seconds, since a host ends a job up to seven seconds late"
)
CURE_POLL = (
    "the play counts its polls and the host its own seconds, and either can be first, with other results:"
    " for a result that does not depend on it, use poll: 0 and an async_status that outlasts the limit"
)


def find(facts: Facts) -> Iterator[Finding]:
    """Find jobs that were asked for in vain until the play lost its patience."""
    for status in facts.statuses:
        asked, job = len(status.finished), facts.job(status.jid)
        exhausted = asked > 1 or status.status == "failed"
        if job is None or was_unreadable(job):
            continue
        if status.found and exhausted and not any(status.finished):
            where = place(status.task, status.host, label=status.label)
            what = f"status task {where} asked {asked} times and gave up; {named(job)} may run for {job.limit:g} s"
            yield Finding(KIND, status.task, status.host, what, CURE, job)
    for job in facts.jobs:
        if gave_up(job.launch) and not was_unreadable(job):
            what = f"the play stopped asking for {named(job)} at its limit, before the host had ended it"
            yield Finding(KIND, job.task, job.host, what, CURE_POLL, job)
