"""The baseline: what the runs of all tests did, in a file that people review and git merges (docs/baseline.md)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pytest_bgasync.reports.behaviour import Behaviour, Difference, Durations, OnHost, differences
from pytest_bgasync.util.atomic_write import write_whole
from pytest_bgasync.util.errors import BgasyncError, UsageProblem

#: Of the form of the file.
VERSION = 1
UPDATE = "--bgasync-update-baseline"
_HEAD = f"""\
# What the tests' runs of playbooks did. pytest {UPDATE} writes it; review what changes in it.
"""
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})( |$)", re.MULTILINE)
_FACTS = {"task": str, "item": str, "on": str, "user": str, "limit": int | float, "poll": int, "outcome": str,
          "rc": int, "collected": bool, "took": int | float}  # fmt: skip
_NEEDED = ("task", "limit", "outcome")


@dataclass(frozen=True)
class Baseline:
    """What the runs of each test did, by its nodeid, and by file the tasks that never ran in any test.

    ``never`` is None where it is not known: no session has run all tests yet.
    """

    tests: Mapping[str, Sequence[Behaviour]] = field(default_factory=dict)
    never: Mapping[str, Sequence[str]] | None = None


@dataclass(frozen=True)
class Session:
    """What the baseline needs to know of a session.

    ``passed`` and ``failed`` have what the runs of tests did, by nodeid; a test that failed may
    not have come to all. ``present`` are the tests that exist in the files that were collected as
    a whole, ``files`` those files. ``never`` are, by file, the tasks that have not run.
    ``time_scales`` are those of the tests.
    """

    passed: Mapping[str, Sequence[Behaviour]]
    failed: Mapping[str, Sequence[Behaviour]] = field(default_factory=dict)
    present: Collection[str] = ()
    files: Collection[str] = ()
    never: Mapping[str, Sequence[str]] = field(default_factory=dict)
    time_scales: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """How a session differs from the baseline."""

    differences: Sequence[Difference]
    new: Sequence[str]
    """Tests with runs that the baseline does not have."""
    vanished: Sequence[str]
    """Tests of the baseline that are no more."""

    def __bool__(self) -> bool:
        return bool(self.differences or self.new or self.vanished)


def compare(baseline: Baseline, session: Session, root: Path, ratio: float | None = None) -> Comparison:
    """Return how a session differs; ``ratio`` is how much durations may, None where they are not looked at.

    Tests that were not run are passed over, as are, unless all were run, the tasks that never ran.
    """
    found: list[Difference] = []
    for test, runs in {**session.passed, **session.failed}.items():
        if test in baseline.tests:
            durations = None if ratio is None else Durations(ratio, session.time_scales.get(test, 1))
            partly = test in session.failed
            found += differences(test, baseline.tests[test], runs, durations, partly=partly)
    vanished = _vanished(baseline, session, root)
    if baseline.never is not None and _whole(baseline, session, vanished):
        found += _never(baseline.never, session.never)
    new = [test for test, runs in session.passed.items() if runs and test not in baseline.tests]
    return Comparison(found, sorted(new), vanished)


def updated(baseline: Baseline, session: Session, root: Path, ratio: float | None = None) -> Baseline:
    """Return the baseline as the session has it; tests that were not run, or failed, keep what they have."""
    vanished = _vanished(baseline, session, root)
    tests = {test: runs for test, runs in baseline.tests.items() if test not in vanished}
    for test, runs in session.passed.items():
        durations = None if ratio is None else Durations(ratio, session.time_scales.get(test, 1))
        known = tests.pop(test, None)
        # Durations that are about the same stay as they are, so that the file changes with the playbooks only.
        same = known is not None and durations is not None and not differences(test, known, runs, durations)
        if known is not None and same:
            tests[test] = known
        elif runs:
            tests[test] = runs
    never = session.never if _whole(baseline, session, vanished) else baseline.never
    return Baseline(tests, never)


def load(path: Path) -> Baseline:
    """Return the baseline in a file; raises UsageProblem for a file that is missing or that is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageProblem(f"--bgasync-baseline: there is no {path} yet: write it with {UPDATE}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"--bgasync-baseline: {path} cannot be read: {error}") from None
    if mark := _CONFLICT.search(text):
        number = text.count("\n", 0, mark.start()) + 1
        raise UsageProblem(
            f"--bgasync-baseline: {path} line {number} is a mark of a merge conflict:"
            f" resolve it, or take one side and run with {UPDATE}"
        )
    try:
        return _baseline(yaml.safe_load(text))
    except (yaml.YAMLError, TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else f" ({error})" if isinstance(error, TypeError) else ""
        raise UsageProblem(
            f"--bgasync-baseline: {path} is no baseline{where}:"
            f" name another file, or remove it and write it anew with {UPDATE}"
        ) from None


def save(baseline: Baseline, path: Path) -> None:
    """Write a baseline to its file; raises BgasyncError."""
    try:
        write_whole(path, text(baseline))
    except OSError as error:
        raise BgasyncError(f"--bgasync-baseline: {path} cannot be written: {error.strerror}") from None


def text(baseline: Baseline) -> str:
    """Return a baseline as the text of its file: one fact a line, tests and files by name."""
    parts = [_HEAD + _dumped({"baseline": VERSION})]
    if baseline.never is not None:
        never = [{"file": file, "tasks": list(tasks)} for file, tasks in sorted(baseline.never.items()) if tasks]
        parts.append(_dumped({"never ran": never}))
    tests = [{"test": test, "runs": list(map(_run_data, runs))} for test, runs in sorted(baseline.tests.items())]
    parts.append(_dumped({"tests": []}) if not tests else "tests:\n\n" + "\n".join(_dumped([test]) for test in tests))
    return "\n".join(parts)


def _vanished(baseline: Baseline, session: Session, root: Path) -> list[str]:
    """Return the tests whose file is gone, or was collected without them."""
    missing = [test for test in sorted(baseline.tests) if test not in session.present]
    files = {test: test.partition("::")[0] for test in missing}
    return [test for test in missing if files[test] in session.files or not (root / files[test]).exists()]


def _whole(baseline: Baseline, session: Session, vanished: Iterable[str]) -> bool:
    """Say whether the session has run all tests, and none of them failed."""
    return not session.failed and {*baseline.tests} - {*vanished} <= {*session.passed}


def _never(old: Mapping[str, Sequence[str]], new: Mapping[str, Sequence[str]]) -> Iterator[Difference]:
    for file in sorted({*old, *new}):
        before, after = Counter(old.get(file, ())), Counter(new.get(file, ()))
        for task in after - before:
            yield Difference(file, "", "", f"task {task!r}", "ran in a test", "never ran")
        for task in before - after:
            yield Difference(file, "", "", f"task {task!r}", "never ran", "ran in a test, or is no more")


def _dumped(data: Any) -> str:
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=2**31, default_flow_style=False))


