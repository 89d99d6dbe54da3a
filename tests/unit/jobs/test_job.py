"""A background job, looked at on a host that says what it is told to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from pytest_bgasync.jobs.host_snapshot import Census, Question
from pytest_bgasync.jobs.job import HIDDEN, Job, Jobs, take_stock
from pytest_bgasync.jobs.launches import Poll
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.jobs.verdict import Process
from pytest_bgasync.util.errors import Ambiguous, BgasyncError, HostProblem, JobDeadline, NotRunning, NotThere
from tests.unit.made import CLOCK, FakeHost, job_file, launch, process

MODULE = process(20, args=("python3", "command.py"), started_at=1.0)
COMMAND = process(21, args=("sleep", "60"), started_at=2.0)


def ended(data: dict[str, Any], **fields: Any) -> tuple[Job, FakeHost]:
    host = FakeHost({"/job": job_file(data, written=30.0)})
    return Job(launch(**fields), host, CLOCK), host


def test_a_job_is_what_its_host_says_and_is_not_asked_for_again_once_it_has_ended() -> None:
    job, host = ended({"rc": 3, "stdout": "out", "stderr": "err", "msg": "no", "changed": True}, launched_at=10.0)
    assert (job.outcome, job.rc, job.stdout, job.stderr, job.msg, job.changed) == (
        Outcome.FAILED, 3, "out", "err", "no", True,
    )  # fmt: skip
    assert (job.finished_at, job.elapsed) == (30.0, 20.0)
    host.files.clear()
    assert job.outcome is Outcome.FAILED
    assert host.asked == 1


def test_a_running_job_is_looked_at_anew() -> None:
    host = FakeHost(processes=[process()])
    job = Job(launch(), host, CLOCK)
    assert (job.outcome, job.finished_at, job.elapsed) == (Outcome.RUNNING, None, 50.0)
    host.files["/job"] = job_file({"rc": 0})
    assert job.outcome is Outcome.SUCCEEDED


def test_a_job_is_lost_for_good_once_it_has_looked_so_for_a_second() -> None:
    host = FakeHost(now=50.0)
    job = Job(launch(), host, CLOCK)
    assert job.outcome is Outcome.LOST
    host.processes, host.now = [process()], 55.0
    assert (job.outcome, job.finished_at) == (Outcome.RUNNING, None)
    host.processes = []
    assert (job.outcome, job.finished_at) == (Outcome.LOST, 55.0)
    host.silent, host.now = True, 70.0
    assert job.outcome is Outcome.LOST
    host.silent = False
    assert (job.outcome, job.finished_at) == (Outcome.LOST, 55.0)
    host.files["/job"] = job_file({"rc": 0})
    assert job.outcome is Outcome.LOST


def test_a_closed_job_keeps_what_was_seen_last() -> None:
    host = FakeHost(processes=[process()])
    job = Job(launch(), host, CLOCK)
    assert job.outcome is Outcome.RUNNING
    job.close()
    host.files["/job"] = job_file({"rc": 0})
    assert job.outcome is Outcome.RUNNING


def test_no_log_hides_what_a_job_wrote_but_not_how_it_ended() -> None:
    job, _ = ended({"rc": 3, "stdout": "secret", "stderr": "secret", "msg": "secret"}, no_log=True)
    assert (job.outcome, job.rc, job.stdout, job.stderr, job.msg) == (Outcome.FAILED, 3, "", "", HIDDEN)
    assert "secret" not in repr(job)


def test_a_job_on_a_machine_outside_the_scenario_is_unreachable() -> None:
    job = Job(launch(machine="elsewhere"), None, CLOCK)
    assert (job.outcome, job.msg) == (Outcome.UNREACHABLE, "'elsewhere' is no host of the scenario")


def test_what_the_play_was_told_of_a_job_holds_when_its_host_goes() -> None:
    told = Poll(9, finished=True, failed=True, timed_out=False)
    job = Job(launch(poll=1, polls=[told], reported={"rc": 4}), None, CLOCK)
    assert (job.outcome, job.rc, job.finished_at) == (Outcome.FAILED, 4, 9)


def test_a_job_whose_launch_was_not_answered_gets_its_id_from_its_file() -> None:
    file = replace(job_file({"rc": 3}), path="/jobs/j7.33")
    job = Job(launch(jid=None, results_file=None, file_prefix="/jobs/j7."), FakeHost({"/jobs/j7.": file}), CLOCK)
    assert (job.outcome, job.rc, job.jid, job.results_file) == (Outcome.FAILED, 3, "j7.33", "/jobs/j7.33")


def test_waiting_for_a_job_that_does_not_end_says_which_and_how_long() -> None:
    job = Job(launch(label="a", item="a"), FakeHost(processes=[process()]), CLOCK)
    with pytest.raises(JobDeadline, match=r"'Start it' on host1 \(item a\) \(j1\.1\) is still running after 1 play"):
        job.wait(within=1)


def test_kill_ends_the_command_and_leaves_the_module_to_report_it() -> None:
    host = FakeHost(processes=[process(), MODULE, COMMAND])
    Job(launch(), host, CLOCK).kill(signal.SIGTERM)
    assert host.signals == [(signal.SIGTERM, [21])]


def test_a_module_without_a_command_gets_the_signal_itself() -> None:
    host = FakeHost(processes=[process(), MODULE])
    Job(launch(), host, CLOCK).kill()
    assert host.signals == [(signal.SIGKILL, [20])]


class ObeyingHost(FakeHost):
    """Its processes do what they are sent; a command is forked while the others are stopped."""

    def send_signal(self, sent: int, processes: Iterable[Process]) -> None:
        stopped = [one.pid for one in processes]
        super().send_signal(sent, processes)
        self.processes = [
            replace(one, state="T" if sent == signal.SIGSTOP else "S") if one.pid in stopped else one
            for one in self.processes
        ]
        if COMMAND not in self.processes and len(self.signals) == 1:
            self.processes.append(COMMAND)


def test_freezing_stops_the_module_and_its_commands_but_not_the_wrapper() -> None:
    host = ObeyingHost(processes=[process(), MODULE])
    job = Job(launch(), host, CLOCK)
    job.freeze()
    assert host.signals == [(signal.SIGSTOP, [20]), (signal.SIGSTOP, [21])]
    host.signals.clear()
    job.thaw()
    # The module first: Ansible may miss what a command says while nobody listens.
    assert host.signals == [(signal.SIGCONT, [20]), (signal.SIGCONT, [21])]


@pytest.mark.parametrize("deed", [Job.kill, Job.freeze, Job.thaw, Job.lose])
def test_nothing_can_be_done_to_a_job_that_has_ended(deed: Any) -> None:
    job, host = ended({"rc": 0})
    with pytest.raises(BgasyncError, match="is not running, so nothing can be done to it"):
        deed(job)
    assert host.signals == []


@pytest.mark.parametrize("deed", [Job.kill, Job.freeze, Job.thaw, Job.lose])
def test_what_cannot_be_done_to_a_job_because_of_its_host_is_told_so(
    deed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = FakeHost(processes=[process(), MODULE])

    def silent(_: Question) -> Census:
        raise HostProblem("host host1 is isolated from its networks")

    monkeypatch.setattr(host, "census", silent)
    with pytest.raises(NotRunning, match=r"nothing can be done to job .*: host host1 is isolated"):
        deed(Job(launch(), host, CLOCK))


def test_ctrl_c_does_not_wait_for_the_answers_of_hosts() -> None:
    over, answered = threading.Event(), threading.Event()

    class Slow(FakeHost):
        def census(self, question: Question) -> Census:
            over.wait(10)
            answered.set()
            return super().census(question)

    class Interrupted(FakeHost):
        def census(self, _: Question) -> Census:
            raise KeyboardInterrupt

    hosts = {"host1": Interrupted(), "host2": Slow()}
    try:
        with pytest.raises(KeyboardInterrupt):
            take_stock([Job(launch(machine=name), host, CLOCK) for name, host in hosts.items()], wait=60)
        assert not answered.is_set()
    finally:
        over.set()


def jobs() -> Jobs:
    return Jobs(
        [
            ended({"rc": 0}, host="host1", item=1, label="one", collected=True)[0],
            ended({"rc": 1}, host="host2", item=2, label="two")[0],
            ended({"rc": 0}, task="Other", full_name="role : Other")[0],
        ]
    )


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ({}, [0, 1, 2]),
        ({"task": "Start it"}, [0, 1]),
        ({"task": "role : Start it", "host": "host2"}, [1]),
        ({"item": "two"}, [1]),
        ({"item": 1}, [0]),
        ({"outcome": Outcome.FAILED}, [1]),
        ({"outcome": "succeeded", "collected": False}, [2]),
        ({"collected": True}, [0]),
        ({"host": "host3"}, []),
    ],
)
def test_where_keeps_the_jobs_that_fit_all_that_is_given(wanted: dict[str, Any], places: list[int]) -> None:
    all_jobs = jobs()
    assert list(all_jobs.where(**wanted)) == [all_jobs[place] for place in places]


def test_one_job_is_returned_and_two_or_none_are_errors_that_list_what_there_is() -> None:
    assert jobs().one("Start it", host="host2").item == 2
    with pytest.raises(Ambiguous, match=r"2 jobs fit 'Start it', say host= or item=:\n.*item one.*\n.*item two"):
        jobs().one("Start it")
    with pytest.raises(NotThere, match=r"no background job 'Nope'; there are: \n.*one.*\n.*two.*\n.*'Other'"):
        jobs().one("Nope")
    with pytest.raises(NotThere, match="there are: nothing"):
        Jobs().one("Start it")
