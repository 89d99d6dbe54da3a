"""Launches that were sent, and whose answer never came: the job is there all the same."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pytest_bgasync import Lab, Outcome, PlaybookDeadline

pytestmark = pytest.mark.bgasync(time_scale=0.1, strict=False)

SSH = shutil.which("ssh")
#: In the place of ssh: does something else for the command that launches a job.
SCRIPT = f"""#!/bin/sh
case "$*" in *"async_wrapper.py j"*) %s;; esac
exec {SSH} "$@"
"""
DROP = f'{SSH} "$@" > /dev/null 2>&1; echo Connection reset by peer >&2; exit 255'
HANG = f'{SSH} "$@" > /dev/null 2>&1; exec sleep 60'
REFUSE = "echo Connection refused >&2; exit 255"

PLAY = """
- hosts: all
  gather_facts: false
  ignore_unreachable: true
  tasks:
    - {name: Launch, shell: "%s", async: 600, poll: 0, %s}
"""


def through(folder: Path, instead: str) -> dict[str, str]:
    """Return the environment in which Ansible's ssh behaves so."""
    program = folder / "ssh"
    program.write_text(SCRIPT % instead)
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("more", "home"),
    [
        ("register: job", "/home/ansible/.ansible_async"),
        ("become: true", "/root/.ansible_async"),
        ("environment: {HOME: /tmp/other}", "/tmp/other/.ansible_async"),
        ("vars: {ansible_async_dir: /tmp/jobs}", "/tmp/jobs"),
        ("vars: {ansible_async_dir: jobs}", "/home/ansible/jobs"),
    ],
)
def test_a_job_whose_launch_lost_its_connection_is_found_by_its_file(
    bgasync: Lab, tmp_path: Path, more: str, home: str
) -> None:
    run = bgasync.run_text(PLAY % ("echo bad; exit 3", more), env=through(tmp_path, DROP))
    job = run.job("Launch").wait()
    assert (job.outcome, job.rc, job.stdout, job.collected) == (Outcome.FAILED, 3, "bad", False)
    assert job.results_file == f"{home}/{job.jid}"
    (finding,) = [finding for finding in run.findings if finding.strict]
    assert finding.kind == "uncollected"
    assert finding.what.endswith("its launch was not answered, so that no task can ask for it")


def test_a_job_whose_launch_was_cut_off_by_the_timeout_of_its_task_is_known(bgasync: Lab, tmp_path: Path) -> None:
    play = PLAY % ("sleep 300", "timeout: 8, ignore_errors: true")
    run = bgasync.run_text(play, env=through(tmp_path, HANG))
    assert run.job("Launch").outcome is Outcome.RUNNING
    assert {finding.kind for finding in run.findings if finding.strict} == {"running", "uncollected"}
    run.job("Launch").kill()
    job = run.job("Launch").wait()
    assert job.outcome is Outcome.FAILED
    assert {finding.kind for finding in run.findings if finding.strict} == {"uncollected"}


def test_a_job_whose_launch_was_cut_off_by_the_deadline_of_the_run_is_known(bgasync: Lab, tmp_path: Path) -> None:
    with pytest.raises(PlaybookDeadline) as stopped:
        bgasync.run_text(PLAY % ("sleep 300", "register: job"), env=through(tmp_path, HANG), deadline=10)
    assert stopped.value.run.job("Launch").outcome is Outcome.RUNNING


def test_a_launch_that_never_came_to_its_host_is_unreachable(bgasync: Lab, tmp_path: Path) -> None:
    run = bgasync.run_text(PLAY % ("sleep 300", "register: job"), env=through(tmp_path, REFUSE))
    job = run.job("Launch")
    assert (job.outcome, job.jid) == (Outcome.UNREACHABLE, None)
    assert job.msg == "its launch was not answered, and its host knows nothing of it"
    assert not [finding for finding in run.findings if finding.strict]
