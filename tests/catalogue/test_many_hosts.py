"""Entries 33 to 37, and 39: several hosts, batches, modes, and imports."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from pytest_bgasync import Lab

from .twins import ASK, found, play

pytestmark = pytest.mark.bgasync(hosts=2, time_scale=0.2, strict=False)

RESCUED = """
- block:
    - {name: Deploy, command: 'test {{ inventory_hostname }} = host2', async: 60, poll: 1}
  rescue:
    - {name: Roll back, command: 'true'}
"""


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def test_33_a_rescued_failure_does_not_stop_the_next_batch(bgasync: Lab) -> None:
    head = "serial: 1\nmax_fail_percentage: 0\n"
    run = play(bgasync, RESCUED, head)
    assert run.ran("Deploy", host="host2")
    fault = found(run)
    assert set(fault) == {"rolled_on"}
    assert "'Deploy' on host1 failed and was rescued, and serial went on to the next batch" in fault["rolled_on"]
    run = play(bgasync, RESCUED + "    - {name: Stop, fail: {msg: rolled back}}\n", head)
    assert not run.ran("Deploy", host="host2")
    assert not found(run)


@pytest.mark.thorough
def test_34_who_rescues_under_any_errors_fatal_depends_on_the_version(bgasync: Lab) -> None:
    """Not named, since none of it is wrong by itself: the path of each host says who rescued, and who went on."""
    plays = f"""
- hosts: all
  gather_facts: false
  any_errors_fatal: true
  tasks:
{indent(RESCUED, "    ")}%s
- hosts: all
  gather_facts: false
  tasks:
    - {{name: Announce, debug: {{msg: done}}}}
"""
    run = bgasync.run_text(plays % "")
    both = version(run.ansible_version) >= (2, 17)  # and then one that had not failed drops out
    assert run.path("host1") == ["Deploy", "Roll back", "Announce"]
    assert run.path("host2") == ["Deploy", "Roll back" if both else "Announce"]
    run = bgasync.run_text(plays % "        - {name: Stop, fail: {msg: rolled back}}\n")
    assert run.path("host1") == ["Deploy", "Roll back", "Stop"]
    assert not run.ran("Announce")
    assert not found(run)


@pytest.mark.thorough
def test_35_serial_holds_back_launches_and_not_jobs(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: sleep %s, async: 600, poll: 0, register: job}\n"
    fault = found(play(bgasync, launch % 100, "serial: 1\n"))
    assert set(fault) == {"overlapped", "uncollected", "running"}
    assert "was at work when serial let the next batch launch" in fault["overlapped"]
    assert not found(play(bgasync, launch % 1 + ASK, "serial: 1\n"))


@pytest.mark.thorough
def test_35_throttle_holds_back_launches_and_not_jobs(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: sleep %s, async: 600, poll: %s, throttle: 1}\n"
    fault = found(play(bgasync, launch % (100, 0)))
    assert set(fault) == {"overlapped", "uncollected", "running"}
    assert "2 jobs of task 'Launch' were at work at the same time under throttle: 1" in fault["overlapped"]
    assert not found(play(bgasync, launch % (1, 1)))


def test_36_check_mode_fails_a_task_with_async_or_launches_a_job_that_does_nothing(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: 'true', async: 60, poll: 0, register: job%s}\n"
    run = play(bgasync, launch % "", check=True, limit="host1")
    if version(run.ansible_version) == (2, 16):
        assert run.result("Launch").status == "failed"
        assert len(run.jobs) == 0
    else:
        assert "Command would have run" in run.job("Launch").wait().msg
    run = play(bgasync, launch % ", when: not ansible_check_mode", check=True, limit="host1")
    assert run.result("Launch").status == "skipped"
    assert run.ok
    assert not found(run)


def test_37_a_module_that_does_not_know_async_fails_and_launches_nothing(bgasync: Lab) -> None:
    """The failure is Ansible's own and in the result of the task; there is no job that could be told of."""
    copy = "- {name: Copy, copy: {content: x, dest: /tmp/x}, %s}\n"
    others = {"template": "src: x, dest: /tmp/x", "script": "cmd: x", "unarchive": "src: x, dest: /tmp"}
    tasks = copy + "".join(f"- {{name: {name}, {name}: {{{args}}}, %s}}\n" for name, args in others.items())
    run = play(bgasync, tasks.replace("%s", "async: 60, poll: 0, ignore_errors: true"), limit="host1")
    for name in ("Copy", *others):
        assert run.result(name).status == "failed"
        assert "async" in run.result(name).msg  # each release has its own words
    assert len(run.jobs) == 0
    assert not found(run)
    run = play(bgasync, copy % "when: true", limit="host1")
    assert run.ok, run.stdout + run.stderr


def test_39_an_import_drops_async_and_register(bgasync: Lab, tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("- {name: Work, command: 'true'}\n")
    (tmp_path / "roles/one/tasks").mkdir(parents=True)
    (tmp_path / "roles/one/tasks/main.yml").write_text("- {name: Work as a role, command: 'true'}\n")
    (tmp_path / "site.yml").write_text("""
- hosts: all
  gather_facts: false
  tasks:
    - {import_tasks: more.yml, async: 60, poll: 0, register: job}
    - {import_role: {name: one}, async: 60, poll: 0, register: other}
    - {name: Registered, command: 'true', when: job is defined or other is defined}
""")
    run = bgasync.run(tmp_path / "site.yml", limit="host1")
    assert run.ok, run.stdout + run.stderr
    assert run.ran("Work")
    assert run.ran("Work as a role")
    assert not run.ran("Registered")
    assert len(run.jobs) == 0
