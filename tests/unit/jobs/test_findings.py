"""How a job is described in a message."""

from __future__ import annotations

from pytest_bgasync.jobs.findings import TAIL, WIDTH, details
from pytest_bgasync.jobs.job import Job
from tests.unit.made import CLOCK, FakeHost, job_file, launch


def told(**data: object) -> list[str]:
    return details(Job(launch(), FakeHost({"/job": job_file(data)}), CLOCK), CLOCK)


def test_the_end_of_a_long_output_is_shown() -> None:
    lines = told(rc=3, stdout="\n".join(f"line {number}" for number in range(TAIL + 5)))
    assert lines[1:3] == [f"stdout (the last {TAIL} of {TAIL + 5} lines):", "| line 5"]
    assert len(lines) == 2 + TAIL


def test_a_very_long_line_is_cut() -> None:
    assert told(rc=3, stderr="x" * 100_000)[-1] == f"| {'x' * WIDTH}... (100000 characters)"
