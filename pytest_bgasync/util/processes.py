"""Who a process is: its number, and what tells it from others that get that number later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def identify(pid: int) -> dict[str, Any]:
    """Return what names a process for ever; it holds numbers and texts only."""
    return {"domain": _domain(), "pid": pid, "ticks": _ticks(pid)}


def is_alive(who: Mapping[str, Any]) -> bool | None:
    """Say whether the process that ``identify`` named is still there; None where that cannot be seen from here.

    Raises ValueError, TypeError or KeyError for what ``identify`` has not written.
    """
    pid, ticks = int(who["pid"]), who["ticks"]
    if who["domain"] != _domain():
        return None
    found = _ticks(pid)
    if found is None and _is_hidden(pid):
        return None
    return ticks is not None and found == ticks


def of_another_boot(who: Mapping[str, Any]) -> bool:
    """Say whether a process lived before this machine was started, or on another one."""
    return str(who["domain"]).partition(" ")[0] != _domain().partition(" ")[0]


def _domain() -> str:
    """Name the set of processes that this process can see."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return os.uname().nodename


def _is_hidden(pid: int) -> bool:
    """Say whether there is a process of another user which this one may not look at (the mount option hidepid)."""
    if Path(f"/proc/{pid}/stat").exists():
        return False
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError) as error:
        return isinstance(error, PermissionError)
    return False


def _ticks(pid: int) -> int | None:
    """Return when a process began, in ticks since the boot, which setting the clock does not move; None without one."""
    try:
        # The name of the program, in brackets, may hold anything.
        state, *fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2].split()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else int(fields[18])
