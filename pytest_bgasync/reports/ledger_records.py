"""Collects for the ledger what the runs of a test did, as plain data."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from pytest_bgasync.hosts.traffic import Traffic, longest_gap
from pytest_bgasync.hosts.webhooks import Request, Webhooks
from pytest_bgasync.jobs.actions import Deed
from pytest_bgasync.jobs.findings import Finding
from pytest_bgasync.jobs.job import Job
from pytest_bgasync.jobs.task_results import Reach, TaskResult
from pytest_bgasync.jobs.verdict import Process
from pytest_bgasync.reports.ledger import Record, item_name
from pytest_bgasync.runs.accounting import Account
from pytest_bgasync.runs.lab import Lab
from pytest_bgasync.runs.run import Run
from pytest_bgasync.util.clock import Clock
from pytest_bgasync.util.errors import HostProblem
from pytest_bgasync.util.names import WEBHOOKS


def seen_by(lab: Lab, account: Account | None, strict: Collection[str], root: Path) -> Record:
    """Return what the runs of a test did, and what it did to its hosts; its jobs have been looked at for the last time.

    ``account`` is None for a test that was over before it was accounted for; ``strict`` are the
    kinds of findings that fail it, ``root`` is pytest's rootdir.
    """
    receiver, requests = lab.services.get(WEBHOOKS), None
    if isinstance(receiver, Webhooks):
        with suppress(HostProblem):  # it may have ended: then nobody knows
            requests = webhooks_of(receiver.requests)
    return {
        "zero": lab.clock.zero,
        "time_scale": lab.clock.scale,
        "hosts": list(lab.hosts),
        "runs": runs_of(lab.runs, lab.clock, root, account.declared if account else ()),
        "findings": findings_of(account.findings, strict) if account else [],
        "deeds": {name: deeds_of(machine.deeds, lab.clock) for name, machine in lab.machines.items() if machine.deeds},
        "webhooks": requests,
        "traffic": traffic_of(lab.streams),
    }


def runs_of(runs: Sequence[Run], clock: Clock, root: Path, declared: Collection[str] = ()) -> list[Record]:
    """Return what the runs of a test did; ``declared`` are the marks of the jobs that were left behind on purpose."""
    return [_run(run, clock, root.resolve(), declared) for run in runs]


def findings_of(findings: Iterable[Finding], strict: Collection[str]) -> list[Record]:
    """Return what is wrong with the jobs of a test; ``strict`` are the kinds that fail it."""
    return [
        {
            "kind": finding.kind,
            "task": finding.task,
            "host": finding.host,
            "item": None if finding.job is None else item_name(finding.job.item, finding.job.label),
            "jid": None if finding.job is None else finding.job.jid,
            "what": finding.what,
            "cure": finding.cure,
            "fails": finding.kind in strict,
        }
        for finding in findings
    ]


def deeds_of(deeds: Iterable[Deed], clock: Clock) -> list[Record]:
    """Return what was done to a host or a job."""
    return [
        {"what": deed.what, "at": clock.at(deed.began), "until": None if deed.ended is None else clock.at(deed.ended)}
        for deed in deeds
    ]


def webhooks_of(requests: Iterable[Request]) -> list[Record]:
    """Return what the receiver got, without what may be a secret: query, headers and body."""
    return [
        {
            "at": request.at,
            "method": request.method,
            "scheme": request.scheme,
            "host": request.host,
            "path": request.path.partition("?")[0],
            "source": request.source,
        }
        for request in requests
    ]


def traffic_of(streams: Iterable[Traffic]) -> list[Record]:
    """Return the streams of requests that a test had sent, those that came to their end."""
    return [_stream(stream) for stream in streams if stream.over and stream.requests]


def _run(run: Run, clock: Clock, root: Path, declared: Collection[str]) -> Record:
    return {
        "playbook": run.playbook if run.source is None else _relative(str(run.source), root) or run.playbook,
        "options": dict(run.options),
        "ansible_version": run.ansible_version,
        "rc": run.rc,
        "complete": any(event["event"] == "run_ended" for event in run.events),
        "began": run.began,
        "ended": run.began + run.elapsed,
        "recap": {host: asdict(recap) for host, recap in run.recap.items()},
        "plays": [{"play": batch.play, "began": batch.began, "hosts": list(batch.hosts)} for batch in run.batches],
        "tasks": [_task(reach, clock, root) for reach in run.reached],
        "jobs": [_job(job, clock, job.token in declared, run.survivors.get(job.token, ())) for job in run.jobs],
        "stdout": run.stdout,
        "stderr": run.stderr,
    }


def _stream(stream: Traffic) -> Record:
    began, ended = longest_gap(stream.requests)
    return {
        "url": stream.url,
        "source": stream.source,
        "began": stream.requests[0].at,
        "ended": stream.requests[-1].at,
        "sent": stream.sent,
        "failures": [asdict(failure) for failure in stream.failures],
        "longest_gap": ended - began,
        "longest_gap_at": began,
    }


def _task(reach: Reach, clock: Clock, root: Path) -> Record:
    began = reach.results[0].started_at if reach.results else clock.at(reach.begun)
    return {
        "task": reach.task.name,
        "full_name": reach.task.full_name,
        "host": reach.host,
        "place": _relative(reach.task.path, root) or reach.task.path,
        "handler": reach.task.handler,
        "part": reach.task.part,
        "status": reach.status,
        "ran": reach.ran,
        "began": began,
        "ended": reach.results[-1].ended_at if reach.results else None,
        "loop": reach.itemized,
        "results": [_result(result) for result in reach.results],
    }


def _result(result: TaskResult) -> Record:
    return {
        "item": item_name(result.item, result.label),
        "status": result.status,
        "ignored": result.ignored,
        "rc": result.rc,
        "msg": result.msg,
        "stdout": result.stdout,
        "stderr": result.stderr,
        "attempts": result.attempts,
        "began": result.started_at,
        "ended": result.ended_at,
    }


def _job(job: Job, clock: Clock, declared: bool, survivors: Iterable[Process]) -> Record:
    return {
        "task": job.task,
        "full_name": job.launch.full_name,
        "host": job.host,
        "machine": job.machine,
        "item": item_name(job.item, job.label),
        "jid": job.jid,
        "user": job.user,
        "limit": job.limit,
        "limit_wall": job.limit_wall,
        "poll": job.poll,
        "no_log": job.no_log,
        "outcome": str(job.outcome),
        "rc": None if job.no_log else job.rc,
        "msg": job.msg,
        "stdout": job.stdout,
        "stderr": job.stderr,
        "changed": job.changed,
        "launched_at": job.launched_at,
        "finished_at": job.finished_at,
        "elapsed": job.elapsed,
        "polls": [asdict(poll) for poll in job.polls],
        "collected": job.collected,
        "declared": declared,
        "results_file": job.results_file,
        "survivors": [{"pid": process.pid, "user": process.user, "command": process.command} for process in survivors],
        "deeds": deeds_of(job.deeds, clock),
    }


def _relative(place: str, root: Path) -> str | None:
    """Return a path, which may have the number of a line, relative to the rootdir; None if it is not below that."""
    path = Path(place).parent.resolve() / Path(place).name
    return str(path.relative_to(root)) if path.is_relative_to(root) else None
