"""Nothing that a playbook does lands on the machine that runs pytest."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_bgasync import Engine, Lab, Outcome

pytestmark = pytest.mark.bgasync(hosts=["web1"], time_scale=0.01, strict=False)


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
      async: 6000
      poll: 0
    - name: Job by address
      ansible.builtin.command: hostname
      delegate_to: 127.0.0.1
      async: 6000
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
    assert [job.task for job in bgasync.localhost.jobs()] == ["Delegated job", "Job by address"]
    assert bgasync.localhost.testinfra.file(f"/tmp/{mark.name}").exists
    assert not Path("/tmp", mark.name).exists()
    assert list(bgasync.hosts) == ["web1"]


def test_localhost_starts_when_a_task_needs_it_first(bgasync: Lab, bgasync_engine: Engine) -> None:
    (network,) = bgasync.host.container.attrs["NetworkSettings"]["Networks"]

    def up() -> int:
        return len(bgasync_engine.client.networks.get(network).attrs["Containers"])

    assert bgasync.run_text("- {hosts: all, tasks: [{command: 'true', async: 60, poll: 1}]}").ok
    assert up() == 1
    delegated = "- {hosts: all, tasks: [{name: Where, command: hostname, delegate_to: localhost, loop: [1, 2]}]}"
    running = [bgasync.start_text(delegated) for _ in range(2)]
    for run in [running[0].wait(), running[1].wait(), bgasync.run_text(delegated)]:
        assert [result.stdout for result in run.results("Where")] == ["localhost"] * 2, run.stdout
    assert up() == 2
    assert run.daemons("localhost") == []


def test_what_a_run_leaves_on_a_localhost_that_it_has_started_is_told_apart_from_what_localhost_is(
    bgasync: Lab,
) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - name: Leave
      ansible.builtin.shell: nohup sleep 300 >/dev/null 2>&1 &
      delegate_to: localhost
""")
    assert [process.command for process in run.daemons("localhost")] == ["sleep 300"]


def test_all_hosts_are_those_of_the_marker(bgasync: Lab) -> None:
    run = bgasync.run_text("- {hosts: all, tasks: [{name: Say, debug: {msg: '{{ inventory_hostname }}'}}]}")
    assert [result.msg for result in run.results("Say")] == ["web1"]


@pytest.mark.bgasync(hosts={"app": ["web1", "web2"], "db": ["db1"]}, time_scale=0.01, strict=False)
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


#: What an ansible.cfg may say, too. This path is the same for all hosts that are at one address.
SETTINGS = {
    "ANSIBLE_SSH_CONTROL_PATH": "%(directory)s/%%h-%%r",
    "ANSIBLE_SSH_EXECUTABLE": "/bin/false",
    "ANSIBLE_SSH_EXTRA_ARGS": "-o ProxyCommand=false",
    "ANSIBLE_SFTP_EXTRA_ARGS": "-o ProxyCommand=false",
    "ANSIBLE_SSH_TRANSFER_METHOD": "scp",
    "ANSIBLE_SCP_EXECUTABLE": "/bin/false",
}


@pytest.mark.parametrize("extra_vars", [{}, {"ansible_connection": "local", "ansible_host": "192.0.2.1"}])
def test_no_variable_of_the_author_leads_out_of_the_scenario(bgasync: Lab, extra_vars: dict[str, str]) -> None:
    run = bgasync.run_text(
        """
- hosts: all
  gather_facts: false
  vars: {ansible_connection: local, ansible_ssh_host: 192.0.2.1, ansible_password: wrong, ansible_user: nobody}
  tasks:
    - name: Where
      ansible.builtin.command: hostname
      vars: {ansible_connection: local}
    - name: Where else
      ansible.builtin.command: hostname
      delegate_to: localhost
    - name: Reach what is called its address
      ansible.builtin.command: getent hosts {{ hostvars['web1'].ansible_host }}
      delegate_to: localhost
    - name: Copy
      ansible.builtin.copy: {content: here, dest: /tmp/copied}
    - name: Remember
      ansible.builtin.set_fact: {ansible_connection: local}
    - name: Where now
      ansible.builtin.command: hostname
      async: 6000
      poll: 1
    - name: Add
      ansible.builtin.add_host: {name: stranger, groups: strangers, ansible_connection: local, colour: blue}
    - name: Recall
      ansible.builtin.debug: {msg: "{{ hostvars['stranger'].colour }}"}
    - name: Delegate to a stranger
      ansible.builtin.command: hostname
      delegate_to: production.example.com
      ignore_unreachable: true
- hosts: strangers
  gather_facts: false
  tasks:
    - name: Where on a stranger
      ansible.builtin.command: hostname
""",
        extra_vars=extra_vars,
        env=SETTINGS,
    )
    assert [run.result(task).stdout for task in ("Where", "Where else", "Where now")] == ["web1", "localhost", "web1"]
    assert run.result("Reach what is called its address").stdout.split()[0] == bgasync.host.ip
    assert bgasync.host.read("/tmp/copied") == "here"
    assert run.result("Recall").msg == "blue"
    for task, name in (("Delegate to a stranger", "production.example.com"), ("Where on a stranger", "stranger")):
        assert run.result(task).status == "unreachable"
        assert f"host {name!r} is not in this scenario, and tasks reach only its containers" in run.result(task).msg
