"""Which tests of a baseline have vanished, by what pytest collects."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_bgasync.baseline import Baseline, load, save
from pytest_bgasync.behaviour import Behaviour

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
        "--collect-only", "--bgasync-baseline", str(baseline), "--bgasync-ledger", "l.jsonl"
    )
    assert ended.ret == 0
    assert "vanished" not in ended.stdout.str()
    assert not (pytester.path / "l.jsonl").exists()
