"""Ends what runs have started on this machine."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from pytest_bgasync.util.clock import Deadline


def end_processes(folder: Path) -> None:
    """End every process of this machine that a run in ``folder`` started, Ansible's workers and ssh included."""

    def left() -> list[psutil.Process]:
        # Workers make sessions of their own and outlive their parent: only marks tell.
        found: list[psutil.Process] = []
        for process in psutil.process_iter(["environ"]):
            mark = (process.info["environ"] or {}).get("BGASYNC_RUN", "")
            if process.pid == os.getpid():
                continue
            if Path(mark).is_relative_to(folder) or _was_forked_in(process, folder):
                with suppress(psutil.Error):
                    found += [process] if process.status() != psutil.STATUS_ZOMBIE else []
        return found

    def ended() -> bool:
        processes = left()
        for process in processes:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        return not processes

    Deadline(10).wait_for(ended)


def _was_forked_in(process: psutil.Process, folder: Path) -> bool:
    """Say whether a process was forked in a run: its environment is that of the server, but it has the request open."""
    try:
        if not any(word.endswith("controller/forkserver.py") for word in process.cmdline()):
            return False
        return any(Path(file.path).is_relative_to(folder) for file in process.open_files())
    except (psutil.Error, OSError):
        return False
