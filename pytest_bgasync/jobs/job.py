"""Background jobs, as a test sees them: what the play knows of each and what its host says of it."""

from __future__ import annotations

import signal as signals
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from posixpath import basename, dirname
from typing import Any, Protocol, overload

from pytest_bgasync.jobs.actions import Deed
from pytest_bgasync.jobs.host_snapshot import Census, Question
from pytest_bgasync.jobs.launches import Launch, Poll
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.jobs.task_results import item_fits
from pytest_bgasync.jobs.verdict import EndedGroup, Process, Verdict, attributed, judge, payload, size_of, told, writing
from pytest_bgasync.util.clock import Clock, Deadline
from pytest_bgasync.util.errors import Ambiguous, HostProblem, JobDeadline, NotRunning, NotThere, UsageProblem
from pytest_bgasync.util.names import LOCALHOST
from pytest_bgasync.util.progress import Narrator
from pytest_bgasync.util.text import listing, place, text

#: Real seconds after its limit in which the slowest wrapper has ended a job.
GRACE = 10.0
#: Real seconds in which processes that were killed have gone from the process table.
DYING = 2.0
#: Real seconds after its start in which a module may not have come to run its command yet; longer if it is computing.
PREPARING = 2.0
#: Real seconds for which a job must look lost before it is: what is seen in one look may just be changing.
SURE = 1.0
#: How many hosts are asked at the same time.
SIDE_BY_SIDE = 16
#: Why a command that writes much is not done.
SLOWLY = "and Ansible's run_command gets slower with all that it has read: let it write to a file"
HIDDEN_ARGS = "hidden because of no_log"
HIDDEN = "the output has been hidden because the task has no_log"


class JobHost(Protocol):
    """What a job needs of the host it lives on. ``since`` is when that was up, in playbook seconds."""

    since: float

    def census(self, question: Question) -> Census:
        """Return what the host says; raises HostProblem."""

    def send_signal(self, signal: int, processes: Iterable[Process]) -> None:
        """Send a signal to processes that were seen there; those that have gone are passed over."""


