"""Brings about the outcome that a test is run for, on the real jobs of its task."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pytest_bgasync.config.outcome_marker import Every
from pytest_bgasync.hosts.host import Host
from pytest_bgasync.jobs.findings import named
from pytest_bgasync.jobs.host_snapshot import Question
from pytest_bgasync.jobs.job import GRACE, Job, take_stock
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.jobs.task_results import item_fits
from pytest_bgasync.jobs.verdict import Process, payload
from pytest_bgasync.runs.pause_server import Stop
from pytest_bgasync.util.clock import LIMIT_FLOOR, Deadline
from pytest_bgasync.util.errors import BgasyncError, HostProblem

#: The longest limit of a job that is to time out, in real seconds: it stands still, so nobody needs to wait for long.
SOON = LIMIT_FLOOR
#: Real seconds that a command gets to begin its work before it is ended, and at most while it is still computing.
BEGIN, BUSY = 1.0, 5.0
#: The shortest limit of a job that is to end otherwise, in real seconds: it must not pass while the job stands still.
ROOM = 60


class Fates:
    """Meets each job of one task as soon as it has been launched, while the play stands still.

    How: a module of Ansible stands still before its first line. To succeed, it is left alone. Else
    it is let go on until it has started its command (``command`` and ``shell``; another module
    does not begin). A second later, or when it has ended, the command is killed for ``failed``,
    and everything for ``lost``; for ``timed_out`` the module stands still until the wrapper ends it
    at its limit. For ``unreachable`` the host's ssh server ends, while the job goes on.
    """

    def __init__(self, every: Every, outcome: Outcome, host: Callable[[str], Host | None]) -> None:
        self.every = every
        self.outcome = outcome
        self._host = host
        self._met: set[str] = set()
        self._problems: dict[str, str] = {}

    def contract(self) -> dict[str, Any]:
        """Return what the controller needs to know."""
        return {
            "task": self.every.task,
            "host": self.every.host,
            "item": self.every.item,
            "hold": self.outcome in (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.LOST),
            "fails": self.outcome is Outcome.FAILED,
            "most": SOON if self.outcome is Outcome.TIMED_OUT else None,
            "least": ROOM if self.outcome in (Outcome.FAILED, Outcome.LOST) else 0,
        }

    def meet(self, stop: Stop) -> None:
        """Do to a job what it has been launched for, then let the play go on."""
        place = stop.place
        token: str = place["token"]
        self._met.add(token)
        try:
            host = self._host(place["machine"])
            if host is None:
                raise HostProblem(f"{place['machine']!r} is no host of the scenario")
            if self.outcome is Outcome.UNREACHABLE:
                host.vanish()
            elif self.outcome is not Outcome.SUCCEEDED:
                self._end(host, token, command=place["command"])
        except BgasyncError as problem:
            self._problems[token] = str(problem)
        finally:
            stop.release()

    def own(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the jobs that are meant."""
        every = self.every
        return [
            job
            for job in jobs
            # Those that were met, too, of which no_log hides the item.
            if job.token in self._met
            or (job.is_called(every.task) and every.host in (None, job.host) and item_fits(every.item, job))
        ]

    def faults(self, jobs: Sequence[Job], *, patient: bool) -> list[str]:
        """Say which jobs did not come to end as they should: what a test found then says nothing.

        With ``patient``, those that are at work still are waited for.
        """
        mine = self.own(jobs)
        if not mine:
            return [
                f"every_outcome: {self.every} launched no job, so nothing was tried\n"
                "-> see that the name is that of a task with async, and that the playbook comes to it"
            ]
        at_work = [job for job in mine if job.outcome is Outcome.RUNNING]
        if patient:
            take_stock(at_work, wait=max((job.limit_wall for job in at_work), default=0) + GRACE)
        return [
            f"every_outcome: {named(job)} was to be {self.outcome} and is {job.outcome}"
            + (f": {self._problems[job.token]}" if job.token in self._problems else "")
            for job in mine
            if job.outcome is not self.outcome
        ]

    def _end(self, host: Host, token: str, *, command: bool) -> None:
        def own() -> list[Process]:
            return payload(host.census(Question()).processes, token)

        def standing() -> list[Process]:
            found = own()
            return found if found and found[0].state == "T" else []

        self._within(GRACE, standing, "its module did not begin")
        module, *commands = standing()
        if command:
            host.send_signal(signal.SIGCONT, [module])
            at_rest: list[Process] = []

            def stands_or_ended() -> bool:
                at_rest[:] = own()
                return not at_rest or at_rest[0].state == "T"

            self._within(GRACE, stands_or_ended, "its module did not start a command")
            if not at_rest:
                raise HostProblem("its module ended without having started a command")
            begin = Deadline(BEGIN)

            def begun() -> bool:
                commands[:] = own()[1:]
                return not commands or (begin.passed and not any(p.state in "RD" for p in commands))

            Deadline(BUSY).wait_for(begun, every=0.1)
        if self.outcome is Outcome.FAILED:
            host.send_signal(signal.SIGKILL, commands if command else [module])
            host.send_signal(signal.SIGCONT, [module])
        elif self.outcome is Outcome.LOST:
            self._within(GRACE, lambda: not self._kill_all(host, token), "its processes did not end")

    @staticmethod
    def _kill_all(host: Host, token: str) -> list[Process]:
        rest = [p for p in host.census(Question()).processes if p.job == token and p.alive]
        # The wrapper first, which would write what it sees.
        host.send_signal(signal.SIGKILL, sorted(rest, key=lambda p: not p.is_wrapper))
        return rest

    @staticmethod
    def _within(seconds: float, condition: Callable[[], object], problem: str) -> None:
        if not Deadline(seconds).wait_for(condition):
            raise HostProblem(f"{problem} within {seconds:g} s")
