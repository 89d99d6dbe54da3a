"""Runs a playbook with ansible-playbook, and what came of it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_bgasync import launches, tasks
from pytest_bgasync.clock import LIMIT_FLOOR, Clock, Deadline
from pytest_bgasync.errors import AnsibleProblem, BgasyncError, NotThere, PlaybookProblem, UsageProblem
from pytest_bgasync.events import Event, read_events
from pytest_bgasync.jobs import GRACE, Job, JobHost, Jobs, take_stock
from pytest_bgasync.launches import Launch
from pytest_bgasync.scenario import end_processes
from pytest_bgasync.tasks import Recap, TaskResult, listing
from pytest_bgasync.verdict import gave_up

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
    earlier: Sequence[Launch]
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
        self, order: Order, rc: int, wall: float, hosts: Callable[[str], JobHost | None], patience: Deadline
    ) -> None:
        self.rc = rc
        self.wall = wall
        self.playbook = order.playbook
        self.stdout = _text(order.folder / "stdout")
        self.stderr = _text(order.folder / "stderr")
        self.events: list[Event] = read_events(order.folder / "events.jsonl")
        self.elapsed = order.clock.playbook(wall)
        self._tasks = tasks.fold(self.events, order.clock)
        self._hosts = (*order.hosts, *order.connections)
        found = launches.fold(self.events, order.clock, order.limits, order.earlier)
        self.jobs = Jobs(Job(launch, hosts(launch.machine), order.clock) for launch in found)
        take_stock(self.jobs)
        # The play gave up waiting; the job's own limit ends it a moment later. See it to its end.
        late = [job for job in self.jobs if gave_up(job.launch)]

        def seen_to_their_end() -> bool:
            open_ = [job for job in late if not job.settled]
            if open_:
                take_stock(open_, wait=min(patience.left, max(job.limit_wall for job in open_) + GRACE))
            return all(job.settled for job in late)

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
    """ansible-playbook was ended by a signal that the harness did not send."""


@dataclass
class Process:
    """A running ansible-playbook."""

    order: Order
    hosts: Callable[[str], JobHost | None]
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
        if rc < 0:
            end_processes(order.folder)
            raise PlaybookKilled(
                f"ansible-playbook was ended by {signal.Signals(-rc).name} from outside{_last(run)}:"
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
        return Run(self.order, rc, time.monotonic() - self.started, self.hosts, self._patience)


def _raise_unless_it_played(run: Run, order: Order) -> None:
    kinds = [event["event"] for event in run.events]
    if run.ok and "run_started" not in kinds and not PLAYS_NOTHING & set(order.command):
        raise AnsibleProblem(
            "ansible-playbook did not load the callback of the harness, so nothing is known of its jobs:"
            f" {run.stderr.strip()[-500:] or 'it gave no reason'}"
        )
    if "host_started" in kinds or "task_result" in kinds:
        return
    if (
        "no_hosts_matched" in kinds
        or "does not match any hosts" in run.stderr
        or "leaves us with no hosts" in (run.stderr + run.stdout)
    ):
        plays = [e for e in run.events if e["event"] == "play_started"]
        wanted = "hosts: " + ", ".join(str(pattern) for play in plays for pattern in play["hosts"])
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
