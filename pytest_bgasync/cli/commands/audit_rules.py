"""``bgasync audit-rules``: where ansible-lint finds the rules of the audit."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

import pytest_bgasync.audit
from pytest_bgasync.cli.commands.common import say

NAME = "audit-rules"
HELP = "print the folder with the rules of --bgasync-audit, for ansible-lint's option -r"


def options(_: ArgumentParser) -> None:
    """Add no option."""


def work(_: Namespace) -> int:
    """Print the folder."""
    say(str(Path(pytest_bgasync.audit.__file__).parent / "ansible_lint"))
    return 0
