"""The bodies of stubs at the end of real pipes, and what is read of their records."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_bgasync.engine.container import PATH, Container, Finished
from pytest_bgasync.hosts.stubs import _SET_UP, Stubs, _in_shell
from pytest_bgasync.remote import HOST
from pytest_bgasync.util.clock import BOOT_TIME, BOOTED, Clock, Deadline, HostClock
from pytest_bgasync.util.errors import HostProblem

BODY = (HOST / "stub.py").read_text().replace("IDLE = 1.0", "IDLE = 0.3").replace("PATIENCE = 10.0", "PATIENCE = 0.3")
#: Real seconds in which what ends by itself has ended, on a busy machine too.
ENDED = 30
SLOW = "while :; do echo y; sleep 0.05; done"
#: The shells that can run a stub; the other kind of a stub is Python's.
SHELLS = ("bash", "busybox")
PARAMETERS = [
    pytest.param(name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed here"))
    for name in SHELLS
]


@dataclass(frozen=True)
class Made:
    """A stub in a folder of its own, and its records."""

    path: Path
    records: Path

    def calls(self) -> list[dict[str, Any]]:
        reader = [sys.executable, "-I", str(HOST / "calls.py"), str(self.records)]
        *lines, last = subprocess.run(reader, stdout=subprocess.PIPE, check=True).stdout.splitlines()
        assert json.loads(last)["now"] == pytest.approx(time.clock_gettime(BOOT_TIME), abs=ENDED)
        return [json.loads(line) for line in lines]

    @property
    def call(self) -> dict[str, Any]:
        (call,) = self.calls()
        return call

    def start(self, *args: str | bytes, **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen([self.path, *args], **{"stdin": subprocess.DEVNULL, **options})

    def run(self, *args: str | bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
        with self.start(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
            out, err = process.communicate(timeout=ENDED)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def made(folder: Path, kind: str, script: str | None = None, **config: Any) -> Made:
    """Make a stub as a host gets it: one in a shell with stub.py beside it, or stub.py alone."""
    state = folder / "state"
    records = state / "calls"
    records.mkdir(parents=True)
    if script is not None:
        (state / "script").write_text(script)
        (state / "script").chmod(0o755)
    known = {"calls": str(records), "rc": 0, "takes": 0, "stdout": "", "stderr": "", "listens": None}
    words = {**known, "script": str(state / "script") if script else None, **config}
    text = f"#!/usr/bin/python3 -I\nCONFIG = {words!r}\n{BODY}".encode()
    if kind in SHELLS:
        subprocess.run(["/bin/sh", "-euc", f"PATH={PATH}\n{_SET_UP}", "-", state], check=True)
        if kind != "bash":
            shutil.copy(shutil.which(kind) or "", state / "sh")
        (state / "stub.py").write_bytes(text)
        shell = {name: words[name] for name in ("rc", "takes", "stdout", "stderr")}
        text = _in_shell(str(state), **shell).replace(b"/var/lib/bgasync/stubs", bytes(state))
    tool = folder / "tool"
    tool.write_bytes(text)
    tool.chmod(0o755)
    return Made(tool, records)


@pytest.fixture(params=[*PARAMETERS, "python"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each way in which a stub can be made."""
    return str(request.param)


@pytest.fixture(params=PARAMETERS)
def shell(request: pytest.FixtureRequest) -> str:
    """Each shell that can run a stub."""
    return str(request.param)


def piped(tmp_path: Path, command: str, kind: str, script: str | None = None, **config: Any) -> tuple[str, str]:
    """Pipe what a command writes into a stub; return what that wrote, and the standard input it recorded.

    The shell waits for all processes of a pipe, and a writer does not end while anybody reads.
    """
    stub = made(tmp_path, kind, script, **config)
    ended = subprocess.run(
        ["sh", "-c", f"({command}) 2>/dev/null | {stub.path}"],
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=ENDED, check=True, text=True,
    )  # fmt: skip
    return ended.stdout, stub.call["stdin"]


@pytest.mark.parametrize(("command", "most"), [("yes", 1 << 20), (SLOW, 100)])
def test_a_stub_ends_although_its_input_does_not(tmp_path: Path, command: str, most: int, kind: str) -> None:
    _, stdin = piped(tmp_path, command, kind, takes=0.2)
    assert set(stdin) == {"y", "\n"}
    assert len(stdin) <= most


def test_a_script_gets_what_comes_after_its_input_was_idle(tmp_path: Path) -> None:
    told, stdin = piped(tmp_path, "echo hello; sleep 1; echo bye", "python", "#!/bin/sh\ncat\n")
    assert told == "hello\nbye\n"
    assert stdin.startswith("hello\n")


@pytest.mark.parametrize("command", ["yes", SLOW, "echo y; sleep 1; echo n"])
def test_a_script_that_does_not_read_it_all_ends(tmp_path: Path, command: str) -> None:
    told, _ = piped(tmp_path, command, "python", "#!/bin/sh\nread line; echo $line\n")
    assert told == "y\n"


def test_arguments_are_recorded_as_they_are(tmp_path: Path, kind: str) -> None:
    stub = made(tmp_path, kind)
    args = [b"one two", b"", b"a\nb\n", b'it\'s "$HOME" `x` \\n %s *', b"\xff\xfe", "ä€".encode(), b"\x01\x7f", b"-n"]
    stub.run(*args)
    assert [os.fsencode(word) for word in stub.call["argv"]] == [bytes(stub.path), *args]


