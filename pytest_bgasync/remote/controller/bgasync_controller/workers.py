"""Lets the main process of a run die with pytest, and its workers with it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from contextlib import suppress

#: Of prctl(2).
PR_SET_PDEATHSIG = 1


def install(leash: int) -> None:
    """Without this, a run in a long wait would outlive a pytest that was killed.

    ``leash`` is a connection that pytest keeps open. The signal of a parent's death would come when the
    thread that has started the run ends; workers are started by a thread that lives as long as they do.
    """

    def end_with_pytest() -> None:
        with suppress(OSError):
            os.read(leash, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=end_with_pytest, daemon=True).start()
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
