"""What is found in a run, where events and a host made by hand can show it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync.jobs.events import Event
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.runs.run import Run
from tests.unit.made import (
    CLOCK,
    FakeHost,
    event,
    job_file,
    job_launched,
    job_polled,
    process,
    result,
    run_of,
    task_started,
)

FILE = "/root/.ansible_async/j1.1"
TIMED_OUT = job_file({"failed": 1, "msg": "Timeout exceeded", "child_pid": 7}, written=1.0)
LAUNCHED = [task_started(), job_launched(), result({"ansible_job_id": "j1.1", "started": 1, "finished": 0})]


def kinds(run: Run) -> list[str]:
    return [finding.kind for finding in run.findings if finding.kind != "uncollected"]


def asked_in_vain(*then: Event) -> list[Event]:
    """Return the events of a play that ignores that its job has no status."""
    ask = task_started("Ask", "t2", action="async_status")
    answer = result({"ansible_job_id": "j1.1"}, "failed", task_id="t2", task="Ask", ignored=True)
    return [*LAUNCHED, ask, job_polled(), job_polled(), answer, *then]


def recap(**counts: int) -> Event:
    none = dict.fromkeys(("ok", "changed", "failures", "unreachable", "skipped", "rescued", "ignored"), 0)
    return event("run_ended", recap={"host1": {**none, **counts}})


def test_a_status_without_an_answer_is_swallowed_where_the_play_goes_well(tmp_path: Path) -> None:
    run = run_of(asked_in_vain(recap(ok=2, ignored=1)), tmp_path, FakeHost())
    assert run.jobs[0].outcome is Outcome.LOST
    (swallowed,) = [finding for finding in run.findings if finding.kind == "swallowed"]
    assert swallowed.job is run.jobs[0]


def test_a_job_that_is_lost_after_the_run_was_not_passed_over(tmp_path: Path) -> None:
    host = FakeHost(processes=[process(job="token-of-j1.1")])
    run = run_of(asked_in_vain(recap(ok=2, ignored=1)), tmp_path, host)
    host.processes, host.now = [], CLOCK.at(time.time()) + 1
    assert run.jobs[0].outcome is Outcome.LOST
    assert "swallowed" not in kinds(run)


@pytest.mark.parametrize("how", ["failures", "unreachable"])
def test_a_play_that_fails_after_a_status_without_an_answer_has_not_swallowed_it(tmp_path: Path, how: str) -> None:
    run = run_of(asked_in_vain(recap(ok=2, ignored=1, **{how: 1})), tmp_path, FakeHost())
    assert "swallowed" not in kinds(run)


def test_survivors_are_found_on_a_host_that_did_not_answer_when_the_run_ended(tmp_path: Path) -> None:
    escaped = process(30, sid=30, args=("sleep", "300"), job="token-of-j1.1")
    host = FakeHost({FILE: TIMED_OUT}, [escaped], silent=True)
    run = run_of(LAUNCHED, tmp_path, host)
    assert run.jobs[0].outcome is Outcome.UNREACHABLE
    host.silent = False
    assert run.jobs[0].wait().outcome is Outcome.TIMED_OUT
    assert kinds(run) == ["survivors"]


@pytest.mark.parametrize(("silent", "found"), [(True, ["uncollected"]), (False, [])])
def test_only_a_host_that_answers_can_say_that_a_launch_without_an_answer_left_no_job(
    tmp_path: Path, *, silent: bool, found: list[str]
) -> None:
    launching = job_launched(None, event="job_launching", file_prefix="/jobs/j7.")
    findings = run_of([task_started(), launching], tmp_path, FakeHost(silent=silent)).findings
    assert [finding.kind for finding in findings] == found
    assert all("and whether it runs is not known: host1 is frozen" in finding.what for finding in findings)


@pytest.mark.parametrize(("now", "found"), [(5.0, []), (15.0, ["left_behind"])])
def test_a_job_file_that_is_there_after_a_cleanup_was_written_anew(
    tmp_path: Path, now: float, found: list[str]
) -> None:
    """A folder that was seen before the cleanup says nothing."""
    erased = event("job_erased", 101.0, jid="j1.1", task_id="t2", host="host1")  # at playbook second 10
    host = FakeHost({FILE: job_file({"rc": 0})}, folders={"/root/.ansible_async": ["j1.1"]}, now=now)
    assert kinds(run_of([*LAUNCHED, erased], tmp_path, host)) == found


@pytest.mark.parametrize(("launched", "found"), [(101.5, True), (102.5, False)])
def test_jobs_of_the_next_play_do_not_count_for_the_batches_of_one(
    tmp_path: Path, launched: float, *, found: bool
) -> None:
    """The first play has two batches, the second one begins at 102."""
    plays = [event("play_started", 100.0 + n, play="p", play_id=str(n // 2), hosts=["all"]) for n in range(3)]
    jobs = [job_launched("j1.1", 100.5), job_launched("j2.2", launched)]
    host = FakeHost(processes=[process(job="token-of-j1.1")])
    events = sorted([*plays, *jobs], key=lambda event: event["at"])
    assert ("overlapped" in kinds(run_of(events, tmp_path, host))) is found


@pytest.mark.parametrize(("poll", "found"), [(0, ["relaunched"]), (1, [])])
def test_only_a_task_that_does_not_wait_for_its_jobs_launches_them_anew(
    tmp_path: Path, poll: int, found: list[str]
) -> None:
    tried: dict[str, Any] = {"poll": poll, "until": True}
    tries = [job_launched(jid, **tried) for jid in ("j1.1", "j2.2")]
    host = FakeHost({launched["results_file"]: job_file({"rc": 0}) for launched in tries})
    polls = [job_polled(jid, finished=True) for jid in ("j1.1", "j2.2")]
    assert kinds(run_of([task_started(), *tries, *polls, result()], tmp_path, host)) == found
