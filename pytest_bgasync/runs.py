"""Runs a playbook with ansible-playbook, and what came of it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_bgasync import launches, rules, statuses, tasks
from pytest_bgasync.census import Census, Question
from pytest_bgasync.clock import LIMIT_FLOOR, Clock, Deadline
from pytest_bgasync.errors import AnsibleProblem, BgasyncError, NotThere, PlaybookProblem, UsageProblem
from pytest_bgasync.events import Event, read_events
from pytest_bgasync.findings import Facts, Finding, batches
from pytest_bgasync.jobs import GRACE, Job, JobHost, Jobs, find_survivors, owned, standing_still, take_stock, veiled
from pytest_bgasync.outcome import Outcome
from pytest_bgasync.scenario import end_processes
from pytest_bgasync.tasks import Recap, TaskResult, listing
from pytest_bgasync.verdict import Process, daemons, gave_up, payload

#: The exit status of ansible-playbook when SIGINT has ended it.
INTERRUPTED = 99
#: Arguments with which ansible-playbook only says something.
PLAYS_NOTHING = {"--syntax-check", "--list-tasks", "--list-tags", "--list-hosts", "--version", "--help", "-h"}


@dataclass(frozen=True)
class Order:
    """What is to be run, and how: all that distinguishes one run from another."""

    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    folder: Path
    """Where the run keeps its files; empty when it begins."""
    playbook: str
    """What messages call the playbook."""
    hosts: Sequence[str]
    """The names of the scenario's hosts, without localhost."""
    limit: str | None
    """The pattern of hosts it was limited to, for messages."""
    connections: Mapping[str, Mapping[str, Any]]
    """For each name a task may reach, the connection variables of its container."""
    limits: Mapping[str, float]
    earlier: Sequence[Job]
    """The jobs of runs before this one on the same hosts."""
    deadline: float
    """Real seconds."""
    clock: Clock


