"""What a host says of its processes and job files at one moment."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_bgasync.jobs.verdict import JobFile, Process, attributed
from pytest_bgasync.util.clock import HostClock

#: Where the wrappers of jobs note when they wrote: a folder of each host that is empty at first.
NOTES = "/var/lib/bgasync/notes"


@dataclass(frozen=True)
class Question:
    """What a host is asked for beside its processes."""

    files: Collection[str] = ()
    """Paths of job files to read; one that ends in a dot is what the path of a single file begins with."""
    folders: Collection[str] = ()
    """Folders of job files to list."""
    pipes: bool = False
    """Whether to look at pipes: who writes to one that is closed, and how much."""
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
    written: Mapping[str, float] = field(default_factory=dict)
    """By the marks of jobs, when their wrappers wrote last, in playbook seconds; missing where that is not known."""


def parse(found: Any, clock: HostClock, question: Question, asked: float, answered: float) -> Census:
    """Return what a host's answer says; raises TypeError, KeyError and the like for one of another shape."""
    now = _number(found["now"])
    clock.heard(now, asked, answered)
    notes = {str(token): _number(at) for token, at in found["notes"].items() if at is not None}
    files = {str(path): _job_file(entry, now, clock) for path, entry in found["files"].items()}
    for token, (path, _) in question.jobs.items():
        file = files.get(path) if path else None
        if path and file and token in notes:
            files[path] = replace(file, written=clock.at(notes[token]), age=now - notes[token])
    return Census(
        now=clock.at(now),
        processes=attributed([_process(entry, now, clock) for entry in found["processes"]]),
        files=files,
        folders={str(path): _texts(names) for path, names in found["folders"].items()},
        written={token: clock.at(at) for token, at in notes.items()},
    )


def _process(entry: dict[str, Any], now: float, clock: HostClock) -> Process:
    started = _number(entry["started"])
    return Process(
        pid=_whole(entry["pid"]),
        ppid=_whole(entry["ppid"]),
        pgid=_whole(entry["pgid"]),
        sid=_whole(entry["sid"]),
        user=_text(entry["user"]),
        state=_text(entry["state"]),
        args=tuple(_texts(entry["args"])),
        started_at=clock.at(started),
        age=now - started,
        job=None if entry["token"] is None else _text(entry["token"]),
        task=None if entry["task"] is None else _text(entry["task"]),
        shell=None if entry["shell"] is None else _whole(entry["shell"]),
        no_log=bool(entry["hidden"]),
        ignores_sighup=bool(entry["hup"]),
        holds_terminal=bool(entry["terminal"]),
        writes_to_closed_pipe=bool(entry["closed"]),
        wrote=_whole(entry["wrote"]),
    )


def _job_file(entry: dict[str, Any] | None, now: float, clock: HostClock) -> JobFile | None:
    if entry is None:
        return None
    # By the wall clock, which may have been set since; no file is from the future.
    age = max(0.0, _number(entry["age"]))
    return JobFile(
        text=_text(entry["text"]),
        written=clock.at(now - age),
        user=_text(entry["user"]),
        path=_text(entry["path"]),
        regular=bool(entry["regular"]),
        age=age,
        size=_whole(entry["size"]),
    )


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no finite number")
    return float(value)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no integer")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _texts(values: object) -> list[str]:
    if not isinstance(values, list):
        raise TypeError(f"{values!r} is no list")
    return [_text(value) for value in values]