class Job:
    """A background job of a run. Times and durations are playbook seconds unless they are called ``wall``.

    What it *is* (``outcome``, ``rc``, ``stdout``, ``survivors``, ...) is read off its host, its job
    file and the process table, and is looked at anew as long as the job is running.
    """

    def __init__(self, launch: Launch, host: JobHost | None, clock: Clock, narrator: Narrator | None = None) -> None:
        """``narrator`` is told when somebody waits long for it."""
        self._launch = launch
        self._host = host
        self._clock = clock
        self._narrator = narrator or Narrator()
        self._seen = Verdict(Outcome.RUNNING, {})
        self._seen_at = launch.launched_at
        self._surely_lost = False
        self._closed = False
        self._still = False
        self.deeds: list[Deed] = []
        """What the test has done to it."""

    def __repr__(self) -> str:
        rc = "" if self.no_log or self._seen.data.get("rc") is None else f" rc={self._seen.data['rc']}"
        return f"<Job {place(self.task, self.host, self.item, self.label)} {self.jid}: {self._seen.outcome}{rc}>"

    # What the play knows of it.

    @property
    def host(self) -> str:
        """The inventory name of the host that its task ran for."""
        return self._launch.host

    @property
    def machine(self) -> str:
        """The host it runs on: another than ``host`` where the task has delegate_to."""
        return self._launch.machine

    @property
    def task(self) -> str:
        """The name of the task that launched it, without its role."""
        return self._launch.task

    @property
    def item(self) -> Any:
        """The item of the task's loop, None without a loop."""
        return self._launch.item

    @property
    def label(self) -> str | None:
        """What Ansible shows for the item, None without a loop."""
        return self._launch.label

    @property
    def jid(self) -> str | None:
        """Ansible's job id; None when the host could not be reached at the launch, and knows of no job."""
        return self._launch.jid

    @property
    def user(self) -> str:
        """The user it was launched as, in whose home its job file is unless async_dir says otherwise."""
        return self._launch.user

    @property
    def limit(self) -> float:
        """The ``async`` limit the playbook gives it, or what ``limits=`` put in its place."""
        return self._launch.limit

    @property
    def limit_wall(self) -> int:
        """The limit that was in force, in whole real seconds: scaled, but never below a floor."""
        return self._launch.limit_wall

    @property
    def poll(self) -> int:
        """The task's ``poll``."""
        return self._launch.poll

    @property
    def launched_at(self) -> float:
        """When its launch was sent, in playbook seconds since the scenario began."""
        return self._launch.launched_at

    @property
    def polls(self) -> list[Poll]:
        """Each time the play asked for it and found it."""
        return list(self._launch.polls)

    @property
    def collected(self) -> bool:
        """True when the play read its final status."""
        return self._launch.collected

    @property
    def results_file(self) -> str | None:
        """The path of its job file on the host."""
        return self._launch.results_file

    @property
    def no_log(self) -> bool:
        """True when its task has no_log, or one that asked for it; then what it wrote is not shown here either."""
        return self._launch.no_log

    def is_called(self, name: str) -> bool:
        """Say whether a test that writes ``name`` means its task, with or without its role."""
        return name in (self._launch.task, self._launch.full_name)

    # What its host says of it.

    @property
    def outcome(self) -> Outcome:
        """How it stands, or how it ended."""
        return self._look().outcome

    @property
    def rc(self) -> int | None:
        """The exit status of its command; None while it runs, on a timeout, and for modules that have none."""
        rc = self._look().data.get("rc")
        return rc if isinstance(rc, int) else None

    @property
    def data(self) -> Mapping[str, Any]:
        """Its whole result as it lies on its host; empty while it runs, and with no_log."""
        data = self._look().data
        return {} if self.no_log else data

    @property
    def stdout(self) -> str:
        """What its command wrote to standard output."""
        return self._field("stdout")

    @property
    def stderr(self) -> str:
        """What its command wrote to standard error."""
        return self._field("stderr")

    @property
    def msg(self) -> str:
        """The message of its module."""
        return self._field("msg")

    @property
    def changed(self) -> bool:
        """What its module says of having changed something."""
        return bool(self._look().data.get("changed"))

    @property
    def finished_at(self) -> float | None:
        """When its result was written, in playbook seconds since the scenario began; None while it runs."""
        return self._look().ended

    @property
    def elapsed(self) -> float:
        """How long it ran, or has run until now."""
        finished = self.finished_at
        return max(0.0, (self._seen_at if finished is None else finished) - self.launched_at)

    @property
    def survivors(self) -> list[Process]:
        """Its processes that are still alive although it has ended."""
        alive, _ = find_survivors([self])
        return alive.get(self.token, [])

    # Doing something to it.

    def wait(self, within: float | None = None) -> Job:
        """Wait until it has ended, at most ``within`` playbook seconds, by default as long as its limit allows.

        Raises JobDeadline if it is still running then.
        """
        if within is not None and (not isinstance(within, int | float) or within < 0):
            raise UsageProblem(f"wait(within=) is a number of playbook seconds from 0 on, not {within!r}")
        real = self.limit_wall + GRACE if within is None else self._clock.real(within)
        deadline = Deadline(real)
        called = place(self.task, self.host, self.item, self.label)
        with self._narrator.during(f"waiting for job {called}, at most {real:g} s"):
            while self._look().outcome is Outcome.RUNNING:
                self._ask(wait=deadline.left)
                if deadline.passed and self._look().outcome is Outcome.RUNNING:
                    raise JobDeadline(
                        f"job {called} ({self.jid}) is still running"
                        f" after {self._clock.playbook(real):g} playbook seconds ({real:g} s){self._writing()}"
                    )
        return self

    def kill(self, signal: int = signals.SIGKILL) -> None:
        """Send ``signal`` to its command; the module sees it end and reports that.

        A module that runs no command gets the signal itself. Raises UsageProblem for what is no
        signal, NotRunning if the job is not running.
        """
        if signal not in signals.valid_signals():
            raise UsageProblem(f"kill() takes the number of a signal, such as signal.SIGTERM, not {signal!r}")
        found: list[Process] = []

        def at_its_command() -> bool:
            found[:] = self._payload()
            return len(found) > 1 or (found[0].age > PREPARING and found[0].state not in "RD")

        Deadline(GRACE).wait_for(at_its_command)
        module, *commands = found
        self._signal(signal, commands or [module])
        self.deeds.append(Deed(f"kill {int(signal)}"))

    def freeze(self) -> None:
        """Stop its module and commands; the clock of its limit goes on. Raises NotRunning if it is not."""

        def stands() -> bool:
            # One may have been forked while the others were signalled.
            census = self._ask()
            moving = [p for p in payload(census.processes, self.token) if p.state != "T"] if census else []
            if moving:
                self._signal(signals.SIGSTOP, moving)
            return not moving

        self._signal(signals.SIGSTOP, self._payload())
        self.deeds.append(Deed("freeze"))
        Deadline(GRACE).wait_for(stands)

    def thaw(self) -> None:
        """Let its frozen module and commands go on. Raises NotRunning if it is not running."""
        module, *commands = self._payload()
        self.deeds.append(Deed("thaw"))
        self._signal(signals.SIGCONT, [module])

        def listens() -> bool:
            census = self._ask()
            found = payload(census.processes, self.token) if census else []
            return not found or found[0].pid != module.pid or found[0].state not in "TRD"

        # The module first: AnsibleModule.run_command() loses what a command says that ends while it does not listen.
        if commands:
            Deadline(GRACE).wait_for(listens)
            self._signal(signals.SIGCONT, commands)

    def lose(self) -> None:
        """End it so that no result is ever written. Raises NotRunning if it is not."""
        self._payload()
        self.deeds.append(Deed("lose"))

        def gone() -> bool:
            census = self._ask()
            rest = [p for p in census.processes if p.job == self._launch.token and p.alive] if census else []
            if rest:
                self._signal(signals.SIGKILL, sorted(rest, key=lambda p: not p.is_wrapper))
            return not rest

        ended = Deadline(GRACE).wait_for(gone)
        if self.outcome is Outcome.UNREACHABLE:
            raise self._not_running()
        if not ended or self.outcome is not Outcome.LOST:
            raise NotRunning(f"job {self!r} could not be lost: it had written its result before")

    # For the harness.

    def heard(self, launch: Launch) -> Job:
        """Take what the play knows of it by now."""
        if launch.jid is None:
            launch.jid, launch.results_file = self._launch.jid, self._launch.results_file
        self._launch = launch
        return self

    def observe(self, census: Census) -> None:
        """Judge it anew by what its host said."""
        if not self._final:
            file = census.files.get(self.file or "")
            if file is not None and self.jid is None:  # the answer of its launch was lost
                self._launch.jid, self._launch.results_file = basename(file.path), file.path
            written = census.written.get(self.token)
            seen = judge(self._launch, file, census.processes, census.now, written)
            if seen.outcome is Outcome.LOST and self._seen.outcome is Outcome.LOST:
                self._surely_lost = census.now - self._seen_at > self._clock.playbook(SURE)
            else:
                self._seen, self._seen_at = seen, census.now

    def observe_unreachable(self, reason: str) -> None:
        """Note that its host does not answer; ``reason`` becomes its ``msg``."""
        if self._seen.outcome in (Outcome.RUNNING, Outcome.UNREACHABLE):
            self._seen = told(self._launch) or Verdict(Outcome.UNREACHABLE, {"msg": reason})

    @property
    def seen(self) -> Outcome:
        """How it stood when it was looked at last; asks nobody."""
        return self._seen.outcome

    def close(self) -> None:
        """From here on, what was seen last is all there is: its host is about to go."""
        self._closed = True

    @property
    def launch(self) -> Launch:
        """What its run knows of it."""
        return self._launch

    @property
    def file(self) -> str | None:
        """Where its job file is; what that begins with, if its launch was not answered."""
        return self.results_file or self._launch.file_prefix

    @property
    def may_exist(self) -> bool:
        """False where the launch was refused, and where its host says that one that was not answered left no job."""
        unknown = self.jid is None and self._launch.file_prefix is not None and self._look().ended is None
        return unknown or self.jid is not None

    @property
    def settled(self) -> bool:
        """True when another look cannot tell more."""
        return self._closed or self._still or self._final

    @property
    def token(self) -> str:
        """The mark that all its processes carry in the environment variable BGASYNC_JOB."""
        return self._launch.token

    @property
    def ended_group(self) -> EndedGroup | None:
        """The process group that was ended at its limit, as its wrapper says; None for any other outcome."""
        if self._seen.outcome is not Outcome.TIMED_OUT or self._seen.ended is None:
            return None
        return EndedGroup(self.token, self._seen.data.get("child_pid"), self._seen.ended)

    @property
    def _final(self) -> bool:
        if self._seen.outcome is Outcome.LOST:
            return self._surely_lost
        return self._seen.outcome not in (Outcome.RUNNING, Outcome.UNREACHABLE)

    def _look(self) -> Verdict:
        if not self.settled:
            self._ask()
        return self._seen

    def _ask(self, wait: float = 0) -> Census | None:
        return None if self._closed else take_stock([self], wait=wait).get(self.machine)

    def _field(self, name: str) -> str:
        data = self._look().data
        return (HIDDEN if name == "msg" else "") if self.no_log else text(data.get(name))

    def _payload(self) -> list[Process]:
        found: list[Process] = []

        def there() -> bool:
            census = self._ask()
            found[:] = payload(census.processes, self.token) if census else []
            return bool(found) or self._seen.outcome is not Outcome.RUNNING

        # A job that was launched a moment ago may not have started its module yet.
        Deadline(GRACE).wait_for(there)
        if self._seen.outcome is not Outcome.RUNNING or not found:
            raise self._not_running()
        return found

    def _writing(self) -> str:
        """Say that its command writes much, if it does."""
        assert self._host is not None
        try:
            found = self._host.census(Question(pipes=True)).processes
        except HostProblem:
            return ""
        count = writing(p for p in found if p.job == self.token)
        return f": its command has written {size_of(count)}, {SLOWLY}" if count else ""

    def _not_running(self) -> NotRunning:
        if self._seen.outcome is Outcome.UNREACHABLE:
            why = self._seen.data.get("msg", "its host did not answer at its launch")
            return NotRunning(f"nothing can be done to job {self!r}: {why}")
        return NotRunning(f"job {self!r} is not running, so nothing can be done to it")

    def _signal(self, signal: int, processes: Iterable[Process]) -> None:
        assert self._host is not None
        self._host.send_signal(signal, processes)


