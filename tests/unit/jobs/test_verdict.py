"""What a job is, judged by its file, its processes and what the play was told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pytest_bgasync.jobs.launches import Look, Poll, fold
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.jobs.verdict import (
    MUCH,
    EndedGroup,
    JobFile,
    Process,
    Verdict,
    attributed,
    gave_up,
    judge,
    payload,
    size_of,
    writing,
)
from tests.unit.made import CLOCK, job_file, job_launched, job_polled, launch, process, result, task_started

STARTED = {"started": 1, "finished": 0, "ansible_job_id": "j1.1"}
NOW = 50.0
COMMAND = ("sleep", "60")


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        ({"rc": 0, "changed": True}, Outcome.SUCCEEDED),
        ({"changed": True}, Outcome.SUCCEEDED),
        ({"rc": None}, Outcome.SUCCEEDED),
        ({"failed": False, "rc": 0}, Outcome.SUCCEEDED),
        ({"rc": 3}, Outcome.FAILED),
        ({"failed": True, "rc": 0}, Outcome.FAILED),
        ({"failed": 1, "cmd": "/module", "msg": "Traceback", "stderr": "boom"}, Outcome.FAILED),
        *(
            ({"msg": "Timeout exceeded", "child_pid": 7, **shape}, Outcome.TIMED_OUT)
            for shape in (
                {"failed": 1},
                {"failed": 1, "rc": None},
                {"failed": True, "started": True, "finished": True, "ansible_job_id": "j1.1"},
            )
        ),
        ({"failed": True, "msg": "Timeout exceeded", "rc": 1}, Outcome.FAILED),
        ({"failed": True, "msg": "no such child", "child_pid": 7}, Outcome.FAILED),
        ({"started": True, "rc": 0}, Outcome.SUCCEEDED),
        ({"started": 1, "finished": 0, "rc": 2}, Outcome.FAILED),
        ({**STARTED, "ansible_job_id": "j2.2", "state": "started"}, Outcome.SUCCEEDED),
    ],
)
def test_a_result_in_the_job_file_decides_even_while_the_runner_is_about_to_go(
    data: dict[str, Any], outcome: Outcome
) -> None:
    assert judge(launch(), job_file(data, written=7), [process()], NOW) == Verdict(outcome, data, 7)


UNFINISHED: dict[Any, str] = {
    json.dumps(STARTED): "says no more than that it has started",
    json.dumps({**STARTED, "killed": True}): "says no more than that it has started",
    "": "is empty",
    '{"rc": 0, "std': "holds no result",
    "[]": "holds no result",
    "null": "holds no result",
    "\x00\x00": "holds no result",
    "[" * 100_000: "holds no result",
}


@pytest.mark.parametrize("content", UNFINISHED)
def test_without_a_result_a_job_runs_as_long_as_its_runner_does(content: Any) -> None:
    assert judge(launch(), job_file(content), [process()], NOW) == Verdict(Outcome.RUNNING, {})


@pytest.mark.parametrize(("content", "state"), UNFINISHED.items())
def test_without_a_result_and_a_runner_a_job_is_lost_as_of_now(content: Any, state: str) -> None:
    msg = f"its job file {state}, and no process is left that could write a result"
    assert judge(launch(), job_file(content, written=7), [], NOW) == Verdict(Outcome.LOST, {"msg": msg}, NOW)


def test_what_is_no_file_in_the_place_of_the_job_file_is_told() -> None:
    verdict = judge(launch(), replace(job_file(""), regular=False), [], NOW)
    assert verdict.outcome is Outcome.LOST
    assert verdict.data["msg"].startswith("what lies in the place of its job file is no regular file, and no process")


def test_a_job_whose_file_was_removed_while_it_was_at_work_runs() -> None:
    assert judge(launch(), None, [process()], NOW).outcome is Outcome.RUNNING


def test_a_job_without_file_and_process_is_lost_as_of_now() -> None:
    msg = "its job file is gone, and no process is left that could write a result"
    assert judge(launch(), None, [], NOW) == Verdict(Outcome.LOST, {"msg": msg}, NOW)


@pytest.mark.parametrize(
    ("left", "outcome"),
    [
        pytest.param(process(11, pgid=9), Outcome.LOST, id="the supervisor lingers"),
        pytest.param(process(11, pgid=9, age=12.0), Outcome.RUNNING, id="the supervisor ends it at its limit"),
        pytest.param(process(11, pgid=9, age=12.0, state="Z"), Outcome.LOST, id="the supervisor is a zombie"),
        pytest.param(process(state="Z"), Outcome.LOST, id="the runner is a zombie"),
        pytest.param(process(state="X"), Outcome.LOST, id="the runner is dead"),
        pytest.param(process(state="T"), Outcome.RUNNING, id="the runner is frozen"),
        pytest.param(process(job="another"), Outcome.LOST, id="the runner of another job"),
        pytest.param(process(job=None), Outcome.LOST, id="a process of no job"),
        pytest.param(process(args=COMMAND), Outcome.LOST, id="only the command is left"),
    ],
)
def test_only_a_living_runner_of_its_own_keeps_a_job_running(left: Process, outcome: Outcome) -> None:
    assert judge(launch(), job_file(STARTED), [left], NOW).outcome is outcome


@pytest.mark.parametrize(
    ("file", "age", "outcome"),
    [
        (None, 2.0, Outcome.RUNNING),
        (None, 4.0, Outcome.LOST),
        (replace(job_file(STARTED), age=0.3), 2.0, Outcome.RUNNING),
        (replace(job_file(STARTED), age=2.0), 2.0, Outcome.LOST),
    ],
)
def test_a_wrapper_that_was_seen_before_it_wrote_the_file_or_just_after_may_yet_become_the_runner(
    file: JobFile | None, age: float, outcome: Outcome
) -> None:
    assert judge(launch(), file, [process(11, pgid=9, age=age)], NOW).outcome is outcome


@pytest.mark.parametrize(
    ("poll", "outcome"),
    [
        (Poll(9, finished=True, failed=False, timed_out=False), Outcome.SUCCEEDED),
        (Poll(9, finished=True, failed=True, timed_out=False), Outcome.FAILED),
        (Poll(9, finished=True, failed=True, timed_out=True), Outcome.TIMED_OUT),
    ],
)
@pytest.mark.parametrize("file", [None, job_file("")])
@pytest.mark.parametrize("processes", [[], [process()]])
def test_after_the_cleanup_what_the_play_was_told_counts(
    poll: Poll, outcome: Outcome, file: JobFile | None, processes: list[Process]
) -> None:
    asked = Poll(8, finished=False, failed=False, timed_out=False)
    told = launch(poll=1, polls=[asked, poll], reported={"rc": 4})
    assert judge(told, file, processes, NOW) == Verdict(outcome, {"rc": 4}, 9)


TIMEOUT = {"failed": True, "msg": "Timeout exceeded", "child_pid": 7, "finished": 1, "ansible_job_id": "j1.1"}


@pytest.mark.parametrize(
    "returned",
    [
        TIMEOUT,
        {**TIMEOUT, "finished": True},  # from 2.19 on
        {"failed": True, "msg": "async task produced unparsable results", "async_result": TIMEOUT},  # 2.21
        {"failed": True, "msg": "async task did not complete within the requested time - 12s", "async_result": TIMEOUT},
    ],
)
@pytest.mark.parametrize("polled", [True, False])
def test_a_timeout_is_one_however_the_task_that_waits_returns_it(returned: dict[str, Any], *, polled: bool) -> None:
    asked = [job_polled(), *([job_polled(finished=True, failed=True, timed_out=True)] if polled else [])]
    (waited,) = fold([task_started(), job_launched(poll=2), *asked, result(returned, "failed")], CLOCK)
    # The file goes with the answer; without one it is there still.
    file = None if polled else job_file({name: TIMEOUT[name] for name in ("failed", "msg", "child_pid")})
    assert (waited.ended_task, waited.collected, gave_up(waited)) == (True, polled, not polled)
    assert judge(waited, file, [], NOW).outcome is Outcome.TIMED_OUT


def test_polls_that_never_saw_the_end_tell_nothing() -> None:
    asked = Poll(8, finished=False, failed=False, timed_out=False)
    assert judge(launch(polls=[asked]), None, [], NOW).outcome is Outcome.LOST


def test_a_look_is_believed_once_the_file_has_gone() -> None:
    look = Look(8, finished=True, failed=True, timed_out=False, task="Look", action="own", file=True)
    looked = launch(looks=[look], reported={"finished": True, "rc": 3})
    assert judge(looked, None, [], NOW) == Verdict(Outcome.FAILED, {"finished": True, "rc": 3}, 8)
    assert judge(looked, None, [process()], NOW).outcome is Outcome.RUNNING
    assert judge(looked, job_file(STARTED), [], NOW).outcome is Outcome.LOST
    assert judge(looked, job_file({"rc": 0}), [], NOW).outcome is Outcome.SUCCEEDED


def test_a_job_that_got_no_id_was_never_reached() -> None:
    unreached = launch(jid=None, results_file=None, launched_at=3.0)
    assert judge(unreached, None, [], NOW) == Verdict(Outcome.UNREACHABLE, {}, 3.0)


def test_the_payload_is_the_module_and_its_living_commands_oldest_first() -> None:
    module = process(20, args=("python3", "command.py"), started_at=1.0)
    child = process(18, args=COMMAND, started_at=2.0)
    others = [
        process(19, args=COMMAND, state="Z"),
        process(21, args=COMMAND, job="another"),
        process(22, args=COMMAND, job=None),
    ]
    assert payload([child, process(10), *others, module], "token") == [module, child]


def command(pid: int, **fields: Any) -> Process:
    """Return a process without a mark, the child of none, in a session and group of its own."""
    return process(pid, **{"ppid": 1, "sid": pid, "args": COMMAND, "job": None, **fields})


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(command(30, sid=5), id="in the session of a marked process"),
        pytest.param(command(30, pgid=10), id="in the process group of a marked process"),
        pytest.param(command(30, ppid=10), id="started by a marked process"),
        pytest.param(command(30, ppid=31), id="started by what is in the session of a marked process"),
    ],
)
def test_what_has_lost_its_mark_is_known_by_its_place(other: Process) -> None:
    seen = attributed([process(10), command(31, sid=5), other])
    assert [p.job for p in seen] == ["token"] * 3


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(command(30), id="on its own"),
        pytest.param(command(30, sid=5, task="t2"), id="of another task"),
        pytest.param(command(30, sid=5, job="another"), id="of another job"),
        pytest.param(command(30, ppid=2), id="a child of another"),
    ],
)
def test_what_is_not_in_a_place_of_the_job_is_not_the_jobs(other: Process) -> None:
    init, shell = command(1, ppid=0), command(2)
    assert attributed([init, shell, process(10), other])[3] == other


def test_the_session_in_which_a_job_is_launched_is_not_the_jobs() -> None:
    shell, launcher = command(8), process(9, ppid=8, pgid=8, sid=8)
    assert [p.job for p in attributed([shell, launcher, command(30, sid=8)])] == [None, "token", None]


def test_a_leader_that_has_ended_keeps_its_group_for_the_job() -> None:
    leader = command(10, state="Z", pgid=10, sid=10)
    marked, unmarked = process(11, pgid=10, sid=10), command(30, pgid=10, sid=10)
    assert [p.job for p in attributed([leader, marked, unmarked])][1:] == ["token", "token"]


@pytest.mark.parametrize(("born", "job"), [(20.0, "token"), (31.0, None)])
def test_the_process_group_that_was_ended_at_the_limit_is_the_jobs_but_not_one_that_got_its_number_later(
    born: float, job: str | None
) -> None:
    (seen,) = attributed([command(30, pgid=7, started_at=born)], [EndedGroup("token", 7, 30.0)])
    assert seen.job == job


def test_a_controller_gave_up_when_its_waiting_task_ended_without_having_seen_the_end() -> None:
    asked = Poll(8, finished=False, failed=False, timed_out=False)
    ended = Poll(9, finished=True, failed=False, timed_out=False)
    assert gave_up(launch(poll=1, ended_task=True, polls=[asked]))
    assert not gave_up(launch(poll=1, ended_task=True, polls=[asked, ended]))
    assert not gave_up(launch(poll=1, ended_task=False, polls=[asked]))
    assert not gave_up(launch(poll=0, ended_task=True, polls=[asked]))


def test_an_outcome_is_equal_to_its_lower_case_name() -> None:
    assert [str(outcome) for outcome in Outcome] == [outcome.name.lower() for outcome in Outcome]
    assert Outcome("timed_out") is Outcome.TIMED_OUT


@pytest.mark.parametrize(("written", "ended"), [(7.0, 7.0), (None, 20.0), (21.0, 20.0)])
def test_a_cleaned_job_ended_when_its_wrapper_wrote(written: float | None, ended: float) -> None:
    """It cannot have been after the play was told; the clocks of two machines are never quite the same."""
    told = launch(polls=[Poll(20.0, finished=True, failed=False, timed_out=False)])
    seen = judge(told, None, [], NOW, written)
    assert (seen.outcome, seen.ended) == (Outcome.SUCCEEDED, ended)


def test_a_note_without_a_result_is_no_end() -> None:
    seen = judge(launch(), job_file(STARTED), [], NOW, written=3.0)
    assert (seen.outcome, seen.ended) == (Outcome.LOST, NOW)


@pytest.mark.parametrize(("size", "said"), [(1 << 20, "1.0 MiB"), (5 << 42, "20480.0 GiB")])
def test_a_large_file_without_a_result_is_described(size: int, said: str) -> None:
    file = JobFile("\0" * 1000, 7.0, "root", size=size)
    seen = judge(launch(), file, [], NOW)
    assert size_of(size) == said
    assert seen.data["msg"].startswith(f"its job file holds no result, but {said} that begin with '\\x00\\x00")
    assert len(seen.data["msg"]) < 350


def test_only_much_output_matters() -> None:
    assert writing([process(wrote=MUCH - 1)]) == 0
    assert writing([process(wrote=MUCH - 1), process(wrote=MUCH + 5)]) == MUCH + 5
    assert writing([]) == 0
