"""Entries 23 to 32: the life of the processes."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, Outcome
from pytest_bgasync.util.clock import Deadline

from .twins import ASK, found, play

pytestmark = pytest.mark.bgasync(time_scale=0.2, strict=False)

LAUNCH = "- {name: Launch, shell: %s, args: {executable: /bin/bash}, async: 60, poll: 0, register: job}\n"
GO_ON = ASK + "  failed_when: false\n"


@pytest.mark.parametrize(
    "escape",
    [
        pytest.param("set -m; sleep 300 & wait", id="23 a process group of its own"),
        pytest.param("setsid sleep 300 & wait", id="24 a session of its own"),
        pytest.param("nohup setsid sleep 300 & wait", id="24 nohup", marks=pytest.mark.thorough),
    ],
)
def test_23_24_a_timeout_leaves_the_payload_alive(bgasync: Lab, escape: str) -> None:
    """Entry 23 is a race that cannot be provoked; what it leaves is a child in another group, which can be."""
    run = play(bgasync, LAUNCH % escape + GO_ON, limits={"Launch": 4})
    job = run.job("Launch")
    assert job.outcome is Outcome.TIMED_OUT
    fault = found(run)
    assert set(fault) == {"survivors"}
    assert "was ended at its limit, and of its processes live on: " in fault["survivors"]
    assert "(sleep 300)" in fault["survivors"]
    run = play(bgasync, LAUNCH % "timeout 1 sleep 300" + GO_ON, limits={"Launch": 30})
    assert run.job("Launch").rc == 124
    assert not found(run)


@pytest.mark.parametrize(
    "command", ["sudo sleep 300", pytest.param("env -i sudo sleep 300 & wait", marks=pytest.mark.thorough)]
)
def test_24_what_the_user_of_the_job_may_not_end_survives_without_its_mark(bgasync: Lab, command: str) -> None:
    run = play(bgasync, LAUNCH % command + GO_ON, limits={"Launch": 4})
    assert run.job("Launch").outcome is Outcome.TIMED_OUT
    fault = found(run)
    assert set(fault) == {"survivors"}
    assert "(sleep 300)" in fault["survivors"]
    assert run.daemons("host1") == []
    bgasync.host.run(["pkill", "-x", "sleep"])
    run = play(bgasync, LAUNCH % "timeout 1 sleep 300" + GO_ON, limits={"Launch": 30}, args=["--become"])
    assert not found(run)


def test_25_the_wrapper_was_killed(bgasync: Lab) -> None:
    launch = LAUNCH % "sleep 100"
    kill = """
- name: Run out of memory
  shell: timeout 20 sh -c 'until pgrep -x sleep; do true; done'; pkill -9 -f [a]sync_wrapper; pkill -9 -x sleep; true