class Jobs(Sequence[Job]):
    """The background jobs of a run or of a test, in the order of their launches."""

    def __init__(self, jobs: Iterable[Job] = ()) -> None:
        self._jobs = list(jobs)

    @overload
    def __getitem__(self, index: int) -> Job: ...
    @overload
    def __getitem__(self, index: slice) -> Jobs: ...
    def __getitem__(self, index: int | slice) -> Job | Jobs:
        return Jobs(self._jobs[index]) if isinstance(index, slice) else self._jobs[index]

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs)

    def __repr__(self) -> str:
        return f"<Jobs {self._jobs!r}>"

    def where(
        self,
        *,
        task: str | None = None,
        host: str | None = None,
        item: Any = None,
        outcome: Outcome | str | None = None,
        collected: bool | None = None,
    ) -> Jobs:
        """Return the jobs that fit all that is given. ``item`` is an item or its label.

        Raises UsageProblem for an ``outcome`` that is none, and for ``collected`` that is no bool.
        """
        if outcome is not None and outcome not in list(Outcome):
            raise UsageProblem(f"{outcome!r} is no outcome; those are: {', '.join(Outcome)}")
        if collected is not None and not isinstance(collected, bool):
            raise UsageProblem(f"where(collected=) is True or False, not {collected!r}")
        return Jobs(
            job
            for job in self._jobs
            if (task is None or job.is_called(task))
            and (host is None or job.host == host)
            and item_fits(item, job)
            and (collected is None or job.collected == collected)
            and (outcome is None or job.outcome == outcome)
        )

    def one(self, task: str, *, host: str | None = None, item: Any = None) -> Job:
        """Return the one job that fits; raises NotThere or Ambiguous, which list what there is."""
        found = self.where(task=task, host=host, item=item)
        if len(found) == 1:
            return found[0]
        if found:
            raise Ambiguous(f"{len(found)} jobs fit {place(task, host, item)}, say host= or item=:{listing(found)}")
        raise NotThere(f"no background job {place(task, host, item)}; there are: {listing(self._jobs)}")


