"""Writes a project about the size of a large public one, for the audit to read."""

from __future__ import annotations

from pathlib import Path

#: Roles of the project, and how many of them each playbook applies.
ROLES, APPLIED = 100, 20

_TASKS = """\
- name: Read what {role} has
  ansible.builtin.include_vars: {{file: "{{{{ item }}}}"}}
  loop: "{{{{ query('first_found', {role}_files, errors='ignore') }}}}"
  when: {role}_enabled | bool

- name: Install {role}
  ansible.builtin.package:
    name: "{{{{ {role}_packages | flatten }}}}"
    state: "{{{{ 'present' if {role}_enabled | bool else 'absent' }}}}"
  register: {role}_installed
  until: {role}_installed is succeeded

- name: Divert the files of {role}
  when: {role}_enabled | bool and {role}_installed is changed
  block:
    - name: Look for the old file
      ansible.builtin.stat: {{path: "/etc/{role}/old"}}
      register: {role}_old
    - name: Move it away
      ansible.builtin.command: mv /etc/{role}/old /etc/{role}/older
      when: {role}_old.stat.exists
  rescue:
    - name: Say that it stays
      ansible.builtin.debug: {{msg: "{{{{ ansible_failed_result.msg | default('') }}}}"}}

- name: Configure {role}
  ansible.builtin.import_tasks: configure.yml

- name: Flush handlers
  ansible.builtin.meta: flush_handlers
"""
_CONFIGURE = """\
- name: Write part {number} of {role}
  ansible.builtin.template:
    src: "etc/{role}/part{number}.j2"
    dest: "/etc/{role}/part{number}"
    mode: "0644"
  when: {role}_enabled | bool and {role}_value{number} != 'none'
  register: {role}_part{number}
  notify: Restart {role}
"""
_JOB = """\
- name: Index {role}
  ansible.builtin.command: /usr/lib/{role}/index
  async: "{{{{ {role}_limit }}}}"
  poll: 0
  register: {role}_index
  when: {role}_enabled | bool

- name: Wait for the index of {role}
  ansible.builtin.async_status: {{jid: "{{{{ {role}_index.ansible_job_id }}}}"}}
  register: {role}_indexed
  until: {role}_indexed is finished
  retries: 60
  delay: 10
  when: {role}_enabled | bool
"""
_HANDLERS = """\
- name: Test the configuration of {role}
  ansible.builtin.command: {role} --test
  register: {role}_tested
  changed_when: {role}_tested.rc == 0
  listen: Restart {role}

- name: Restart the service of {role}
  ansible.builtin.service: {{name: {role}, state: restarted}}
  when: {role}_tested.rc == 0
  listen: Restart {role}
"""
_DEFAULTS = """\
{role}_enabled: true
{role}_limit: 600
{role}_files: ["{{{{ ansible_distribution }}}}.yml", default.yml]
{role}_packages: ["{role}", "{{{{ {role}_more | default([]) }}}}"]
"""


def write_tree(folder: Path, playbooks: int) -> None:
    """Write the roles, and playbooks that each apply some of them; one role in ten has a background job."""
    names = [f"role{number}" for number in range(ROLES)]
    for number, role in enumerate(names):
        parts = "\n".join(_CONFIGURE.format(role=role, number=part) for part in range(8))
        values = "".join(f"{role}_value{part}: \"{{{{ {role}_more | default('none') }}}}\"\n" for part in range(8))
        said = {
            "tasks/main": _TASKS.format(role=role) + (_JOB.format(role=role) if number % 10 == 0 else ""),
            "tasks/configure": parts,
            "handlers/main": _HANDLERS.format(role=role),
            "defaults/main": _DEFAULTS.format(role=role) + values,
            "meta/main": "dependencies: [handlers]\n",
        }
        for name, text in said.items():
            _write(folder / "roles" / role / f"{name}.yml", text)
    # As some projects have it: all handlers in one role, on which every other one depends.
    shared = "".join(f"- name: Handlers of {role}\n  ansible.builtin.import_tasks: {role}.yml\n" for role in names)
    _write(folder / "roles/handlers/handlers/main.yml", shared)
    for role in names:
        _write(folder / "roles/handlers/handlers" / f"{role}.yml", _HANDLERS.format(role=role))
    for number in range(playbooks):
        applied = [names[(7 * number + 3 * step) % ROLES] for step in range(APPLIED)]
        roles = "".join(f"    - role: {role}\n      when: \"'{role}' in wanted\"\n" for role in applied)
        _write(folder / "playbooks" / f"site{number}.yml", f"- hosts: all\n  become: true\n  roles:\n{roles}")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
