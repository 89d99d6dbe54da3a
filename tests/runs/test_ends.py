"""When a job ended is read off its host, whenever the play hears of it and whatever the host's clock shows."""

from __future__ import annotations

import time

import pytest

from pytest_bgasync import Host, Job, Lab, Outcome
from pytest_bgasync.util.clock import BOOTED, Deadline

pytestmark = pytest.mark.bgasync(strict=False)
#: Real seconds that a module and its wrapper may take to write a result on a machine that is busy.
WRITING = 20.0
#: A command that takes a moment and then says what time it is by the clock that nobody sets.
WORK = "sleep 1; cut --delimiter=' ' --fields=1 /proc/uptime"


def shift_clock(host: Host, shift: int) -> None:
    """Give all of Python on a host another time of day from when /clock-was-set is there."""
    # Not sitecustomize, which Debian has already, in a folder that is looked at first.
    site = host.run("python3 -c 'import site; print(site.getsitepackages()[-1])'").stdout.strip()
    host.run(["mkdir", "-p", site])
    host.put(
        f"{site}/shift.pth",
        "import os, time; time.time = lambda real=time.time, exists=os.path.exists:"
        f" real() + {shift} * exists('/clock-was-set')\n",
    )


def late(lab: Lab, job: Job) -> float:
    """Return how much later a job ended than its command did, in seconds."""
    assert job.finished_at is not None
    return job.finished_at - lab.clock.at(BOOTED + float(job.stdout))


def test_a_poll_that_comes_late_tells_no_end(bgasync: Lab) -> None:
    run = bgasync.run_text(
        """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.shell: WORK
      async: 60
      poll: 9
""".replace("WORK", WORK)
    )
    job = run.job("Work")
    assert (job.outcome, job.polls[-1].finished) == (Outcome.SUCCEEDED, True)
    assert -0.1 < late(bgasync, job) < WRITING
    assert 1 <= job.elapsed < job.polls[-1].at - job.launched_at


def test_a_job_that_was_cleaned_up_ended_when_it_did(bgasync: Lab) -> None:
    run = bgasync.run_text(
        """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.shell: WORK; exit 3
      async: 60
      poll: 0
      register: work
    - name: Do something else
      ansible.builtin.pause: {seconds: 8}
    - name: Collect
      ansible.builtin.async_status: {jid: "{{ work.ansible_job_id }}"}
      failed_when: false
    - name: Clean up
      ansible.builtin.async_status: {jid: "{{ work.ansible_job_id }}", mode: cleanup}
""".replace("WORK", WORK)
    )
    job = run.job("Work")
    assert bgasync.host.run(["test", "-e", str(job.results_file)]).rc == 1
    assert (job.outcome, job.rc, job.collected) == (Outcome.FAILED, 3, True)
    assert job.elapsed < run.result("Collect").started_at - job.launched_at
    assert -0.1 < late(bgasync, job) < WRITING


def test_the_end_is_known_whoever_has_the_job(bgasync: Lab) -> None:
    """Another user, home or folder, localhost, a delegate, a module without rc: each notes its end, once."""
    assert bgasync.host.run("useradd --create-home app").rc == 0
    run = bgasync.run_text(
        """
- hosts: all
  gather_facts: false
  tasks:
    - {name: As root, shell: "WORK", become: true, async: 60, poll: 0}
    - {name: As an application, shell: "WORK", become: true, become_user: app, async: 60, poll: 0}
    - {name: In another home, shell: "WORK", environment: {HOME: /tmp/elsewhere}, async: 60, poll: 0}
    - {name: In another folder, shell: "WORK", vars: {ansible_async_dir: /tmp/jobs}, async: 60, poll: 5}
    - {name: On localhost, shell: "WORK", delegate_to: localhost, async: 60, poll: 5}
    - {name: Of a module that crashes, wait_for: {host: [], port: x}, async: 60, poll: 5, ignore_errors: true}
""".replace("WORK", WORK)
    )
    *working, crashed = run.jobs
    assert (crashed.outcome, crashed.collected) == (Outcome.FAILED, True)
    for job in working:
        assert job.wait().outcome is Outcome.SUCCEEDED, job
        assert -0.1 < late(bgasync, job) < WRITING, job
    machines = [bgasync.host, bgasync.localhost]
    lines = [machine.run("cat /var/lib/bgasync/notes/*").stdout.splitlines() for machine in machines]
    assert [len(notes) for notes in lines] == [2 * 5, 2 * 1]  # that it has started, and its result
    assert bgasync.host.run("ls ~ansible/.ansible_async /tmp/jobs /tmp/elsewhere/.ansible_async").rc == 0


