"""Reads a playbook and tells what the rules find in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.loader import walk
from pytest_bgasync.audit.model import Finding, Place, Rule, Severity, Task, Unread
from pytest_bgasync.audit.noqa import ALL
from pytest_bgasync.audit.rules import ABOUT_JOBS, RULES
from pytest_bgasync.audit.sources import Sources

CRASHED = "this is a fault of pytest-bgasync: report it with the playbook; bgasync_audit_ignore leaves the rule out"


@dataclass(frozen=True)
class Audit:
    """What was found in a playbook, in the order of files and lines, and what was not read.

    ``imported`` are the playbooks in it.
    """

    findings: Sequence[Finding]
    unread: Sequence[Unread]
    imported: frozenset[Path]


def look(path: Path, root: Path, rules: Sequence[Rule] = RULES, sources: Sources | None = None) -> Audit:
    """Return what rules find in a playbook and all that it includes; raises OSError and ValueError, NotYaml among them.

    Roles and group_vars are looked for beside the playbook, and in ``root``. ``sources`` is what other playbooks of
    the same root have been read from; what they share is not read twice.
    """
    sources = sources or Sources(root)
    book = walk(path, sources)
    plays = Plays(book)
    concerned = [task for task in plays.tasks if plays.concerns_jobs(task)]
    told: dict[tuple[str, Place, str], Finding] = {}  # a crash is told beside what was found before it
    for rule in rules:
        for task in concerned if rule.ID in ABOUT_JOBS else plays.tasks:
            for finding, lines in _found(rule, task, plays):
                if plays.never_runs(task):
                    continue
                silenced = sources.silenced(finding.place.file)
                words = frozenset[str]().union(*(silenced.get(line, ()) for line in lines))
                if not words & {ALL, finding.id}:
                    told.setdefault((finding.id, finding.place, finding.cure), finding)
    findings = sorted(told.values(), key=lambda finding: (finding.place, finding.id))
    return Audit(findings, book.unread, book.imported)


def _found(rule: Rule, task: Task, plays: Plays) -> Iterator[tuple[Finding, tuple[int, ...]]]:
    """Yield what one rule finds in one task, with the lines whose noqa counts; a crash of the rule, too."""
    try:
        for fault in rule.find(task, plays):
            finding = Finding(rule.ID, rule.SEVERITY, fault.place, fault.problem, rule.CURE)
            yield finding, (fault.place.line, *fault.also)
    except Exception as error:  # noqa: BLE001  # whatever it is, a rule that crashed has not looked
        problem = f"the rule crashed at {task.called} with {type(error).__name__}: {error}"
        yield Finding(rule.ID, Severity.ERROR, task.place, problem, CRASHED), ()
