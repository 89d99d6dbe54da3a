"""What a test has done to hosts and jobs, with the time of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pytest_bgasync.util.clock import steady


@dataclass
class Deed:
    """One thing that was done. Times are those of ``steady``; ``ended`` is None for what is done at once."""

    what: str
    began: float = field(default_factory=steady)
    ended: float | None = None


@contextmanager
def noted(deeds: list[Deed], what: str) -> Iterator[None]:
    """Add what the ``with`` block does, with its beginning and its end."""
    deed = Deed(what)
    deeds.append(deed)
    try:
        yield
    finally:
        deed.ended = steady()
