"""The pytest plugin: options, ini keys, markers, and the summary of background jobs."""

from __future__ import annotations

import os
import re
import shlex
import sys
import sysconfig
import traceback
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType

import pytest

from pytest_bgasync.config.settings import INI_KEYS, KEEP, parse_settings, see_that_none_leads_away
from pytest_bgasync.hosts.services import Registry
from pytest_bgasync.plugin import fixtures
from pytest_bgasync.plugin.fixtures import (
    ACCOUNT,
    FAILED,
    JOB_LINES,
    KEPT,
    NARRATOR,
    SEEN,
    SERVICES,
    SETTINGS,
    SINCE,
    bgasync,
    bgasync_engine,
    bgasync_outcome,
    bgasync_service,
    one_sentence,
)
from pytest_bgasync.plugin.sessions.baseline import Baselining, Collecting
from pytest_bgasync.plugin.sessions.coverage import Covering, Seeing
from pytest_bgasync.plugin.sessions.ledger import Keeping, Records
from pytest_bgasync.plugin.sessions.report import Reporting
from pytest_bgasync.plugin.terminal_writer import Lines
from pytest_bgasync.reports.baseline import UPDATE
from pytest_bgasync.reports.terminal_summary import COLOURS, JobLine, counted, remarked, table
from pytest_bgasync.util.errors import BgasyncError, UsageProblem
from pytest_bgasync.util.exit_removals import CLEANUPS
from pytest_bgasync.util.interrupts import INTERRUPTS
from pytest_bgasync.util.progress import Narrator

__all__ = ["bgasync", "bgasync_engine", "bgasync_outcome", "bgasync_service"]
_bgasync_authority, _bgasync_key = fixtures._bgasync_authority, fixtures._bgasync_key
_bgasync_ahead, _bgasync_images = fixtures._bgasync_ahead, fixtures._bgasync_images
_bgasync_starter = fixtures._bgasync_starter

