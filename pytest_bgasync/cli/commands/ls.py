"""``bgasync ls``: lists the hosts that are kept, and those of tests that are running."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import closing

from pytest_bgasync.cli.commands.common import engine_option, note, say
from pytest_bgasync.engine.client import find
from pytest_bgasync.engine.container_index import Guest, guests
from pytest_bgasync.engine.scenario_record import records
from pytest_bgasync.util.errors import EngineNotFound
from pytest_bgasync.util.text import aligned

NAME = "ls"
HELP = "list the hosts that were kept, and those of tests that are running"


def options(parser: ArgumentParser) -> None:
    """Add the options."""
    engine_option(parser, several=True)


def work(chosen: Namespace) -> int:
    """List them."""
    found = list(_everywhere(chosen.engines))
    for line in aligned([_row(guest) for guest in found]):
        say(line)
    if not found:
        say("there are no bgasync hosts: pytest --bgasync-keep=failed keeps those of tests that fail")
    elif any(guest.folder for guest in found):
        say("bgasync shell NAME gets in; bgasync clean removes what is kept")
    return 0


def _everywhere(named: Sequence[str]) -> Iterator[Guest]:
    """Yield what the engines have that are named; else the usual one and those on which something is kept."""
    known = [*records()]
    urls: list[str | None] = list(named)
    if not named:
        urls = [None, *dict.fromkeys(record.engine for _, record in known)]
    seen: set[str] = set()
    for url in urls:
        if url in seen:
            continue
        try:
            with closing(find(named=url)) as engine:
                if engine.url not in seen:
                    seen.add(engine.url)
                    yield from guests(engine, known)
        except EngineNotFound as problem:
            if len(urls) == 1:
                raise
            note(str(problem))


def _row(guest: Guest) -> list[str]:
    way = f"bgasync shell {guest.name}" if guest.folder else f"{guest.engine} exec -it {guest.container} sh"
    return [str(guest.name), guest.state, guest.age, guest.image, guest.test or "(its folder is not here)", way]
