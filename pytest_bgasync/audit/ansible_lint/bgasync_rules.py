"""The rules of the audit for ansible-lint: ``ansible-lint -R -r "$(bgasync audit-rules)"``.

ansible-lint loads this file by its folder. Each class is one rule of ours; all of them share one reading of a
playbook, and what they find is what ``pytest --bgasync-audit`` finds.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansiblelint.file_utils import Lintable
from ansiblelint.rules import AnsibleLintRule

from pytest_bgasync.audit.model import Rule, Severity
from pytest_bgasync.audit.rules import RULES
from pytest_bgasync.audit.session import Told, audit_all

_LOG = logging.getLogger(__name__)
#: ansible-lint has no warnings of its own but what is experimental.
_TAGS = {Severity.ERROR: ["bgasync"], Severity.WARNING: ["bgasync", "experimental"]}
_SEVERITIES = {Severity.ERROR: "HIGH", Severity.WARNING: "LOW"}


@lru_cache(maxsize=64)
def _told(path: Path, changed: int) -> Told:  # noqa: ARG001  # read anew when the file has changed
    told = audit_all([path], Path.cwd())[path]
    for warned in told.warned:
        _LOG.warning("%s", warned)
    return told


class BgasyncRule(AnsibleLintRule):  # type: ignore[misc]  # ansible-lint is in no environment of ours
    """What all rules have in common; it has no id, so that ansible-lint takes it for none."""

    id = ""

    def matchyaml(self, file: Lintable) -> list[Any]:
        """Return what this rule finds in a playbook and in all that it includes."""
        if str(file.kind) != "playbook":
            return []
        path = Path(file.path).absolute()
        told = _told(path, path.stat().st_mtime_ns)
        # What was not looked at is told by the first rule for all.
        untold = [*filter(None, [told.problem]), *told.unread] if self.id == RULES[0].ID else []
        return [self.create_matcherror(message=one, filename=file) for one in untold] + [
            self.create_matcherror(
                message=f"{finding.problem}.",
                details=finding.cure,
                lineno=finding.place.line,
                column=finding.place.column,
                filename=file if finding.place.file == path else Lintable(str(finding.place.file)),
            )
            for finding in told.findings
            if finding.id == self.id
        ]


def _rule(rule: Rule) -> type[BgasyncRule]:
    said = {
        "id": rule.ID,
        "shortdesc": rule.PROBLEM,
        "description": f"{rule.PROBLEM}. Cure: {rule.CURE}.",
        "severity": _SEVERITIES[rule.SEVERITY],
        "tags": _TAGS[rule.SEVERITY],
        "version_changed": "0.1.0",
        "__module__": __name__,
        "__doc__": rule.__doc__,
    }
    return type(f"{rule.ID.capitalize()}Rule", (BgasyncRule,), said)


#: ansible-lint finds classes by their base; the list keeps them.
CLASSES = [_rule(rule) for rule in RULES]