class Run:
    """What a playbook did. Times are playbook seconds; ``wall`` is in real seconds.

    ``rc``, ``stdout`` and ``stderr`` are those of ansible-playbook, ``events`` what our callback
    wrote (docs/events.md), ``recap`` its closing counts for each host, ``jobs`` all background
    jobs the run launched.
    """

    def __init__(
        self,
        order: Order,
        rc: int,
        began: float,
        wall: float,
        hosts: Callable[[str], JobHost | None],
        patience: Deadline,
    ) -> None:
        self.rc = rc
        self.wall = wall
        self.playbook = order.playbook
        self.stdout = _text(order.folder / "stdout")
        self.stderr = _text(order.folder / "stderr")
        self.events: list[Event] = read_events(order.folder / "events.jsonl")
        self.elapsed = order.clock.playbook(wall)
        self._clock = order.clock
        self._began, self._ended = order.clock.at(began), order.clock.at(began + wall)
        self._tasks = tasks.fold(self.events, order.clock)
        self._statuses = statuses.fold(self.events)
        self._batches = batches(self.events, order.clock)
        self._earlier = order.earlier
        self._hosts = (*order.hosts, *order.connections)
        self._host = hosts
        before = [job.launch for job in order.earlier]
        found = launches.fold(self.events, order.clock, order.limits, before)
        self.jobs = Jobs(Job(launch, hosts(launch.machine), order.clock) for launch in found)
        self._seen = take_stock(self.jobs)
        # The play gave up waiting; the job's own limit ends it a moment later. See it to its end.
        late = [job for job in self.jobs if gave_up(job.launch)]

        def seen_to_their_end() -> bool:
            with standing_still(late):
                running = [job for job in late if job.outcome is Outcome.RUNNING]
            if running:
                wait = min(patience.left, max(job.limit_wall for job in running) + GRACE)
                self._note(take_stock(running, wait=wait))
            return not running

        patience.wait_for(seen_to_their_end)

    def __repr__(self) -> str:
        return f"<Run {self.playbook} rc={self.rc} jobs={len(self.jobs)}>"

    @property
    def ok(self) -> bool:
        """True when ansible-playbook exited with 0."""
        return self.rc == 0

    @property
    def ansible_version(self) -> str:
        """The version of ansible-core that ran it."""
        return next((str(e["ansible_version"]) for e in self.events if e["event"] == "run_started"), "")

    @property
    def recap(self) -> Mapping[str, Recap]:
        """The closing counts, by host."""
        return self._tasks.recap

    @property
    def findings(self) -> list[Finding]:
        """What is wrong with its background jobs, or likely to be, as it stands now.

        Those of a strict kind fail a test unless it allows them; which of its jobs a test
        declares as left behind does not count here.
        """
        # The others have said all: they have ended and left nothing.
        asked = [job for job in [*self._earlier, *self.jobs] if not job.settled or self._has_processes(job)]
        survivors, seen = find_survivors(asked)
        self._note(seen)
        with standing_still([*self._earlier, *self.jobs]):
            return rules.look(
                Facts(
                    jobs=self.jobs,
                    earlier=self._earlier,
                    tasks=self._tasks,
                    statuses=self._statuses,
                    batches=self._batches,
                    seen=self._seen,
                    survivors=survivors,
                    clock=self._clock,
                )
            )

    def daemons(self, host: str) -> list[Process]:
        """Return the processes that were born in this run, are alive now and are no async job.

        Those are what nohup and ``&`` left, and services that the play started. What the
        system itself has started since is not among them. Raises NotThere for an unknown host,
        and HostProblem if it does not answer.
        """
        self._check(host)
        machine = self._host(host)
        if machine is None:
            raise NotThere(f"{host!r} is no host of the scenario")
        take_stock(self.jobs)
        with standing_still(self.jobs):
            over = {job.token for job in self.jobs if job.outcome in (Outcome.SUCCEEDED, Outcome.FAILED)}
            processes = veiled(self.jobs, owned(self.jobs, machine.census(Question(pipes=True)).processes))
        return daemons(processes, over, self._began, self._ended)

    def job(self, task: str, *, host: str | None = None, item: Any = None) -> Job:
        """Return the one background job of a task; raises NotThere or Ambiguous, which list what there is."""
        return self.jobs.one(task, host=host, item=item)

    def result(self, task: str, *, host: str | None = None, item: Any = None) -> TaskResult:
        """Return the one result of a task; raises NotThere or Ambiguous, which list what there is."""
        return self._tasks.result(task, host, item)

    def results(self, task: str, *, host: str | None = None, item: Any = None) -> list[TaskResult]:
        """Return the results of a task, one for each host, or item where it has a loop.

        Raises NotThere if the playbook has no such task.
        """
        self._check(host)
        return self._tasks.find(task, host, item)

    def ran(self, task: str, *, host: str | None = None) -> bool:
        """Say whether a task was reached and not skipped, on ``host`` or on any.

        Raises NotThere if the playbook has no such task. With dynamic includes and templated
        names that cannot be known, and a task that was not reached did not run.
        """
        self._check(host)
        return self._tasks.ran(task, host)

    def path(self, host: str) -> list[str]:
        """Return the names of the tasks that ran on a host, in order; raises NotThere for an unknown host."""
        self._check(host)
        return self._tasks.path(host)

    def _note(self, seen: Mapping[str, Census]) -> None:
        """Keep what machines said last; of folders that they were not asked for, what they said before."""
        for machine, census in seen.items():
            before = self._seen.get(machine)
            folders = {**before.folders, **census.folders} if before else census.folders
            self._seen[machine] = replace(census, folders=folders)

    def _has_processes(self, job: Job) -> bool:
        """Say whether a job that has ended left living processes when its machine was asked last."""
        census = self._seen.get(job.machine)
        return job.settled and census is not None and bool(payload(census.processes, job.token))

    def _check(self, host: str | None) -> None:
        known = dict.fromkeys([*self._hosts, *(reach.host for reach in self._tasks.reached)])
        if host is not None and host not in known:
            raise NotThere(f"there is no host {host!r}; there are: {listing(known)}")


class StoppedRun(BgasyncError):
    """A run that did not come to its own end.

    ``run`` holds what was known until then.
    """

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message)
        self.run = run


