"""--bgasync-report: a page that shows what the runs of each test did."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_bgasync.plugin.sessions.coverage import Seeing
from pytest_bgasync.plugin.sessions.ledger import Records, about_session
from pytest_bgasync.reports.html.page import page, shown
from pytest_bgasync.reports.ledger import Record


class Reporting:
    """Gathers what there is to show, and writes the page when the session ends, however it does.

    ``seeing`` is None where nobody asks for coverage. ``record_of`` returns what the last report
    of a test would have brought, had it not been interrupted.
    """

    def __init__(
        self, path: Path, records: Records, seeing: Seeing | None, record_of: Callable[[pytest.Item], str | None]
    ) -> None:
        self._path, self._records, self._seeing, self._record_of = path, records, seeing, record_of
        self._session = about_session()
        self._tests: list[Record] = []
        self._problem: str | None = None

    def take(self, record: Record) -> None:
        """Take what came of a test."""
        self._tests.append(shown(record))

    @pytest.hookimpl(trylast=True)  # others may have failed it, and end what was interrupted
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        known = {item.nodeid: self._record_of(item) for item in session.items}
        tests = [*self._tests, *map(shown, self._records.unfinished(known))]
        ended = {**self._session, "ended": time.time(), "exit_status": int(session.exitstatus)}
        coverage = self._seeing.report.data() if self._seeing else None
        try:
            self._path.write_text(page(ended, tests, coverage), encoding="utf-8")
        except OSError as error:
            self._problem = f"--bgasync-report: {self._path} cannot be written: {error.strerror}"
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._problem:
            terminalreporter.write_line(f"ERROR: {self._problem}", red=True)
        else:
            terminalreporter.write_line(f"the report of background jobs: {self._path.resolve().as_uri()}")
