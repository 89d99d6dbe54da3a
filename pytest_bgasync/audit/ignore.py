"""What the ini key ``bgasync_audit_ignore`` leaves out: rules, or rules in some files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from pytest_bgasync.audit.model import Finding
from pytest_bgasync.audit.rules import RULES
from pytest_bgasync.util.atomic_write import plain
from pytest_bgasync.util.errors import UsageProblem


@dataclass(frozen=True)
class Ignore:
    """A rule that is left out, in all files or in those whose path from the rootdir fits a pattern."""

    id: str
    pattern: str = "*"

    def leaves_out(self, finding: Finding, root: Path) -> bool:
        """Say whether a finding is not to be told."""
        return finding.id == self.id and fnmatch(shown(finding.place.file, root), self.pattern)

    def __str__(self) -> str:
        return self.id if self.pattern == "*" else f"{self.id}:{self.pattern}"


def parse_ignores(values: Sequence[str]) -> tuple[Ignore, ...]:
    """Return what the ini key says; raises UsageProblem for an id that no rule has."""
    known = [rule.ID for rule in RULES]
    found = []
    for word in (word for value in values for word in value.replace(",", " ").split()):
        id_, colon, pattern = word.partition(":")
        if id_ not in known:
            raise UsageProblem(
                f"ini key bgasync_audit_ignore: {id_!r} is no rule; write an id, or an id and the files it is left"
                f" out in, as in BGA016:roles/legacy/*; the rules are {', '.join(known)}"
            )
        if colon and not pattern:
            raise UsageProblem(f"ini key bgasync_audit_ignore: {word!r} names no files behind its colon")
        found.append(Ignore(id_, pattern or "*"))
    return tuple(dict.fromkeys(found))


def shown(file: Path, root: Path) -> str:
    """Return how messages name a file: from the rootdir where it is below it."""
    file = plain(file)
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
