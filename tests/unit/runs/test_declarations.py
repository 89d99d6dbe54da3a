"""What the fire_and_forget marker says."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_bgasync.jobs.job import Job
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.runs.declarations import Declaration, claimed, parse_declaration
from pytest_bgasync.util.errors import UsageProblem
from tests.unit.made import CLOCK, FakeHost, launch


def job(**fields: Any) -> Job:
    return Job(launch(**fields), FakeHost(), CLOCK)


def test_the_defaults_are_all_jobs_and_success() -> None:
    assert parse_declaration((), {}) == Declaration(task=None, outcome=Outcome.SUCCEEDED)


def test_the_task_may_stand_first_or_have_its_name() -> None:
    assert parse_declaration(("Warm",), {}) == parse_declaration((), {"task": "Warm"}) == Declaration("Warm")


def test_an_rc_other_than_0_expects_a_failure() -> None:
    assert parse_declaration((), {"rc": 3}).outcome is Outcome.FAILED
    assert parse_declaration((), {"rc": 0}).outcome is Outcome.SUCCEEDED
    assert parse_declaration((), {"rc": 3, "outcome": None}).outcome is None


def test_an_outcome_is_given_as_itself_or_by_its_name() -> None:
    for outcome in (Outcome.TIMED_OUT, "timed_out"):
        assert parse_declaration((), {"outcome": outcome}).outcome is Outcome.TIMED_OUT


@pytest.mark.parametrize(
    ("count", "counts"), [(None, None), (0, (0, 0)), (3, (3, 3)), ((0, 1), (0, 1)), ([2, 2], (2, 2))]
)
def test_a_count_is_a_number_or_from_and_to(count: Any, counts: Any) -> None:
    assert parse_declaration((), {"count": count}).counts == counts


@pytest.mark.parametrize(
    ("args", "kwargs", "sentence"),
    [
        (("a", "b"), {}, "takes one positional argument, task"),
        (("a",), {"task": "b"}, "got task twice"),
        ((), {"tasks": "a"}, "has no argument 'tasks'; it takes: task, outcome, rc, within, count, host"),
        ((3,), {}, "task is a name, not 3"),
        (("",), {}, "task is a name, not ''"),
        ((), {"host": ["a"]}, r"host is a name, not \['a'\]"),
        ((), {"rc": "3"}, "rc is a whole number, not '3'"),
        ((), {"count": -1}, "count is a whole number from 0 on, or a pair of them, from and to, not -1"),
        ((), {"count": True}, "count is a whole number from 0 on, or a pair of them, from and to, not True"),
        ((), {"count": "2"}, "count is a whole number from 0 on, or a pair of them, from and to, not '2'"),
        ((), {"count": ()}, r"count is a whole number from 0 on, or a pair of them, from and to, not \(\)"),
        ((), {"count": (0, 1, 2)}, r"count is .* a pair of them, from and to, not \(0, 1, 2\)"),
        ((), {"count": (0, None)}, r"count is .* a pair of them, from and to, not \(0, None\)"),
        ((), {"count": (-1, 1)}, r"count is .* a pair of them, from and to, not \(-1, 1\)"),
        ((), {"count": (2, 1)}, r"count is a pair, from and to, and \(2, 1\) is the wrong way round"),
        ((), {"within": -1}, "within is a number of playbook seconds from 0 on, not -1"),
        ((), {"within": float("nan")}, "within is a number of playbook seconds from 0 on, not nan"),
        ((), {"outcome": "fine"}, "'fine' is no outcome; those are: succeeded, failed, timed_out, lost, unreach"),
        ((), {"outcome": "succeeded", "rc": 1}, "a job with that rc has failed"),
        ((), {"outcome": "timed_out", "rc": 0}, "says outcome='timed_out' and rc=0: a job that is so has no rc"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(args: tuple[Any, ...], kwargs: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageProblem, match=f"^the fire_and_forget marker.*{sentence}"):
        parse_declaration(args, kwargs)


def test_a_job_belongs_to_the_declaration_that_says_most_and_stands_nearest() -> None:
    near, far = Declaration("Start it", rc=0), Declaration("Start it", rc=1)
    all_, on_host = Declaration(), Declaration("Start it", host="host1")
    one, two, other = job(), job(host="host2"), job(task="Another", full_name="Another")
    assert claimed([one, two, other], [all_, near, far, on_host]) == {
        on_host: [one],
        near: [two],
        far: [],
        all_: [other],
    }


def test_without_a_task_jobs_that_were_collected_or_never_launched_are_not_meant() -> None:
    assert Declaration().covers(job())
    assert not Declaration().covers(job(collected=True))
    assert not Declaration().covers(job(jid=None))
    assert not Declaration().covers(job(jid=None, file_prefix="/jobs/j7."))
    assert Declaration().covers(Job(launch(jid=None, file_prefix="/jobs/j7."), FakeHost(silent=True), CLOCK))
    assert not Declaration().covers(job(poll=5, ended_task=True))
    assert Declaration("Start it").covers(job(collected=True))
