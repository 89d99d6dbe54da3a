"""Made by hand: records as the ledger has them."""

from __future__ import annotations

from typing import Any

from pytest_bgasync.reports.ledger import Record

#: What a session says of itself.
SESSION: Record = {
    "kind": "session", "at": 1_780_000_000.0, "ended": 1_780_000_042.5, "exit_status": 1,
    "pytest_bgasync": "0.1.0", "pytest": "9.0.0", "python": "3.12.1",
}  # fmt: skip


def poll(at: float, **how: bool) -> Record:
    return {"at": at, "finished": False, "failed": False, "timed_out": False, **how}


def deed(what: str, at: float, until: float | None = None) -> Record:
    return {"what": what, "at": at, "until": until}


def job(task: str = "Work", host: str = "web1", began: float = 0.0, took: float = 5.0, **fields: Any) -> Record:
    """Return a job that succeeded; one without ``finished_at`` still runs."""
    return {
        "task": task, "full_name": task, "host": host, "machine": host, "item": None, "jid": "j1.1", "user": "root",
        "limit": 60.0, "limit_wall": 60, "poll": 0, "no_log": False, "outcome": "succeeded", "rc": 0, "msg": "",
        "stdout": "", "stderr": "", "changed": True, "launched_at": began, "finished_at": began + took,
        "elapsed": took, "polls": [], "collected": True, "declared": False,
        "results_file": "/root/.ansible_async/j1.1", "survivors": [], "deeds": [], **fields,
    }  # fmt: skip


def result(**fields: Any) -> Record:
    return {
        "item": None, "status": "ok", "ignored": False, "rc": None, "msg": "", "stdout": "", "stderr": "",
        "attempts": 1, "began": 0.0, "ended": 1.0, **fields,
    }  # fmt: skip


def task(name: str = "Work", host: str = "web1", began: float = 0.0, took: float = 1.0, **fields: Any) -> Record:
    return {
        "task": name, "full_name": name, "host": host, "place": "site.yml:3", "handler": False, "part": None,
        "status": "ok", "ran": True, "began": began, "ended": began + took, "loop": False, "results": [result()],
        **fields,
    }  # fmt: skip


def run(*jobs: Record, tasks: tuple[Record, ...] = (), **fields: Any) -> Record:
    return {
        "playbook": "playbooks/site.yml", "options": {}, "ansible_version": "2.19.1", "rc": 0, "complete": True,
        "began": 0.0, "ended": 20.0, "recap": {}, "plays": [], "tasks": list(tasks), "jobs": list(jobs),
        "stdout": "PLAY RECAP", "stderr": "", **fields,
    }  # fmt: skip


def finding(**fields: Any) -> Record:
    return {
        "kind": "uncollected", "task": "Work", "host": "web1", "item": None, "jid": "j1.1",
        "what": "nobody asked for job 'Work' on web1", "cure": "poll it with async_status", "fails": True, **fields,
    }  # fmt: skip


def ended(nodeid: str = "test_site.py::test_site", outcome: str = "passed", **fields: Any) -> Record:
    """Return a test of which no runs are known."""
    return {
        "kind": "test", "nodeid": nodeid, "outcome": outcome, "began": 1_780_000_001.0, "ended": 1_780_000_009.0,
        "worker": None, "failure": "", **fields,
    }  # fmt: skip


def known(*runs: Record, **fields: Any) -> Record:
    """Return a test that had these runs, on web1 and web2."""
    return ended(**{
        "zero": 1_780_000_002.0, "time_scale": 1.0, "hosts": ["web1", "web2"], "runs": list(runs), "findings": [],
        "deeds": {}, "webhooks": None, "traffic": [], **fields,
    })  # fmt: skip


def request(at: float = 1.0, **fields: Any) -> Record:
    return {
        "at": at, "method": "POST", "scheme": "https", "host": "hooks.example.com", "path": "/done", "source": "web1",
        **fields,
    }  # fmt: skip


def stream(*failed: float, **fields: Any) -> Record:
    failures = [{"at": at, "took": 0.1, "status": 503, "error": None} for at in failed]
    return {
        "url": "http://lb/", "source": "localhost", "began": 0.0, "ended": 20.0, "sent": 200, "failures": failures,
        "longest_gap": 2.0, "longest_gap_at": 5.0, **fields,
    }  # fmt: skip
