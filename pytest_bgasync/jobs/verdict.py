"""Judges a job by its job file and its processes: pure logic, no host needed."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_bgasync.jobs.launches import Launch, Poll
from pytest_bgasync.jobs.outcome import Outcome

#: Real seconds in which a wrapper may not have come to make the runner's process group: after its own start, as long
#: as there is no job file, and after the file was written.
STARTING, FORKING = 3.0, 0.5
#: What a job file says as long as there is no result.
STARTED = {"started", "finished", "ansible_job_id"}
#: Bytes of a job file without a result from which on it is said what lies there, and how many characters of it.
LARGE, BEGINNING = 1 << 20, 40
#: Bytes of output from which on Ansible's run_command, which copies all of it for each piece, takes seconds to read it.
MUCH = 4 << 20


@dataclass(frozen=True)
class Process:
    """A process on a host.

    ``started_at`` is in playbook seconds since the scenario began. ``state`` is the letter that
    ps shows; ``job`` marks the background job the process belongs to, None for all others.
    """

    pid: int
    ppid: int
    pgid: int
    sid: int
    user: str
    state: str
    args: tuple[str, ...]
    started_at: float
    age: float
    """Real seconds since it started, when it was looked at."""
    job: str | None
    task: str | None = None
    """Ansible's id of the task that started it, None where that is not known."""
    shell: int | None = None
    """The pid of the shell in which its task began."""
    no_log: bool = False
    """The task that started it has no_log."""
    ignores_sighup: bool = False
    holds_terminal: bool = False
    """It has a controlling terminal."""
    writes_to_closed_pipe: bool = False
    """Its standard output or error is a pipe that nobody reads any more: it dies at its next write."""

    wrote: int = 0
    """Bytes that it and its children that have ended wrote, if its output is a pipe; 0 where nobody asked."""

    @property
    def dies_with_session(self) -> bool:
        """True when the end of a login session with a terminal ends it: it is in that session and minds SIGHUP."""
        return not self.ignores_sighup and (self.holds_terminal or (self.shell is not None and self.sid <= self.shell))

    @property
    def command(self) -> str:
        """The command line."""
        return " ".join(self.args)

    @property
    def alive(self) -> bool:
        """False for a zombie: a process that has ended and waits to be collected."""
        return self.state not in ("Z", "X")

    @property
    def is_wrapper(self) -> bool:
        """True for Ansible's own processes around a job: launcher, supervisor and runner."""
        return self.job is not None and any("async_wrapper" in arg for arg in self.args)


@dataclass(frozen=True)
class JobFile:
    """A job file as it was found. ``written`` is in playbook seconds since the scenario began.

    Of a large one ``text`` holds the ends of long values, and says how much is cut between them.
    """

    text: str
    written: float
    user: str
    path: str = ""
    regular: bool = True
    """False for a pipe or the like in its place."""
    age: float = math.inf
    """Real seconds since it was written, when it was looked at."""
    size: int = 0
    """How many bytes it has."""


@dataclass(frozen=True)
class Verdict:
    """What a job is. ``ended`` is in playbook seconds since the scenario began, None while it runs."""

    outcome: Outcome
    data: Mapping[str, Any]
    ended: float | None = None


def judge(
    launch: Launch, file: JobFile | None, processes: Sequence[Process], now: float, written: float | None = None
) -> Verdict:
    """Return what a job is, from its file and the processes of its host.

    The processes must have been looked at before the file. ``written`` is when its wrapper wrote the
    file last, as that has noted; None where it has not.
    """
    if (found := _written(file, launch.jid)) is not None:
        return found
    if (found := told(launch)) is not None:
        return _as_noted(found, written)
    if writer(processes, launch, file) is not None:
        return Verdict(Outcome.RUNNING, {})
    if launch.refused is not None:
        return Verdict(Outcome.FAILED, {"failed": True, "msg": launch.refused}, launch.launched_at)
    if launch.jid is None:
        msg = "its launch was not answered, and its host knows nothing of it"
        return Verdict(Outcome.UNREACHABLE, {"msg": msg} if launch.file_prefix else {}, launch.launched_at)
    if file is None and (found := _ended(launch, launch.looks)) is not None:
        return _as_noted(found, written)
    return Verdict(Outcome.LOST, {"msg": f"{_state(file)}, and no process is left that could write a result"}, now)


def writer(processes: Sequence[Process], launch: Launch, file: JobFile | None) -> Process | None:
    """Return the process that will write the job's result, None once there is no such process.

    The runner leads the job's process group. The supervisor above it writes only after it has
    killed the runner at the limit, but may be there for some seconds more in any case. What
    was seen before the file was written, or is about to write it, may yet become the runner.
    """
    for process in processes:
        if process.job == launch.token and process.is_wrapper and process.alive:
            starts = process.age < STARTING if file is None else file.age < FORKING
            if starts or process.pid == process.pgid or process.age > launch.limit_wall - FORKING:
                return process
    return None


@dataclass(frozen=True)
class EndedGroup:
    """The process group of a job that was ended at its limit: all of it that was born ``until`` then is the job's."""

    job: str
    pgid: Any
    until: float


