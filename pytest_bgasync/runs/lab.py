"""What a test holds in its hand: the hosts it asked for, and the runs of playbooks on them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

from pytest_bgasync.config.marker import Spec
from pytest_bgasync.config.outcome_marker import Every
from pytest_bgasync.hosts.host import Host, Hosts
from pytest_bgasync.hosts.scenario import Scenario, waiting_until
from pytest_bgasync.hosts.services import Service
from pytest_bgasync.hosts.traffic import Traffic
from pytest_bgasync.hosts.webhooks import Webhooks
from pytest_bgasync.jobs.findings import Finding
from pytest_bgasync.jobs.job import Jobs, take_stock
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.runs.ansible import ansible_playbook, environment, project_folder
from pytest_bgasync.runs.forced_outcome import Fates
from pytest_bgasync.runs.fork_client import Starter
from pytest_bgasync.runs.inventory import generated
from pytest_bgasync.runs.kept_hosts import ways_back
from pytest_bgasync.runs.run import Run
from pytest_bgasync.runs.run_spec import Order
from pytest_bgasync.runs.running_playbook import Running
from pytest_bgasync.util.atomic_write import plain
from pytest_bgasync.util.clock import Clock
from pytest_bgasync.util.errors import Ambiguous, BgasyncError, NotThere, UsageProblem
from pytest_bgasync.util.names import LOCAL_NAMES, LOCALHOST, WEBHOOKS
from pytest_bgasync.util.playbook_files import check_playbook, find_playbook
from pytest_bgasync.util.progress import Narrator
from pytest_bgasync.util.text import listing

#: What messages call a playbook of run_text().
TEXT = "given as text"


@dataclass(frozen=True)
class Places:
    """Where a test's playbooks are looked for: ``playbooks``, then ``beside`` the test, then ``root``."""

    playbooks: Path
    beside: Path
    root: Path

    @property
    def folders(self) -> tuple[Path, Path, Path]:
        """The folders in the order in which they are looked through."""
        return (self.playbooks, self.beside, self.root)


class RunOptions(TypedDict, total=False):
    """How a playbook is run. Each may be left out."""

    extra_vars: Mapping[str, Any] | None
    """As --extra-vars."""
    limit: str | None
    """As --limit: a pattern of hosts."""
    tags: str | Sequence[str] | None
    """As --tags."""
    skip_tags: str | Sequence[str] | None
    """As --skip-tags."""
    check: bool
    """As --check."""
    args: Sequence[str]
    """More arguments for ansible-playbook."""
    env: Mapping[str, str] | None
    """More environment variables for ansible-playbook."""
    limits: Mapping[str, float] | None
    """For each task named, another async limit in this run, in real seconds."""
    deadline: float | None
    """Real seconds after which the run is stopped; by default the ini key bgasync_deadline."""


