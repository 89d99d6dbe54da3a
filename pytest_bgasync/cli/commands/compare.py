"""``bgasync compare``: what runs of playbooks do otherwise on another release of ansible-core."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from pytest_bgasync.cli.commands.common import note, say
from pytest_bgasync.reports.release_diff import compared, sides, table
from pytest_bgasync.util.text import number_of

NAME = "compare"
HELP = "run the tests on two releases of ansible-core and show what changes"
#: The exit status where something differs, and where that cannot be said.
DIFFERENT, UNKNOWN = 1, 2


def options(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.set_defaults(takes_rest=True, failed=UNKNOWN)
    parser.usage = "bgasync compare [-h] [--python PATH] [--requirements FILE] LEFT RIGHT [-- ARGUMENTS OF PYTEST]"
    parser.epilog = "The exit status is 0 when nothing differs, 1 when something does, 2 on a problem."
    parser.add_argument("left", metavar="LEFT", help="a release (2.16), the interpreter of an environment, or a ledger")
    parser.add_argument("right", metavar="RIGHT", help="the other one")
    parser.add_argument(
        "--python", metavar="PATH", action="append", default=[], help="an interpreter for releases; may be repeated"
    )
    parser.add_argument(
        "--requirements", metavar="FILE", type=Path, help="what else the tests need, as a requirements file of pip"
    )


def work(chosen: Namespace) -> int:
    """Run the tests on both, and show what differs."""
    left, right = sides([chosen.left, chosen.right], chosen.rest, chosen.python, chosen.requirements, note)
    found = compared(left, right)
    for line in table(found, left.title, right.title) if found else ():
        say(line)
    both = {*left.outcomes} & {*right.outcomes}
    differ = len({one.test for one in found}) or "none"
    failed = sum({left.outcomes[test], right.outcomes[test]} <= {"failed", "error"} for test in both)
    say(
        f"{number_of(len(both), 'test')} on {left.title} and {right.title}, {differ} with a difference"
        + (f"; {failed} failed on both" if failed else "")
    )
    return DIFFERENT if found else 0
