"""Which background jobs a run launched and how often it asked for them: a pure fold over its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pytest_bgasync.jobs.events import Event
from pytest_bgasync.util.clock import Clock
from pytest_bgasync.util.names import LOCAL_NAMES, LOCALHOST


@dataclass(frozen=True)
class Poll:
    """One time the play asked for a job, and what it was told.

    ``at`` is in playbook seconds since the scenario began. ``failed`` and ``timed_out`` mean
    something once it is ``finished``.
    """

    at: float
    finished: bool
    failed: bool
    timed_out: bool


@dataclass(frozen=True)
class Look(Poll):
    """One time a task looked at a job without a status: what it was told, if anything, counts less than a poll."""

    task: str
    action: str
    """What it looked with, as the playbook writes it."""
    file: bool
    """It looked at the job file; otherwise it was given the job id, and what it did with that is not known."""


@dataclass(frozen=True)
class Miss:
    """One time the play asked for a job and was told that there is none: ``at`` is in playbook seconds."""

    at: float
    host: str
    machine: str
    user: str
    results_file: str | None
    """The path at which it was looked for."""


@dataclass
class Launch:
    """A background job as its run knows it. Times are playbook seconds, ``wall`` ones real seconds."""

    token: str
    task_id: str
    task: str
    full_name: str
    """The name with its role in front."""
    host: str
    machine: str
    """The host whose processes and files the job is: another than ``host`` with delegate_to."""
    item: Any
    user: str
    jid: str | None
    results_file: str | None
    limit: float
    limit_wall: int
    poll: int
    no_log: bool
    launched_at: float
    refused: str | None = None
    """Why its host, which answered, launched no job."""
    until: bool = False
    """Its task has ``until``, so that each try launches a job."""
    retried: bool = False
    """The same task launched another job before it had returned."""
    throttle: int = 0
    timeout: float = 0
    """The task keyword ``timeout``, 0 without one."""
    label: str | None = None
    file_prefix: str | None = None
    """What the path of its job file begins with, where its launch was sent and no answer came."""
    ended_task: bool = False
    """The task that launched it has returned."""
    polls: list[Poll] = field(default_factory=list)
    misses: list[Miss] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    erased_at: float | None = None
    """When the play removed its job file with ``mode: cleanup``."""
    collected: bool = False
    reported: dict[str, Any] = field(default_factory=dict)
    """The final result as a task of the play returned it; empty when none did."""


def fold(
    events: Iterable[Event], clock: Clock, limits: Iterable[str] = (), earlier: Iterable[Launch] = ()
) -> list[Launch]:
    """Return the jobs in the order of their launches.

    ``limits`` are tasks whose limit this run replaced. ``earlier`` are jobs of other runs, which
    this one may have asked for.
    """
    replaced = set(limits)
    launches: list[Launch] = []
    by_jid = {launch.jid: launch for launch in earlier if launch.jid is not None}
    by_token: dict[str, Launch] = {}
    names: dict[str, Event] = {}
    for event in events:
        kind = event["event"]
        if kind == "task_started":
            names[event["task_id"]] = event
        elif kind in ("job_launching", "job_launched"):
            full_name = str(names.get(event["task_id"], event).get("full_name", event["task"]))
            overridden = bool({event["task"], full_name} & replaced)
            launch = by_token.get(event["token"])
            if launch is None:
                launch = by_token[event["token"]] = _launch(event, clock, full_name, overridden=overridden)
                for other in launches:
                    if launch.until and not other.ended_task and _place(other) == _place(launch):
                        other.retried = True
                launches.append(launch)
            if kind == "job_launched":
                _answer(launch, event)
            if launch.jid is not None:
                by_jid[launch.jid] = launch
        elif kind == "job_polled":
            if (job := by_jid.get(event["jid"])) is None:
                continue
            job.no_log = job.no_log or event["no_log"]
            at = clock.at(event["at"])
            _report(job, event)
            if not event["found"]:
                job.misses.append(Miss(at, event["host"], _machine(event), event["user"], event["results_file"]))
            else:
                job.polls.append(Poll(at, event["finished"], event["failed"], event["timed_out"]))
                job.collected = job.collected or event["finished"]
        elif kind == "job_looked_at":
            if (job := by_jid.get(event["jid"])) is not None:
                job.no_log = job.no_log or event["no_log"]
                job.looks.append(_look(event, names, clock))
                _report(job, event)
        elif kind == "job_erased":
            if (job := by_jid.get(event["jid"])) is not None:
                job.erased_at = clock.at(event["at"])
        elif kind == "task_retried":
            if (job := _spoken_of(event, by_jid)) is not None:
                _report(job, event)
        elif kind == "item_result" or (kind == "task_result" and not event["loop"]):
            _take_result(event, launches, by_jid)
    return launches


def _place(launch: Launch) -> tuple[str, str, str]:
    return (launch.task_id, launch.host, repr(launch.item))


def _take_result(event: Event, launches: list[Launch], by_jid: dict[str, Launch]) -> None:
    """Give what a task returned to the job it speaks of."""
    launch = _spoken_of(event, by_jid)
    if launch is None:
        launch = next((job for job in launches if not job.ended_task and _is_of(event, job)), None)
    if launch is None:
        return
    if _is_of(event, launch):
        launch.label = event.get("label")
        launch.ended_task = True
    _report(launch, event)


def _spoken_of(event: Event, by_jid: dict[str, Launch]) -> Launch | None:
    """Return the job whose id is in what a task returned."""
    data = event["data"]
    return by_jid.get(str(data.get("ansible_job_id") or (data.get("async_result") or {}).get("ansible_job_id")))


def _report(launch: Launch, event: Event) -> None:
    if (event["data"] or {}).get("finished"):
        launch.reported = event["data"]


def _is_of(event: Event, launch: Launch) -> bool:
    """Say whether a result is that of the task, host and item that launched a job."""
    return (event["task_id"], event["host"], event.get("item")) == (launch.task_id, launch.host, launch.item)


def _launch(event: Event, clock: Clock, full_name: str, *, overridden: bool) -> Launch:
    return Launch(
        token=event["token"],
        task_id=event["task_id"],
        task=event["task"],
        full_name=full_name,
        host=event["host"],
        machine=_machine(event),
        item=event["item"],
        user=event["user"],
        jid=None,
        results_file=None,
        file_prefix=event.get("file_prefix"),
        limit=clock.playbook(event["limit_wall"]) if overridden else event["limit"],
        limit_wall=event["limit_wall"],
        poll=event["poll"],
        no_log=event["no_log"],
        until=event["until"],
        throttle=event["throttle"],
        timeout=event["timeout"],
        launched_at=clock.at(event["at"]),
    )


def _look(event: Event, names: dict[str, Event], clock: Clock) -> Look:
    return Look(
        at=clock.at(event["at"]),
        finished=event["finished"],
        failed=event["failed"],
        timed_out=event["timed_out"],
        task=names.get(event["task_id"], event)["task"],
        action=event["action"],
        file=event["file"],
    )


def _machine(event: Event) -> str:
    name = event["delegate"] or event["host"]
    return LOCALHOST if name in LOCAL_NAMES else name


def _answer(launch: Launch, event: Event) -> None:
    """Take what came back from a launch."""
    launch.jid, launch.results_file, launch.refused = event["jid"], event["results_file"], event["refused"]
    if launch.jid is not None or launch.refused is not None:
        launch.file_prefix = None
