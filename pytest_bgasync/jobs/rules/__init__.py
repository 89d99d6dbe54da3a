"""What can be found in a run: each module is one rule, with what it looks for, how it says so and the cure."""

from __future__ import annotations

from pytest_bgasync.jobs.findings import Facts, Finding, Rule
from pytest_bgasync.jobs.rules import (
    asked_on,
    cut_off,
    gave_up,
    leaked,
    left_behind,
    missed,
    no_rc,
    outlasted,
    overlapped,
    relaunched,
    rolled_on,
    running,
    survivors,
    swallowed,
    uncollected,
    unmatched,
)

#: In the order in which they are told.
RULES: tuple[Rule, ...] = (
    uncollected,
    running,
    survivors,
    swallowed,
    missed,
    gave_up,
    asked_on,
    relaunched,
    no_rc,
    cut_off,
    outlasted,
    overlapped,
    rolled_on,
    unmatched,
    leaked,
    left_behind,
)


def look(facts: Facts) -> list[Finding]:
    """Return all that the rules find."""
    return [finding for rule in RULES for finding in rule.find(facts)]
