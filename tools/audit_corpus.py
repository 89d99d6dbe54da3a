"""Compare the audit's findings with a list of judged places: precision and recall by rule.

    python tools/audit_corpus.py CHECKOUTS [--list FILE.csv] [--repository OWNER/NAME ...] [--set seen|unseen]

``CHECKOUTS`` is a folder with one folder ``OWNER+NAME`` for each repository of the list, at the commit that the list
names. Each line of the list is a task (repository, commit, path, its first line) with a rule and a judgement:

- ``fault``: the rule is right here, whether or not the audit says so;
- ``sound``: the rule is wrong here, or, without a rule, nothing is wrong with this background task.

Findings in tasks that are not listed are printed as not judged and count in neither figure.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from yaml.nodes import Node

from pytest_bgasync.audit.loader import walk
from pytest_bgasync.audit.runner import look
from pytest_bgasync.audit.sources import Sources
from pytest_bgasync.audit.tasks import action_of
from pytest_bgasync.util.yaml_nodes import NotYaml, entries, keys, read

LIST = Path(__file__).parent.parent / "docs" / "audit-corpus.csv"
_LISTS = ("pre_tasks", "tasks", "post_tasks", "handlers", "block", "rescue", "always")
_PLAY = ("hosts", "import_playbook", "ansible.builtin.import_playbook")


@dataclass(frozen=True, order=True)
class Place:
    """A task by its first line, and a rule; the rule is empty where nothing is wrong."""

    repository: str
    path: str
    line: int
    rule: str


def audited(folder: Path) -> set[tuple[str, int, str]]:
    """Return path, first line of the task, and rule of all that the audit finds in a checkout.

    Playbooks come first; then roles, each in a play of its own, as its defaults stand; then files of tasks that none
    of these has reached.
    """
    found: set[tuple[str, int, str]] = set()
    reached: set[Path] = set()

    def judge(playbook: Path) -> None:
        try:
            sources = Sources(folder)
            reached.update(task.file.resolve() for task in walk(playbook, sources).tasks)
            findings = look(playbook, folder, sources=sources).findings
        except (NotYaml, OSError) as error:
            print(f"{playbook}: {error}", file=sys.stderr)
            return
        for finding in findings:
            if "crashed" in finding.problem:
                print(f"{playbook}: {finding.problem}", file=sys.stderr)
            file = finding.place.file.resolve()
            if file.is_relative_to(folder):
                found.add((str(file.relative_to(folder)), _first_line(file, finding.place.line), finding.id))

    files = sorted(path for ending in ("yml", "yaml") for path in folder.rglob(f"*.{ending}") if path.is_file())
    for path in filter(_is_playbook, files):
        judge(path)
    with tempfile.TemporaryDirectory() as temporary:
        for number, (file, text) in enumerate(_wrapped(files)):
            if _is_main(file) or file.resolve() not in reached:
                playbook = Path(temporary, f"{number}.yml")
                playbook.write_text(text, encoding="utf-8")
                judge(playbook)
    return found


@lru_cache(maxsize=64)
def _tasks(file: Path) -> list[int]:
    """Return the first lines of all tasks in a file."""

    def lines(node: Node | None) -> Iterator[int]:
        for entry in entries(node):
            parts = keys(entry)
            if parts and not any(word in parts for word in (*_PLAY, *_LISTS)):
                yield entry.start_mark.line + 1
            for word in _LISTS:
                yield from lines(parts.get(word))

    return sorted(lines(read(file)))


def _first_line(file: Path, line: int) -> int:
    """Return the first line of the task that a line is in."""
    before = bisect_right(_tasks(file), line)
    return _tasks(file)[before - 1] if before else line


def _is_playbook(path: Path) -> bool:
    plays = entries(read(path))
    return bool(plays) and all(any(word in keys(play) for word in _PLAY) for play in plays)


def _is_main(path: Path) -> bool:
    return path.parent.name == "tasks" and path.stem == "main"


def _wrapped(files: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Yield files of tasks with a play that uses them, main files of roles first."""
    later: list[tuple[Path, str]] = []
    for path in files:
        if not any(action_of(entry) or "block" in keys(entry) for entry in entries(read(path))) or _is_playbook(path):
            continue
        role = path.parents[1]
        if _is_main(path):
            yield path, f"- hosts: all\n  roles: ['{role}']\n"
        elif path.parent.name == "tasks" and (role / "tasks" / "main.yml").is_file():
            part = f"include_role: {{name: '{role}', tasks_from: '{path.name}'}}"
            later.append((path, f"- hosts: all\n  tasks:\n    - {part}\n"))
        else:
            later.append((path, f"- hosts: all\n  tasks:\n    - import_tasks: '{path}'\n"))
    yield from later


def judged(file: Path, kind: str | None = None) -> dict[Place, str]:
    """Return the judgement of each place of the list, or of one set of them."""
    with file.open(encoding="utf-8", newline="") as lines:
        return {
            Place(row["repository"], row["path"], int(row["line"]), row["rule"]): row["judgement"]
            for row in csv.DictReader(lines)
            if kind in (None, row["set"])
        }


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare the audit's findings with a list of judged places.")
    parser.add_argument("checkouts", type=Path, help="the folder with a folder OWNER+NAME for each repository")
    parser.add_argument("--list", type=Path, default=LIST)
    parser.add_argument("--repository", nargs="*", help="only these, as OWNER/NAME")
    parser.add_argument("--set", choices=("seen", "unseen"), help="only what the rules were made with, or what not")
    options = parser.parse_args()
    judgements = judged(options.list, options.set)
    names = options.repository or sorted({place.repository for place in judgements})
    findings: list[Place] = []
    for name in names:
        folder = (options.checkouts / name.replace("/", "+")).resolve()
        if not folder.is_dir():
            parser.error(f"there is no checkout {folder}: clone {name} into it, at the commit of the list")
        findings += [Place(name, *one) for one in sorted(audited(folder))]
    return report(findings, {place: said for place, said in judgements.items() if place.repository in names})


def report(findings: Iterable[Place], judgements: Mapping[Place, str]) -> int:
    """Print precision and recall by rule, and what is not as the list has it; 1 where something is not judged."""
    right, wrong, hit, open_ends = Counter[str](), Counter[str](), set[Place](), 0
    for finding in findings:
        said = judgements.get(finding) or judgements.get(replace(finding, rule=""))
        where = f"{finding.repository} {finding.path}:{finding.line}: {finding.rule}"
        if said is None:
            open_ends += 1
            print(f"not judged: {where}")
        elif said == "fault":
            right[finding.rule] += 1
            hit.add(finding)
        else:
            wrong[finding.rule] += 1
            print(f"false:      {where}")
    faults = {place for place, said in judgements.items() if said == "fault"}
    for place in sorted(faults - hit):
        print(f"missed:     {place.repository} {place.path}:{place.line}: {place.rule}")
    total = Counter(place.rule for place in faults)
    print("\n| rule | faults | found | missed | false | precision | recall |\n|---|---|---|---|---|---|---|")
    for rule in [*sorted({*total, *wrong}), ""]:
        counts = [sum(one.values()) if not rule else one[rule] for one in (total, right, wrong)]
        known, good, bad = counts
        share = [f"{100 * good / all_:.0f} %" if all_ else "" for all_ in (good + bad, known)]
        print(f"| {rule or 'all'} | {known} | {good} | {known - good} | {bad} | {share[0]} | {share[1]} |")
    return 1 if open_ends else 0


if __name__ == "__main__":
    sys.exit(main())
