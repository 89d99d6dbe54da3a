"""Which words a text mentions that could be names of variables, found without parsing it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from yaml.nodes import CollectionNode, Node, ScalarNode

_WORD = re.compile(r"\w+")


def words(*nodes: Node) -> frozenset[str]:
    """Return every word in the keys and values of nodes: at least all variables that their templates can name."""
    found: set[str] = set()
    seen: set[int] = set()
    waiting: list[Node] = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ScalarNode):
            found.update(_WORD.findall(str(node.value)))
        elif isinstance(node, CollectionNode) and id(node) not in seen:  # an alias may stand for it many times
            seen.add(id(node))
            waiting += _parts(node)
    return frozenset(found)


def _parts(node: CollectionNode) -> Iterable[Node]:
    for part in node.value:
        if isinstance(part, tuple):
            yield from part
        else:
            yield part
