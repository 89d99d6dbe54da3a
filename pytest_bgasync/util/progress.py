"""Says what takes long, line by line, while somebody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from pytest_bgasync.util.errors import BgasyncError

#: Real seconds before the first line about something that goes on, and between two.
FIRST, EVERY = 2.0, 10.0


def unheard(line: str) -> None:
    """Write nothing."""


class Narrator:
    """Writes lines to whoever waits. Called with a line, it writes that at once."""

    def __init__(
        self,
        write: Callable[[str], None] = unheard,
        *,
        quiet: bool = False,
        first: float = FIRST,
        every: float = EVERY,
    ) -> None:
        """``write`` gets each line; it may be called in any thread. With ``quiet`` nothing is said of what goes on."""
        self._write = write
        self._quiet = quiet or write is unheard
        self._first, self._every = first, every
        self._lock = threading.Lock()
        self._going: list[Activity] = []

    def __call__(self, line: str) -> None:
        """Write a line."""
        self._write(line)

    @contextmanager
    def during(self, what: str | Callable[[], str], *, first: float | None = None) -> Iterator[None]:
        """Tell what goes on while the block lasts; see ``begin``."""
        activity = self.begin(what, first=first)
        try:
            yield
        finally:
            activity.end()

    def begin(self, what: str | Callable[[], str], *, first: float | None = None) -> Activity:
        """Tell, from ``first`` real seconds on and then now and then, what goes on until it is ended.

        Of several only the one that began last is told. ``what`` is asked in another thread.
        """
        activity = Activity(self, what)
        with self._lock:
            self._going.append(activity)
        if not self._quiet:
            threading.Thread(target=activity.tell, args=[first or self._first, self._every], daemon=True).start()
        return activity

    def told(self, activity: Activity, line: str) -> None:
        """Write what an activity has to say, if it goes on and none has begun since."""
        with self._lock:
            if self._going and self._going[-1] is activity:
                self._write(line)

    def ended(self, activity: Activity) -> None:
        """Hear no more of an activity."""
        with self._lock:
            if activity in self._going:
                self._going.remove(activity)


class Activity:
    """Something that goes on."""

    def __init__(self, narrator: Narrator, what: str | Callable[[], str]) -> None:
        self._narrator = narrator
        self._what = what
        self._over = threading.Event()
        self._began = time.monotonic()

    def tell(self, first: float, every: float) -> None:
        """Say again and again what goes on."""
        pause = first
        while not self._over.wait(pause):
            pause = every
            with suppress(BgasyncError):  # who waits will be told
                text = self._what if isinstance(self._what, str) else self._what()
                self._narrator.told(self, f"{text} ({time.monotonic() - self._began:.0f} s)")

    def end(self) -> None:
        """Let nothing more be said of it."""
        self._narrator.ended(self)
        self._over.set()
