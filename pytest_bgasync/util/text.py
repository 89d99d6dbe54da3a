"""How messages write names, lists, numbers and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from unicodedata import category

from pytest_bgasync.util.errors import NotThere

Value = TypeVar("Value")


class ByName(dict[str, Value]):
    """A mapping that raises NotThere, listing what there is, for a name that it does not have."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def __missing__(self, name: str) -> Value:
        raise NotThere(f"there is no {self._what} {name!r}; there are: {listing(self)}")


def place(task: str, host: str | None = None, item: Any = None, label: str | None = None) -> str:
    """Return how messages name a task, its host and its item."""
    item = label if label is not None else item
    return f"{task!r}" + (f" on {host}" if host else "") + (f" (item {item})" if item is not None else "")


def listing(things: Iterable[object]) -> str:
    """Return what there is, for an error message."""
    lines = [f"\n  - {thing}" for thing in things]
    return "".join(lines) or "nothing"


def number_of(count: int, what: str) -> str:
    """Return how many there are of something."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines whose columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def printable(told: str) -> str:
    """Return a text as a terminal and a report can take it: control characters and what is no UTF-8 are escaped."""
    return "".join(_escaped(c) if category(c) in ("Cc", "Cs") and c not in "\n\t" else c for c in told)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def text(value: Any) -> str:
    """Return a field of a result as text, the empty string for none."""
    return value if isinstance(value, str) else "" if value is None else str(value)
