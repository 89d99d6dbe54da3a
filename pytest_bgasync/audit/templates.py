"""Jinja in a playbook, as Jinja's own parser reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import Environment, TemplateError, UndefinedError
from jinja2 import nodes as jinja
from jinja2.runtime import Undefined

TRUE = frozenset({"true", "yes", "on", "1", "y", "t", "1.0"})
FALSE = frozenset({"false", "no", "off", "0", "n", "f", "0.0"})


def _bool(value: Any) -> bool:
    """Return what Ansible's filter ``bool`` makes of a value."""
    return str(value).strip().lower() in TRUE


def _mandatory(value: Any) -> Any:
    if isinstance(value, Undefined):
        raise ValueError("a mandatory variable is not defined")
    return value


#: With the extensions that Ansible has, and those of its filters that numbers are made with. It renders nothing.
_ENVIRONMENT = Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])
_ENVIRONMENT.filters |= {"bool": _bool, "mandatory": _mandatory}
_CONTEXT = jinja.EvalContext(_ENVIRONMENT)


@lru_cache(maxsize=4096)
def parse(text: str) -> jinja.Template | None:
    """Return the tree of a text with templates, None where it has an error."""
    try:
        return _ENVIRONMENT.parse(text)
    except (TemplateError, RecursionError, ValueError):
        return None


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each token; raises TemplateError."""
    for _, kind, value in _ENVIRONMENT.lex(text):
        yield kind, value


def is_template(text: str) -> bool:
    """Say whether a text is more than text."""
    return any(mark in text for mark in ("{{", "{%"))


def expression(text: str) -> jinja.Expr | None:
    """Return the expression of a text that is one template and nothing else, None for any other."""
    tree = parse(text.strip())
    if tree is None or len(tree.body) != 1:
        return None
    output = tree.body[0]
    if not isinstance(output, jinja.Output) or len(output.nodes) != 1:
        return None
    (found,) = output.nodes
    return None if isinstance(found, jinja.TemplateData) else found


def condition(text: str) -> jinja.Expr | None:
    """Return the expression of a condition, which is written without braces."""
    return expression(text) if is_template(text) else expression("{{ (" + text + ") }}")


def path(node: jinja.Node) -> str | None:
    """Return ``a.b.0`` for an expression that only looks up, None for any other."""
    if isinstance(node, jinja.Name):
        return node.name
    if isinstance(node, jinja.Getattr):
        base = path(node.node)
        return None if base is None else f"{base}.{node.attr}"
    if isinstance(node, jinja.Getitem) and isinstance(node.arg, jinja.Const):
        base = path(node.node)
        return None if base is None else f"{base}.{node.arg.value}"
    return None


def attribute(node: jinja.Node) -> tuple[jinja.Expr, str] | None:
    """Return what an attribute is looked up of, and its name."""
    if isinstance(node, jinja.Getattr):
        return node.node, node.attr
    if isinstance(node, jinja.Getitem) and isinstance(node.arg, jinja.Const) and isinstance(node.arg.value, str):
        return node.node, node.arg.value
    return None


def names(node: jinja.Node) -> set[str]:
    """Return the variables that are mentioned."""
    found = {one.name for one in node.find_all(jinja.Name)}
    return found | {node.name} if isinstance(node, jinja.Name) else found


def mentioned(node: jinja.Node) -> set[str]:
    """Return all words that could be the name of a variable, as in ``hostvars['db1'].job``."""
    found = names(node)
    for one in walk(node):
        if isinstance(one, jinja.Getattr):
            found.add(one.attr)
        elif isinstance(one, jinja.Const) and isinstance(one.value, str):
            found.add(one.value)
    return found


def constant(node: jinja.Expr) -> Any:
    """Return the value of an expression without variables; raises jinja2.nodes.Impossible for any other."""
    try:
        return node.as_const(_CONTEXT)
    except UndefinedError:
        raise jinja.Impossible from None


def walk(node: jinja.Node) -> Iterator[jinja.Node]:
    """Yield a node and all nodes below it."""
    yield node
    for child in node.iter_child_nodes():
        yield from walk(child)


def conjuncts(node: jinja.Expr) -> list[jinja.Expr]:
    """Return the parts of ``a and b and c``."""
    return [*conjuncts(node.left), *conjuncts(node.right)] if isinstance(node, jinja.And) else [node]


def both(conditions: Sequence[jinja.Expr]) -> jinja.Expr:
    """Return one expression for conditions that must all hold, asked in this order."""
    found = conditions[0]
    for one in conditions[1:]:
        found = jinja.And(found, one)
    return found
