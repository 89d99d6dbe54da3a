"""Runs a playbook with ansible-playbook, stops it at points that were asked for, and ends it at its deadline."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pytest_bgasync.jobs.events import Event, read_events
from pytest_bgasync.jobs.findings import batches
from pytest_bgasync.jobs.host_snapshot import Question
from pytest_bgasync.jobs.job import SLOWLY, Job, JobHost
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.jobs.verdict import size_of, writing
from pytest_bgasync.runs.fork_client import Start, Starter
from pytest_bgasync.runs.pause_server import Gate, Stop
from pytest_bgasync.runs.run import Run
from pytest_bgasync.runs.run_spec import Order
from pytest_bgasync.util.clock import Deadline, steady
from pytest_bgasync.util.errors import (
    AnsibleProblem,
    BgasyncError,
    HostProblem,
    NotThere,
    PlaybookProblem,
    UsageProblem,
)
from pytest_bgasync.util.names import LOCAL_NAMES, LOCALHOST
from pytest_bgasync.util.process_cleanup import end_processes
from pytest_bgasync.util.progress import Activity
from pytest_bgasync.util.text import printable

#: Real seconds in which an ansible-playbook that was killed has gone.
DYING = 10.0
#: Real seconds after its deadline in which a run that nobody waits for is ended; who waits comes first.
UNWATCHED = 0.5
#: Real seconds of a run before it is told where it stands: most are over by then.
LONG = 10.0
#: How many hosts a line about a run names.
NAMED = 5
#: The exit status of ansible-playbook when SIGINT has ended it.
INTERRUPTED = 99
#: What Ansible says, from 2.16 to 2.21, when one of its workers has gone.
DEAD_WORKER = "A worker was found in a dead state"
#: Arguments with which ansible-playbook only says something.
PLAYS_NOTHING = {"--syntax-check", "--list-tasks", "--list-tags", "--list-hosts", "--version", "--help", "-h"}


class StoppedRun(BgasyncError):
    """A run that did not come to its own end.

    ``run`` holds what was known until then.
    """

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message)
        self.run = run


class PlaybookDeadline(StoppedRun):
    """The run was stopped because its deadline had passed."""


class LateHostError(StoppedRun, HostProblem):
    """A task needed a host that starts when it is needed, and that did not come up."""


class LocalhostProblem(LateHostError):
    """A task needed localhost, and that did not come up."""


class PlaybookKilled(StoppedRun):
    """ansible-playbook or one of its workers was ended by a signal that the harness did not send."""


@dataclass
class Player:
    """A running ansible-playbook. ``stops`` are the points at which it stands still now."""

    order: Order
    starter: Starter
    hosts: Callable[[str], JobHost | None]
    known: Mapping[str, Job] = field(default_factory=dict)
    """The jobs that a test has seen already, by their marks."""
    began: float = field(default_factory=steady)
    started: float = field(default_factory=time.monotonic)
    stops: list[Stop] = field(default_factory=list)
    _pauses: list[Activity] = field(default_factory=list, init=False)
    _problem: BgasyncError | None = field(default=None, init=False)
    _needed: str = field(default="", init=False)
    """The host that the problem is about."""
    _late: bool = field(default=False, init=False)
    """It was ended at its deadline while nobody waited for it."""

    def __post_init__(self) -> None:
        order = self.order
        self.patience = Deadline(order.deadline)
        self._gate = Gate(order.folder / "gate", self._arrived)
        # The callback ends its process when this connection closes, as it does when this process dies.
        self._leash, theirs = socket.socketpair()
        contract = order.contract(order.folder / "events.jsonl", self._gate.path)
        (order.folder / "run.json").write_text(json.dumps(contract))
        own = {"BGASYNC_RUN": str(order.folder / "run.json"), "ANSIBLE_LOCAL_TEMP": str(order.folder / "tmp")}
        with theirs:
            start = Start(order.command, order.env, own, order.cwd, order.folder, theirs)
            self._process = self.starter.start(start, self.patience.left)
        within = min(self.patience.left + UNWATCHED, threading.TIMEOUT_MAX)
        self._watchdog = threading.Timer(within, self._end_late)
        self._watchdog.daemon = True
        self._watchdog.start()

    @property
    def ended(self) -> bool:
        """True once ansible-playbook has ended."""
        return self._process.poll() is not None

    def events(self) -> list[Event]:
        """Return what has happened until now."""
        return read_events(self.order.folder / "events.jsonl")

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition()`` is true; raises PlaybookDeadline."""
        try:
            with self.order.narrator.during(
                lambda: f"playbook {self.order.playbook}{at_work(self.events())}", first=LONG
            ):
                if self.patience.wait_for(condition) and not self._late:
                    return
        except BaseException:
            self._kill()
            raise
        run = self.end()
        raise PlaybookDeadline(
            f"playbook {self.order.playbook} was stopped at its deadline of {self.order.deadline:g} s{last_task(run)}:"
            " see what it waits for, or give it more with deadline= or the ini key bgasync_deadline"
            f"{self._writing(run)}"
            f"{f' ({self._problem})' if self._problem else ''}",
            run,
        )

    def result(self) -> Run:
        """Return what came of a run that has ended by itself.

        Raises PlaybookKilled, PlaybookProblem, AnsibleProblem, UsageProblem, and LateHostError where a task needed a
        host that did not come up.
        """
        order, rc = self.order, self._process.wait()
        self._leash.close()
        run = self._run()
        if self._problem is not None:
            kind = LocalhostProblem if self._needed == LOCALHOST else LateHostError
            raise kind(f"playbook {order.playbook} needed {self._needed}: {self._problem}", run)
        if (killed := _killed(run, rc)) is not None:
            end_processes(order.folder)
            raise PlaybookKilled(
                f"{killed} from outside{last_task(run)}:"
                " find out who did (the kernel, when memory runs out), and run it again",
                run,
            )
        _raise_unless_it_played(run, order)
        _raise_if_misspelt(run, "limits", order.limits)
        _raise_if_without_async(run, order.limits)
        _raise_if_misspelt(run, "pause_before", order.pause_before)
        return run

    def release(self) -> None:
        """Let it go on from the first point at which it stands still."""
        self._pauses.pop(0).end()
        self.stops.pop(0).release()

    def end(self) -> Run:
        """End it now, with all its workers; return what is known of it."""
        self._kill()
        return self._run()

    def _writing(self, run: Run) -> str:
        """Say which command that is still at work writes much, if one does; its host has not been stopped."""
        names = {event["task_id"]: event["task"] for event in run.events if event["event"] == "task_started"}
        busy = _busy(run.events)
        jobs = {job.token: job for job in run.jobs if job.seen is Outcome.RUNNING}
        for name in list(dict.fromkeys([*(host for _, host in busy), *(job.machine for job in jobs.values())]))[:NAMED]:
            host = self.hosts(name)
            try:
                processes = host.census(Question(pipes=True)).processes if host else []
            except BgasyncError:  # of an engine that has stopped answering, too: the deadline is what is told
                continue
            tasks = {process.task for process in processes if process.wrote and (process.task, name) in busy}
            for task in [*tasks, *(job.launch.task_id for job in jobs.values() if job.machine == name)]:
                if count := writing(process for process in processes if process.task == task):
                    called = printable(names.get(task or "", "?"))
                    return f"; on {name} the command of {called!r} has written {size_of(count)}, {SLOWLY}"
        return ""

    def _end_late(self) -> None:
        if not self.ended:
            self._late = True
            self._process.kill()

    def _kill(self) -> None:
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):  # it hangs in the kernel, where no signal reaches it
            self._process.wait(DYING)
        self._leash.close()
        end_processes(self.order.folder)
        self.patience = Deadline(0)

    def _arrived(self, stop: Stop) -> None:
        if stop.place["point"] == "hosts":
            connections, problem = self.order.start(stop.place["names"])
            if problem is not None and self._problem is None:
                missing = next(name for name in stop.place["names"] if name not in connections)
                self._problem, self._needed = problem, LOCALHOST if missing in LOCAL_NAMES else missing
            stop.release(connections)
        elif stop.place["point"] == "launch" and self.order.fates:
            self.order.fates.meet(stop)
        else:
            where = next((name for name in self.order.pause_before if name in stop.place["names"]), "a task")
            said = f"playbook {self.order.playbook} stands still before {printable(where)!r} until the test resumes it"
            self._pauses.append(self.order.narrator.begin(said))
            self.stops.append(stop)

    def _run(self) -> Run:
        self._watchdog.cancel()
        for pause in self._pauses:
            pause.end()
        self._gate.close()
        wall = time.monotonic() - self.started
        rc = -signal.SIGKILL if self._process.returncode is None else self._process.returncode
        return Run(self.order, rc, self.began, wall, self.hosts, self.patience, self.known)


