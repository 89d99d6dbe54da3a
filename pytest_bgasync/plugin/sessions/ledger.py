"""--bgasync-ledger: what the runs of each test did."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

from pytest_bgasync.reports.ledger import Ledger, Record, outcome
from pytest_bgasync.util.errors import BgasyncError


class Records:
    """Puts together what the reports of a test's three phases say, and gives it to those who take it."""

    def __init__(self) -> None:
        self.takers: list[Callable[[Record], None]] = []
        self._reports: dict[str, list[pytest.TestReport]] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._reports.setdefault(nodeid, [])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        reports = self._reports.setdefault(report.nodeid, [])
        reports.append(report)
        if report.when in ("setup", "call"):
            return
        # The last one; or that of xdist for a worker that has died.
        del self._reports[report.nodeid]
        if (seen := getattr(report, "bgasync_record", None)) is None and report.when == "teardown":
            return
        ended = outcome([(one.when or "", one.outcome, hasattr(one, "wasxfail")) for one in reports])
        record = _record(report.nodeid, ended, reports, seen)
        for take in self.takers:
            take(record)

    def unfinished(self, known: Mapping[str, str | None]) -> list[Record]:
        """Return what is known of tests that were going on when the session ended; their outcome is ``interrupted``.

        ``known`` has, of the tests that this process has run, what their last report would have
        brought: None where they have no record.
        """
        left = [(nodeid, reports, known.get(nodeid, "{}")) for nodeid, reports in self._reports.items()]
        return [
            {**_record(nodeid, "interrupted", reports, seen), "ended": None}
            for nodeid, reports, seen in left
            if seen is not None
        ]


def about_session() -> Record:
    """Return the first line of a ledger: when this is, and by which releases it was written."""
    return {
        "kind": "session",
        "at": time.time(),
        "pytest_bgasync": version("pytest-bgasync"),
        "pytest": pytest.__version__,
        "python": platform.python_version(),
    }


class Keeping:
    """Writes the ledger."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ledger: Ledger | None = None
        self._first: Record = {}

    def pytest_sessionstart(self) -> None:
        self._first = about_session()
        # Not there until there is something in it: the workers of xdist are about to look for their rootdir, for
        # which each file that stands on the command line counts if it is there.
        if self._path.is_file() and not self._path.is_symlink():
            try:
                self._path.unlink()
            except OSError:
                self._path.write_bytes(b"")

    def take(self, record: Record) -> None:
        """Write what came of a test."""
        if self._ledger is None:
            try:
                self._ledger = Ledger(self._path)
            except BgasyncError as problem:  # the folder was there when the session began
                raise pytest.UsageError(str(problem)) from None
            self._ledger.write(self._first)
        self._ledger.write(record)

    @pytest.hookimpl(trylast=True)  # others may have failed it
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.take({"kind": "session_end", "at": time.time(), "exit_status": int(session.exitstatus)})

    def pytest_unconfigure(self) -> None:
        if self._ledger is not None:
            self._ledger.close()


def _record(nodeid: str, ended: str, reports: Sequence[pytest.TestReport], seen: str | None) -> Record:
    return {
        "kind": "test",
        "nodeid": nodeid,
        "outcome": ended,
        "began": reports[0].start if reports else None,
        "ended": reports[-1].stop if reports else None,
        "worker": getattr(reports[-1], "worker_id", None) if reports else None,
        "failure": "\n".join(one.longreprtext for one in reports if one.failed),
        **(json.loads(seen) if seen else {}),
    }
