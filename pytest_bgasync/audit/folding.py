"""Partial evaluation of Jinja expressions: which values an expression can have where only some variables are known.

Jinja's own constant folding does the work. Nothing is rendered and nothing is called, so a lookup never runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jinja2 import ChainableUndefined, StrictUndefined
from jinja2 import nodes as jinja
from jinja2.runtime import Undefined

from pytest_bgasync.audit import templates

#: What Ansible's variable ``omit`` stands for: as if the keyword were not written.
OMIT = object()
#: Variables that are the same in each run that launches jobs.
FIXED: Mapping[str, Any] = {"omit": OMIT, "ansible_check_mode": False}
#: Filters that may be folded: they are quick, and depend on their arguments only.
_FILTERS = frozenset({
    "abs", "bool", "d", "default", "first", "float", "int", "last", "length", "count", "lower", "mandatory", "max",
    "min", "replace", "round", "string", "sum", "trim", "upper",
})  # fmt: skip
#: How many values an expression may have, and how many branches may be tried, before it counts as unknown.
_MOST, _MOST_BRANCHES = 16, 256

#: Returns the values that a variable can have, none where it is not known.
Look = Callable[[str], Sequence[Any]]


class _Unset(ChainableUndefined, StrictUndefined):
    """A variable that nobody has set: it has a default, and no truth of its own, because somebody must set it then."""

    __slots__ = ()


def undefined(name: str) -> Undefined:
    """Return the value of a variable that nobody has set."""
    return _Unset(name=name)


def outcomes(node: jinja.Expr, look: Look) -> tuple[Any, ...]:
    """Return the values that an expression can have; none where that is not known.

    Of a condition both branches count, unless it only asks for FIXED variables or whether one is defined: others are
    switches, which are there to be set otherwise.
    """
    try:
        return tuple(_outcomes(_filled(node, look), _MOST, iter(range(_MOST_BRANCHES))) or ())
    except RecursionError:
        return ()


def _outcomes(node: jinja.Expr, most: int, branches: Iterator[int]) -> list[Any] | None:
    """Return the values of an expression, None where it is not known or has too many.

    ``branches`` gives a number for each that may still be tried: those of terms side by side multiply.
    """
    try:
        value = templates.constant(node)
        return None if isinstance(value, Undefined) else [value]
    except jinja.Impossible:
        pass
    choice = next((one for one in templates.walk(node) if isinstance(one, jinja.CondExpr) and _is_open(one)), None)
    if choice is None:
        return None
    found: list[Any] = []
    for branch in (choice.expr1, choice.expr2):
        if branch is None or len(found) >= most or next(branches, None) is None:
            return None
        more = _outcomes(_replaced(node, choice, branch), most - len(found), branches)
        if more is None:
            return None
        found += [one for one in more if not any(one is other or one == other for other in found)]
    return found


def _is_open(choice: jinja.CondExpr) -> bool:
    try:
        return isinstance(templates.constant(choice.test), Undefined)
    except jinja.Impossible:
        return True


def _filled(node: jinja.Expr, look: Look) -> jinja.Expr:
    """Return a copy with values in the place of known variables, and without conditions on switches."""
    if isinstance(node, jinja.Name):
        values = [jinja.Const(value) for value in ([FIXED[node.name]] if node.name in FIXED else look(node.name))]
        found: jinja.Expr = values[-1] if values else node
        for value in reversed(values[:-1]):
            found = jinja.CondExpr(_unknown(), value, found)
        return found
    if isinstance(node, jinja.Filter) and node.node is not None and node.name == "ternary" and len(node.args) == 2:
        node = jinja.CondExpr(node.node, *node.args, environment=node.environment)
    if isinstance(node, jinja.CondExpr) and not _is_fixed(node.test):
        node = jinja.CondExpr(_unknown(), node.expr1, node.expr2)
    # A power could take for ever, and filters that are Ansible's own are not known here.
    if isinstance(node, jinja.Pow) or (isinstance(node, jinja.Filter) and node.name not in _FILTERS):
        return _unknown()
    copy: jinja.Expr = _rebuilt(node, lambda child: _filled(child, look))
    if isinstance(copy, jinja.Mul | jinja.Mod) and not all(map(_may_be_number, (copy.left, copy.right))):
        return _unknown()  # a text many times, or a very wide one, could fill the memory
    return copy


def _is_fixed(test: jinja.Node) -> bool:
    """Say whether a condition is the same for everybody who uses the playbook as it stands."""
    if isinstance(test, jinja.Test) and test.name in ("defined", "undefined"):
        return True
    if isinstance(test, jinja.Name):
        return test.name in FIXED
    return all(map(_is_fixed, test.iter_child_nodes()))


def _may_be_number(node: jinja.Expr) -> bool:
    try:
        return isinstance(templates.constant(node), int | float)
    except jinja.Impossible:
        return True


def _unknown() -> jinja.Expr:
    return jinja.Name("", "load")


def _replaced(node: jinja.Expr, old: jinja.Node, new: jinja.Expr) -> jinja.Expr:
    if node is old:
        return new
    found: jinja.Expr = _rebuilt(node, lambda child: _replaced(child, old, new))
    return found


def _rebuilt(node: Any, change: Callable[[Any], Any]) -> Any:
    """Return a copy of a node with other children; trees are shared, so none is ever changed."""
    fields = [
        change(value)
        if isinstance(value, jinja.Node)
        else [change(one) if isinstance(one, jinja.Node) else one for one in value]
        if isinstance(value, list)
        else value
        for _, value in node.iter_fields()
    ]
    return type(node)(*fields, lineno=node.lineno, environment=node.environment)
