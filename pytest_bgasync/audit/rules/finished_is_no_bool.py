"""A test that tells 1 from true, and a condition that is neither true nor false."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes as jinja

from pytest_bgasync.audit import templates
from pytest_bgasync.audit.job_graph import Plays, expressions, of_jobs
from pytest_bgasync.audit.model import Entry, Fault, Severity, Task, place, split
from pytest_bgasync.audit.values import Field, Result

ID = "BGA020"
SEVERITY = Severity.ERROR
PROBLEM = (
    "finished is 0 or 1 up to ansible-core 2.18 and a bool from 2.19 on, where a condition has to be a bool;"
    " what tells the two apart works on one side only"
)
CURE = "write job is finished, or job is not finished; for an rc compare: job.rc == 0"
_TESTS = {"true", "false", "sameas", "boolean", "integer"}
_STATES = {"finished", "started"}
#: Keys of a result that are no bool in any release.
_VALUES = {
    "rc",
    "ansible_job_id",
    "results_file",
    "stdout",
    "stderr",
    "msg",
    "stdout_lines",
    "stderr_lines",
    "attempts",
}
#: Those that are never empty.
_CERTAIN = {"ansible_job_id", "results_file"}
_CONVERTING = {"int", "string", "length", "count", "float", "list"}


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find these tests in all templates, and conditions that are a number or a text of a job."""
    for entry, own in _conditions(task):
        expression = plays.condition(entry)
        if expression is None:
            continue
        for what in _told_apart(expression, task, plays, own=own):
            yield task.fault(f"{task.called} asks {what}, which never holds where finished is 0 or 1", entry.place)
        if (path := _no_bool(expression, task, plays, own=own)) is not None:
            yield task.fault(f"the condition {path} of {task.called} is no bool, an error from 2.19 on", entry.place)
    own_vars = [value for name, (_, value) in task.scopes[-1].pairs.items() if name == "vars"]
    for value in [*task.args.values(), *own_vars]:
        for node, tree in expressions(value):
            for what in _told_apart(tree, task, plays, own=False):
                yield task.fault(
                    f"{task.called} asks {what}, which never holds where finished is 0 or 1", place(task.file, node)
                )


def _conditions(task: Task) -> Iterator[tuple[Entry, bool]]:
    for entry in task.conditions():
        yield entry, False
    for name in ("until", "failed_when", "changed_when"):
        own = task.own(name)
        for entry in split(own) if own is not None else ():
            yield entry, True
    if task.action == "assert" and "that" in task.args:
        that = Entry(task.file, task.args["that"], task.args["that"])
        for entry in split(that):
            yield entry, False


def _is_certain(node: jinja.Expr) -> bool:
    """Say whether an expression is true for each job."""
    if isinstance(node, jinja.And):
        return _is_certain(node.right)
    found = templates.attribute(node)
    return found is not None and found[1] in _CERTAIN


def _told_apart(tree: jinja.Node, task: Task, plays: Plays, *, own: bool) -> Iterator[str]:
    for node in templates.walk(tree):
        if isinstance(node, jinja.Test) and node.name in _TESTS:
            found = templates.attribute(node.node)
            if found is not None and found[1] in _STATES and _is_job(found[0], task, plays, own=own):
                yield f"{templates.path(node.node)} is {node.name}"


def _is_job(node: jinja.Expr, task: Task, plays: Plays, *, own: bool) -> bool:
    values = plays.evaluate(node, task, own=own)
    return any(isinstance(value, Result) and of_jobs(value, plays) for value in values)


def _no_bool(node: jinja.Expr, task: Task, plays: Plays, *, own: bool) -> str | None:
    """Return what a condition comes to where that is no bool."""
    if isinstance(node, jinja.And | jinja.Or):
        left, right = (_no_bool(one, task, plays, own=own) for one in (node.left, node.right))
        # Of "a and b" an a that is never empty is not the result.
        certain = isinstance(node, jinja.And) and _is_certain(node.left)
        return right if certain else left or right
    if isinstance(node, jinja.Filter) and node.node is not None:
        if node.name in _CONVERTING:
            inner = node.node
            found = templates.attribute(inner)
            is_state = found is not None and found[1] in _STATES | _VALUES
            path = templates.path(inner)
            return f"{path} | {node.name}" if found and is_state and _is_job(found[0], task, plays, own=own) else None
        return _no_bool(node.node, task, plays, own=own) if node.name in ("default", "d") else None
    for value in plays.evaluate(node, task, own=own):
        if isinstance(value, Field) and value.name in _VALUES and of_jobs(value.of, plays):
            return templates.path(node) or value.name
    return None