@pytest.mark.parametrize("poll", [0, pytest.param(3, marks=pytest.mark.thorough)])
def test_a_timeout_is_when_the_limit_ended_the_job(bgasync: Lab, poll: int) -> None:
    run = bgasync.run_text(f"""
- hosts: all
  gather_facts: false
  tasks:
    - {{name: Hang, command: sleep 1000, async: 2, poll: {poll}, ignore_errors: true}}
    - {{name: Do something else, pause: {{seconds: 8}}}}
""")
    job = run.job("Hang").wait()
    assert job.outcome is Outcome.TIMED_OUT
    assert job.finished_at is not None
    assert 2 <= job.elapsed < 60
    assert job.finished_at < run.result("Do something else").ended_at


def test_a_job_that_is_killed_has_no_end_but_when_it_was_seen(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks: [{name: Work, command: sleep 1000, async: 2000, poll: 0}]
""")
    job = run.job("Work")
    began = bgasync.clock.now
    job.lose()
    assert (job.outcome, job.rc) == (Outcome.LOST, None)
    assert job.finished_at is not None
    assert job.finished_at >= began


def test_an_older_end_stands_without_a_note(bgasync: Lab) -> None:
    """The author's own wrapper notes nothing, and notes can be removed: then the time of the file counts."""
    run = bgasync.run_text(
        """
- hosts: all
  gather_facts: false
  tasks:
    - {name: Work, shell: "WORK", async: 60, poll: 0, register: work}
    - name: Remove the note when it has ended
      ansible.builtin.shell: >-
        until grep -q rc {{ work.results_file }}; do sleep 0.1; done; rm /var/lib/bgasync/notes/*
      become: true
    - {name: Do something else, pause: {seconds: 6}}
""".replace("WORK", WORK)
    )
    job = run.job("Work")
    assert job.outcome is Outcome.SUCCEEDED
    assert -0.1 < late(bgasync, job) < WRITING


@pytest.mark.parametrize("shift", [3600, pytest.param(-3600, marks=pytest.mark.thorough)])
def test_a_clock_that_is_set_changes_no_duration(bgasync: Lab, shift: int) -> None:
    """All of Python on the host gets another time of day while the job runs, and its file gets that time."""
    shift_clock(bgasync.host, shift)
    run = bgasync.run_text(f"""
- hosts: all
  gather_facts: false
  tasks:
    - {{name: Work, shell: "sleep 2; {WORK}", async: 60, poll: 0, register: work}}
    - {{name: Set the clock, command: touch /clock-was-set, become: true}}
    - name: See its end
      ansible.builtin.shell: >-
        until grep -q rc {{{{ work.results_file }}}}; do sleep 0.1; done;
        touch --date=@$(($(date +%s) + {shift})) {{{{ work.results_file }}}}
""")
    job = run.job("Work")
    assert job.outcome is Outcome.SUCCEEDED
    assert -0.1 < late(bgasync, job) < WRITING
    assert 3 <= job.elapsed < 120
    (sshd,) = [p for p in bgasync.host.processes() if p.command.startswith("sshd: /usr/sbin/sshd")]
    assert -600 < sshd.started_at < job.launched_at
    assert 3 < sshd.age < 900


@pytest.mark.parametrize("shift", [3600, pytest.param(-3600, marks=pytest.mark.thorough)])
def test_a_clock_that_is_set_moves_no_call_and_no_request(bgasync: Lab, shift: int) -> None:
    host = bgasync.host
    shift_clock(host, shift)
    host.stub("/opt/shell")
    host.stub("/opt/python", script="#!/bin/sh\ndate >/dev/null\n")
    host.run("touch /clock-was-set")
    assert abs(float(host.run("python3 -c 'import time; print(time.time())'").stdout) - time.time()) > 3000
    began = bgasync.clock.now
    with bgasync.traffic("http://localhost:9", host=host.name) as traffic:
        assert host.run("/opt/shell; /opt/python").rc == 0
        assert Deadline(30).wait_for(lambda: traffic.sent)
    ended = bgasync.clock.now
    (shell,), (python,) = host.calls("/opt/shell"), host.calls("/opt/python")
    times = [shell.at, python.at, *(one.at for one in traffic.requests)]
    assert all(began - 0.01 <= at <= ended for at in times), (began, times, ended)
