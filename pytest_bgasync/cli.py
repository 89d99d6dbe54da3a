"""The bgasync command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pytest_bgasync.comparing import compared, sides, table
from pytest_bgasync.engine import find
from pytest_bgasync.errors import BgasyncError
from pytest_bgasync.sweep import sweep


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="bgasync", description="Help around tests of background jobs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    clean = commands.add_parser("clean", help="remove containers, networks and images that dead runs left")
    clean.add_argument(
        "--bgasync-engine", metavar="URL", action="append", help="the engine to clean, as pytest's; may be repeated"
    )
    clean.set_defaults(command=_clean, problem=1)
    compare = commands.add_parser(
        "compare",
        help="run the tests on two releases of ansible-core and show what changes",
        description="Shows what the runs of playbooks do otherwise on another release of ansible-core. The exit status"
        " is 0 when nothing differs, 1 when something does, 2 on a problem. What stands after -- is for pytest.",
    )
    compare.add_argument(
        "left", metavar="LEFT", help="a release (2.16), the interpreter of an environment, or a ledger"
    )
    compare.add_argument("right", metavar="RIGHT", help="the other one")
    compare.add_argument(
        "--python", metavar="PATH", action="append", default=[], help="an interpreter for releases; may be repeated"
    )
    compare.add_argument(
        "--requirements", metavar="FILE", type=Path, help="what else the tests need, as a requirements file of pip"
    )
    compare.set_defaults(command=_compare, problem=2)
    words = list(sys.argv[1:] if arguments is None else arguments)
    # By hand: argparse has given an argument that may be repeated its words, none, before it comes to an option.
    end = words.index("--") if "--" in words else len(words)
    chosen = parser.parse_args(words[:end])
    chosen.arguments = words[end + 1 :]
    if chosen.arguments and chosen.command is not _compare:
        parser.error(f"nothing comes after --: {' '.join(chosen.arguments)}")
    try:
        status: int = chosen.command(chosen)
    except BgasyncError as problem:
        sys.stderr.write(f"bgasync: {problem}\n")
        return int(chosen.problem)
    return status


def _clean(chosen: argparse.Namespace) -> int:
    removed: list[str] = []
    for named in chosen.bgasync_engine or [None]:
        with closing(find(named=named)) as engine:
            removed += sweep(engine)
    for name in removed:
        sys.stdout.write(f"removed {name}\n")
    sys.stdout.write(f"{len(removed)} removed; runs that are alive and things of others are left alone\n")
    return 0


def _compare(chosen: argparse.Namespace) -> int:
    names = [chosen.left, chosen.right]
    left, right = sides(names, chosen.arguments, chosen.python, chosen.requirements, _say)
    found = compared(left, right)
    for line in table(found, left.title, right.title) if found else ():
        sys.stdout.write(f"{line}\n")
    both = {*left.outcomes} & {*right.outcomes}
    differ = len({one.test for one in found}) or "none"
    failed = sum({left.outcomes[test], right.outcomes[test]} <= {"failed", "error"} for test in both)
    sys.stdout.write(
        f"{len(both)} test{'' if len(both) == 1 else 's'} on {left.title} and {right.title}, {differ} with a difference"
        + (f"; {failed} failed on both\n" if failed else "\n")
    )
    return 1 if found else 0


def _say(line: str) -> None:
    sys.stderr.write(f"bgasync: {line}\n")
    sys.stderr.flush()
