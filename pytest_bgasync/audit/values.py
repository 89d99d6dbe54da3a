"""What an expression of a playbook can stand for, as far as it can be known without a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_bgasync.audit.model import Task


@dataclass(frozen=True)
class Unknown:
    """What cannot be known."""


@dataclass(frozen=True)
class Known:
    """A value that is written down."""

    value: Any


@dataclass(frozen=True)
class Result:
    """What one of these tasks has registered: ``whole`` with all items of its loop, else one result.

    ``filtered``: not all items of the loop are meant.
    """

    producers: tuple[Task, ...]
    whole: bool = False
    filtered: bool = False


@dataclass(frozen=True)
class Field:
    """A key of a result."""

    of: Result
    name: str


@dataclass(frozen=True)
class Many:
    """A list; ``alike`` when its only item stands for any number of them."""

    items: tuple[Value, ...]
    alike: bool = False


@dataclass(frozen=True)
class Named:
    """A mapping."""

    items: Mapping[str, Value]


Value = Unknown | Known | Result | Field | Many | Named
UNKNOWN = Unknown()


def look_up(value: Value, key: str | int) -> Value:
    """Return what an attribute or an index leads to."""
    if isinstance(value, Result):
        if key == "results" and value.whole:
            return Many((Result(value.producers, filtered=value.filtered),), alike=True)
        return Field(value, key) if isinstance(key, str) else UNKNOWN
    if isinstance(value, Named) and isinstance(key, str):
        return value.items.get(key, UNKNOWN)
    if isinstance(value, Many) and isinstance(key, int):
        if value.alike:
            return value.items[0]
        return value.items[key] if -len(value.items) <= key < len(value.items) else UNKNOWN
    return UNKNOWN


def some_of(value: Value) -> Value:
    """Return a list of which not all items are meant."""
    if not isinstance(value, Many) or not value.alike:
        return UNKNOWN
    return Many(
        tuple(Result(i.producers, i.whole, filtered=True) if isinstance(i, Result) else i for i in value.items), True
    )
