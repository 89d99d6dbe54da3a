"""Why a job that is there was not found: what the rules about statuses have in common."""

from __future__ import annotations

from posixpath import dirname

from pytest_bgasync.jobs.job import Job
from pytest_bgasync.jobs.launches import Launch, Miss
from pytest_bgasync.jobs.outcome import Outcome


def why_missed(miss: Miss, launch: Launch) -> str:
    """Say how asking for a job differed from launching it."""
    if launch.poll > 0 and launch.ended_task:
        return "its task has poll above 0, which reads the result and removes the job file"
    if launch.erased_at is not None and launch.erased_at <= miss.at:
        return "mode: cleanup had removed its job file"
    if miss.machine != launch.machine:
        return f"it was asked for on {miss.machine}, and it is on {launch.machine}"
    looked, lies = dirname(miss.results_file or ""), dirname(launch.results_file or "")
    own = f"~{miss.user}/"  # how an author's action may write the home of whom it asks as
    if looked == lies or (
        looked.startswith(own) and miss.user == launch.user and lies.endswith(looked[len(own) - 1 :])
    ):
        return f"its job file was not in {lies} any more"
    users = "" if miss.user == launch.user else f" as {miss.user}, and it was launched as {launch.user}"
    return f"it was looked for in {looked}{users}; its job file is in {lies}"


def was_unreadable(job: Job) -> bool:
    """Say whether the play asked for a job that had ended by itself, and could not read its result."""
    ended = job.finished_at if job.outcome in (Outcome.SUCCEEDED, Outcome.FAILED) else None
    if ended is None or job.collected:
        return False
    late = [poll for poll in job.polls if poll.at > ended]
    # The first of several may have been on its way when the job ended.
    return len(late) > 1 or any(job.poll > 0 or poll.failed for poll in late)
