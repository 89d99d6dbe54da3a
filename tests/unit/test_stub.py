"""The body of a stub at the end of real pipes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import pytest_bgasync

BODY = (Path(pytest_bgasync.__file__).parent / "guest/stub.py").read_text()
#: Real seconds in which what ends by itself has ended, on a busy machine too.
ENDED = 30
SLOW = "while :; do echo y; sleep 0.05; done"


def piped(tmp_path: Path, command: str, **config: Any) -> tuple[str, str]:
    """Pipe what a command writes into a stub; return what that wrote, and the standard input it recorded.

    The shell waits for all processes of a pipe, and a writer does not end while anybody reads.
    """
    calls = tmp_path / "calls"
    calls.mkdir()
    script = config.pop("script", None)
    if script is not None:
        (tmp_path / "script").write_text(script)
        (tmp_path / "script").chmod(0o755)
    known = {"calls": str(calls), "rc": 0, "takes": 0, "stdout": "", "stderr": "", "listens": None}
    words = {**known, "script": str(tmp_path / "script") if script else None, **config}
    body = BODY.replace("IDLE = 1.0", "IDLE = 0.3").replace("PATIENCE = 10.0", "PATIENCE = 0.3")
    (tmp_path / "stub.py").write_text(f"CONFIG = {words!r}\n{body}")
    ended = subprocess.run(
        ["sh", "-c", f"({command}) 2>/dev/null | python3 -I {tmp_path}/stub.py"],
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=ENDED, check=True, text=True,
    )  # fmt: skip
    (call,) = calls.glob("*.json")
    return ended.stdout, json.loads(call.read_text())["stdin"]


@pytest.mark.parametrize(("command", "most"), [("yes", 1 << 20), (SLOW, 100)])
def test_a_stub_ends_although_its_input_does_not(tmp_path: Path, command: str, most: int) -> None:
    _, stdin = piped(tmp_path, command, takes=0.2)
    assert set(stdin) == {"y", "\n"}
    assert len(stdin) <= most


def test_a_script_gets_what_comes_after_its_input_was_idle(tmp_path: Path) -> None:
    told, stdin = piped(tmp_path, "echo hello; sleep 1; echo bye", script="#!/bin/sh\ncat\n")
    assert told == "hello\nbye\n"
    assert stdin.startswith("hello\n")


@pytest.mark.parametrize("command", ["yes", SLOW, "echo y; sleep 1; echo n"])
def test_a_script_that_does_not_read_it_all_ends(tmp_path: Path, command: str) -> None:
    told, _ = piped(tmp_path, command, script="#!/bin/sh\nread line; echo $line\n")
    assert told == "y\n"
