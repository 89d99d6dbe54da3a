"""What each task did: a pure fold over the events of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from pytest_bgasync.jobs.events import Event
from pytest_bgasync.util.clock import Clock
from pytest_bgasync.util.errors import Ambiguous, NotThere
from pytest_bgasync.util.text import ByName, listing, place, text


@dataclass(frozen=True)
class Task:
    """A task as the play reached it: ``name`` without and ``full_name`` with its role."""

    id: str
    name: str
    full_name: str
    path: str
    handler: bool
    part: str | None = None
    """ "rescue" or "always" for what stands in such a part of a block."""

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


@dataclass
class Reach:
    """A host has come to a task. A handler is reached again at each flush, with the same id."""

    task: Task
    host: str
    begun: float
    """Seconds since the epoch; moved on from item to item."""
    status: str | None = None
    """The status of its result, None as long as there is none."""
    executed: bool = False
    """Its condition and arguments were no error, so that its action began."""
    itemized: bool = False
    results: list[TaskResult] = field(default_factory=list)
    """What came of it, one for each item where it has a loop."""

    @property
    def ran(self) -> bool:
        """False for a task that was skipped, or that failed before it began."""
        return self.executed if self.status == "failed" else self.status != "skipped"


@dataclass
class Tasks:
    """The tasks of one run.

    ``by_id`` holds them by Ansible's id. ``results`` has one entry for each host, or for each
    item where a task has a loop. ``reached`` lists in order which host came to which task.
    ``known`` are the names of the playbook's tasks, ``complete`` says that there are no others.
    """

    by_id: dict[str, Task] = field(default_factory=dict)
    results: list[TaskResult] = field(default_factory=list)
    reached: list[Reach] = field(default_factory=list)
    recap: dict[str, Recap] = field(default_factory=lambda: ByName("host"))
    known: set[str] = field(default_factory=set)
    complete: bool = False

    def named(self, name: str) -> list[Task]:
        """Return the tasks a test means by ``name``; raises NotThere if the run reached none."""
        found = [task for task in self.by_id.values() if task.is_called(name)]
        if not found:
            known = dict.fromkeys(task.name for task in self.by_id.values())
            raise NotThere(f"no task {name!r} in this run; it reached: {listing(known)}")
        return found

    def check(self, name: str) -> None:
        """Raise NotThere if the playbook certainly has no task of that name."""
        reached = {text for task in self.by_id.values() for text in (task.name, task.full_name)}
        if self.complete and name not in self.known | reached:
            raise NotThere(f"the playbook has no task {name!r}; it has: {listing(sorted(self.known))}")

    def ran(self, name: str, host: str | None = None) -> bool:
        """Say whether a task was reached, not skipped, and did not fail before it began; raises NotThere."""
        self.check(name)
        return any(
            reach.ran and (host is None or reach.host == host) and reach.task.is_called(name) for reach in self.reached
        )

    def path(self, host: str) -> list[str]:
        """Return the names of the tasks that ran on a host, in order."""
        return [reach.task.name for reach in self.reached if reach.host == host and reach.ran]

    def find(self, name: str, host: str | None, item: Any) -> list[TaskResult]:
        """Return the results that fit; raises NotThere."""
        self.check(name)
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
    tasks = Tasks()
    at: dict[tuple[str, str], Reach] = {}
    for event in events:
        kind = event["event"]
        if kind == "task_started":
            task = Task(
                event["task_id"], event["task"], event["full_name"], event["path"], event["handler"], event["part"]
            )
            tasks.by_id[task.id] = task
        elif kind == "host_started":
            at[event["task_id"], event["host"]] = _reach(tasks, event)
        elif kind == "task_begun":
            if (started := at.get((event["task_id"], event["host"]))) is not None:
                started.executed = True
        elif kind in ("task_result", "item_result"):
            where = (event["task_id"], event["host"])
            if where not in at:  # a task that needs no worker, such as an include
                at[where] = _reach(tasks, event)
            reach = at[where]
            if kind == "item_result":
                reach.itemized = True
            if kind == "item_result" or not reach.itemized:
                reach.results.append(_result(event, clock, reach.begun))
                tasks.results.append(reach.results[-1])
                reach.begun = event["at"]
            if kind == "task_result":
                reach.status = event["status"]
        elif kind == "playbook_loaded":
            # A playbook on the command line has one such event; all must be complete.
            tasks.complete = event["complete"] and (tasks.complete or not tasks.known)
            tasks.known.update(event["tasks"])
        elif kind == "run_ended":
            known = {field.name for field in fields(Recap)}
            for host, counts in event["recap"].items():
                counts = {"failed" if key == "failures" else key: count for key, count in counts.items()}
                tasks.recap[host] = Recap(**{key: count for key, count in counts.items() if key in known})
    return tasks


def _reach(tasks: Tasks, event: Event) -> Reach:
    reach = Reach(tasks.by_id[event["task_id"]], event["host"], event["at"])
    tasks.reached.append(reach)
    return reach


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
