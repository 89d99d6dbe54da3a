"""What a session tells: which tests of a baseline have vanished, and its report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync.reports.baseline import Baseline, load, save
from pytest_bgasync.reports.behaviour import Behaviour

GONE, KEPT, OTHER = "test_a.py::test_gone", "test_a.py::test_kept", "test_b.py::test_other"


@pytest.fixture
def baseline(pytester: pytest.Pytester) -> Path:
    """A baseline of three tests, one of which is not there."""
    pytester.makepyfile(test_a="def test_kept(): pass\ndef test_more(): pass", test_b="def test_other(): pass")
    save(Baseline({test: [Behaviour("site.yml", 0, {})] for test in (GONE, KEPT, OTHER)}), pytester.path / "b.yml")
    return pytester.path / "b.yml"


@pytest.mark.parametrize(
    ("arguments", "vanished"),
    [
        ([], True),
        (["-n", "2"], True),
        (["-k", "kept"], True),
        (["-n", "2", "-k", "kept"], True),
        (["test_a.py"], True),
        (["test_b.py"], False),
        (["test_a.py::test_kept"], False),
        (["-n", "2", "test_a.py::test_kept"], False),
        (["--ignore", "test_a.py"], False),
        (["--lf"], False),
    ],
)
def test_a_test_has_vanished_only_if_its_file_was_collected_as_a_whole(
    pytester: pytest.Pytester, baseline: Path, arguments: list[str], *, vanished: bool
) -> None:
    ended = pytester.runpytest_subprocess("--bgasync-baseline", str(baseline), *arguments)
    said = f"vanished, the baseline has it still: {GONE}" in ended.stdout.str()
    assert (ended.ret, said) == (int(vanished), vanished), ended.stdout.str()
    for test in (KEPT, OTHER):
        assert f"vanished, the baseline has it still: {test}" not in ended.stdout.str()


def test_what_has_vanished_goes_from_the_file_and_what_was_not_run_stays(
    pytester: pytest.Pytester, baseline: Path
) -> None:
    (pytester.path / "test_b.py").unlink()
    ended = pytester.runpytest_subprocess(
        "--bgasync-baseline", str(baseline), "--bgasync-update-baseline", "-k", "kept"
    )
    assert ended.ret == 0
    assert set(load(baseline).tests) == {KEPT}


def test_a_file_that_cannot_be_collected_has_lost_no_test(pytester: pytest.Pytester, baseline: Path) -> None:
    (pytester.path / "test_a.py").write_text("import nothing_there")
    ended = pytester.runpytest_subprocess("--bgasync-baseline", str(baseline), "--continue-on-collection-errors")
    assert "vanished" not in ended.stdout.str()


def test_nothing_is_compared_or_written_while_tests_are_only_listed(pytester: pytest.Pytester, baseline: Path) -> None:
    ended = pytester.runpytest_subprocess(
        "--collect-only",
        "--bgasync-baseline",
        str(baseline),
        "--bgasync-ledger",
        "l.jsonl",
        "--bgasync-report",
        "r.html",
    )
    assert ended.ret == 0
    assert "vanished" not in ended.stdout.str()
    assert not (pytester.path / "r.html").exists()
    assert not (pytester.path / "l.jsonl").exists()


def reported(pytester: pytest.Pytester, *arguments: str) -> tuple[pytest.RunResult, list[dict[str, Any]]]:
    """Run pytest, and return how it ended and the tests that its report shows."""
    ended = pytester.runpytest_subprocess("--bgasync-report", "r.html", *arguments)
    page = (pytester.path / "r.html").read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return ended, json.loads(found[1])["tests"]


def test_a_report_of_a_session_without_such_tests_is_written_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one(): pass")
    ended, tests = reported(pytester)
    assert (ended.ret, tests) == (0, [])
    assert f"the report of background jobs: {(pytester.path / 'r.html').as_uri()}" in ended.stdout.str()


@pytest.mark.parametrize("arguments", [(), ("-n", "1")])
def test_a_report_is_written_when_the_tests_cannot_be_collected(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    pytester.makepyfile("import nothing_there")
    ended, tests = reported(pytester, *arguments)
    assert (ended.ret != 0, tests) == (True, [])


def test_a_test_that_was_interrupted_is_in_the_report_if_it_uses_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef bgasync(): return None")  # one without hosts
    pytester.makepyfile("def test_one(bgasync): pass\ndef test_two(bgasync): raise KeyboardInterrupt")
    ended, tests = reported(pytester)
    assert ended.ret == pytest.ExitCode.INTERRUPTED
    assert [(test["nodeid"].partition("::")[2], test["outcome"], test["took"] is None) for test in tests] == [
        ("test_two", "interrupted", True), ("test_one", "passed", False),
    ]  # fmt: skip
    pytester.makepyfile("def test_two(): raise KeyboardInterrupt")
    assert reported(pytester)[1] == []


def test_a_test_whose_worker_died_is_in_the_report(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import os\ndef test_one(): os._exit(1)")
    _, (test,) = reported(pytester, "-n", "1")
    assert (test["outcome"], test["took"]) == ("crashed", None)


def test_a_report_that_cannot_be_written_at_the_end_is_one_sentence(pytester: pytest.Pytester) -> None:
    (pytester.path / "gone").mkdir()
    pytester.makepyfile("import os\ndef test_one(): os.rmdir('gone')")
    ended = pytester.runpytest_subprocess("--bgasync-report", "gone/r.html")
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --bgasync-report: " in ended.stdout.str()
    assert "r.html cannot be written: No such file or directory" in ended.stdout.str()
    assert "INTERNALERROR" not in ended.stdout.str() + ended.stderr.str()
