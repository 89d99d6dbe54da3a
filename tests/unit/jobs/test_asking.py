"""Why a job was not found."""

from __future__ import annotations

import pytest

from pytest_bgasync.jobs.launches import Miss
from pytest_bgasync.jobs.rules.asking import why_missed
from tests.unit.made import launch


@pytest.mark.parametrize(
    ("user", "looked", "why"),
    [
        ("app", "/home/app/.ansible_async", "its job file was not in /home/app/.ansible_async any more"),
        ("app", "~app/.ansible_async", "its job file was not in /home/app/.ansible_async any more"),
        ("app", "~app/jobs", "it was looked for in ~app/jobs; its job file is in /home/app/.ansible_async"),
        (
            "root",
            "~root/.ansible_async",
            "it was looked for in ~root/.ansible_async as root, and it was launched as app; its job file is in"
            " /home/app/.ansible_async",
        ),
    ],
)
def test_the_folder_is_known_by_either_name(user: str, looked: str, why: str) -> None:
    job = launch(user="app", results_file="/home/app/.ansible_async/j1.1")
    miss = Miss(at=1.0, host="host1", machine="host1", user=user, results_file=f"{looked}/j1.1")
    assert why_missed(miss, job) == why
