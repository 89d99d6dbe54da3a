"""What the census does on hosts of all kinds, where this machine can show it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync.hosts.snapshot import ANSWER
from pytest_bgasync.remote import HOST


@pytest.fixture
def census() -> dict[str, Any]:
    """The functions of the census, which is a program."""
    names: dict[str, Any] = {}
    for part in ("excerpt.py", "census.py"):
        exec((HOST / part).read_text().removesuffix("main()\n"), names)
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


def test_many_large_job_files_fit_into_an_answer(census: dict[str, Any], tmp_path: Path) -> None:
    """Of those that come last, only what tells the outcome of the job, and a little of the rest."""
    paths = [str(tmp_path / f"job{number}") for number in range(1500)]
    data = {"rc": 3, "failed": True, **{f"text{number}": "x" * 30_000 for number in range(4)}}
    for number, text in enumerate(['\\"' * 60_000, json.dumps(data)]):
        (tmp_path / f"text{number}").write_text(text)
        for path in paths[number::2]:
            Path(path).symlink_to(f"text{number}")
    found = census["job_files"](paths)
    assert len(json.dumps(found)) < ANSWER // 2
    assert json.loads(found[paths[1]]["text"]) == data
    last = json.loads(found[paths[-1]]["text"])
    assert (last["rc"], last["failed"], last["text0"][:9]) == (3, True, "x" * 9)
    assert "bytes cut by pytest-bgasync" in found[paths[-2]]["text"]


@pytest.mark.parametrize("note", ["nan", "inf", "-inf", "-1", "1e12", "soon", ""])
def test_a_note_that_cannot_be_is_none(census: dict[str, Any], tmp_path: Path, note: str) -> None:
    path = tmp_path / "note"
    path.write_text(f"{note}\n")
    assert census["noted"](str(path)) is None
    path.write_text("nan\n1.5\n")
    assert census["noted"](str(path)) == 1.5
