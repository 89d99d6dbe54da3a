"""What the ``every_outcome`` marker says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.util.errors import UsageProblem
from pytest_bgasync.util.text import place

ARGUMENTS = ("task", "outcomes", "host", "item")
#: The ways in which a job can end.
ENDS = tuple(outcome for outcome in Outcome if outcome is not Outcome.RUNNING)


@dataclass(frozen=True)
class Every:
    """A test that is run once for each of ``outcomes`` of the jobs of ``task``.

    With ``host`` or ``item`` only theirs; the others are left alone.
    """

    task: str
    outcomes: tuple[Outcome, ...] = ENDS
    host: str | None = None
    item: Any = None

    def __str__(self) -> str:
        return f"task {place(self.task, self.host, self.item)}"


def parse_every(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Every:
    """Return what ``@pytest.mark.every_outcome(...)`` says; raises UsageProblem."""
    marker = "the every_outcome marker"
    if len(args) > 2:
        raise UsageProblem(f"{marker} takes two positional arguments, task and outcomes; give the others by name")
    given = {**dict(zip(ARGUMENTS, args, strict=False)), **kwargs}
    if len(given) < len(args) + len(kwargs):
        raise UsageProblem(f"{marker} got an argument twice, by position and by name: give it once")
    for name in given:
        if name not in ARGUMENTS:
            raise UsageProblem(f"{marker} has no argument {name!r}; it takes: {', '.join(ARGUMENTS)}")
    task, host = given.get("task"), given.get("host")
    if not isinstance(task, str) or not task:
        raise UsageProblem(f"{marker} needs the name of the task whose jobs it is about, not {task!r}")
    if host is not None and (not isinstance(host, str) or not host):
        raise UsageProblem(f"{marker}'s host is a name, not {host!r}")
    return Every(task, _outcomes(given.get("outcomes", ENDS), marker), host, given.get("item"))


def _outcomes(wanted: Any, marker: str) -> tuple[Outcome, ...]:
    if isinstance(wanted, str) or not isinstance(wanted, Collection) or not wanted:
        raise UsageProblem(
            f"{marker}'s outcomes is a list of outcomes, such as ('failed', 'timed_out'), not {wanted!r}"
        )
    outcomes = list(wanted)
    for outcome in outcomes:
        if outcome not in ENDS:
            raise UsageProblem(f"{marker}: {outcome!r} is no way for a job to end; those are: {', '.join(ENDS)}")
        if outcomes.count(outcome) > 1:
            raise UsageProblem(f"{marker} names the outcome {str(outcome)!r} twice")
    return tuple(Outcome(outcome) for outcome in outcomes)
