"""start(), pause_before, wait_for and resume: exact points in a play."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, NotThere, Outcome, PlaybookDeadline, UsageProblem
from pytest_bgasync.util.clock import Deadline

pytestmark = pytest.mark.bgasync(time_scale=0.05)

PLAY = """
- hosts: all
  gather_facts: false
  strategy: %s
  tasks:
    - name: Launch
      ansible.builtin.command: sleep 60
      async: 600
      poll: 0
      register: job
    - name: Ask
      ansible.builtin.async_status: {jid: "{{ job.ansible_job_id }}"}
      register: answer
      until: answer is finished
      retries: 100
      delay: 5
      ignore_errors: true
    - name: Report
      ansible.builtin.command: touch /tmp/reported
"""


def test_the_jobs_of_a_playbook_that_is_running_are_those_of_the_test(bgasync: Lab) -> None:
    bgasync.host.stub("sleep", takes=1)
    with bgasync.start_text(PLAY % "linear", pause_before=["Ask"]) as running:
        running.wait_for("Ask")
        (job,) = bgasync.jobs
        assert job is running.jobs[0]
        assert list(bgasync.host.jobs()) == [job]
        running.resume()
    assert list(bgasync.jobs) == [job]


def test_a_play_that_nobody_waits_for_is_stopped_at_its_deadline(bgasync: Lab) -> None:
    endless = "[{hosts: all, gather_facts: false, tasks: [{name: Endless, command: sleep 3600}]}]"
    running = bgasync.start_text(endless, deadline=5)
    assert Deadline(30).wait_for(lambda: running.ended)
    with pytest.raises(PlaybookDeadline, match="was stopped at its deadline of 5 s while it was at the task 'Endless'"):
        running.wait()
    assert 5 <= bgasync.runs[0].wall < 30
    assert not bgasync.runs[0].ok


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_deadline_may_be_as_far_away_as_a_number_can_be(bgasync: Lab) -> None:
    assert bgasync.run_text("[{hosts: all, gather_facts: false, tasks: [{ping: }]}]", deadline=1e300).ok


@pytest.mark.parametrize(
    "strategy",
    [
        "linear",
        pytest.param("free", marks=pytest.mark.thorough),
        pytest.param("host_pinned", marks=pytest.mark.thorough),
    ],
)
@pytest.mark.bgasync(hosts=2)
def test_a_play_stands_still_before_a_task_until_it_is_resumed(bgasync: Lab, strategy: str) -> None:
    with bgasync.start_text(PLAY % f"ansible.builtin.{strategy}", pause_before=["Ask", "Report"]) as running:
        running.wait_for("Ask")
        assert running.paused == "Ask"
        assert running.jobs
        assert not any(job.polls for job in running.jobs)
        running.resume()
        running.wait_for("Launch")  # long past
        for job in running.jobs:
            job.kill()
        running.wait_for("Report")
        assert all(bgasync.hosts[name].run("test -e /tmp/reported").rc == 1 for name in ("host1", "host2"))
        running.resume()
        run = running.wait()
    assert run.ok
    assert [job.outcome for job in run.jobs] == [Outcome.FAILED, Outcome.FAILED]
    assert all(job.collected and job.rc == -9 for job in run.jobs)
    assert running.wait() is run
    assert running.jobs is run.jobs


@pytest.mark.bgasync(strict=False)
def test_a_play_that_is_not_resumed_is_stopped_and_the_test_told(bgasync: Lab) -> None:
    running = bgasync.start_text(PLAY % "linear", pause_before=["Ask"])
    with pytest.raises(UsageProblem, match="was paused before the task 'Ask', so it could not come to its end"):
        running.wait()
    assert running.ended
    assert [job.outcome for job in running.jobs] == [Outcome.RUNNING]
    running.jobs[0].kill()


def test_what_is_asked_of_a_running_play_that_cannot_be(bgasync: Lab) -> None:
    text = "[{hosts: all, gather_facts: false, tasks: [{name: One, command: 'true'}, {name: Two, command: 'true'}]}]"
    with bgasync.start_text(text, pause_before=["Two"]) as running:
        with pytest.raises(UsageProblem, match="paused before the task 'Two' and cannot come to 'Three'"):
            running.wait_for("Three")
        running.resume()
        with pytest.raises(NotThere, match="did not come to the task 'Three'; it came to:"):
            running.wait_for("Three")
        with pytest.raises(UsageProblem, match="it has ended"):
            running.resume()
    with pytest.raises(UsageProblem, match="pauses nowhere"):
        bgasync.start_text(text).resume()
    with pytest.raises(UsageProblem, match=r"pause_before=: .*'Tow'"):
        bgasync.start_text(text, pause_before=["Tow"]).wait()
    with pytest.raises(UsageProblem, match="pause_before= is a list of names of tasks"):
        bgasync.start_text(text, pause_before="Two")
    endless = "[{hosts: all, gather_facts: false, tasks: [{name: One, command: sleep 99}]}]"
    with pytest.raises(PlaybookDeadline, match=r"deadline of 4 s while it was at the task 'One'") as stopped:
        bgasync.start_text(endless, deadline=4).wait_for("Two")
    assert [event["task"] for event in stopped.value.run.events if event["event"] == "task_started"] == ["One"]


@pytest.mark.bgasync(hosts=2)
def test_a_play_stops_in_each_batch_and_at_handlers(bgasync: Lab) -> None:
    text = """
- hosts: all
  gather_facts: false
  serial: 1
  tasks:
    - name: Change
      ansible.builtin.command: "true"
      notify: Tell
  handlers:
    - name: Tell
      ansible.builtin.command: touch /tmp/told
"""
    with bgasync.start_text(text, pause_before=["Tell"]) as running:
        for name in ("host1", "host2"):
            running.wait_for("Tell")
            assert bgasync.hosts[name].run("test -e /tmp/told").rc == 1
            running.resume()
    assert running.wait().ok


def test_a_task_of_a_role_may_be_waited_for_by_either_name(bgasync: Lab) -> None:
    text = "[{hosts: all, gather_facts: false, roles: [backup]}]"
    first = "Dump in the role"
    for named, waited in ((first, f"backup : {first}"), (f"backup : {first}", first)):
        with bgasync.start_text(text, pause_before=[named]) as running:
            running.wait_for(waited)
            assert running.paused == named
            running.stop()
