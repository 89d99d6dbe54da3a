"""Several playbooks at once: each fault is told once, by the playbook it is in or the first that comes to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_bgasync.audit.ignore import Ignore, shown
from pytest_bgasync.audit.look import Audit, look
from pytest_bgasync.audit.model import Finding, Severity
from pytest_bgasync.errors import PlaybookProblem
from pytest_bgasync.nodes import NotYaml
from pytest_bgasync.playbooks import check_playbook


@dataclass
class Told:
    """What is told of one playbook: a sentence where it cannot be audited, else its findings."""

    problem: str = ""
    findings: list[Finding] = field(default_factory=list)
    ignored: set[Ignore] = field(default_factory=set)
    """Those that have left something out."""

    @property
    def fails(self) -> bool:
        """Whether there is an error."""
        return bool(self.problem) or any(finding.severity is Severity.ERROR for finding in self.findings)


def audit_all(playbooks: Sequence[Path], root: Path, ignores: Sequence[Ignore] = ()) -> dict[Path, Told]:
    """Return for each playbook what is told of it."""
    told = {path: Told() for path in playbooks}
    audits: dict[Path, Audit] = {}
    for path in told:
        try:
            audits[path] = _audited(path, root)
        except PlaybookProblem as problem:
            told[path].problem = str(problem)
        except Exception as error:  # noqa: BLE001  # one playbook that cannot be read leaves the others
            told[path].problem = (
                f"the audit of playbook {shown(path, root)} crashed with {type(error).__name__}: {error}; this is a"
                " fault of pytest-bgasync: report it with the playbook"
            )
    homes = {path.resolve(): path for path in told}
    seen: set[tuple[object, ...]] = set()
    for path in _outermost(audits):
        for finding in audits[path].findings:
            what = (finding.id, finding.place.file.resolve(), finding.place.line, finding.place.column, finding.cure)
            if what in seen:
                continue
            seen.add(what)
            home = told[homes.get(finding.place.file.resolve(), path)]
            left_out = {ignore for ignore in ignores if ignore.leaves_out(finding, root)}
            home.ignored |= left_out
            if not left_out:
                home.findings.append(finding)
    for one in told.values():
        one.findings.sort(key=lambda finding: (finding.place, finding.id))
    return told


def _audited(path: Path, root: Path) -> Audit:
    """Audit one playbook; raises PlaybookProblem for what is none."""
    name = shown(path, root)
    check_playbook(path, name)
    try:
        if path.read_text(encoding="utf-8").startswith("$ANSIBLE_VAULT"):
            raise PlaybookProblem(f"playbook {name} is encrypted: decrypt it for the audit")
        return look(path, root)
    except NotYaml as error:
        raise PlaybookProblem(f"playbook {name} line {error.line} cannot be read: {error.problem}") from None


def _outermost(audits: dict[Path, Audit]) -> list[Path]:
    """Return the playbooks without those that another one imports: there their plays have what comes before them."""

    def imports(one: Path, other: Path) -> bool:
        return other.resolve() in audits[one].imported

    return [path for path in audits if not any(imports(one, path) and not imports(path, one) for one in audits)]


def line(finding: Finding, root: Path) -> str:
    """Return how the terminal shows a finding."""
    place = finding.place
    where = f"{shown(place.file, root)}:{place.line}:{place.column}"
    return f"{where}: {finding.id} {finding.severity}: {finding.problem}. Cure: {finding.cure}"
