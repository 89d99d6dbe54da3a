"""Whose a container, network, image or folder is: what is made carries the process that made it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from docker.errors import APIError

from pytest_bgasync.util import private_files as private
from pytest_bgasync.util.exit_removals import CLEANUPS
from pytest_bgasync.util.interrupts import INTERRUPTS
from pytest_bgasync.util.processes import identify

OWNER = "bgasync.owner"
#: How the names of temporary folders begin.
FOLDER = "bga-"
#: Where folders are made when the path of the usual place is longer than sockets allow.
SHORT, LONGEST_PLACE = Path("/tmp"), 30


def owner_label() -> dict[str, str]:
    """Return the label that says which process made a thing."""
    return {OWNER: _label()}


def _label() -> str:
    return json.dumps(identify(os.getpid()))


def containers(client: Any, *, stopped: bool = False) -> list[Any]:
    """Return the containers of ours that an engine has, with ``stopped`` also those that do not run.

    Raises what ``client.FAILURES`` lists.
    """
    found = []
    for listed in client.api.containers(all=stopped, filters={"label": OWNER}):
        with suppress(APIError):  # it has gone since; Podman has no status of its own for that
            found.append(client.containers.get(listed["Id"]))
    return found


def make_folder() -> Path:
    """Return a new folder for temporary files, one with a short path, which sockets need.

    It goes at the end of this process, if not by ``remove_folder`` before, unless ``CLEANUPS`` drops it.
    """
    usual = tempfile.gettempdir()
    with INTERRUPTS.held():
        folder = Path(tempfile.mkdtemp(prefix=FOLDER, dir=usual if len(usual) <= LONGEST_PLACE else SHORT))
        CLEANUPS.add(folder, partial(shutil.rmtree, folder, ignore_errors=True))
        private.write(folder / OWNER, _label())
    return folder


def remove_folder(folder: Path) -> None:
    """Remove a folder that ``make_folder`` has made."""
    CLEANUPS.run(folder, f"removing {folder}")


def places() -> set[Path]:
    """Return where ``make_folder`` makes them."""
    return {Path(tempfile.gettempdir()), SHORT}


def own_folders(where: Iterable[Path]) -> list[Path]:
    """Return what ``make_folder`` made there for this user, in order; nothing of other users is looked into."""
    return sorted(path for path, status in _folders(where) if private.is_private(status))


def others_folders(where: Iterable[Path]) -> int:
    """Return how many folders with such a name are there that are not private ones of this user."""
    return sum(not private.is_private(status) for _, status in _folders(where))


def _folders(where: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    for place in where:
        with suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith(FOLDER):
                    with suppress(OSError):  # it has gone since
                        yield Path(entry.path), entry.stat(follow_symlinks=False)
