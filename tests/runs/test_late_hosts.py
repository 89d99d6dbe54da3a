"""The hosts of an inventory start when a task or the test needs them."""

from __future__ import annotations

import pytest

from pytest_bgasync import Host, HostProblem, Lab, LateHostError, NotThere, Outcome
from pytest_bgasync.hosts.scenario import Scenario

pytestmark = pytest.mark.bgasync(inventory="inventories/twenty.ini")

NAMES = {f"host{number}" for number in range(1, 21)}
SAY = "{name: Say, command: hostname}"


def play(hosts: str, *tasks: str, **keywords: object) -> str:
    words = "".join(f"  {name}: {value}\n" for name, value in keywords.items())
    return f"- hosts: {hosts}\n  gather_facts: false\n{words}  tasks:\n" + "".join(f"    - {task}\n" for task in tasks)


def up(bgasync: Lab) -> set[str]:
    return set(bgasync.machines)


def starts(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the names of hosts as they are asked for together."""
    asked: list[list[str]] = []
    start = Scenario.start

    def noting(self: Scenario, names: list[str]) -> None:
        asked.append(list(names))
        start(self, names)

    monkeypatch.setattr(Scenario, "start", noting)
    return asked


def test_a_play_of_one_host_starts_one(bgasync: Lab) -> None:
    assert set(bgasync.hosts) == NAMES
    assert up(bgasync) == set()
    run = bgasync.run_text(play("host7", SAY))
    assert run.result("Say").stdout == "host7"
    assert up(bgasync) == {"host7"}


def test_all_plays_of_a_run_start_theirs_at_once(bgasync: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = starts(monkeypatch)
    run = bgasync.run_text(play("front", SAY) + play("back:!host1", SAY))
    assert run.ok, run.stdout
    assert asked == [["host1", "host2", "host3"]]


def test_a_limit_starts_those_within(bgasync: Lab) -> None:
    assert bgasync.run_text(play("all", SAY), limit="front:!host1").ok
    assert up(bgasync) == {"host2"}


def test_a_pattern_of_a_variable_starts_its_hosts(bgasync: Lab) -> None:
    run = bgasync.run_text(play('"{{ where }}"', SAY), extra_vars={"where": "host4,host5"})
    assert run.ok, run.stdout
    assert up(bgasync) == {"host4", "host5"}
    assert "[WARNING]" not in run.stderr


def test_a_delegate_starts_with_its_task(bgasync: Lab) -> None:
    run = bgasync.run_text(
        play(
            "host1",
            "{name: Delegated, command: hostname, delegate_to: host9}",
            "{name: Each, command: hostname, delegate_to: '{{ item }}', loop: [host10, localhost]}",
            "{name: Job, command: sleep 1, delegate_to: host11, async: 600, poll: 1}",
        )
    )
    assert run.result("Delegated").stdout == "host9"
    assert [result.stdout for result in run.results("Each")] == ["host10", "localhost"]
    job = run.job("Job")
    assert (job.outcome, job.host) == (Outcome.SUCCEEDED, "host1")
    assert up(bgasync) == {"host1", "host9", "host10", "host11", "localhost"}
    assert bgasync.hosts["host11"].jobs()
    assert bgasync.hosts["host9"].since > 0


def test_serial_has_its_hosts(bgasync: Lab) -> None:
    run = bgasync.run_text(play("front", SAY, serial=1))
    assert [result.stdout for result in run.results("Say")] == ["host1", "host2"]
    assert up(bgasync) == {"host1", "host2"}


def test_a_group_that_grows_is_played_whole(bgasync: Lab) -> None:
    """What the first play adds belongs to the second, and nothing is said of a group that is made later."""
    run = bgasync.run_text(
        play("host1", "{add_host: {name: host8, groups: [back, new]}}")
        + play("back", "{name: Back, command: hostname}")
        + play("new", "{name: New, command: hostname}")
    )
    assert {result.stdout for result in run.results("Back")} == {"host3", "host8"}
    assert run.result("New").stdout == "host8"
    assert "WARNING" not in run.stderr + run.stdout
    assert up(bgasync) == {"host1", "host3", "host8"}


def test_the_variables_of_others_are_read_without_them(bgasync: Lab) -> None:
    run = bgasync.run_text(
        play(
            "host1",
            "{name: Read, debug: {msg: \"{{ hostvars['host12'].answer }} {{ hostvars['host12'].ansible_host }}\"}}",
            "{name: All, debug: {msg: \"{{ groups['all'] | map('extract', hostvars, 'answer') | list }}\"}}",
            "{name: Play, debug: {msg: '{{ ansible_play_hosts }} {{ groups.all | length }}'}}",
        )
    )
    assert run.result("Read").msg == "42 host12"
    assert run.result("All").msg == str([42] * 20)
    assert run.result("Play").msg == "['host1'] 20"
    assert up(bgasync) == {"host1"}


def test_the_test_starts_what_it_looks_up(bgasync: Lab) -> None:
    assert bgasync.hosts["host3"].run("hostname").stdout.strip() == "host3"
    assert bgasync.hosts["host3"].testinfra.check_output("hostname") == "host3"
    assert up(bgasync) == {"host3"}
    assert "host4" in bgasync.hosts
    assert bgasync.hosts.get("nobody") is None
    with pytest.raises(NotThere, match=r"there is no host 'nobody'; there are:\s+- host1"):
        bgasync.hosts["nobody"]
    assert len(bgasync.hosts) == 20
    assert up(bgasync) == {"host3"}


@pytest.mark.bgasync(inventory="inventories/hosts.ini")
def test_values_start_side_by_side(bgasync: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = starts(monkeypatch)
    assert [host.name for host in bgasync.hosts.values()] == list(bgasync.hosts)
    assert dict(bgasync.hosts.items()).keys() == up(bgasync)
    assert asked == [list(bgasync.hosts)]


def test_a_host_that_does_not_come_up_is_one_sentence(bgasync: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of the play are up, and it is not tried again."""
    tries: list[str] = []
    start = Scenario._start_host

    def failing(self: Scenario, name: str, image: str) -> None:
        tries.append(name)
        start(self, name, "bgasync/none" if name == "host2" else image)

    monkeypatch.setattr(Scenario, "_start_host", failing)
    with pytest.raises(LateHostError) as caught:
        bgasync.run_text(play("front", SAY, SAY))
    said = str(caught.value)
    assert said.startswith("playbook given as text needed host2: host host2 could not be created: "), said
    assert {(one.host, one.status) for one in caught.value.run.results("Say")} == {
        ("host1", "changed"),
        ("host2", "unreachable"),
    }
    with pytest.raises(HostProblem, match="host host2 could not be created"):
        bgasync.hosts["host2"]
    assert sorted(tries) == ["host1", "host2"]


def test_traffic_and_faults_of_a_late_host(bgasync: Lab) -> None:
    running = bgasync.start_text(
        play("host1", SAY, "{name: Then, command: hostname, delegate_to: host5}"), pause_before=["Then"]
    )
    running.wait_for("Then")
    late: Host = bgasync.hosts["host5"]
    with late.isolate():
        pass
    running.resume()
    assert running.wait().result("Then").stdout == "host5"
    assert late.since > 0
    assert "Host host5\n" in bgasync._scenario.ssh_config.read_text()
