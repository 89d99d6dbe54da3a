"""Whose a container, network or image is, so that dead runs are swept and nobody else's things are."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from pytest_bgasync.engine import FAILURES, TOLERANCE, Engine
from pytest_bgasync.locks import cache_folder

OWNER = "bgasync.owner"
#: Seconds after which an unused thing of a run that cannot be asked about counts as left behind.
ABANDONED = 3600
_FOLDER = "bga-"
#: How a build says which image a step has made.
_STEP = re.compile(r"^ ---> ([0-9a-f]{12})$", re.MULTILINE)


def owner_label() -> dict[str, str]:
    """Return the label that says which process made a thing."""
    return {OWNER: _label()}


def _label() -> str:
    return json.dumps({"domain": _domain(), "pid": os.getpid(), "born": _born(os.getpid())})


def make_folder() -> Path:
    """Return a new folder for temporary files, one with a short path, which sockets need."""
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER))
    (folder / OWNER).write_text(_label())
    return folder


def sweep(engine: Engine) -> list[str]:
    """Remove what dead runs left, in the engine and in temporary folders; return the names of what was removed."""
    client, removed = engine.client, []
    for note in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*/{OWNER}"):
        with suppress(OSError):
            if _dead(note.read_text(), None, unused=True):
                shutil.rmtree(note.parent, ignore_errors=True)
                removed.append(f"folder {note.parent}")
    ours: dict[str, str | list[str] | bool] = {"label": OWNER}
    for container in client.containers.list(all=True, filters=ours, ignore_removed=True):
        # A container ends with its run by itself; what is left was created and never started.
        if _dead(container.attrs["Config"]["Labels"][OWNER], container.attrs["Created"], container.status != "running"):
            with suppress(*FAILURES):
                container.remove(force=True, v=True)
                removed.append(f"container {container.name}")
    for network in client.networks.list(filters=ours):
        if _dead(network.attrs["Labels"][OWNER], network.attrs["Created"], unused=True):
            with suppress(*FAILURES):  # the engine refuses while a container is on it
                network.remove()
                removed.append(f"network {network.name}")
    for image in client.images.list(filters={**ours, "dangling": True}):
        if _dead(image.labels[OWNER], image.attrs["Created"], unused=True):
            with suppress(*FAILURES):
                client.images.remove(str(image.id))
                removed.append(f"image {image.short_id}")
    for log in (cache_folder() / "logs").glob("*.log"):
        removed += _sweep_build(client, log)
    return removed


def _sweep_build(client: Any, log: Path) -> list[str]:
    """Remove what a killed build of an author's folder has left, by its log: such an image carries no label of ours."""
    label, _, steps = log.read_text(errors="replace").partition("\n")
    if not _dead(label, None, unused=True):
        return []
    dangling = {image.id.partition(":")[2][:12]: image for image in client.images.list(filters={"dangling": True})}
    removed = []
    for number in _STEP.findall(steps):
        if number in dangling:
            with suppress(*FAILURES):  # the engine refuses while others stand on it
                client.images.remove(dangling[number].id)
                removed.append(f"image {number}")
    return removed


def _dead(label: str, created: str | None, unused: bool) -> bool:
    """Say whether the run that made a thing is over.

    A run on this machine is asked for by its process. For any other only age can speak,
    and only of what is not in use.
    """
    try:
        owner: dict[str, Any] = json.loads(label)
        if owner["domain"] == _domain():
            born = _born(int(owner["pid"]))
            return born is None or abs(born - float(owner["born"])) > TOLERANCE
        return unused and created is not None and time.time() - _epoch(created) > ABANDONED
    except (ValueError, TypeError, KeyError):
        return False  # not written by us


def _domain() -> str:
    """Name the set of processes that this process can see."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return f"{os.uname().nodename} {psutil.boot_time()}"


def _born(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def _epoch(created: str) -> float:
    moment = datetime.fromisoformat(created)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
