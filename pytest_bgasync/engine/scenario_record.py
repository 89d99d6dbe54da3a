"""What is written down of each scenario that is up: by that it is listed, entered and, where it is kept, left alone."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pytest_bgasync.engine.ownership import own_folders, places
from pytest_bgasync.util import private_files as private

#: How the names of networks and containers begin; those of kept containers go on with KEPT.
PREFIX, KEPT = "bgasync-", "kept-"
#: What a container says once it knows that it is to stay when its input closes.
STAYS = "kept"
FILE = "scenario.json"
#: The main process of a container that does nothing, and ends when standard input closes unless it was told to stay.
HOLD = (
    "/bin/sh", "-c",
    'while read -r order; do if [ "$order" = keep ]; then kept=1; echo kept; fi; done;'
    ' while [ -n "${kept-}" ]; do sleep 86400; done',
)  # fmt: skip
_NAME = re.compile(rf"{PREFIX}({KEPT})?([0-9a-f]{{10}})-(.+)")


@dataclass(frozen=True)
class Name:
    """What the name of a container says: ``scenario`` is a number of its own, ``machine`` the host or service."""

    scenario: str
    machine: str
    kept: bool

    def __str__(self) -> str:
        return f"{self.scenario}-{self.machine}"

    @property
    def container(self) -> str:
        """The name of the container."""
        return f"{PREFIX}{KEPT if self.kept else ''}{self}"


def new_scenario() -> str:
    """Return what tells a scenario from all others."""
    return uuid.uuid4().hex[:10]


def network_name(scenario: str) -> str:
    """Return the name of a scenario's network."""
    return f"{PREFIX}{scenario}"


def container_name(scenario: str, machine: str) -> Name:
    """Return the name of a container that is not kept."""
    return Name(scenario, re.sub(r"[^A-Za-z0-9_.-]", "-", machine), kept=False)


def kept_name(container: str) -> str:
    """Return the name that a container has once it is kept."""
    return container.replace(PREFIX, PREFIX + KEPT, 1)


def parse_name(container: str) -> Name | None:
    """Return what the name of a container says; None where it is none of ours."""
    found = _NAME.fullmatch(container)
    return Name(found[2], found[3], kept=found[1] is not None) if found else None


@dataclass(frozen=True)
class Record:
    """A scenario that is up: the test it is of, the address of its engine, and its hosts with their containers."""

    scenario: str
    test: str
    engine: str
    hosts: Mapping[str, str]
    kept: bool = False

    def write(self, folder: Path) -> None:
        """Write it into the folder of the scenario."""
        private.write(folder / FILE, json.dumps(asdict(self)))


def records() -> Iterator[tuple[Path, Record]]:
    """Yield what this user's sessions have written down in temporary folders, each record with its folder."""
    for folder in own_folders(places()):
        if (record := _read(folder)) is not None:
            yield folder, record


def is_kept(folder: Path) -> Record | None:
    """Return the record of a folder whose scenario is kept; None of all others."""
    record = _read(folder)
    return record if record is not None and record.kept else None


def _read(folder: Path) -> Record | None:
    try:
        with private.PrivateFolder(folder) as opened:
            record = Record(**opened.read_json(FILE))
        texts = (record.scenario, record.test, record.engine, *dict(record.hosts).values())
    except (OSError, ValueError, TypeError):
        return None
    return record if all(isinstance(text, str) for text in texts) else None
