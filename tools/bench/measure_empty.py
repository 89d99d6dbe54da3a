"""Measures an empty playbook, by the command and by the harness."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from bench import side_by_side

from pytest_bgasync import Lab
from pytest_bgasync.runs.ansible import ansible_playbook

EMPTY = "- hosts: all\n  gather_facts: false\n  tasks: []\n"


def test_empty(bgasync: Lab, tmp_path: Path) -> None:
    playbook = tmp_path / "empty.yml"
    playbook.write_text(EMPTY)
    bare = [str(ansible_playbook()), "-i", str(bgasync._inventory()), str(playbook)]

    def forked() -> None:
        assert bgasync.run(playbook).ok

    ways = {"ansible-playbook": lambda: subprocess.run(bare, check=True, capture_output=True), "pytest-bgasync": forked}
    Path(os.environ["BENCH_OUT"], "empty.json").write_text(json.dumps(side_by_side(ways, rounds=20)))
