"""Entries 15 to 22, and 41: what becomes of a result."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, Outcome

from .twins import ASK, found, play

pytestmark = pytest.mark.bgasync(time_scale=0.2, strict=False)

LAUNCH = "- {name: Launch, command: 'true', async: 60, poll: 0, register: job}\n"


def test_15_nobody_asks_for_it(bgasync: Lab) -> None:
    fault = found(play(bgasync, LAUNCH + "- {name: Wait, pause: {seconds: 5}}\n"))
    assert set(fault) == {"uncollected"}
    assert fault["uncollected"].endswith("no task asked for it")
    assert not found(play(bgasync, LAUNCH + ASK))


def test_16_a_job_that_timed_out_has_no_rc_and_the_rollback_is_lost(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: sleep 100, async: 60, poll: 0, register: job}\n"
    tasks = """
- {name: Report success, debug: {msg: done}, when: %s}
- {name: Run rollback, command: touch /tmp/rolled-back, when: %s}
"""
    ask = ASK + "  ignore_errors: true\n"
    naive = tasks % ("answer is finished and answer.rc == 0", "answer is finished and answer.rc != 0")
    run = play(bgasync, launch + ask + naive, limits={"Launch": 2})
    assert run.job("Launch").outcome is Outcome.TIMED_OUT
    assert not run.ran("Run rollback")
    fault = found(run)
    assert set(fault) - {"survivors"} == {"no_rc"}  # entry 23 may strike
    assert fault["no_rc"].startswith("task 'Report success' on host1 failed before it began: it reads an rc, and job")
    assert "timed out and has none; what stands after it did not run" in fault["no_rc"]
    sound = tasks % ("answer is succeeded", "answer is failed")
    run = play(bgasync, launch + ask + sound, limits={"Launch": 2})
    assert run.ran("Run rollback")
    assert set(found(run)) <= {"survivors"}


def test_16_a_rescue_ran_all_the_same(bgasync: Lab) -> None:
    tasks = """
- block:
    - {name: Drain, command: sleep 100, async: 60, poll: 1, register: job, failed_when: job.rc != 0}
    - {name: Shut down, command: "true"}
  rescue:
    - {name: Uncordon, command: "true"}