"""
    ask = ASK.replace("retries: 40", "retries: 3")
    run = play(bgasync, launch + kill + ask)
    assert run.job("Launch").outcome is Outcome.LOST
    fault = found(run)
    assert set(fault) == {"uncollected", "gave_up"}
    assert "its job file says no more than that it has started, and no process is left" in fault["uncollected"]
    masked = found(play(bgasync, launch + kill + ask + "  ignore_errors: true\n"))
    assert "never learnt how job 'Launch'" in masked["swallowed"]
    waits = "- {name: Wait, shell: '(%s) & sleep 100', async: 60, poll: 5, ignore_errors: true}\n"
    both = "sleep 2; pkill -9 -f [a]sync_wrapper; pkill -9 sleep"
    fault = found(play(bgasync, waits % both))
    assert "was lost while its task waited for it, and the play went on" in fault["swallowed"]
    assert not found(play(bgasync, LAUNCH % "sleep 1" + ASK))


@pytest.mark.thorough
def test_25_the_job_file_goes_while_the_play_asks(bgasync: Lab) -> None:
    remove = "- {name: Tidy up, shell: '(sleep 3; rm -f ~/.ansible_async/*) > /dev/null 2>&1 &'}\n"
    run = play(bgasync, LAUNCH % "sleep 6" + remove + GO_ON)
    run.job("Launch").wait()
    fault = found(run)
    assert set(fault) == {"uncollected", "swallowed"}
    assert "its job file was not in /home/ansible/.ansible_async any more" in fault["swallowed"]
    assert not found(play(bgasync, LAUNCH % "sleep 2" + ASK))


@pytest.mark.parametrize(
    ("damage", "state"),
    [
        (": >", "its job file is empty"),
        pytest.param("echo '{\"rc' >", "its job file holds no result", marks=pytest.mark.thorough),
    ],
)
def test_26_a_damaged_job_file_reads_as_still_running(bgasync: Lab, damage: str, state: str) -> None:
    file = "{{ job.results_file }}"
    spoil = f"- {{name: Spoil, shell: 'until grep -q rc {file}; do sleep 0.1; done; {damage} {file}'}}\n"
    run = play(
        bgasync, LAUNCH % "'true'" + spoil.replace("'{\"rc'", "''{\"rc''") + ASK.replace("retries: 40", "retries: 3")
    )
    assert run.job("Launch").outcome is Outcome.LOST
    fault = found(run)
    assert set(fault) == {"uncollected", "gave_up"}
    assert state in fault["uncollected"]
    assert not found(play(bgasync, LAUNCH % "'true'" + ASK))


@pytest.mark.thorough
def test_27_cleanup_does_not_end_a_job(bgasync: Lab) -> None:
    cleanup = "- {name: Clean up, async_status: {jid: '{{ job.ansible_job_id }}', mode: cleanup}}\n"
    run = play(bgasync, LAUNCH % "sleep 100" + cleanup)
    assert run.job("Launch").outcome is Outcome.RUNNING
    fault = found(run)
    assert set(fault) == {"uncollected", "running"}
    assert "the play removed its job file with mode: cleanup" in fault["uncollected"]
    run = play(bgasync, LAUNCH % "sleep 3" + cleanup)
    assert run.job("Launch").wait().outcome is Outcome.SUCCEEDED
    assert {finding.kind for finding in run.findings} == {"uncollected", "left_behind"}  # it is written anew
    assert not found(play(bgasync, LAUNCH % "'true'" + ASK + cleanup))


def test_28_job_files_pile_up(bgasync: Lab) -> None:
    cleanup = "- {name: Clean up, async_status: {jid: '{{ job.ansible_job_id }}', mode: cleanup}}\n"
    fault = play(bgasync, LAUNCH % "'true'" + ASK).findings
    assert [str(finding) for finding in fault] == [
        "left_behind: 1 job file left in /home/ansible/.ansible_async on host1"
    ]
    again = cleanup.replace("}}\n", "}, failed_when: false}\n").replace("{name: Clean up", "{name: Clean up again")
    skipped = "- {name: Skip, command: 'true', async: 60, poll: 0, register: job, when: false}\n"
    assert not play(bgasync, LAUNCH % "'true'" + ASK + cleanup + again + skipped + again).findings


@pytest.mark.bgasync(time_scale=0.2, strict=False)
def test_28_each_folder_is_named_whenever_it_was_looked_at_last(bgasync: Lab) -> None:
    slow = "- {name: Sleep, command: sleep 4, async: 60, poll: 0}\n"
    run = play(bgasync, LAUNCH.replace("register", "become: true, register") % "'true'" + slow)
    run.job("Sleep").wait()
    left = [finding.what for finding in run.findings if finding.kind == "left_behind"]
    assert left == [f"1 job file left in {home}/.ansible_async on host1" for home in ("/root", "/home/ansible")]


def test_29_nohup_without_redirecting_the_output(bgasync: Lab) -> None:
    start = "- {name: Start, shell: \"nohup sh -c 'sleep 300; echo done' %s &\"}\n"
    run = play(bgasync, start % "")
    shell = next(daemon for daemon in run.daemons("host1") if daemon.args[0] == "sh")
    assert shell.writes_to_closed_pipe
    assert shell.ignores_sighup
    assert not shell.dies_with_session
    run = play(bgasync, start % "> /dev/null 2>&1")
    daemons = run.daemons("host1")
    assert {daemon.args[0] for daemon in daemons} == {"sh", "sleep"}
    assert not any(daemon.writes_to_closed_pipe for daemon in daemons)


def test_29_a_child_that_goes_on_writing_holds_the_task(bgasync: Lab) -> None:
    start = "- {name: Start, shell: 'for n in $(seq 40); do echo $n; sleep 0.05; done %s &'}\n"
    held = play(bgasync, start % "").result("Start")
    assert held.stdout.endswith("\n40")
    assert bgasync.clock.real(held.ended_at - held.started_at) >= 2
    assert play(bgasync, start % "> /dev/null 2>&1").result("Start").stdout == ""


def test_29_what_a_job_leaves_after_the_play_has_ended_is_a_daemon(bgasync: Lab) -> None:
    run = play(bgasync, LAUNCH % "sleep 2; (nohup setsid sleep 300 > /dev/null 2>&1 &); true")
    assert run.job("Launch").wait().outcome is Outcome.SUCCEEDED
    (daemon,) = run.daemons("host1")
    assert daemon.command == "sleep 300"
    assert daemon.started_at > run.job("Launch").launched_at


def test_30_what_is_started_with_an_ampersand_ends_with_its_session(bgasync: Lab) -> None:
    start = "- {name: Start, shell: '%s sleep 300 > /dev/null 2>&1 &'}\n"
    (daemon,) = play(bgasync, start % "").daemons("host1")
    assert daemon.command == "sleep 300"
    assert daemon.dies_with_session
    (daemon,) = play(bgasync, "- {name: Start, shell: sleep 300 > /dev/null 2&>1}\n").daemons("host1")
    assert daemon.command == "sleep 300 2"
    assert daemon.dies_with_session
    for sound in ("nohup", "setsid"):
        (daemon,) = play(bgasync, start % sound).daemons("host1")
        assert not daemon.dies_with_session


def test_31_a_zombie_passes_for_alive(bgasync: Lab) -> None:
    bgasync.host.put(
        "/opt/parent.py",
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(sys.argv[1:])\n"
        "open('/tmp/pid', 'w').write(str(child.pid))\n"
        "time.sleep(300)\n",
    )
    tasks = """
