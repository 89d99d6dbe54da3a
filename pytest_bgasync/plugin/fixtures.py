"""The fixtures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from pytest_bgasync.config.marker import Spec, parse_marker
from pytest_bgasync.config.outcome_marker import Every, parse_every
from pytest_bgasync.config.settings import Settings
from pytest_bgasync.engine.client import Engine
from pytest_bgasync.engine.image_transfer import Shelves
from pytest_bgasync.engine.images import Images
from pytest_bgasync.engine.ownership import make_folder, remove_folder
from pytest_bgasync.hosts import ssh
from pytest_bgasync.hosts.prestart import Ahead
from pytest_bgasync.hosts.scenario import Scenario, Wanted
from pytest_bgasync.hosts.services import Plan, Registry
from pytest_bgasync.hosts.webhooks import Authority
from pytest_bgasync.jobs.findings import STRICT
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.reports.coverage import Seen, seen
from pytest_bgasync.reports.failure_sections import logs, sections, shortages
from pytest_bgasync.reports.ledger import plain
from pytest_bgasync.reports.ledger_records import seen_by
from pytest_bgasync.reports.terminal_summary import JobLine, job_line, properties
from pytest_bgasync.runs.accounting import Account, settle, settle_late, waiting_for
from pytest_bgasync.runs.declarations import Declaration, parse_declaration
from pytest_bgasync.runs.fork_client import Starter
from pytest_bgasync.runs.lab import Lab, Places
from pytest_bgasync.runs.setup import check_names, open_engine, payloads, prepare, wanted_for, with_inventory
from pytest_bgasync.util.clock import Clock
from pytest_bgasync.util.errors import BgasyncError, UsageProblem
from pytest_bgasync.util.exit_removals import CLEANUPS
from pytest_bgasync.util.names import LOCAL_NAMES, WEBHOOKS
from pytest_bgasync.util.progress import Narrator

SETTINGS = pytest.StashKey[Settings]()
#: What tells the things that the session has made.
SINCE = pytest.StashKey[int]()
NARRATOR = pytest.StashKey[Narrator]()
LAB = pytest.StashKey[Lab]()
ACCOUNT = pytest.StashKey[Account]()
SERVICES = pytest.StashKey[Registry]()
LOGGED = pytest.StashKey[bool]()
AHEAD = pytest.StashKey[Ahead]()
NEXT = pytest.StashKey[pytest.Item | None]()
#: The fixture and parameter with the outcome a test is run for.
OUTCOME = "bgasync_outcome"
SEEN = pytest.StashKey[Seen]()
JOB_LINES = pytest.StashKey[list[JobLine]]()
#: What the runs of a test did, as JSON: other processes can be told of it whatever is in it.
RECORD = pytest.StashKey[str]()
#: Whether a test has failed; there once its body has come to an end, or its set-up to a bad one.
FAILED = pytest.StashKey[bool]()
KEPT = pytest.StashKey[list[str]]()


@contextmanager
def one_sentence() -> Iterator[None]:
    """Let a problem of set-up end the test with its sentence, and nothing of our insides."""
    try:
        yield
    except BgasyncError as problem:
        raise pytest.fail.Exception(str(problem), pytrace=False) from None


@pytest.fixture(scope="session")
def bgasync_engine(pytestconfig: pytest.Config) -> Iterator[Engine]:
    """The container engine in use: ``client`` is a ``docker.DockerClient``, ``url`` its address."""
    with one_sentence():
        engine = open_engine(pytestconfig.stash[SETTINGS], pytestconfig.stash[NARRATOR])
    try:
        yield engine
    finally:
        # An interrupt may have broken off the end of other fixtures, and what they have made needs the engine.
        CLEANUPS.finish(pytestconfig.stash[SINCE])
        engine.close()


@pytest.fixture(scope="session")
def _bgasync_key() -> Iterator[ssh.Key]:
    folder = make_folder()
    try:
        with one_sentence():
            key = ssh.make_key(folder)
        yield key
    finally:
        remove_folder(folder)


@pytest.fixture(scope="session")
def bgasync_service(pytestconfig: pytest.Config) -> Registry:
    """Describes a service: call it in a fixture of yours, see :meth:`pytest_bgasync.hosts.services.Registry.__call__`.

    The marker's ``services`` then has the service's name. Where a fixture has that name, too, it is
    called for the test; the others describe theirs before, as fixtures of a session or with autouse do.
    """
    return pytestconfig.stash[SERVICES]


@pytest.fixture(scope="session")
def _bgasync_authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def _bgasync_starter(pytestconfig: pytest.Config) -> Iterator[Starter]:
    settings = pytestconfig.stash[SETTINGS]
    starter = Starter(pytestconfig.stash[NARRATOR], forks=settings.fork)
    with closing(starter), ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(prepare, starter, settings)
        yield starter


@pytest.fixture(scope="session")
def _bgasync_images(bgasync_engine: Engine, pytestconfig: pytest.Config) -> Iterator[Images]:
    settings = pytestconfig.stash[SETTINGS]
    shelves = Shelves(*settings.other_engines, answer=settings.boot)
    yield Images(bgasync_engine, pytestconfig.stash[NARRATOR], shelves)
    shelves.close()


@pytest.fixture(scope="session")
def _bgasync_ahead(
    bgasync_engine: Engine, pytestconfig: pytest.Config, _bgasync_key: ssh.Key, _bgasync_authority: Authority
) -> Iterator[Ahead]:
    limits = pytestconfig.stash[SETTINGS].limits
    ahead = Ahead(
        lambda wanted: Scenario(bgasync_engine, _bgasync_key, limits, _bgasync_authority, wanted),
        workers=getattr(pytestconfig, "workerinput", {}).get("workercount", 1),
    )
    pytestconfig.stash[AHEAD] = ahead
    yield ahead
    ahead.close()


@pytest.fixture
def bgasync(
    request: pytest.FixtureRequest,
    bgasync_service: Registry,
    _bgasync_images: Images,
    _bgasync_ahead: Ahead,
    _bgasync_starter: Starter,
) -> Iterator[Lab]:
    """The hosts that the ``bgasync`` marker asks for, up and answering; gone after the test."""
    settings, images, narrator = request.config.stash[SETTINGS], _bgasync_images, request.config.stash[NARRATOR]
    places = Places(settings.playbooks, request.path.parent, settings.root)
    with one_sentence():
        spec = with_inventory(marked(request.node), request.path.parent, settings)
        check_hosts(request.node, spec)
        plans = _plans(spec, request, bgasync_service)
        check_names(spec, plans, settings)
        folders = (request.path.parent, settings.root)
        with narrator.during("getting the images"):
            services = [(plan, images.plain_image(plan.image, folders=folders)) for plan in plans]
            wanted = wanted_for(spec, images.host_image, services, folders, settings)
        with narrator.during(wanted.starting):
            scenario = _bgasync_ahead.take(wanted)
    faults: tuple[str, ...] = ()
    try:
        every = tried(request.node)
        trial = (every, request.node.callspec.params[OUTCOME]) if every else None
        clock = Clock(spec.time_scale or settings.time_scale)
        shared = payloads() if settings.fork else None
        lab = Lab(scenario, spec, places, clock, settings.deadline, _bgasync_starter, narrator, trial, shared)
        scenario.open(clock, lambda: lab.jobs, request.node.nodeid)
        coming = request.config.stash.get(NEXT, None) if settings.ahead else None
        if coming is not None and (next_wanted := expected(coming, images)) is not None:
            _bgasync_ahead.begin(next_wanted, coming.nodeid)
        request.node.stash[LAB] = lab
        yield lab
        with one_sentence():
            faults = account_late(request.node)
            lab.close()
            account = request.node.stash.get(ACCOUNT, None)
            declared = frozenset[str]() if account is None else account.declared
            if settings.asks_what_ran:
                request.node.stash[SEEN] = seen(lab.runs)
            request.node.stash[JOB_LINES] = [
                job_line(job, clock.scale, declared=job.token in declared) for job in lab.jobs
            ]
            versions = [run.ansible_version for run in lab.runs]
            request.node.user_properties += properties(request.node.stash[JOB_LINES], versions)
            if settings.keeps_records:
                record = seen_by(lab, account, _strict_kinds(request.node), settings.root)
                request.node.stash[RECORD] = plain(record)
    finally:
        with one_sentence(), narrator.during("removing the hosts"), closing(scenario):
            if _stays(request.node, settings, faults):
                request.node.stash[KEPT] = request.node.stash[LAB].keep()
    if faults:
        raise pytest.fail.Exception("\n\n".join(faults), pytrace=False)


@pytest.fixture
def bgasync_outcome(request: pytest.FixtureRequest) -> Outcome:
    """The outcome that the ``every_outcome`` marker runs the test for."""
    if not hasattr(request, "param") or tried(request.node) is None:
        raise pytest.fail.Exception(
            "bgasync_outcome is the outcome that a test is run for: mark it with"
            " @pytest.mark.every_outcome(<name of a task>)",
            pytrace=False,
        )
    outcome: Outcome = request.param
    return outcome


def next_is(item: pytest.Item, then: pytest.Item | None) -> None:
    """Take note of the test that begins and of the one after it, whose hosts can start while this one runs."""
    item.config.stash[NEXT] = then
    if (ahead := item.config.stash.get(AHEAD, None)) is not None:
        ahead.keep_for(item.nodeid)


def expected(item: pytest.Item, images: Images) -> Wanted | None:
    """Return what a test will ask for; None where that is not known yet, or not worth while."""
    if "bgasync" not in getattr(item, "fixturenames", ()) or item.get_closest_marker("skip"):
        return None
    settings = item.config.stash[SETTINGS]
    try:
        spec = marked(item)
        # Services are described by fixtures, and inventories are read, when the test begins.
        if spec.inventory is not None or set(spec.services) - {WEBHOOKS}:
            return None
        folders = (item.path.parent, settings.root)
        return wanted_for(spec, images.known, [], folders, settings)
    except (UsageProblem, LookupError):  # it is told, or made, when the test begins
        return None


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Let a test run once for each outcome of its ``every_outcome`` marker; raises UsageProblem."""
    every = tried(metafunc.definition)
    if every is None:
        return
    if OUTCOME not in metafunc.fixturenames:
        metafunc.fixturenames.append(OUTCOME)
    metafunc.parametrize(OUTCOME, every.outcomes, ids=list(map(str, every.outcomes)), indirect=True)


