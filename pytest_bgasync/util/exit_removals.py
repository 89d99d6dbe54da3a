"""What this process has to remove before it ends, known before it is made."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Hashable
from contextlib import suppress
from itertools import count

from pytest_bgasync.util.interrupts import INTERRUPTS, Interrupts


class Cleanups:
    """Removals, each known by the thing that it removes, in the order in which they were added.

    A removal is added before, or while Ctrl-C is held together with, the making of its thing. So whatever an interrupt
    breaks off, ``finish`` finds all there is.
    """

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._left: dict[Hashable, _Removal] = {}
        self._numbers = count()
        self._process = os.getpid()

    def add(self, thing: Hashable, remove: Callable[[], None]) -> None:
        """Add the removal of a thing; it may be called before the thing is there, or when it has gone."""
        self._left[thing] = _Removal(next(self._numbers), remove)

    def drop(self, thing: Hashable) -> None:
        """Let a thing stay."""
        self._left.pop(thing, None)

    def run(self, thing: Hashable, doing: str) -> None:
        """Remove a thing, if it is still to be removed, whatever Ctrl-C says; ``doing`` tells what goes on.

        Raises what its removal raises.
        """
        if (removal := self._left.get(thing)) is not None:
            try:
                self._interrupts.undisturbed(removal.do, doing)
            finally:
                if removal.done:
                    self.drop(thing)

    def mark(self) -> int:
        """Return what tells the things that are added from now on."""
        return next(self._numbers)

    def finish(self, since: int = -1) -> None:
        """Remove what is left, the last first, of all or of what was added since a ``mark``; raises KeyboardInterrupt.

        What cannot be removed is left to the next run.
        """
        if os.getpid() != self._process:
            return  # a fork of it: the things are its parent's

        def remove() -> None:
            for thing, removal in self._since(since):
                removal.try_it()
                self.drop(thing)

        if self._since(since):
            self._interrupts.undisturbed(remove, "removing hosts and networks")

    def _since(self, mark: int) -> list[tuple[Hashable, _Removal]]:
        return [(thing, removal) for thing, removal in reversed(self._left.items()) if removal.number > mark]


class _Removal:
    """One removal, which is done once."""

    def __init__(self, number: int, remove: Callable[[], None]) -> None:
        self.number = number
        self._remove = remove
        self._lock = threading.Lock()
        self.done = False

    def do(self) -> None:
        """Do it, unless it was done; raises what it raises."""
        with self._lock:
            if not self.done:
                try:
                    self._remove()
                finally:
                    self.done = True

    def try_it(self) -> None:
        """Do it, and raise nothing: another one is to be done."""
        with suppress(Exception):
            self.do()


#: One for each process: signals interrupt all that it makes, and its end is one for all.
CLEANUPS = Cleanups(INTERRUPTS)
# Where pytest, or the command, could not come to it.
atexit.register(CLEANUPS.finish)
