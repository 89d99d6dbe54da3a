"""A socket that leads to an engine, which can freeze as an engine does: connections stay open, and nothing comes."""

from __future__ import annotations

import re
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Relay:
    """Leads connections from the socket ``url`` to ``target`` until it freezes, by ``freeze`` or at a request.

    ``freezes_at`` is matched against what clients write: ``POST /v1.43/containers/create``.
    """

    def __init__(self, folder: Path, target: str) -> None:
        self._target = target
        self._listener = socket.socket(socket.AF_UNIX)
        path = folder / "engine"
        self._listener.bind(str(path))
        path.chmod(0o666)
        self._listener.listen(100)
        self._ends: list[socket.socket] = []
        self.frozen_at: float | None = None
        """When it froze, on the monotonic clock."""
        self.url = f"unix://{path}"
        self.freezes_at: str | None = None
        self.requests: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def frozen(self) -> bool:
        """True once nothing goes through any more."""
        return self.frozen_at is not None

    def freeze(self) -> None:
        """Let nothing through from now on."""
        self.frozen_at = self.frozen_at or time.monotonic()

    def close(self) -> None:
        """Close all connections."""
        for end in [self._listener, *self._ends]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._ends.append(near)
                if not self.frozen:
                    far = socket.socket(socket.AF_UNIX)
                    self._ends.append(far)
                    far.connect(self._target.removeprefix("unix://"))
                    threading.Thread(target=self._carry, args=[near, far, True], daemon=True).start()
                    threading.Thread(target=self._carry, args=[far, near, False], daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, to_engine: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if to_engine and (asked := re.match(rb"[A-Z]+ /\S+", data)):
                    self.requests.append(asked[0].decode())
                    if self.freezes_at and re.match(self.freezes_at, self.requests[-1]):
                        self.freeze()
                if self.frozen:
                    return
                target.sendall(data)
            if not self.frozen:
                target.shutdown(socket.SHUT_WR)


@contextmanager
def relay_to(target: str) -> Iterator[Relay]:
    """Yield a relay to the engine at a socket of this machine."""
    folder = Path(tempfile.mkdtemp(prefix="relay-"))
    folder.chmod(0o755)
    relay = Relay(folder, target)
    try:
        yield relay
    finally:
        relay.close()
        shutil.rmtree(folder)