_HERE = Path(__file__).parents[1]
_LIBRARIES = {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")}
_MARKERS = (
    "bgasync(hosts=1, *, image=None, inventory=None, services=(), time_scale=None, strict=None, allow=()): the hosts of"
    " a test: a count, a list of names or a mapping from groups to names; their image (a name, or a folder with a"
    " Dockerfile); an inventory whose hosts they are; names of services beside them; real seconds for one playbook"
    " second; whether findings fail the test, and kinds of them that do not",
    "fire_and_forget(task=None, *, outcome='succeeded', rc=None, within=None, count=None, host=None): the background"
    " jobs of a task, or all that nobody collects, are left behind on purpose; they are watched until they end, and"
    " must end so",
    "every_outcome(task, outcomes=('succeeded', 'failed', 'timed_out', 'lost', 'unreachable'), *, host=None,"
    " item=None): run the test once for each way in which the background jobs of a task can end, by doing that to the"
    " real jobs; the fixture bgasync_outcome says which",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    hosts = parser.getgroup("bgasync-hosts", "playbooks with background jobs (bgasync): the hosts")
    hosts.addoption("--bgasync-image", metavar="NAME", help="image of the hosts: a name, or a folder with a Dockerfile")
    hosts.addoption(
        "--bgasync-engine",
        metavar="URL",
        action="append",
        default=[],
        help="the container engine: unix:///PATH, tcp://HOST:PORT, ssh://[USER@]HOST or the name of a docker context."
        " May be repeated: the workers of xdist are spread over them",
    )
    hosts.addoption(
        "--bgasync-keep",
        choices=KEEP,
        default=KEEP[0],
        help="let the hosts of no test, of failed ones or of all stay, and say how to get in; `bgasync ls` lists them,"
        " `bgasync clean` removes them (default: never)",
    )
    hosts.addoption(
        "--bgasync-no-ahead", action="store_true", help="start the hosts of a test when it begins, none ahead of that"
    )
    runs = parser.getgroup("bgasync-runs", "playbooks with background jobs (bgasync): the runs")
    runs.addoption(
        "--bgasync-time-scale", metavar="F", help="real seconds for one playbook second, above 0 and at most 1"
    )
    runs.addoption(
        "--bgasync-no-strict", action="store_true", help="let no test fail for what its runs do with background jobs"
    )
    runs.addoption(
        "--bgasync-no-fork",
        action="store_true",
        help="start ansible-playbook anew for each run, not forked from a process that has imported Ansible already,"
        " and let runs share nothing",
    )
    checks = parser.getgroup("bgasync-checks", "playbooks with background jobs (bgasync): checks of a whole session")
    checks.addoption(
        "--bgasync-audit",
        action="store_true",
        help="read the playbooks that are named, else those of the folder bgasync_playbooks, without running them, and"
        " tell what is wrong with their background jobs",
    )
    checks.addoption(
        "--bgasync-cov",
        action="store_true",
        help="tell which tasks of playbooks and roles have run, and which outcomes of background tasks were tried",
    )
    checks.addoption(
        "--bgasync-cov-fail-under", metavar="PERCENT", help="fail the session if fewer tasks of a hundred have run"
    )
    checks.addoption(
        "--bgasync-baseline", metavar="FILE", help="fail if the runs of tests do something else than this file says"
    )
    checks.addoption(UPDATE, action="store_true", help="write what they do to that file instead")
    reports = parser.getgroup("bgasync-reports", "playbooks with background jobs (bgasync): what is written of them")
    reports.addoption(
        "--bgasync-report", metavar="FILE", help="write a page that shows what the runs of each test did, as HTML"
    )
    reports.addoption("--bgasync-ledger", metavar="FILE", help="write what the runs of each test did, one JSON a line")
    reports.addoption("--bgasync-cov-json", metavar="FILE", help="write what --bgasync-cov tells to a file, as JSON")
    for name, key in INI_KEYS.items():
        parser.addini(name, key.help, key.type, default=key.default)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SINCE] = CLEANUPS.mark()
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
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
            webhook_hosts=config.getini("bgasync_webhook_hosts"),
            engines=config.getoption("--bgasync-engine"),
            worker=_worker_number(getattr(config, "workerinput", {}).get("workerid", "gw0")),
            ahead=not config.getoption("--bgasync-no-ahead"),
            fork=not config.getoption("--bgasync-no-fork"),
            cover=config.getoption("--bgasync-cov"),
            cover_json=config.getoption("--bgasync-cov-json"),
            cover_least=config.getoption("--bgasync-cov-fail-under"),
            audit=config.getoption("--bgasync-audit"),
            audit_ignore=config.getini("bgasync_audit_ignore"),
            ledger=config.getoption("--bgasync-ledger"),
            report=config.getoption("--bgasync-report"),
            baseline=config.getoption("--bgasync-baseline"),
            update_baseline=config.getoption(UPDATE),
            baseline_durations=config.getini("bgasync_baseline_durations"),
            keep=config.getoption("--bgasync-keep"),
            strict="false" if config.getoption("--bgasync-no-strict") else config.getini("bgasync_strict"),
        )
        if config.inipath is None and not (config.getoption("rootdir") or hasattr(config, "workerinput")):
            given = [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *map(str, config.invocation_params.args)]
            see_that_none_leads_away(given, config.invocation_params.dir)
        _register(config)
    except BgasyncError as problem:
        raise pytest.UsageError(str(problem)) from None
    config.stash[SERVICES] = Registry()
    worker = hasattr(config, "workerinput")
    # While pytest is configured nothing is captured. A worker of xdist has the terminal at its standard error only.
    stream = sys.__stderr__ if worker else sys.stdout
    reporter = partial(config.pluginmanager.get_plugin, "terminalreporter")
    lines = Lines(stream, reporter, worker=worker, dots=config.get_verbosity() == 0)
    config.add_cleanup(lines.close)
    config.stash[NARRATOR] = Narrator(lines.write, quiet=config.get_verbosity() < 0)
    INTERRUPTS.begin(config.stash[NARRATOR])


