"""What fails a test at its end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync.config.outcome_marker import Every
from pytest_bgasync.jobs.findings import STRICT
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.jobs.verdict import JobFile
from pytest_bgasync.runs.accounting import settle
from pytest_bgasync.runs.declarations import Declaration
from pytest_bgasync.runs.forced_outcome import Fates
from tests.unit.made import CLOCK, FakeHost, job_file, job_launched, run_of, task_started


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ({"within": 10}, "was still running after 10 s more instead of succeeded"),
        ({"within": 10, "rc": 0}, "was still running after 10 s more instead of succeeded, has no rc instead of 0"),
        ({"within": 10, "outcome": None}, "was still running after 10 s more"),
        ({"within": 10, "outcome": Outcome.RUNNING}, None),
        ({"outcome": Outcome.RUNNING}, None),
        ({"within": 1000, "outcome": Outcome.RUNNING}, "ended as succeeded instead of running"),
        ({"within": 1000, "rc": 0}, None),
    ],
)
def test_a_declared_job_is_judged_by_how_it_stood_when_its_own_time_was_over(
    tmp_path: Path, declared: dict[str, Any], fault: str | None
) -> None:
    """Here it ends a hundred playbook seconds after the test, and is looked at later still."""
    launched = job_launched(at=time.time())
    ended = job_file({"rc": 0}, written=CLOCK.at(time.time()) + 100)
    run = run_of([task_started(), launched], tmp_path, FakeHost({launched["results_file"]: ended}))
    faults = settle([run], CLOCK, [Declaration("Start it", **declared)], STRICT, patient=True).faults
    assert [text.partition("\n")[0].partition("j1.1) ")[2] for text in faults] == ([] if fault is None else [fault])


@pytest.mark.parametrize("outcome", [Outcome.UNREACHABLE, Outcome.LOST])
def test_of_a_host_that_is_made_unreachable_no_job_is_uncollected(tmp_path: Path, outcome: Outcome) -> None:
    other = [task_started("Other", "t2"), job_launched("j2.2", task="Other", task_id="t2")]
    host = FakeHost(silent=outcome is Outcome.UNREACHABLE)
    run = run_of([task_started(), job_launched(), *other], tmp_path, host)
    fates = Fates(Every("Start it"), outcome, lambda _: None)
    faults = settle([run], CLOCK, [], STRICT, fates, patient=True).faults
    blamed = [text.partition(" on host1")[0] for text in faults]
    assert blamed == ([] if host.silent else ["uncollected: nobody read the result of job 'Other'"])


@pytest.mark.parametrize(
    ("jobs", "count", "fault"),
    [
        (0, (0, 1), None),
        (1, (0, 1), None),
        (2, (0, 1), "launched 2 jobs instead of 0 to 1"),
        (0, (1, 2), "launched 0 jobs instead of 1 to 2"),
        (1, (1, 1), None),
        (2, (1, 1), "launched 2 jobs instead of 1"),
    ],
)
def test_a_count_may_be_from_and_to(tmp_path: Path, jobs: int, count: tuple[int, int], fault: str | None) -> None:
    launched = [job_launched(f"j{number}.{number}") for number in range(jobs)]
    files: dict[str, JobFile | None] = {one["results_file"]: job_file({"rc": 0}) for one in launched}
    run = run_of([task_started(), *launched], tmp_path, FakeHost(files))
    faults = settle([run], CLOCK, [Declaration("Start it", count=count)], STRICT, patient=True).faults
    assert list(faults) == ([] if fault is None else [f"fire_and_forget: task 'Start it' {fault}"])
