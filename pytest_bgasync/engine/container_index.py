"""The containers of an engine that are hosts or services, with what is written down of their scenarios."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pytest_bgasync.engine.client import FAILURES, Engine, reason
from pytest_bgasync.engine.ownership import containers
from pytest_bgasync.engine.scenario_record import Name, Record, parse_name
from pytest_bgasync.util.errors import Ambiguous, EngineNotFound, NotThere
from pytest_bgasync.util.names import LOCALHOST
from pytest_bgasync.util.text import listing


@dataclass(frozen=True)
class Guest:
    """A container that can be looked into."""

    name: Name
    container: str
    """Its whole name."""
    image: str
    seconds: float
    """How long ago it was made."""
    engine: str
    """The words with which Docker's or Podman's own command uses its engine."""
    test: str = ""
    """The test it is of; empty where nothing of that is written down here."""
    folder: Path | None = None
    """Where the ssh_config is that leads to it; None for what is no host."""

    @property
    def state(self) -> str:
        """Whether it is kept, or its test runs."""
        return "kept" if self.name.kept else "in use"

    @property
    def age(self) -> str:
        """How long ago it was made, in a word."""
        return told(self.seconds)


def guests(engine: Engine, known: Iterable[tuple[Path, Record]]) -> Iterator[Guest]:
    """Yield the hosts and services of an engine; ``known`` is what is written down. Raises EngineNotFound."""
    folders = {record.scenario: (folder, record) for folder, record in known if record.engine == engine.url}
    try:
        found = containers(engine.client)
        command = engine.command if found else ""
    except FAILURES as error:
        raise EngineNotFound(f"the engine {engine.url} does not say what it has: {reason(error)}") from None
    for container in sorted(found, key=lambda one: str(one.name)):
        name = parse_name(str(container.name))
        if name is None or name.machine.endswith(("_sandbox", "_gateway")):
            continue
        folder, record = folders.get(name.scenario, (None, None))
        is_host = record is not None and container.name in record.hosts.values()
        yield Guest(
            name,
            str(container.name),
            str(container.attrs["Config"]["Image"]),
            time.time() - datetime.fromisoformat(container.attrs["Created"]).timestamp(),
            command,
            "" if record is None else record.test,
            folder if is_host else None,
        )


def choose(names: Iterable[str], wanted: str, where: Sequence[Name]) -> Name:
    """Return the one of ``where`` that is meant: by the name of a container, of a host, or what ``bgasync ls`` shows.

    ``names`` are for the message when it is none; raises NotThere or Ambiguous.
    """
    for called in (
        lambda name: wanted in (str(name), name.container),
        lambda name: name.machine == wanted and name.kept,
        lambda name: name.machine == wanted,
    ):
        found = [name for name in where if called(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise Ambiguous(f"several hosts are called {wanted!r}, name one of:{listing(found)}")
    later = " (it starts when a task or the test needs it first)" if wanted == LOCALHOST else ""
    raise NotThere(f"there is no host {wanted!r}{later}; there are: {listing(names)}")


def told(seconds: float) -> str:
    """Return a duration in a word: 40 s, 5 min, 3 h, 2 days."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= (2 * size if unit == "days" else size):
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"
