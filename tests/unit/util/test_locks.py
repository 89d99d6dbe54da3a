"""Locks between processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_bgasync.util.errors import BgasyncError
from pytest_bgasync.util.locks import FileLock, cache_folder, locked

pytestmark = pytest.mark.usefixtures("cache")

HOLD = """
import sys
from pytest_bgasync.util.locks import FileLock
lock = FileLock("x")
assert lock.try_acquire(shared=sys.argv[1] == "shared")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(kind: str) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock ``x`` meanwhile."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


@pytest.mark.parametrize(
    ("theirs", "ours", "free"),
    [
        ("shared", "shared", True),
        ("shared", "exclusive", False),
        ("exclusive", "shared", False),
        ("exclusive", "exclusive", False),
    ],
)
def test_a_lock_is_for_many_sharers_or_for_one_alone(theirs: str, ours: str, free: bool) -> None:
    lock = FileLock("x")
    with another_process(theirs):
        assert lock.try_acquire(shared=ours == "shared") is free
    lock.release()


def test_a_lock_is_free_once_its_process_was_killed() -> None:
    with another_process("exclusive") as holder:
        lock = FileLock("x")
        assert not lock.try_acquire()
        holder.kill()
        lock.acquire(within=30)
        lock.release()


def test_locks_of_other_names_are_not_in_the_way() -> None:
    with another_process("exclusive"), locked("y", within=0):
        pass


def test_waiting_for_a_lock_ends_at_the_deadline_and_says_which_file(cache: Path) -> None:
    begun = time.monotonic()
    with another_process("shared"), pytest.raises(BgasyncError) as caught, locked("x", within=0.2):
        pytest.fail("the lock was given although another process shares it")
    assert time.monotonic() - begun >= 0.2
    assert str(caught.value).startswith(f"another process has held {cache}/x.lock for 0 s: wait for")


def test_a_lock_is_given_back_after_an_error_too() -> None:
    with pytest.raises(RuntimeError, match="inside"), locked("x", within=0):
        raise RuntimeError("inside")
    with locked("x", within=0):
        pass


def test_a_shared_lock_becomes_an_exclusive_one_when_nobody_shares_it() -> None:
    first, second = FileLock("x"), FileLock("x")
    assert first.try_acquire(shared=True)
    assert second.try_acquire(shared=True)
    assert not first.try_acquire()
    second.release()
    assert first.try_acquire()
    assert not second.try_acquire(shared=True)
    first.release()
    second.release()


def test_the_cache_folder_is_in_home_where_nothing_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache/pytest-bgasync"
    assert cache_folder().is_dir()


def test_a_cache_folder_that_cannot_be_made_is_told_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(BgasyncError, match=r"no folder for locks and logs \(.*: name one .* in XDG_CACHE_HOME$"):
        cache_folder()


@pytest.mark.parametrize("spoil", ["give away", "open", "link"])
def test_a_cache_folder_of_others_is_refused(cache: Path, spoil: str) -> None:
    made = cache_folder()
    assert (made, made.stat().st_mode & 0o777) == (cache, 0o700)
    if spoil == "link":
        cache.rename(cache.with_name("elsewhere"))
        cache.symlink_to("elsewhere")
    elif spoil == "give away" and os.geteuid() == 0:
        os.chown(cache, 65534, 65534)
    else:
        cache.chmod(0o770)
    said = rf"no folder for locks and logs \(.*{cache}.*: name one .* in XDG_CACHE_HOME$"
    with pytest.raises(BgasyncError, match=said):
        FileLock("x")


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_what_is_no_file_is_no_lock(cache: Path, tmp_path: Path, kind: str) -> None:
    lock = FileLock("x")
    if kind == "link":
        lock.path.symlink_to(tmp_path / "victim")
    else:
        os.mkfifo(lock.path)
    with pytest.raises(BgasyncError, match=rf"^{cache}/x.lock cannot be used as a lock \(.*\): remove it$"):
        lock.try_acquire()
    assert not (tmp_path / "victim").exists()
