"""The bgasync command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

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
    clean.set_defaults(command=_clean)
    rules = commands.add_parser(
        "audit-rules", help="print the folder with the rules of --bgasync-audit for ansible-lint's option -r"
    )
    rules.set_defaults(command=_audit_rules)
    chosen = parser.parse_args(arguments)
    try:
        chosen.command(chosen)
    except BgasyncError as problem:
        sys.stderr.write(f"bgasync: {problem}\n")
        return 1
    return 0


def _audit_rules(_: argparse.Namespace) -> None:
    sys.stdout.write(f"{Path(__file__).parent / 'audit' / 'ansible_lint'}\n")


def _clean(chosen: argparse.Namespace) -> None:
    removed: list[str] = []
    for named in chosen.bgasync_engine or [None]:
        with closing(find(named=named)) as engine:
            removed += sweep(engine)
    for name in removed:
        sys.stdout.write(f"removed {name}\n")
    sys.stdout.write(f"{len(removed)} removed; runs that are alive and things of others are left alone\n")
