"""A task runs in a container of the scenario or nowhere, whatever variables, keywords, settings and plugins say.

Each way out leaves its mark in a folder of this machine when it works. A test tries several in one run, to be quick,
and compares where each task was: in which container, or ``unreachable``, or ``failed`` there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from pytest_bgasync import Lab, Run

pytestmark = pytest.mark.bgasync(hosts=["web1"], time_scale=0.01, strict=False)

Task = dict[str, Any]


class Outside:
    """This machine, where nothing may run: what does leaves a mark."""

    def __init__(self, folder: Path) -> None:
        self.marks = folder / "marks"
        self.project = folder / "project"
        self.program = self.write("program", f"#!/bin/sh\nmkdir -p {self.marks}\ntouch {self.marks}/program\nexit 255\n")
        self.program.chmod(0o755)
        self.where = {"ansible.builtin.shell": f"mkdir -p {self.marks} && touch {self.marks}/task && hostname"}
        """A module that says where it is."""
        runs = f"-o ProxyCommand={self.program} -o PermitLocalCommand=yes -o LocalCommand={self.program}"
        self.lies = {
            "ansible_connection": "local",
            "ansible_host": "192.0.2.1",
            "ansible_ssh_host": "192.0.2.1",
            "ansible_port": 1,
            "ansible_ssh_port": 1,
            "ansible_user": f"-oProxyCommand={self.program}",
            "ansible_ssh_user": f"-oProxyCommand={self.program}",
            "ansible_password": "wrong",
            "ansible_ssh_pass": "wrong",
            "ansible_ssh_password_mechanism": "sshpass",
            "ansible_ssh_executable": str(self.program),
            "ansible_sftp_executable": str(self.program),
            "ansible_scp_executable": str(self.program),
            "ansible_ssh_args": runs,
            "ansible_ssh_common_args": runs,
            "ansible_ssh_extra_args": runs,
            "ansible_sftp_extra_args": f"-S {self.program}",
            "ansible_scp_extra_args": f"-S {self.program}",
            "ansible_ssh_transfer_method": "scp",
            "ansible_scp_if_ssh": True,
            "ansible_control_path": f"{folder}/control",
            "ansible_control_path_dir": f"{folder}/controls",
            "ansible_private_key_file": "/dev/null",
            "ansible_ssh_private_key_file": "/dev/null",
            "ansible_ssh_private_key": "wrong",
            "ansible_ssh_pkcs11_provider": f"{folder}/provider.so",
            "ansible_host_key_checking": True,
            "ansible_ssh_pipelining": False,
            "ansible_pipelining": False,
        }
        """Every variable that could lead a connection elsewhere."""

    def write(self, name: str, text: str) -> Path:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    def code(self, name: str, text: str) -> Path:
        """Write a plugin, in which MARKS is the folder for marks."""
        return self.write(name, dedent(text).replace("MARKS", str(self.marks)))

    def task(self, name: str, /, **keywords: Any) -> Task:
        return {"name": name, **self.where, **keywords}

    def play(self, *plays: dict[str, Any]) -> str:
        """Write plays whose tasks may fail into the project; return the path."""
        plain = {"hosts": "web1", "gather_facts": False, "ignore_errors": True, "ignore_unreachable": True}
        return str(self.write("site.yml", json.dumps([plain | play for play in plays])))

    def places(self, run: Run) -> dict[str, str]:
        """Return where each task with a name says it was, or else what became of it. None may have been here."""
        assert not self.marks.exists(), run.stdout
        found: dict[str, str] = {}
        for event in run.events:
            if event["event"] == "task_started" and (results := run.results(event["task"])):
                found[event["task"]] = " ".join(result.stdout or result.status for result in results)
        return found


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    return Outside(tmp_path)


def test_a_loop_variable_moves_no_task(bgasync: Lab, outside: Outside) -> None:
    copy = {"ansible.builtin.copy": {"content": "here", "dest": "/tmp/copied", "force": True}}
    tasks = [
        outside.task(name, loop=[lie], loop_control={"loop_var": name})
        if "sftp" not in name and "scp" not in name
        else {"name": name, **copy, "loop": [lie], "loop_control": {"loop_var": name}}
        for name, lie in outside.lies.items()
    ]
    tasks += [
        outside.task("pair", loop=["local"], loop_control={"loop_var": "ansible_connection", "index_var": "ansible_port"}),
        outside.task(
            "delegated",
            delegate_to="{{ ansible_host }}",
            loop=["localhost", "web1"],
            loop_control={"loop_var": "ansible_host", "index_var": "ansible_connection"},
        ),
        outside.task(
            "as delegated vars",
            delegate_to="localhost",
            loop=[{"localhost": outside.lies}],
            loop_control={"loop_var": "ansible_delegated_vars", "label": "none"},
        ),
        outside.task("registered", loop=[1, 2], register="ansible_connection"),
    ]
    places = outside.places(bgasync.run(outside.play({"tasks": tasks})))
    expected = {name: "ok" if "sftp" in name or "scp" in name else "web1" for name in outside.lies}
    copied = [name for name, place in places.items() if place == "changed"]
    assert places | dict.fromkeys(copied, "ok") == expected | {
        "pair": "web1",
        "delegated": "localhost web1",
        "as delegated vars": "localhost",
        "registered": "web1 web1",
    }


def test_variables_from_everywhere_move_no_task(bgasync: Lab, outside: Outside) -> None:
    lies, task = outside.lies, outside.task
    for name in (
        "group_vars/all.json", "host_vars/web1.json", "vars/given.json", "roles/liar/defaults/main.json",
        "roles/liar/vars/main.json", "roles/caller/defaults/main.json",
    ):  # fmt: skip
        outside.write(name, json.dumps(lies))
    outside.write("roles/liar/tasks/main.json", json.dumps([task("role"), task("role's", vars=lies)]))
    outside.write("roles/caller/tasks/main.json", json.dumps([task("role with variables")]))
    outside.write("tasks.json", json.dumps([task("included {{ ansible_connection }}")]))
    outside.write("more.json", json.dumps([task("included in a loop")]))
    outside.write("imported.json", json.dumps([{"hosts": "web1", "gather_facts": False, "tasks": [task("imported")]}]))
    outside.write("library/lie.py", f"""\
        #!/usr/bin/python3
        import json
        print(json.dumps({{"changed": False, "ansible_facts": json.loads({json.dumps(lies)!r})}}))
        """)
    run = bgasync.run(
        outside.play(
            {
                "vars": lies,
                "vars_files": ["vars/given.json"],
                "roles": ["liar", {"role": "caller", "vars": lies}],
                "tasks": [
                    task("task", vars=lies),
                    {"vars": lies, "block": [task("block")], "always": [task("always")]},
                    task("delegated to localhost", vars=lies, delegate_to="localhost"),
                    task("background job", vars=lies, **{"async": 600, "poll": 1}),
                    {"ansible.builtin.include_vars": "vars/given.json"},
                    task("include_vars"),
                    {"ansible.builtin.set_fact": lies | {"cacheable": True}},
                    task("set_fact"),
                    {"ansible.builtin.set_fact": lies, "delegate_to": "localhost", "delegate_facts": True},
                    task("delegate_facts", delegate_to="localhost"),
                    {"lie": {}},
                    task("facts of a module"),
                    {"ansible.builtin.include_tasks": {"file": "tasks.json", "apply": {"vars": lies}}},
                    {
                        "ansible.builtin.include_tasks": "more.json",
                        "loop": ["local"],
                        "loop_control": {"loop_var": "ansible_connection"},
                    },
                    {"ansible.builtin.command": "hostname", "register": "ansible_connection"},
                    task("registered"),
                    {"ansible.builtin.add_host": {"name": "web1", "groups": "again", **lies}},
                    task("add_host"),
                    {"ansible.builtin.group_by": {"key": "liars"}},
                    {"ansible.builtin.meta": "clear_facts"},
                    task("templated", vars={"ansible_connection": "{{ 'lo' ~ 'cal' }}"}),
                    task("told", changed_when=True, notify="Tell", vars=lies),
                ],
                "handlers": [task("Tell", vars=lies)],
            },
            {"hosts": "liars", "connection": "local", "vars": lies, "tasks": [task("group_by")]},
            {"ansible.builtin.import_playbook": "imported.json", "vars": lies, "hosts": None},
        ),
        extra_vars=lies,
    )
    places = {name: place for name, place in outside.places(run).items() if place != "ok"}
    assert "localhost" == places.pop("delegated to localhost") == places.pop("delegate_facts")
    assert set(places.values()) == {"web1"}, places
    assert len(places) >= 20
