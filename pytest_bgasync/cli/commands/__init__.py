"""What the command ``bgasync`` can do: a module for each word, with its options and its work."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Protocol

from pytest_bgasync.cli.commands import audit_rules, clean, compare, doctor, image, ls, run, shell


class Command(Protocol):
    """A module of this package."""

    NAME: str
    HELP: str

    def options(self, parser: ArgumentParser, /) -> None:
        """Add its options."""

    def work(self, chosen: Namespace, /) -> int:
        """Do it, and return the exit status; raises BgasyncError, and UsageProblem for what cannot be meant."""


#: In the order in which the help lists them.
COMMANDS: tuple[Command, ...] = (doctor, run, compare, audit_rules, image, ls, shell, clean)