class PlaybookDeadline(StoppedRun):
    """The run was stopped because its deadline had passed."""


class PlaybookKilled(StoppedRun):
    """ansible-playbook or one of its workers was ended by a signal that the harness did not send."""


@dataclass
class Player:
    """A running ansible-playbook."""

    order: Order
    hosts: Callable[[str], JobHost | None]
    began: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        order = self.order
        self._patience = Deadline(order.deadline)
        contract = {
            "events": str(order.folder / "events.jsonl"),
            "time_scale": order.clock.scale,
            "limit_floor": LIMIT_FLOOR,
            "limits": dict(order.limits),
            "connections": {name: dict(variables) for name, variables in order.connections.items()},
        }
        (order.folder / "run.json").write_text(json.dumps(contract))
        env = {
            **order.env,
            "BGASYNC_RUN": str(order.folder / "run.json"),
            "ANSIBLE_LOCAL_TEMP": str(order.folder / "tmp"),
        }
        with (order.folder / "stdout").open("wb") as out, (order.folder / "stderr").open("wb") as err:
            self._process = subprocess.Popen(
                [*_ends_with_us(), *order.command],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, cwd=order.cwd, start_new_session=True,
            )  # fmt: skip

    def wait(self) -> Run:
        """Wait for its end and return what came of it.

        Raises PlaybookDeadline, PlaybookKilled, PlaybookProblem or AnsibleProblem.
        """
        order = self.order
        try:
            rc = self._process.wait(self._patience.left)
        except subprocess.TimeoutExpired:
            run = self._run(self.end())
            raise PlaybookDeadline(
                f"playbook {order.playbook} was stopped at its deadline of {order.deadline:g} s{_last(run)}:"
                " see what it waits for, or give it more with deadline= or the ini key bgasync_deadline",
                run,
            ) from None
        except BaseException:
            self.end()
            raise
        run = self._run(rc)
        if rc < 0 or _was_cut_short(run):
            end_processes(order.folder)
            what, how = "ansible-playbook", f"by {signal.Signals(-rc).name} " if rc < 0 else ""
            if rc != INTERRUPTED and rc > 0:
                what = "a worker of ansible-playbook"
            raise PlaybookKilled(
                f"{what} was ended {how}from outside{_last(run)}:"
                " find out who did (the kernel, when memory runs out), and run it again",
                run,
            )
        _raise_unless_it_played(run, order)
        _raise_if_misspelt(run, order)
        return run

    def end(self) -> int:
        """End it now, with all its workers; return its exit status."""
        self._process.kill()
        rc = self._process.wait()
        end_processes(self.order.folder)
        return rc

    def _run(self, rc: int) -> Run:
        return Run(self.order, rc, self.began, time.monotonic() - self.started, self.hosts, self._patience)


def _was_cut_short(run: Run) -> bool:
    """Say whether a run ended in the middle of a task, without its closing counts."""
    at_work: set[tuple[str, str]] = set()
    for event in run.events:
        if event["event"] == "run_ended":
            return False
        if event["event"] == "host_started":
            at_work.add((event["task_id"], event["host"]))
        elif event["event"] == "task_result":
            at_work.discard((event["task_id"], event["host"]))
    return bool(at_work)


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
        wanted = "hosts: " + ", ".join(play.pattern for play in plays)
        if order.limit is not None:
            wanted = f"limit {order.limit!r}"
        raise PlaybookProblem(
            f"playbook {order.playbook}: {wanted} matches no host of the scenario; it has: {', '.join(order.hosts)}"
        )


def _raise_if_misspelt(run: Run, order: Order) -> None:
    for task in order.limits:
        try:
            run.ran(task)
        except NotThere as problem:
            raise UsageProblem(f"limits=: {problem}") from None


def _last(run: Run) -> str:
    started = [event for event in run.events if event["event"] == "task_started"]
    return f" while it was at the task {started[-1]['task']!r}" if started else " before its first task"


def _ends_with_us() -> list[str]:
    """Return the words before a command that let it die with this process, where the system has them."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