class Lab:
    """The hosts of one test, up and answering, and what runs on them.

    localhost, and the hosts of an inventory of the author's, start when a task or the test needs them first.

    ``hosts`` maps names to hosts, ``services`` to helper containers; ``localhost`` is the container
    in which delegated and local tasks land; ``time_scale`` is real seconds for one playbook second,
    ``clock`` translates by it.
    """

    def __init__(
        self,
        scenario: Scenario,
        spec: Spec,
        places: Places,
        clock: Clock,
        deadline: float,
        starter: Starter,
        narrator: Narrator,
        tried: tuple[Every, Outcome] | None = None,
        payloads: Path | None = None,
    ) -> None:
        self._scenario = scenario
        self._spec = spec
        self._places = places
        self.clock = clock
        self._deadline = deadline
        self._starter = starter
        self._narrator = narrator
        self._payloads = payloads
        self._runs: list[Run] = []
        self._running: list[Running] = []
        self.streams: list[Traffic] = []
        """The streams of requests that the test has asked for."""
        self._orders: list[Order] = []
        self._count = 0
        self.fates = Fates(*tried, self._find_host) if tried else None
        self.hosts: Mapping[str, Host] = Hosts(scenario.names, self._started)
        self.services: Mapping[str, Service] = scenario.services

    @property
    def host(self) -> Host:
        """The only host; raises Ambiguous, listing them, when there are several."""
        if len(self.hosts) != 1:
            raise Ambiguous(
                f"this test has {len(self.hosts)} hosts, choose one with bgasync.hosts[name]: {listing(self.hosts)}"
            )
        return next(iter(self.hosts.values()))

    @property
    def localhost(self) -> Host:
        """The container that stands for the controller: delegate_to localhost lands there.

        It starts when a test or a task needs it first. Raises HostProblem when it does not come up.
        """
        return self._started([LOCALHOST])[LOCALHOST]

    @property
    def machines(self) -> Mapping[str, Host]:
        """The hosts that are up by their names, localhost last."""
        return self._scenario.machines

    @property
    def webhooks(self) -> Webhooks:
        """The receiver of webhooks; raises NotThere for a test that has none."""
        receiver = self.services.get(WEBHOOKS)
        if not isinstance(receiver, Webhooks):
            raise NotThere("this test has no webhooks: ask for them with @pytest.mark.bgasync(services=['webhooks'])")
        return receiver

    @property
    def time_scale(self) -> float:
        """Real seconds for one playbook second."""
        return self.clock.scale

    @property
    def runs(self) -> Sequence[Run]:
        """The runs of this test, in their order."""
        return tuple(self._runs)

    @property
    def jobs(self) -> Jobs:
        """The background jobs of all runs of this test, those of playbooks that are running included."""
        at_work = [running.jobs for running in self._running if not running.over]
        return Jobs(job for jobs in [*(run.jobs for run in self._runs), *at_work] for job in jobs)

    @property
    def findings(self) -> list[Finding]:
        """What is wrong with the background jobs of all runs, or likely to be; see Run.findings."""
        return [finding for run in self._runs for finding in run.findings]

    def run(self, playbook: str | Path, **options: Unpack[RunOptions]) -> Run:
        """Run a playbook to its end. One that fails is a Run with ``rc != 0``, not an exception.

        A relative path is looked for in the folder of the ini key ``bgasync_playbooks``, beside
        the test file and in pytest's rootdir. For the options see RunOptions.

        Raises UsageProblem for options that cannot be meant, AnsibleProblem when Ansible is missing
        or cannot read its configuration, PlaybookProblem when it is missing, is no playbook or matches no host, and
        PlaybookDeadline or PlaybookKilled, with what was known until then, when it did not come to its own end, and
        LocalhostProblem when a task needed localhost, or LateHostError when it needed another host, that did not come
        up.
        """
        return self.start(playbook, **options).wait()

    def start(
        self, playbook: str | Path, *, pause_before: Sequence[str] = (), **options: Unpack[RunOptions]
    ) -> Running:
        """Start a playbook and return at once; it stops before each task named in ``pause_before``.

        Raises UsageProblem, AnsibleProblem and PlaybookProblem as ``run`` does.
        """
        path = find_playbook(playbook, self._places.folders)
        return self._play(path, str(plain(playbook)), options, pause_before)

    def run_text(self, yaml_text: str, **options: Unpack[RunOptions]) -> Run:
        """Run a playbook that is given as text; roles, group_vars and the like are found as by ``run``."""
        return self.start_text(yaml_text, **options).wait()

    def start_text(self, yaml_text: str, *, pause_before: Sequence[str] = (), **options: Unpack[RunOptions]) -> Running:
        """Start a playbook that is given as text, as ``start`` does."""
        if not isinstance(yaml_text, str):
            raise UsageProblem(f"a playbook is given as text, not as {type(yaml_text).__name__}; a path is for run()")
        folder = self._new_folder()
        path = folder / "text.yml"
        path.write_text(yaml_text, encoding="utf-8")
        for place in self._places.folders:
            for entry in place.iterdir() if place.is_dir() else ():
                if (
                    not entry.name.startswith(".")
                    and not (folder / entry.name).is_symlink()
                    and entry.name != path.name
                ):
                    (folder / entry.name).symlink_to(entry)
        return self._play(path, TEXT, options, pause_before)

    def traffic(self, url: str, *, rate: float = 20, host: str | None = None) -> Traffic:
        """Return a context manager that sends requests to ``url`` from inside the scenario's network.

        ``rate`` is a number of requests in a real second, at most 200; ``host`` the name of the host
        that sends them, localhost by default. They end with the block, at the latest after the
        real seconds of the ini key bgasync_deadline. Raises UsageProblem or NotThere.
        """
        machine = self.localhost if host is None or host in LOCAL_NAMES else self.hosts[host]
        self.streams.append(Traffic(machine, url, rate, machine.host_clock, self._deadline))
        return self.streams[-1]

    def close(self) -> None:
        """See how the jobs that still ran stand, for the summary; their hosts are about to go."""
        self.halt()
        take_stock(job for job in self.jobs if not job.settled)
        for job in self.jobs:
            job.close()

    def keep(self) -> list[str]:
        """Let the hosts stay when this process ends; return lines that say how to get in. Raises HostProblem."""
        self._scenario.keep()
        if self._spec.inventory is None:
            self._inventory()  # anew: the key has another place
        return ways_back(self._scenario, self._orders)

    def halt(self) -> list[str]:
        """End the playbooks that a test has started and left running; return a sentence for each."""
        said = []
        for running in [running for running in self._running if not running.over]:
            if not running.ended:
                said.append(
                    f"playbook {running.playbook} was {running.state} when the test ended, and was stopped:"
                    " wait() for it, or stop() it"
                )
                running.stop()
                continue
            try:
                running.wait()
            except BgasyncError as problem:
                said.append(str(problem))
        return said

    def _play(self, path: Path, name: str, options: RunOptions, pause_before: Sequence[str]) -> Running:
        check_playbook(path, TEXT if name == TEXT else None)
        if not _words(pause_before):
            raise UsageProblem(f"pause_before= is a list of names of tasks, not {pause_before!r}")
        words, limits, deadline = _checked(options, self._deadline)
        folder = self._new_folder()
        if (extra_vars := _extra_vars(options)) is not None:
            # Not an argument: those are limited, and everybody on this machine may read them.
            (folder / "extra_vars.json").write_text(extra_vars)
            words = ["--extra-vars", f"@{folder}/extra_vars.json", *words]
        in_tree = self._scenario.folder not in path.parents
        cwd = project_folder(path.parent if in_tree else self._places.beside, self._places.root)
        own_inventory = self._spec.inventory is not None
        order = Order(
            command=[str(ansible_playbook()), "-i", str(self._inventory()), *words, str(path)],
            env=environment({**os.environ, **(options.get("env") or {})}, cwd, own_inventory=own_inventory),
            cwd=cwd,
            folder=folder,
            playbook=name,
            path=path if in_tree else None,
            options=_shown(options),
            hosts=tuple(self.hosts),
            limit=options.get("limit"),
            connections=self._scenario.connections(),
            waiting=self._scenario.waiting(),
            start=self._start,
            limits=limits,
            pause_before=tuple(pause_before),
            fates=self.fates,
            earlier=self.jobs,
            deadline=deadline,
            clock=self.clock,
            payloads=self._payloads,
            narrator=self._narrator,
        )
        self._orders.append(order)
        running = Running(order, self._starter, self._find_host, self._runs.append)
        self._running.append(running)
        return running

    def _inventory(self) -> Path:
        if self._spec.inventory is not None:
            return Path(self._spec.inventory)
        path = self._scenario.folder / "inventory.json"
        hosts = {name: self._scenario.variables(name) for name in self.hosts}
        path.write_text(json.dumps(generated(hosts, self._spec.groups), indent=2))
        return path

    def _started(self, names: Sequence[str]) -> Mapping[str, Host]:
        """Let hosts be up, and return all that are; raises HostProblem or EngineTimeout."""
        if missing := [name for name in names if name not in self.machines]:
            with self._narrator.during(waiting_until(missing)):
                self._scenario.start(missing)
        return self.machines

    def _start(self, called: Sequence[str]) -> tuple[Mapping[str, Mapping[str, Any]], BgasyncError | None]:
        """Let hosts be up for a play; return the connection variables of those that are, and why others are not."""
        problem: BgasyncError | None = None
        try:
            self._started(list(dict.fromkeys(LOCALHOST if name in LOCAL_NAMES else name for name in called)))
        except BgasyncError as why:  # of an engine that has stopped answering, too
            problem = why
        return self._scenario.connections(), problem

    def _find_host(self, name: str) -> Host | None:
        return self.machines.get(LOCALHOST if name in LOCAL_NAMES else name)

    def _new_folder(self) -> Path:
        self._count += 1
        folder = self._scenario.folder / f"run{self._count}"
        folder.mkdir()
        return folder


