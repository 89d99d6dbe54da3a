"""A condition that reads the ``rc`` of a job that has none, and is an error exactly then."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding, named
from pytest_bgasync.jobs.job import Job
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.jobs.task_results import TaskResult
from pytest_bgasync.util.text import place, text

KIND = "no_rc"
CURE = (
    "a launch and a job that was ended at its limit have no rc: write job is succeeded or job is failed,"
    " or job.rc | default(1)"
)
#: How Jinja says it, in every version of Ansible; nothing else in the result tells.
_MISSING = re.compile(r"has no attribute '?rc\b")
#: How Ansible says which condition it was, from 2.21 on.
_CONDITION = re.compile(r"'(until|failed_when|changed_when)' expression")
#: What is said of a job in the place of its outcome: one that has ended has an rc, which was not asked for.
_STATES = {
    Outcome.TIMED_OUT: "timed out",
    Outcome.SUCCEEDED: "had been launched only",
    Outcome.FAILED: "had been launched only",
}


def find(facts: Facts) -> Iterator[Finding]:
    """Find tasks that failed for want of an rc on hosts whose jobs have none."""
    for result in facts.tasks.results:
        if result.status != "failed" or not any(map(_MISSING.search, _errors(result).values())):
            continue
        own = [job for job in facts.jobs if _launched(job, result)]
        asked = own[-1:] or [job for job in facts.jobs if job.host == result.host]
        job = next((job for job in asked if _has_none(job, result)), None)
        if job is not None:
            what = f"task {place(result.task, result.host, result.item, result.label)} {_how(job, result, facts)}"
            if not result.ignored:
                lost = "the rest of its block" if _rescued(result, facts) else "what stands after it"
                what += f"; {lost} did not run"
            yield Finding(KIND, result.task, result.host, what, CURE, job)


def _rescued(result: TaskResult, facts: Facts) -> bool:
    """Say whether a rescue has run on its host since a task failed."""
    return any(
        reach.host == result.host
        and reach.task.part == "rescue"
        and any(later.started_at >= result.ended_at for later in reach.results)
        for reach in facts.tasks.reached
    )


def _errors(result: TaskResult) -> dict[str, str]:
    """Return what a task says of its failure, by the key of its result."""
    return {
        "msg": result.msg,
        **{key: text(result.data.get(key)) for key in ("failed_when_result", "changed_when_result")},
    }


def _launched(job: Job, result: TaskResult) -> bool:
    """Say whether it was the task itself that launched a job, at its last try where it had several."""
    place = (job.launch.task_id, job.host, job.item)
    return (
        place == (result.task_id, result.host, result.item) and result.started_at <= job.launched_at <= result.ended_at
    )


def _has_none(job: Job, result: TaskResult) -> bool:
    """Say whether what the play knew of a job at that moment had no rc: a launch, or a job without a result."""
    if job.outcome not in (Outcome.SUCCEEDED, Outcome.FAILED):
        return True
    told = any(poll.finished and poll.at <= result.ended_at for poll in job.polls)
    return not told and job.rc is not None and (job.poll == 0 or _launched(job, result))


def _how(job: Job, result: TaskResult, facts: Facts) -> str:
    """Say what the task had done when it failed."""
    state = _STATES.get(job.outcome, f"is {job.outcome}")
    if not _launched(job, result):
        began = any(reach.executed for reach in facts.tasks.reached if any(one is result for one in reach.results))
        return f"failed{'' if began else ' before it began'}: it reads an rc, and {named(job)} {state} and has none"
    reads = f"{_condition(job, result)} reads an rc"
    if job.poll == 0:
        return f"launched {named(job)} and then failed: {reads}, and a launch has none"
    if not job.collected:
        state = "had not ended when the play stopped waiting,"
    return f"launched {named(job)}, waited for it and then failed: {reads}, and the job {state} and has none"


def _condition(job: Job, result: TaskResult) -> str:
    """Return which condition of the task it was that read an rc."""
    errors = _errors(result)
    if (told := _CONDITION.search(errors["msg"])) is not None:
        return f"its {told[1]}"
    if _MISSING.search(errors["msg"]):
        return "its until" if job.launch.until else "a condition of its own"
    return "its failed_when" if _MISSING.search(errors["failed_when_result"]) else "its changed_when"
