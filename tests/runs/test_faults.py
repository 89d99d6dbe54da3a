"""What can befall a host: done to the real thing, undone in every exit."""

from __future__ import annotations

import time

import pytest

from pytest_bgasync import CommandDeadline, HostProblem, Lab
from pytest_bgasync.hosts import testinfra_backend
from pytest_bgasync.util.clock import Deadline

pytestmark = pytest.mark.bgasync(time_scale=0.05)

WORK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command: sleep %s
      async: 6000
      poll: 0
"""
PING = "[{hosts: all, gather_facts: false, tasks: [{name: Ping, ping: }]}]"


@pytest.mark.fire_and_forget("Work")
def test_cut_connections_end_no_job(bgasync: Lab) -> None:
    run = bgasync.run_text(WORK.replace("sleep %s", "sh -c 'until test -e /go; do sleep 0.1; done'"))
    sessions = [p for p in bgasync.host.processes() if p.command.startswith("sshd: ansible")]
    assert sessions
    bgasync.host.drop_ssh()
    left = {process.pid for process in bgasync.host.processes()}
    assert not left & {process.pid for process in sessions}
    assert run.job("Work").outcome == "running"
    assert bgasync.run_text(PING).ok
    bgasync.host.put("/go", "")


def test_a_task_whose_connection_is_cut_is_unreachable(bgasync: Lab) -> None:
    text = "[{hosts: all, gather_facts: false, tasks: [{name: Wait, command: sleep 60}]}]"
    with bgasync.start_text(text) as running:
        assert Deadline(20).wait_for(lambda: any("sleep 60" in p.command for p in bgasync.host.processes()))
        bgasync.host.drop_ssh()
    assert running.wait().result("Wait").status == "unreachable"


@pytest.mark.bgasync(strict=False)
def test_a_frozen_host_answers_nobody_and_goes_on_afterwards(bgasync: Lab) -> None:
    job = bgasync.run_text(WORK % 60).job("Work")
    bgasync.host.drop_ssh()  # a connection that is open would hang for twelve seconds
    with bgasync.host.freeze():
        assert job.outcome == "unreachable"
        run = bgasync.run_text(PING, env={"ANSIBLE_TIMEOUT": "2"})
        assert run.result("Ping").status == "unreachable"
        with pytest.raises(HostProblem):
            bgasync.host.run("true")
    assert job.outcome == "running"
    assert bgasync.run_text(PING).ok
    with pytest.raises(ZeroDivisionError), bgasync.host.freeze():
        _ = 1 / 0
    assert bgasync.run_text(PING).ok


@pytest.mark.bgasync(hosts=2, strict=False)
def test_an_isolated_host_works_on_and_nobody_reaches_it(bgasync: Lab) -> None:
    host1, host2 = bgasync.hosts["host1"], bgasync.hosts["host2"]
    reach = "python3 -c \"import socket; socket.create_connection(('host1', 22), 2)\""
    assert host2.run(reach).rc == 0
    job = bgasync.run_text(WORK % 60, limit="host1").job("Work")
    routes = host1.run("/sbin/ip route").stdout
    assert "default via" in routes
    host1.stub("ip")  # what a test puts first on the PATH is not asked
    with host1.isolate():
        assert host2.run(reach).rc != 0
        assert job.outcome == "unreachable"
        assert host1.run("pgrep -f 'sleep 60'").rc == 0
        run = bgasync.run_text(PING, env={"ANSIBLE_TIMEOUT": "2"})
        assert [run.result("Ping", host=name).status for name in ("host1", "host2")] == ["unreachable", "ok"]
    assert host1.run("/sbin/ip route").stdout == routes
    with pytest.raises(ZeroDivisionError), host1.isolate():
        _ = 1 / 0
    assert host1.run("/sbin/ip route").stdout == routes
    assert host2.run(reach).rc == 0
    assert job.outcome == "running"
    assert bgasync.run_text(PING).ok


def address(lab: Lab) -> set[str]:
    """Return the addresses that the host itself says it has."""
    return set(lab.host.run("ip -o -4 addr show scope global | sed 's/.*inet //; s,/.*,,'").stdout.split())


@pytest.mark.bgasync(strict=False)
def test_a_host_that_reboots_loses_its_processes_and_keeps_its_files(bgasync: Lab) -> None:
    job = bgasync.run_text(WORK % 60).job("Work")
    bgasync.host.put("/etc/kept", "kept")
    bgasync.host.put("/etc/bgasync/boot.d/count", "#!/bin/sh\necho again >>/etc/boots\n", 0o755)
    before = address(bgasync)
    for _ in range(2):
        bgasync.host.reboot()
    assert job.outcome == "lost"
    assert bgasync.host.read("/etc/kept") == "kept"
    assert bgasync.host.read("/etc/boots") == "again\nagain\n"
    assert bgasync.run_text(PING).ok
    assert bgasync.host.testinfra.file("/etc/kept").exists
    assert address(bgasync) == before == {bgasync.host.ip}
    assert bgasync.host.container.attrs["State"]["Running"]


@pytest.mark.parametrize("command", ["while :; do echo y; done", "exec >&- 2>&-; sleep 77"])
def test_a_command_ends_at_its_limit_whatever_it_does_with_its_output(bgasync: Lab, command: str) -> None:
    began = time.monotonic()
    with pytest.raises(CommandDeadline, match=r"did not end within 1 s"):
        bgasync.host.run(command, within=1)
    assert time.monotonic() - began < 20


def test_a_command_of_testinfra_ends_at_its_limit(bgasync: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bgasync.host.testinfra.user("ansible").exists
    monkeypatch.setattr(testinfra_backend, "COMMAND", 1.5)
    began = time.monotonic()
    with pytest.raises(CommandDeadline, match=r"on host host1 a command of testinfra did not end within 1\.5 s"):
        bgasync.host.testinfra.run("sleep 77")
    assert time.monotonic() - began < 20
