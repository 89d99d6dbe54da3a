"""Locks between processes of one machine, and the folder they live in."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pytest_bgasync.util import private_files as private
from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.errors import BgasyncError


def cache_folder() -> Path:
    """Return the folder for locks and logs, which outlive a run; it exists afterwards.

    Nobody else can have written there. Raises BgasyncError.
    """
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(base) / "pytest-bgasync"
        Path(base).mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        private.PrivateFolder(folder).close()
    except (OSError, RuntimeError) as error:  # of a user without a home
        raise BgasyncError(
            f"there is no folder for locks and logs ({error}): name one that this user may write to in XDG_CACHE_HOME"
        ) from None
    return folder


class FileLock:
    """A lock on a file of the cache folder; the kernel frees it when its process ends."""

    def __init__(self, name: str) -> None:
        self.path = cache_folder() / f"{name}.lock"
        self._stream: IO[str] | None = None

    def try_acquire(self, *, shared: bool = False) -> bool:
        """Take the lock, or change the kind of it, if nobody is in the way; raises BgasyncError."""
        if self._stream is None:
            try:
                self._stream = os.fdopen(private.opened(self.path, os.O_RDWR | os.O_CREAT), "a")
            except OSError as error:
                raise BgasyncError(f"{self.path} cannot be used as a lock ({error}): remove it") from None
        try:
            fcntl.flock(self._stream, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def acquire(self, *, shared: bool = False, within: float) -> None:
        """Take the lock; raise BgasyncError when others hold it for ``within`` real seconds."""
        if not Deadline(within).wait_for(lambda: self.try_acquire(shared=shared), every=0.1):
            self.release()
            raise BgasyncError(
                f"another process has held {self.path} for {within:.0f} s:"
                " wait for the other run to end, or end the process that holds it"
            )

    def release(self) -> None:
        """Give the lock back."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


@contextmanager
def locked(name: str, *, within: float) -> Iterator[None]:
    """Hold the lock ``name`` alone."""
    lock = FileLock(name)
    lock.acquire(within=within)
    try:
        yield
    finally:
        lock.release()
