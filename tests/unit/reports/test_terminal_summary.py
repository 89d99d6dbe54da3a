"""What the terminal shows of background jobs."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_bgasync.jobs.job import Job
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.reports.terminal_summary import ANSI, COLOURS, JobLine, counted, job_line, properties, table
from tests.unit.made import CLOCK, FakeHost, job_file, launch


def line(data: dict[str, Any], scale: float = 0.1, **fields: Any) -> JobLine:
    return job_line(Job(launch(**fields), FakeHost({"/job": job_file(data, written=42.0)}), CLOCK), scale)


def test_a_line_keeps_what_the_summary_needs_and_nothing_that_is_not_plain() -> None:
    assert line({"rc": 3}, item={"id": 1}, label="one", collected=True) == {
        "host": "host1", "task": "Start it", "item": "one", "jid": "j1.1", "outcome": "failed", "rc": 3,
        "wall": pytest.approx(4.2), "limit": 120.0, "limit_wall": 12, "collected": True, "declared": False,
    }  # fmt: skip


@pytest.mark.parametrize(("item", "label", "kept"), [(None, None, None), (8080, None, "8080"), (8080, "web", "web")])
def test_an_item_is_kept_as_its_label_or_its_text(item: object, label: str | None, kept: str | None) -> None:
    assert line({}, item=item, label=label)["item"] == kept


def test_the_table_has_its_columns_aligned() -> None:
    lines = [line({"rc": 0}, collected=True), line({"failed": True}, task="Wait", item="a", jid="j22.22")]
    assert table(lines) == [
        "SUCCEEDED  host1  Start it  rc=0  4.2 of 12 s (120 playbook s)  collected      j1.1",
        "FAILED     host1  Wait (a)        4.2 of 12 s (120 playbook s)  not collected  j22.22",
    ]
    assert table([]) == []


def test_a_job_without_an_id_says_so() -> None:
    assert table([line({}, jid=None)])[0].endswith("no JID")


def test_the_limit_is_the_one_in_force_with_that_of_the_playbook_beside_it_where_it_is_another() -> None:
    (scaled,) = table([line({}, limit=120.0, limit_wall=12)])
    (plain,) = table([line({}, scale=1.0, limit=120.0, limit_wall=120)])
    assert "  4.2 of 12 s (120 playbook s)  " in scaled
    assert "  42.0 of 120 s  " in plain


def test_jobs_are_counted_by_outcome_the_most_frequent_first() -> None:
    lines = [line({"rc": 1}), line({"rc": 0}), line({"rc": 0})]
    assert counted(lines) == "3 background jobs: 2 succeeded, 1 failed"
    assert counted(lines[:1]) == "1 background job: 1 failed"


def test_remarks_that_do_not_stand_above_are_said_to_be_shown_with_v() -> None:
    assert counted([], 1) == "0 background jobs; 1 remark (shown with -v)"
    assert counted([], 2, shown=1) == "0 background jobs; 2 remarks (all shown with -v)"
    assert counted([], 2, shown=2) == "0 background jobs; 2 remarks"


def test_a_report_tells_releases_and_the_jobs_by_outcome() -> None:
    lines = [line({"rc": 1}), line({"rc": 0}), line({"rc": 0})]
    assert properties(lines, ["2.19.1", "2.19.1", ""]) == [
        ("bgasync_ansible_core", "2.19.1"), ("bgasync_jobs", 3), ("bgasync_jobs_failed", 1),
        ("bgasync_jobs_succeeded", 2),
    ]  # fmt: skip
    assert properties([], []) == [("bgasync_jobs", 0)]


def test_each_outcome_has_a_colour_for_pytest_and_for_a_plain_terminal() -> None:
    assert set(COLOURS) == set(ANSI) == {str(outcome) for outcome in Outcome}
    assert ANSI["failed"] == ("\x1b[31m", "\x1b[0m")
