"""Writes lines to the terminal of pytest, past its capturing, at any time and in any thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO


class Lines:
    """``reporter`` returns pytest's terminal reporter, without which nothing is written.

    ``stream`` is where that writes to, while nothing is captured. A ``worker`` of xdist has the terminal at its
    standard error, and shares it: where the others write ``dots``, it cannot know whether a line has begun.
    """

    def __init__(self, stream: TextIO | None, reporter: Callable[[], Any], *, worker: bool, dots: bool) -> None:
        self._reporter = reporter
        self._worker = worker
        self._dots = dots
        self._lock = threading.Lock()
        self._file: int | None = None
        with suppress(OSError, ValueError, AttributeError):  # it may be closed, or none of the system's
            self._file = os.dup(stream.fileno())  # type: ignore[union-attr]

    def write(self, line: str) -> None:
        """Write a line, on a line of its own."""
        with self._lock, suppress(OSError):
            if self._file is None or (reporter := self._reporter()) is None:
                return
            begun = self._dots
            if not self._worker:
                # As reporter.ensure_newline() does, which would write to where output is captured.
                begun, reporter.currentfspath = reporter.currentfspath is not None, None
            os.write(self._file, f"{os.linesep if begun else ''}bgasync: {line}\n".encode())

    def close(self) -> None:
        """Write nothing more."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None
