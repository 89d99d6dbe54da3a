"""The baseline: its file, what is new, what has vanished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync.reports.baseline import Baseline, Session, compare, load, save, text, updated
from pytest_bgasync.reports.behaviour import Behaviour, OnHost
from pytest_bgasync.util.errors import UsageProblem

JOB: dict[str, Any] = {
    "task": "Start: it", "item": "yes", "user": "root", "limit": 3600, "poll": 0, "outcome": "failed", "rc": 3,
    "collected": True,
}  # fmt: skip


def behaviour(rc: int = 0, **fields: Any) -> Behaviour:
    tasks = (("Start: it (yes)", "changed"), ("Wait # long", "failed, rescued by Roll back"), ("x" * 300, "ok"))
    host = OnHost(tasks, {"ok": 1, "failed": 0}, (JOB,))
    return Behaviour("playbooks/site.yml", rc, {"host1": host}, **fields)


ONE, TWO = "tests/test_one.py::test_one[x]", "tests/test_two.py::test_two"
KNOWN = Baseline({TWO: [behaviour()], ONE: [behaviour(2), behaviour()]}, {"playbooks/site.yml": ["Never: this"]})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A rootdir with the files of both tests."""
    (tmp_path / "tests").mkdir()
    for name in ("one", "two"):
        (tmp_path / "tests" / f"test_{name}.py").touch()
    return tmp_path


def session(**fields: Any) -> Session:
    """Return a session in which both tests ran and did what is known."""
    both = {test: list(runs) for test, runs in KNOWN.tests.items()}
    return Session(**{"passed": both, "present": [ONE, TWO], "files": ["tests/test_one.py", "tests/test_two.py"],
                      "never": {"playbooks/site.yml": ["Never: this"]}, **fields})  # fmt: skip


def test_what_is_written_is_read_again_and_written_the_same(tmp_path: Path) -> None:
    path = tmp_path / "baseline.yml"
    save(KNOWN, path)
    assert text(load(path)) == path.read_text() == text(KNOWN)
    assert load(path).tests[ONE][0].hosts == KNOWN.tests[ONE][0].hosts
    assert [entry.name for entry in tmp_path.iterdir()] == ["baseline.yml"]


def test_tests_stand_in_their_order_apart_from_each_other() -> None:
    parts = text(KNOWN).split("\n\n")
    assert [part.splitlines()[0] for part in parts[-2:]] == [f"- test: {ONE}", f"- test: {TWO}"]
    assert text(KNOWN).count("outcome: failed\n") == 3


@pytest.mark.parametrize("known", [Baseline(), Baseline(never={})])
def test_an_empty_baseline_is_one(tmp_path: Path, known: Baseline) -> None:
    save(known, tmp_path / "b.yml")
    assert load(tmp_path / "b.yml") == known


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is no baseline"),
        ("- hosts: all\n  tasks: []\n", "is no baseline"),
        ("a: [", r"is no baseline \(line"),
        ("baseline: 2\ntests: []\n", r"is no baseline \(of version 2, and this release reads 1\)"),
        ("baseline: 1\n", "is no baseline"),
        ("baseline: 1\ntests: [{test: x}]\n", "is no baseline"),
        ("baseline: 1\ntests: [{test: x, runs: [{playbook: 1, rc: 0, hosts: {}}]}]\n", r"\(1 is at a place"),
        ("baseline: 1\ntests: [{test: x, runs: [{playbook: p, rc: 0, hosts: {h: {tasks: [], jobs: [{}]}}}]}]\n",
         "a job without task"),
        ("baseline: 1\n<<<<<<< HEAD\ntests: []\n=======\n>>>>>>> topic\n", "line 2 is a mark of a merge conflict"),
        ("\0", "is no baseline"),
    ],
)  # fmt: skip
def test_what_is_no_baseline_is_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "b.yml").write_text(content)
    with pytest.raises(UsageProblem, match=said) as caught:
        load(tmp_path / "b.yml")
    assert "\n" not in str(caught.value)
    assert "--bgasync-update-baseline" in str(caught.value)


