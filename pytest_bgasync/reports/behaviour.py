"""What a run of a playbook did, as far as it is the same each time, and how two runs differ: pure folds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from typing import Any

from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.reports.ledger import Record
from pytest_bgasync.reports.normalize import normal

#: The outcome of a job that was neither collected nor declared: whether it ended before the test is a matter of speed.
NOT_WAITED_FOR = "not waited for"
#: What is not there is told by this.
NOT_REACHED, NOT_LAUNCHED, NOT_RUN = "not reached", "not launched", "not run"
#: Real seconds below which durations say more of the machine than of the playbook.
SHORT = 1.0

Value = str | int | float | bool


@dataclass(frozen=True)
class OnHost:
    """What a run did on one host: its tasks in order, each with its status, and its background jobs in order."""

    tasks: tuple[tuple[str, str], ...] = ()
    recap: Mapping[str, int] | None = None
    """None where the run did not come to its end."""
    jobs: tuple[Mapping[str, Value], ...] = ()


@dataclass(frozen=True)
class Behaviour:
    """What one run did. ``took`` is in playbook seconds; None where durations are not looked at."""

    playbook: str
    rc: int
    hosts: Mapping[str, OnHost]
    took: float | None = None


@dataclass(frozen=True)
class Durations:
    """How durations are compared: the longer one may be ``ratio`` times the other. ``time_scale`` is the test's."""

    ratio: float
    time_scale: float

    def fit(self, one: float, other: float) -> bool:
        """Say whether two durations, in playbook seconds, are about the same; short ones always are."""
        least = SHORT / self.time_scale
        shorter, longer = sorted((max(one, least), max(other, least)))
        return longer <= shorter * self.ratio


@dataclass(frozen=True)
class Difference:
    """One thing that was so and is otherwise. ``host`` is empty for what is about the whole run, ``test`` for all."""

    playbook: str
    test: str
    host: str
    what: str
    old: str
    new: str

    @property
    def subject(self) -> str:
        """What it is about, with its host."""
        return f"{self.host}: {self.what}" if self.host else self.what

    def __str__(self) -> str:
        return f"{self.subject}: {self.old} -> {self.new}"


def behaviours(record: Record, *, durations: bool = False) -> list[Behaviour]:
    """Return what the runs of a test did, by its line in the ledger."""
    return [_behaviour(run, durations) for run in record.get("runs", ())]


def differences(
    test: str,
    old: Sequence[Behaviour],
    new: Sequence[Behaviour],
    durations: Durations | None = None,
    *,
    partly: bool = False,
) -> list[Difference]:
    """Return how the runs of a test differ.

    With ``partly`` the test has failed, and its failure may have kept it from what is missing: from
    more runs, and from waiting for jobs.
    """
    found: list[Difference] = []
    for number, (before, after) in enumerate(zip_longest(old, new), 1):
        if before is None or after is None:
            run = before or after
            sides = (f"rc {before.rc}" if before else NOT_RUN, f"rc {after.rc}" if after else NOT_RUN)
            if not partly or before is None:
                found.append(Difference(run.playbook, test, "", f"run {number}", *sides))
            continue
        run_name = f"run {number}: " if max(len(old), len(new)) > 1 else ""
        found += [
            Difference(after.playbook, test, host, run_name + what, told, tells)
            for host, what, told, tells in _compared(before, after, durations, partly)
        ]
    return found


def grouped(differences: Iterable[Difference]) -> Iterator[tuple[str, list[tuple[list[str], list[Difference]]]]]:
    """Yield differences by playbook; tests that differ in the same way stand together."""
    ordered = sorted(differences, key=lambda one: one.playbook)
    for playbook, group in groupby(ordered, key=lambda one: one.playbook):
        by_test: dict[str, list[Difference]] = {}
        for one in group:
            by_test.setdefault(one.test, []).append(one)
        alike: dict[tuple[str, ...], list[str]] = {}
        for test, own in by_test.items():
            alike.setdefault(tuple(map(str, own)), []).append(test)
        yield playbook, [(tests, by_test[tests[0]]) for tests in alike.values()]


def lines(differences: Iterable[Difference]) -> Iterator[str]:
    """Yield differences as text, by playbook."""
    for playbook, groups in grouped(differences):
        yield playbook
        for tests, own in groups:
            yield from (f"  {test}" for test in tests if test)
            yield from (f"    {one}" for one in own)


def _behaviour(run: Record, durations: bool) -> Behaviour:
    complete = run["complete"]
    names = sorted({*run["recap"], *(task["host"] for task in run["tasks"]), *(job["host"] for job in run["jobs"])})
    hosts = {}
    for name in names:
        tasks = [task for task in run["tasks"] if task["host"] == name]
        jobs = sorted((job for job in run["jobs"] if job["host"] == name), key=lambda job: float(job["launched_at"]))
        hosts[normal(name)] = OnHost(
            tasks=tuple(_statuses(tasks)),
            recap=dict(run["recap"].get(name, {})) if complete else None,
            jobs=tuple(_job(job, durations) for job in jobs),
        )
    took = _rounded(run["ended"] - run["began"]) if durations else None
    return Behaviour(normal(run["playbook"]), run["rc"], hosts, took)