def tried(item: pytest.Item) -> Every | None:
    """Return what the ``every_outcome`` marker of a test says, None without one; raises UsageProblem."""
    markers = list(item.iter_markers_with_node("every_outcome"))
    if not markers:
        return None
    if [node for node, _ in markers].count(markers[0][0]) > 1:
        raise UsageProblem("a test has one every_outcome marker: try the jobs of another task in a test of their own")
    return parse_every(markers[0][1].args, markers[0][1].kwargs)


def marked(item: pytest.Item) -> Spec:
    """Return what the closest ``bgasync`` marker of a test asks for, the defaults without one."""
    marker = item.get_closest_marker("bgasync")
    return Spec() if marker is None else parse_marker(marker.args, marker.kwargs)


def declared(item: pytest.Item) -> list[Declaration]:
    """Return what the ``fire_and_forget`` markers of a test say, the nearest first.

    The nearest are those of a parameter. For one task and host the nearest holds.
    """
    own = getattr(getattr(item, "callspec", None), "marks", [])
    markers = sorted(item.iter_markers_with_node("fire_and_forget"), key=lambda found: found[1] not in own)
    nearest: dict[tuple[str | None, str | None], Declaration] = {}
    for node, marker in markers:
        declaration = parse_declaration(marker.args, marker.kwargs, inherited=node is not item)
        nearest.setdefault((declaration.task, declaration.host), declaration)
    return list(nearest.values())


