"""The author's own inventory: a container for each host, groups and variables kept."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab

INVENTORIES = ["hosts.ini", "hosts.yml", "folder", "script"]
PLAY = """
- hosts: app_servers
  gather_facts: false
  tasks:
    - {name: Name, command: hostname}
    - {name: Reach, command: getent hosts lb.example.com}
    - {name: Job, shell: 'echo {{ answer }} {{ group_names | join(" ") }}', async: 60, poll: 1}
    - {name: Local, command: hostname, delegate_to: localhost}
- hosts: web1
  gather_facts: false
  tasks:
    - {name: Say, debug: {msg: "{{ port }} {{ groups.site | length }} {{ inventory_dir is defined }}"}}
"""


@pytest.mark.parametrize(
    "inventory",
    [pytest.param(name, marks=pytest.mark.bgasync(inventory=f"inventories/{name}")) for name in INVENTORIES],
)
def test_the_hosts_of_an_inventory_are_containers_and_know_their_groups_and_variables(
    bgasync: Lab, inventory: str
) -> None:
    assert set(bgasync.hosts) == {"web1", "10.0.0.2", "lb.example.com"}, inventory
    assert bgasync.hosts["lb.example.com"]  # no play goes to it, and a host has a name on the network once it is up

    run = bgasync.run_text(PLAY)

    assert run.ok, run.stdout
    assert {(one.host, one.stdout) for one in run.results("Name")} == {("web1", "web1"), ("10.0.0.2", "10.0.0.2")}
    assert bgasync.hosts["lb.example.com"].ip in run.result("Reach", host="web1").stdout
    assert {job.stdout for job in run.jobs} == {"42 app_servers site"}
    assert {one.stdout for one in run.results("Local")} == {"localhost"}
    assert run.result("Say").msg == "8080 3 True"
    assert run.daemons("10.0.0.2") == []


@pytest.mark.bgasync(hosts={"web-servers": ["web1"], "2nd.tier": ["db1"]})
def test_groups_may_have_names_that_ansible_warns_of(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- {hosts: web-servers, gather_facts: false, tasks: [{name: Web, command: 'echo {{ group_names | join }}'}]}
- {hosts: 2nd.tier, gather_facts: false, tasks: [{name: Tier, command: 'echo {{ groups["web-servers"] | join }}'}]}
""")
    assert run.ok, run.stdout
    seen = [(one.host, one.stdout) for task in ("Web", "Tier") for one in run.results(task)]
    assert seen == [("web1", "web-servers"), ("db1", "web1")]