def take_stock(jobs: Iterable[Job], *, wait: float = 0) -> dict[str, Census]:
    """Look at the jobs that are not settled, with one question to each machine; return the answers by machine.

    With ``wait``, a machine answers once none of its jobs runs any more, or after so many real
    seconds. The answers hold the folders of the job files, too.
    """
    machines: dict[str, list[Job]] = {}
    for job in jobs:
        machines.setdefault(job.machine, []).append(job)
    if len(machines) < 2:
        answers = [_ask(group, wait) for group in machines.values()]
    else:
        pool = ThreadPoolExecutor(max_workers=SIDE_BY_SIDE)
        try:
            answers = list(pool.map(lambda group: _ask(group, wait), machines.values()))
        finally:  # on Ctrl-C nobody waits for answers, which end when their hosts go
            pool.shutdown(wait=False, cancel_futures=True)
    return {machine: answer for machine, answer in zip(machines, answers, strict=True) if answer is not None}


def find_survivors(jobs: Iterable[Job]) -> tuple[dict[str, list[Process]], dict[str, Census]]:
    """Return by the marks of jobs that have ended which of their processes are alive, and what their machines said."""
    asked = [job for job in jobs if not job._closed]
    alive: dict[str, list[Process]] = {}
    seen: dict[str, Census] = {}

    def certain() -> bool:
        alive.clear()
        seen.update(take_stock(asked))
        sure = True
        for job in asked:
            census = seen.get(job.machine)
            if census is None or job._seen.outcome is Outcome.RUNNING:
                continue
            if left := payload(census.processes, job.token):
                alive[job.token] = veiled([job], left)
                # A wrapper of older releases writes the result first and kills then.
                sure = sure and census.now - (job._seen.ended or 0) > job._clock.playbook(DYING)
        return sure

    Deadline(GRACE).wait_for(certain, every=0.1)
    return alive, seen