def _killed(run: Run, rc: int) -> str | None:
    """Say what of a run was ended by others; None of a run that came to its own end, however bad."""
    if rc < 0:
        known = {number.value: number.name for number in signal.Signals}
        return f"ansible-playbook was ended by {known.get(-rc, f'signal {-rc}')}"
    if not _was_cut_short(run):
        return None
    if rc == INTERRUPTED:
        return "ansible-playbook was ended"
    # Ansible gives up in the middle of a task for errors of the author's, too.
    if DEAD_WORKER in " ".join((run.stderr + run.stdout).split()):
        return "a worker of ansible-playbook was ended"
    return None


def _was_cut_short(run: Run) -> bool:
    """Say whether a run ended in the middle of a task, without its closing counts."""
    return bool(_busy(run.events)) and not any(event["event"] == "run_ended" for event in run.events)


def _busy(events: Iterable[Event]) -> list[tuple[str, str]]:
    """Return the ids of tasks and the hosts that have come to them and have no result yet."""
    found: dict[tuple[str, str], None] = {}
    for event in events:
        if event["event"] == "host_started":
            found[event["task_id"], event["host"]] = None
        elif event["event"] == "task_result":
            found.pop((event["task_id"], event["host"]), None)
    return list(found)


def at_work(events: Sequence[Event]) -> str:
    """Say at which task a run is, and on which hosts."""
    names = {event["task_id"]: event["task"] for event in events if event["event"] == "task_started"}
    if not names:
        return " is about to begin"
    task_id, name = list(names.items())[-1]
    hosts = [host for task, host in _busy(events) if task == task_id]
    more = f" and {len(hosts) - NAMED} more" if len(hosts) > NAMED else ""
    where = f" on {', '.join(hosts[:NAMED])}{more}" if hosts else ""
    return f" is at the task {printable(name)!r}{where}"


