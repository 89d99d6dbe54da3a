"""Connections that the engine has taken over from HTTP: what a process in a container reads and writes."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from pytest_bgasync.util.clock import Deadline

#: How much is read at a time.
CHUNK = 1 << 16
#: Real seconds of silence after which is looked whether there is still somebody who could break it.
CHECK = 0.5


class Stream:
    """The streams of a process in a container. One thread may read while others write."""

    def __init__(self, taken: Any, check: Callable[[], object] | None = None) -> None:
        """``taken`` is what the docker SDK returns, which differs between unix, tcp and TLS.

        ``check`` is called while nothing comes; what it raises, reading and writing raise.
        """
        self._taken = taken
        self._check = check
        self._socket: socket.socket = getattr(taken, "_sock", taken)
        # Nothing waits within recv and send: of TLS, both are not to be at work at the same time.
        self._socket.settimeout(0)
        self._lock = threading.Lock()
        self._before = _read_with_the_headers(taken)

    def frames(self, deadline: Deadline | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield (number of the stream, bytes) until the other side closes; raises TimeoutError or OSError."""
        while header := self._exactly(8, deadline):
            number, size = struct.unpack(">BxxxL", header)
            yield number, self._exactly(size, deadline)

    def write(self, data: bytes, deadline: Deadline | None = None) -> None:
        """Write to the standard input; raises TimeoutError or OSError."""
        rest = memoryview(data)
        while rest:
            try:
                with self._lock:
                    rest = rest[self._socket.send(rest) :]
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                self._wait(error, select.POLLOUT, deadline)

    def close(self) -> None:
        """Close it; a thread that reads comes to an end."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._socket.close()
            self._taken.close()

    def _exactly(self, size: int, deadline: Deadline | None) -> bytes:
        """Return so many bytes, none where the other side has closed."""
        data, self._before = self._before[:size], self._before[size:]
        while len(data) < size:
            if deadline is not None and deadline.passed:
                raise TimeoutError  # also where there is always something to read
            try:
                with self._lock:
                    chunk = self._socket.recv(min(size - len(data), CHUNK))
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                self._wait(error, select.POLLIN, deadline)
                continue
            if not chunk:
                return b""
            data += chunk
        return data

    def _wait(self, error: OSError, usual: int, deadline: Deadline | None) -> None:
        """Wait until what ``error`` was about can be tried again; raises TimeoutError."""
        wanted = usual  # of TLS, a read can need a write, and the other way round
        if isinstance(error, ssl.SSLError):
            wanted = select.POLLIN if isinstance(error, ssl.SSLWantReadError) else select.POLLOUT
        waiting = select.poll()
        waiting.register(self._socket, wanted)
        while True:
            patience = [deadline.left] if deadline is not None else []
            patience += [CHECK] if self._check is not None else []
            if waiting.poll(min(patience) * 1000 if patience else None):
                return
            if deadline is not None and deadline.passed:
                raise TimeoutError
            if self._check is not None:
                self._check()


def _read_with_the_headers(taken: Any) -> bytes:
    """Return what came in one piece with the HTTP headers and lies in the reader of those, which nobody asks again."""
    try:
        reader = taken._response.raw._fp.fp
    except AttributeError:
        return b""
    found = b""
    with suppress(OSError, ValueError):  # nothing more is there now
        found = reader.peek(CHUNK)
    return bytes(found)
