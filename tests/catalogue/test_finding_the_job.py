"""Entries 1 to 8: the play does not find its job."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab

from .twins import ASK, found, play

pytestmark = pytest.mark.bgasync(time_scale=0.2, strict=False)

LAUNCH = "- {name: Launch, command: 'true', async: 60, poll: 0, register: job}\n"


def test_1_it_is_asked_for_as_another_user(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: 'true', async: 60, poll: 0, register: job, become: true}\n"
    fault = found(play(bgasync, launch + ASK))
    assert set(fault) == {"missed", "uncollected"}
    for what in fault.values():
        assert "in /home/ansible/.ansible_async as ansible, and it was launched as root" in what
    assert not found(play(bgasync, launch + ASK, "become: true"))


def test_2_the_launch_has_another_home(bgasync: Lab) -> None:
    home = "- {name: Launch, command: 'true', async: 60, poll: 0, register: job, environment: {HOME: /tmp/home}}\n"
    fault = found(play(bgasync, home + ASK))
    assert set(fault) == {"missed", "uncollected"}
    assert fault["uncollected"].endswith("its job file is in /tmp/home/.ansible_async")
    inside = "- {name: Launch, shell: HOME=/tmp/home true, async: 60, poll: 0, register: job}\n"
    assert not found(play(bgasync, inside + ASK))


@pytest.mark.parametrize("how", ["failed_when: false", "ignore_errors: true"])
def test_3_a_job_that_is_not_there_reads_as_finished(bgasync: Lab, how: str) -> None:
    report = "- {name: Report success, debug: {msg: done}, when: answer is finished}\n"
    launch = "- {name: Launch, command: 'true', async: 60, poll: 0, register: job, become: true}\n"
    run = play(bgasync, launch + ASK + f"  {how}\n" + report)
    assert run.ok
    assert run.ran("Report success")
    fault = found(run)
    assert set(fault) == {"swallowed", "uncollected"}
    assert fault["swallowed"].startswith("status task 'Ask' on host1 did not find job 'Launch' on host1 (j")
    assert not found(play(bgasync, launch + ASK + f"  {how}\n" + report, "become: true"))


def test_3_no_log_does_not_hide_that_no_job_was_found(bgasync: Lab) -> None:
    hidden = ASK + "  no_log: true\n  failed_when: false\n"
    fault = found(play(bgasync, LAUNCH + hidden, args=["-e", "ansible_async_dir=/tmp/jobs"]))
    assert not fault
    launch = LAUNCH.replace("register", "become: true, register")
    assert set(found(play(bgasync, launch + hidden))) == {"swallowed", "uncollected"}
    each = LAUNCH.replace("register: job", "register: jobs, loop: [1, 2], become: '{{ item == 2 }}'")
    ask = hidden.replace("job.ansible_job_id", "item.ansible_job_id") + "  loop: '{{ jobs.results }}'\n"
    fault = found(play(bgasync, each + ask))
    assert set(fault) == {"swallowed", "uncollected"}
    assert "as ansible, and it was launched as root" in fault["swallowed"]


def test_3_a_job_of_an_earlier_run_is_known(bgasync: Lab) -> None:
    play(bgasync, "- {name: Launch, command: sleep 300, async: 600, poll: 0}\n")
    job = bgasync.jobs[0]
    job.lose()
    ask = ASK.replace("{{ job.ansible_job_id }}", str(job.jid)).replace("retries: 40", "retries: 2")
    assert set(found(play(bgasync, ask))) == {"gave_up"}
    fault = found(play(bgasync, ask + "  failed_when: false\n"))
    assert f"never learnt how job 'Launch' on host1 ({job.jid}) ended" in fault["swallowed"]


def test_4_a_job_of_a_task_with_poll_is_asked_for_again(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: 'true', async: 60, poll: 1, register: job}\n"
    fault = found(play(bgasync, launch + ASK))
    assert set(fault) == {"missed"}
    assert "its task has poll above 0, which reads the result and removes the job file" in fault["missed"]
    assert not found(play(bgasync, launch + "- {name: Report, debug: {var: job.rc}}\n"))


@pytest.mark.bgasync(hosts=2, time_scale=0.2, strict=False)
def test_5_it_was_launched_once_and_is_asked_for_everywhere(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: 'true', async: 60, poll: 0, register: job, run_once: true}\n"
    run = play(bgasync, launch + ASK)
    assert "it was asked for on host2, and it is on host1" in found(run)["missed"]
    assert [finding.host for finding in run.findings if finding.kind == "missed"] == ["host2"]
    assert not found(play(bgasync, launch + ASK + "  run_once: true\n"))


@pytest.mark.bgasync(hosts=2, time_scale=0.2, strict=False)
def test_6_it_was_delegated_and_is_asked_for_at_home(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: 'true', async: 60, poll: 0, register: job, delegate_to: host2}\n"
    fault = found(play(bgasync, launch + ASK, limit="host1"))
    assert set(fault) == {"missed", "uncollected"}
    assert "it was asked for on host1, and it is on host2" in fault["missed"]
    assert not found(play(bgasync, launch + ASK + "  delegate_to: host2\n", limit="host1"))


def test_7_only_one_of_the_two_tasks_has_the_folder(bgasync: Lab) -> None:
    launch = (
        "- {name: Launch, command: 'true', async: 60, poll: 0, register: job, vars: {ansible_async_dir: /tmp/jobs}}\n"
    )
    fault = found(play(bgasync, launch + ASK))
    assert set(fault) == {"missed", "uncollected"}
    assert "looked for in /home/ansible/.ansible_async; its job file is in /tmp/jobs" in fault["missed"]
    assert not found(play(bgasync, launch + ASK + "  vars: {ansible_async_dir: /tmp/jobs}\n"))


@pytest.mark.parametrize(
    ("how", "default", "kind"),
    [
        ("", "", "missed"),
        ("  ignore_errors: true\n", "", "swallowed"),
        ("  ignore_errors: true\n", " | default(omit)", "swallowed"),
        ("  failed_when: false\n", " | default('')", "swallowed"),
    ],
)
def test_8_the_launch_was_skipped_and_has_no_job_id(bgasync: Lab, how: str, default: str, kind: str) -> None:
    skipped = "- {name: Launch, command: 'true', async: 60, poll: 0, register: job, when: false}\n"
    ask = ASK.replace("job.ansible_job_id", f"job.ansible_job_id{default}").replace("retries: 40", "retries: 2")
    fault = found(play(bgasync, skipped + ask + how))
    assert set(fault) == {kind}
    assert "asked for no job" in fault[kind]
    assert "a skipped launch has no ansible_job_id" in fault[kind]
    if not default:
        assert not found(play(bgasync, skipped + ASK + "  when: job is not skipped\n"))
        assert not found(play(bgasync, LAUNCH + ASK + "  when: job is not skipped\n"))
