"""Which jobs a test declares as left behind on purpose, and what it expects of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_bgasync.jobs.job import Job
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.jobs.verdict import gave_up
from pytest_bgasync.util.errors import UsageProblem

ARGUMENTS = ("task", "outcome", "rc", "within", "count", "host")


@dataclass(frozen=True)
class Declaration:
    """What one ``fire_and_forget`` marker says; None for what it leaves open.

    ``within`` is in playbook seconds, ``count`` a number or a pair, from and to. ``inherited`` is true for a marker
    of the class or module, whose task need not run in each test.
    """

    task: str | None = None
    outcome: Outcome | None = Outcome.SUCCEEDED
    rc: int | None = None
    within: float | None = None
    count: int | tuple[int, int] | None = None
    host: str | None = None
    inherited: bool = False

    def __str__(self) -> str:
        task = "all jobs" if self.task is None else f"task {self.task!r}"
        return task + (f" on {self.host}" if self.host else "")

    @property
    def counts(self) -> tuple[int, int] | None:
        """How many jobs there must be, from and to."""
        return (self.count, self.count) if isinstance(self.count, int) else self.count

    def covers(self, job: Job) -> bool:
        """Say whether a job is meant."""
        if self.host is not None and job.host != self.host:
            return False
        if self.task is None:
            return job.may_exist and not job.collected and not gave_up(job.launch)
        return job.is_called(self.task)


def parse_declaration(args: tuple[Any, ...], kwargs: Mapping[str, Any], *, inherited: bool = False) -> Declaration:
    """Return what ``@pytest.mark.fire_and_forget(...)`` says; raises UsageProblem."""
    marker = "the fire_and_forget marker"
    if len(args) > 1:
        raise UsageProblem(f"{marker} takes one positional argument, task; give the others by name")
    if args and "task" in kwargs:
        raise UsageProblem(f"{marker} got task twice, by position and by name: give it once")
    for name in kwargs:
        if name not in ARGUMENTS:
            raise UsageProblem(f"{marker} has no argument {name!r}; it takes: {', '.join(ARGUMENTS)}")
    task = args[0] if args else kwargs.get("task")
    for name, value in (("task", task), ("host", kwargs.get("host"))):
        if value is not None and (not isinstance(value, str) or not value):
            raise UsageProblem(f"{marker}'s {name} is a name, not {value!r}")
    rc, count, within = kwargs.get("rc"), kwargs.get("count"), kwargs.get("within")
    if rc is not None and not _whole(rc):
        raise UsageProblem(f"{marker}'s rc is a whole number, not {rc!r}")
    if count is not None:
        count = _count(count, marker)
    if within is not None and not (
        isinstance(within, int | float) and not isinstance(within, bool) and 0 <= within < math.inf
    ):
        raise UsageProblem(f"{marker}'s within is a number of playbook seconds from 0 on, not {within!r}")
    # What has an rc other than 0 has failed.
    outcome = kwargs.get("outcome", Outcome.FAILED if rc else Outcome.SUCCEEDED)
    if outcome is not None and outcome not in list(Outcome):
        raise UsageProblem(f"{marker}'s outcome: {outcome!r} is no outcome; those are: {', '.join(Outcome)}")
    if rc is not None and outcome not in (None, Outcome.SUCCEEDED, Outcome.FAILED):
        raise UsageProblem(f"{marker} says outcome={str(outcome)!r} and rc={rc}: a job that is so has no rc")
    if rc and outcome == Outcome.SUCCEEDED:
        raise UsageProblem(f"{marker} says outcome='succeeded' and rc={rc}: a job with that rc has failed")
    return Declaration(
        task, None if outcome is None else Outcome(outcome), rc, within, count, kwargs.get("host"), inherited
    )


def _count(value: Any, marker: str) -> int | tuple[int, int]:
    """Return how many jobs there must be: a number, or from and to."""
    pair = value if isinstance(value, tuple | list) else (value,)
    if not pair or len(pair) > 2 or not all(_whole(number) and number >= 0 for number in pair):
        raise UsageProblem(
            f"{marker}'s count is a whole number from 0 on, or a pair of them, from and to, not {value!r}"
        )
    if pair[0] > pair[-1]:
        raise UsageProblem(f"{marker}'s count is a pair, from and to, and {value!r} is the wrong way round")
    return (pair[0], pair[1]) if len(pair) == 2 else pair[0]


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def claimed(jobs: Iterable[Job], declarations: Sequence[Declaration]) -> dict[Declaration, list[Job]]:
    """Return which jobs each declaration is about.

    A job belongs to the first that covers it, those that name a task and a host before those
    that do not, the nearest to the test first.
    """
    ordered = sorted(declarations, key=lambda d: (d.task is None, d.host is None))
    claims: dict[Declaration, list[Job]] = {declaration: [] for declaration in ordered}
    for job in jobs:
        for declaration in ordered:
            if declaration.covers(job):
                claims[declaration].append(job)
                break
    return claims
