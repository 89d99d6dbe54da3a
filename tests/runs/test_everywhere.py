"""Jobs launched in every place a playbook has for a task are accounted for, under strict."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab

LAUNCH = "ansible.builtin.command: 'true'\n  async: 600\n  poll: 0"
ASK = "register: answer\n  until: answer is finished\n  retries: 60\n  delay: 5"


def pair(name: str, *, more: str = "", indent: int = 4) -> str:
    """Return a task that launches and one that asks, with one more line for both."""
    lines = f"""
- name: {name}
  {LAUNCH}
  register: job
  {more}
- name: Ask for {name}
  ansible.builtin.async_status: {{jid: "{{{{ job.ansible_job_id }}}}"}}
  {ASK}
  {more}
"""
    return "\n".join(" " * indent + line for line in lines.splitlines() if line.strip())


PLAYBOOK = f"""
- hosts: all
  gather_facts: false
  strategy: %s
  tasks:
{pair("Plain")}
    - block:
        - {{name: Fail, ansible.builtin.command: "false"}}
      rescue:
{pair("Rescue", indent=8)}
      always:
{pair("Always", indent=8)}
    - ansible.builtin.import_tasks: imported.yml
    - ansible.builtin.include_tasks: included.yml
    - ansible.builtin.include_role: {{name: keeper}}
    - ansible.builtin.include_tasks: nested.yml
      loop: [1, 2]
      loop_control: {{loop_var: outer}}
{pair("Delegate", more="delegate_to: web1")}
{pair("Throttle", more="throttle: 1")}
    - name: Loop
      ansible.builtin.command: echo {{{{ item.name }}}}
      loop: [{{name: a}}, {{name: b}}]
      loop_control: {{label: "{{{{ item.name }}}}"}}
      async: 600
      poll: 0
      register: jobs
    - name: Ask for Loop
      ansible.builtin.async_status: {{jid: "{{{{ one.ansible_job_id }}}}"}}
      loop: "{{{{ jobs.results }}}}"
      loop_control: {{loop_var: one, label: "{{{{ one.item.name }}}}"}}
      register: answer
      until: answer is finished
      retries: 60
      delay: 5
    - name: Notify
      ansible.builtin.command: "true"
      notify: Handle
  handlers:
    - name: Handle
      ansible.builtin.command: "true"
      async: 600
      poll: 5
"""


@pytest.mark.parametrize(
    "strategy",
    [
        "linear",
        pytest.param("free", marks=pytest.mark.thorough),
        pytest.param("host_pinned", marks=pytest.mark.thorough),
    ],
)
@pytest.mark.bgasync(hosts=["web1", "web2"], time_scale=0.02)
def test_every_place_for_a_task_and_every_strategy(bgasync: Lab, strategy: str) -> None:
    run = bgasync.run_text(PLAYBOOK % strategy)

    assert run.ok, run.stdout
    places = ["Plain", "Rescue", "Always", "Imported", "Included", "Kept", "Delegate", "Throttle", "Loop", "Loop"]
    for host in bgasync.hosts:
        tasks = [job.task for job in run.jobs if job.host == host]
        assert sorted(tasks) == sorted([*places, *["Nested"] * 4, "Handle"])
        assert {job.stdout for job in run.jobs.where(task="Nested", host=host)} == {"1x", "1y", "2x", "2y"}
    assert all(job.collected and job.outcome == "succeeded" for job in run.jobs)
    assert {job.label for job in run.jobs.where(task="Loop")} == {"a", "b"}
    assert not [finding for finding in run.findings if finding.strict]


@pytest.mark.bgasync(hosts=3, time_scale=0.02)
def test_run_once_serial_and_until(bgasync: Lab) -> None:
    run = bgasync.run_text(f"""
- hosts: all
  gather_facts: false
  serial: [1, 2]
  tasks:
{pair("Once", more="run_once: true")}
{pair("Each")}
""")
    assert run.ok, run.stdout
    assert [job.task for job in run.jobs].count("Once") == 2
    assert [job.task for job in run.jobs].count("Each") == 3
    assert {finding.kind for finding in run.findings} == {"left_behind"}


@pytest.mark.bgasync(hosts=3, time_scale=0.02)
@pytest.mark.fire_and_forget("Once", count=2)
@pytest.mark.fire_and_forget("Each", count=3, within=1500)
def test_what_serial_and_run_once_leave_behind_can_be_declared(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  serial: [1, 2]
  tasks:
    - {name: Once, ansible.builtin.command: sleep 1, async: 600, poll: 0, run_once: true}
    - {name: Each, ansible.builtin.command: sleep 2, async: 600, poll: 0}
""")
    assert [job.host for job in run.jobs.where(task="Once")] == ["host1", "host2"]
    assert not any(job.collected for job in run.jobs)


@pytest.mark.bgasync(hosts=2, time_scale=0.02, strict=False)
def test_what_is_left_in_each_of_these_places_is_found(bgasync: Lab) -> None:
    """The twin of the tests above: nobody asks."""
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  strategy: free
  tasks:
    - block:
        - {name: Fail, ansible.builtin.command: "false"}
      rescue:
        - {name: Rescue, ansible.builtin.command: "true", async: 600, poll: 0}
    - name: Loop
      ansible.builtin.command: echo {{ item }}
      loop: [a, b]
      async: 600
      poll: 0
      notify: Handle
  handlers:
    - {name: Handle, ansible.builtin.command: "true", async: 600, poll: 0}
""")
    found = [(finding.host, finding.task) for finding in run.findings if finding.kind == "uncollected"]
    assert sorted(found) == [(host, task) for host in bgasync.hosts for task in ("Handle", "Loop", "Loop", "Rescue")]
