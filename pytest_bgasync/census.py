"""Asks a host, in one round trip, for its processes and its job files."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pytest_bgasync.clock import Clock
from pytest_bgasync.containers import COMMAND, Container
from pytest_bgasync.errors import HostProblem
from pytest_bgasync.verdict import JobFile, Process, attributed

#: How long one argument of a command may be on Linux, with some room.
LONGEST = 100_000
_SCRIPT = Path(__file__).parent / "guest" / "census.py"


@dataclass(frozen=True)
class Question:
    """What a host is asked for beside its processes."""

    files: Collection[str] = ()
    """Paths of job files to read; one that ends in a dot is what the path of a single file begins with."""
    folders: Collection[str] = ()
    """Folders of job files to list."""
    pipes: bool = False
    """Whether to look for processes that write to a closed pipe."""
    jobs: Mapping[str, tuple[str | None, float]] = field(default_factory=dict)
    """From the marks of jobs to their files and to their limits in real seconds."""
    wait: float = 0
    """With it the host answers as soon as none of ``jobs`` is at work any more, after so many real seconds at most."""


@dataclass(frozen=True)
class Census:
    """What a host said at one moment: ``now`` is that moment in playbook seconds."""

    now: float
    processes: list[Process]
    files: dict[str, JobFile | None]
    folders: dict[str, list[str]] = field(default_factory=dict)
    """For each folder of job files that was asked for, the names in it."""


def take_census(container: Container, clock: Clock, question: Question) -> Census:
    """Return what a host answers; raises HostProblem."""
    words = json.dumps(asdict(question))
    parts = [words[i : i + LONGEST] for i in range(0, len(words), LONGEST)]
    answer = container.execute(["/usr/bin/python3", "-I", "-c", _script(), *parts], within=question.wait + COMMAND)
    try:
        found: dict[str, Any] = json.loads(answer.stdout)
    except ValueError:
        said = (answer.stderr or answer.stdout).decode(errors="replace").strip()
        raise HostProblem(f"{container.label} could not say what runs on it: {said}") from None
    return Census(
        now=clock.at(found["now"]),
        processes=attributed([_process(entry, found["now"], clock) for entry in found["processes"]]),
        files={path: _job_file(entry, found["now"], clock) for path, entry in found["files"].items()},
        folders=found["folders"],
    )


@cache
def _script() -> str:
    return _SCRIPT.read_text()


def _process(entry: dict[str, Any], now: float, clock: Clock) -> Process:
    return Process(
        pid=entry["pid"],
        ppid=entry["ppid"],
        pgid=entry["pgid"],
        sid=entry["sid"],
        user=entry["user"],
        state=entry["state"],
        args=tuple(entry["args"]),
        started_at=clock.at(entry["started"]),
        age=now - entry["started"],
        job=entry["token"],
        task=entry["task"],
        shell=entry["shell"],
        no_log=entry["hidden"],
        ignores_sighup=entry["hup"],
        holds_terminal=entry["terminal"],
        writes_to_closed_pipe=entry["closed"],
    )


def _job_file(entry: dict[str, Any] | None, now: float, clock: Clock) -> JobFile | None:
    if entry is None:
        return None
    return JobFile(
        text=entry["text"],
        written=clock.at(entry["written"]),
        user=entry["user"],
        path=entry["path"],
        regular=entry["regular"],
        age=now - entry["written"],
    )
