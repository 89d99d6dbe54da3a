"""A door to the container engine that can be shut: for a test it is as if the engine had gone."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit


class Gate:
    """A unix socket that leads to the engine until it is shut."""

    def __init__(self, engine: str, path: Path) -> None:
        self._engine = urlsplit(engine)
        self._path = path
        self._open: list[socket.socket] = []
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(path))
        self._door.listen(100)
        self.url = f"unix://{path}"
        threading.Thread(target=self._admit, daemon=True).start()

    def shut(self) -> None:
        """Let nobody in any more, and cut off who is inside."""
        self._path.unlink(missing_ok=True)
        for end in [self._door, *self._open]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _admit(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = self._connected()
                self._open += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(source, target), daemon=True).start()

    def _connected(self) -> socket.socket:
        if self._engine.scheme == "unix":
            end = socket.socket(socket.AF_UNIX)
            end.connect(self._engine.path)
            return end
        return socket.create_connection((self._engine.hostname, self._engine.port))


def _carry(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes from one end to the other until there are none; then say so to the other."""
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
