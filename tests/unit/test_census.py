"""What the census does on hosts of all kinds, where this machine can show it."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import pytest_bgasync

GUEST = Path(pytest_bgasync.__file__).parent / "guest"


@pytest.fixture
def census() -> dict[str, Any]:
    """The functions of the census, which is a program."""
    names: dict[str, Any] = {}
    exec((GUEST / "census.py").read_text().removesuffix("main()\n"), names)
    return names


@pytest.mark.parametrize("missing", [AttributeError(), OSError(errno.ENOSYS, "no"), PermissionError(errno.EPERM, "no")])
def test_without_handles_of_processes_one_is_waited_for_until_it_is_a_zombie(
    census: dict[str, Any], monkeypatch: pytest.MonkeyPatch, missing: Exception
) -> None:
    def refuse(_: int) -> int:
        raise missing

    monkeypatch.setattr(os, "pidfd_open", refuse)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        census["wait_for_process"](process.pid, time.monotonic() + 0.3)
        assert process.poll() is None
        assert census["lives"](process.pid)
    with subprocess.Popen(["sleep", "0.3"]) as process:
        census["wait_for_process"](process.pid, time.monotonic() + 60)
        assert not census["lives"](process.pid)  # nobody has collected it yet
        assert process.poll() == 0


def test_a_process_that_has_gone_is_not_waited_for(census: dict[str, Any]) -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    census["wait_for_process"](process.pid, time.monotonic() + 60)
    assert not census["lives"](process.pid)
