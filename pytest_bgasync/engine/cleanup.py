"""Removes what dead runs left, and what was kept when that is asked for; nothing of anybody else's."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pytest_bgasync.engine.client import FAILURES, Engine
from pytest_bgasync.engine.ownership import OWNER, containers, own_folders, places
from pytest_bgasync.engine.scenario_record import Name, Record, is_kept, network_name, parse_name
from pytest_bgasync.util.locks import cache_folder
from pytest_bgasync.util.private_files import PrivateFolder, parse
from pytest_bgasync.util.processes import is_alive, of_another_boot

#: Seconds after which an unused thing of a run that cannot be asked about counts as left behind.
ABANDONED = 3600
#: How many bytes of the log of a build are read; longer ones are left alone.
LONGEST_LOG = 64 << 20
#: How a build says which image a step began with or has made.
_IMAGE = re.compile(r" ---> ([0-9a-f]{12})")


@dataclass(frozen=True)
class Left:
    """A thing that somebody left behind, and what removes it; that raises what ``FAILURES`` lists, or OSError."""

    name: str
    remove: Callable[[], object]


def sweep(engine: Engine, may_go: Callable[[str], bool] = lambda _: False) -> list[str]:
    """Remove what dead runs left, in the engine and in temporary folders; return the names of what was removed.

    Of what was kept on purpose the scenarios go that ``may_go`` returns true for. What the engine does not tell or
    let go of is left for the next time.
    """
    removed = []
    for left in _found(engine, may_go):
        with suppress(*FAILURES):
            left.remove()
            removed.append(left.name)
    return removed


def leftovers(engine: Engine) -> list[str]:
    """Return the names of what ``sweep`` would remove."""
    return [left.name for left in _found(engine, lambda _: False)]


def kept_scenarios(engine: Engine) -> set[str] | None:
    """Return the scenarios of which an engine has containers that are kept; None where it does not say."""
    names = _names(engine)
    return None if names is None else {name.scenario for name in names if name.kept}


def _found(engine: Engine, may_go: Callable[[str], bool]) -> Iterator[Left]:
    """Return what is left, each time when the one before has been removed."""
    client = engine.client
    with suppress(*FAILURES):
        yield from _containers(client, may_go)
    with suppress(*FAILURES):
        yield from _networks(client, {network_name(scenario) for scenario in kept_scenarios(engine) or ()})
    for kind in (_images, _builds):
        with suppress(*FAILURES):
            yield from kind(client)
    yield from _folders(engine)


def _folders(engine: Engine) -> Iterator[Left]:
    """Yield the folders of dead runs; that of a kept scenario once its containers have gone from the engine."""
    found: list[tuple[Path, Record | None]] = []
    for folder in own_folders(places()):
        with suppress(OSError), PrivateFolder(folder) as opened:
            # In this order: once it is dead a run keeps nothing more.
            dead = _dead(opened.read(OWNER), opened.check(OWNER))
            record = is_kept(folder)
            if dead or record is not None:
                found.append((folder, record))
    # Now, when the records are read: a run writes down that it keeps its hosts while it has them.
    names = _names(engine) if any(record for _, record in found) else None
    there = None if names is None else {name.scenario for name in names}
    for folder, record in found:
        if record is None or (there is not None and record.engine == engine.url and record.scenario not in there):
            yield Left(f"folder {folder}", partial(_remove_folder, folder))


def _remove_folder(folder: Path) -> None:
    with PrivateFolder(folder) as opened:
        opened.remove()


def _names(engine: Engine) -> list[Name] | None:
    """Return what the names of our containers say that an engine has; None where it does not say."""
    try:
        names = [parse_name(container.name) for container in containers(engine.client, stopped=True)]
    except FAILURES:
        return None
    return [name for name in names if name is not None]


def _containers(client: Any, may_go: Callable[[str], bool]) -> Iterator[Left]:
    # Podman removes none on which another stands, and that is the one whose name ends so.
    for container in sorted(containers(client, stopped=True), key=lambda one: one.name.endswith("_sandbox")):
        name = parse_name(container.name)
        if name is not None and name.kept:
            gone = may_go(name.scenario)
        else:
            label, created = container.attrs["Config"]["Labels"][OWNER], _epoch(container.attrs["Created"])
            # A container ends with its run by itself; what is left was created and never started.
            gone = _dead(label, created, unused=container.status != "running") and not _kept_since(container)
        if gone:
            yield Left(f"container {container.name}", partial(container.remove, force=True, v=True))


def _kept_since(container: Any) -> bool:
    """Say whether a container of a dead run has been kept, or has gone, since it was listed."""
    try:
        container.reload()
    except FAILURES:
        return True
    name = parse_name(container.name)
    return name is not None and name.kept


def _networks(client: Any, in_use: Collection[str]) -> Iterator[Left]:
    for network in client.networks.list(filters={"label": OWNER}):
        label, created = network.attrs["Labels"][OWNER], _epoch(network.attrs["Created"])
        # The engine refuses while a container is on it.
        if network.name not in in_use and _dead(label, created, unused=True):
            yield Left(f"network {network.name}", network.remove)


def _images(client: Any) -> Iterator[Left]:
    # The listing itself tells all: an image that is asked for by its id may have gone in the meantime.
    for image in client.api.images(filters={"label": OWNER, "dangling": True}):
        if _dead(image["Labels"][OWNER], image["Created"], unused=True):
            yield Left(f"image {_short(image)}", partial(client.images.remove, image["Id"]))


def _builds(client: Any) -> Iterator[Left]:
    """Yield what killed builds of authors' folders have left, by their logs: such images carry no label of ours."""
    made: set[str] = set()
    with PrivateFolder(cache_folder() / "logs") as logs:
        for name in logs.names():
            with suppress(OSError):
                label, _, steps = logs.read(name, LONGEST_LOG).partition("\n")
                if name.endswith(".log") and _dead(label, logs.check(name)):
                    made.update(made_by(steps))
    if not made:
        return
    for image in client.api.images(filters={"dangling": True}):
        if _short(image) in made:  # the engine refuses while others stand on it
            yield Left(f"image {_short(image)}", partial(client.images.remove, image["Id"]))


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
        who = parse(label)
        if (alive := is_alive(who)) is not None:
            return not alive
        if unused is None:
            unused = of_another_boot(who)
        return unused and time.time() - created > ABANDONED
    except (ValueError, TypeError, KeyError, OverflowError):
        return False  # not written by us


def _epoch(created: str) -> float:
    moment = datetime.fromisoformat(created)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
