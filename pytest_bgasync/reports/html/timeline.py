"""The timeline of a test: lanes for its runs, hosts, webhooks and traffic; all that has a time is a bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import Any

from pytest_bgasync.reports.html import words
from pytest_bgasync.reports.ledger import Record

#: The part of the whole time that a bar takes at least: what is shorter would cover its neighbours.
LEAST = 0.006
#: How much later than all else, as a part of the whole time, a limit may be and still be shown.
BEYOND = 0.25

#: A bar: its kind and status, when it began and ended, what it is called, what is known of it. Plain data.
Bar = dict[str, Any]


def timeline(test: Record) -> Record | None:
    """Return the lanes of a test with ``span``, the playbook seconds that they show; None where nothing happened.

    A lane has a name and rows of bars, in which no two overlap.
    """
    scale = test["time_scale"]
    lanes = [("runs", "runs", [_run(run, scale) for run in test["runs"]])]
    lanes += [("host", host, bars) for host, bars in _hosts(test, scale).items()]
    if test["webhooks"]:
        lanes.append(("webhooks", "webhooks", [_request(request) for request in test["webhooks"]]))
    lanes += [("traffic", "traffic", list(_stream(stream, scale))) for stream in test["traffic"]]
    bars = [bar for _, _, own in lanes for bar in own]
    if not bars:
        return None
    span = _span(bars)
    least = (span[1] - span[0]) * LEAST
    return {
        "span": span,
        "time_scale": scale,
        "lanes": [{"kind": kind, "name": name, "rows": pack(own, least, span[1])} for kind, name, own in lanes],
    }


def pack(bars: Iterable[Bar], least: float = 0, latest: float = inf) -> list[list[Bar]]:
    """Return rows of bars that do not overlap; each bar takes ``least`` seconds or more.

    What is marked of a bar after its end, up to ``latest``, is nobody else's room either: polls and
    its limit. Bars of one kind stand together: what befell a host first, its tasks, its jobs.
    """
    kinds: dict[str, list[Bar]] = {kind: [] for kind in ("fault", "task", "job")}
    for bar in bars:
        kinds.setdefault(bar["kind"], []).append(bar)
    return [row for own in kinds.values() for row in _packed(own, least, latest)]


def _packed(bars: Iterable[Bar], least: float, latest: float) -> list[list[Bar]]:
    rows: list[list[Bar]] = []
    ends: list[float] = []
    for bar in sorted(bars, key=lambda bar: bar["from"]):
        marks = [at for at in (*bar.get("polls", ()), bar.get("limit", latest)) if at < latest]
        end = max(bar["to"], bar["from"] + least, *marks)
        free = next((number for number, taken in enumerate(ends) if taken <= bar["from"]), len(rows))
        if free == len(rows):
            rows.append([])
            ends.append(end)
        rows[free].append(bar)
        ends[free] = end
    return rows


def _span(bars: Sequence[Bar]) -> tuple[float, float]:
    """Return when the first bar begins and the last ends; limits that are not much later are in it."""
    began, ended = min(bar["from"] for bar in bars), max(bar["to"] for bar in bars)
    latest = ended + (ended - began) * BEYOND
    limits = [bar["limit"] for bar in bars if bar.get("limit") and bar["limit"] <= latest]
    return began, max([ended, *limits, began + 0.1])


def _hosts(test: Record, scale: float) -> dict[str, list[Bar]]:
    """Return the bars of each machine, those of the scenario first; localhost where something happened there."""
    lanes: dict[str, list[Bar]] = {host: [] for host in test["hosts"]}
    for host, deeds in test["deeds"].items():
        lanes.setdefault(host, []).extend(_fault(deed, scale) for deed in deeds)
    for run in test["runs"]:
        for task in run["tasks"]:
            if task["status"] != "skipped":
                lanes.setdefault(task["host"], []).append(_task(task, run["ended"], scale))
        for job in run["jobs"]:
            lanes.setdefault(job["machine"], []).append(_job(job, scale))
    return lanes


def _bar(kind: str, status: str, title: str, began: float, ended: float | None, **more: Any) -> Bar:
    end = began if ended is None else max(began, ended)
    return {"kind": kind, "status": status, "title": words.short(title), "from": began, "to": end, **more}


def _run(run: Record, scale: float) -> Bar:
    status = "ok" if run["rc"] == 0 else "failed"
    return _bar("run", status, words.run_title(run), run["began"], run["ended"], facts=words.run_facts(run, scale))


def _task(task: Record, over: float, scale: float) -> Bar:
    """``over`` is when its run was over, and with that a task that did not end."""
    texts = words.texts_of(task["results"][0]) if len(task["results"]) == 1 else []
    ended = over if task["ended"] is None else task["ended"]
    status = task["status"] or "unfinished"
    if any(result["ignored"] for result in task["results"]):
        status = "ignored"
    return _bar("task", status, task["task"], task["began"], ended, facts=words.task_facts(task, scale), texts=texts)


def _job(job: Record, scale: float) -> Bar:
    finished = job["launched_at"] + job["elapsed"] if job["finished_at"] is None else job["finished_at"]
    title = job["task"] if job["item"] is None else f"{job['task']} ({job['item']})"
    return _bar(
        "job",
        job["outcome"],
        title,
        job["launched_at"],
        finished,
        limit=job["launched_at"] + job["limit_wall"] / scale,
        polls=[poll["at"] for poll in job["polls"]],
        deeds=[deed["at"] for deed in job["deeds"]],
        facts=words.job_facts(job, scale),
        texts=words.texts_of(job),
    )


def _fault(deed: Record, scale: float) -> Bar:
    return _bar("fault", "fault", deed["what"], deed["at"], deed["until"], facts=words.deed_facts(deed, scale))


def _request(request: Record) -> Bar:
    title = f"{request['method']} {request['path']} from {request['source']}"
    return _bar("webhook", "ok", title, request["at"], None, facts=words.request_facts(request))


def _stream(stream: Record, scale: float) -> Iterator[Bar]:
    facts, failures = words.stream_facts(stream, scale), [failure["at"] for failure in stream["failures"]]
    title = f"{stream['url']} from {stream['source']}: {stream['sent']} requests, {len(failures)} failed"
    status = "failed" if failures else "ok"
    yield _bar("stream", status, title, stream["began"], stream["ended"], facts=facts, failures=failures)
    if failures:
        gap, at = stream["longest_gap"], stream["longest_gap_at"]
        yield _bar("gap", "failed", f"gap of {words.seconds(gap)}", at, at + gap, facts=facts)
