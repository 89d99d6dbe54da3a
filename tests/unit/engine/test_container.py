"""What a command writes is read within limits."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from pytest_bgasync.engine import container as containers
from pytest_bgasync.engine.attach_stream import Stream
from pytest_bgasync.engine.container import _demultiplexed
from pytest_bgasync.util.clock import Deadline


def frame(number: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", number, len(data)) + data


@contextmanager
def written(data: bytes, *, endless: bool = False) -> Iterator[Stream]:
    """Give the end at which frames are read; with ``endless`` they come again and again."""
    ours, theirs = socket.socketpair()

    def write() -> None:
        with suppress(OSError), theirs:
            theirs.sendall(data)
            while endless:
                theirs.sendall(data)

    writer = threading.Thread(target=write)
    writer.start()
    with ours:
        yield Stream(ours)
    writer.join()


def test_the_two_streams_are_told_apart() -> None:
    with written(frame(1, b"one ") + frame(2, b"error") + frame(1, b"two")) as stream:
        assert _demultiplexed(stream, Deadline(20)) == {1: b"one two", 2: b"error"}


@pytest.mark.parametrize("data", [frame(1, b"y\n"), frame(1, b"y" * 100_000)])
def test_output_that_does_not_stop_ends_at_the_deadline(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "OUTPUT", 1 << 40)
    began = time.monotonic()
    with written(data, endless=True) as stream, pytest.raises(TimeoutError):
        _demultiplexed(stream, Deadline(0.2))
    assert time.monotonic() - began < 5


def test_output_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "OUTPUT", 1000)
    with written(frame(1, b"y" * 100), endless=True) as stream, pytest.raises(OverflowError):
        _demultiplexed(stream, Deadline(20))
