"""What the ledger says of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync.hosts.webhooks import Request
from pytest_bgasync.jobs.actions import Deed, noted
from pytest_bgasync.reports.ledger import Ledger, item_name, line, outcome, read
from pytest_bgasync.reports.ledger_records import deeds_of, runs_of, webhooks_of
from pytest_bgasync.util.errors import BgasyncError, UsageProblem
from tests.unit.made import (
    CLOCK,
    FakeHost,
    event,
    host_started,
    job_file,
    job_launched,
    job_polled,
    result,
    run_of,
    task_started,
)  # fmt: skip

SECRET = "hunter2"
COUNTS = {"ok": 1, "failures": 1, "changed": 1, "unreachable": 0, "skipped": 0, "rescued": 1, "ignored": 0}


def written(folder: Path, *, no_log: bool = False) -> dict[str, Any]:
    """Return what is written of a run with a job that fails and a task in rescue."""
    launched = job_launched("j1.1", at=101, no_log=no_log)
    started = {"data": {"ansible_job_id": "j1.1"}} if not no_log else {"data": {"censored": "hidden"}, "hidden": True}
    end = {"rc": 3, "stdout": SECRET, "msg": SECRET, "finished": 1, "ansible_job_id": "j1.1"}
    asked = {"censored": "hidden", "changed": True} if no_log else end
    events = [
        event("run_started", ansible_version="2.19.1", pid=1),
        task_started(path=f"{folder}/site.yml:3"),
        host_started(),
        event("task_begun", task_id="t1", host="host1"),
        launched,
        result(status="changed", at=102, **started),
        task_started("Wait", "t2"),
        host_started(task_id="t2", at=102),
        job_polled("j1.1", at=104, finished=True, failed=True, no_log=no_log),
        result(asked, "failed", at=104, task="Wait", task_id="t2", hidden=no_log),
        task_started("Roll back", "t3", part="rescue"),
        host_started(task_id="t3", at=104),
        result({}, "ok", at=105, task="Roll back", task_id="t3"),
        event("run_ended", recap={"host1": COUNTS}),
    ]
    host = FakeHost({launched["results_file"]: job_file(end)})
    run = run_of(events, folder, host)
    (record,) = runs_of([run], CLOCK, folder, declared={job.token for job in run.jobs})
    return record


def test_the_playbook_and_places_are_below_the_rootdir(tmp_path: Path) -> None:
    record = written(tmp_path)
    assert record["playbook"] == "site.yml"
    assert [task["place"] for task in record["tasks"]] == ["site.yml:3", "site.yml:3", "site.yml:3"]


def test_tasks_have_their_times_in_playbook_seconds_and_their_part_of_a_block(tmp_path: Path) -> None:
    tasks = written(tmp_path)["tasks"]
    assert [(task["task"], task["status"], task["part"]) for task in tasks] == [
        ("Start it", "changed", None), ("Wait", "failed", None), ("Roll back", "ok", "rescue"),
    ]  # fmt: skip
    assert [(task["began"], task["ended"]) for task in tasks] == [(0, 20), (20, 40), (40, 50)]


def test_a_job_has_all_that_is_known_of_it(tmp_path: Path) -> None:
    record = written(tmp_path)
    (job,) = record["jobs"]
    assert (job["outcome"], job["rc"], job["collected"], job["declared"]) == ("failed", 3, True, True)
    assert (job["limit"], job["limit_wall"], job["launched_at"], job["finished_at"]) == (120, 12, 10, 7)
    assert job["polls"] == [{"at": 40, "finished": True, "failed": True, "timed_out": False}]
    assert record["recap"]["host1"]["rescued"] == 1
    assert record["complete"] is True


def test_what_no_log_hides_is_not_in_it(tmp_path: Path) -> None:
    assert SECRET in json.dumps(written(tmp_path))
    record = written(tmp_path, no_log=True)
    assert SECRET not in json.dumps(record)
    assert record["jobs"][0]["rc"] is None


def test_a_registered_result_is_called_by_the_item_that_it_is_of() -> None:
    started = {"ansible_loop_var": "table", "table": "users", "ansible_job_id": "j1.1"}
    assert item_name(started, str(started)) == "users"
    assert item_name({"ansible_loop_var": "item", "item": started}, None) == "users"
    assert item_name(started, "table users") == "table users"
    assert item_name("users", "users") == "users"
    assert item_name(None, None) is None


def test_what_may_be_secret_in_a_webhook_is_not_in_it() -> None:
    request = Request("hooks", f"/done?token={SECRET}", "POST", {"X": SECRET}, SECRET, None, "host1", 1.0, "https")
    (found,) = webhooks_of([request])
    assert SECRET not in json.dumps(found)
    assert found["path"] == "/done"


def test_a_deed_has_its_beginning_and_its_end() -> None:
    assert deeds_of([Deed("reboot", 101, 103), Deed("kill 9", 104)], CLOCK) == [
        {"what": "reboot", "at": 10, "until": 30},
        {"what": "kill 9", "at": 40, "until": None},
    ]
    deeds: list[Deed] = []
    with pytest.raises(ZeroDivisionError), noted(deeds, "freeze"):
        raise ZeroDivisionError
    assert deeds[0].ended is not None


@pytest.mark.parametrize(
    ("phases", "ended"),
    [
        ("setup passed, call passed, teardown passed", "passed"),
        ("setup passed, call failed, teardown passed", "failed"),
        ("setup passed, call failed, teardown failed", "failed"),
        ("setup failed, teardown passed", "error"),
        ("setup passed, call passed, teardown failed", "error"),
        ("setup skipped, teardown passed", "skipped"),
        ("setup passed, call skipped, teardown passed", "skipped"),
        ("setup passed, call skipped!, teardown passed", "xfailed"),
        ("setup passed, call passed!, teardown passed", "xpassed"),
        ("setup passed, ??? failed", "crashed"),
    ],
)
def test_a_test_ends_as_its_phases_say(phases: str, ended: str) -> None:
    parts = [phase.split(" ") for phase in phases.split(", ")]
    assert outcome([(when, how.rstrip("!"), how.endswith("!")) for when, how in parts]) == ended


def test_a_ledger_can_be_read_while_it_is_written_and_after_it_broke_off(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.write({"kind": "session", "odd": {1, 2} and object, "text": "\ud800ä"})
    assert [record["kind"] for record in read(path)] == ["session"]
    ledger.close()
    path.write_text(path.read_text() + line({"kind": "test"})[:9])
    assert [record["kind"] for record in read(path)] == ["session"]


def test_what_is_no_ledger_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    for text in ("{}\n", "[]\n", '{"v": 99}\n', "- hosts: all\n"):
        path.write_text(text)
        with pytest.raises(UsageProblem, match="ledger"):
            list(read(path))
    with pytest.raises(BgasyncError, match=r"--bgasync-ledger: .*/none/l.jsonl cannot be written: No such file"):
        Ledger(tmp_path / "none" / "l.jsonl")
