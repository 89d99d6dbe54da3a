"""Stubs behave as they are told and record every call."""

from __future__ import annotations

import pytest

from pytest_bgasync import CommandDeadline, HostProblem, Lab, NotThere, UsageProblem
from pytest_bgasync.util.clock import Deadline


def test_calls_are_recorded_whoever_makes_them(bgasync: Lab) -> None:
    host = bgasync.host
    assert host.run("useradd --create-home app").rc == 0
    host.stub("pg_dump", rc=3, stdout="out", stderr="err")
    host.stub("/opt/tool")
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - name: Plain
      ansible.builtin.command: pg_dump one "two three"
      environment: {PGUSER: me}
      ignore_errors: true
    - name: Sudo
      ansible.builtin.shell: pg_dump || true
      become: true
    - name: Become a user
      ansible.builtin.shell: printf 'from a pipe' | pg_dump || true
      become: true
      become_user: app
    - name: Side by side
      ansible.builtin.shell: for n in 1 2 3 4 5 6 7 8 9 10; do /opt/tool $n & done; wait
""")
    plain = run.result("Plain")
    assert (plain.rc, plain.stdout, plain.stderr) == (3, "out", "err")
    first, second, third = host.calls("pg_dump")
    assert first.argv[1:] == ["one", "two three"]
    assert first.env["PGUSER"] == "me"
    assert [first.user, second.user, third.user] == ["ansible", "root", "app"]
    assert [first.stdin, second.stdin, third.stdin] == ["", "", "from a pipe"]
    assert plain.started_at <= first.at <= plain.ended_at
    assert sorted(int(call.argv[1]) for call in host.calls("/opt/tool")) == list(range(1, 11))


def test_a_script_gets_its_arguments_and_its_input(bgasync: Lab) -> None:
    host = bgasync.host
    host.stub("/opt/greet", script='#!/bin/sh\nread name; echo "$1, $name"; exit 4\n')
    answer = host.run("echo world | /opt/greet hello")
    assert (answer.rc, answer.stdout) == (4, "hello, world\n")
    (call,) = host.calls("/opt/greet")
    assert (call.argv, call.stdin) == (["/opt/greet", "hello"], "world\n")


def test_a_listening_stub_answers_until_it_is_ended(bgasync: Lab) -> None:
    host = bgasync.host
    host.stub("/opt/server", listens=8080, stdout="ready")
    host.run("setsid -f /opt/server </dev/null >/dev/null 2>&1")
    assert Deadline(30).wait_for(lambda: host.run("curl -s http://localhost:8080/health").stdout == "ready")
    assert len(host.calls("/opt/server")) == 1


def test_a_stub_of_what_the_harness_uses_itself_records_the_calls_of_others_only(bgasync: Lab) -> None:
    host = bgasync.host
    for name in ("python3", "sh", "cat"):
        host.stub(name, stdout="hello")
    host.put("/usr/local/bin/json.py", "an error")
    assert host.run(["python3", "manage.py", "migrate"]).stdout == "hello"
    assert host.processes()
    (call,) = host.calls("python3")
    assert call.argv[1:] == ["manage.py", "migrate"]
    assert host.calls("sh") == host.calls("cat") == []


@pytest.mark.parametrize(
    ("python", "how"),
    [
        ("echo hello", "gave an answer that cannot be read ('hello')"),
        ("echo 17", "gave an answer that cannot be read ('17')"),
        ("echo '{}'", "gave an answer that cannot be read ('{}')"),
        ("exit 1", "ended with status 1 (it wrote nothing)"),
    ],
    ids=["text", "number", "object", "status"],
)
def test_a_replaced_python_tells_no_calls(bgasync: Lab, python: str, how: str) -> None:
    host = bgasync.host
    host.stub("/opt/tool")
    assert host.run("/opt/tool; rm /usr/bin/python3").rc == 0
    host.put("/usr/bin/python3", f"#!/bin/sh\n{python}\n", 0o755)
    with pytest.raises(HostProblem) as told:
        host.calls("/opt/tool")
    assert str(told.value).startswith(
        f"host host1 could not say how /opt/tool was called: its /usr/bin/python3 {how}; see whether something"
    )


def test_a_bare_name_is_the_stub_for_everybody(bgasync: Lab) -> None:
    host = bgasync.host
    for folder in ("sbin", "bin"):
        host.put(f"/usr/local/{folder}/tool", "#!/bin/sh\necho real\n", 0o755)
    host.stub("tool", stdout="stub")
    for command in ("tool", "sudo tool", "sudo --login tool", "sudo --user=ansible --login tool"):
        assert host.run(command).stdout == "stub", command
    text = "[{hosts: all, gather_facts: false, tasks: [{name: Call, shell: tool, become: BECOME}]}]"
    for become in ("true", "false"):
        assert bgasync.run_text(text.replace("BECOME", become)).result("Call").stdout == "stub"
    assert len(host.calls("tool")) == 6


def test_a_stub_can_be_put_anew(bgasync: Lab) -> None:
    bgasync.host.stub("/opt/tool", rc=1)
    bgasync.host.stub("/opt/tool", rc=2)
    assert bgasync.host.run("/opt/tool").rc == 2


def test_what_cannot_be_meant_is_refused(bgasync: Lab) -> None:
    host = bgasync.host
    with pytest.raises(UsageProblem, match="absolute path or the bare name"):
        host.stub("bin/tool")
    with pytest.raises(UsageProblem, match="exit status is a number from 0 to 255"):
        host.stub("tool", rc=256)
    with pytest.raises(UsageProblem, match="cannot take -1 seconds"):
        host.stub("tool", takes=-1)
    with pytest.raises(UsageProblem, match="give nothing else with it"):
        host.stub("tool", script="#!/bin/sh\n", rc=1)
    host.stub("other")
    with pytest.raises(NotThere, match=r"(?s)'tool' is no stub on host host1.*- /usr/local/bin/other"):
        host.calls("tool")


def test_a_port_that_is_taken_is_told_by_the_stub_that_wanted_it(bgasync: Lab) -> None:
    host = bgasync.host
    host.stub("/opt/first", listens=8080)
    host.stub("/opt/second", listens=8080)
    host.run("setsid /opt/first > /dev/null 2>&1 < /dev/null & until ss -Hltn | grep -q 8080; do sleep 0.1; done")
    second = host.run("/opt/second < /dev/null")
    assert (second.rc, second.stderr) == (1, "stub /opt/second cannot listen at port 8080: Address already in use\n")


def test_500_calls_side_by_side_fit_into_a_host(bgasync: Lab) -> None:
    host = bgasync.host
    host.stub("/opt/tool", rc=3, takes=1000)
    host.run(
        "for n in $(seq 500); do /opt/tool $n > /dev/null 2>&1 & echo $! >> /tmp/pids; done;"
        " (for pid in $(cat /tmp/pids); do wait $pid; echo $?; done > /tmp/ended; touch /tmp/all) > /dev/null 2>&1 &"
    )
    assert Deadline(120).wait_for(lambda: len(host.calls("/opt/tool")) == 500, every=1)
    assert sorted(int(call.argv[1]) for call in host.calls("/opt/tool")) == list(range(1, 501))
    at_work = [process for process in host.processes() if "/opt/tool" in process.args]
    assert len(at_work) == 500
    assert {process.args[0] for process in at_work} == {"/var/lib/bgasync/stubs/sh"}
    held = 'import os; print(sum(int(line.split()[1]) for pid in os.listdir("/proc") if pid.isdigit()'
    held += ' for line in open("/proc/%s/smaps_rollup" % pid) if line.startswith("Pss:")) >> 10)'
    assert int(host.run(["python3", "-c", held]).stdout) < 350  # MiB; Python's would hold 2000


def test_a_host_whose_memory_ran_out_says_so(bgasync: Lab) -> None:
    host = bgasync.host
    assert host.shortage == ""
    greedy = ["python3", "-c", "x = []\nwhile True: x.append(b'x' * (1 << 22))"]
    assert host.run(greedy).rc == 137
    assert host.shortage.endswith(
        "(the kernel ended 1 process): raise the ini key bgasync_memory, or start less side by side"
    )
    with pytest.raises(
        CommandDeadline, match=r"did not end within 0.1 s: memory ran out \(the kernel ended 1 process\)"
    ):
        host.run("sleep 1000", within=0.1)


STUB_JOB = """
- hosts: all
  gather_facts: false
  tasks:
    - {name: Work, command: /opt/tool, async: LIMIT, poll: 0}
