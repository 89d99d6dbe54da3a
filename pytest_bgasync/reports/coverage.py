"""Which tasks of the author's files have run in a session, and which outcomes of their background jobs were tried."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from yaml.nodes import Node, ScalarNode, SequenceNode

from pytest_bgasync.config.outcome_marker import ENDS
from pytest_bgasync.runs.run import Run
from pytest_bgasync.util.yaml_nodes import entries, keys, read, text

_LISTS = ("pre_tasks", "tasks", "post_tasks", "handlers")
_PARTS = ("block", "rescue", "always")
#: What tasks say that stand where something has gone wrong.
_TROUBLE = re.compile(r"roll.?back|fail|undo|abort|revert|\bnot\b.*\bsucce|\brc\b\s*(!=|>)", re.IGNORECASE)
#: What a task can name the file of other tasks with.
_INCLUDES = ("include_tasks", "import_tasks")


class Seen(TypedDict):
    """What one test has seen; plain, so that it passes between processes."""

    files: list[str]
    """All files that the tasks of its playbooks come from."""
    ran: list[str]
    """The places, as ``file:line``, of tasks that ran."""
    outcomes: list[tuple[str, str]]
    """For each background job the place of its task, and how it ended."""


@dataclass(frozen=True)
class Statement:
    """A task in a file: the line it begins in, its name, and whether it stands where something has gone wrong."""

    line: int
    name: str
    trouble: bool
    background: bool


@dataclass
class Coverage:
    """What all tests of a session have seen."""

    files: set[str] = field(default_factory=set)
    ran: set[str] = field(default_factory=set)
    outcomes: dict[str, set[str]] = field(default_factory=dict)

    def add(self, seen: Seen) -> None:
        """Take what one test has seen."""
        self.files.update(seen["files"])
        self.ran.update(seen["ran"])
        for place, outcome in seen["outcomes"]:
            self.outcomes.setdefault(place, set()).add(outcome)

    def report(self, root: Path, playbooks: Path) -> Report:
        """Return what is covered of the files below ``root`` and ``playbooks``: those seen, and the author's others.

        They are the playbooks in ``playbooks``, all roles beside them, in ``root`` and beside a role
        that was seen, and what these include.
        """
        files = []
        root, playbooks = root.resolve(), playbooks.resolve()  # as all other paths here
        for path in sorted(_known(map(Path, self.files), root, playbooks)):
            name, found = str(path), list(statements(path))
            if not found or not {root, playbooks} & {*path.parents}:
                continue
            missing = [s for s in found if f"{name}:{s.line}" not in self.ran]
            tried = {s: self.outcomes.get(f"{name}:{s.line}", set()) for s in found if s.background}
            files.append(File(os.path.relpath(path, root), found, missing, tried))
        return Report(files)


@dataclass(frozen=True)
class File:
    """What is covered of one file. ``tried`` has the outcomes of each background task."""

    name: str
    statements: Sequence[Statement]
    missing: Sequence[Statement]
    tried: Mapping[Statement, set[str]]


@dataclass(frozen=True)
class Report:
    """What is covered, file by file."""

    files: Sequence[File]

    @property
    def percent(self) -> float:
        """How many of a hundred tasks have run; 0 without any."""
        return _percent(self.files)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the terminal."""
        width = max((len(file.name) for file in self.files), default=5)
        yield f"{'Name':<{width}}   Tasks   Miss  Cover   Missing"
        yield "-" * (width + 33)
        for file in self.files:
            numbers = ", ".join(str(s.line) for s in _trouble_first(file.missing))
            row = f"{file.name:<{width}}  {len(file.statements):>6} {len(file.missing):>6} {_percent([file]):>5.0f}%"
            yield f"{row}   {numbers}".rstrip()
        yield "-" * (width + 33)
        total, missed = (sum(len(part) for part in parts) for parts in self._sums())
        yield f"{'TOTAL':<{width}}  {total:>6} {missed:>6} {self.percent:>5.0f}%"
        lost = [(file, s) for file in self.files for s in file.missing if s.trouble]
        if lost:
            yield ""
            yield "never ran, and stands where something has gone wrong:"
            yield from (f"  {file.name}:{s.line}  {s.name}" for file, s in lost)
        tasks = [(file, s, tried) for file in self.files for s, tried in file.tried.items()]
        if tasks:
            yield ""
            yield "outcomes of background tasks:"
            for file, s, tried in tasks:
                rest = [str(outcome) for outcome in ENDS if outcome not in tried]
                said = f"tried {', '.join(outcome for outcome in ENDS if outcome in tried) or 'none'}"
                yield f"  {file.name}:{s.line}  {s.name}: {said}" + (f"; not {', '.join(rest)}" if rest else "")

    def data(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return {
            "percent": round(self.percent, 2),
            "files": {
                file.name: {
                    "tasks": [{"line": s.line, "name": s.name} for s in file.statements],
                    "missing": [s.line for s in file.missing],
                    "missing_where_something_has_gone_wrong": [s.line for s in file.missing if s.trouble],
                    "outcomes": {
                        str(s.line): {str(outcome): outcome in tried for outcome in ENDS}
                        for s, tried in file.tried.items()
                    },
                }
                for file in self.files
            },
        }

    def _sums(self) -> tuple[list[Sequence[Statement]], list[Sequence[Statement]]]:
        return [file.statements for file in self.files], [file.missing for file in self.files]


def seen(runs: Iterable[Run]) -> Seen:
    """Return what the runs of a test have seen."""
    files: set[str] = set()
    ran: set[str] = set()
    outcomes: set[tuple[str, str]] = set()
    for run in runs:
        places = {event["task_id"]: _real(event["path"]) for event in run.events if event["event"] == "task_started"}
        loaded = [_real(path) for event in run.events if event["event"] == "playbook_loaded" for path in event["files"]]
        files.update([*loaded, *(place.rpartition(":")[0] for place in places.values())])
        ran.update(places[reach.task.id] for reach in run.reached if reach.ran and reach.status is not None)
        outcomes.update(
            (places[job.launch.task_id], str(job.outcome)) for job in run.jobs if job.launch.task_id in places
        )
    return {"files": sorted(files - {""}), "ran": sorted(ran), "outcomes": sorted(outcomes)}


def _real(place: str) -> str:
    """Return a place without symbolic links."""
    file, colon, line = place.rpartition(":")
    return f"{os.path.realpath(file)}:{line}" if colon and line.isdigit() else os.path.realpath(place)


def _known(seen: Iterable[Path], root: Path, playbooks: Path) -> set[Path]:
    """Return the files that hold an author's tasks, those that were seen and what is known without them."""
    found = set(seen)
    roles = [place / "roles" for place in (root, playbooks)]
    roles += [parent for path in found for parent in path.parents if parent.name == "roles"]
    found.update(path for path in playbooks.glob("*.y*ml") if any(map(_is_play, entries(read(path)))))
    for folder in set(roles):
        for part in ("tasks", "handlers"):
            found.update(folder.glob(f"*/{part}/**/*.y*ml"))
    todo = [path.resolve() for path in found]
    known: set[Path] = set()
    while todo:
        if (path := todo.pop()) not in known and path.is_file():
            known.add(path)
            todo += [(path.parent / name).resolve() for name in _included(read(path))]
    return known


def _included(node: Node | None) -> Iterator[str]:
    """Yield the names of files that tasks below a node include, as far as they can be read off it."""
    for key, value in keys(node).items():
        if key.rpartition(".")[2] in _INCLUDES:
            file = keys(value).get("file", value)
            if isinstance(file, ScalarNode) and "{{" not in file.value:
                yield file.value
        yield from _included(value)
    for entry in entries(node):
        yield from _included(entry)


def _is_play(entry: Node) -> bool:
    return not {"hosts", *_LISTS}.isdisjoint(keys(entry))


def statements(path: Path) -> Iterator[Statement]:
    """Yield the tasks of a playbook or of a file of tasks, in order; none of a file that is not plain YAML."""
    for entry in entries(read(path)):
        parts = keys(entry)
        if _is_play(entry):
            for name in _LISTS:
                yield from _tasks(parts.get(name), trouble=False)
        else:
            yield from _task(entry, trouble=False)


def _tasks(node: Node | None, *, trouble: bool) -> Iterator[Statement]:
    for entry in entries(node):
        yield from _task(entry, trouble=trouble)


def _task(node: Node, *, trouble: bool) -> Iterator[Statement]:
    parts = keys(node)
    if not parts or any("import_playbook" in key or key.rpartition(".")[2] == "meta" for key in parts):
        return
    name = _said(parts.get("name"))
    trouble = trouble or any(_TROUBLE.search(said) for said in (name, _said(parts.get("when"))))
    if any(part in parts for part in _PARTS):
        for part in _PARTS:
            yield from _tasks(parts.get(part), trouble=trouble or part == "rescue")
        return
    limit = parts.get("async")
    background = limit is not None and str(limit.value).strip() not in ("", "0")
    if any(key.rpartition(".")[2] in ("import_tasks", "import_role") for key in parts):
        return  # Ansible puts their tasks in their place
    yield Statement(node.start_mark.line + 1, name or next(iter(parts)), trouble, background)


def _said(node: Node | None) -> str:
    """Return what a name or a condition says; a list of conditions as one text."""
    if isinstance(node, SequenceNode):
        return " and ".join(map(_said, node.value))
    return text(node)


def _trouble_first(missing: Iterable[Statement]) -> list[Statement]:
    return sorted(missing, key=lambda statement: not statement.trouble)


def _percent(files: Iterable[File]) -> float:
    every = [(len(file.statements), len(file.missing)) for file in files]
    total = sum(count for count, _ in every)
    return 100 * (total - sum(missing for _, missing in every)) / total if total else 0.0
