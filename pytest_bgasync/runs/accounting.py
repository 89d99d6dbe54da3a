"""Accounts for the background jobs of a test at its end: what was declared, what was found."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_bgasync.jobs.findings import Finding, details, named
from pytest_bgasync.jobs.job import GRACE, Job, standing_still, take_stock
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.runs.declarations import Declaration, claimed
from pytest_bgasync.runs.forced_outcome import Fates
from pytest_bgasync.runs.run import Run
from pytest_bgasync.util.clock import Clock, Deadline
from pytest_bgasync.util.text import number_of, place, printable

#: The kinds of findings that a declaration takes the place of.
LEFT = ("uncollected", "running")
#: How many jobs a line names.
NAMED = 3
#: Real seconds in which a job may end that nobody waits for, before it counts as running.
ENDING = 2.0
#: Real seconds for which a host may not answer while a declared job on it is watched, and between two questions to it.
SILENCE, ASK_AGAIN = 5.0, 0.2


@dataclass(frozen=True)
class Account:
    """What is to be said of the jobs of a test: ``faults`` fail it, or stand behind its failure; ``remarks`` do not."""

    faults: tuple[str, ...]
    remarks: tuple[tuple[str, str], ...]
    """Each with its cure."""
    declared: frozenset[str]
    """The marks of the jobs that were declared."""
    runs: int = 0
    """How many runs of the test have been accounted for."""
    findings: tuple[Finding, ...] = ()
    """What was found, but for what declarations take the place of."""
    unmet: bool = False
    """True where the outcome that the test is run for has not come about."""

    @property
    def text(self) -> str:
        """The faults as the failure of the test."""
        return "\n\n".join(self.faults)


def waiting_for(jobs: Iterable[Job]) -> str:
    """Return what is said while jobs are accounted for; asks no host anything."""
    running = [place(job.task, job.host, job.item, job.label) for job in jobs if job.seen is Outcome.RUNNING]
    more = f" and {len(running) - NAMED} more" if len(running) > NAMED else ""
    return printable(f"accounting for the background jobs; running: {', '.join(running[:NAMED]) or 'none'}{more}")


def settle(
    runs: Sequence[Run],
    clock: Clock,
    declarations: Sequence[Declaration],
    strict: Collection[str],
    fates: Fates | None = None,
    *,
    patient: bool,
) -> Account:
    """Account for all jobs of the runs of a test.

    ``strict`` are the kinds of findings that fail it. With ``patient``, declared jobs are watched
    until they end or their time is over. For jobs that ``fates`` is about, the outcome that a
    declaration says does not hold, and nobody can read the result of one that has none.
    """
    all_jobs = [job for run in runs for job in run.jobs]
    met = frozenset(job.token for job in fates.own(all_jobs)) if fates else frozenset[str]()
    claims = claimed(all_jobs, declarations)
    tokens = frozenset(job.token for jobs in claims.values() for job in jobs)
    began = clock.now
    if patient:
        _watch({decl: [job for job in jobs if job.token not in met] for decl, jobs in claims.items()}, clock)
    unmet = fates.faults(all_jobs, patient=patient) if fates else []
    if patient and "running" in strict:
        # What the play has fired last may be about to end.
        take_stock([job for job in all_jobs if not job.settled and job.token not in tokens], wait=ENDING)
    found = [finding for run in runs for finding in run.findings]
    with standing_still(all_jobs):
        excused = tokens | _out_of_reach(all_jobs, met, fates.outcome if fates else None)
        rest = [f for f in found if f.kind not in LEFT or f.job is None or f.job.token not in excused]
        faults = unmet
        for declaration, jobs in claims.items():
            own = [job for job in jobs if job.token not in met]
            faults += [*_number(declaration, jobs, all_jobs), *_faults(declaration, own, clock, began, patient)]
        shown: set[str] = set()
        for finding in rest:
            if finding.kind in strict:
                faults.append(_told(finding, clock, shown))
    remarks = [(printable(str(finding)), finding.cure) for finding in rest if finding.kind not in strict]
    return Account(tuple(map(printable, faults)), tuple(remarks), tokens, len(runs), tuple(rest), bool(unmet))


def settle_late(
    account: Account,
    runs: Sequence[Run],
    clock: Clock,
    declarations: Sequence[Declaration],
    strict: Collection[str],
) -> Account:
    """Account for what ran after the body of a test, in the teardown of a fixture; its faults have not been told.

    How many jobs a declaration has was settled with the body.
    """
    some = [replace(declaration, count=None, inherited=True) for declaration in declarations]
    late = settle(runs[account.runs :], clock, some, strict, patient=True)
    return replace(
        late,
        remarks=account.remarks + late.remarks,
        declared=account.declared | late.declared,
        runs=len(runs),
        findings=account.findings + late.findings,
        unmet=account.unmet,
    )


def _out_of_reach(jobs: Sequence[Job], met: Collection[str], fate: Outcome | None) -> set[str]:
    """Return the marks of jobs whose result nobody can read: those that met such a fate, and all of a host that did."""
    lost = set(met) if fate in (Outcome.LOST, Outcome.UNREACHABLE) else set[str]()
    away = fate is Outcome.UNREACHABLE
    return lost | {job.token for job in jobs if away and job.outcome is Outcome.UNREACHABLE}


def _watch(claims: Mapping[Declaration, Sequence[Job]], clock: Clock) -> None:
    """Wait for declared jobs side by side; a machine is asked again only when one of its jobs may be over."""
    ends = {id(job): Deadline(_patience(decl, job, clock)) for decl, jobs in claims.items() for job in jobs}
    jobs = [job for group in claims.values() for job in group if not job.settled]
    silent: dict[int, Deadline] = {}
    take_stock(jobs)

    def may_change(job: Job) -> bool:
        if job.outcome is Outcome.UNREACHABLE and job.jid is not None:
            return not silent.setdefault(id(job), Deadline(SILENCE)).passed
        silent.pop(id(job), None)
        return job.outcome is Outcome.RUNNING

    def at_work() -> list[Job]:
        with standing_still(jobs):
            return [job for job in jobs if not ends[id(job)].passed and may_change(job)]

    while open_ := at_work():
        if silent:
            time.sleep(ASK_AGAIN)
        take_stock(open_, wait=max(min(ends[id(job)].left for job in open_), 0.01))


def _patience(declaration: Declaration, job: Job, clock: Clock) -> float:
    """Return how many real seconds a declared job is watched."""
    if declaration.within is not None:
        return clock.real(declaration.within)
    return 0 if declaration.outcome is Outcome.RUNNING else job.limit_wall + GRACE


def _standing(job: Job, at: float) -> Outcome:
    """Return how a job stood at a moment, whatever came of it while others were waited for."""
    ended = job.finished_at
    if job.outcome is Outcome.LOST or ended is None:  # of a lost one only the moment is known at which that was seen
        return job.outcome
    return Outcome.RUNNING if ended > at else job.outcome


def _number(declaration: Declaration, jobs: Sequence[Job], all_jobs: Sequence[Job]) -> list[str]:
    """Say whether a declaration has another number of jobs than it should; a job counts for all that name its task."""
    if declaration.task is not None:
        jobs = [job for job in all_jobs if declaration.covers(job)]
    if (counts := declaration.counts) is not None and not counts[0] <= len(jobs) <= counts[1]:
        wanted = " to ".join(str(number) for number in dict.fromkeys(counts))
        return [f"fire_and_forget: {declaration} launched {number_of(len(jobs), 'job')} instead of {wanted}"]
    if not jobs and declaration.count is None and declaration.task is not None and not declaration.inherited:
        return [
            f"fire_and_forget: {declaration} launched no job\n"
            "-> see that the name is that of the task, or say count=0 if it should launch none, or count=(0, 1)"
            " if it may launch one"
        ]
    return []


def _faults(declaration: Declaration, jobs: Sequence[Job], clock: Clock, began: float, patient: bool) -> list[str]:
    """Say where the jobs of a declaration differed from it when their time, since ``began``, was over."""
    faults = []
    for job in jobs:
        if job.outcome is Outcome.RUNNING and not patient:
            continue  # the test has failed already, nobody waited for it
        differs = []
        within = clock.playbook(_patience(declaration, job, clock))
        outcome = _standing(job, began + within) if patient else job.outcome
        rc = None if outcome is Outcome.RUNNING else job.rc
        if outcome is Outcome.RUNNING and declaration.outcome is not Outcome.RUNNING:
            verb = "is" if job.outcome is Outcome.RUNNING else "was"
            wanted = "" if declaration.outcome is None else f" instead of {declaration.outcome}"
            differs.append(f"{verb} still running after {within:g} s more{wanted}")
        elif declaration.outcome not in (None, outcome):
            differs.append(f"ended as {outcome} instead of {declaration.outcome}")
        if declaration.rc is not None and rc != declaration.rc:
            has = "no rc" if rc is None else "another rc" if job.no_log else f"rc {rc}"
            differs.append(f"has {has} instead of {declaration.rc}")
        if differs:
            faults.append(_text(f"fire_and_forget: {named(job)} {', '.join(differs)}", job, clock))
    return faults


def _told(finding: Finding, clock: Clock, shown: set[str]) -> str:
    """Return the text of a finding; ``shown`` are the marks of jobs whose details have been told."""
    text, job = str(finding), finding.job
    if job is not None and job.token not in shown:
        shown.add(job.token)
        text = _text(text, job, clock)
    return f"{text}\n-> {finding.cure}"


def _text(sentence: str, job: Job, clock: Clock) -> str:
    return "\n".join([sentence, *(f"   {line}" for line in details(job, clock))])