def check_markers(item: pytest.Item) -> None:
    """Raise UsageProblem for markers of a test that cannot be meant."""
    spec = marked(item)
    _check_every(item)
    declared(item)
    if spec.inventory is None:  # else its hosts are known when the test begins
        check_hosts(item, spec)
        check_names(spec, [], item.config.stash[SETTINGS])


def _check_every(item: pytest.Item) -> None:
    """Raise UsageProblem for an ``every_outcome`` marker of which nothing could come."""
    if tried(item) is None:
        return
    if "bgasync" not in getattr(item, "fixturenames", ()):
        raise UsageProblem("the every_outcome marker is for tests that use the fixture bgasync: else nothing is tried")
    if OUTCOME not in getattr(getattr(item, "callspec", None), "params", ()):
        raise UsageProblem(
            "the every_outcome marker came too late, or the test is a method of unittest.TestCase, which pytest runs"
            " only once: mark a function, or a method of a plain class, where it is defined"
        )


def check_hosts(item: pytest.Item, spec: Spec) -> None:
    """Raise UsageProblem where a marker of a test speaks of a host that it does not have."""
    every = tried(item)
    if every and every.host not in (None, *spec.hosts, *LOCAL_NAMES):
        raise UsageProblem(
            f"the every_outcome marker's host {every.host!r} is no host of the test; it has: {', '.join(spec.hosts)}"
        )
    for declaration in declared(item):
        if not declaration.inherited and declaration.host not in (None, *spec.hosts, *LOCAL_NAMES):
            raise UsageProblem(
                f"the fire_and_forget marker's host {declaration.host!r} is no host of the test;"
                f" it has: {', '.join(spec.hosts)}"
            )


