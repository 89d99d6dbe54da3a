"""Made by hand: events as the callback writes them, launches, processes and a host that says what it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_bgasync.jobs.events import Event
from pytest_bgasync.jobs.host_snapshot import Census, Question
from pytest_bgasync.jobs.job import Job, JobHost
from pytest_bgasync.jobs.launches import Launch
from pytest_bgasync.jobs.verdict import JobFile, Process
from pytest_bgasync.runs.run import Run
from pytest_bgasync.runs.run_spec import Order
from pytest_bgasync.util.clock import Clock, Deadline
from pytest_bgasync.util.errors import HostProblem

#: Ten playbook seconds pass in one real second; the scenario began at the epoch's second 100.
CLOCK = Clock(scale=0.1, zero=100.0)


def event(kind: str, at: float = 100.0, **fields: Any) -> Event:
    return {"v": 1, "event": kind, "at": at, **fields}


def task_started(name: str = "Start it", task_id: str = "t1", **fields: Any) -> Event:
    return event(
        "task_started",
        **{
            "task_id": task_id,
            "task": name,
            "full_name": name,
            "path": "site.yml:3",
            "handler": False,
            "part": None,
            "limit": 0,
            "cleanup": False,
            "action": "command",
            **fields,
        },
    )


def host_started(host: str = "host1", task_id: str = "t1", at: float = 100.0) -> Event:
    return event("host_started", at, task_id=task_id, host=host)


def result(data: dict[str, Any] | None = None, status: str = "ok", at: float = 100.0, **fields: Any) -> Event:
    """Return the result of a task, or of an item where ``item`` is among the fields."""
    place = {"label": str(fields["item"])} if "item" in fields else {"loop": False}
    return event("item_result" if "item" in fields else "task_result", at, **{
        "task_id": "t1", "task": "Start it", "host": "host1", "delegate": None, "status": status, "ignored": False,
        "hidden": False, "data": data or {}, **place, **fields,
    })  # fmt: skip


def job_launched(jid: str | None = "j1.1", at: float = 100.0, **fields: Any) -> Event:
    return event("job_launched", at, **{
        "jid": jid, "refused": None, "results_file": f"/root/.ansible_async/{jid}", "task_id": "t1", "task": "Start it",
        "host": "host1", "delegate": None, "item": None, "user": "root", "limit": 120, "limit_wall": 12, "poll": 0,
        "no_log": False, "token": f"token-of-{jid}", "until": False, "throttle": 0, "timeout": 0.0, **fields,
    })  # fmt: skip


def job_polled(jid: str | None = "j1.1", at: float = 100.0, *, finished: bool = False, **fields: Any) -> Event:
    return event("job_polled", at, **{
        "jid": jid, "task_id": "t2", "host": "host1", "finished": finished, "found": True, "failed": False,
        "timed_out": False, "delegate": None, "user": "root",
        "no_log": False, "results_file": f"/root/.ansible_async/{jid}", "data": None, **fields,
    })  # fmt: skip


def job_looked_at(jid: str = "j1.1", at: float = 100.0, **fields: Any) -> Event:
    return event("job_looked_at", at, **{
        "jid": jid, "task_id": "t2", "host": "host1", "delegate": None, "user": "root", "no_log": False, "task": "Look",
        "action": "slurp", "file": True, "finished": False, "failed": False, "timed_out": False, "data": None, **fields,
    })  # fmt: skip


def launch(**fields: Any) -> Launch:
    return Launch(**{
        "token": "token", "task_id": "t1", "task": "Start it", "full_name": "role : Start it", "host": "host1",
        "machine": "host1", "item": None, "user": "root", "jid": "j1.1", "results_file": "/job", "limit": 120.0,
        "limit_wall": 12, "poll": 0, "no_log": False, "launched_at": 0.0, **fields,
    })  # fmt: skip


def process(pid: int = 10, **fields: Any) -> Process:
    """Return a process: by default the runner of the job ``token``, which has run for 8 of its 12 real seconds."""
    return Process(**{
        "pid": pid, "ppid": 1, "pgid": pid, "sid": 5, "user": "root", "state": "S", "started_at": 0.0, "age": 8.0,
        "args": ("python3", "/root/.ansible/tmp/async_wrapper.py", "j1", "120"), "job": "token", **fields,
    })  # fmt: skip


def job_file(content: Any, written: float = 7.0) -> JobFile:
    return JobFile(content if isinstance(content, str) else json.dumps(content), written, "root")


def run_of(events: Iterable[Event], folder: Path, host: JobHost, earlier: Sequence[Job] = ()) -> Run:
    """Return what came of a run that wrote these events, in its own folder, and whose jobs are all on one host."""
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    order = Order(
        command=(), env={}, cwd=folder, folder=folder, playbook="site.yml", path=folder / "site.yml",
        options={}, hosts=("host1",), limit=None, connections={}, waiting={}, start=lambda _: ({}, None), limits={},
        pause_before=(), fates=None, earlier=earlier, deadline=60, clock=CLOCK,
    )  # fmt: skip
    return Run(order, 0, CLOCK.zero, 5.0, lambda _: host, Deadline(0), {})


@dataclass
class FakeHost:
    """A host whose processes and job files are what the test says; ``silent`` while it does not answer."""

    files: dict[str, JobFile | None] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    now: float = 50.0
    since: float = 0.0
    asked: int = 0
    signals: list[tuple[int, list[int]]] = field(default_factory=list)
    silent: bool = False
    folders: dict[str, list[str]] = field(default_factory=dict)

    def census(self, question: Question) -> Census:
        self.asked += 1
        if self.silent:
            raise HostProblem("host1 is frozen")
        return Census(
            self.now,
            list(self.processes),
            {name: self.files.get(name) for name in question.files},
            {folder: list(self.folders.get(folder, [])) for folder in question.folders},
        )

    def send_signal(self, signal: int, processes: Iterable[Process]) -> None:
        self.signals.append((signal, [process.pid for process in processes]))
