"""What a host answers is believed only as far as it has the shape of an answer."""

from __future__ import annotations

import json
import time
from typing import Any, cast

import pytest

from pytest_bgasync.engine.container import Container, Finished
from pytest_bgasync.hosts.snapshot import take_census
from pytest_bgasync.jobs.host_snapshot import Question
from pytest_bgasync.util.clock import BOOT_TIME, Clock, HostClock
from pytest_bgasync.util.errors import HostProblem, OutputLimitError

PROCESS = {
    "pid": 7, "ppid": 1, "pgid": 7, "sid": 7, "state": "S", "user": "root", "args": ["sleep", "9"], "started": 90.0,
    "token": "mark", "task": None, "shell": None, "hidden": False, "hup": False, "terminal": False, "closed": False,
    "wrote": 0,
}  # fmt: skip
FILE = {"path": "/job", "text": "{}", "size": 2, "age": 3600.0, "user": "root", "regular": True}
QUESTION = Question(files=["/job"], jobs={"mark": ("/job", 60)})


class FakeContainer:
    """A container whose Python answers what the test says."""

    label = "host db1"

    def __init__(self, rc: int, stdout: bytes, stderr: bytes = b"") -> None:
        self.answer = Finished(rc, stdout, stderr)

    def execute(self, command: object, **options: object) -> Finished:
        assert command
        assert options
        return self.answer


def said(**changed: Any) -> dict[str, Any]:
    now = time.clock_gettime(BOOT_TIME)
    answer = {"now": now, "processes": [PROCESS], "files": {"/job": FILE}, "folders": {}, "notes": {"mark": now - 2}}
    return {**answer, **changed}


def ask(rc: int, stdout: bytes, stderr: bytes = b"") -> Any:
    container = cast(Container, FakeContainer(rc, stdout, stderr))
    return take_census(container, HostClock(Clock()), QUESTION)


def test_the_note_of_a_wrapper_counts_and_not_the_time_of_its_file() -> None:
    census = ask(0, json.dumps(said()).encode())
    file = census.files["/job"]
    assert (round(census.now - file.written, 3), round(file.age, 3)) == (2, 2)
    assert census.written["mark"] == file.written


def test_without_a_note_the_time_of_the_file_counts() -> None:
    census = ask(0, json.dumps(said(notes={"mark": None})).encode())
    assert round(census.now - census.files["/job"].written) == 3600
    assert census.written == {}
    late = ask(0, json.dumps(said(notes={}, files={"/job": {**FILE, "age": -3600.0}})).encode())
    assert late.files["/job"].written == late.now


NOT_JSON = [b"", b"Python 3.11.2", b"\xff\xfe", b"null", b"17", b"[]", b"{}", b"[" * 100_000]
OTHER_SHAPES: list[dict[str, Any]] = [
    {"now": None},
    {"now": "soon"},
    {"now": float("nan")},
    {"now": True},
    {"processes": None},
    {"processes": {}, "files": []},
    {"processes": [None]},
    {"processes": [{}]},
    {"processes": [{**PROCESS, "pid": "7"}]},
    {"processes": [{**PROCESS, "args": "sleep"}]},
    {"processes": [{**PROCESS, "args": [1]}]},
    {"processes": [{**PROCESS, "token": 1}]},
    {"files": None},
    {"files": {"/job": "text"}},
    {"files": {"/job": {**FILE, "text": None}}},
    {"folders": {"/jobs": 3}},
    {"notes": {"mark": "yesterday"}},
    {"notes": None},
]


@pytest.mark.parametrize(
    "stdout", [*NOT_JSON, *(json.dumps({**said(), **changed}).encode() for changed in OTHER_SHAPES)]
)
def test_nonsense_is_a_host_that_cannot_say_what_runs(stdout: bytes) -> None:
    with pytest.raises(HostProblem, match=r"^host db1 could not say what runs on it: its /usr/bin/python3 gave an ans"):
        ask(0, stdout)


def test_an_answer_of_a_python_that_failed_is_none() -> None:
    answer = json.dumps(said()).encode()
    with pytest.raises(
        HostProblem, match=r"could not say .* its /usr/bin/python3 ended with status 3 \('MemoryError'\)"
    ):
        ask(3, answer, b"MemoryError\n")
    with pytest.raises(HostProblem, match=r"ended with status 1 .it wrote nothing.; see whether something on the host"):
        ask(1, b"")
    with pytest.raises(HostProblem) as told:
        ask(1, b"x" * 10_000_000)
    assert len(str(told.value)) < 600


def test_an_answer_without_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(*_: object, **__: object) -> Finished:
        raise OutputLimitError("on host db1 the command wrote more than 160 MiB")

    monkeypatch.setattr(FakeContainer, "execute", execute)
    with pytest.raises(
        HostProblem, match="could not say what runs on it: its /usr/bin/python3 wrote more than 160 MiB"
    ):
        ask(0, b"")
