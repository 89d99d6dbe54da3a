"""Entries 9 to 14, and 40: the clocks of the play, of the host and of the task."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, Outcome

from .twins import ASK, found, play

pytestmark = pytest.mark.bgasync(time_scale=0.2, strict=False)


@pytest.mark.bgasync(strict=False)
def test_9_the_play_gives_up_on_a_job_that_may_still_run(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: sleep 8, async: 60, poll: 0, register: job}\n"
    run = play(bgasync, launch + ASK.replace("retries: 40", "retries: 2"))
    fault = found(run)
    assert {"gave_up", "uncollected"} <= set(fault)
    assert "asked 2 times and gave up" in fault["gave_up"].replace("3 times", "2 times")  # the first try may count
    assert "may run for 60 s" in fault["gave_up"]
    assert not found(play(bgasync, launch.replace("sleep 8", "sleep 2") + ASK))


@pytest.mark.bgasync(time_scale=0.1, strict=False)
@pytest.mark.thorough
def test_10_the_play_counts_polls_and_the_host_seconds(bgasync: Lab) -> None:
    """Of the two clocks the one of the play is faster here: its polls are compressed, and the limit has a floor."""
    run = play(bgasync, "- {name: Launch, command: sleep 60, async: 12, poll: 12}\n")
    job = run.job("Launch")
    assert job.outcome is Outcome.TIMED_OUT
    assert not job.collected
    fault = found(run)
    assert set(fault) - {"survivors"} == {"gave_up"}  # entry 23 may strike
    assert "the play stopped asking for job 'Launch'" in fault["gave_up"]
    launch = "- {name: Launch, command: sleep 60, async: 12, poll: 0, register: job}\n"
    run = play(bgasync, launch + ASK.replace("retries: 40", "retries: 200") + "  failed_when: false\n")
    assert run.job("Launch").outcome is Outcome.TIMED_OUT
    assert run.job("Launch").collected
    assert set(found(run)) <= {"survivors"}


@pytest.mark.bgasync(strict=False)
@pytest.mark.thorough
def test_13_the_timeout_of_a_task_does_not_cover_its_job(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: sleep 13, async: 60, poll: 1, timeout: 12}\n"
    run = play(bgasync, launch)
    assert run.ok
    fault = found(run)
    assert set(fault) == {"outlasted"}
    assert "real seconds, and its task has timeout: 12" in fault["outlasted"]
    assert not found(play(bgasync, launch.replace("sleep 13", "sleep 1")))


def test_14_until_on_the_launch_launches_anew(bgasync: Lab) -> None:
    run = play(
        bgasync,
        """
- name: Launch
  command: 'true'
  async: 60
  poll: 0
  register: job
  until: job.rc is defined
  retries: 2
  delay: 1
""",
    )
    jobs = run.jobs.where(task="Launch")
    assert len(jobs) > 1
    fault = found(run)
    assert set(fault) == {"relaunched", "uncollected"}
    assert f"has until and launched {len(jobs)} jobs" in fault["relaunched"]
    assert not found(play(bgasync, "- {name: Launch, command: 'true', async: 60, poll: 0, register: job}\n" + ASK))


def test_14_a_handler_that_is_flushed_twice_is_not_launched_anew(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - {name: Notify, command: 'true', notify: Handle}
    - meta: flush_handlers
    - {name: Notify again, command: 'true', notify: Handle}
  handlers:
    - {name: Launch, command: 'true', async: 60, poll: 0, until: job is not failed, register: job, listen: Handle}
    - name: Ask
      async_status: {jid: "{{ job.ansible_job_id }}"}
      register: answer
      until: answer is finished
      retries: 40
      delay: 1
      listen: Handle
""")
    assert len(run.jobs) == 2
    assert not found(run)


@pytest.mark.bgasync(strict=False)
def test_40_the_limit_is_shorter_than_the_sleep(bgasync: Lab) -> None:
    """The sleep is longer than older wrappers need to kill."""
    late = "- {name: Restart, shell: sleep 20 && touch /tmp/restarted, async: 1, poll: 0}\n"
    job = play(bgasync, late).job("Restart")
    job.wait(within=40)
    assert job.outcome is Outcome.TIMED_OUT
    assert bgasync.host.run("ls /tmp/restarted").rc != 0
    job = play(bgasync, late.replace("sleep 20", "sleep 1").replace("async: 1", "async: 60")).job("Restart")
    job.wait(within=40)
    assert job.outcome is Outcome.SUCCEEDED
    assert bgasync.host.run("ls /tmp/restarted").rc == 0