"""


@pytest.mark.bgasync(strict=False)
def test_a_killed_call_leaves_nothing_behind(bgasync: Lab) -> None:
    host = bgasync.host
    host.stub("/opt/tool", takes=1000, rc=3, stdout="begun")
    job = bgasync.run_text(STUB_JOB.replace("LIMIT", "600")).job("Work")
    assert Deadline(60).wait_for(lambda: host.calls("/opt/tool"))
    job.freeze()
    assert {p.state for p in host.processes() if "/opt/tool" in p.args} == {"T"}
    job.thaw()
    job.kill()
    assert (job.wait().outcome, job.rc, job.stdout, job.survivors) == ("failed", -9, "begun", [])
    assert len(host.calls("/opt/tool")) == 1
    assert not [process for process in host.processes() if process.job and process.alive and not process.is_wrapper]


@pytest.mark.bgasync(strict=False)
def test_a_call_that_is_ended_at_a_limit_is_no_survivor(bgasync: Lab) -> None:
    bgasync.host.stub("/opt/tool", takes=1000, rc=3)
    job = bgasync.run_text(STUB_JOB.replace("LIMIT", "8")).job("Work")
    assert (job.wait().outcome, job.survivors) == ("timed_out", [])
    assert len(bgasync.host.calls("/opt/tool")) == 1


def test_a_playbook_finds_a_call_by_its_name(bgasync: Lab) -> None:
    host = bgasync.host
    host.stub("/opt/tool", takes=1000)
    host.run("setsid -f /opt/tool </dev/null >/dev/null 2>&1")
    assert Deadline(30).wait_for(lambda: host.calls("/opt/tool"))
    assert host.run(r"pkill --full --exact '(\S+ )?/opt/tool'").rc == 0
    assert Deadline(30).wait_for(lambda: host.run("pgrep -x tool").rc == 1)


def test_stubs_need_no_bash(bgasync: Lab) -> None:
    host = bgasync.host
    host.run("rm /bin/bash")
    host.stub("/opt/tool", rc=3, stdout="out", stderr="err", takes=0.1)
    done = host.run("/opt/tool 'one two'")
    assert (done.rc, done.stdout, done.stderr) == (3, "out", "err")
    (call,) = host.calls("/opt/tool")
    assert (call.argv, call.user, call.stdin) == (["/opt/tool", "one two"], "root", "")


def test_bash_itself_can_be_a_stub(bgasync: Lab) -> None:
    host = bgasync.host
    host.stub("/opt/tool", rc=3)
    host.stub("/bin/bash", rc=4)
    assert [host.run(["/bin/bash", "-c", "exit 0"]).rc, host.run("/opt/tool").rc] == [4, 3]
    assert [len(host.calls(path)) for path in ("/opt/tool", "/bin/bash")] == [1, 1]
