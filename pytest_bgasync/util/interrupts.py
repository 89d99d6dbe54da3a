"""Ctrl-C while something is made or removed: it waits until that is done; the third one does not."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.progress import unheard

#: How many times Ctrl-C has to be pressed until nothing waits any longer.
GIVES_UP = 3
#: Real seconds that a removal may take once it was pressed.
PATIENCE = 60.0
#: Real seconds between two looks at whether it was pressed again.
OFTEN = 0.05


class Interrupts:
    """Counts the Ctrl-C that this process got.

    The first one is raised as KeyboardInterrupt, and that ends the process. Later ones have nothing more to end: the
    second one is answered with what is still being done, and the third one leaves it undone.
    """

    def __init__(self) -> None:
        self._count = 0
        self._answered = 1
        self._holds = False
        self._tell: Callable[[str], None] = unheard

    def begin(self, tell: Callable[[str], None]) -> None:
        """Count from the beginning. ``tell`` writes a line to whoever presses Ctrl-C."""
        self._count, self._answered, self._tell = 0, 1, tell

    def heard(self) -> None:
        """Note that a KeyboardInterrupt was raised, so that the process is ending."""
        self._count = max(1, self._count)

    @property
    def given_up(self) -> bool:
        """True once Ctrl-C was pressed so often that nothing waits any longer."""
        return self._count >= GIVES_UP

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let Ctrl-C wait until the block has ended; raises KeyboardInterrupt then, unless one was raised before.

        Only the main thread gets signals, so in others there is nothing to do.
        """
        usual: Any = None if self._holds else signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or not callable(usual):
            yield
            return
        if isinstance(sys.exception(), KeyboardInterrupt):
            self.heard()
        before = self._count
        self._holds = True
        signal.signal(signal.SIGINT, self._count_one)
        try:
            yield
        finally:
            self._holds = False
            signal.signal(signal.SIGINT, usual)
            if self._count > before == 0:
                usual(signal.SIGINT, None)

    def undisturbed(self, work: Callable[[], None], doing: str) -> None:
        """Do ``work``; Ctrl-C is held until it is done, or given up.

        ``doing`` says what goes on. Raises what ``work`` raises, and KeyboardInterrupt as ``held`` does.
        """
        with self.held():
            if not self._holds or threading.current_thread() is not threading.main_thread():
                work()
                return
            if self.given_up:
                return
            self._watch(_Working(work), doing, Deadline(PATIENCE))

    def _watch(self, working: _Working, doing: str, deadline: Deadline) -> None:
        while not working.over.wait(OFTEN):
            if self.given_up or (self._count and deadline.passed):
                self._tell(f"gave up {doing}: the next run, or bgasync clean, removes what is left")
                return
            if self._count > self._answered:
                self._answered = self._count
                self._tell(f"still {doing}: Ctrl-C once more leaves that to the next run, or to bgasync clean")
        working.raise_error()

    def _count_one(self, *_: object) -> None:
        self._count += 1


class _Working:
    """Work in a thread of its own, where no signal interrupts it. The process does not wait for it at its end."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self.over = threading.Event()
        threading.Thread(target=self._do, daemon=True).start()

    def _do(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            self._error = error
        finally:
            self.over.set()

    def raise_error(self) -> None:
        """Raise what the work raised, if anything."""
        if self._error is not None:
            raise self._error


#: One for each process, as its signals are.
INTERRUPTS = Interrupts()
