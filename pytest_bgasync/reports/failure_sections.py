"""What the report of a failed test shows of its runs: each thing once, and of what is long the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pytest_bgasync.hosts.machine import Machine
from pytest_bgasync.jobs.findings import details, named
from pytest_bgasync.jobs.job import SIDE_BY_SIDE, Job, standing_still
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.jobs.task_results import Reach
from pytest_bgasync.runs.run import Run
from pytest_bgasync.util.clock import Clock
from pytest_bgasync.util.text import printable

#: How many runs, jobs, tasks of a host, and lines of Ansible's output and of a container's log are shown.
RUNS, JOBS, TASKS, OUTPUT, LOG = 3, 8, 15, 25, 30
#: How many of the last lines of Ansible's output show that a text has it already.
TELLING = 3

Section = tuple[str, str]


def sections(runs: Sequence[Run], clock: Clock, shown: str) -> list[Section]:
    """Return titles and texts: jobs that did not succeed, the tasks of each host, the end of Ansible's output.

    ``shown`` is what the report says anyway. Asks no host anything.
    """
    jobs = [job for run in runs for job in run.jobs]
    with standing_still(jobs):
        found = [*_jobs(jobs, clock, shown)]
    for run in runs[-RUNS:]:
        found += _paths(run)
    if runs:
        found += _output(runs[-1], shown)
    return [(title, printable(text)) for title, text in found]


def logs(hosts: Iterable[Machine], services: Iterable[Machine]) -> list[Section]:
    """Return titles and texts: the ends of the logs of the containers; of hosts, which say little, where there are."""
    wrote = [("host", host) for host in hosts if host.log.strip()]
    ends = [
        _end(f"log of the {kind} {one.name}", one.log.splitlines(), LOG)
        for kind, one in [*wrote, *(("service", service) for service in services)]
    ]
    return [(title, text or "it wrote nothing") for title, text in ends]


def shortages(machines: Iterable[Machine]) -> list[Section]:
    """Return a title and a text that names the containers whose memory has run out; nothing where none has."""
    asked = list(machines)
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
        found = list(pool.map(lambda machine: machine.shortage, asked))
    lines = [f"{machine.name}: {said}" for machine, said in zip(asked, found, strict=True) if said]
    return [("memory", "\n".join(lines))] if lines else []


def _jobs(jobs: Iterable[Job], clock: Clock, shown: str) -> Iterable[Section]:
    """Yield the jobs that have not ended well, but for those whose details are shown."""
    fine = (Outcome.SUCCEEDED, Outcome.RUNNING)
    bad = [job for job in jobs if job.outcome not in fine and f"JID {job.jid}" not in shown]
    lines = [line for job in bad[:JOBS] for line in (named(job), *(f"   {line}" for line in details(job, clock)))]
    if len(bad) > JOBS:
        lines.append(f"and {len(bad) - JOBS} more, which the summary lists")
    if lines:
        yield "background jobs that did not succeed", "\n".join(lines)


def _paths(run: Run) -> Iterable[Section]:
    """Yield the tasks that the hosts of a run came to; hosts with the same path stand together."""
    hosts: dict[str, list[Reach]] = {}
    for reach in run.reached:
        if reach.status != "skipped":
            hosts.setdefault(reach.host, []).append(reach)
    together: dict[str, list[str]] = {}
    for host, path in hosts.items():
        together.setdefault(_path(path), []).append(host)
    lines = [f"{', '.join(names)}: {path}" for path, names in together.items()]
    yield f"tasks of {_called(run)}, which ended with {run.rc}", "\n".join(lines) or "it came to no task"


def _path(path: Sequence[Reach]) -> str:
    steps = [
        reach.task.name + ("" if reach.status in ("ok", "changed") else f" ({reach.status or 'no result'})")
        for reach in path[-TASKS:]
    ]
    return " > ".join([f"{len(path) - TASKS} tasks", *steps] if len(path) > TASKS else steps)


def _output(run: Run, shown: str) -> Iterable[Section]:
    """Yield the end of what Ansible wrote, unless that is shown."""
    for name, text in (("output", run.stdout), ("error output", run.stderr)):
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        if lines and not all(line in shown for line in lines[-TELLING:]):
            yield _end(f"{name} of ansible-playbook {_called(run)}", lines, OUTPUT)


def _called(run: Run) -> str:
    return run.playbook if run.source is not None else "(a playbook given as text)"


def _end(title: str, lines: Sequence[str], most: int) -> Section:
    """Return the last lines under a title that says so where there are more."""
    cut = f" (the last {most} of {len(lines)} lines)" if len(lines) > most else ""
    return f"{title}{cut}", "\n".join(lines[-most:])
