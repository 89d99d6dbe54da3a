"""What the terminal shows of background jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypedDict

from pytest_bgasync.jobs.job import Job
from pytest_bgasync.util.text import aligned, number_of, printable

#: How outcomes are coloured, as pytest's terminal takes it.
COLOURS: Mapping[str, Mapping[str, bool]] = {
    "succeeded": {"green": True},
    "failed": {"red": True},
    "timed_out": {"red": True},
    "lost": {"red": True},
    "unreachable": {"yellow": True},
    "running": {"yellow": True},
}

#: The same as what a terminal takes before and after a text.
ANSI: Mapping[str, tuple[str, str]] = {
    outcome: ({"green": "\x1b[32m", "red": "\x1b[31m", "yellow": "\x1b[33m"}[next(iter(colour))], "\x1b[0m")
    for outcome, colour in COLOURS.items()
}


class JobLine(TypedDict):
    """What is kept of a job for the summary; plain, so that it passes between processes.

    ``wall`` and ``limit_wall`` are real seconds, ``limit`` playbook seconds.
    """

    host: str
    task: str
    item: str | None
    jid: str | None
    outcome: str
    rc: int | None
    wall: float
    limit: float
    limit_wall: int
    collected: bool
    declared: bool


def job_line(job: Job, scale: float, *, declared: bool = False) -> JobLine:
    """Return what is kept of a job."""
    item = job.label if job.label is not None else job.item
    return {
        "host": job.host,
        "task": printable(job.task),
        "item": None if item is None else printable(str(item)),
        "jid": job.jid,
        "outcome": str(job.outcome),
        "rc": None if job.no_log else job.rc,
        "wall": job.elapsed * scale,
        "limit": job.limit,
        "limit_wall": job.limit_wall,
        "collected": job.collected,
        "declared": declared,
    }


def properties(lines: Iterable[JobLine], versions: Iterable[str]) -> list[tuple[str, object]]:
    """Return what a report in JUnit's form tells of a test: releases of ansible-core, jobs, and jobs by outcome."""
    counts = Counter(line["outcome"] for line in lines)
    releases = ", ".join(dict.fromkeys(version for version in versions if version))
    found: list[tuple[str, object]] = [("bgasync_ansible_core", releases)] if releases else []
    found.append(("bgasync_jobs", counts.total()))
    return found + [(f"bgasync_jobs_{outcome}", count) for outcome, count in sorted(counts.items())]


def counted(lines: Iterable[JobLine], remarks: int = 0, *, shown: int = 0) -> str:
    """Return how many jobs ended in which way, and how many remarks there are; ``shown`` of them stand above."""
    counts = Counter(line["outcome"] for line in lines)
    kinds = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    text = number_of(counts.total(), "background job") + (f": {kinds}" if kinds else "")
    if remarks:
        text += f"; {number_of(remarks, 'remark')}"
    if shown < remarks:
        text += " (all shown with -v)" if shown else " (shown with -v)"
    return text


def remarked(remarks: Iterable[tuple[str, str]], *, cures: bool) -> list[str]:
    """Return the lines of remarks, each followed by its cure if that is asked for."""
    return [line for what, cure in remarks for line in ([what, f"-> {cure}"] if cures else [what])]


def table(lines: list[JobLine]) -> list[str]:
    """Return a line for each job, in columns."""
    return aligned([_row(line) for line in lines])


def _row(line: JobLine) -> list[str]:
    task = line["task"] + (f" ({line['item']})" if line["item"] is not None else "")
    rc = "" if line["rc"] is None else f"rc={line['rc']}"
    # In real seconds, because that is what the limit in force is in.
    declared = "" if line["limit"] == line["limit_wall"] else f" ({line['limit']:g} playbook s)"
    return [
        line["outcome"].upper(),
        line["host"],
        task,
        rc,
        f"{line['wall']:.1f} of {line['limit_wall']} s{declared}",
        "collected" if line["collected"] else "declared" if line["declared"] else "not collected",
        line["jid"] or "no JID",
    ]
