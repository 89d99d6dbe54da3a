"""What differs between two releases of ansible-core."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync.cli.main import main
from pytest_bgasync.reports.behaviour import Difference
from pytest_bgasync.reports.ledger import line
from pytest_bgasync.reports.release_diff import compared, side, sides, table
from pytest_bgasync.util.errors import UsageProblem


def record_of(nodeid: str, outcome: str = "passed", rc: int = 0, version: str = "2.16.1", **run: Any) -> dict[str, Any]:
    results = [{"item": None, "status": run.pop("status", "ok"), "ignored": False}]
    tasks = [{"full_name": "Start", "host": "db1", "part": None, "results": results}]
    one = {"playbook": "site.yml", "rc": rc, "complete": True, "recap": {}, "tasks": tasks, "jobs": [], "began": 0.0,
           "ended": 1.0, "ansible_version": version}  # fmt: skip
    return {"kind": "test", "nodeid": nodeid, "outcome": outcome, "runs": [one]}


OLD = [record_of("t.py::a"), record_of("t.py::b"), record_of("t.py::c")]
NEW = [
    record_of("t.py::a", rc=2, version="2.21.5", status="failed"),
    record_of("t.py::b", rc=2, version="2.21.5", status="failed"),
    record_of("t.py::c", "failed", version="2.21.5"),
    record_of("t.py::d", version="2.21.5"),
]


def test_the_title_of_a_side_is_the_release_that_its_runs_tell() -> None:
    assert side([{"kind": "session"}, *OLD], "left").title == "2.16.1"
    assert side([{**OLD[0], "runs": []}], "left").title == "left"


def test_tests_that_end_otherwise_and_what_their_runs_did_otherwise_are_told() -> None:
    found = compared(side(OLD, "left"), side(NEW, "right"))
    assert [(one.test, str(one)) for one in found if one.test in ("t.py::a", "t.py::c", "t.py::d")] == [
        ("t.py::a", "rc: 0 -> 2"),
        ("t.py::a", "db1: task 'Start': ok -> failed"),
        ("t.py::c", "test: passed -> failed"),
        ("t.py::d", "test: not there -> passed"),
    ]
    assert compared(side(OLD, "left"), side(OLD, "right")) == []


def test_the_table_has_a_column_for_each_side_and_names_tests_that_differ_alike_together() -> None:
    found = [Difference("site.yml", test, "", "rc", "0", "2") for test in ("t.py::a", "t.py::b")]
    assert list(table(found, "2.16.1", "2.21.5")) == [
        "        2.16.1  2.21.5",
        "site.yml",
        "  t.py::a",
        "  t.py::b",
        "    rc  0       2",
    ]


def test_the_command_says_by_its_status_whether_something_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, records in (("old", OLD), ("new", NEW)):
        (tmp_path / name).write_text("".join(line(record) + "\n" for record in [*records, {"kind": "session_end"}]))
    old, new = str(tmp_path / "old"), str(tmp_path / "new")
    assert main(["compare", old, old, "--python", sys.executable, "--", "-k", "x"]) == 0
    assert capsys.readouterr().out == "3 tests on 2.16.1 and 2.16.1, none with a difference\n"
    assert main(["compare", new, new]) == 0
    assert capsys.readouterr().out == "4 tests on 2.21.5 and 2.21.5, none with a difference; 1 failed on both\n"
    assert main(["compare", old, new]) == 1
    assert capsys.readouterr().out.endswith("3 tests on 2.16.1 and 2.21.5, 4 with a difference\n")
    assert main(["compare", old, "2.15"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("bgasync: '2.15' is no release of ansible-core that is supported (2.16, ")


def test_a_session_that_was_cut_off_is_not_compared(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_text(line(OLD[0]) + "\n")
    with pytest.raises(UsageProblem, match=r"l\.jsonl is the ledger of a session that did not come to its end"):
        sides([str(tmp_path / "l.jsonl")], [], [], None, print)


def test_an_interpreter_in_the_place_of_a_release_runs_pytest_with_the_arguments(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_it.py").write_text("def test_one(): pass\ndef test_two(): pass\n")
    monkeypatch.chdir(tmp_path)
    arguments = ["-p", "no:cacheprovider", "-k", "one"]
    (only,) = sides([sys.executable], arguments, [], None, print)
    assert only.title == sys.executable
    assert "1 passed, 1 deselected" in capfd.readouterr().err


def test_a_pytest_that_did_not_run_its_tests_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", sys.executable, sys.executable, "--", "-p", "no:cacheprovider"]) == 2


def test_only_the_comparison_has_arguments_for_pytest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["clean", "--", "-q"])
    assert "nothing comes after --: -q" in capsys.readouterr().err


def test_what_is_neither_release_nor_file_is_one_sentence() -> None:
    with pytest.raises(UsageProblem, match=r"'python9' is no release .*, nor the path of an interpreter or a ledger"):
        sides(["python9"], [], [], None, print)
