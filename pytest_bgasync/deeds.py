"""What a test has done to hosts and jobs, with the time of each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Deed:
    """One thing that was done. Times are seconds since the epoch; ``ended`` is None for what is done at once."""

    what: str
    began: float = field(default_factory=time.time)
    ended: float | None = None


@contextmanager
def noted(deeds: list[Deed], what: str) -> Iterator[None]:
    """Add what the ``with`` block does, with its beginning and its end."""
    deed = Deed(what)
    deeds.append(deed)
    try:
        yield
    finally:
        deed.ended = time.time()
