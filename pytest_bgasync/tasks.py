"""What each task did: a pure fold over the events of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pytest_bgasync.clock import Clock
from pytest_bgasync.errors import Ambiguous, NotThere
from pytest_bgasync.events import Event


@dataclass(frozen=True)
class Task:
    """A task as the play reached it: ``name`` without and ``full_name`` with its role."""

    id: str
    name: str
    full_name: str
    path: str
    handler: bool

    def is_called(self, name: str) -> bool:
        """Say whether a test that writes ``name`` means this task."""
        return name in (self.name, self.full_name)


@dataclass(frozen=True)
class TaskResult:
    """What one task did on one host, for one item where it has a loop.

    ``status`` is "ok", "changed", "failed", "skipped" or "unreachable"; ``ignored`` says that
    a failure was passed over by ignore_errors. ``data`` is the result as Ansible returned it.
    ``attempts`` counts the tries of a task with ``until``, and is 1 without. ``started_at``
    and ``ended_at`` are playbook seconds since the scenario began.
    """

    host: str
    task: str
    item: Any
    label: str | None
    status: str
    ignored: bool
    rc: int | None
    stdout: str
    stderr: str
    msg: str
    data: dict[str, Any]
    attempts: int
    started_at: float
    ended_at: float
    task_id: str

    def __str__(self) -> str:
        return f"{place(self.task, self.host, self.item, self.label)}: {self.status}"


@dataclass(frozen=True)
class Recap:
    """The counts that ansible-playbook prints for a host at its end."""

    ok: int
    changed: int
    failed: int
    unreachable: int
    skipped: int
    rescued: int
    ignored: int


@dataclass(frozen=True)
class Tasks:
    """The tasks of one run.

    ``by_id`` holds them by Ansible's id. ``results`` has one entry for each host, or for each
    item where a task has a loop. ``reached`` lists (task id, host) in order, ``skipped`` those
    of them that were not run.
    """

    by_id: dict[str, Task]
    results: list[TaskResult]
    reached: list[tuple[str, str]]
    skipped: set[tuple[str, str]]
    recap: dict[str, Recap]

    def named(self, name: str) -> list[Task]:
        """Return the tasks a test means by ``name``; raises NotThere if the run reached none."""
        found = [task for task in self.by_id.values() if task.is_called(name)]
        if not found:
            known = dict.fromkeys(task.name for task in self.by_id.values())
            raise NotThere(f"no task {name!r} in this run; it reached: {listing(known)}")
        return found

    def ran(self, name: str, host: str | None = None) -> bool:
        """Say whether a task was reached and not skipped."""
        return any(
            (task_id, at) not in self.skipped and (host is None or at == host) and self.by_id[task_id].is_called(name)
            for task_id, at in self.reached
        )

    def path(self, host: str) -> list[str]:
        """Return the names of the tasks that ran on a host, in order."""
        return [
            self.by_id[task_id].name for task_id, at in self.reached if at == host and (task_id, at) not in self.skipped
        ]

    def find(self, name: str, host: str | None, item: Any) -> list[TaskResult]:
        """Return the results that fit."""
        ids = {task.id for task in self.by_id.values() if task.is_called(name)}
        return [
            result
            for result in self.results
            if result.task_id in ids and (host is None or result.host == host) and item_fits(item, result)
        ]

    def result(self, name: str, host: str | None, item: Any) -> TaskResult:
        """Return the one result that fits; raises NotThere or Ambiguous."""
        found = self.find(name, host, item)
        if len(found) == 1:
            return found[0]
        if found:
            raise Ambiguous(f"{len(found)} results fit, say host= or item=: {listing(found)}")
        self.named(name)
        raise NotThere(
            f"no result of {place(name, host, item)} in this run; there are:"
            f" {listing(self.find(name, None, None) or self.results)}"
        )


def fold(events: Iterable[Event], clock: Clock) -> Tasks:
    """Return what the tasks of a run did."""
    tasks = Tasks({}, [], [], set(), {})
    begun: dict[tuple[str, str], float] = {}
    for event in events:
        kind = event["event"]
        if kind == "task_started":
            task = Task(event["task_id"], event["task"], event["full_name"], event["path"], event["handler"])
            tasks.by_id[task.id] = task
        elif kind == "host_started":
            where = (event["task_id"], event["host"])
            begun[where] = event["at"]
            tasks.reached.append(where)
        elif kind in ("task_result", "item_result"):
            where = (event["task_id"], event["host"])
            if where not in begun:  # a task that needs no worker, such as an include
                begun[where] = event["at"]
                tasks.reached.append(where)
            if kind == "item_result" or not event["loop"]:
                tasks.results.append(_result(event, clock, begun[where]))
                begun[where] = event["at"]
            if kind == "task_result" and event["status"] == "skipped":
                tasks.skipped.add(where)
        elif kind == "run_ended":
            for host, counts in event["recap"].items():
                counts = {"failed": counts["failures"], **{k: v for k, v in counts.items() if k != "failures"}}
                tasks.recap[host] = Recap(**counts)
    return tasks


def _result(event: Event, clock: Clock, started: float) -> TaskResult:
    data = event["data"]
    return TaskResult(
        host=event["host"],
        task=event["task"],
        item=event.get("item"),
        label=event.get("label"),
        status=event["status"],
        ignored=event["ignored"],
        rc=data.get("rc"),
        stdout=text(data.get("stdout")),
        stderr=text(data.get("stderr")),
        msg=text(data.get("msg") or data.get("censored")),
        data=data,
        attempts=int(data.get("attempts") or 1),
        started_at=clock.at(started),
        ended_at=clock.at(event["at"]),
        task_id=event["task_id"],
    )


def item_fits(wanted: Any, found: Any) -> bool:
    """Say whether an item a test asks for is that of ``found``: the item itself, or its label."""
    return wanted is None or wanted == found.item or str(wanted) == found.label


def place(task: str, host: str | None = None, item: Any = None, label: str | None = None) -> str:
    """Return how messages name a task, its host and its item."""
    item = label if label is not None else item
    return f"{task!r}" + (f" on {host}" if host else "") + (f" (item {item})" if item is not None else "")


def listing(things: Iterable[object]) -> str:
    """Return what there is, for an error message."""
    lines = [f"\n  - {thing}" for thing in things]
    return "".join(lines) or "nothing"


def text(value: Any) -> str:
    """Return a field of a result as text, the empty string for none."""
    return value if isinstance(value, str) else "" if value is None else str(value)
