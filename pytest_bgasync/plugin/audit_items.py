"""``--bgasync-audit``: playbooks as items of pytest that are read and not run."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync.audit.ignore import Ignore, parse_ignores
from pytest_bgasync.audit.session import Told, audit_all, line
from pytest_bgasync.config.settings import Settings
from pytest_bgasync.util.errors import BgasyncError, UsageProblem
from pytest_bgasync.util.playbook_files import is_play
from pytest_bgasync.util.yaml_nodes import NotYaml, compose, entries

_ENDINGS = (".yml", ".yaml")


class AuditFailed(BgasyncError):
    """A playbook has faults; the text lists them."""


@dataclass(frozen=True)
class Targets:
    """What is audited: files that were named, whatever is in them, and the playbooks in some folders."""

    files: frozenset[Path]
    folders: frozenset[Path]
    root: Path
    ignores: tuple[Ignore, ...]

    def has(self, path: Path) -> bool:
        """Say whether a file is to be audited."""
        if path.resolve() in self.files:
            return True
        return path.suffix in _ENDINGS and path.parent.resolve() in self.folders and is_playbook(path)


_TARGETS = pytest.StashKey[Targets]()
_TOLD = pytest.StashKey[dict[Path, Told]]()


def find_targets(config: pytest.Config, settings: Settings) -> Targets:
    """Return what is to be audited, and add the folder of playbooks to pytest's arguments where none of them is one.

    Raises UsageProblem where there is nothing.
    """
    given = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
    places = [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in given]
    files = frozenset(place for place in places if place.is_file() and place.suffix in _ENDINGS)
    folders = frozenset(place for place in places if place.is_dir() and _playbooks(place))
    own = settings.playbooks.resolve()
    ignores = parse_ignores(settings.audit_ignore)
    if files or folders:
        if _playbooks(own) and any(own.is_relative_to(place) for place in folders):
            folders |= {own}
        return Targets(files, folders, settings.root, ignores)
    if not _playbooks(own):
        raise UsageProblem(
            f"--bgasync-audit: there is no playbook in {own}: name playbooks, or their folder with the ini key"
            " bgasync_playbooks"
        )
    starts = places or [(config.invocation_params.dir / arg.partition("::")[0]).resolve() for arg in config.args]
    if not any(own.is_relative_to(start) for start in starts):
        config.args.append(str(own))
    return Targets(frozenset(), frozenset({own}), settings.root, ignores)


def _playbooks(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.y*ml")) if path.suffix in _ENDINGS and is_playbook(path)]


def is_playbook(path: Path) -> bool:
    """Say whether a file has a play, or may be meant to: one that is no YAML fails its item, and is not passed over."""
    try:
        text = path.read_text(encoding="utf-8")
        return not text.startswith("$ANSIBLE_VAULT") and any(map(is_play, entries(compose(text))))
    except (OSError, UnicodeDecodeError, NotYaml):
        return True


class Auditing:
    """Lets playbooks be items, and tells what is told of them.

    Raises UsageProblem where there is nothing to audit.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._settings = settings
        self._targets = config.stash[_TARGETS] = find_targets(config, settings)

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        if not self._targets.has(file_path):
            return None
        # A playbook is a file: the Python package that its folder may be is not imported for it, as for a test.
        outside = next(node for node in parent.iter_parents() if not isinstance(node, pytest.Package))
        return Playbook.from_parent(outside, path=file_path)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put playbooks last: between the tests of a package one would end what they share."""
        items.sort(key=lambda item: isinstance(item, AuditItem))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "teardown" and isinstance(item, AuditItem):
            report.bgasync_audit = item.warnings(), [str(one) for one in item.told().ignored]  # type: ignore[attr-defined]
        return report

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        tell(terminalreporter, self._settings.playbooks, self._targets)


class Playbook(pytest.File):
    """A playbook, which has one item."""

    def collect(self) -> Iterator[pytest.Item]:
        yield AuditItem.from_parent(self, name="audit")


class AuditItem(pytest.Item):
    """The audit of a playbook: fails with all findings if one of them is an error."""

    def runtest(self) -> None:
        told = self.told()
        if told.problem:
            raise AuditFailed(told.problem)
        if told.fails:
            raise AuditFailed("\n".join(self._lines(told)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, AuditFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"audit of {self.path.name}"

    def warnings(self) -> list[str]:
        """Return what is told of a playbook that passes."""
        told = self.told()
        return [] if told.fails else self._lines(told)

    def told(self) -> Told:
        """Return what is told of this playbook, beside the others of the session."""
        stash, targets = self.session.stash, self.config.stash[_TARGETS]
        if _TOLD not in stash:
            items = [item.path for item in self.session.items if isinstance(item, AuditItem)]
            stash[_TOLD] = audit_all(list(dict.fromkeys(items)), targets.root, targets.ignores)
        return stash[_TOLD][self.path]

    def _lines(self, told: Told) -> list[str]:
        return [
            *told.unread,
            *(line(finding, self.config.stash[_TARGETS].root) for finding in told.findings),
            *told.warned,
        ]


def tell(terminalreporter: pytest.TerminalReporter, playbooks: Path, targets: Targets) -> None:
    """Write what is told of playbooks that pass, and what of the ignore list was of no use."""
    audits = {
        (targets.root / report.nodeid.partition("::")[0]).resolve(): report.bgasync_audit
        for reports in terminalreporter.stats.values()
        for report in reports
        if hasattr(report, "bgasync_audit")
    }
    lines = [line for warnings, _ in audits.values() for line in warnings]
    used = {word for _, ignored in audits.values() for word in ignored}
    # They are read for this, so not where nothing was audited or nothing is to be ignored.
    own = {path.resolve() for path in _playbooks(playbooks)} if audits and targets.ignores else set()
    if own and own <= audits.keys():  # where only some are audited, the others may need it
        unused = [str(ignore) for ignore in targets.ignores if str(ignore) not in used]
        lines += [f"ini key bgasync_audit_ignore: {word} leaves nothing out: remove it" for word in unused]
    if lines:
        terminalreporter.section("audit of playbooks", sep="=")
        for line in lines:
            terminalreporter.write_line(line, yellow=True)