def pytest_keyboard_interrupt() -> None:
    INTERRUPTS.heard()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what is left: pytest forgets the fixtures whose end an interrupt has broken off."""
    CLEANUPS.finish(config.stash[SINCE])


def _register(config: pytest.Config) -> None:
    """Register what tells of the whole session, as far as it is asked for; raises BgasyncError."""
    settings, register = config.stash[SETTINGS], config.pluginmanager.register
    if settings.audit:
        # Not at the top: its rules take a quarter of the time in which all of this plugin is imported.
        from pytest_bgasync.plugin.audit_items import Auditing

        register(Auditing(config, settings), "bgasync-audit")
    if settings.baseline:
        register(collecting := Collecting(config), "bgasync-collecting")
    if hasattr(config, "workerinput") or config.getoption("collectonly", default=False):
        return  # the controller of xdist tells it
    if settings.asks_what_ran:
        register(seeing := Seeing(settings), "bgasync-seen")
    if settings.cover:
        register(Covering(settings, seeing), "bgasync-coverage")
    if settings.keeps_records:
        register(records := Records(), "bgasync-records")
    if settings.ledger:
        register(keeping := Keeping(settings.ledger), "bgasync-ledger")
        records.takers.append(keeping.take)
    if settings.report:
        covered = seeing if settings.cover else None
        reporting = Reporting(settings.report, records, covered, fixtures.record_of)
        register(reporting, "bgasync-report")
        records.takers.append(reporting.take)
    if settings.baseline:
        register(baselining := Baselining(settings, collecting, seeing), "bgasync-baseline")
        records.takers.append(baselining.take)


def _worker_number(name: str) -> int:
    """Return the number of a worker of xdist; of one that was given a name, one that follows from that."""
    number = re.fullmatch(r"gw(\d+)", name)
    return int(number[1]) if number else zlib.crc32(name.encode())


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    with request.config.stash[SERVICES].described_by(fixturedef):
        return (yield)


def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest) -> None:
    request.config.stash[SERVICES].forget(fixturedef)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    with suppress(UsageProblem):  # is told with those of the other markers
        fixtures.parametrize(metafunc)


@pytest.hookimpl(trylast=True)  # what is not selected is no concern of this session
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        return  # a worker of xdist cannot end the session; there the test's set-up says it
    problems: dict[str, str] = {}  # one of a class or module is told once
    for item in items:
        try:
            fixtures.check_markers(item)
        except UsageProblem as problem:
            problems.setdefault(str(problem), item.nodeid)
    if problems:
        raise pytest.UsageError("\n".join(f"{nodeid}: {problem}" for problem, nodeid in problems.items()))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    fixtures.next_is(item, nextitem)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    with _accounted_if_it_fails(item):
        yield


@pytest.hookimpl(tryfirst=True, specname="pytest_runtest_setup")
def pytest_runtest_setup_markers(item: pytest.Item) -> None:
    """Refuse markers that cannot be meant: no wrapper, so that pytest's own have begun what they end."""
    with one_sentence():
        fixtures.check_markers(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Account for the background jobs once the body of the test has ended."""
    with _accounted_if_it_fails(item):
        yield
    with one_sentence():
        found = fixtures.account(item, patient=True)
    if found and found.faults:
        raise pytest.fail.Exception(found.text, pytrace=False)


@contextmanager
def _accounted_if_it_fails(item: pytest.Item) -> Iterator[None]:
    """Account for the jobs of a test that fails by itself, without waiting for any."""
    try:
        yield
    except (pytest.skip.Exception, pytest.xfail.Exception):
        raise
    except (Exception, pytest.fail.Exception):
        with suppress(BgasyncError):  # the test's own failure is what is told
            fixtures.account(item, patient=False)
        raise


def _drop_our_frames(error: BaseException | None) -> None:
    """Take our frames off errors of ours: the sentence is the explanation, only the author's frames are of use."""
    while error is not None:
        frames = list(traceback.walk_tb(error.__traceback__))
        paths = [set(Path(frame.f_code.co_filename).parents) for frame, _ in frames]
        first = next((number for number, parents in enumerate(paths) if _HERE in parents), len(frames))
        own: TracebackType | None = None
        for number, (frame, line) in reversed(list(enumerate(frames))):
            # What libraries do for us are no frames of the author's either.
            if number < first or not paths[number] & {_HERE, *_LIBRARIES}:
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
    found = item.stash.get(ACCOUNT, None)
    if found and found.unmet and hasattr(report, "wasxfail"):  # a failure that is expected is another one
        report.outcome = "failed"
        del report.wasxfail
    # A test of unittest puts its own failure in the place of ours only now.
    failure = call.excinfo if call.when in ("setup", "call") else None
    if failure is not None and found and found.faults and str(failure.value) != found.text:
        report.sections.append(("background jobs", found.text))
    if call.when == "call" or (call.when == "setup" and report.failed):
        item.stash[FAILED] = report.failed
    if report.failed:
        said = "\n".join([str(report.longrepr), *(text for _, text in report.sections)])
        report.sections += fixtures.shown_once(item, said)
    if call.when == "teardown":
        if (kept := item.stash.get(KEPT, None)) is not None:
            # pytest shows the sections of a teardown with the failure of its test, if their names say so.
            report.sections.append(("hosts kept at teardown", "\n".join(kept)))
            report.bgasync_kept = kept  # type: ignore[attr-defined]
        if (covered := item.stash.get(SEEN, None)) is not None:
            report.bgasync_seen = covered  # type: ignore[attr-defined]
        if item.config.stash[SETTINGS].keeps_records and (record := fixtures.record_of(item)) is not None:
            report.bgasync_record = record  # type: ignore[attr-defined]
        report.bgasync_jobs = item.stash.get(JOB_LINES, [])  # type: ignore[attr-defined]
        report.bgasync_remarks = [] if found is None else list(found.remarks)  # type: ignore[attr-defined]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tests: list[tuple[str, list[JobLine], list[tuple[str, str]]]] = [
        (report.nodeid, lines, report.bgasync_remarks)
        for reports in terminalreporter.stats.values()
        for report in reports
        if (lines := getattr(report, "bgasync_jobs", [])) or getattr(report, "bgasync_remarks", [])
    ]
    failed = {report.nodeid for outcome in ("failed", "error") for report in terminalreporter.stats.get(outcome, [])}
    _tell_of_kept_hosts(terminalreporter)
    if not tests or config.get_verbosity() < 0:
        return
    terminalreporter.section("background jobs", sep="=")
    shown = [test for test in tests if config.get_verbosity() > 0 or test[0] in failed]
    for nodeid, lines, remarks in shown:
        terminalreporter.write_line(nodeid)
        for job, row in zip(lines, table(lines), strict=True):
            terminalreporter.write("  ")
            terminalreporter.write(row[: len(job["outcome"])], **COLOURS.get(job["outcome"], {}))
            terminalreporter.write_line(row[len(job["outcome"]) :])
        # A remark can be why the test failed.
        for line in remarked(remarks, cures=config.get_verbosity() > 1):
            terminalreporter.write_line(f"  {line}")
    jobs = [line for _, lines, _ in tests for line in lines]
    count, seen = (sum(len(remarks) for *_, remarks in some) for some in (tests, shown))
    terminalreporter.write_line(counted(jobs, count, shown=seen))


def _tell_of_kept_hosts(reporter: pytest.TerminalReporter) -> None:
    """Say how to get into the hosts of tests that are kept, where the report of a failure has not said it."""
    kept = {
        report.nodeid: lines
        for reports in reporter.stats.values()
        for report in reports
        if (lines := getattr(report, "bgasync_kept", None)) is not None
    }
    if not kept:
        return
    told = {
        report.nodeid
        for outcome, whens in (("failed", ("call",)), ("error", ("teardown",)))
        for report in reporter.stats.get(outcome, [])
        if report.when in whens
    }
    if reporter.config.option.tbstyle == "no" or reporter.config.option.showcapture != "all":
        told.clear()
    reporter.section("kept hosts", sep="=")
    for nodeid, lines in kept.items():
        reporter.write_line(nodeid)
        for line in lines if nodeid not in told else ():
            reporter.write_line(f"  {line}")
    reporter.write_line("bgasync ls lists them, bgasync shell NAME gets in, bgasync clean removes them")
