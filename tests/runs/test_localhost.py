"""Nothing that a playbook does lands on the machine that runs pytest."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pytest_bgasync import Lab, Outcome

pytestmark = pytest.mark.bgasync(hosts=["web1"], time_scale=0.01)


def test_local_work_lands_in_the_container_called_localhost(bgasync: Lab, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    run = bgasync.run_text(f"""
- hosts: all
  gather_facts: false
  tasks:
    - name: Delegated
      ansible.builtin.shell: hostname; touch {mark.name}
      args: {{chdir: /tmp}}
      delegate_to: localhost
    - name: Local action
      local_action: ansible.builtin.command hostname
    - name: By address
      ansible.builtin.command: hostname
      delegate_to: 127.0.0.1
    - name: Delegated job
      ansible.builtin.command: hostname
      delegate_to: localhost
      async: 60
      poll: 0
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Local play
      ansible.builtin.command: hostname
- hosts: web1
  connection: local
  gather_facts: false
  tasks:
    - name: Local connection
      ansible.builtin.command: hostname
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Reach a host by its name
      ansible.builtin.command: getent hosts web1
""")
    assert run.ok, run.stdout
    for task in ("Delegated", "Local action", "By address", "Local play"):
        assert run.result(task).stdout == "localhost"
    assert run.result("Local connection").stdout == "web1"
    assert bgasync.host.ip in run.result("Reach a host by its name").stdout
    job = run.job("Delegated job").wait()
    assert (job.host, job.machine, job.stdout, job.outcome) == ("web1", "localhost", "localhost", Outcome.SUCCEEDED)
    assert bgasync.localhost.testinfra.file(f"/tmp/{mark.name}").exists
    assert not Path("/tmp", mark.name).exists()
    assert socket.gethostname() != "localhost"
    assert list(bgasync.hosts) == ["web1"]


def test_all_hosts_are_those_of_the_marker(bgasync: Lab) -> None:
    run = bgasync.run_text("- {hosts: all, tasks: [{name: Say, debug: {msg: '{{ inventory_hostname }}'}}]}")
    assert [result.msg for result in run.results("Say")] == ["web1"]


@pytest.mark.bgasync(hosts={"app": ["web1", "web2"], "db": ["db1"]}, time_scale=0.01)
def test_groups_and_names_between_hosts(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: app
  gather_facts: false
  tasks:
    - name: Reach the database
      ansible.builtin.command: getent hosts {{ groups['db'][0] }}
""")
    assert {result.host for result in run.results("Reach the database")} == {"web1", "web2"}
    assert all(bgasync.hosts["db1"].ip in r.stdout for r in run.results("Reach the database"))
