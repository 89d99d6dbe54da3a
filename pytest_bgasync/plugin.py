"""The pytest plugin: options, ini keys, markers, and the summary of background jobs."""

from __future__ import annotations

import traceback
from collections.abc import Generator
from functools import partial
from pathlib import Path
from types import TracebackType

import pytest

from pytest_bgasync import fixtures
from pytest_bgasync.config import parse_settings
from pytest_bgasync.errors import BgasyncError, UsageProblem
from pytest_bgasync.fixtures import JOB_LINES, PROGRESS, SETTINGS, bgasync, bgasync_engine, one_sentence
from pytest_bgasync.images import Progress
from pytest_bgasync.summary import JobLine, counted, table

__all__ = ["bgasync", "bgasync_engine"]
_bgasync_key = fixtures._bgasync_key

_HERE = Path(__file__).parent
_MARKER = (
    "bgasync(hosts=1, *, image=None, time_scale=None): the hosts of a test: a count, a list of names or a mapping"
    " from groups to names; their image (a name, or a folder with a Dockerfile); real seconds for one playbook second"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bgasync", "background jobs of Ansible playbooks")
    group.addoption("--bgasync-image", metavar="NAME", help="image of the hosts: a name, or a folder with a Dockerfile")
    group.addoption(
        "--bgasync-time-scale", metavar="F", help="real seconds for one playbook second, above 0 and at most 1"
    )
    parser.addini("bgasync_image", "image of the hosts: a name, or a folder with a Dockerfile", default="")
    parser.addini("bgasync_time_scale", "real seconds for one playbook second", default="1")
    parser.addini("bgasync_playbooks", "folder where playbooks are looked for first", default="playbooks")
    parser.addini("bgasync_deadline", "real seconds after which a run is stopped", default="600")
    parser.addini("bgasync_boot", "real seconds in which a host that was started answers", default="60")
    parser.addini("bgasync_memory", "memory that one host may use", default="1g")
    parser.addini("bgasync_pids", "number of processes that one host may have", default="1024")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    try:
        config.stash[SETTINGS] = parse_settings(
            root=config.rootpath,
            playbooks=config.getini("bgasync_playbooks"),
            image=config.getoption("--bgasync-image") or config.getini("bgasync_image"),
            time_scale=config.getoption("--bgasync-time-scale") or config.getini("bgasync_time_scale"),
            deadline=config.getini("bgasync_deadline"),
            boot=config.getini("bgasync_boot"),
            memory=config.getini("bgasync_memory"),
            pids=config.getini("bgasync_pids"),
        )
    except UsageProblem as problem:
        raise pytest.UsageError(str(problem)) from None
    progress: Progress = partial(_progress, config)
    config.stash[PROGRESS] = progress


def _progress(config: pytest.Config, line: str) -> None:
    """Write what takes long to the terminal, past pytest's capturing."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is None or capture is None:
        return  # a worker of xdist, which has no terminal
    with capture.global_and_fixture_disabled():
        reporter.ensure_newline()
        reporter.write_line(f"bgasync: {line}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        return  # a worker of xdist cannot end the session; there the test's set-up says it
    for item in items:
        try:
            fixtures.marked(item)
        except UsageProblem as problem:
            raise pytest.UsageError(f"{item.nodeid}: {problem}") from None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    with one_sentence():
        fixtures.marked(item)


def _drop_our_frames(error: BaseException | None) -> None:
    """Take our frames off errors of ours: the sentence is the explanation, only the author's frames are of use."""
    while error is not None:
        own: TracebackType | None = None
        for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
            if _HERE not in Path(frame.f_code.co_filename).parents:
                own = TracebackType(own, frame, frame.f_lasti, line)
        if own is not None and isinstance(error, BgasyncError):
            error.__traceback__ = own
        error = error.__cause__ or error.__context__


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    if call.excinfo is not None:
        _drop_our_frames(call.excinfo.value)
        if isinstance(call.excinfo.value, BgasyncError):  # what pytest holds has the frames still
            call.excinfo = pytest.ExceptionInfo.from_exception(call.excinfo.value)
    report = yield
    if call.when == "teardown":
        report.bgasync_jobs = item.stash.get(JOB_LINES, [])  # type: ignore[attr-defined]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tests: list[tuple[str, list[JobLine]]] = [
        (report.nodeid, lines)
        for reports in terminalreporter.stats.values()
        for report in reports
        if (lines := getattr(report, "bgasync_jobs", None))
    ]
    if not tests or config.get_verbosity() < 0:
        return
    terminalreporter.section("background jobs", sep="=")
    if config.get_verbosity() > 0:
        for nodeid, lines in tests:
            terminalreporter.write_line(nodeid)
            for line in table(lines):
                terminalreporter.write_line(f"  {line}")
    terminalreporter.write_line(counted(line for _, lines in tests for line in lines))