def _statuses(tasks: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """Yield the tasks of a host with their statuses; those with a loop once for each item."""
    for task, following in zip_longest(tasks, tasks[1:]):
        rescue = following["full_name"] if following and following["part"] == "rescue" else None
        part = f", in {task['part']}" if task["part"] else ""
        for result in task["results"] or [{"item": None, "status": "no result", "ignored": False}]:
            failed = result["status"] == "failed" and not result["ignored"]
            rescued = f", rescued by {normal(rescue)}" if failed and rescue else ""
            ignored = ", ignored" if result["ignored"] else ""
            yield _called(task["full_name"], result["item"]), f"{result['status']}{ignored}{part}{rescued}"


def _job(job: Record, durations: bool) -> Mapping[str, Value]:
    """Return the facts of a job; those that it does not have are left out."""
    final = job["outcome"] in (Outcome.LOST, Outcome.UNREACHABLE)
    waited_for = job["collected"] or job["declared"] or final
    took = _rounded(job["elapsed"]) if durations and waited_for and job["finished_at"] is not None else None
    facts: dict[str, Value | None] = {
        "task": normal(job["full_name"]),
        "item": None if job["item"] is None else normal(job["item"]),
        "on": normal(job["machine"]) if job["machine"] != job["host"] else None,
        "user": normal(job["user"]),
        "limit": int(job["limit"]) if job["limit"] == int(job["limit"]) else job["limit"],
        "poll": job["poll"],
        "outcome": job["outcome"] if waited_for else NOT_WAITED_FOR,
        "rc": job["rc"] if waited_for else None,
        "collected": job["collected"],
        "took": took,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _called(task: str, item: str | None) -> str:
    return normal(task) + ("" if item is None else f" ({normal(item)})")


def _rounded(seconds: float) -> float:
    """Return a duration with two digits that count: more would only be noise."""
    return float(f"{seconds:.2g}")


def _compared(
    old: Behaviour, new: Behaviour, durations: Durations | None, partly: bool
) -> Iterator[tuple[str, str, str, str]]:
    """Yield host, what it is about, and both sides."""
    if old.playbook != new.playbook:
        yield "", "playbook", old.playbook, new.playbook
    if old.rc != new.rc:
        yield "", "rc", str(old.rc), str(new.rc)
    if durations and not _last_alike(old.took, new.took, durations):
        yield "", "took", _shown(old.took), _shown(new.took)
    for host in sorted({*old.hosts, *new.hosts}):
        before, after = old.hosts.get(host, OnHost()), new.hosts.get(host, OnHost())
        yield from ((host, *rest) for rest in _tasks(before.tasks, after.tasks))
        yield from ((host, *rest) for rest in _jobs(before.jobs, after.jobs, durations, partly))
        yield from ((host, *rest) for rest in _recaps(before.recap or {}, after.recap or {}))


def _tasks(old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Yield the tasks that came in one only, or with another status, or elsewhere."""
    matcher = SequenceMatcher(None, [name for name, _ in old], [name for name, _ in new], autojunk=False)
    gone: list[int] = []
    come: list[int] = []
    changed: list[tuple[str, str, str]] = []
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind == "equal":
            pairs = zip(old[start:end], new[other_start:other_end], strict=True)
            changed += [(name, was, now) for (name, was), (_, now) in pairs if was != now]
        else:
            gone += range(start, end)
            come += range(other_start, other_end)
    for place in gone:
        name, was = old[place]
        moved = next((other for other in come if new[other][0] == name), None)
        if moved is None:
            changed.append((name, was, NOT_REACHED))
        else:
            come.remove(moved)
            changed.append((name, f"{was}, {_after(old, place)}", f"{new[moved][1]}, {_after(new, moved)}"))
    changed += [(new[place][0], NOT_REACHED, new[place][1]) for place in come]
    yield from ((f"task {name!r}", was, now) for name, was, now in changed)


def _after(tasks: Sequence[tuple[str, str]], place: int) -> str:
    return f"after {tasks[place - 1][0]!r}" if place else "first"


def _jobs(
    old: Sequence[Mapping[str, Value]],
    new: Sequence[Mapping[str, Value]],
    durations: Durations | None,
    partly: bool,
) -> Iterator[tuple[str, str, str]]:
    """Yield the jobs that were launched in one only, and the facts of the others that differ."""
    before, after = _by_name(old), _by_name(new)
    for name in [*before, *(name for name in after if name not in before)]:
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            yield f"job {name}", _summed(was), _summed(now)
            continue
        for fact in dict.fromkeys([*was, *now]):
            if fact == "took":
                if durations and not _last_alike(was.get(fact), now.get(fact), durations):
                    yield f"job {name}: {fact}", _shown(was.get(fact)), _shown(now.get(fact))
            elif was.get(fact) != now.get(fact) and not (partly and fact in ("outcome", "rc") and _at_work(now)):
                yield f"job {name}: {fact}", _shown(was.get(fact)), _shown(now.get(fact))


def _by_name(jobs: Iterable[Mapping[str, Value]]) -> dict[str, Mapping[str, Value]]:
    """Return jobs by their task and item; what a host launched before under that name gets a number."""
    found: dict[str, Mapping[str, Value]] = {}
    for job in jobs:
        name = repr(job["task"]) + (f" ({job['item']})" if "item" in job else "")
        same = sum(other == name or other.startswith(f"{name} #") for other in found)
        found[f"{name} #{same + 1}" if same else name] = job
    return found


def _at_work(job: Mapping[str, Value]) -> bool:
    return job["outcome"] in (Outcome.RUNNING, NOT_WAITED_FOR)


def _summed(job: Mapping[str, Value] | None) -> str:
    return NOT_LAUNCHED if job is None else f"limit {job['limit']}, {job['outcome']}"


def _recaps(old: Mapping[str, int], new: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    for count in dict.fromkeys([*old, *new]):
        if old.get(count) != new.get(count):
            yield f"recap: {count}", _shown(old.get(count)), _shown(new.get(count))


def _last_alike(old: Any, new: Any, durations: Durations) -> bool:
    if old is None or new is None:
        return old is new
    return durations.fit(old, new)


def _shown(value: Value | None) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
