"""Asks a host, in one round trip, for its processes and its job files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pytest_bgasync.clock import Clock
from pytest_bgasync.containers import COMMAND, Container
from pytest_bgasync.errors import HostProblem
from pytest_bgasync.verdict import JobFile, Process

_SCRIPT = Path(__file__).parent / "guest" / "census.py"


@dataclass(frozen=True)
class Census:
    """What a host said at one moment: ``now`` is that moment in playbook seconds."""

    now: float
    processes: list[Process]
    files: dict[str, JobFile | None]


def take_census(
    container: Container,
    clock: Clock,
    *,
    files: Iterable[str] = (),
    until_ended: Iterable[str] = (),
    wait: float = 0,
) -> Census:
    """Return what a host says of its processes and of the job ``files`` named.

    With ``wait`` it answers as soon as none of the jobs ``until_ended`` (their marks) is at
    work any more, after ``wait`` real seconds at the latest. Raises HostProblem.
    """
    request = {"files": list(files), "tokens": list(until_ended), "wait": wait}
    answer = container.execute(["python3", "-c", _script(), json.dumps(request)], within=wait + COMMAND)
    try:
        found: dict[str, Any] = json.loads(answer.stdout)
    except ValueError:
        said = (answer.stderr or answer.stdout).decode(errors="replace").strip()
        raise HostProblem(f"host {container.label} could not say what runs on it: {said}") from None
    return Census(
        now=clock.at(found["now"]),
        processes=[_process(entry, found["now"], clock) for entry in found["processes"]],
        files={path: _job_file(entry, clock) for path, entry in found["files"].items()},
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
    )


def _job_file(entry: dict[str, Any] | None, clock: Clock) -> JobFile | None:
    return None if entry is None else JobFile(entry["text"], clock.at(entry["written"]), entry["user"])
