"""Measures what accounting for jobs adds to a playbook: pytest tools/overhead.py --no-header -s.

Each round plays the same playbook bare, with ansible-playbook alone on the hosts of the test, and under
the harness, one after the other; the figures are medians and their ratio.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_bgasync import Lab
from pytest_bgasync.ansible import ansible_playbook
from pytest_bgasync.spec import STRICT
from pytest_bgasync.verify import settle

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
    pytest.param(jobs, rounds, marks=pytest.mark.bgasync(hosts, strict=False), id=f"{hosts}x{jobs}")
    for hosts, jobs, rounds in ((1, 1, 6), (1, 10, 6), (10, 10, 3), (1, 100, 2), (1, 500, 1))
]


@pytest.mark.parametrize(("jobs", "rounds"), CASES)
def test_overhead(bgasync: Lab, tmp_path: Path, jobs: int, rounds: int) -> None:
    playbook, inventory = tmp_path / "jobs.yml", tmp_path / "inventory.json"
    playbook.write_text(PLAYBOOK)
    inventory.write_text(json.dumps(bgasync._scenario.inventory()))
    command = [str(ansible_playbook()), "-i", str(inventory), "-e", f"jobs={jobs}", str(playbook)]
    bare: list[float] = []
    harnessed: list[float] = []
    accounted: list[float] = []
    for _ in range(rounds):  # the first of several opens the connections, and does not count
        began = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        bare.append(time.monotonic() - began)
        began = time.monotonic()
        assert bgasync.run(playbook, extra_vars={"jobs": jobs}).ok
        harnessed.append(time.monotonic() - began)
        began = time.monotonic()
        assert not settle(bgasync.runs, bgasync.clock, [], STRICT, patient=True).faults
        accounted.append(time.monotonic() - began)
        bgasync._runs.clear()  # each round accounts for its own jobs
    b, h, a = (statistics.median(times[1:] or times) for times in (bare, harnessed, accounted))
    hosts = len(bgasync.hosts)
    sys.stderr.write(
        f"\n{hosts} x {jobs} jobs: bare {b:.2f} s, harness {h:.2f} s ({h / b:.3f}),"
        f" strict {h + a:.2f} s ({(h + a) / b:.3f})\n"
    )