- {name: Start, shell: 'nohup python3 /opt/parent.py %s > /dev/null 2>&1 &'}
- {name: Wait for the pid, wait_for: {path: /tmp/pid, search_regex: '[0-9]'}}
- {name: Let it work, command: sleep 1}
- {name: See that it lives, shell: kill -0 $(cat /tmp/pid)}
- {name: Forget, file: {path: /tmp/pid, state: absent}}
"""
    for command, lives in (("true", False), ("sleep 300", True)):
        run = play(bgasync, tasks % command)
        assert run.result("See that it lives").rc == 0
        assert command in {daemon.command for daemon in run.daemons("host1")} or not lives
        assert len(run.daemons("host1")) == 1 + lives
    assert "Z" in {process.state for process in bgasync.host.processes()}


@pytest.mark.thorough
@pytest.mark.bgasync(image="fixtures/application", time_scale=0.2, strict=False)
def test_32_two_package_installations_fight_for_the_lock(bgasync: Lab) -> None:
    install = "apt-get install -y -o DPkg::Pre-Invoke::=\\'sleep 4\\' {{ item }}"
    launch = f'- {{name: Install, command: "{install}", loop: [htop, iotop], async: 600, poll: 0, register: jobs}}\n'
    launch = "- {name: Update, command: apt-get update}\n" + launch.replace("\\'", "'")
    ask = ASK.replace("job.ansible_job_id", "item.ansible_job_id") + "  loop: '{{ jobs.results }}'\n"
    run = play(bgasync, launch + ask + "  ignore_errors: true\n", "become: true")
    (refused,) = run.jobs.where(outcome=Outcome.FAILED)
    assert refused.rc == 100
    assert "Could not get lock" in refused.stderr
    run = play(bgasync, launch.replace("poll: 0", "poll: 1"), "become: true")
    assert run.ok
    assert all(job.outcome is Outcome.SUCCEEDED for job in run.jobs)
    assert not found(run)


def test_30_what_holds_a_terminal_ends_with_it(bgasync: Lab) -> None:
    on_a_terminal = "setsid script -qfc 'exec sleep 300' /dev/null > /dev/null 2>&1 < /dev/null"
    run = play(bgasync, f'- {{name: Start, shell: "{on_a_terminal} &"}}\n')
    Deadline(10).wait_for(lambda: "sleep 300" in {daemon.command for daemon in run.daemons("host1")}, every=0.1)
    daemon = next(daemon for daemon in run.daemons("host1") if daemon.command == "sleep 300")
    assert daemon.holds_terminal
    assert daemon.dies_with_session


def test_jobs_of_an_earlier_run_are_no_daemons_of_the_next(bgasync: Lab) -> None:
    play(bgasync, LAUNCH % "while sleep 0.2; do :; done")
    assert play(bgasync, "- {name: Wait, command: sleep 2}\n").daemons("host1") == []
