"""What a condition comes to where nothing but the success of some jobs is known."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from jinja2 import nodes as jinja

from pytest_bgasync.audit import templates
from pytest_bgasync.audit.guards import BAD, GOOD

#: What a result of a job that has succeeded is known to say, by the path of the result and the key.
Facts = Callable[[jinja.Node, str], Any]
#: What nothing is known of.
OPEN = object()

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "lteq": operator.le, "gt": operator.gt,
    "gteq": operator.ge, "in": lambda one, many: one in many, "notin": lambda one, many: one not in many,
}  # fmt: skip
_KEEPING = frozenset({"int", "bool", "default", "d", "float"})


def outcome(node: jinja.Node, facts: Facts) -> Any:
    """Return the value of an expression, OPEN where it is not known.

    ``facts(result, key)`` is what is known of a key of a result, OPEN for nothing; the keys ``succeeded`` and
    ``failed`` are those of the tests, too. Only what facts decide is known: an expression without any is OPEN.
    """
    if isinstance(node, jinja.And | jinja.Or):
        return _joined(outcome(node.left, facts), outcome(node.right, facts), stop=isinstance(node, jinja.Or))
    if isinstance(node, jinja.Not):
        inner = outcome(node.node, facts)
        return OPEN if inner is OPEN else not inner
    if isinstance(node, jinja.Test):
        return _tested(node, facts)
    if isinstance(node, jinja.Compare) and len(node.ops) == 1:
        return _compared(node, facts)
    if isinstance(node, jinja.Filter) and node.name in _KEEPING and node.node is not None:
        if node.name in ("default", "d") and (found := templates.attribute(node.node)) is not None:
            return facts(found[0], f"{found[1]}|default")
        inner = outcome(node.node, facts)
        return inner if inner is OPEN or node.name not in ("bool", "int") else int(inner)
    found = templates.attribute(node)
    return OPEN if found is None else facts(*found)


def _joined(left: Any, right: Any, *, stop: bool) -> Any:
    """Return what ``and`` or ``or`` makes of two values; one that decides it is enough."""
    known = [bool(one) for one in (left, right) if one is not OPEN]
    if stop in known:
        return stop
    return (not stop) if len(known) == 2 else OPEN


def _tested(node: jinja.Test, facts: Facts) -> Any:
    if node.name in GOOD:
        return facts(node.node, "succeeded")
    if node.name in BAD:
        return facts(node.node, "failed")
    if node.name == "finished":
        return facts(node.node, "finished")
    if node.name in ("true", "false"):
        inner = outcome(node.node, facts)
        # Where it is 1 it is neither; where it is known at all, "is false" does not hold.
        return False if inner is not OPEN and bool(inner) is (node.name == "false") else OPEN
    return OPEN


def _compared(node: jinja.Compare, facts: Facts) -> Any:
    (operand,) = node.ops
    left, right = outcome(node.expr, facts), _constant(operand.expr)
    if left is OPEN:
        left, right = outcome(operand.expr, facts), _constant(node.expr)
        if left is OPEN or right is OPEN:
            return OPEN
        left, right = right, left
    if right is OPEN:
        return OPEN
    try:
        return bool(_OPERATORS[operand.op](left, right))
    except TypeError:
        return OPEN


def _constant(node: jinja.Expr) -> Any:
    try:
        return node.as_const()
    except jinja.Impossible:
        return OPEN
