"""A timeout that is told by the text of its message."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes as jinja

from pytest_bgasync.audit import templates
from pytest_bgasync.audit.job_graph import Plays, expressions, of_jobs
from pytest_bgasync.audit.model import Entry, Fault, Place, Severity, Task, place, split
from pytest_bgasync.audit.values import Result

ID = "BGA041"
SEVERITY = Severity.WARNING
PROBLEM = (
    "a timeout is told by the text Timeout exceeded, which tasks with poll above 0 do not have from ansible-core 2.21"
    " on, and Windows never"
)
CURE = "ask whether the job failed without an rc: job is failed and job.rc is not defined"
_TEXT = "timeout exceeded"
_SEARCHES = {"regex_search", "regex_findall"}


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find conditions and templates that compare a message with the wrapper's text."""
    for tree, at, own in _written(task, plays):
        for node in templates.walk(tree):
            if _asks(node) and _has_text(node) and (path := _message(node, task, plays, own=own)):
                yield task.fault(f"{task.called} compares {path} with the text of the wrapper", at)
                return


def _written(task: Task, plays: Plays) -> Iterator[tuple[jinja.Node, Place, bool]]:
    entries = [(one, False) for one in task.conditions()]
    for name in ("until", "failed_when", "changed_when"):
        own = task.own(name)
        entries += [(one, True) for one in split(own)] if own is not None else []
    if task.action == "assert" and "that" in task.args:
        entries += [(one, False) for one in split(Entry(task.file, task.args["that"], task.args["that"]))]
    for entry, own_result in entries:
        if (expression := plays.condition(entry)) is not None:
            yield expression, entry.place, own_result
    own_vars = [value for name, (_, value) in task.scopes[-1].pairs.items() if name == "vars"]
    for value in [*task.args.values(), *own_vars]:
        for node, tree in expressions(value):
            yield tree, place(task.file, node), False


def _asks(node: jinja.Node) -> bool:
    return isinstance(node, jinja.Compare | jinja.Test) or (isinstance(node, jinja.Filter) and node.name in _SEARCHES)


def _has_text(node: jinja.Node) -> bool:
    texts = (one.value for one in templates.walk(node) if isinstance(one, jinja.Const) and isinstance(one.value, str))
    return any(_TEXT in one.lower() for one in texts)


def _message(node: jinja.Node, task: Task, plays: Plays, *, own: bool) -> str | None:
    """Return the path of a job's message that an expression reads."""
    for one in templates.walk(node):
        found = templates.attribute(one)
        if found is not None and found[1] == "msg":
            for value in plays.evaluate(found[0], task, own=own):
                # An action of the author's own that is given a limit has a job, too.
                if isinstance(value, Result) and (
                    of_jobs(value, plays) or all("async" in one.args for one in value.producers)
                ):
                    return templates.path(one) or "msg"
    return None