- {name: After, command: "true"}
"""
    run = play(bgasync, tasks, limits={"Drain": 2})
    assert run.path("host1") == ["Drain", "Uncordon", "After"]
    assert found(run)["no_rc"].endswith("; the rest of its block did not run")


def test_16_a_launch_has_no_rc_and_other_results_without_one_are_not_meant(bgasync: Lab) -> None:
    report = "- {name: Report, debug: {msg: done}, when: %s.rc == 0, ignore_errors: true}\n"
    fault = found(play(bgasync, LAUNCH + report % "job" + ASK))
    assert "had been launched only and has none" in fault["no_rc"] or "is running and has none" in fault["no_rc"]
    assert "did not run" not in fault["no_rc"]  # the failure is ignored
    touch = "- {name: Touch, file: {path: /tmp/x, state: touch}, async: 60, poll: 1, register: job}\n"
    assert not found(play(bgasync, touch + report % "job"))
    assert not found(play(bgasync, LAUNCH + ASK + report % "answer"))


@pytest.mark.parametrize(
    ("condition", "named"),
    [("until: job.rc == 0, retries: 1, delay: 1", "until"), ("failed_when: job.rc != 0", "failed_when")],
)
def test_16_a_task_reads_the_rc_of_its_own_job(bgasync: Lab, condition: str, named: str) -> None:
    """It has launched the job, and waited for it where it has poll above 0, before its condition is an error."""
    drain = "- {name: Drain, command: sleep 100, async: 60, poll: %s, register: job, %s}\n"
    waits = play(bgasync, drain % (1, condition), limits={"Drain": 2})
    job = waits.job("Drain")
    assert job.outcome is Outcome.TIMED_OUT
    fault = found(waits)["no_rc"]
    assert fault.startswith(f"task 'Drain' on host1 launched job 'Drain' on host1 ({job.jid}), waited for it and then")
    if job.collected:  # the play may be first to stop, entry 10
        assert f"failed: its {named} reads an rc, and the job timed out and has none; what" in fault
    launches = play(bgasync, drain % (0, condition))
    (fault,) = [finding.what for finding in launches.findings if finding.kind == "no_rc"]
    assert f"launched job 'Drain' on host1 ({launches.job('Drain').jid}) and then failed: its {named} reads" in fault
    assert "and a launch has none; what stands after it did not run" in fault
    launches.job("Drain").lose()
    sound = drain % (1, condition.replace("job.rc", "job.rc | default(1)"))
    assert "no_rc" not in found(play(bgasync, sound, limits={"Drain": 2}))


def test_16_a_status_reads_an_rc_before_the_job_has_one(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: sleep 30, async: 60, poll: 0, register: job}\n"
    ask = ASK.replace("answer is finished", "answer.rc == 0")
    run = play(bgasync, launch + ask)
    job = run.job("Launch")
    fault = found(run)["no_rc"]
    assert f"on host1 failed: it reads an rc, and job 'Launch' on host1 ({job.jid}) is running and has none" in fault
    job.wait()


def test_17_the_failure_of_a_job_fails_its_status(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: 'false', async: 60, poll: 0, register: job}\n"
    report = "- {name: Report the failure, debug: {msg: failed}, when: answer is failed}\n"
    fault = found(play(bgasync, launch + ASK + report))
    assert set(fault) == {"cut_off"}
    assert fault["cut_off"].endswith("never reached: 'Report the failure'")
    run = play(bgasync, launch + ASK + "  ignore_errors: true\n" + report)
    assert run.ran("Report the failure")
    assert not found(run)


@pytest.mark.thorough
def test_18_one_failure_in_a_loop_of_statuses_fails_them_all(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: 'test {{ item }} = 2', loop: [1, 2], async: 60, poll: 0, register: jobs}\n"
    ask = ASK.replace("job.ansible_job_id", "item.ansible_job_id") + "  loop: '{{ jobs.results }}'\n"
    report = "- {name: Report, debug: {msg: '{{ answer.results | select(\"failed\") | length }} failed'}}\n"
    run = play(bgasync, launch + ask + report)
    assert all(job.collected for job in run.jobs)
    fault = found(run)
    assert set(fault) == {"cut_off"}
    assert fault["cut_off"].endswith("never reached: 'Report'")
    run = play(bgasync, launch + ask + "  ignore_errors: true\n" + report)
    assert run.result("Report").msg == "1 failed"
    assert not found(run)


def test_19_a_result_with_a_key_of_its_own_confuses_the_status(bgasync: Lab) -> None:
    launch = "- {name: Launch, gadget: {key: %s}, async: 60, poll: 0, register: job}\n"
    run = play(bgasync, launch % "started" + ASK.replace("retries: 40", "retries: 3"))
    assert run.job("Launch").outcome is Outcome.SUCCEEDED
    fault = found(run)
    assert set(fault) == {"uncollected"}
    assert fault["uncollected"].endswith("because the module's own result has a key 'started'")
    for sound in ("began", "finished"):
        assert not found(play(bgasync, launch % sound + ASK))


@pytest.mark.thorough
def test_19_a_result_that_ansible_cannot_read_is_none(bgasync: Lab) -> None:
    """What output is no UTF-8 does to a result differs between releases; where it is lost, that is the reason told."""
    more = "register: job, ignore_errors: true"
    launch = "- {name: Launch, shell: \"printf '\\\\377'; exit 3\", async: 10, poll: %s, %s}\n"
    ask = ASK.replace("retries: 40", "retries: 5") + "  ignore_errors: true\n"
    run = play(bgasync, launch % (0, more) + ask)
    assert run.job("Launch").rc == 3
    fault = found(run)
    if run.job("Launch").collected:
        assert not fault
    else:
        assert set(fault) == {"uncollected"}
        assert "Ansible cannot read its result, as where its output is no UTF-8" in fault["uncollected"]
    assert not found(play(bgasync, launch % (1, more)))


def test_20_finished_is_a_number_up_to_2_18_and_a_bool_from_2_19(bgasync: Lab) -> None:
    ask = ASK.replace("answer is finished", "answer.finished is true").replace("retries: 40", "retries: 3")
    run = play(bgasync, LAUNCH + ask)
    numbers = tuple(int(part) for part in run.ansible_version.split(".")[:2]) <= (2, 18)
    if numbers:
        fault = found(run)
        assert set(fault) == {"asked_on"}
        assert "times that its job has ended, and went on asking" in fault["asked_on"]
    else:
        assert not found(run)
    run = play(bgasync, LAUNCH + ASK + "- {name: Report, debug: {msg: failed}, when: answer.rc}\n")
    assert run.result("Report").status == ("skipped" if numbers else "failed")  # it is no bool
    assert not found(run)


def test_22_no_log_on_the_launch_only(bgasync: Lab) -> None:
    launch = "- {name: Launch, command: echo secret, async: 60, poll: 0, register: job, no_log: true}\n"
    fault = found(play(bgasync, launch + ASK))
    assert set(fault) == {"leaked"}
    assert "is to be hidden by no_log, and a status task without it showed its result" in fault["leaked"]
    run = play(bgasync, launch + ASK + "  no_log: true\n")
    assert run.ok
    assert not found(run)


@pytest.mark.bgasync(strict=False)
def test_41_a_timeout_is_told_by_what_it_lacks(bgasync: Lab) -> None:
    """The message is another one on some releases where the task waits for its job; what the cure asks is not."""
    run = play(
        bgasync,
        """
- {name: Wait, command: sleep 20, async: 2, poll: 1, register: waited, ignore_errors: true}
- {name: By its text, command: 'true', when: waited.msg == 'Timeout exceeded'}
- {name: By what it lacks, command: 'true', when: waited is failed and waited.rc is not defined}
- {name: Fail, command: 'false', async: 600, poll: 1, register: failed, ignore_errors: true}
- {name: No timeout, command: 'true', when: failed is failed and failed.rc is not defined}
""",
    )
    assert run.ran("By its text") is ("Timeout exceeded" in run.result("Wait").msg)
    assert run.ran("By what it lacks")
    assert not run.ran("No timeout")
