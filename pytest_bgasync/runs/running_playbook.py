"""A playbook that is running while the test goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from pytest_bgasync.jobs import launches
from pytest_bgasync.jobs.job import Job, JobHost, Jobs
from pytest_bgasync.runs.fork_client import Starter
from pytest_bgasync.runs.process import Player, StoppedRun
from pytest_bgasync.runs.run import Run
from pytest_bgasync.runs.run_spec import Order
from pytest_bgasync.util.errors import NotThere, UsageProblem
from pytest_bgasync.util.text import listing


class Running:
    """A playbook that is running. As a context manager it is waited for at the end, or stopped on an error.

    The play stops before each task named in ``pause_before`` until ``resume()``: before any host
    has begun it, with serial in each batch. With strategies that let hosts run ahead (free,
    host_pinned) it stops when the first host comes to the task; what others do at that moment
    goes on.

    At its deadline the run is stopped, also while nobody waits for it. Whoever waits then, or later, gets
    PlaybookDeadline.
    """

    def __init__(
        self,
        order: Order,
        starter: Starter,
        hosts: Callable[[str], JobHost | None],
        has_ended: Callable[[Run], None],
    ) -> None:
        self._order = order
        self._hosts = hosts
        self._has_ended = has_ended
        self._known: dict[str, Job] = {}
        self._run: Run | None = None
        self.over = False
        """True once what came of it has been told."""
        self._player = Player(order, starter, hosts, self._known)

    def __repr__(self) -> str:
        return f"<Running {self._order.playbook}: {self.state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.stop()
        else:
            self.wait()

    @property
    def paused(self) -> str | None:
        """The name of the task before which the play stands still, None while it goes on."""
        stops = list(self._player.stops)
        return next((name for name in self._order.pause_before if stops and name in stops[0].place["names"]), None)

    @property
    def playbook(self) -> str:
        """What messages call the playbook."""
        return self._order.playbook

    @property
    def outputs(self) -> tuple[Path, Path]:
        """The files that ansible-playbook writes to: standard output and error."""
        return self._order.folder / "stdout", self._order.folder / "stderr"

    @property
    def ended(self) -> bool:
        """True once the play has ended or was stopped."""
        return self._run is not None or self._player.ended

    @property
    def state(self) -> str:
        """How it stands, as text."""
        if self.ended:
            return "ended"
        return "running" if self.paused is None else f"paused before the task {self.paused!r}"

    @property
    def jobs(self) -> Jobs:
        """The background jobs it has launched until now."""
        if self._run is not None:
            return self._run.jobs
        found = launches.fold(self._player.events(), self._order.clock, self._order.limits)
        for launch in found:
            job = self._known.get(launch.token)
            self._known[launch.token] = (
                job.heard(launch)
                if job
                else Job(launch, self._hosts(launch.machine), self._order.clock, self._order.narrator)
            )
        return Jobs(self._known[launch.token] for launch in found)

    def wait_for(self, task: str) -> None:
        """Wait until the play has come to a task: until it stands before it if it pauses there, else has begun it.

        Raises NotThere if the play ends without coming there, UsageProblem if it stands still at
        another task, and PlaybookDeadline.
        """
        pauses = any(_may_be_same(task, name) for name in self._order.pause_before)

        def there() -> bool:
            stops = list(self._player.stops)
            return (bool(stops) and task in stops[0].place["names"]) if pauses else task in self._begun()

        self._wait_until(lambda: there() or self.ended or self.paused)
        if there():
            return
        if self.paused:
            raise UsageProblem(f"the play is {self.state} and cannot come to {task!r}: resume() it first")
        raise NotThere(
            f"the play has ended and did not come to the task {task!r}; it came to: {listing(self._begun())}"
        )

    def resume(self) -> None:
        """Let the play go on; waits until it stands still, if it does not yet.

        Raises UsageProblem if it pauses nowhere or has ended, and PlaybookDeadline.
        """
        if not self._order.pause_before:
            raise UsageProblem("resume(): the play pauses nowhere, name tasks with start(pause_before=...)")
        self._wait_until(lambda: self.paused or self.ended)
        if self.ended:
            raise UsageProblem("resume(): the play is not paused, it has ended")
        self._player.release()

    def wait(self) -> Run:
        """Wait for its end and return what came of it; a run that has ended is returned again.

        Raises what Lab.run() raises, and UsageProblem if it stands still and nobody can resume it.
        """
        if self._run is not None:
            return self._run
        self._wait_until(lambda: self._player.ended or self.paused)
        if not self._player.ended:
            state = self.state
            self.stop()
            raise UsageProblem(f"wait(): the play was {state}, so it could not come to its end: resume() it first")
        self.over = True
        try:
            return self._keep(self._player.result())
        except StoppedRun as stopped:
            self._keep(stopped.run)
            raise

    def stop(self) -> Run:
        """End the play now, and return what is known of it; its background jobs go on. Once it has ended, nothing."""
        return self._run or self._keep(self._player.end())

    def _begun(self) -> list[str]:
        started = [event for event in self._player.events() if event["event"] == "task_started"]
        return list(dict.fromkeys(name for event in started for name in (event["task"], event["full_name"])))

    def _wait_until(self, condition: Callable[[], object]) -> None:
        if self._run is not None:
            return
        try:
            self._player.wait_until(condition)
        except StoppedRun as stopped:
            self._keep(stopped.run)
            raise

    def _keep(self, run: Run) -> Run:
        self._run, self.over = run, True
        self._has_ended(run)
        return run


def _may_be_same(one: str, other: str) -> bool:
    """Say whether two names may mean one task: they are equal, or one has the role in front."""
    return one == other or one.endswith(f" : {other}") or other.endswith(f" : {one}")
