"""Connects standard input and output to the ssh server of a kept host.

ssh runs ``python -m pytest_bgasync.engine.proxy_command ENGINE CONTAINER`` as its ProxyCommand where no port of this
machine leads to the host: everything goes through the engine.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import closing, suppress

from docker.errors import NotFound

from pytest_bgasync.engine.attach_stream import CHUNK, Stream
from pytest_bgasync.engine.client import FAILURES, Engine, find, reason
from pytest_bgasync.engine.port_forward import bridge
from pytest_bgasync.util.errors import BgasyncError, HostProblem


def main(engine: str, container: str) -> None:
    """Carry bytes until either side closes; raises BgasyncError."""
    with closing(find(named=engine)) as found, closing(_bridge(found, container)) as far:
        threading.Thread(target=_go, args=[far], daemon=True).start()
        with suppress(OSError):
            for number, data in far.frames():
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(1 if number == 1 else 2, rest) :]


def _bridge(engine: Engine, container: str) -> Stream:
    try:
        run = engine.client.api.exec_create(container, list(bridge("127.0.0.1", 22)), user="0", stdin=True)["Id"]
        return Stream(engine.client.api.exec_start(run, socket=True))
    except NotFound:
        raise HostProblem(f"container {container} is not there any more") from None
    except FAILURES as error:
        raise HostProblem(f"container {container} cannot be reached: {reason(error)}") from None


def _go(far: Stream) -> None:
    with suppress(OSError):
        while data := os.read(0, CHUNK):
            far.write(data)
    far.close()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:3])
    except BgasyncError as problem:
        sys.exit(f"bgasync: {problem}")
