"""Playbook seconds: waits are compressed, what the playbook sees of them is not."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, Outcome

WAITS = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Pause
      ansible.builtin.pause: {seconds: 60}
    - name: Pause for minutes
      ansible.builtin.pause: {minutes: 2}
    - name: Retry
      ansible.builtin.command: "false"
      register: tried
      until: tried is succeeded
      retries: 2
      delay: 60
      ignore_errors: true
    - name: Loop
      ansible.builtin.debug: {msg: "{{ item }}"}
      loop: [1, 2, 3]
      loop_control: {pause: 60}
    - name: Wait for the connection
      ansible.builtin.wait_for_connection: {delay: 60, timeout: 3000}
    - name: Poll
      ansible.builtin.command: sleep 0.1
      async: 600
      poll: 60
"""


@pytest.mark.bgasync(time_scale=0.005, strict=False)
def test_every_wait_of_the_controller_is_compressed(bgasync: Lab) -> None:
    run = bgasync.run_text(WAITS)

    assert run.ok, run.stdout
    waited = 60 + 120 + 60 + 60 * 2 + 60 + 60
    assert run.elapsed >= waited
    assert run.wall < 30 < waited
    assert run.wall == pytest.approx(run.elapsed * 0.005)
    assert run.result("Wait for the connection").data["elapsed"] >= 60
    pause = run.result("Pause")
    assert pause.data["delta"] == pytest.approx(60, abs=30)
    assert pause.ended_at - pause.started_at >= 50
    first, second, _ = run.results("Loop")
    assert second.ended_at - first.ended_at >= 50  # the first result may be heard of late
    assert run.result("Retry").ended_at - run.result("Retry").started_at >= 100
    polls = run.job("Poll").polls
    assert polls[0].at - run.job("Poll").launched_at >= 50


@pytest.mark.bgasync(time_scale=0.005)
def test_the_timeout_of_a_wait_is_compressed(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - name: Wait in vain
      ansible.builtin.wait_for_connection: {timeout: 600}
      become: true
      become_user: nobody-of-that-name
""")
    assert run.result("Wait in vain").status == "failed"
    assert "timed out" in run.result("Wait in vain").msg
    assert run.elapsed >= 600
    assert run.wall < 60


@pytest.mark.bgasync(time_scale=0.005, strict=False)
def test_limits_are_scaled_and_never_below_the_floor(bgasync: Lab) -> None:
    play = """
- hosts: all
  gather_facts: false
  tasks:
    - name: "{name}"
      ansible.builtin.command: "true"
      async: "{{{{ {limit} }}}}"
      poll: 0
"""
    in_force = {}
    for limit in (3600, 2001, 600, 3):
        run = bgasync.run_text(play.format(name="Work", limit=limit))
        in_force[run.job("Work").limit] = run.job("Work").limit_wall
    assert in_force == {3600: 18, 2001: 11, 600: 5, 3: 3}


@pytest.mark.bgasync(time_scale=1, strict=False)
def test_limits_of_a_run_are_real_seconds(bgasync: Lab) -> None:
    run = bgasync.run_text(
        """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command: sleep 100
      async: 3600
      poll: 0
""",
        limits={"Work": 1.5},
    )
    job = run.job("Work")
    assert (job.limit, job.limit_wall) == (2, 2)
    assert job.wait().outcome is Outcome.TIMED_OUT
    assert job.elapsed >= 2


@pytest.mark.bgasync(time_scale=0.01, strict=False)
def test_a_stub_takes_playbook_seconds(bgasync: Lab) -> None:
    bgasync.host.stub("/opt/slow", takes=200, stdout="slow")
    run = bgasync.run_text("- {hosts: all, gather_facts: false, tasks: [{name: Run, command: /opt/slow}]}")
    result = run.result("Run")
    assert result.stdout == "slow"
    assert result.ended_at - result.started_at >= 200
    (call,) = bgasync.host.calls("/opt/slow")
    assert result.started_at <= call.at <= result.ended_at - 200
    assert run.wall < 60
