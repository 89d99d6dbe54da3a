"""The jobs of a run, folded from its events."""

from __future__ import annotations

from pytest_bgasync.jobs.events import Event
from pytest_bgasync.jobs.launches import Launch, Look, Poll, fold
from tests.unit.made import CLOCK, event, job_launched, job_looked_at, job_polled, result, task_started


def only(*events: Event) -> Launch:
    (launch,) = fold(events, CLOCK)
    return launch


def test_a_launch_is_told_by_its_event_in_playbook_seconds() -> None:
    launch = only(task_started(full_name="app : Start it"), job_launched(at=101.0, user="deploy"))
    assert (launch.task, launch.full_name, launch.jid) == ("Start it", "app : Start it", "j1.1")
    assert (launch.user, launch.launched_at, launch.limit, launch.limit_wall) == ("deploy", 10.0, 120, 12)


def test_a_delegated_job_is_the_play_hosts_but_lives_on_the_delegate() -> None:
    launch = only(job_launched(delegate="builder"))
    assert (launch.host, launch.machine) == ("host1", "builder")
    assert only(job_launched()).machine == "host1"


def test_a_task_that_was_not_announced_is_called_by_its_plain_name() -> None:
    assert only(job_launched()).full_name == "Start it"


def test_a_run_once_job_is_one_job() -> None:
    hosts = [result(task_id="t2", host=host) for host in ("host1", "host2")]
    assert [launch.host for launch in fold([job_launched(), result({"ansible_job_id": "j1.1"}), *hosts], CLOCK)] == [
        "host1"
    ]


def test_a_launch_alone_is_neither_collected_nor_reported() -> None:
    launch = only(job_launched(), result({"ansible_job_id": "j1.1", "started": 1, "finished": 0}))
    assert launch.ended_task
    assert not launch.collected
    assert launch.reported == {}


def test_each_item_of_a_loop_is_a_job_with_its_label() -> None:
    first, second = fold(
        [
            job_launched("j1.1", item={"id": 1}),
            result({"ansible_job_id": "j1.1"}, item={"id": 1}, label="one"),
            job_launched("j2.2", item={"id": 2}),
            result({"ansible_job_id": "j2.2"}, item={"id": 2}, label="two"),
            result({}, loop=True),
        ],
        CLOCK,
    )
    assert (first.item, first.label) == ({"id": 1}, "one")
    assert (second.item, second.label) == ({"id": 2}, "two")


def test_items_hidden_by_no_log_take_their_results_in_order() -> None:
    hidden = {"censored": "hidden", "changed": True}
    launches = fold(
        [
            job_launched("j1.1", no_log=True),
            result(hidden, item=None, label=None),
            job_launched("j2.2", no_log=True),
            result(hidden, item=None, label=None),
        ],
        CLOCK,
    )
    assert [(launch.ended_task, launch.label, launch.reported) for launch in launches] == [(True, None, {})] * 2


def test_until_launches_anew_and_only_the_last_job_gets_the_result() -> None:
    first, last = fold([job_launched("j1.1"), job_launched("j2.2"), result({"ansible_job_id": "j2.2"})], CLOCK)
    assert (first.ended_task, last.ended_task) == (False, True)
    gone = {"async_result": {"ansible_job_id": "j2.2"}, "msg": "timeout"}
    first, last = fold([job_launched("j1.1", poll=1), job_launched("j2.2", poll=1), result(gone, "failed")], CLOCK)
    assert (first.ended_task, last.ended_task) == (False, True)


def test_polls_are_kept_with_what_they_were_told_and_the_last_one_collects() -> None:
    launch = only(job_launched(), job_polled(at=100.5), job_polled(at=101, finished=True, failed=True))
    assert launch.polls == [
        Poll(5.0, finished=False, failed=False, timed_out=False),
        Poll(10.0, finished=True, failed=True, timed_out=False),
    ]
    assert launch.collected


def test_an_unfinished_poll_collects_nothing() -> None:
    assert not only(job_launched(), job_polled()).collected


def test_asking_for_a_job_that_is_not_found_is_no_poll_of_it() -> None:
    launch = only(job_launched(), job_polled(finished=True, found=False, failed=True))
    assert launch.polls == []
    assert not launch.collected


