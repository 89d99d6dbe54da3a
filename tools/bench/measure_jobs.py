"""Measures what it costs to account for every job, and how much memory that takes.

Each round plays the same playbook with ansible-playbook alone, and under the harness, without and with strict,
on the same hosts; to the latter two belongs all that the end of a test asks of its hosts. Without forked runs,
which would make up for more than this costs.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Collection
from pathlib import Path

import psutil
import pytest
from bench import side_by_side

from pytest_bgasync import Lab
from pytest_bgasync.jobs.findings import STRICT
from pytest_bgasync.runs.accounting import settle
from pytest_bgasync.runs.ansible import ansible_playbook

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Launch
      ansible.builtin.command: "true"
      loop: "{{ range(jobs | int) | list }}"
      async: 600
      poll: 0
      register: launched
    - name: Ask
      ansible.builtin.async_status: {jid: "{{ item.ansible_job_id }}"}
      loop: "{{ launched.results }}"
      loop_control: {label: "{{ item.item }}"}
      register: answer
      until: answer is finished
      retries: 60
      delay: 1
"""
CASES = [
    pytest.param(hosts, jobs, rounds, marks=pytest.mark.bgasync(hosts, strict=False), id=f"{hosts}x{jobs}")
    for hosts, jobs, rounds in ((1, 1, 5), (1, 10, 5), (10, 10, 2), (50, 1, 2), (1, 100, 2), (1, 500, 1))
]


@pytest.mark.parametrize(("hosts", "jobs", "rounds"), CASES)
def test_jobs(bgasync: Lab, tmp_path: Path, hosts: int, jobs: int, rounds: int) -> None:
    playbook = tmp_path / "jobs.yml"
    playbook.write_text(PLAYBOOK)

    def bare() -> None:
        command = [str(ansible_playbook()), "-i", str(bgasync._inventory()), "-e", f"jobs={jobs}", str(playbook)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def harnessed(strict: Collection[str] = ()) -> None:
        assert bgasync.run(playbook, extra_vars={"jobs": jobs}).ok
        assert not settle(bgasync.runs, bgasync.clock, [], strict, patient=True).faults

    def tidy() -> None:
        bgasync.close()
        bgasync._runs.clear()  # each round accounts for its own jobs

    before = psutil.Process().memory_info().rss
    ways = {"ansible-playbook": bare, "harness": harnessed, "strict": lambda: harnessed(STRICT)}
    times = side_by_side(
        {f"{hosts} x {jobs}, {name}": way for name, way in ways.items()}, rounds, tidy, warm=jobs < 100
    )
    grown = round((psutil.Process().memory_info().rss - before) / 2**20, 1)
    times[f"{hosts} x {jobs}, memory of pytest (MiB)"] = [grown]
    Path(os.environ["BENCH_OUT"], f"{hosts}x{jobs}.json").write_text(json.dumps(times))
