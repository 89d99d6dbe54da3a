"""Stubs behave as they are told and record every call."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, NotThere, UsageProblem
from pytest_bgasync.clock import Deadline


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
