"""``bgasync clean``: removes what is left."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import closing

from pytest_bgasync.cli.commands.common import engine_option, say
from pytest_bgasync.engine.cleanup import kept_scenarios, sweep
from pytest_bgasync.engine.client import find
from pytest_bgasync.engine.scenario_record import records
from pytest_bgasync.util.text import number_of

NAME = "clean"
HELP = "remove hosts that were kept, and what dead runs left: containers, networks, folders, half-built images"


def options(parser: ArgumentParser) -> None:
    """Add the options."""
    engine_option(parser, several=True)
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--spare-kept", action="store_true", help="leave hosts that were kept on purpose")
    kept.add_argument(
        "--all-kept", action="store_true",
        help="remove those, too, that others have kept on the engine, or whose folder has gone",
    )  # fmt: skip


def work(chosen: Namespace) -> int:
    """Remove, and list what was removed."""
    own = set() if chosen.spare_kept else {record.scenario for _, record in records() if record.kept}
    removed: list[str] = []
    left = 0
    for named in chosen.engines or [None]:
        with closing(find(named=named)) as engine:
            removed += sweep(engine, lambda scenario: chosen.all_kept or scenario in own)
            left += len(kept_scenarios(engine) or ())
    for name in removed:
        say(f"removed {name}")
    say(f"{len(removed)} removed; runs that are alive and things of others are left alone")
    if left and not chosen.spare_kept:
        say(f"hosts of {number_of(left, 'test')} were kept by others, or their folder has gone: --all-kept")
    return 0