def _checked(options: RunOptions, default_deadline: float) -> tuple[list[str], dict[str, float], float]:
    """Return ansible-playbook's arguments, the limits and the deadline; raises UsageProblem."""
    for name, value in options.items():
        if name not in _OPTIONS:
            raise UsageProblem(f"run() has no argument {name!r}; it takes: {', '.join(_OPTIONS)}")
        fits, meaning = _OPTIONS[name]
        if value is not None and not fits(value):
            raise UsageProblem(f"{name}= is {meaning}, not {value!r}")
    words: list[str] = []
    if (limit_hosts := options.get("limit")) is not None:
        words += ["--limit", limit_hosts]
    for argument, chosen in (("--tags", options.get("tags")), ("--skip-tags", options.get("skip_tags"))):
        if chosen is not None:
            words += [argument, chosen if isinstance(chosen, str) else ",".join(chosen)]
    if options.get("check"):
        words.append("--check")
    words += options.get("args") or ()
    deadline = options.get("deadline")
    return words, dict(options.get("limits") or {}), default_deadline if deadline is None else deadline


def _shown(options: RunOptions) -> dict[str, Any]:
    """Return the options of a run without the values of variables."""
    given = {name: value for name, value in options.items() if value}
    names = {name: sorted(map(str, value)) for name, value in given.items() if name in ("extra_vars", "env")}  # type: ignore[call-overload]
    return given | names


