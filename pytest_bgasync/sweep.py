"""Removes what dead runs left, and nothing of anybody else's."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pytest_bgasync.engine import FAILURES, Engine
from pytest_bgasync.locks import cache_folder
from pytest_bgasync.owner import FOLDER, OWNER, places
from pytest_bgasync.processes import is_alive, of_another_boot

#: Seconds after which an unused thing of a run that cannot be asked about counts as left behind.
ABANDONED = 3600
#: How a build says which image a step began with or has made.
_IMAGE = re.compile(r" ---> ([0-9a-f]{12})")


def sweep(engine: Engine) -> list[str]:
    """Remove what dead runs left, in the engine and in temporary folders; return the names of what was removed.

    What the engine does not tell or let go of is left for the next time.
    """
    removed = _sweep_folders()
    for kind in (_sweep_containers, _sweep_networks, _sweep_images, _sweep_builds):
        with suppress(*FAILURES):
            removed += kind(engine.client)
    return removed


def _sweep_folders() -> list[str]:
    removed = []
    for note in [note for place in places() for note in place.glob(f"{FOLDER}*/{OWNER}")]:
        with suppress(OSError):
            if _dead(note.read_text(), note.stat().st_mtime):
                shutil.rmtree(note.parent, ignore_errors=True)
                removed.append(f"folder {note.parent}")
    return removed


def _sweep_containers(client: Any) -> list[str]:
    removed = []
    for container in client.containers.list(all=True, filters={"label": OWNER}, ignore_removed=True):
        label, created = container.attrs["Config"]["Labels"][OWNER], _epoch(container.attrs["Created"])
        # A container ends with its run by itself; what is left was created and never started.
        if _dead(label, created, unused=container.status != "running"):
            with suppress(*FAILURES):
                container.remove(force=True, v=True)
                removed.append(f"container {container.name}")
    return removed


def _sweep_networks(client: Any) -> list[str]:
    removed = []
    for network in client.networks.list(filters={"label": OWNER}):
        if _dead(network.attrs["Labels"][OWNER], _epoch(network.attrs["Created"]), unused=True):
            with suppress(*FAILURES):  # the engine refuses while a container is on it
                network.remove()
                removed.append(f"network {network.name}")
    return removed


def _sweep_images(client: Any) -> list[str]:
    removed = []
    # The listing itself tells all: an image that is asked for by its id may have gone in the meantime.
    for image in client.api.images(filters={"label": OWNER, "dangling": True}):
        if _dead(image["Labels"][OWNER], image["Created"], unused=True):
            with suppress(*FAILURES):
                client.images.remove(image["Id"])
                removed.append(f"image {_short(image)}")
    return removed


def _sweep_builds(client: Any) -> list[str]:
    """Remove what killed builds of authors' folders have left, by their logs: such images carry no label of ours."""
    made: set[str] = set()
    for log in (cache_folder() / "logs").glob("*.log"):
        label, _, steps = log.read_text(errors="replace").partition("\n")
        if _dead(label, log.stat().st_mtime):
            made.update(made_by(steps))
    if not made:
        return []
    removed = []
    for image in client.api.images(filters={"dangling": True}):
        if _short(image) in made:
            with suppress(*FAILURES):  # the engine refuses while others stand on it
                client.images.remove(image["Id"])
                removed.append(f"image {_short(image)}")
    return removed


def made_by(log: str) -> set[str]:
    """Return the images that a build has made itself, by its log.

    Those it began with, and those the engine had already, are somebody's.
    """
    found, step, cached = set(), "", False
    for line in log.splitlines():
        if line.startswith("Step "):
            step, cached = line.partition(" : ")[2], False
        elif line == " ---> Using cache":
            cached = True
        elif (image := _IMAGE.fullmatch(line)) and not cached and not step.upper().startswith("FROM "):
            found.add(image[1])
    return found


def _short(image: Mapping[str, Any]) -> str:
    return str(image["Id"]).partition(":")[2][:12]


def _dead(label: str, created: float, *, unused: bool | None = None) -> bool:
    """Say whether the run that made a thing is over.

    A run on this machine is asked for by its process. For any other only age can speak, and only of what
    is not in use. Where that is not known either, it is what was there before this machine was started.
    """
    try:
        who = json.loads(label)
        if (alive := is_alive(who)) is not None:
            return not alive
        if unused is None:
            unused = of_another_boot(who)
        return unused and time.time() - created > ABANDONED
    except (ValueError, TypeError, KeyError):
        return False  # not written by us


def _epoch(created: str) -> float:
    moment = datetime.fromisoformat(created)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
