"""Measures what one task of each kind costs, by the command and by the harness, without the start of Ansible."""

from __future__ import annotations

import json
import os
import subprocess
from functools import partial
from pathlib import Path

import pytest
from bench import side_by_side

from pytest_bgasync import Lab
from pytest_bgasync.runs.ansible import ansible_playbook

#: How many tasks a playbook has; what it costs without any is taken off.
TASKS = 20
KINDS = {
    "debug": "ansible.builtin.debug: {msg: a}",
    "command": "ansible.builtin.command: 'true'",
    "copy": "ansible.builtin.copy: {content: a, dest: /tmp/a}",
    "gathering facts": "ansible.builtin.setup:",
    "launch": "ansible.builtin.command: 'true'\n      async: 60\n      poll: 0",
}


@pytest.mark.bgasync(strict=False)
@pytest.mark.parametrize("kind", KINDS)
def test_tasks(bgasync: Lab, tmp_path: Path, kind: str) -> None:
    def played(tasks: int) -> Path:
        playbook = tmp_path / f"{tasks}.yml"
        lines = ["- hosts: all", "  gather_facts: false", "  tasks:", "    - ansible.builtin.meta: noop"]
        playbook.write_text("\n".join([*lines, *[f"    - {KINDS[kind]}"] * tasks, ""]))
        return playbook

    def bare(tasks: int) -> None:
        command = [str(ansible_playbook()), "-i", str(bgasync._inventory()), str(played(tasks))]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def ours(tasks: int) -> None:
        assert bgasync.run(played(tasks)).ok

    ways = {
        f"{name}, {tasks}": partial(way, tasks)
        for name, way in {"ansible-playbook": bare, "pytest-bgasync": ours}.items()
        for tasks in (0, TASKS)
    }
    taken = side_by_side(ways, rounds=5)
    each = {
        f"{kind}, {name}": [
            round((more - none) / TASKS, 4)
            for none, more in zip(taken[f"{name}, 0"], taken[f"{name}, {TASKS}"], strict=True)
        ]
        for name in ("ansible-playbook", "pytest-bgasync")
    }
    Path(os.environ["BENCH_OUT"], f"{kind}.json").write_text(json.dumps(each))
