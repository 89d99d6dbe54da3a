"""``bgasync clean``: removes what is left."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import closing

from pytest_bgasync.commands.common import engine_option, say
from pytest_bgasync.engine import find
from pytest_bgasync.sweep import sweep

NAME = "clean"
HELP = "remove hosts that were kept, and what dead runs left: containers, networks, folders, half-built images"


def options(parser: ArgumentParser) -> None:
    """Add the options."""
    engine_option(parser, several=True)
    parser.add_argument("--spare-kept", action="store_true", help="leave hosts that were kept on purpose")


def work(chosen: Namespace) -> int:
    """Remove, and list what was removed."""
    removed: list[str] = []
    for named in chosen.engines or [None]:
        with closing(find(named=named)) as engine:
            removed += sweep(engine, kept=not chosen.spare_kept)
    for name in removed:
        say(f"removed {name}")
    say(f"{len(removed)} removed; runs that are alive and things of others are left alone")
    return 0