def _plans(spec: Spec, request: pytest.FixtureRequest, registry: Registry) -> list[Plan]:
    """Return the descriptions of the services of a test, but for the webhooks."""
    plans = []
    for name in spec.services:
        if name == WEBHOOKS:
            continue
        described = None
        try:
            described = request.getfixturevalue(name)
        except pytest.FixtureLookupError as missing:
            if missing.argname != name:
                raise
        plan = described if isinstance(described, Plan) and described.name == name else registry.get(name)
        if plan is None:
            known = ", ".join([WEBHOOKS, *registry.names])
            raise UsageProblem(
                f"the bgasync marker's services: nobody has described {name!r}; there are: {known}:"
                f" write a fixture that calls bgasync_service({name!r}, ...)"
            )
        plans.append(plan)
    return plans


def account(item: pytest.Item, *, patient: bool) -> Account | None:
    """Account for the background jobs of a test whose body has ended; None where it used no hosts.

    Raises UsageProblem where it declares jobs that it cannot have.
    """
    lab = item.stash.get(LAB, None)
    if lab is None:
        if any(not declaration.inherited for declaration in declared(item)):
            raise UsageProblem("the fire_and_forget marker declares jobs of the fixture bgasync: let the test use it")
        return None
    forgotten = lab.halt()
    with item.config.stash[NARRATOR].during(lambda: waiting_for(lab.jobs)):
        account = settle(lab.runs, lab.clock, declared(item), _strict_kinds(item), lab.fates, patient=patient)
    item.stash[ACCOUNT] = replace(account, faults=(*forgotten, *account.faults))
    return item.stash[ACCOUNT]


def account_late(item: pytest.Item) -> tuple[str, ...]:
    """Account for runs that came after the body of a test; return what fails it."""
    lab, account = item.stash[LAB], item.stash.get(ACCOUNT, None)
    if account is None:
        return ()
    forgotten = lab.halt()
    if len(lab.runs) == account.runs:
        return tuple(forgotten)
    late = settle_late(account, lab.runs, lab.clock, declared(item), _strict_kinds(item))
    item.stash[ACCOUNT] = late
    return (*forgotten, *late.faults)


def record_of(item: pytest.Item) -> str | None:
    """Return what is known of the runs of a test, as JSON; None for one that does not use the fixture ``bgasync``."""
    return item.stash.get(RECORD, "{}") if "bgasync" in getattr(item, "fixturenames", ()) else None


def _stays(item: pytest.Item, settings: Settings, faults: Sequence[str]) -> bool:
    """Say whether the hosts of a test stay. Those of one that was interrupted do not: nobody would be told."""
    if FAILED not in item.stash or LAB not in item.stash:
        return False
    return settings.keep == "always" or (settings.keep == "failed" and (item.stash[FAILED] or bool(faults)))


def shown_once(item: pytest.Item, shown: str) -> list[tuple[str, str]]:
    """Return what the report of a test's failure shows of its runs and containers; ``shown`` it says anyway."""
    lab = None if item.stash.get(LOGGED, False) else item.stash.get(LAB, None)
    if lab is None:
        return []
    item.stash[LOGGED] = True
    hosts, services = lab.machines.values(), lab.services.values()
    return [
        *sections(lab.runs, lab.clock, shown),
        *shortages([*hosts, *services]),
        *logs(hosts, services),
    ]


def _strict_kinds(item: pytest.Item) -> set[str]:
    """Return the kinds of findings that fail a test."""
    spec, settings = marked(item), item.config.stash[SETTINGS]
    strict = settings.strict if spec.strict is None else spec.strict
    return set(STRICT) - spec.allow if strict else set()
