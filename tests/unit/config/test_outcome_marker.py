"""What the every_outcome marker says."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_bgasync.config.outcome_marker import ENDS, Every, parse_every
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.util.errors import UsageProblem


def test_all_ways_to_end_are_tried_unless_some_are_named() -> None:
    assert parse_every(("Work",), {}) == parse_every((), {"task": "Work"}) == Every("Work", ENDS)
    assert set(ENDS) == set(Outcome) - {Outcome.RUNNING}
    some = parse_every(("Work", ["lost", Outcome.FAILED]), {"host": "db1", "item": 0})
    assert some == Every("Work", (Outcome.LOST, Outcome.FAILED), "db1", 0)
    assert str(some) == "task 'Work' on db1 (item 0)"


@pytest.mark.parametrize(
    ("args", "kwargs", "sentence"),
    [
        ((), {}, "needs the name of the task whose jobs it is about, not None"),
        ((3,), {}, "needs the name of the task whose jobs it is about, not 3"),
        (("Work",), {"task": "Work"}, "got an argument twice"),
        (("Work", ["lost"], "db1"), {}, "takes two positional arguments"),
        (("Work",), {"tasks": 1}, "has no argument 'tasks'; it takes: task, outcomes, host, item"),
        (("Work", "lost"), {}, "outcomes is a list of outcomes, such as"),
        (("Work", []), {}, "outcomes is a list of outcomes, such as"),
        (
            ("Work", ["running"]),
            {},
            "'running' is no way for a job to end; those are: succeeded, failed, timed_out, lost",
        ),
        (("Work", [None]), {}, "None is no way for a job to end"),
        (("Work", ["lost", Outcome.LOST]), {}, "names the outcome 'lost' twice"),
        (("Work",), {"host": ""}, "host is a name, not ''"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(args: tuple[Any, ...], kwargs: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageProblem) as problem:
        parse_every(args, kwargs)
    assert sentence in str(problem.value)
    assert "\n" not in str(problem.value)
