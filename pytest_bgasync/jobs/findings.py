"""What a run did wrong with its background jobs: the record of it, and what the rules look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from pytest_bgasync.jobs.events import Event
from pytest_bgasync.jobs.host_snapshot import Census
from pytest_bgasync.jobs.job import Job
from pytest_bgasync.jobs.status_polls import Status
from pytest_bgasync.jobs.task_results import Tasks
from pytest_bgasync.jobs.verdict import Process
from pytest_bgasync.util.clock import Clock
from pytest_bgasync.util.text import place

#: The kinds of findings that fail a test unless it allows them.
STRICT = ("uncollected", "running", "survivors", "swallowed")
#: How many of the last lines of a job's output a message shows, and how much of each.
TAIL, WIDTH = 10, 500


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or is likely to be.

    ``kind`` is the name of the rule that found it: one of ``STRICT`` fails the test, the others
    are remarks. ``what`` says what was seen, ``cure`` what to do about it. ``job`` is the job it
    is about, None where it is about a task.
    """

    kind: str
    task: str
    host: str
    what: str
    cure: str
    job: Job | None = field(default=None, repr=False)

    @property
    def strict(self) -> bool:
        """True for a kind that fails a test unless it allows it."""
        return self.kind in STRICT

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


@dataclass(frozen=True)
class Batch:
    """A part of a play that is run at once: the whole play without ``serial``. Times are playbook seconds."""

    play: str
    play_id: str
    began: float
    pattern: str
    """Its ``hosts``."""
    matched: bool
    """False where no host of the scenario is meant."""
    hosts: tuple[str, ...] = ()
    """The hosts that came to a task of it, in their order."""


@dataclass(frozen=True)
class Facts:
    """All that the rules know of a run."""

    jobs: Sequence[Job]
    earlier: Sequence[Job]
    """The jobs of runs before it in the same test."""
    tasks: Tasks
    statuses: Sequence[Status]
    batches: Sequence[Batch]
    seen: Mapping[str, Census]
    """What the machines with jobs said last."""
    looked_at: float
    """When all jobs had been looked at, as soon as the run was over, in playbook seconds."""
    survivors: Mapping[str, Sequence[Process]]
    """By the mark of a job, its processes that are alive although it has ended."""
    clock: Clock

    def job(self, jid: str | None) -> Job | None:
        """Return the job with an id, of this run or of an earlier one."""
        return next((job for job in [*self.jobs, *self.earlier] if jid is not None and job.jid == jid), None)

    def successions(self) -> Iterator[tuple[Batch, Batch]]:
        """Return each batch with the next one of the same play."""
        return ((batch, following) for batch, following in pairwise(self.batches) if batch.play_id == following.play_id)


class Rule(Protocol):
    """A module of ``rules``: it finds one kind of thing and knows its cure."""

    KIND: str
    CURE: str

    def find(self, facts: Facts, /) -> Iterator[Finding]:
        """Return what is to be said of a run."""


def batches(events: Sequence[Event], clock: Clock) -> list[Batch]:
    """Return the batches of a run in their order."""
    starts = [number for number, event in enumerate(events) if event["event"] == "play_started"]
    found = []
    for number, end in zip(starts, [*starts, len(events)][1:], strict=True):
        event, own = events[number], events[number + 1 : end]
        found.append(
            Batch(
                play=event["play"],
                play_id=event["play_id"],
                began=clock.at(event["at"]),
                pattern=", ".join(map(str, event["hosts"])),
                matched=not own or own[0]["event"] != "no_hosts_matched",
                hosts=tuple(dict.fromkeys(one["host"] for one in own if one["event"] == "host_started")),
            )
        )
    return found


def named(job: Job) -> str:
    """Return how messages name a job."""
    return f"job {place(job.task, job.host, job.item, job.label)} ({job.jid or 'no JID'})"


def details(job: Job, clock: Clock) -> list[str]:
    """Return lines that say how a job stands: user, limit, rc, how long it took, the end of its output."""
    in_force = "" if job.limit == job.limit_wall else f" ({job.limit_wall} s real)"
    facts = [
        f"outcome {job.outcome}",
        "rc hidden" if job.no_log else "no rc" if job.rc is None else f"rc {job.rc}",
        f"user {job.user}",
        f"limit {job.limit:g} s{in_force}",
        f"took {job.elapsed:.1f} s" + ("" if clock.scale == 1 else f" ({clock.real(job.elapsed):.1f} s real)"),
        f"JID {job.jid}",
    ]
    lines = [", ".join(facts)]
    for name in ("msg", "stdout", "stderr"):
        written = getattr(job, name).rstrip().splitlines()
        if written:
            cut = f" (the last {TAIL} of {len(written)} lines)" if len(written) > TAIL else ""
            lines += [f"{name}{cut}:", *(f"| {_short(line)}" for line in written[-TAIL:])]
    return lines


def _short(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}... ({len(line)} characters)"
