"""The bgasync command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from pytest_bgasync.cli.commands import COMMANDS
from pytest_bgasync.cli.commands.common import note
from pytest_bgasync.util.errors import BgasyncError, UsageProblem
from pytest_bgasync.util.exit_removals import CLEANUPS
from pytest_bgasync.util.interrupts import INTERRUPTS

#: The exit status of what could not be done, of what cannot be meant, and after Ctrl-C.
FAILED, MISUSED, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="bgasync", description="Help around background jobs of Ansible playbooks, and tests of them."
    )
    parser.add_argument("--version", action="version", version=f"pytest-bgasync {version('pytest-bgasync')}")
    parser.set_defaults(work=None)
    words = parser.add_subparsers(metavar="COMMAND")
    for command in COMMANDS:
        own = words.add_parser(
            command.NAME, help=command.HELP, description=f"{command.HELP[:1].upper()}{command.HELP[1:]}."
        )
        own.set_defaults(work=command.work, takes_rest=False, failed=FAILED)
        command.options(own)
    given = list(sys.argv[1:] if arguments is None else arguments)
    # By hand: argparse has given an argument that may be repeated its words, none, before it comes to an option.
    end = given.index("--") if "--" in given else len(given)
    chosen = parser.parse_args(given[:end])
    if chosen.work is None:
        parser.print_help()
        return 0
    chosen.rest = given[end + 1 :]
    if chosen.rest and not chosen.takes_rest:
        parser.error(f"nothing comes after --: {' '.join(chosen.rest)}")
    INTERRUPTS.begin(note)
    try:
        try:
            status: int = chosen.work(chosen)
        finally:
            CLEANUPS.finish()
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads any more. What is still buffered would say so once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BgasyncError as problem:
        sys.stderr.write(f"bgasync: {problem}\n")
        return MISUSED if isinstance(problem, UsageProblem) else int(chosen.failed)
    return status
