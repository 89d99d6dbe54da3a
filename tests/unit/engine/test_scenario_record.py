"""What is written down of scenarios, and what the names of containers say."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_bgasync.engine import ownership as owner
from pytest_bgasync.engine.container_index import choose, told
from pytest_bgasync.engine.ownership import make_folder, others_folders, own_folders
from pytest_bgasync.engine.scenario_record import (
    FILE,
    HOLD,
    Name,
    Record,
    container_name,
    is_kept,
    kept_name,
    network_name,
    new_scenario,
    parse_name,
    records,
)
from pytest_bgasync.util.errors import Ambiguous, NotThere
from pytest_bgasync.util.text import aligned

RECORD = Record("0123456789", "test_a.py::test_one", "unix:///engine", {"web1": "bgasync-0123456789-web1"})


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(owner, "SHORT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("machine", ["web1", "lb.example.com", "a-b", "webhooks", "kept-1"])
def test_a_name_says_again_what_it_was_made_of(machine: str) -> None:
    name = container_name(new_scenario(), machine)
    assert parse_name(name.container) == name
    assert parse_name(kept_name(name.container)) == replace(name, kept=True)
    assert name.container.startswith(network_name(name.scenario) + "-")


def test_a_name_is_one_that_engines_take() -> None:
    assert container_name("0123456789", "fe80::1").container == "bgasync-0123456789-fe80--1"


@pytest.mark.parametrize("other", ["web1", "bgasync-web1", "bgasync-012345678-web1", "bgasync-kept-web1"])
def test_the_names_of_others_say_nothing(other: str) -> None:
    assert parse_name(other) is None


def test_a_record_is_read_as_it_was_written_and_what_is_none_is_passed_over(temporary: Path) -> None:
    folder, broken, bare = make_folder(), make_folder(), make_folder()
    RECORD.write(folder)
    (broken / FILE).write_text('{"scenario": 1}')
    assert list(records()) == [(folder, RECORD)]
    assert is_kept(folder) is is_kept(broken) is is_kept(bare) is None
    replace(RECORD, kept=True).write(folder)
    assert is_kept(folder) == replace(RECORD, kept=True)
    assert folder.parent == temporary


def test_folders_of_others_are_not_believed(temporary: Path) -> None:
    mine = make_folder()
    RECORD.write(mine)
    for name in ("bga-link", "bga-open", "bga-foreign"):
        shutil.copytree(mine, temporary / name)
    (temporary / "bga-open").chmod(0o770)
    shutil.move(temporary / "bga-link", temporary / "elsewhere")
    (temporary / "bga-link").symlink_to(temporary / "elsewhere")
    if os.geteuid() == 0:
        os.chown(temporary / "bga-foreign", 65534, 65534)
    else:
        (temporary / "bga-foreign").chmod(0o777)
    assert list(records()) == [(mine, RECORD)]
    assert own_folders([temporary]) == [mine]
    assert others_folders([temporary]) == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.rename(path.parent / "x").with_name(FILE).symlink_to("x"),
        lambda path: (path.unlink(), os.mkfifo(path)),  # type: ignore[func-returns-value]
        lambda path: path.chmod(0o620),
        lambda path: os.truncate(path, 1 << 30),
        lambda path: path.write_text("[" * 500_000),
        lambda path: path.write_text(path.read_text().replace("unix:///engine", "x").replace('"x"', "7")),
        pytest.param(
            lambda path: os.chown(path, 65534, 65534),
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away"),
        ),
    ],
    ids=["link", "fifo", "writable", "sparse", "deep", "types", "foreign"],
)
def test_a_record_that_cannot_be_believed_is_none(spoil: Callable[[Path], object]) -> None:
    folder = make_folder()
    replace(RECORD, kept=True).write(folder)
    assert is_kept(folder) is not None
    spoil(folder / FILE)
    assert list(records()) == []
    assert is_kept(folder) is None


@pytest.mark.parametrize(("said", "stays"), [("", False), ("other\n", False), ("keep\n", True)])
def test_what_holds_a_container_ends_with_its_input_unless_it_was_told_to_stay(said: str, stays: bool) -> None:
    with subprocess.Popen(HOLD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True) as sh:
        assert sh.stdin is not None
        assert sh.stdout is not None
        sh.stdin.write(said)
        sh.stdin.close()
        if stays:
            assert sh.stdout.readline() == "kept\n"
            with pytest.raises(subprocess.TimeoutExpired):
                sh.wait(0.5)
            subprocess.run(["kill", "-KILL", "--", f"-{sh.pid}"], check=True)
        else:
            assert sh.wait(20) == 0


ONE, TWO = Name("0000000001", "web1", kept=True), Name("0000000002", "web1", kept=False)
OTHER, THIRD = Name("0000000002", "db-1", kept=False), Name("0000000003", "db-1", kept=False)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("web1", ONE), ("0000000002-web1", TWO), ("bgasync-kept-0000000001-web1", ONE), ("0000000003-db-1", THIRD)],
)
def test_a_host_is_chosen_by_its_own_name_and_a_kept_one_comes_first(wanted: str, found: Name) -> None:
    assert choose([], wanted, [TWO, OTHER, ONE, THIRD]) is found


def test_a_host_that_cannot_be_chosen_is_told_with_those_there_are() -> None:
    with pytest.raises(Ambiguous, match="several hosts are called 'db-1', name one of:\n  - 0000000002-db-1\n"):
        choose([], "db-1", [OTHER, THIRD])
    with pytest.raises(NotThere, match="there is no host 'web2'; there are: nothing"):
        choose([], "web2", [])


@pytest.mark.parametrize(
    ("seconds", "word"), [(3, "3 s"), (61, "1 min"), (7300, "2 h"), (90000, "25 h"), (200000, "2 days")]
)
def test_an_age_is_told_in_a_word(seconds: float, word: str) -> None:
    assert told(seconds) == word


def test_columns_stand_below_each_other() -> None:
    assert aligned([["a", "long", ""], ["bcd", "x", "y"]]) == ["a    long", "bcd  x     y"]
    assert aligned([]) == []