def _extra_vars(options: RunOptions) -> str | None:
    """Return the extra variables as JSON, None without any; raises UsageProblem."""
    try:
        return json.dumps(dict(given)) if (given := options.get("extra_vars")) else None
    except TypeError as error:
        raise UsageProblem(f"extra_vars= must be what JSON can hold: {error}") from None


def _mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _texts(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    if not all(isinstance(part, str) and "\0" not in part for pair in value.items() for part in pair):
        return False
    return not any("=" in name or not name for name in value)


def _words(value: object) -> bool:
    # What can be gone through once only would have nothing left for its use.
    return not isinstance(value, str) and isinstance(value, Collection) and all(map(_word, value))


def _word(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _seconds(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 < value < math.inf


#: For each option, what a value must be and how to say so.
_OPTIONS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "extra_vars": (_mapping, "a mapping from variables to values"),
    "limit": (_word, "a pattern of hosts"),
    "tags": (lambda value: _word(value) or _words(value), "a tag or a list of tags"),
    "skip_tags": (lambda value: _word(value) or _words(value), "a tag or a list of tags"),
    "check": (lambda value: isinstance(value, bool), "True or False"),
    "args": (_words, "a list of words"),
    "env": (_texts, "a mapping from names to texts"),
    "limits": (
        lambda value: isinstance(value, Mapping) and all(map(_seconds, value.values())),
        "a mapping from names of tasks to real seconds above 0",
    ),
    "deadline": (_seconds, "a number of real seconds above 0"),
}
