"""Measures what the harness adds to a playbook: pytest tools/overhead.py --no-header -s.

Each round plays the same playbook bare, with ansible-playbook alone on the hosts of the test, and under
the harness, without and with strict, one after the other; to the latter belongs all that the end of the
test asks of its hosts. A bare run before them opens the connections. The figures are medians and ratios.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Collection
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
    for hosts, jobs, rounds in ((1, 1, 5), (1, 10, 5), (10, 10, 3), (1, 100, 2), (1, 500, 2))
]


@pytest.mark.parametrize(("jobs", "rounds"), CASES)
def test_overhead(bgasync: Lab, tmp_path: Path, jobs: int, rounds: int) -> None:
    playbook = tmp_path / "jobs.yml"
    playbook.write_text(PLAYBOOK)

    def bare(jobs: int = jobs) -> None:
        command = [str(ansible_playbook()), "-i", str(bgasync._inventory()), "-e", f"jobs={jobs}", str(playbook)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def harnessed(strict: Collection[str] = ()) -> None:
        assert bgasync.run(playbook, extra_vars={"jobs": jobs}).ok
        assert not settle(bgasync.runs, bgasync.clock, [], strict, patient=True).faults
        bgasync.close()
        bgasync._runs.clear()  # each round accounts for its own jobs

    bare(jobs=1)
    ways: list[Callable[[], None]] = [bare, harnessed, lambda: harnessed(STRICT)]
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, taken in zip(ways, times, strict=True):
            began = time.monotonic()
            way()
            taken.append(time.monotonic() - began)
    alone, remarked, strict = map(statistics.median, times)
    sys.stderr.write(
        f"\n{len(bgasync.hosts)} x {jobs} jobs: bare {alone:.2f} s, harness {remarked:.2f} s"
        f" ({remarked / alone:.3f}), strict {strict:.2f} s ({strict / alone:.3f})\n"
    )
