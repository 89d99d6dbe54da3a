"""Which processes a run has left running."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_bgasync.jobs.verdict import Process, daemons
from tests.unit.made import process

INIT = process(1, ppid=0, args=("/sbin/init",), job=None, started_at=-10.0)


def left(*others: Process, over: tuple[str, ...] = ()) -> list[int]:
    return [p.pid for p in daemons([INIT, *others], over, 0.0, 100.0)]


def daemon(pid: int = 20, **fields: Any) -> Process:
    return process(pid, **{"args": ("sleep", "300"), "job": None, "started_at": 50.0, **fields})


def test_what_was_born_in_the_run_and_lives_is_left() -> None:
    assert left(daemon()) == [20]


@pytest.mark.parametrize(
    "fields", [{"started_at": -1.0}, {"started_at": 101.0}, {"state": "Z"}, {"ppid": 0}, {"job": "token"}]
)
def test_what_is_older_younger_dead_from_outside_or_a_jobs_is_not(fields: dict[str, Any]) -> None:
    assert left(daemon(**fields)) == []


def test_what_a_job_that_has_ended_left_is() -> None:
    assert left(daemon(job="token"), over=("token",)) == [20]


def test_what_a_process_from_before_the_run_has_started_is_its_own_affair() -> None:
    database = daemon(15, started_at=-5.0)
    worker = daemon(16, ppid=15)
    assert left(database, worker, daemon(17, ppid=16)) == []
    assert left(database, daemon(16, ppid=15, task="t1")) == [16]


@pytest.mark.parametrize(
    ("fields", "dies"),
    [
        ({"shell": 12, "sid": 10}, True),
        ({"shell": 12, "sid": 12}, True),
        ({"shell": 12, "sid": 20}, False),
        ({"shell": 12, "sid": 10, "ignores_sighup": True}, False),
        ({"shell": None, "sid": 10}, False),
        ({"shell": 12, "sid": 20, "holds_terminal": True}, True),
    ],
)
def test_it_dies_with_its_session_unless_it_left_it_or_ignores_sighup(fields: dict[str, Any], dies: bool) -> None:
    assert daemon(**fields).dies_with_session is dies
