"""Where a play stops at exact points until a test, or the harness, lets it go on."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any


class Stop:
    """A point at which a process of ansible-playbook stands still. ``place`` is what it says of it."""

    def __init__(self, place: dict[str, Any], connection: socket.socket) -> None:
        self.place = place
        self._connection = connection

    def release(self, answer: object = None) -> None:
        """Let it go on, with an answer for it as JSON can hold one."""
        with suppress(OSError):
            self._connection.sendall(json.dumps(answer).encode() + b"\n")
        self._connection.close()


class Gate:
    """The listening end; ``arrived`` is called in a thread of its own for each stop."""

    def __init__(self, path: Path, arrived: Callable[[Stop], None]) -> None:
        self.path = path
        self._arrived = arrived
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(512)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more; what stands still goes on."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._hear, args=(connection,), daemon=True).start()

    def _hear(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError):
            line = connection.makefile("rb").readline()
            self._arrived(Stop(json.loads(line), connection))
            return
        connection.close()
