"""A condition or template that reads the ``rc`` of a job that may have none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from jinja2 import nodes as jinja
from yaml.nodes import Node

from pytest_bgasync.audit import templates
from pytest_bgasync.audit.guards import implied, unguarded
from pytest_bgasync.audit.job_graph import Plays, expressions
from pytest_bgasync.audit.model import Entry, Fault, Place, Severity, Task, place, split
from pytest_bgasync.audit.values import Result

ID = "BGA016"
SEVERITY = Severity.ERROR
PROBLEM = "an rc is read that a launch never has, and a job not when it timed out; reading it is an error exactly then"
CURE = "write job.rc | default(1), or ask first whether job.rc is defined"
_CHECKS = {"assert", "fail", "meta"}


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find reads of rc that nothing before them makes safe, where the play goes on without one."""
    safe: frozenset[str] = frozenset()
    for entry in task.conditions():
        expression = plays.condition(entry)
        if expression is not None:
            yield from _reads(expression, entry.place, task, plays, safe)
            safe |= implied(expression, "rc", partial(_told, task=task, plays=plays, own=False), holds=True)
    for _, tree, at in _written(task):
        yield from _reads(tree, at, task, plays, safe)
    if task.action == "assert" and "that" in task.args:
        that = Entry(task.file, task.args["that"], task.args["that"])
        yield from _asked_in_turn(that, task, plays, safe, own=False)
    # An error in failed_when fails a task, which is right for a status without rc, and wrong for every launch.
    asked_after = ("until", "failed_when", "changed_when") if plays.launches(task) else ("until",)
    if plays.asks(task) or plays.launches(task) or plays.waits(task):
        for entry in filter(None, map(task.own, asked_after)):
            yield from _asked_in_turn(entry, task, plays, safe, own=True)


def _written(task: Task) -> Iterator[tuple[Node, jinja.Template, Place]]:
    own = [value for name, (_, value) in task.scopes[-1].pairs.items() if name in ("vars", "environment", "loop")]
    for value in [*task.args.values(), *own]:
        for node, tree in expressions(value):
            yield node, tree, place(task.file, node)


def _asked_in_turn(entry: Entry, task: Task, plays: Plays, safe: frozenset[str], *, own: bool) -> Iterator[Fault]:
    for one in split(entry):
        expression = plays.condition(one)
        if expression is not None:
            yield from _reads(expression, one.place, task, plays, safe, own=own)
            safe |= implied(expression, "rc", partial(_told, task=task, plays=plays, own=own), holds=True)


def _reads(
    tree: jinja.Node, at: Place, task: Task, plays: Plays, safe: frozenset[str], *, own: bool = False
) -> Iterator[Fault]:
    told = partial(_told, task=task, plays=plays, own=own)
    for read in unguarded(tree, "rc", told, safe):
        for value in plays.evaluate(read, task, own=own):
            if isinstance(value, Result) and not value.whole and not value.filtered:
                lacking = [_lacks(one, read, task, plays) for one in value.producers]
                if all(lacking):
                    yield task.fault(f"{task.called} reads {templates.path(read)}.rc: {lacking[-1]}", at)
                    return


def _lacks(producer: Task, read: jinja.Expr, task: Task, plays: Plays) -> str:
    """Say why a result can be without an rc where it is read; nothing where it has one."""
    if plays.launches(producer):
        return f"the launch of {producer.called} has none"
    if not plays.asks(producer) and not plays.waits(producer):
        return ""
    reached = producer is task or plays.survives(producer, task)
    if not reached or _is_checked(producer, read, task, plays):
        return ""
    return f"a job that timed out has none, and {task.called} is an error exactly then"


def _is_checked(producer: Task, read: jinja.Expr, task: Task, plays: Plays) -> bool:
    """Say whether a task in between may end the play for a result without rc."""
    words = templates.names(read)
    for other in plays.tasks[producer.number + 1 : task.number]:
        if other.action in _CHECKS:
            conditions = [plays.condition(entry) for entry in other.conditions()]
            if "that" in other.args:
                that = Entry(other.file, other.args["that"], other.args["that"])
                conditions += [plays.condition(entry) for entry in split(that)]
            if any(one is not None and templates.names(one) & words for one in conditions):
                return True
    return False


def _told(node: jinja.Node, *, task: Task, plays: Plays, own: bool) -> bool:
    """Say whether ``is succeeded`` is false for a result without rc: not of a launch, nor with failed_when: false."""
    for value in plays.evaluate(node, task, own=own):
        for one in value.producers if isinstance(value, Result) else ():
            if plays.launches(one) or one.own("failed_when"):
                return False
    return True
