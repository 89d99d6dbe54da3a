"""A play that stops asking before the limit of the job."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit.job_graph import DELAY, RETRIES, Plays
from pytest_bgasync.audit.model import Fault, Severity, Task

ID = "BGA009"
SEVERITY = Severity.ERROR
PROBLEM = "retries x delay is shorter than async; the play gives up on a job that may still run"
CURE = "let retries x delay last at least as long as async"
#: The seconds that a question may take where there is no delay between them.
_QUESTION = 1


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find the last status of a job where all waiting for it together is shorter than its limit."""
    if not plays.asks(task) or not (task.own("until") or task.own("retries")):
        return
    for link in plays.links(task):
        limits = [_shortest(launch, plays) for launch in link.launches]
        launch = link.launches[-1]
        launched = all(0 in plays.polls(one) for one in link.launches)
        if not all(limits) or not launched or _is_asked_again(launch, task, plays):
            continue
        patience = _waited(launch, task, plays)
        if patience is None or patience >= min(limits):
            continue
        at = task.own("retries") or task.own("delay") or task.own("until")
        yield task.fault(
            f"{task.called} gives up after {_sum(task, patience, plays)}, and {launch.called} may run for"
            f" {limits[-1]:g} s",
            at.place if at else None,
        )


def _shortest(launch: Task, plays: Plays) -> float:
    """Return the shortest limit that the job of a launch can have, 0 where that is not known."""
    return min((limit for limit in plays.limits(launch) if limit > 0), default=0)


def _sum(task: Task, patience: float, plays: Plays) -> str:
    if not task.own("until"):
        return "one try, since retries without until stop at the first answer"
    retries, delay = _numbers(task, plays)
    if not delay:
        return f"{retries:g} questions without a delay"
    return f"{retries:g} x {delay:g} s" + (
        f" ({patience:g} s in all)" if patience != (retries or 0) * (delay or 0) else ""
    )


def _numbers(task: Task, plays: Plays) -> tuple[float | None, float | None]:
    """Return the most retries and the longest delay that a status can have."""
    retries = plays.numbers(task.own("retries"), task, RETRIES)
    return max(retries, default=None), max(plays.numbers(task.own("delay"), task, DELAY), default=None)


def _patience(task: Task, plays: Plays) -> float | None:
    """Return the seconds for which a status goes on asking."""
    if not task.own("until"):
        return 0
    retries, delay = _numbers(task, plays)
    if retries is None or delay is None:
        return None
    return max(retries, 0) * (delay if delay > 0 else _QUESTION)


def _is_asked_again(launch: Task, status: Task, plays: Plays) -> bool:
    """Say whether a later status may go on where this one has given up."""
    return any(
        plays.survives(status, other) is not False
        for other in plays.tasks[status.number + 1 :]
        if plays.asks(other) and any(launch in link.launches for link in plays.links(other))
    )


def _waited(launch: Task, status: Task, plays: Plays) -> float | None:
    """Return the seconds from the launch to the last question, with those of earlier statuses and of pauses."""
    total = _patience(status, plays)
    for task in plays.tasks[launch.number + 1 : status.number]:
        if plays.asks(task) and any(launch in link.launches for link in plays.links(task)):
            more = _patience(task, plays)
        elif task.action == "pause":
            more = _pause(task, plays)
        elif task.action == "wait_for" and not {"port", "path"} & set(task.args):
            more = _seconds(task, "timeout", plays, 300)
        else:
            continue
        if more is None or total is None:
            return None
        total += more
    return total


def _pause(task: Task, plays: Plays) -> float | None:
    seconds, minutes = _seconds(task, "seconds", plays, 0), _seconds(task, "minutes", plays, 0)
    return None if seconds is None or minutes is None or not seconds + minutes else seconds + 60 * minutes


def _seconds(task: Task, name: str, plays: Plays, default: float) -> float | None:
    if name not in task.args:
        return default
    value = plays.value(task.args[name], task)
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None