def owned(jobs: Iterable[Job], processes: Sequence[Process]) -> list[Process]:
    """Return the processes of a host, marked by what its jobs know of their process groups, too."""
    return attributed(processes, [group for job in jobs if (group := job.ended_group)])


def veiled(jobs: Iterable[Job], processes: Iterable[Process]) -> list[Process]:
    """Return the processes without the arguments of those that tasks with no_log have started."""
    hidden = {job.token for job in jobs if job.no_log}
    return [replace(p, args=(HIDDEN_ARGS,)) if p.no_log or p.job in hidden else p for p in processes]


@contextmanager
def standing_still(jobs: Iterable[Job]) -> Iterator[None]:
    """Let what was seen last be all there is, so that many questions cost no round trips and agree with each other."""
    held = [job for job in jobs if not job._still]
    for job in held:
        job._still = True
    try:
        yield
    finally:
        for job in held:
            job._still = False


def _ask(jobs: Sequence[Job], wait: float) -> Census | None:
    """Ask the machine of these jobs, and let each job judge the answer."""
    host = jobs[0]._host
    if host is None:
        for job in jobs:
            why = "did not come up" if job.machine == LOCALHOST else "is no host of the scenario"
            job.observe_unreachable(f"{job.machine!r} {why}")
        return None
    open_ = {job.token: (job.file, job.limit_wall) for job in jobs if not job.settled}
    files = [file for file, _ in open_.values() if file]
    folders = sorted({dirname(job.results_file) for job in jobs if job.results_file})
    try:
        census = host.census(Question(files=files, folders=folders, jobs=open_, wait=wait))
    except HostProblem as problem:
        for job in jobs:
            job.observe_unreachable(str(problem))
        return None
    for job in jobs:
        job.observe(census)
    return replace(census, processes=owned(jobs, census.processes))
