"""--bgasync-baseline: whether the runs of the tests do what a file says."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_bgasync.config.settings import Settings
from pytest_bgasync.plugin.sessions.coverage import Seeing
from pytest_bgasync.reports.baseline import UPDATE, Baseline, Comparison, Session, compare, load, save, updated
from pytest_bgasync.reports.behaviour import Behaviour, behaviours, lines
from pytest_bgasync.reports.ledger import Record
from pytest_bgasync.util.errors import BgasyncError
from pytest_bgasync.util.text import number_of


class Collecting:
    """Knows which tests there are, the deselected ones too; with xdist the workers, which collect them, tell it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.present: set[str] = set()
        self.files: set[str] = set()
        """Those that were collected as a whole."""

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        self.present.add(item.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        named = {argument.partition("::")[0] for argument in self._config.args if "::" in argument}
        path = self._config.rootpath / report.nodeid
        parts = any((self._config.invocation_params.dir / name) == path for name in named)
        last_failed = self._config.getoption("lf", default=False)  # leaves out others before they are collected
        if report.passed and path.is_file() and not parts and not last_failed:
            self.files.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        if (output := getattr(self._config, "workeroutput", None)) is not None:
            output["bgasync_collected"] = [sorted(self.present), sorted(self.files)]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        present, files = getattr(node, "workeroutput", {}).get("bgasync_collected", ((), ()))
        self.present.update(present)
        self.files.update(files)


class Baselining:
    """Gathers what the runs of the tests did, and compares it with the baseline at the end, or writes it there."""

    def __init__(self, settings: Settings, collecting: Collecting, seeing: Seeing) -> None:
        assert settings.baseline is not None
        self._settings, self._path = settings, settings.baseline
        self._collecting, self._seeing = collecting, seeing
        self._baseline = Baseline() if settings.update_baseline and not self._path.exists() else load(self._path)
        self._passed: dict[str, list[Behaviour]] = {}
        self._failed: dict[str, list[Behaviour]] = {}
        self._time_scales: dict[str, float] = {}
        self._comparison = Comparison((), (), ())
        self._problem: str | None = None

    def take(self, record: Record) -> None:
        """Take what came of a test."""
        test, outcome = record["nodeid"], record["outcome"]
        if "runs" not in record or outcome not in ("passed", "xpassed", "failed", "error"):
            return
        self._time_scales[test] = record["time_scale"]
        own, other = self._passed, self._failed
        if outcome in ("failed", "error"):
            own, other = other, own
        other.pop(test, None)  # what a test did when it was run again is what counts
        own[test] = behaviours(record, durations=self._settings.baseline_durations is not None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        settings = self._settings
        seen, where, ratio = self._session(), settings.root, settings.baseline_durations
        if settings.update_baseline:
            try:
                save(updated(self._baseline, seen, where, ratio), self._path)
            except BgasyncError as problem:
                self._problem = str(problem)
                session.exitstatus = pytest.ExitCode.USAGE_ERROR
            return
        self._comparison = compare(self._baseline, seen, where, ratio)
        if self._comparison and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        terminalreporter.section("baseline", sep="=")
        if self._problem:
            write(f"ERROR: {self._problem}", red=True)
            return
        if self._settings.update_baseline:
            kept = f", not those that failed: {', '.join(sorted(self._failed))}" if self._failed else ""
            write(f"wrote {self._path}: what {number_of(len(self._passed), 'test')} did{kept}")
            return
        found = self._comparison
        for line in lines(found.differences):
            write(line)
        for test in found.new:
            write(f"new, the baseline does not have it: {test}")
        for test in found.vanished:
            write(f"vanished, the baseline has it still: {test}")
        if found:
            write(f"ERROR: not as in {self._path}; if that is meant, {UPDATE} writes it", red=True)
        else:
            write(f"{number_of(len(self._passed), 'test')} did what {self._path} says")

    def _session(self) -> Session:
        report = self._seeing.report
        return Session(
            passed=self._passed,
            failed=self._failed,
            present=self._collecting.present,
            files=self._collecting.files,
            never={file.name: [task.name for task in file.missing] for file in report.files if file.missing},
            time_scales=self._time_scales,
        )
