"""Lets the workers of a run die with its main process, which dies with pytest."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

#: Of prctl(2).
PR_SET_PDEATHSIG = 1


def install() -> None:
    """Without this, a worker in a long wait would outlive a pytest that was killed."""
    if not sys.platform.startswith("linux"):
        return
    prctl, main = ctypes.CDLL(None).prctl, os.getpid()
    forking = [main]

    def note() -> None:
        forking[0] = os.getpid()

    def end_with_main() -> None:
        if forking[0] == main:  # what a worker forks is its own affair
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != main:  # it has gone in the meantime
                os._exit(1)

    os.register_at_fork(before=note, after_in_child=end_with_main)
