"""Reads of a key that may be missing: which of them a condition before them makes safe."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jinja2 import nodes as jinja

from pytest_bgasync.audit import templates

#: Tests and keys that say nothing about how a job ended.
_SILENT_TESTS = frozenset({"finished", "started", "skipped", "skip", "changed", "change", "true", "false", "sameas"})
_SILENT_KEYS = frozenset({"finished", "started", "ansible_job_id", "changed", "skipped", "results_file", "item"})
GOOD = frozenset({"succeeded", "success", "successful"})
BAD = frozenset({"failed", "failure"})

#: Whether ``is succeeded`` tells that a result has the key.
Told = Callable[[jinja.Node], bool]


def unguarded(node: jinja.Node, key: str, told: Told, safe: frozenset[str] = frozenset()) -> Iterator[jinja.Expr]:
    """Yield the results whose key is read where it may be missing.

    ``safe`` are the paths of results that have it.
    """
    if isinstance(node, jinja.And | jinja.Or):
        yield from unguarded(node.left, key, told, safe)
        yield from unguarded(
            node.right, key, told, safe | implied(node.left, key, told, holds=isinstance(node, jinja.And))
        )
    elif isinstance(node, jinja.CondExpr):
        yield from unguarded(node.test, key, told, safe)
        yield from unguarded(node.expr1, key, told, safe | implied(node.test, key, told, holds=True))
        if node.expr2 is not None:
            yield from unguarded(node.expr2, key, told, safe | implied(node.test, key, told, holds=False))
    elif isinstance(node, jinja.If):
        yield from _branches(node, key, told, safe)
    elif isinstance(node, jinja.Filter) and node.name in ("default", "d") and _reads(node.node, key):
        for argument in [*node.args, *(pair.value for pair in node.kwargs)]:
            yield from unguarded(argument, key, told, safe)
    elif isinstance(node, jinja.Test) and node.name in ("defined", "undefined", "none"):
        return
    elif (read := _reads(node, key)) is not None:
        if templates.path(read) not in safe:
            yield read
    else:
        for child in node.iter_child_nodes():
            yield from unguarded(child, key, told, safe)


def _branches(node: jinja.If, key: str, told: Told, safe: frozenset[str]) -> Iterator[jinja.Expr]:
    yield from unguarded(node.test, key, told, safe)
    for child in node.body:
        yield from unguarded(child, key, told, safe | implied(node.test, key, told, holds=True))
    for child in [*node.elif_, *node.else_]:
        yield from unguarded(child, key, told, safe | implied(node.test, key, told, holds=False))


def implied(node: jinja.Node, key: str, told: Told, *, holds: bool) -> frozenset[str]:
    """Return the paths of results that have the key where a condition holds, or does not.

    A condition about anything else in a result may say so too, and counts.
    """
    if isinstance(node, jinja.Not):
        return implied(node.node, key, told, holds=not holds)
    if isinstance(node, jinja.And | jinja.Or):
        left, right = implied(node.left, key, told, holds=holds), implied(node.right, key, told, holds=holds)
        return left | right if holds is isinstance(node, jinja.And) else left & right
    if isinstance(node, jinja.Test):
        return _tested(node, key, told, holds=holds)
    return frozenset(_judged(node, key))


def _tested(node: jinja.Test, key: str, told: Told, *, holds: bool) -> frozenset[str]:
    path = templates.path(node.node)
    if path is not None and node.name in GOOD | BAD:
        good = holds is (node.name in GOOD)
        return frozenset({path}) if good and told(node.node) else frozenset()
    read = _reads(node.node, key)
    if read is not None and node.name in ("defined", "undefined"):
        base = templates.path(read)
        return frozenset({base}) if base is not None and holds is (node.name == "defined") else frozenset()
    if node.name in _SILENT_TESTS | {"defined", "undefined"} and path is not None:
        found = templates.attribute(node.node)
        silent = found is None or found[1] in _SILENT_KEYS or "." not in path
        return frozenset() if silent else frozenset(_judged(node.node, key))
    return frozenset(_judged(node, key))


def _judged(node: jinja.Node, key: str) -> Iterator[str]:
    """Yield the paths of results of which anything else than their state is looked at."""
    found = templates.attribute(node)
    if found is not None and found[1] not in _SILENT_KEYS:
        base = templates.path(found[0])
        if base is not None:
            yield base
    if isinstance(node, jinja.Compare) and isinstance(node.expr, jinja.Const) and node.expr.value == key:
        for operand in node.ops:  # 'rc' in result
            base = templates.path(operand.expr)
            if base is not None:
                yield base
    for child in node.iter_child_nodes():
        yield from _judged(child, key)


def _reads(node: jinja.Node | None, key: str) -> jinja.Expr | None:
    found = templates.attribute(node) if node is not None else None
    return found[0] if found is not None and found[1] == key else None
