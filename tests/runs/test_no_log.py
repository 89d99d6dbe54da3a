"""What no_log hides reaches no event, no attribute and no terminal."""

from __future__ import annotations

import json

import pytest

from pytest_bgasync import Lab, Outcome

PLAY = """
- hosts: all
  gather_facts: false
  vars: {secret: "swordfish"}
  tasks:
    - name: Fire
      ansible.builtin.shell: echo {{ secret }}; exit 3
      no_log: true
      async: 6000
      poll: 0
      register: fired
    - name: Ask
      ansible.builtin.async_status: {jid: "{{ fired.ansible_job_id }}"}
      no_log: true
      register: answer
      until: answer.finished | bool
      retries: 60
      delay: 5
      ignore_errors: true
    - name: Wait
      ansible.builtin.shell: echo {{ secret }}; echo {{ secret }} >&2; exit 4
      no_log: true
      async: 6000
      poll: 1
      ignore_errors: true
    - name: Items
      ansible.builtin.command: echo {{ item }}
      loop: ["{{ secret }}1", "{{ secret }}2"]
      no_log: true
      async: 6000
      poll: 1
    - name: Unreachable by any other way
      ansible.builtin.command: echo {{ secret }}
      no_log: true
"""


@pytest.mark.bgasync(time_scale=0.01, strict=False)
def test_a_secret_stays_one(bgasync: Lab) -> None:
    run = bgasync.run_text(PLAY)

    assert run.ok, run.stdout
    assert [job.outcome for job in run.jobs] == [Outcome.FAILED, Outcome.FAILED, Outcome.SUCCEEDED, Outcome.SUCCEEDED]
    assert [job.rc for job in run.jobs][:2] == [3, None]
    assert all(job.jid and job.no_log and job.collected for job in run.jobs)
    for job in run.jobs:
        assert (job.stdout, job.stderr, job.item) == ("", "", None)
        assert "no_log" in job.msg
    known = [json.dumps(run.events), run.stdout, run.stderr, repr(run.jobs), str(run.results("Items"))]
    assert not [text for text in known if "swordfish" in text]
    assert "swordfish" in bgasync.host.read(str(run.job("Fire").results_file))  # so there was something to hide


@pytest.mark.bgasync(strict=False)
def test_the_arguments_of_a_hidden_job_are_not_shown_by_its_processes(bgasync: Lab) -> None:
    run = bgasync.run_text(
        """
- hosts: all
  gather_facts: false
  tasks:
    - name: Fire
      ansible.builtin.shell: setsid sh -c 'sleep 300; echo swordfish' & wait
      no_log: true
      async: 600
      poll: 0
""",
        limits={"Fire": 2},
    )
    job = run.job("Fire").wait()
    assert {process.command for process in job.survivors} == {"hidden because of no_log"}
    assert "swordfish" not in repr([bgasync.host.processes(), run.daemons("host1"), run.findings])
    assert "swordfish" in bgasync.host.run("ps -ef").stdout  # so there was something to hide
    assert "rc=" not in repr(job)


@pytest.mark.bgasync(time_scale=0.01, strict=False)
def test_no_log_of_the_status_task_hides_what_the_job_wrote(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - name: Fire
      ansible.builtin.shell: cat /etc/hostname; echo sword''fish; exit 3
      async: 6000
      poll: 0
      register: fired
    - name: Ask
      ansible.builtin.async_status: {jid: "{{ fired.ansible_job_id }}"}
      no_log: true
      register: answer
      until: answer.finished | bool
      retries: 60
      delay: 5
      ignore_errors: true
""")
    job = run.job("Fire")
    assert (job.outcome, job.rc, job.no_log) == (Outcome.FAILED, 3, True)
    assert (job.stdout, job.stderr, dict(job.data)) == ("", "", {})
    assert "swordfish" not in json.dumps(run.events)
    assert "swordfish" in bgasync.host.read(job.results_file or "")  # so there was something to hide
    assert "leaked" not in {finding.kind for finding in run.findings}


@pytest.mark.bgasync(strict=False)
def test_the_arguments_of_what_a_hidden_task_left_running_are_not_shown(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.shell: setsid sh -c 'sleep 300; echo swordfish' > /dev/null 2>&1 &
      no_log: true
""")
    assert {process.command for process in run.daemons("host1")} == {"hidden because of no_log"}
    assert "swordfish" not in repr([bgasync.host.processes(), run.findings])
    assert "swordfish" in bgasync.host.run("ps -ef").stdout
