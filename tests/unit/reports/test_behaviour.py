"""What of a run is the same each time, and how two differ."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from pytest_bgasync.reports.behaviour import Durations, behaviours, differences, lines

Record = dict[str, Any]


def task(name: str, status: str = "ok", host: str = "host1", **fields: Any) -> Record:
    item = fields.pop("item", None)
    results = [{"item": item, "status": status, "ignored": fields.pop("ignored", False)}]
    return {"full_name": name, "host": host, "part": None, "status": status, "results": results, **fields}


def job(name: str = "Start", host: str = "host1", **fields: Any) -> Record:
    return {
        "full_name": name, "host": host, "machine": host, "item": None, "user": "root", "limit": 3600.0, "poll": 0,
        "outcome": "succeeded", "rc": 0, "collected": True, "declared": False, "launched_at": 1.0, "finished_at": 9.0,
        "elapsed": 8.0, **fields,
    }  # fmt: skip


def record(*tasks: Record, jobs: tuple[Record, ...] = (), rc: int = 0, **fields: Any) -> Record:
    """Return the line of a test in the ledger."""
    hosts = {one["host"] for one in tasks}
    recap = {host: {"ok": sum(one["host"] == host for one in tasks), "rescued": 0} for host in hosts}
    run = {"playbook": "playbooks/site.yml", "rc": rc, "complete": True, "recap": recap, "tasks": list(tasks),
           "jobs": list(jobs), "began": 0.0, "ended": 100.0, **fields}  # fmt: skip
    return {"nodeid": "t.py::test", "runs": [run]}


def told(old: Record, new: Record, durations: Durations | None = None, *, partly: bool = False) -> list[str]:
    with_durations = durations is not None
    before, after = (behaviours(side, durations=with_durations) for side in (old, new))
    return list(map(str, differences("t.py::test", before, after, durations, partly=partly)))


SOUND = record(
    task("Start", "changed"),
    task("Wait", "failed"),
    task("Roll back", "changed", part="rescue"),
    task("Tell", part="always"),
    jobs=(job(outcome="failed", rc=3),),
)


def changed(**run: Any) -> Record:
    new = deepcopy(SOUND)
    new["runs"][0] |= run
    return new


def test_a_rescue_is_named_at_what_it_rescued() -> None:
    (run,) = behaviours(SOUND)
    assert run.hosts["host1"].tasks == (
        ("Start", "changed"),
        ("Wait", "failed, rescued by Roll back"),
        ("Roll back", "changed, in rescue"),
        ("Tell", "ok, in always"),
    )


def test_equal_runs_do_not_differ() -> None:
    assert told(SOUND, deepcopy(SOUND)) == []


def test_hosts_that_overlap_otherwise_do_not_differ() -> None:
    one = [task("A", host="web1"), task("B", host="web1")]
    two = [task("A", host="web2"), task("B", host="web2")]
    jobs = (job(host="web1", launched_at=1.0), job(host="web2", launched_at=2.0))
    assert told(record(*one, *two, jobs=jobs), record(two[0], *one, two[1], jobs=jobs[::-1])) == []


def test_a_task_that_is_dropped_added_or_ends_otherwise_is_named() -> None:
    tasks = SOUND["runs"][0]["tasks"]
    assert told(SOUND, changed(tasks=tasks[:2] + tasks[3:])) == [
        "host1: task 'Wait': failed, rescued by Roll back -> failed",
        "host1: task 'Roll back': changed, in rescue -> not reached",
    ]
    assert told(SOUND, changed(tasks=[*tasks, task("More")])) == ["host1: task 'More': not reached -> ok"]
    assert told(SOUND, changed(tasks=[task("Start", "skipped"), *tasks[1:]])) == [
        "host1: task 'Start': changed -> skipped"
    ]


def test_a_task_that_moves_is_named_once() -> None:
    old, new = record(task("A"), task("B"), task("C")), record(task("B"), task("C"), task("A"))
    assert told(old, new) == ["host1: task 'A': ok, first -> ok, after 'C'"]


def test_a_failure_that_is_passed_over_is_another_status() -> None:
    assert told(record(task("A", "failed")), record(task("A", "failed", ignored=True))) == [
        "host1: task 'A': failed -> failed, ignored"
    ]


def test_items_are_told_one_by_one() -> None:
    old = record(task("Dump", "changed", item="users"), task("Dump", "changed", item="orders"))
    new = record(task("Dump", "changed", item="users"), task("Dump", "failed", item="orders"))
    assert told(old, new) == ["host1: task 'Dump (orders)': changed -> failed"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"limit": 60.0}, "limit: 3600 -> 60"),
        ({"limit": 0.5}, "limit: 3600 -> 0.5"),
        ({"poll": 5}, "poll: 0 -> 5"),
        ({"user": "app"}, "user: root -> app"),
        ({"machine": "host2"}, "on: none -> host2"),
        ({"rc": 4}, "rc: 3 -> 4"),
        ({"outcome": "timed_out"}, "outcome: failed -> timed_out"),
    ],
)
def test_the_fact_of_a_job_that_differs_is_named(fields: Record, said: str) -> None:
    new = changed(jobs=[job(**{"outcome": "failed", "rc": 3, **fields})])
    assert told(SOUND, new) == [f"host1: job 'Start': {said}"]


def test_a_job_that_nobody_waits_for_has_no_outcome() -> None:
    left: Record = {"collected": False, "declared": False}
    assert told(SOUND, changed(jobs=[job(outcome="failed", rc=3, **left)])) == [
        "host1: job 'Start': outcome: failed -> not waited for",
        "host1: job 'Start': rc: 3 -> none",
        "host1: job 'Start': collected: true -> false",
    ]
    old, new = (changed(jobs=[job(outcome=one, **left)]) for one in ("running", "succeeded"))
    assert told(old, new) == []
    assert told(new, changed(jobs=[job(outcome="lost", **left, rc=None)])) != []


def test_jobs_of_one_task_are_told_apart_by_item_and_number() -> None:
    jobs = [job(item="users"), job(item="orders", launched_at=2.0), job(item="users", launched_at=3.0, rc=1)]
    assert told(changed(jobs=jobs), changed(jobs=[*jobs[:2], jobs[2] | {"rc": 2}])) == [
        "host1: job 'Start' (users) #2: rc: 1 -> 2"
    ]
    assert told(changed(jobs=jobs), changed(jobs=jobs[:2])) == [
        "host1: job 'Start' (users) #2: limit 3600, succeeded -> not launched"
    ]
    assert told(changed(jobs=jobs[:1]), changed(jobs=[job(item="customers")])) == [
        "host1: job 'Start' (users): limit 3600, succeeded -> not launched",
        "host1: job 'Start' (customers): not launched -> limit 3600, succeeded",
    ]


def test_the_rc_and_the_counts_of_a_run_are_compared() -> None:
    assert told(SOUND, changed(rc=2, recap={"host1": {"ok": 4, "rescued": 1}})) == [
        "rc: 0 -> 2",
        "host1: recap: rescued: 0 -> 1",
    ]


def test_a_host_that_only_one_side_has_is_told_by_its_tasks() -> None:
    assert told(record(task("A")), record(task("A"), task("A", host="host2"))) == [
        "host2: task 'A': not reached -> ok",
        "host2: recap: ok: none -> 1",
        "host2: recap: rescued: none -> 0",
    ]


def test_runs_are_numbered_where_there_are_several() -> None:
    two = {"runs": SOUND["runs"] * 2}
    other = {"runs": [SOUND["runs"][0], changed(rc=2)["runs"][0]]}
    assert told(two, other) == ["run 2: rc: 0 -> 2"]
    assert told(SOUND, two) == ["run 2: not run -> rc 0"]
    assert told(two, SOUND) == ["run 2: rc 0 -> not run"]


def test_of_a_test_that_failed_only_what_it_did_counts() -> None:
    two = {"runs": SOUND["runs"] * 2}
    assert told(two, SOUND, partly=True) == []
    unwaited = job(outcome="running", rc=None, collected=False, declared=True)
    assert told(SOUND, changed(jobs=[unwaited]), partly=True) == ["host1: job 'Start': collected: true -> false"]


def test_noise_in_names_is_no_difference() -> None:
    old, new = record(task("Job j6272098452.32")), record(task("Job j6272098999.77"))
    assert told(old, new) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (100.0, 140.0, []),
        (100.0, 70.0, []),
        (100.0, 160.0, ["took: 100 -> 160"]),
        (100.0, 60.0, ["took: 100 -> 60"]),
        (1.0, 9.9, []),
    ],
)
def test_durations_may_differ_by_a_factor_and_short_ones_always(before: float, after: float, said: list[str]) -> None:
    """Ten playbook seconds are one real second here."""
    old, new = (record(task("A"), ended=took) for took in (before, after))
    assert told(old, new, Durations(1.5, 0.1)) == [text.replace("100", "100.0").replace("60", "60.0") for text in said]
    assert told(old, new) == []


def test_durations_of_jobs_are_compared_where_somebody_waited() -> None:
    old, slow = job(elapsed=100.0), job(elapsed=200.0)
    assert told(changed(jobs=[old]), changed(jobs=[slow]), Durations(1.5, 0.1)) == [
        "host1: job 'Start': took: 100.0 -> 200.0"
    ]
    left: Record = {"collected": False, "declared": False}
    assert told(changed(jobs=[old | left]), changed(jobs=[slow | left]), Durations(1.5, 0.1)) == []


def test_tests_that_differ_alike_stand_together_below_their_playbook() -> None:
    old, new = behaviours(SOUND), behaviours(changed(rc=2))
    found = [one for test in ("b", "a") for one in differences(test, old, new)]
    assert list(lines(found)) == ["playbooks/site.yml", "  b", "  a", "    rc: 0 -> 2"]
