"""Reading what the callback wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_bgasync.jobs.events import VERSION, read_events
from pytest_bgasync.util.errors import AnsibleProblem
from tests.unit.made import event


def test_a_run_that_wrote_nothing_has_no_events(tmp_path: Path) -> None:
    assert read_events(tmp_path / "none.jsonl") == []
    (tmp_path / "empty.jsonl").touch()
    assert read_events(tmp_path / "empty.jsonl") == []


def test_events_come_in_order_with_the_fields_we_do_not_know_and_without_the_line_being_written(tmp_path: Path) -> None:
    events = [event("run_started", new_field={"x": "\u00fc"}), event("from_the_future")]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(e) + "\n" for e in events) + json.dumps(event("half"))[:-5])
    assert read_events(path) == events
    path.write_text('{"v": 1, "ev')
    assert read_events(path) == []


def test_events_of_another_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps({**event("x"), "v": v}) + "\n" for v in (VERSION, VERSION + 1)))
    with pytest.raises(AnsibleProblem, match=f"of another version than {VERSION}: .*reinstall pytest-bgasync"):
        read_events(path)
