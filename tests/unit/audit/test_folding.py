"""Partial evaluation: which values an expression can have where only some variables are known."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_bgasync.audit import templates
from pytest_bgasync.audit.folding import OMIT, outcomes, undefined

KNOWN: dict[str, Sequence[Any]] = {
    "limit": [600], "text": ["90"], "no": [False], "either": [1, 2], "nobody": [undefined("nobody")],
}  # fmt: skip


def values(text: str) -> list[Any]:
    expression = templates.condition(text)
    assert expression is not None
    return list(outcomes(expression, lambda name: KNOWN.get(name, ())))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("limit", [600]),
        ("limit // 20 + 1", [31]),
        ("limit % 7", [5]),
        ("text | int * 2", [180]),
        ("(limit / 7) | round | int", [86]),
        ("nobody | default(30)", [30]),
        ("nobody.inside.it | default(30)", [30]),
        ("limit | default(other)", []),
        ("(30 if nobody is defined else 60)", [60]),
        ("no | ternary(0, limit)", [0, 600]),
        ("5 if no else 6", [5, 6]),
        ("ansible_check_mode | ternary(0, limit)", [600]),
        ("not no | bool", [True]),
        ("(not ansible_check_mode | bool) | ternary('600', omit)", ["600"]),
        ("ansible_check_mode | bool | ternary('600', omit)", [OMIT]),
        ("limit if ansible_check_mode or 'x' == 'x' else other", [600]),
        ("5 if limit is defined and not ansible_check_mode else other", [5]),
        ("other | ternary(1, 2)", [1, 2]),
        ("5 if other else (6 if another else 7)", [5, 6, 7]),
        ("(5 if other else 6) * 10", [50, 60]),
        ("either * 10", [10, 20]),
        ("5 if other else 5", [5]),
        ("limit | mandatory", [600]),
    ],
)
def test_values_of_an_expression(text: str, expected: list[Any]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "other",
        "nobody",
        "nobody | mandatory",
        "nobody + 1",
        "other | default(30)",
        "5 if other else another",
        "lookup('pipe', 'touch /tmp/no') | default(5)",
        "query('env', 'HOME') | length",
        "9 ** 9 ** 9",
        "'a' * 9999999999",
        "'%9999999999d' % 1",
        "limit | some.own.filter",
        "limit / 0",
        "(1 if a else 2) + (10 if b else 20) + (100 if c else 200) + (1000 if d else 2000) + (10000 if e else 1)",
    ],
)
def test_what_is_not_known_has_no_value(text: str) -> None:
    assert values(text) == []


def test_a_tree_that_is_shared_stays_as_it_is() -> None:
    expression = templates.condition("limit | default(either)")
    assert expression is not None
    before = repr(expression)
    outcomes(expression, lambda name: KNOWN.get(name, ()))
    assert repr(expression) == before


def test_a_variable_without_a_value_is_not_true() -> None:
    """Somebody must set it, or the play fails: both branches count."""
    assert values("5 if nobody else 6") == [5, 6]


def test_many_conditions_side_by_side_are_unknown_soon() -> None:
    """Forty of them have more branches than can ever be tried, and one value only."""
    began = time.monotonic()
    assert values(" + ".join(["(1 if other else 1)"] * 40)) == []
    assert time.monotonic() - began < 30
    assert values(" + ".join(["(1 if other else 1)"] * 4)) == [4]
