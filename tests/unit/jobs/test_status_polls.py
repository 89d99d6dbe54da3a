"""What each async_status task asked and was told."""

from __future__ import annotations

from typing import Any

from pytest_bgasync.jobs.events import Event
from pytest_bgasync.jobs.status_polls import Status, fold
from tests.unit.made import event, job_polled, result, task_started

ASK = task_started("Ask", "t2", action="ansible.builtin.async_status")


def answer(jid: str | None = "j1.1", status: str = "ok", **fields: Any) -> Event:
    data = {"msg": "told"} if jid is None else {"ansible_job_id": jid, "msg": "told"}
    return result(data, status, **{"task_id": "t2", "task": "Ask", **fields})


def only(*events: Event) -> Status:
    (status,) = fold([ASK, *events])
    return status


def test_it_keeps_what_it_was_told_each_time() -> None:
    status = only(job_polled(), job_polled(finished=True), answer())
    assert (status.jid, status.finished, status.found) == ("j1.1", (False, True), True)
    assert (status.task, status.host, status.fine, status.msg) == ("Ask", "host1", True, "told")


def test_a_job_that_was_not_found_has_not_finished_whatever_ansible_says() -> None:
    status = only(job_polled(finished=True, found=False), answer(status="failed"))
    assert (status.finished, status.found, status.fine) == ((False,), False, False)


def test_a_failure_that_is_passed_over_is_fine() -> None:
    assert only(job_polled(), answer(status="failed", ignored=True)).fine


def test_items_take_the_polls_of_their_own_jobs() -> None:
    polls = [job_polled("j1.1"), job_polled("j2.2"), job_polled("j1.1", finished=True), job_polled("j2.2")]
    items = [answer("j1.1", item="a"), answer("j2.2", item="b")]
    first, second = fold([ASK, *polls, *items, answer(None, loop=True)])
    assert (first.label, first.finished) == ("a", (False, True))
    assert (second.label, second.finished) == ("b", (False, False))


def test_one_that_asked_for_no_job_says_so() -> None:
    assert only(answer(None, "failed")).jid is None


def test_an_empty_job_id_is_none() -> None:
    polls = [job_polled(None, found=False), job_polled(None, found=False)]
    status = only(*polls, answer(""))
    assert (status.jid, status.found, status.finished) == (None, False, (False, False))


def test_a_hidden_answer_takes_what_was_asked() -> None:
    status = only(job_polled("j7.7", finished=True), answer(None, hidden=True))
    assert (status.jid, status.hidden) == ("j7.7", True)


def test_of_a_hidden_loop_the_poll_that_found_no_job_speaks() -> None:
    polls = [job_polled("j1.1", found=False), job_polled("j2.2"), job_polled("j2.2", finished=True)]
    items = [answer(None, hidden=True, item=None), answer(None, hidden=True, item=None)]
    first, second = fold([ASK, *polls, *items, answer(None, loop=True, hidden=True)])
    assert (first.jid, first.found, first.told) == ("j1.1", False, True)
    assert (second.jid, second.told) == (None, False)


def test_skipped_ones_cleanups_and_other_tasks_are_none() -> None:
    erased = event("job_erased", task_id="t2", host="host1", jid="j1.1")
    assert fold([ASK, answer(None, "skipped")]) == []
    assert fold([ASK, erased, answer()]) == []
    cleanup = task_started("Clean up", "t2", action="async_status", cleanup=True)
    assert fold([cleanup, answer(status="failed", ignored=True)]) == []
    assert fold([cleanup, answer(None)]) == []
    assert fold([task_started("Other", "t2"), answer()]) == []


def test_a_handler_may_ask_again() -> None:
    once = [job_polled(finished=True), answer()]
    assert [status.finished for status in fold([ASK, *once, *once])] == [(True,), (True,)]
