"""What came of the run of a playbook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_bgasync.jobs import launches, rules
from pytest_bgasync.jobs import status_polls as statuses
from pytest_bgasync.jobs import task_results as tasks
from pytest_bgasync.jobs.events import Event, read_events
from pytest_bgasync.jobs.findings import Batch, Facts, Finding, batches
from pytest_bgasync.jobs.host_snapshot import Census, Question
from pytest_bgasync.jobs.job import GRACE, Job, JobHost, Jobs, find_survivors, owned, standing_still, take_stock, veiled
from pytest_bgasync.jobs.outcome import CUT_SHORT, Outcome
from pytest_bgasync.jobs.task_results import Reach, Recap, TaskResult
from pytest_bgasync.jobs.verdict import Process, daemons, gave_up
from pytest_bgasync.runs.run_spec import Order
from pytest_bgasync.util.atomic_write import read_ends
from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.errors import NotThere
from pytest_bgasync.util.names import LOCAL_NAMES
from pytest_bgasync.util.text import listing


class Run:
    """What a playbook did. Times are playbook seconds; ``wall`` is in real seconds.

    ``source`` is the file of the playbook, None for one that was given as text, ``options`` what
    its run was given besides, ``began`` when it was, since the scenario began. ``rc``, ``stdout``
    and ``stderr`` are those of ansible-playbook, ``events`` what our callback wrote
    (docs/events.md), ``recap`` its closing counts for each host, ``jobs`` all background jobs the
    run launched.
    """

    def __init__(
        self,
        order: Order,
        rc: int,
        began: float,
        wall: float,
        hosts: Callable[[str], JobHost | None],
        patience: Deadline,
        known: Mapping[str, Job],
    ) -> None:
        self.rc = rc
        self.wall = wall
        self.playbook = order.playbook
        self.source = order.path
        self.options = order.options
        self.began = order.clock.at(began)
        self.stdout = read_ends(order.folder / "stdout")
        self.stderr = read_ends(order.folder / "stderr")
        self.events: list[Event] = read_events(order.folder / "events.jsonl")
        self.elapsed = order.clock.playbook(wall)
        self._clock = order.clock
        self._ended = order.clock.at(began + wall)
        self._tasks = tasks.fold(self.events, order.clock)
        self._statuses = statuses.fold(self.events)
        self._batches = batches(self.events, order.clock)
        self._earlier = order.earlier
        self._hosts = (*order.hosts, *LOCAL_NAMES)
        self._host = hosts
        before = [job.launch for job in order.earlier]
        found = launches.fold(self.events, order.clock, order.limits, before)
        self.jobs = Jobs(
            known[launch.token].heard(launch)
            if launch.token in known
            else Job(launch, hosts(launch.machine), order.clock, order.narrator)
            for launch in found
        )
        self._seen = take_stock([*(job for job in order.earlier if not job.settled), *self.jobs])
        # The play gave up waiting; the job's own limit ends it a moment later. See it to its end.
        late = [job for job in self.jobs if gave_up(job.launch)]

        def seen_to_their_end() -> bool:
            with standing_still(late):
                running = [job for job in late if job.outcome is Outcome.RUNNING]
            if running:
                wait = min(patience.left, max(job.limit_wall for job in running) + GRACE)
                self._note(take_stock(running, wait=wait))
            return not running

        with order.narrator.during(f"playbook {order.playbook} has ended; waiting for the jobs that it gave up"):
            patience.wait_for(seen_to_their_end)
        self._looked_at = order.clock.now
        self.survivors: Mapping[str, Sequence[Process]] = {}
        """By the mark of a job, its processes that were alive although it had ended, when findings were asked for."""

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
    def batches(self) -> list[Batch]:
        """The plays in their order, those with ``serial`` once for each batch, with the hosts of each."""
        return list(self._batches)

    @property
    def findings(self) -> list[Finding]:
        """What is wrong with its background jobs, or likely to be, as it stands now.

        Those of a strict kind fail a test unless it allows them; which of its jobs a test
        declares as left behind does not count here.
        """
        asked = [job for job in [*self._earlier, *self.jobs] if _may_tell_more(job)]
        self.survivors, seen = find_survivors(asked)
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
                    looked_at=self._looked_at,
                    survivors=self.survivors,
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
            if host in LOCAL_NAMES:  # nothing has come there
                return []
            raise NotThere(f"{host!r} is no host of the scenario")
        take_stock(self.jobs)
        with standing_still(self.jobs):
            over = {job.token for job in self.jobs if job.outcome in (Outcome.SUCCEEDED, Outcome.FAILED)}
            processes = owned(self.jobs, machine.census(Question(pipes=True)).processes)
        began = max(self.began, machine.since)  # what made the machine itself is not the run's
        return veiled(self.jobs, daemons(processes, over, began, self._ended))

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

        One whose condition or arguments were an error did not run. Raises NotThere if the playbook
        has no such task. With dynamic includes and templated names that cannot be known, and a
        task that was not reached did not run.
        """
        self._check(host)
        return self._tasks.ran(task, host)

    def path(self, host: str) -> list[str]:
        """Return the names of the tasks that ran on a host, in order; raises NotThere for an unknown host."""
        self._check(host)
        return self._tasks.path(host)

    @property
    def reached(self) -> Sequence[Reach]:
        """Which host came to which task, in order, and what became of it."""
        return tuple(self._tasks.reached)

    def _note(self, seen: Mapping[str, Census]) -> None:
        """Keep what machines said last; of folders that they were not asked for, what they said before."""
        for machine, census in seen.items():
            before = self._seen.get(machine)
            folders = {**before.folders, **census.folders} if before else census.folders
            self._seen[machine] = replace(census, folders=folders)

    def _check(self, host: str | None) -> None:
        known = dict.fromkeys([*self._hosts, *(reach.host for reach in self._tasks.reached)])
        if host is not None and host not in known:
            raise NotThere(f"there is no host {host!r}; there are: {listing(known)}")


def _may_tell_more(job: Job) -> bool:
    """Say whether another look may show more of a job: it goes on, or left processes, or its file after a cleanup."""
    erased = job.launch.erased_at
    anew = erased is not None and (job.finished_at or 0) > erased
    return not job.settled or job.outcome in CUT_SHORT or anew