def _run_data(run: Behaviour) -> dict[str, Any]:
    data: dict[str, Any] = {"playbook": run.playbook, "rc": run.rc}
    if run.took is not None:
        data["took"] = run.took
    return data | {"hosts": {name: _host_data(host) for name, host in sorted(run.hosts.items())}}


def _host_data(host: OnHost) -> dict[str, Any]:
    data: dict[str, Any] = {"tasks": [{name: status} for name, status in host.tasks]}
    if host.jobs:
        data["jobs"] = [dict(job) for job in host.jobs]
    if host.recap is not None:
        data["recap"] = dict(host.recap)
    return data


def _baseline(data: Any) -> Baseline:
    """Return what a file says; raises TypeError, ValueError, KeyError or AttributeError for what is no baseline."""
    if data["baseline"] != VERSION:
        raise TypeError(f"of version {data['baseline']}, and this release reads {VERSION}")
    never = data.get("never ran")
    return Baseline(
        tests={_of(str, test["test"]): tuple(map(_run, test["runs"])) for test in data["tests"]},
        never=None if never is None else {_of(str, one["file"]): [_of(str, t) for t in one["tasks"]] for one in never},
    )


def _run(data: Any) -> Behaviour:
    took = data.get("took")
    return Behaviour(
        playbook=_of(str, data["playbook"]),
        rc=_of(int, data["rc"]),
        hosts={_of(str, name): _host(host) for name, host in data["hosts"].items()},
        took=None if took is None else float(took),
    )


def _host(data: Any) -> OnHost:
    recap = data.get("recap")
    tasks = [pair for task in data["tasks"] for pair in task.items()]
    return OnHost(
        tasks=tuple((_of(str, name), _of(str, status)) for name, status in tasks),
        recap=None if recap is None else {_of(str, name): _of(int, count) for name, count in recap.items()},
        jobs=tuple(_job(job) for job in data.get("jobs", ())),
    )


def _job(data: Any) -> dict[str, Any]:
    missing = [name for name in _NEEDED if name not in data]
    if missing:
        raise TypeError(f"a job without {missing[0]}")
    return {name: _of(_FACTS[name], value) for name, value in data.items()}


def _of(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is at a place where it cannot be")
    return value
