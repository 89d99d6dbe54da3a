"""What the page says of tasks, jobs and all else, as names and values; texts that are long are cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from pytest_bgasync.reports.ledger import Record
from pytest_bgasync.util.text import number_of, printable

#: How many characters of a text are kept: of one that Ansible or pytest wrote, of any other, and of a name.
OUTPUT, TEXT, NAME = 200_000, 10_000, 300
#: How many results of a loop, and how many requests of a stream that failed, are listed.
LISTED = 50

#: A name, and what is said of it.
Fact = tuple[str, str]


def cut(text: str, most: int = TEXT) -> str:
    """Return a text, of one that is too long the end under a line that says how much is missing."""
    text = printable(text)
    if len(text) <= most:
        return text
    return f"[cut: the first {len(text) - most} of {len(text)} characters are not here]\n{text[-most:]}"


def short(text: str) -> str:
    """Return a name, of one that is too long the beginning."""
    text = printable(text)
    return text if len(text) <= NAME else f"{text[:NAME]}… ({len(text)} characters)"


def seconds(value: float | None) -> str:
    """Return playbook seconds as people read them."""
    return "" if value is None else f"{value:.1f} s" if abs(value) >= 1 else f"{value:.2f} s"


def job_facts(job: Record, scale: float) -> list[Fact]:
    """Return what is known of a job. ``scale`` is how many real seconds one playbook second has."""
    own = "" if job["machine"] == job["host"] else f", for {job['host']}"
    told = [
        ("outcome", str(job["outcome"]).replace("_", " ")),
        ("rc", "hidden by no_log" if job["no_log"] else "none" if job["rc"] is None else str(job["rc"])),
        ("host", f"{job['machine']}{own}"),
        ("item", "" if job["item"] is None else short(job["item"])),
        ("user", job["user"]),
        ("launched", seconds(job["launched_at"])),
        ("finished", seconds(job["finished_at"]) or "not"),
        ("took", _both(job["elapsed"], scale)),
        ("limit (async)", seconds(job["limit"])),
        ("limit in force", f"{job['limit_wall']} s real, {seconds(job['limit_wall'] / scale)}"),
        ("poll", str(job["poll"])),
        ("polls", _polls(job["polls"])),
        ("collected", "yes, the play read its final status" if job["collected"] else "no"),
        ("left behind", "on purpose (fire_and_forget)" if job["declared"] else ""),
        ("changed", "yes" if job["changed"] else "no"),
        ("done to it", _deeds(job["deeds"])),
        ("alive after its end", "\n".join(f"{one['pid']} {one['user']} {one['command']}" for one in job["survivors"])),
        ("job id", job["jid"] or "none: no launch was answered"),
        ("job file", job["results_file"] or ""),
    ]
    return _kept(told)


def task_facts(task: Record, scale: float) -> list[Fact]:
    """Return what is known of what a host did with a task."""
    results = task["results"]
    first = results[0] if len(results) == 1 and not task["loop"] else {}
    return _kept(
        [
            ("status", task["status"] or "none: it did not end"),
            ("ignored", "yes, ignore_errors" if first.get("ignored") else ""),
            ("rc", "" if first.get("rc") is None else str(first["rc"])),
            ("host", task["host"]),
            ("place", task["place"]),
            ("full name", task["full_name"] if task["full_name"] != task["task"] else ""),
            ("part of a block", task["part"] or ""),
            ("handler", "yes" if task["handler"] else ""),
            ("began", seconds(task["began"])),
            ("took", "" if task["ended"] is None else _both(task["ended"] - task["began"], scale)),
            ("attempts", str(first["attempts"]) if first.get("attempts", 1) > 1 else ""),
            ("items", _items(results) if task["loop"] else ""),
        ]
    )


def texts_of(thing: Mapping[str, Any]) -> list[Fact]:
    """Return what a job or a result of a task has said."""
    return _kept([(name, str(thing[name])) for name in ("msg", "stdout", "stderr")], TEXT)


def run_title(run: Record) -> str:
    """Return what a run is called."""
    return f"{run['playbook']} · rc {run['rc']}"


def run_facts(run: Record, scale: float) -> list[Fact]:
    """Return what is known of a run."""
    counts = [
        f"{host}: {', '.join(f'{name} {count}' for name, count in recap.items() if count) or 'nothing'}"
        for host, recap in run["recap"].items()
    ]
    return _kept(
        [
            ("playbook", run["playbook"]),
            ("rc", str(run["rc"])),
            ("ended", "" if run["complete"] else "it was stopped, killed or refused"),
            ("began", seconds(run["began"])),
            ("took", _both(run["ended"] - run["began"], scale)),
            ("ansible-core", run["ansible_version"]),
            ("options", "\n".join(f"{name}: {value}" for name, value in run["options"].items())),
            ("plays", "\n".join(f"{play['play']}: {', '.join(play['hosts'])}" for play in run["plays"])),
            ("recap", "\n".join(counts)),
            ("jobs", number_of(len(run["jobs"]), "job")),
        ]
    )


def deed_facts(deed: Record, scale: float) -> list[Fact]:
    """Return what is known of something that befell a host."""
    until = deed["until"]
    return _kept(
        [
            ("began", seconds(deed["at"])),
            ("ended", seconds(until)),
            ("took", "" if until is None else _both(until - deed["at"], scale)),
        ]
    )


def request_facts(request: Record) -> list[Fact]:
    """Return what is known of a webhook."""
    url = f"{request['scheme']}://{request['host']}{request['path']}"
    return _kept(
        [("request", f"{request['method']} {url}"), ("from", request["source"]), ("at", seconds(request["at"]))]
    )


def stream_facts(stream: Record, scale: float) -> list[Fact]:
    """Return what is known of a stream of traffic."""
    failures = [f"{seconds(one['at'])}: {one['status'] or one['error'] or 'no answer'}" for one in stream["failures"]]
    return _kept(
        [
            ("to", stream["url"]),
            ("from", stream["source"]),
            ("requests", str(stream["sent"])),
            ("failed", str(len(failures))),
            ("began", seconds(stream["began"])),
            ("ended", seconds(stream["ended"])),
            ("longest gap", f"{_both(stream['longest_gap'], scale)}, from {seconds(stream['longest_gap_at'])} on"),
            ("failures", _listed(failures)),
        ]
    )


def _polls(polls: list[Record]) -> str:
    """Return what the play heard of a job, by the time; what it heard several times one after the other is one line."""
    states = (("timed_out", "timed out"), ("failed", "failed"), ("finished", "finished"))
    heard = [(next((word for key, word in states if poll[key]), "running"), poll["at"]) for poll in polls]
    lines = []
    for state, same in groupby(heard, key=itemgetter(0)):
        times = [at for _, at in same]
        until = f" to {seconds(times[-1])}, {len(times)} times" if len(times) > 1 else ""
        lines.append(f"{state}: {seconds(times[0])}{until}")
    return _listed(lines) or "none"


def _deeds(deeds: Iterable[Record]) -> str:
    return "\n".join(f"{deed['what']} at {seconds(deed['at'])}" for deed in deeds)


def _items(results: list[Record]) -> str:
    return _listed(
        [
            f"{short(str(one['item']))}: {one['status']}"
            + ("" if one["rc"] is None else f", rc {one['rc']}")
            + (f", {short(one['msg'])}" if one["msg"] else "")
            for one in results
        ]
    )


def _listed(lines: list[str]) -> str:
    """Return lines, of too many the first ones."""
    more = [f"and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
    return "\n".join([*lines[:LISTED], *more])


def _both(playbook: float, scale: float) -> str:
    return seconds(playbook) if scale == 1 else f"{seconds(playbook)} ({seconds(playbook * scale)} real)"


def _kept(told: Iterable[Fact], most: int = TEXT) -> list[Fact]:
    """Return those of which something is said."""
    return [(name, cut(value, most)) for name, value in told if value]
