"""The bgasync command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pytest_bgasync.commands import COMMANDS
from pytest_bgasync.errors import BgasyncError, UsageProblem

#: The exit status of what could not be done, of what cannot be meant, and after Ctrl-C.
FAILED, MISUSED, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="bgasync", description="Help around background jobs of Ansible playbooks, and tests of them."
    )
    words = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        own = words.add_parser(
            command.NAME, help=command.HELP, description=f"{command.HELP[:1].upper()}{command.HELP[1:]}."
        )
        command.options(own)
        own.set_defaults(work=command.work)
    chosen = parser.parse_args(arguments)
    try:
        status: int = chosen.work(chosen)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads any more. What is still buffered would say so once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BgasyncError as problem:
        sys.stderr.write(f"bgasync: {problem}\n")
        return MISUSED if isinstance(problem, UsageProblem) else FAILED
    return status
