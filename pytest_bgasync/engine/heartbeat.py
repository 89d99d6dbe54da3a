"""Notices that an engine has stopped answering; from then on every use of it fails at once, with the same sentence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from typing import TypeVar

from pytest_bgasync.util.errors import EngineTimeout

T = TypeVar("T")
#: Real seconds after which an engine that is waited for is asked whether it is still there.
EVERY = 1.0
#: Real seconds between two looks at what is waited for; short, because a wait may miss a Ctrl-C that came just before.
STEP = 0.1
_END = object()


class Heartbeat:
    """Whether an engine still answers. It is asked only while somebody waits for it, from a thread of its own.

    ``ask`` asks for a sign of life and returns, or raises, once there is one. An engine that gives none for ``within``
    real seconds counts as hung for good.
    """

    def __init__(self, url: str, ask: Callable[[], object], within: float) -> None:
        self._url = url
        self._ask = ask
        self._within = within
        self._lock = threading.Lock()
        self._asked: float | None = None  # when it was asked what it has not answered yet
        self._since = time.monotonic()  # when it answered last, or somebody began to wait for it
        self.stopped = False
        """True once it has not answered in time."""

    def check(self) -> None:
        """Raise EngineTimeout if the engine has stopped answering; ask it now and then. Never waits."""
        with self._lock:
            now = time.monotonic()
            if self._asked is not None:
                self.stopped = self.stopped or now - self._asked > self._within
            elif now - self._since > EVERY:
                self._asked = now
                threading.Thread(target=self._listen, daemon=True).start()
        if self.stopped:
            raise hung(self._url, self._within)

    def during(self, work: Callable[[], T], discard: Callable[[T], object] = lambda _: None) -> T:
        """Return what ``work`` returns; raise what it raises, or EngineTimeout.

        ``discard`` gets what comes when nobody waits for it any more.
        """
        if self.stopped:
            raise hung(self._url, self._within)
        self._since = time.monotonic()  # what is quick needs no question beside it
        doing: Future[T] = Future()
        threading.Thread(target=_do, args=[work, doing], daemon=True).start()
        try:
            while wait([doing], timeout=STEP).not_done:
                self.check()
        except BaseException:
            doing.add_done_callback(partial(_discard, discard=discard))
            raise
        if isinstance(doing.exception(), OSError):
            self._decide()
        return doing.result()

    def each(self, items: Iterator[T]) -> Iterator[T]:
        """Yield what an iterator yields, which may wait for the engine each time; raises as ``during`` does."""
        while (item := self.during(lambda: next(items, _END))) is not _END:
            yield item  # type: ignore[misc]  # it is one of ``items``

    def _decide(self) -> None:
        """Wait for the answer to a question that has been asked: what failed may have failed because of that."""
        while self._asked is not None:
            self.check()
            time.sleep(STEP)

    def _listen(self) -> None:
        with suppress(Exception):  # one that refuses, or has gone, is not silent: who uses it is told
            self._ask()
        with self._lock:
            if self._asked is not None and time.monotonic() - self._asked <= self._within:
                self._asked, self._since = None, time.monotonic()


def hung(url: str, within: float) -> EngineTimeout:
    """Return the error of an engine that has not answered for ``within`` real seconds."""
    return EngineTimeout(
        f"the container engine at {url} has not answered for {within:g} s, so this session does not use it any more:"
        f" restart it, and remove what may be left on it with: bgasync clean --engine={url}"
    )


def _do(work: Callable[[], T], doing: Future[T]) -> None:
    try:
        doing.set_result(work())
    except BaseException as error:  # noqa: BLE001 -- raised where it is waited for
        doing.set_exception(error)


def _discard(doing: Future[T], discard: Callable[[T], object]) -> None:
    with suppress(Exception):
        discard(doing.result())
