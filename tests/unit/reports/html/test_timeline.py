"""The lanes of a test's timeline."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from pytest_bgasync.reports.html.timeline import BEYOND, pack, timeline
from pytest_bgasync.reports.ledger import Record

from .made import deed, job, known, poll, request, result, run, stream, task


def lanes(*runs: Record, **fields: Any) -> dict[str, list[list[Record]]]:
    """Return the rows of each lane by its name."""
    found = timeline(known(*runs, **fields))
    assert found is not None
    return {lane["name"]: lane["rows"] for lane in found["lanes"]}


def titles(rows: list[list[Record]]) -> list[list[str]]:
    return [[bar["title"] for bar in row] for row in rows]


def span(*runs: Record, **fields: Any) -> tuple[float, float]:
    found = timeline(known(*runs, **fields))
    assert found is not None
    return found["span"]  # type: ignore[no-any-return]  # a record holds anything


def test_a_test_in_which_nothing_happened_has_none() -> None:
    assert timeline(known()) is None


def test_each_host_has_a_lane_and_localhost_where_something_happened_there() -> None:
    assert list(lanes(run())) == ["runs", "web1", "web2"]
    local = run(tasks=(task(host="localhost"),))
    assert list(lanes(local, webhooks=[request()], traffic=[stream()])) == [
        "runs", "web1", "web2", "localhost", "webhooks", "traffic",
    ]  # fmt: skip


def test_a_job_stands_with_the_machine_it_runs_on() -> None:
    found = lanes(run(job(host="web1", machine="web2"), tasks=(task(host="web1"),)))
    assert (titles(found["web1"]), titles(found["web2"])) == ([["Work"]], [["Work"]])
    assert found["web1"][0][0]["kind"] == "task"
    assert ("host", "web2, for web1") in found["web2"][0][0]["facts"]


def test_what_overlaps_stands_in_rows_of_its_own_faults_first_and_jobs_last() -> None:
    found = lanes(
        run(job("A", took=5), job("B", began=1, took=1), job("C", began=3, took=1), tasks=(task("T"),)),
        deeds={"web1": [deed("freeze", 2, 4)]},
    )
    assert titles(found["web1"]) == [["freeze"], ["T"], ["A"], ["B", "C"]]


def test_no_two_of_many_jobs_overlap() -> None:
    rows = lanes(run(*(job(began=number % 37, took=number % 11) for number in range(500))))["web1"]
    assert sum(map(len, rows)) == 500
    assert all(one["to"] <= other["from"] for row in rows for one, other in pairwise(row))


def test_what_is_marked_of_a_job_after_its_end_does_not_stand_on_another() -> None:
    later = job("B", began=10, took=9, limit_wall=100)
    for one in (job("A", limit_wall=15), job("A", limit_wall=100, polls=[poll(3), poll(12, finished=True)])):
        assert titles(lanes(run(one, later))["web1"]) == [["A"], ["B"]]
    assert titles(lanes(run(job("A", limit_wall=100, polls=[poll(6)]), later))["web1"]) == [["A", "B"]]


def test_what_is_short_takes_room_of_its_own() -> None:
    short = [{"kind": "webhook", "from": at, "to": at} for at in (0, 1, 5)]
    assert [len(row) for row in pack(short, 2)] == [2, 1]
    assert [len(row) for row in pack(short)] == [3]


def test_tasks_that_were_skipped_are_left_out_and_one_that_did_not_end_lasts_as_long_as_its_run() -> None:
    tasks = (task("Skipped", status="skipped"), task("Hung", began=2, status=None, results=[]) | {"ended": None})
    ((bar,),) = lanes(run(tasks=tasks))["web1"]
    assert (bar["title"], bar["status"], bar["from"], bar["to"]) == ("Hung", "unfinished", 2, 20)


def test_a_failure_that_is_ignored_is_no_failure() -> None:
    ((bar,),) = lanes(run(tasks=(task(status="failed", results=[result(status="failed", ignored=True)]),)))["web1"]
    assert bar["status"] == "ignored"


def test_a_job_has_its_limit_in_force_its_polls_and_what_was_done_to_it() -> None:
    one = job(began=2, limit_wall=3, polls=[poll(4), poll(7)], deeds=[deed("kill 9", 5)])
    ((bar,),) = lanes(run(one), time_scale=0.1)["web1"]
    assert (bar["limit"], bar["polls"], bar["deeds"]) == (32, [4, 7], [5])


def test_a_job_that_still_runs_lasts_as_long_as_it_was_seen() -> None:
    ((bar,),) = lanes(run(job(began=3, took=4, finished_at=None, outcome="running")))["web1"]
    assert (bar["from"], bar["to"], bar["status"]) == (3, 7, "running")


@pytest.mark.parametrize(("limit", "end"), [(20 * (1 + BEYOND) + 1, 20), (24, 24), (5, 20)])
def test_a_limit_is_shown_unless_all_else_would_be_small_beside_it(limit: float, end: float) -> None:
    assert span(run(job(limit_wall=limit, took=1))) == (0, end)


def test_what_takes_no_time_has_a_span() -> None:
    assert span(run(ended=0.0)) == (0, 0.1)


def test_traffic_without_failures_has_no_gap_and_with_some_it_says_when() -> None:
    assert titles(lanes(run(), traffic=[stream()])["traffic"]) == [
        ["http://lb/ from localhost: 200 requests, 0 failed"]
    ]
    (bar,), (gap,) = lanes(run(), traffic=[stream(5.5, 6.5)])["traffic"]
    assert (bar["failures"], bar["status"]) == ([5.5, 6.5], "failed")
    assert (gap["title"], gap["from"], gap["to"]) == ("gap of 2.0 s", 5, 7)


def test_an_item_is_part_of_a_jobs_title() -> None:
    assert titles(lanes(run(job(item="users")))["web1"]) == [["Work (users)"]]