def test_what_a_status_task_returned_is_the_jobs_report() -> None:
    final = {"ansible_job_id": "j1.1", "finished": True, "rc": 0}
    launch = only(job_launched(), job_polled(finished=True), result(final, task_id="t2"))
    assert launch.reported == final
    assert not launch.ended_task


def test_a_waiting_task_ends_with_its_job_and_collects_it_only_by_a_final_status() -> None:
    ended = only(job_launched(poll=5), result({"ansible_job_id": "j1.1", "finished": 1, "rc": 0}))
    gone = only(job_launched(poll=5), result({"async_result": {"ansible_job_id": "j1.1"}, "msg": "timeout"}, "failed"))
    hidden = only(job_launched(poll=5), result({"censored": "hidden"}))
    assert [launch.ended_task for launch in (ended, gone, hidden)] == [True, True, True]
    assert [launch.collected for launch in (ended, gone, hidden)] == [False, False, False]
    assert [launch.reported.get("rc") for launch in (ended, gone, hidden)] == [0, None, None]


def test_a_result_of_another_task_host_or_item_is_not_taken_for_the_jobs_own() -> None:
    others = [result(task_id="t9"), result(host="host2"), result(item="x")]
    assert not only(job_launched(), *others).ended_task


def test_another_task_whose_own_result_has_a_key_finished_is_no_report() -> None:
    assert only(job_launched(), result({"finished": 1, "rc": 5}, task_id="t9")).reported == {}


def test_a_launch_that_reached_no_host_has_no_id() -> None:
    launch = only(job_launched(None), result({"unreachable": True}, "unreachable"))
    assert launch.jid is None
    assert launch.ended_task


def test_a_launch_that_was_sent_and_not_answered_is_one_with_a_file_to_look_for() -> None:
    sent = {**job_launched(user="deploy"), "event": "job_launching", "file_prefix": "~deploy/.ansible_async/j1."}
    for name in ("jid", "results_file", "refused"):
        del sent[name]
    launch = only(sent)
    assert (launch.jid, launch.user, launch.file_prefix) == (None, "deploy", "~deploy/.ansible_async/j1.")
    lost = {**job_launched(None), "token": sent["token"]}
    assert only(sent, lost).file_prefix == "~deploy/.ansible_async/j1."
    answered = only(sent, job_launched(at=103.0))
    assert (answered.jid, answered.file_prefix, answered.launched_at) == ("j1.1", None, 0.0)
    assert only(sent, {**lost, "refused": "no space"}).file_prefix is None


def test_a_replaced_limit_is_the_one_in_force_for_the_tasks_named_only() -> None:
    events = [
        task_started("Start it", full_name="app : Start it"),
        job_launched("j1.1", limit=120, limit_wall=3),
        job_launched("j2.2", task="Another", task_id="t2", limit=120, limit_wall=12),
    ]
    for name in ("Start it", "app : Start it"):
        assert [launch.limit for launch in fold(events, CLOCK, [name])] == [30, 120]


def test_events_that_say_nothing_of_a_known_job_are_passed_over() -> None:
    assert fold([event("from_the_future"), job_polled("j9.9"), result({"ansible_job_id": "j9.9"})], CLOCK) == []


def test_a_run_may_collect_a_job_of_an_earlier_one() -> None:
    launch = only(job_launched("j1.1"))
    assert fold([job_polled("j1.1", finished=True)], CLOCK, earlier=[launch]) == []
    assert launch.collected


def test_a_look_collects_nothing_and_has_its_tasks_name() -> None:
    named = task_started("Read it", "t2", full_name="app : Read it")
    launch = only(job_launched(), named, job_looked_at(at=100.5, task="Read it - of a copy"))
    expected = Look(5.0, finished=False, failed=False, timed_out=False, task="Read it", action="slurp", file=True)
    assert (launch.looks, launch.polls, launch.collected) == ([expected], [], False)


def test_what_an_own_action_was_told_is_the_report() -> None:
    final = {"finished": True, "rc": 3}
    for told in (job_polled, job_looked_at):
        assert only(job_launched(), told(finished=True, failed=True, data=final)).reported == final
    shown = {"ansible_job_id": "j1.1", "finished": True, "rc": 3}
    asked = job_polled(finished=True, data=final)
    assert only(job_launched(), asked, result(shown, task_id="t2")).reported == shown


def test_a_look_under_no_log_hides_its_job() -> None:
    assert only(job_launched(), job_looked_at(no_log=True)).no_log
