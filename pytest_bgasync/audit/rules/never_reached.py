"""A report of failures behind a status that fails itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from jinja2 import nodes as jinja

from pytest_bgasync.audit import templates
from pytest_bgasync.audit.job_graph import Plays, expressions
from pytest_bgasync.audit.model import Fault, Severity, Task, place
from pytest_bgasync.audit.partial_eval import OPEN, outcome
from pytest_bgasync.audit.values import Result

ID = "BGA017"
SEVERITY = Severity.ERROR
PROBLEM = "a job that fails fails its status, too; what would report the failure after it is never reached"
CURE = (
    "give the status ignore_errors: true or failed_when: false, or put it into a block and the report into its rescue"
)


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find what would be done about a failure where only successes come."""
    asked: list[Task] = []
    facts = partial(_known, task=task, plays=plays, asked=asked)
    for entry in task.conditions():
        expression = plays.condition(entry)
        asked.clear()
        if expression is not None and (value := outcome(expression, facts)) is not OPEN and not value:
            yield task.fault(f"{task.called} never runs: {_why(asked)}", entry.place)
            return
    own = [value for name, (_, value) in task.scopes[-1].pairs.items() if name == "vars"]
    for value in [*task.args.values(), *own]:
        for node, tree in expressions(value):
            asked.clear()
            if [one for one in templates.walk(tree) if _is_one_way(one, facts)]:
                yield task.fault(f"{task.called} never tells of a failure: {_why(asked)}", place(task.file, node))
                return


def _why(asked: list[Task]) -> str:
    names = " and ".join(dict.fromkeys(task.called for task in asked))
    return f"where the job of {names} fails, the status fails itself and the play ends there for the host"


def _is_one_way(node: jinja.Node, facts: Any) -> bool:
    """Say whether a part of a template can come out in one way only, where it was written for two."""
    if isinstance(node, jinja.CondExpr):
        value = outcome(node.test, facts)
        return value is not OPEN and (not value or node.expr2 is not None)
    if isinstance(node, jinja.If):
        value = outcome(node.test, facts)
        return value is not OPEN and (not value or bool(node.elif_ or node.else_))
    if isinstance(node, jinja.Filter) and node.name == "ternary" and node.node is not None:
        return outcome(node.node, facts) is not OPEN
    if isinstance(node, jinja.Output):
        judged = [one for one in node.nodes if isinstance(one, jinja.Compare | jinja.Not | jinja.Test)]
        return any(outcome(one, facts) is not OPEN for one in judged)
    return False


def _known(node: jinja.Node, key: str, *, task: Task, plays: Plays, asked: list[Task]) -> Any:
    """Return what a result is known to say where its status has not ended the play."""
    values = plays.evaluate(node, task)
    results = [value for value in values if isinstance(value, Result)]
    statuses = [one for result in results for one in result.producers]
    ended = all(plays.asks(one) and plays.survives(one, task) is False for one in statuses)
    if not statuses or len(results) < len(values) or not ended:
        return OPEN
    whole, may_skip = any(one.whole for one in results), any(one.conditions() for one in statuses)
    name, default = key.removesuffix("|default"), key.endswith("|default")
    waits = all(one.own("until") is not None for one in statuses)  # one that only looks may see a job that runs on
    known: dict[str, Any] = {"succeeded": True, "failed": False}
    if not whole and waits and not (default and may_skip):
        known["rc"] = 0
        known |= {} if may_skip else {"finished": 1}
    if name in known:
        asked += statuses
    return known.get(name, OPEN)