def attributed(processes: Sequence[Process], groups: Collection[EndedGroup] = ()) -> list[Process]:
    """Return the processes with the jobs of those that have lost their mark, as below sudo and ``env -i``.

    They are known by the session or process group of a marked one, by one of ``groups``, or by what started them.
    """
    by_pid = {process.pid: process for process in processes}
    places: dict[tuple[str, int], str] = {}
    for process in processes:
        for place in _places(process):
            leader = by_pid.get(place[1])
            # The launcher is in the session of its connection, which is not the job's. A zombie has no marks any more.
            own = leader is None or not leader.alive or leader.job == process.job
            if process.job is not None and own:
                places[place] = process.job

    def owner(process: Process) -> str | None:
        if process.job is not None or process.task is not None:
            return process.job
        for group in groups:
            if process.pgid == group.pgid and process.started_at <= group.until:
                return group.job
        own = next((places[place] for place in _places(process) if place in places), None)
        parent = by_pid.get(process.ppid) if process.ppid > 1 else None
        return own or (owner(parent) if parent is not None else None)

    return [replace(process, job=owner(process)) for process in processes]


def _places(process: Process) -> list[tuple[str, int]]:
    return [("session", process.sid), ("group", process.pgid)]


def payload(processes: Sequence[Process], token: str) -> list[Process]:
    """Return the job's own living processes: the module and the commands below it, parents first."""
    own = [p for p in processes if p.job == token and p.alive and not p.is_wrapper]
    return sorted(own, key=lambda p: (p.started_at, p.pid))


def daemons(processes: Sequence[Process], over: Collection[str], began: float, ended: float) -> list[Process]:
    """Return the processes that a run has left running: born between ``began`` and ``ended``, and no async job.

    ``over`` are the marks of the jobs of the run that came to their own end: what they left, whenever, is no
    job any more. All other jobs own what they started. What a process from before the run has started, a
    worker of a database for example, is its own affair, unless a task of the run is in its marks.
    """
    by_pid = {process.pid: process for process in processes}

    def of_the_run(process: Process) -> bool:
        if process.task is not None:
            return True
        while process.ppid not in (0, 1):
            parent = by_pid.get(process.ppid)
            if parent is None:
                break
            process = parent
            if process.started_at < began:
                return False
        return process.ppid != 0  # what comes from outside of the container was executed there by a test

    return [
        process
        for process in processes
        if process.alive
        and not process.is_wrapper
        and began <= process.started_at
        and (process.started_at <= ended if process.job is None else process.job in over)
        and of_the_run(process)
    ]


def gave_up(launch: Launch) -> bool:
    """Say whether a poll > 0 task ended because the controller stopped asking for its job."""
    waited = launch.poll > 0 and launch.jid is not None
    return waited and launch.ended_task and not any(poll.finished for poll in launch.polls)


def _written(file: JobFile | None, jid: str | None) -> Verdict | None:
    """Judge by a result in the job file, None if there is none."""
    if file is None:
        return None
    try:
        data = json.loads(file.text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.keys() == STARTED:
        return None
    if data.keys() > STARTED and data["ansible_job_id"] == jid and not data["finished"]:
        return None  # not a module's own result: what ended the job added to what the wrapper wrote at its start
    return Verdict(_outcome(data), data, file.written)


def _state(file: JobFile | None) -> str:
    """Say how a job file without a result was found."""
    if file is None:
        return "its job file is gone"
    if not file.regular:
        return "what lies in the place of its job file is no regular file"
    if not file.text.strip():
        return "its job file is empty"
    if file.size >= LARGE:
        return f"its job file holds no result, but {size_of(file.size)} that begin with {file.text[:BEGINNING]!r}"
    try:
        started = "started" in json.loads(file.text)
    except (ValueError, TypeError, RecursionError):
        started = False
    return "its job file says no more than that it has started" if started else "its job file holds no result"


def size_of(count: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.1f} MiB"


def writing(processes: Iterable[Process]) -> int:
    """Return how many bytes the command among these processes has written, 0 unless that is so much that it matters."""
    most = max((process.wrote for process in processes), default=0)
    return most if most >= MUCH else 0


def told(launch: Launch) -> Verdict | None:
    """Judge by what the play was told last, where the file has been removed or cannot be read; None if it was not."""
    return _ended(launch, launch.polls)


def _ended(launch: Launch, answers: Sequence[Poll]) -> Verdict | None:
    final = next((answer for answer in answers if answer.finished), None)
    if final is None:
        return None
    outcome = Outcome.TIMED_OUT if final.timed_out else Outcome.FAILED if final.failed else Outcome.SUCCEEDED
    return Verdict(outcome, launch.reported, final.at)


def _as_noted(found: Verdict, written: float | None) -> Verdict:
    """Return a verdict with the moment when the wrapper wrote the result, if that is known."""
    if written is None or found.ended is None:
        return found
    return replace(found, ended=min(written, found.ended))


def _outcome(data: Mapping[str, Any]) -> Outcome:
    if data.get("msg") == "Timeout exceeded" and "child_pid" in data:
        return Outcome.TIMED_OUT
    failed = bool(data.get("failed")) or data.get("rc", 0) not in (0, None)
    return Outcome.FAILED if failed else Outcome.SUCCEEDED
