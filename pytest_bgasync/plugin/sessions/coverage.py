"""--bgasync-cov: which tasks have run."""

from __future__ import annotations

import json
from functools import cached_property

import pytest

from pytest_bgasync.config.settings import Settings
from pytest_bgasync.reports.coverage import Coverage, Report


class Seeing:
    """Gathers what all tests have seen."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._coverage = Coverage()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (seen := getattr(report, "bgasync_seen", None)) is not None:
            self._coverage.add(seen)

    @cached_property
    def report(self) -> Report:
        """What is covered; to be asked for once all tests are over, because it reads all playbooks."""
        return self._coverage.report(self._settings.root, self._settings.playbooks)


class Covering:
    """Tells at the end what all tests have seen."""

    def __init__(self, settings: Settings, seeing: Seeing) -> None:
        self._settings = settings
        self._seeing = seeing

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        report = self._seeing.report
        if self._settings.cover_json:
            self._settings.cover_json.write_text(json.dumps(report.data(), indent=2) + "\n", encoding="utf-8")
        if self._falls_short(report) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        report = self._seeing.report
        terminalreporter.section("tasks that have run", sep="=")
        for line in report.lines():
            terminalreporter.write_line(line)
        if self._falls_short(report):
            terminalreporter.write_line(
                f"ERROR: {report.percent:.2f} of 100 tasks have run, and --bgasync-cov-fail-under asks for"
                f" {self._settings.cover_least:g}",
                red=True,
            )

    def _falls_short(self, report: Report) -> bool:
        least = self._settings.cover_least
        return least is not None and report.percent < least