def test_the_environment_is_recorded_as_it_is(tmp_path: Path, kind: str) -> None:
    stub = made(tmp_path, kind)
    given = {"A": "1", "b.c": "x=y", "LINES_": "one\ntwo\n", "LC_ALL": "xx_XX.UTF-8", "BASH_ENV": "/no", "rc": "9"}
    done = stub.run(env=given)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert stub.call["env"] == given


def test_a_call_began_by_the_clock_that_nobody_sets(tmp_path: Path, kind: str) -> None:
    stub = made(tmp_path, kind)
    before = time.clock_gettime(BOOT_TIME)
    stub.run()
    after = time.clock_gettime(BOOT_TIME)
    assert before - 0.01 <= stub.call["at"] <= after  # a shell reads hundredths


def test_calls_in_one_moment_are_told_apart_and_in_order(tmp_path: Path, kind: str) -> None:
    stub = made(tmp_path, kind)
    subprocess.run(["sh", "-c", f"for n in $(seq 30); do {stub.path} $n; done"], stdin=subprocess.DEVNULL, check=True)
    calls = stub.calls()
    assert [int(call["argv"][1]) for call in calls] == list(range(1, 31))
    assert [call["at"] for call in calls] == sorted(call["at"] for call in calls)


def test_without_an_environment_there_is_none(tmp_path: Path, shell: str) -> None:
    stub = made(tmp_path, shell)
    stub.run(env={})
    assert stub.call["env"] == {}


@pytest.mark.parametrize("text", ["", "100 %s\n", "\0 -n \\n '\" $HOME `id`", "-v x\n\n", "ä€" * 300_000])
def test_any_text_is_written(tmp_path: Path, kind: str, text: str) -> None:
    stub = made(tmp_path, kind, stdout=text, stderr=text[::-1], rc=7)
    done = stub.run()
    assert (done.returncode, done.stdout, done.stderr) == (7, text.encode(), text[::-1].encode())


def test_a_call_in_a_shell_is_one_process(tmp_path: Path, shell: str) -> None:
    """It is recorded while it lasts, has the stub's name, and what is killed leaves nothing behind."""
    stub = made(tmp_path, shell, takes=1000, rc=3)
    for closed in (None, lambda: os.close(0)):
        with stub.start("x", preexec_fn=closed) as process:
            assert Deadline(ENDED).wait_for(stub.calls)
            proc = Path(f"/proc/{process.pid}")
            assert (proc / "comm").read_text() == "tool\n"
            assert (proc / "cmdline").read_bytes().split(b"\0")[1:] == [bytes(stub.path), b"x", b""]
            assert (proc / f"task/{process.pid}/children").read_text() == ""
            process.send_signal(signal.SIGTERM)
            assert process.wait(ENDED) == -signal.SIGTERM
        assert stub.call["argv"] == [str(stub.path), "x"]
        for record in stub.records.iterdir():
            record.unlink()


def test_a_call_with_input_keeps_its_name(tmp_path: Path, shell: str) -> None:
    stub = made(tmp_path, shell, takes=1000, stdout="out")
    with stub.start("x", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"some")
        process.stdin.close()
        assert Deadline(ENDED).wait_for(lambda: [call for call in stub.calls() if call["stdin"] == "some"])
        assert Path(f"/proc/{process.pid}/comm").read_text() == "tool\n"
        assert Path(f"/proc/{process.pid}/cmdline").read_bytes().endswith(b"\0%b\0x\0" % bytes(stub.path))
        process.kill()
        assert process.stdout.read() == b"out"


def test_it_takes_as_long_as_it_is_told(tmp_path: Path, kind: str) -> None:
    stub = made(tmp_path, kind, takes=0.75)
    began = time.monotonic()
    with stub.start() as process:
        assert Deadline(ENDED).wait_for(stub.calls)
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGCONT)
        assert process.wait(ENDED) == 0
    assert time.monotonic() - began >= 0.75


def test_a_record_that_is_being_written_is_no_call_yet(tmp_path: Path, kind: str) -> None:
    stub = made(tmp_path, kind)
    stub.run("one", "", env={"A": "1", "B": ""})
    (record,) = stub.records.iterdir()
    whole = record.read_bytes()
    for size in range(len(whole)):
        (stub.records / f"part-{size}").write_bytes(whole[:size])
    assert stub.call["argv"][1:] == ["one", ""]


def stubs_on_a_host_that_answers(rc: int, *lines: object) -> Stubs:
    answer = Finished(rc, "".join(f"{line}\n" for line in lines).encode(), b"no such folder")
    fake = SimpleNamespace(
        label="host app1", execute=lambda _: answer, put=lambda *_: None, script=lambda *_: Finished(0, b"", b"")
    )
    stubs = Stubs(cast(Container, fake), HostClock(Clock(0.1, zero=BOOTED)))
    stubs.add("tool", 0, 0, "", "", None, None)
    return stubs


def test_a_call_on_a_far_host_is_told_by_our_clock() -> None:
    now = time.clock_gettime(BOOT_TIME) + 1000
    call = {"argv": ["tool"], "at": 1005, "user": "root", "env": {}, "stdin": ""}
    (found,) = stubs_on_a_host_that_answers(0, json.dumps(call), json.dumps({"now": now})).calls("tool")
    assert found.at == pytest.approx(50, abs=1)


def test_calls_that_cannot_be_read_are_a_problem() -> None:
    said = r"^host app1 could not say how tool was called: .* ended with status 1 \('no such folder'\)"
    with pytest.raises(HostProblem, match=said):
        stubs_on_a_host_that_answers(1).calls("tool")
