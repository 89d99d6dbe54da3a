"""What a test can do to a job that is running."""

from __future__ import annotations

import json
import signal
import time

import pytest

from pytest_bgasync import BgasyncError, Job, JobDeadline, Lab, Outcome
from pytest_bgasync.engine.container import Container
from pytest_bgasync.hosts.snapshot import take_census
from pytest_bgasync.jobs.host_snapshot import Census, Question
from pytest_bgasync.jobs.verdict import Process, payload
from pytest_bgasync.util.clock import Deadline, HostClock

pytestmark = pytest.mark.bgasync(time_scale=0.01, strict=False)


def launched(bgasync: Lab, command: str, limit: int = 60000) -> Job:
    run = bgasync.run_text(f"""
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.shell: {command!r}
      async: {limit}
      poll: 0
""")
    return run.job("Work")


def test_kill_ends_the_command_and_the_module_reports_it(bgasync: Lab) -> None:
    job = launched(bgasync, "exec sleep 1000")
    # kill() tells a module without commands by its age, which a busy machine may let pass before the command is there.
    assert Deadline(30).wait_for(lambda: any(p.args[0] == "sleep" for p in bgasync.host.processes()))
    job.kill()
    assert job.wait().outcome is Outcome.FAILED
    assert job.rc == -signal.SIGKILL
    with pytest.raises(BgasyncError, match="is not running"):
        job.kill()


def test_a_command_may_answer_the_signal_it_is_sent(bgasync: Lab) -> None:
    job = launched(bgasync, "trap 'echo asked to stop; exit 5' TERM; touch /tmp/ready; while :; do sleep 0.1; done")
    assert Deadline(30).wait_for(lambda: bgasync.host.run("test -e /tmp/ready").rc == 0)
    job.kill(signal.SIGTERM)
    assert (job.wait().rc, job.stdout) == (5, "asked to stop")


def test_a_frozen_job_does_nothing_until_it_is_thawed(bgasync: Lab) -> None:
    job = launched(bgasync, "sleep 1; echo done")
    job.freeze()
    states = {process.state for process in bgasync.host.processes() if process.job and not process.is_wrapper}
    assert states == {"T"}
    with pytest.raises(JobDeadline, match="still running after 200 playbook seconds"):
        job.wait(within=200)
    job.thaw()
    assert (job.wait().outcome, job.stdout) == (Outcome.SUCCEEDED, "done")


def test_a_frozen_job_is_still_ended_at_its_limit(bgasync: Lab) -> None:
    def in_group_of_runner(job: Job) -> bool:
        """Say whether the module is where it belongs, and not with the supervisor, which would be hung up with it."""
        seen: list[Process] = []

        def begun() -> list[Process]:
            seen[:] = bgasync.host.processes()
            return payload(seen, job.token)

        assert Deadline(10).wait_for(begun)
        module = payload(seen, job.token)[0]
        return any(p.is_wrapper and p.pid == p.pgid == module.pgid != p.sid for p in seen)

    job = next(job for _ in range(5) if in_group_of_runner(job := launched(bgasync, "sleep 4", limit=500)))
    job.freeze()
    assert job.wait().outcome is Outcome.TIMED_OUT


def test_a_lost_job_has_no_process_and_never_a_result(bgasync: Lab) -> None:
    job = launched(bgasync, "sleep 1000")
    job.lose()
    assert (job.outcome, job.rc, job.survivors) == (Outcome.LOST, None, [])
    assert set(json.loads(bgasync.host.read(str(job.results_file)))) == {"started", "finished", "ansible_job_id"}
    assert not [process for process in bgasync.host.processes() if process.job]


def test_a_job_whose_runner_was_killed_is_lost_although_its_command_goes_on(bgasync: Lab) -> None:
    job = launched(bgasync, "sleep 1000")
    bgasync.host.run("pkill -KILL -f async_wrapper")
    assert job.wait().outcome is Outcome.LOST
    assert "sleep 1000" in {process.command for process in job.survivors}


def test_survivors_of_a_timeout_are_found_in_whatever_session_they_hide(bgasync: Lab) -> None:
    job = launched(bgasync, "setsid -f sleep 1000; sleep 1001", limit=500)
    assert job.wait().outcome is Outcome.TIMED_OUT
    # Ansible's kill may miss the others as well, now and then; this one always.
    (survivor,) = (process for process in job.survivors if process.command == "sleep 1000")
    assert survivor.alive
    assert survivor.sid == survivor.pid


@pytest.mark.parametrize("content", ["", "{half a", '{"started": 1, "finished": 0, "ansible_job_id": "j"}'])
def test_a_job_file_that_says_nothing_leaves_the_processes_to_speak(bgasync: Lab, content: str) -> None:
    job = launched(bgasync, "sleep 1000")
    bgasync.host.put(str(job.results_file), content)
    assert job.outcome == "running"
    job.lose()
    assert job.outcome == "lost"


@pytest.mark.parametrize(
    ("make", "state"),
    [
        ("mkfifo", "is no regular file"),
        ("mkdir", "is no regular file"),
        ("ln -s /dev/zero", "is no regular file"),
        ("ln -s /nowhere", "its job file is gone"),
    ],
)
def test_what_lies_in_the_place_of_a_job_file_holds_nobody(bgasync: Lab, make: str, state: str) -> None:
    began = time.monotonic()
    run = bgasync.run_text(f"""
- hosts: all
  gather_facts: false
  vars: {{file: "{{{{ job.results_file }}}}"}}
  tasks:
    - {{name: Work, command: "true", async: 6000, poll: 0, register: job}}
    - name: Spoil
      shell: "until grep -q rc {{{{ file }}}}; do sleep 0.1; done; rm {{{{ file }}}}; {make} {{{{ file }}}}"
""")
    job = run.job("Work").wait()  # its wrapper may be there for a moment more
    assert job.outcome is Outcome.LOST
    assert state in job.msg
    assert time.monotonic() - began < 30


@pytest.mark.thorough
def test_waiting_takes_few_round_trips_and_ends_with_the_process(bgasync: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def counted(container: Container, clock: HostClock, question: Question) -> Census:
        asked.append(question.wait)
        return take_census(container, clock, question)

    monkeypatch.setattr("pytest_bgasync.hosts.host.take_census", counted)
    quick = launched(bgasync, "sleep 4")
    asked.clear()
    assert quick.wait().outcome is Outcome.SUCCEEDED
    assert len(asked) <= 4
    timed_out = launched(bgasync, "sleep 100", limit=600)
    asked.clear()
    assert timed_out.wait().outcome is Outcome.TIMED_OUT
    assert len(asked) <= 4
    without_its_runner = "sleep 5.7; kill -9 $(ps -o ppid= $PPID); exec sleep 1000"
    late = launched(bgasync, without_its_runner, limit=600)
    asked.clear()
    assert late.wait().outcome is Outcome.LOST
    assert len(asked) <= 4
    lost = launched(bgasync, "sleep 3; pkill -9 -f [a]sync_wrapper; exec sleep 1000")
    asked.clear()
    assert lost.wait().outcome is Outcome.LOST  # long before its limit
    assert len(asked) <= 4
