"""Several playbooks at once: each fault is told once, by the playbook it is in or the first that comes to it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pytest_bgasync.audit.ignore import Ignore, shown
from pytest_bgasync.audit.loader import imported
from pytest_bgasync.audit.model import Finding, Place, Severity
from pytest_bgasync.audit.runner import Audit, look
from pytest_bgasync.audit.sources import Encrypted, Sources
from pytest_bgasync.util.errors import PlaybookProblem
from pytest_bgasync.util.playbook_files import check_playbook
from pytest_bgasync.util.yaml_nodes import NotYaml


@dataclass
class Told:
    """What is told of one playbook: a sentence where it cannot be audited, else its findings and what was not read."""

    problem: str = ""
    findings: list[Finding] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """A line for each part that was not read."""
    warned: list[str] = field(default_factory=list)
    """A line for each warning of a library that the playbook was read with, and for what is not installed here."""
    ignored: set[Ignore] = field(default_factory=set)
    """Those that have left something out."""

    @property
    def fails(self) -> bool:
        """Whether there is an error, or something was not read."""
        errors = any(finding.severity is Severity.ERROR for finding in self.findings)
        return bool(self.problem or self.unread) or errors


def audit_all(playbooks: Sequence[Path], root: Path, ignores: Sequence[Ignore] = ()) -> dict[Path, Told]:
    """Return for each playbook what is told of it. What several of them include is read once."""
    told = {path: Told() for path in playbooks}
    sources = Sources(root)
    audits = _audited(told, sources)
    homes = {sources.resolve(path): path for path in told}
    seen: set[tuple[object, ...]] = set()
    for path, audit in audits.items():
        told[path].unread = [f"{_where(one.place, root)}: error: {one.problem}" for one in audit.unread if one.fails]
        told[path].warned += [f"{_where(one.place, root)}: {one.problem}" for one in audit.unread if not one.fails]
        for finding in audit.findings:
            file = sources.resolve(finding.place.file)
            what = (finding.id, file, finding.place.line, finding.place.column, finding.cure)
            if what in seen:
                continue
            seen.add(what)
            home = told[homes.get(file, path)]
            left_out = {ignore for ignore in ignores if ignore.leaves_out(finding, root)}
            home.ignored |= left_out
            if not left_out:
                home.findings.append(finding)
    for one in told.values():
        one.findings.sort(key=lambda finding: (finding.place, finding.id))
    return told


def _audited(told: Mapping[Path, Told], sources: Sources) -> dict[Path, Audit]:
    """Return the audits of the playbooks that no other one imports: there their plays have what comes before them.

    What cannot be audited is told, and imports nothing.
    """
    imports: dict[Path, frozenset[Path]] = {}
    for path, one in told.items():
        with _telling(path, one, sources.root):
            _check(path, sources)
            imports[path] = imported(path, sources)
    audits: dict[Path, Audit] = {}
    while left := [path for path in _outermost(imports, sources) if path not in audits]:
        for path in left:
            with _telling(path, told[path], sources.root):
                audits[path] = look(path, sources.root, sources=sources)
            if path not in audits:
                del imports[path]
    return {path: audits[path] for path in told if path in audits}


@contextmanager
def _telling(path: Path, told: Told, root: Path) -> Iterator[None]:
    """Keep what goes wrong with one playbook from the others, and tell it; a warning of a library does not go wrong."""
    name = shown(path, root)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except PlaybookProblem as problem:
            told.problem = str(problem)
        except RecursionError:
            told.problem = f"playbook {name} cannot be read: its blocks and includes are nested too deep"
        except Exception as error:  # noqa: BLE001  # one playbook that cannot be read leaves the others
            told.problem = (
                f"the audit of playbook {name} crashed with {type(error).__name__}: {error}; this is a"
                " fault of pytest-bgasync: report it with the playbook"
            )
    lines = [f"{name}: {one.category.__name__} of a library: {one.message}" for one in caught]
    told.warned += dict.fromkeys(lines)


def _check(path: Path, sources: Sources) -> None:
    """Raise PlaybookProblem for what is no playbook that can be read."""
    name = shown(path, sources.root)
    check_playbook(path, name)
    try:
        sources.document(path)
    except Encrypted:
        raise PlaybookProblem(f"playbook {name} is encrypted: decrypt it for the audit") from None
    except NotYaml as error:
        raise PlaybookProblem(f"playbook {name} line {error.line} cannot be read: {error.problem}") from None


def _outermost(imports: Mapping[Path, frozenset[Path]], sources: Sources) -> list[Path]:
    """Return the playbooks without those that another one imports, unless they import each other."""
    named: dict[Path, list[Path]] = {}
    for path in imports:
        named.setdefault(sources.resolve(path), []).append(path)
    inner = {
        path
        for outer, inside in imports.items()
        for other in inside
        for path in named.get(other, ())
        if sources.resolve(outer) not in imports[path]
    }
    return [path for path in imports if path not in inner]


def _where(place: Place, root: Path) -> str:
    return f"{shown(place.file, root)}:{place.line}:{place.column}"


def line(finding: Finding, root: Path) -> str:
    """Return how the terminal shows a finding."""
    where = _where(finding.place, root)
    return f"{where}: {finding.id} {finding.severity}: {finding.problem}. Cure: {finding.cure}"
