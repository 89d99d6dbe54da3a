"""Ports of this machine that lead, through the engine, to hosts which cannot be reached from here otherwise."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from functools import cache

from pytest_bgasync.engine.attach_stream import CHUNK, Stream
from pytest_bgasync.engine.container import Container
from pytest_bgasync.remote import HOST
from pytest_bgasync.util.errors import BgasyncError

_SCRIPT = HOST / "bridge.py"


@cache
def bridge(host: str, port: int) -> tuple[str, ...]:
    """Return the command that, in a container, leads its standard input and output to a TCP port."""
    return "/usr/bin/python3", "-I", "-c", _SCRIPT.read_text(), host, str(port)


class Forward:
    """A port on the loopback, ``address``, that leads to a TCP port on the network of the container ``gateway``."""

    def __init__(self, gateway: Container, host: str, port: int) -> None:
        self._gateway = gateway
        self._command = bridge(host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: set[socket.socket] = set()
        self.address: tuple[str, int] = self._listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Close the port and all connections that came by it."""
        # Closed alone, it would go on as long as somebody waits for a connection.
        for end in [self._listener, *self._ends]:
            _shut(end)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=[near], daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        """Carry one connection until one of its ends closes."""
        self._ends.add(near)
        try:
            with near, suppress(BgasyncError, OSError):
                far = self._gateway.converse(self._command)
                back = threading.Thread(target=_return, args=[far, near], daemon=True)
                back.start()
                try:
                    while data := near.recv(CHUNK):
                        far.write(data)
                finally:
                    far.close()
                    back.join()
        finally:
            self._ends.discard(near)


def _return(far: Stream, near: socket.socket) -> None:
    with suppress(OSError, ValueError):  # either is closed
        for number, data in far.frames():
            if number == 1:
                near.sendall(data)
    _shut(near)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
