"""Folders and files that only this user can have written: nothing else in a shared temporary folder is believed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

#: How many bytes a file that is read may have, unless the caller says otherwise.
MOST = 1 << 20
#: Writable by the group or by all.
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
#: Open no link, and never wait for the other end of a FIFO.
_CAREFULLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotPrivateError(OSError):
    """A folder or file that somebody else can have written. Its text is the whole reason."""


class PrivateFolder:
    """A folder that belongs to this user and that nobody else may write to, held open.

    All names are looked up in the folder that was opened, even if another one is at its path since.
    """

    def __init__(self, path: Path) -> None:
        """Open it; raises OSError, which is a NotPrivateError if the folder cannot be believed."""
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _CAREFULLY)
        except NotADirectoryError:
            raise NotPrivateError(f"{path} is not a folder, or is a symbolic link") from None
        try:
            _check(path, os.fstat(self._fd))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> PrivateFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)

    def names(self) -> list[str]:
        """Return the names of what is in it; raises OSError."""
        return sorted(os.listdir(self._fd))  # noqa: PTH208 -- by its number, not by its path

    def read(self, name: str, most: int = MOST) -> str:
        """Return the text of a file that has at most ``most`` bytes; raises OSError."""
        with self._opened(name) as fd, os.fdopen(fd, "rb", closefd=False) as stream:
            content = stream.read(most + 1)
        if len(content) > most:
            raise NotPrivateError(f"{self.path / name} has more than {most} bytes")
        return content.decode(errors="replace")

    def read_json(self, name: str, most: int = MOST) -> Any:
        """Return what a JSON file holds; raises OSError or ValueError."""
        return parse(self.read(name, most))

    def check(self, name: str) -> float:
        """Return when a file was last modified, in seconds since the epoch; raises OSError if it is not private."""
        with self._opened(name) as fd:
            return os.fstat(fd).st_mtime

    def write(self, name: str, text: str) -> None:
        """Write a file that only this user can read; readers see the old text or the new one. Raises OSError."""
        beside = f".{name}.{uuid.uuid4().hex}"
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFULLY, 0o600, dir_fd=self._fd)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.replace(beside, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except BaseException:
            with suppress(OSError):
                os.unlink(beside, dir_fd=self._fd)
            raise

    def remove(self) -> None:
        """Remove the folder with all that is in it, following no link; raises OSError."""
        for name in self.names():
            try:
                os.unlink(name, dir_fd=self._fd)
            except (IsADirectoryError, PermissionError):  # Linux says the one, POSIX the other
                shutil.rmtree(name, ignore_errors=True, dir_fd=self._fd)
            except FileNotFoundError:  # somebody else removes the folder, too
                pass
        self.path.rmdir()

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        fd = opened(name, os.O_RDONLY, self._fd)
        try:
            yield fd
        finally:
            os.close(fd)


def is_private(status: os.stat_result) -> bool:
    """Say whether a thing belongs to this user and nobody else may write to it."""
    return status.st_uid == os.getuid() and not status.st_mode & _OTHERS


def opened(path: Path | str, flags: int, folder: int | None = None) -> int:
    """Open a regular file of this user's own, made for this user alone; return its number. Raises OSError.

    A relative path is looked up in the open folder ``folder``.
    """
    fd = os.open(path, flags | _CAREFULLY, 0o600, dir_fd=folder)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise NotPrivateError(f"{path} is not a regular file")
        _check(path, status)
    except BaseException:
        os.close(fd)
        raise
    return fd


def write(path: Path, text: str) -> None:
    """Write a file into a private folder, as ``PrivateFolder.write`` does; raises OSError."""
    with PrivateFolder(path.parent) as folder:
        folder.write(path.name, text)


def make_file(path: Path) -> Path:
    """Make an empty file in the place of whatever was there, and return its path; raises OSError."""
    path.unlink(missing_ok=True)
    os.close(opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    return path


def parse(text: str) -> Any:
    """Return what JSON says; raises ValueError, also for what is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _check(path: Path | str, status: os.stat_result) -> None:
    if status.st_uid != os.getuid():
        raise NotPrivateError(f"{path} belongs to another user")
    if not is_private(status):
        raise NotPrivateError(f"others may write to {path}: chmod go-w {path}")