def test_a_missing_baseline_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=r"there is no .*/b.yml yet: write it with --bgasync-update-baseline"):
        load(tmp_path / "b.yml")


def test_a_session_that_did_the_same_does_not_differ(root: Path) -> None:
    assert not compare(KNOWN, session(), root)
    assert updated(KNOWN, session(), root).tests == KNOWN.tests


def test_a_test_that_did_something_else_differs(root: Path) -> None:
    found = compare(KNOWN, session(passed={TWO: [behaviour(2)]}), root)
    assert [(one.test, one.what, one.old, one.new) for one in found.differences] == [(TWO, "rc", "0", "2")]


def test_what_was_not_run_is_neither_vanished_nor_forgotten(root: Path) -> None:
    partly = session(passed={TWO: [behaviour(2)]}, never={})
    assert not compare(KNOWN, partly, root).vanished
    assert updated(KNOWN, partly, root).tests == {TWO: [behaviour(2)], ONE: KNOWN.tests[ONE]}
    assert updated(KNOWN, partly, root).never == KNOWN.never


def test_a_test_has_vanished_when_its_file_was_collected_without_it_or_is_gone(root: Path) -> None:
    two = {TWO: [behaviour()]}
    assert compare(KNOWN, session(passed=two, present=[TWO], files=["tests/test_two.py"]), root).vanished == []
    assert compare(KNOWN, session(passed=two, present=[TWO]), root).vanished == [ONE]
    (root / "tests" / "test_one.py").unlink()
    gone = session(passed=two, present=[TWO], files=["tests/test_two.py"])
    assert compare(KNOWN, gone, root).vanished == [ONE]
    assert set(updated(KNOWN, gone, root).tests) == {TWO}


def test_a_test_that_the_baseline_does_not_have_is_new_if_it_runs_playbooks(root: Path) -> None:
    more = session(passed={**KNOWN.tests, "t.py::new": [behaviour()], "t.py::none": []})
    assert compare(KNOWN, more, root).new == ["t.py::new"]
    assert set(updated(KNOWN, more, root).tests) == {ONE, TWO, "t.py::new"}


def test_a_test_that_failed_is_compared_and_keeps_its_entry(root: Path) -> None:
    failed = session(passed={TWO: [behaviour()]}, failed={ONE: [behaviour(4)]}, never={})
    assert [str(one) for one in compare(KNOWN, failed, root).differences] == ["run 1: rc: 2 -> 4"]
    assert updated(KNOWN, failed, root) == KNOWN


def test_tasks_that_never_ran_are_compared_when_all_tests_ran(root: Path) -> None:
    never = {"playbooks/site.yml": ["Roll back"], "playbooks/new.yml": ["First"]}
    assert [(one.playbook, str(one)) for one in compare(KNOWN, session(never=never), root).differences] == [
        ("playbooks/new.yml", "task 'First': ran in a test -> never ran"),
        ("playbooks/site.yml", "task 'Roll back': ran in a test -> never ran"),
        ("playbooks/site.yml", "task 'Never: this': never ran -> ran in a test, or is no more"),
    ]
    assert updated(KNOWN, session(never=never), root).never == never
    assert not compare(KNOWN, session(never=never, passed={TWO: [behaviour()]}), root)


def test_durations_that_are_about_the_same_leave_the_file_as_it_is(root: Path) -> None:
    known = Baseline({ONE: [behaviour(took=100.0)]})
    for took, kept in ((120.0, 100.0), (200.0, 200.0)):
        ran = session(passed={ONE: [behaviour(took=took)]}, time_scales={ONE: 1.0})
        assert updated(known, ran, root, ratio=1.5).tests[ONE][0].took == kept
        assert bool(compare(known, ran, root, ratio=1.5)) is (kept != 100.0)
        assert not compare(known, ran, root)
