"""What several commands have in common."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path

from pytest_bgasync.config.project import Project, find_project
from pytest_bgasync.util.errors import BgasyncError
from pytest_bgasync.util.progress import Narrator


def engine_option(parser: ArgumentParser, *, several: bool = False) -> None:
    """Add the option that names the engine, as ``chosen.engines``, a list."""
    parser.add_argument(
        "--engine", "--bgasync-engine", dest="engines", metavar="URL", action="append", default=[],
        help="the container engine, as for pytest's --bgasync-engine" + ("; may be repeated" if several else ""),
    )  # fmt: skip


def image_option(parser: ArgumentParser) -> None:
    """Add the option that names the image of hosts, as ``chosen.image``."""
    parser.add_argument(
        "--image", "--bgasync-image", metavar="NAME",
        help="image of the hosts: a name, or a folder with a Dockerfile (default: the ini key bgasync_image)",
    )  # fmt: skip


def say(line: str) -> None:
    """Write a line of what was asked for; raises BgasyncError where that cannot be written."""
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is still buffered would fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise BgasyncError(f"standard output cannot be written: {error.strerror}") from None


def note(line: str) -> None:
    """Write a line of what goes on meanwhile."""
    sys.stderr.write(f"bgasync: {line}\n")
    sys.stderr.flush()


def narrator() -> Narrator:
    """Return who tells what takes long."""
    return Narrator(note)


def project() -> Project:
    """Return the project of the working directory; raises UsageProblem."""
    return find_project(Path.cwd())
