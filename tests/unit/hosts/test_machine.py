"""What every container of a scenario offers a test."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from pytest_bgasync.engine.container import Container
from pytest_bgasync.hosts.machine import Machine


def test_what_was_read_can_be_written_whatever_bytes_it_has() -> None:
    written: list[bytes] = []
    container = SimpleNamespace(
        script=lambda *_: SimpleNamespace(rc=0, stdout=b"caf\xe9", stderr=b""),
        put=lambda _path, data, _mode: written.append(data),
    )
    machine = Machine("web1", "192.0.2.1", cast(Container, container))
    machine.put("/copy", machine.read("/file"))
    assert written == [b"caf\xe9"]
