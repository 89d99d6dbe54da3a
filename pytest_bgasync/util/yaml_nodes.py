"""YAML as Ansible reads it: nodes that know their line and column.

PyYAML composes them, which is the parser below Ansible's own loader in every release: what Ansible
reads is read here, and nothing else. Nodes are not constructed, so tags such as ``!vault`` need no meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

#: The loader in C, as Ansible takes it where it is there: ten times faster.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null", "str"))
_MERGE = "tag:yaml.org,2002:merge"
_VAULT = "$ANSIBLE_VAULT"


class NotYaml(ValueError):
    """A text that is no YAML, or has no end because an alias holds itself; ``line`` and ``column`` count from 1."""

    def __init__(self, problem: str, line: int = 1, column: int = 1) -> None:
        super().__init__(problem)
        self.problem, self.line, self.column = problem, line, column


def compose(text: str) -> Node | None:
    """Return the root of a document, None for an empty one; raises NotYaml."""
    try:
        document: Node | None = yaml.compose(text, Loader=LOADER)
        _raise_if_endless(document, set())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = str(getattr(error, "problem", None) or error)
        raise NotYaml(problem, *((mark.line + 1, mark.column + 1) if mark else ())) from None
    except RecursionError:
        raise NotYaml("it is nested too deep, or an alias holds itself") from None
    except ValueError as error:
        raise NotYaml(str(error)) from None
    return document


def read(path: Path) -> Node | None:
    """Return the content of a file, None where it is encrypted, cannot be read, is not plain YAML, or has no end.

    An empty file is an empty scalar.
    """
    try:
        content = path.read_text(encoding="utf-8")
        return None if content.startswith(_VAULT) else compose(content) or compose("''")
    except (OSError, ValueError):
        return None


def _raise_if_endless(node: Node | None, ended: set[int]) -> None:
    """Raise RecursionError for a node that holds itself, as an alias can; ``ended`` are those known not to."""
    if isinstance(node, CollectionNode) and id(node) not in ended:
        for part in node.value:
            for inner in part if isinstance(part, tuple) else (part,):
                _raise_if_endless(inner, ended)
        ended.add(id(node))


def entries(node: Node | None) -> Sequence[Node]:
    """Return what a list holds, nothing for what is no list."""
    return node.value if isinstance(node, SequenceNode) else ()


def pairs(node: Node | None) -> Mapping[str, tuple[Node, Node]]:
    """Return the key and value nodes of a mapping by the text of the key; ``<<`` is merged as YAML has it."""
    found: dict[str, tuple[Node, Node]] = {}
    merged: list[Node] = []
    for key, value in node.value if isinstance(node, MappingNode) else ():
        if key.tag == _MERGE:
            merged += entries(value) or [value]
        elif isinstance(key, ScalarNode):
            found[key.value] = key, value
    for other in merged:
        found = {**pairs(other), **found}
    return found


def keys(node: Node | None) -> Mapping[str, Node]:
    """Return the values of a mapping by the text of their keys."""
    return {name: value for name, (_, value) in pairs(node).items()}


def text(node: Node | None) -> str:
    """Return the text of a scalar, nothing for anything else."""
    return str(node.value) if isinstance(node, ScalarNode) else ""


def scalar(node: Node | None) -> bool | int | float | str | None:
    """Return what a scalar stands for; raises ValueError for a list, a mapping, and a tag of somebody's own."""
    if node is None or node.tag not in _PLAIN:
        raise ValueError("no plain scalar")
    try:
        value: bool | int | float | str | None = SafeConstructor().construct_object(node)
    except (ConstructorError, ValueError, OverflowError) as error:
        raise ValueError(str(error)) from None
    return value