def _raise_unless_it_played(run: Run, order: Order) -> None:
    kinds = [event["event"] for event in run.events]
    if run.ok and "run_started" not in kinds and not PLAYS_NOTHING & set(order.command):
        raise AnsibleProblem(
            "ansible-playbook did not load the callback of the harness, so nothing is known of its jobs:"
            f" {run.stderr.strip()[-500:] or 'it gave no reason'}"
        )
    plays = batches(run.events, order.clock)
    if "host_started" in kinds or "task_result" in kinds or any(play.matched for play in plays):
        return
    if plays or "does not match any hosts" in run.stderr or "leaves us with no hosts" in (run.stderr + run.stdout):
        wanted = "hosts: " + ", ".join(play.pattern for play in plays) if plays else "what it is limited to"
        if order.limit is not None:
            wanted = f"limit {order.limit!r}"
        raise PlaybookProblem(
            f"playbook {order.playbook}: {wanted} matches no host of the scenario; it has: {', '.join(order.hosts)}"
        )


def _raise_if_misspelt(run: Run, option: str, names: Iterable[str]) -> None:
    for task in names:
        try:
            run.ran(task)
        except NotThere as problem:
            raise UsageProblem(f"{option}=: {problem}") from None


def _raise_if_without_async(run: Run, names: Iterable[str]) -> None:
    for name in names:
        started = [event for event in run.events if event["event"] == "task_started"]
        limits = [event["limit"] for event in started if name in (event["task"], event["full_name"])]
        if limits and not any(limits):
            raise UsageProblem(f"limits=: the task {name!r} has no async, so there is no limit to replace")


def last_task(run: Run) -> str:
    """Say how far a run has come."""
    started = [event for event in run.events if event["event"] == "task_started"]
    return f" while it was at the task {started[-1]['task']!r}" if started else " before its first task"
