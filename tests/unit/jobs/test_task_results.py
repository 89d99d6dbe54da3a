"""What each task did, folded from the events of a run."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_bgasync.jobs.events import Event
from pytest_bgasync.jobs.task_results import Recap, TaskResult, fold
from pytest_bgasync.util.errors import Ambiguous, NotThere
from pytest_bgasync.util.text import place, text
from tests.unit.made import CLOCK, event, host_started, result, task_started


def only(*events: Event) -> TaskResult:
    (found,) = fold(events, CLOCK).results
    return found


def test_a_result_says_what_ansible_returned_and_when() -> None:
    data = {"rc": 3, "stdout": "out", "stderr": "err", "msg": "non-zero return code", "attempts": 4}
    found = only(task_started(), host_started(at=101), result(data, "failed", at=102, ignored=True))
    assert (found.host, found.task, found.item, found.status, found.ignored) == (
        "host1", "Start it", None, "failed", True,
    )  # fmt: skip
    assert (found.rc, found.stdout, found.stderr, found.msg) == (3, "out", "err", "non-zero return code")
    assert (found.attempts, found.started_at, found.ended_at, found.data) == (4, 10.0, 20.0, data)


def test_what_a_result_does_not_have_is_none_or_empty_and_one_attempt() -> None:
    found = only(task_started(), result())
    assert (found.rc, found.stdout, found.stderr, found.msg, found.attempts) == (None, "", "", "", 1)


def test_a_no_log_result_says_that_it_is_hidden() -> None:
    assert only(task_started(), result({"censored": "the output has been hidden"})).msg == "the output has been hidden"


def test_a_loop_has_one_result_for_each_item_each_beginning_where_the_last_ended() -> None:
    tasks = fold(
        [
            task_started(),
            host_started(at=100),
            result(at=101, item="a"),
            result(at=103, item="b", status="failed"),
            result(at=103, loop=True, status="failed"),
        ],
        CLOCK,
    )
    assert [(r.item, r.status, r.started_at, r.ended_at) for r in tasks.results] == [
        ("a", "ok", 0.0, 10.0),
        ("b", "failed", 10.0, 30.0),
    ]


@pytest.mark.parametrize("asked", [{"id": 2}, "two"])
def test_an_item_is_found_by_itself_and_by_its_label(asked: Any) -> None:
    items = [result(item={"id": n}, label=label) for n, label in ((1, "one"), (2, "two"))]
    tasks = fold([task_started(), *items], CLOCK)
    assert tasks.result("Start it", None, asked).item == {"id": 2}
    assert [r.label for r in tasks.find("Start it", None, None)] == ["one", "two"]


def test_an_item_that_is_no_text_is_found_by_the_text_of_its_label() -> None:
    tasks = fold([task_started(), result(item=8080, label="8080"), result(item=9090, label="9090")], CLOCK)
    assert [r.item for r in tasks.find("Start it", None, "9090")] == [9090]


def test_a_task_is_called_by_its_name_with_or_without_its_role() -> None:
    tasks = fold([task_started(full_name="app : Start it"), host_started(), result()], CLOCK)
    assert [task.id for task in tasks.named("app : Start it")] == ["t1"]
    assert tasks.ran("Start it")
    assert tasks.ran("app : Start it")
    assert not tasks.ran("app")


def test_a_task_that_was_skipped_or_failed_before_it_began_was_not_run_and_is_not_on_the_path() -> None:
    tasks = fold(
        [
            task_started("First", "t1"),
            host_started("host1", "t1"),
            host_started("host2", "t1"),
            result(task_id="t1", host="host1"),
            result(task_id="t1", host="host2", status="skipped"),
            task_started("Second", "t2"),
            host_started("host1", "t2"),
            event("task_begun", task_id="t2", host="host1"),
            result(task_id="t2", status="failed"),
            task_started("Third", "t3"),
            host_started("host1", "t3"),
            result(task_id="t3", status="failed"),
        ],
        CLOCK,
    )
    assert tasks.path("host1") == ["First", "Second"]
    assert not tasks.ran("Third")
    assert tasks.path("host2") == []
    assert tasks.ran("First")
    assert tasks.ran("First", "host1")
    assert not tasks.ran("First", "host2")
    assert not tasks.ran("Second", "host2")


def test_one_skipped_item_does_not_make_its_task_a_skipped_one() -> None:
    tasks = fold(
        [task_started(), result(item="a", status="skipped"), result(item="b"), result(loop=True)],
        CLOCK,
    )
    assert tasks.ran("Start it")
    assert [r.status for r in tasks.results] == ["skipped", "ok"]


def test_a_loop_of_skipped_items_is_skipped() -> None:
    tasks = fold([task_started(), result(item="a", status="skipped"), result(loop=True, status="skipped")], CLOCK)
    assert not tasks.ran("Start it")


def test_a_task_without_a_worker_is_on_the_path_once() -> None:
    tasks = fold([task_started("include_tasks"), result(item="a"), result(item="b"), result(loop=True)], CLOCK)
    assert tasks.path("host1") == ["include_tasks"]


def test_a_task_that_hung_was_reached_without_a_result() -> None:
    tasks = fold([task_started(), host_started()], CLOCK)
    assert tasks.ran("Start it")
    assert tasks.results == []


def test_run_once_and_delegation_leave_one_result_under_the_plays_host() -> None:
    tasks = fold([task_started(), host_started(), result(delegate="builder")], CLOCK)
    assert [r.host for r in tasks.find("Start it", None, None)] == ["host1"]
    assert tasks.path("builder") == []


def test_the_recap_is_that_of_ansible() -> None:
    counts = {"ok": 1, "failures": 2, "unreachable": 3, "changed": 4, "skipped": 5, "rescued": 6, "ignored": 7}
    assert fold([event("run_ended", recap={"host1": counts})], CLOCK).recap == {
        "host1": Recap(ok=1, changed=4, failed=2, unreachable=3, skipped=5, rescued=6, ignored=7)
    }


def test_unknown_events_are_passed_over() -> None:
    assert fold([event("from_the_future")], CLOCK).results == []


TWO_HOSTS = [task_started(), task_started("Other", "t2"), result(), result(host="host2", status="failed")]


def test_a_result_is_picked_by_its_host() -> None:
    assert fold(TWO_HOSTS, CLOCK).result("Start it", "host2", None).status == "failed"


def test_asking_for_one_of_two_results_lists_both() -> None:
    with pytest.raises(Ambiguous) as caught:
        fold(TWO_HOSTS, CLOCK).result("Start it", None, None)
    assert str(caught.value) == (
        "2 results fit, say host= or item=: \n  - 'Start it' on host1: ok\n  - 'Start it' on host2: failed"
    )


def test_asking_for_a_task_that_is_not_there_lists_the_tasks() -> None:
    with pytest.raises(NotThere) as caught:
        fold(TWO_HOSTS, CLOCK).result("Stat it", None, None)
    assert str(caught.value) == "no task 'Stat it' in this run; it reached: \n  - Start it\n  - Other"


def test_asking_for_a_host_or_item_that_is_not_there_lists_the_results_of_the_task() -> None:
    with pytest.raises(NotThere) as caught:
        fold([*TWO_HOSTS, result(task_id="t2", task="Other")], CLOCK).result("Start it", "host3", "x")
    assert str(caught.value) == (
        "no result of 'Start it' on host3 (item x) in this run; there are:"
        " \n  - 'Start it' on host1: ok\n  - 'Start it' on host2: failed"
    )


def test_asking_for_a_task_without_a_result_lists_those_of_the_others() -> None:
    with pytest.raises(NotThere, match=r"no result of 'Other' .*; there are: \n  - 'Start it' on host1: ok\n"):
        fold(TWO_HOSTS, CLOCK).result("Other", None, None)


def test_a_run_that_reached_no_task_says_so() -> None:
    with pytest.raises(NotThere, match="it reached: nothing"):
        fold([], CLOCK).result("Start it", None, None)


def test_messages_name_an_item_by_its_label() -> None:
    assert place("T", "host1", {"id": 1}, "one") == "'T' on host1 (item one)"
    assert place("T", item=0) == "'T' (item 0)"
    assert place("T") == "'T'"


@pytest.mark.parametrize(("value", "expected"), [("a", "a"), (None, ""), (["x"], "['x']"), (0, "0")])
def test_a_field_of_a_result_is_always_text(value: object, expected: str) -> None:
    assert text(value) == expected
