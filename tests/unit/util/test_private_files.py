"""Folders and files that only this user can have written."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_bgasync.util import private_files as private
from pytest_bgasync.util.private_files import NotPrivateError, PrivateFolder

#: A user who is not the one that runs the tests.
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A private folder with a file ``note``."""
    made = tmp_path / "mine"
    made.mkdir(mode=0o700)
    (made / "note").write_text("mine")
    return made


def read(folder: Path, most: int = private.MOST) -> str:
    with PrivateFolder(folder) as opened:
        return opened.read("note", most)


def give_away(path: Path) -> None:
    os.chown(path, NOBODY, NOBODY)


def let_the_group_write(path: Path) -> None:
    path.chmod(path.stat().st_mode | stat.S_IWGRP)


def let_all_write(path: Path) -> None:
    path.chmod(path.stat().st_mode | stat.S_IWOTH)


def move_behind_a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def make_a_fifo(path: Path) -> None:
    path.unlink() if path.is_file() else shutil.rmtree(path)
    os.mkfifo(path)


WAYS = [pytest.param(give_away, marks=as_root), let_the_group_write, let_all_write, move_behind_a_link, make_a_fifo]


def test_own_text_is_read_back(folder: Path) -> None:
    assert read(folder) == "mine"
    private.write(folder / "note", "other")
    assert read(folder) == "other"
    assert [path.name for path in folder.iterdir()] == ["note"]


@pytest.mark.parametrize("spoil", WAYS)
def test_no_folder_of_others_is_opened(folder: Path, spoil: Callable[[Path], None]) -> None:
    spoil(folder)
    with pytest.raises(NotPrivateError, match=str(folder)):
        PrivateFolder(folder)
    with pytest.raises(NotPrivateError):
        private.write(folder / "note", "ours")


@pytest.mark.parametrize("spoil", WAYS)
def test_no_file_of_others_is_read(folder: Path, spoil: Callable[[Path], None]) -> None:
    spoil(folder / "note")
    with pytest.raises(OSError, match=r"note|symbolic"):
        read(folder)


def test_writing_follows_no_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("whole")
    (folder / "note").unlink()
    (folder / "note").symlink_to(tmp_path / "victim")
    private.write(folder / "note", "ours")
    assert (read(folder), (tmp_path / "victim").read_text()) == ("ours", "whole")
    (folder / "note").unlink()
    (folder / "note").symlink_to(tmp_path / "victim")
    private.make_file(folder / "note")
    assert (read(folder), (tmp_path / "victim").read_text()) == ("", "whole")


def test_a_sparse_gigabyte_is_not_read(folder: Path) -> None:
    os.truncate(folder / "note", 1 << 30)
    with pytest.raises(NotPrivateError, match="has more than 1048576 bytes"):
        read(folder)


def test_the_longest_file_is_read(folder: Path) -> None:
    assert read(folder, most=4) == "mine"
    with pytest.raises(NotPrivateError, match="has more than 3 bytes"):
        read(folder, most=3)


def test_deep_json_is_an_ordinary_error(folder: Path) -> None:
    (folder / "note").write_text("[" * 500_000)
    with PrivateFolder(folder) as opened, pytest.raises(ValueError, match="too deep"):
        opened.read_json("note")


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_what_is_written_is_private_for_any_umask(folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        private.write(folder / "note", "other")
        private.make_file(folder / "more")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_removing_follows_no_link(folder: Path, tmp_path: Path) -> None:
    assert shutil.rmtree.avoids_symlink_attacks
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "whole").touch()
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "deep" / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(folder / "fifo")
    with PrivateFolder(folder) as opened:
        opened.remove()
    assert not folder.exists()
    assert (tmp_path / "outside" / "whole").exists()


def test_what_took_the_place_of_a_folder_stays(folder: Path, tmp_path: Path) -> None:
    """A folder that is removed is the one that was opened, even if another one is at its path since."""
    with PrivateFolder(folder) as opened:
        folder.rename(tmp_path / "moved")
        folder.mkdir()
        (folder / "whole").touch()
        with pytest.raises(OSError, match="not empty"):
            opened.remove()
    assert (folder / "whole").exists()
    assert list((tmp_path / "moved").iterdir()) == []
