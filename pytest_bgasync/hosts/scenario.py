"""The network and the containers of one test: up together, or when they are needed; gone together."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pytest_bgasync.config.settings import Limits
from pytest_bgasync.engine.client import FAILURES, Engine, reason
from pytest_bgasync.engine.container import Container, File
from pytest_bgasync.engine.ownership import make_folder, owner_label, remove_folder
from pytest_bgasync.engine.scenario_record import HOLD, Record, container_name, kept_name, network_name, new_scenario
from pytest_bgasync.hosts import ssh, webhooks
from pytest_bgasync.hosts.host import Host
from pytest_bgasync.hosts.services import Plan, Readiness, Service
from pytest_bgasync.hosts.ssh_access import GREETING, UNSURE, Reach
from pytest_bgasync.hosts.webhooks import Authority, Webhooks
from pytest_bgasync.jobs.host_snapshot import NOTES
from pytest_bgasync.jobs.job import Jobs
from pytest_bgasync.util import private_files as private
from pytest_bgasync.util.clock import Clock, Deadline
from pytest_bgasync.util.errors import HostProblem
from pytest_bgasync.util.exit_removals import CLEANUPS
from pytest_bgasync.util.names import LOCAL_NAMES, LOCALHOST, LONGEST, WEBHOOKS
from pytest_bgasync.util.process_cleanup import end_processes
from pytest_bgasync.util.text import ByName

#: How many containers are started or removed at the same time.
SIDE_BY_SIDE = 16
#: How many of them a line names.
NAMED = 5


@dataclass(frozen=True)
class Wanted:
    """What is to be up: hosts and services, each with the image that it is made from.

    Two that are equal can stand for each other.
    """

    hosts: Sequence[tuple[str, str]]
    """The names of the hosts in their order, each with its image."""
    localhost: str
    """The image of localhost."""
    services: Sequence[tuple[Plan, str]] = ()
    helper: str = ""
    """The image of what the harness itself needs beside services."""
    webhooks: Sequence[str] = ()
    """The host names for which webhooks are received; none without the receiver."""
    boot: float = 60.0
    """Real seconds in which a host answers."""
    late: bool = False
    """Each host starts when it is needed, as localhost always does."""

    @property
    def first(self) -> list[str]:
        """The names of the hosts that are up before all else."""
        return [] if self.late else list(dict(self.hosts))

    @property
    def starting(self) -> str:
        """What is said while it is waited for."""
        return waiting_until([*self.first, *(plan.name for plan, _ in self.services)])


def waiting_until(names: Sequence[str]) -> str:
    """Return what is said while hosts or services are waited for."""
    if len(names) == 1:
        return f"waiting until {names[0]} answers"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"waiting until these answer: {', '.join(names[:NAMED])}{more}" if names else "making the network"


class Scenario:
    """The hosts and services of one test on a network of their own, and the folder for what their runs write."""

    def __init__(self, engine: Engine, key: ssh.Key, limits: Limits, authority: Authority, wanted: Wanted) -> None:
        self.engine = engine
        self._key = key
        self._limits = limits
        self._authority = authority
        self._wanted = wanted
        self._number = new_scenario()
        self._network = network_name(self._number)
        self._record: Record | None = None
        self._closing = False
        self._starters = ThreadPoolExecutor(max_workers=SIDE_BY_SIDE)
        self._dns: dict[str, Any] = {}  # of all containers, where webhooks are received
        self._given: Callable[[str], Host] | None = None  # makes the hosts of the test that has it
        self._starts: dict[str, Future[None]] = {}  # of hosts that were asked for
        self._lock = threading.Lock()  # held while that, or what is written down of the hosts, changes
        self._containers: list[Container] = []
        self._guests: list[Container] = []  # those of them that are in the namespaces of another
        self._machines: dict[str, Container] = {}  # those of hosts, and of localhost once it is up
        self._addresses: dict[str, tuple[str, int]] = {}  # at which those greet over ssh
        self._reach = Reach(engine, self._network, self._start_gateway)
        self._receiver: Container | None = None  # of webhooks
        self._gateway: Container | None = None
        self.folder = make_folder()
        self._hosts: dict[str, Host] = {}  # those that are up and given to the test
        self.services: dict[str, Service] = ByName("service")
        CLEANUPS.add(self, self._remove)

    def up(self) -> None:
        """Start all that is to be up from the beginning, side by side, and wait until each answers, or is ready.

        Raises HostProblem.
        """
        wanted = self._wanted
        self.control.mkdir()
        # Ctrl-C interrupts the main thread, so nothing is made there: all that was made is known when it comes.
        wait_for(self._starters.submit(self._start_network))
        if wanted.webhooks:
            # First, because it is the name server of all others.
            receiver = self._starters.submit(
                self._start_webhooks, wanted.helper, wanted.webhooks, Deadline(wanted.boot)
            )
            self._receiver = done(receiver).result()
            self._dns["dns"] = [self._receiver.ip(self._network)]
        submit = self._starters.submit
        services = [submit(self._start_service, *service, wanted.helper) for service in wanted.services]
        for start in [*self._begin(wanted.first), *services]:
            wait_for(start)
        self._write_ssh_config()

    def open(self, clock: Clock, jobs: Callable[[], Jobs], test: str) -> None:
        """Give what is up to a test, whose clock begins now; ``jobs`` returns those of its runs."""
        self._given = partial(self._host, clock=clock, jobs=jobs)
        self._record = Record(self._number, test, self.engine.url, {})
        self._note(self._wanted.first)
        if self._receiver is not None:
            receiver = self._receiver
            self.services[WEBHOOKS] = Webhooks(
                WEBHOOKS, receiver.ip(self._network), receiver, clock, self.names_by_address
            )

    def start(self, names: Sequence[str]) -> None:
        """Let hosts be up, localhost among them; those that are not start side by side.

        Raises HostProblem, once all others are up, for a host that does not come up, each time when that is asked for.
        """
        starts = [done(start) for start in self._begin(names)]
        if self._closing:
            raise HostProblem(f"{', '.join(names)} cannot start: the test is over")
        self._note([name for name in names if name in self._addresses])
        for start in starts:
            start.result()

    def _begin(self, names: Sequence[str]) -> list[Future[None]]:
        """Let hosts start that were not started before; return the starts of all."""
        images = {**dict(self._wanted.hosts), LOCALHOST: self._wanted.localhost}
        with self._lock:
            for name in names:
                if name not in self._starts:
                    try:
                        self._starts[name] = self._starters.submit(self._start_host, name, images[name])
                    except RuntimeError:
                        raise HostProblem(f"{name} cannot start: the test is over") from None
            return [self._starts[name] for name in names]

    def _note(self, names: Sequence[str]) -> None:
        """Give hosts that are up to the test, and write down that they are."""
        assert self._record is not None
        assert self._given is not None
        with self._lock:
            new = [name for name in names if name not in self._hosts]
            if new or not self._record.hosts:
                containers = {name: self._machines[name].name for name in new}
                self._record = replace(self._record, hosts={**self._record.hosts, **containers})
                self._record.write(self.folder)
                self._write_ssh_config()
                self._hosts.update({name: self._given(name) for name in new})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all hosts but localhost, whether they are up or not."""
        return tuple(dict(self._wanted.hosts))

    @property
    def machines(self) -> Mapping[str, Host]:
        """The hosts that are up, localhost last."""
        return {name: self._hosts[name] for name in (*self.names, LOCALHOST) if name in self._hosts}

    @property
    def whole(self) -> bool:
        """True as long as nothing of what is up has gone."""
        return self.ssh_config.is_file() and not any(container.ended for container in self._containers)

    def give_up(self) -> None:
        """Let nothing that ``up`` waits for in another thread be waited for any longer."""
        self._closing = True

    @property
    def ssh_config(self) -> Path:
        """An ssh_config that knows the hosts by name."""
        return self.folder / "ssh_config"

    @property
    def control(self) -> Path:
        """The folder of the ssh connections that are kept open over the runs of a test."""
        return self.folder / "cp"

    def connections(self) -> dict[str, Mapping[str, Any]]:
        """Return the connection variables for each name by which a task reaches a host that is up."""
        return self._variables(name for name in (*self.names, LOCALHOST) if name in self._hosts)

    def waiting(self) -> dict[str, Mapping[str, Any]]:
        """Return variables, which lead nowhere, for each name by which a task reaches a host that is not up."""
        return self._variables(name for name in (*self.names, LOCALHOST) if name not in self._hosts)

    def _variables(self, names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        return {
            called: self.variables(name) for name in names for called in (LOCAL_NAMES if name == LOCALHOST else [name])
        }

    def variables(self, name: str) -> Mapping[str, Any]:
        """Return the connection variables of a host."""
        address = self._addresses.get(name, (f"{name}.is-not-up.invalid", 22))
        return ssh.ansible_variables(name, address, self._key, self.control, self._proxies().get(name, ()))

    @property
    def record(self) -> Record | None:
        """What is written down of it since a test has it."""
        return self._record

    @property
    def kept(self) -> bool:
        """True where it stays when this process ends."""
        return self._record is not None and self._record.kept

    def keep(self) -> None:
        """Let the containers, the network and the folder stay until ``bgasync clean``; raises HostProblem.

        From now on all that leads to the hosts is in the folder, and needs nothing of this process.
        """
        with suppress(HostProblem):  # a run that is repeated by hand may need it
            self.start([LOCALHOST])
        assert self._record is not None
        going = [self._gateway, *(self._machines[name] for name in list(self._machines) if name not in self._hosts)]
        staying = [one for one in self._containers if one not in going and not one.ended]
        try:
            self._key = self._key.copied_to(self.folder)
            hosts = {name: kept_name(container) for name, container in self._record.hosts.items()}
            # The record first: what is not yet told to stay ends with this process, and the next sweep sees that.
            record = replace(self._record, kept=True, hosts=hosts)
            record.write(self.folder)
            for container in staying:
                container.rename(kept_name(container.name))
            for container in staying:
                if container not in self._guests:  # those end with the first process of their namespace
                    container.stay()
        except OSError as error:
            raise HostProblem(f"the hosts cannot be kept: {error}") from None
        self._record = record
        self._write_ssh_config()

    def _proxies(self) -> Mapping[str, Sequence[str]]:
        """Return the commands that connect to hosts which are kept where no port of this machine leads to them."""
        if not self.kept or self.engine.near:
            return {}
        assert self._record is not None
        # From wherever it is pasted, it imports nothing of what lies there (-P).
        through = [sys.executable, "-P", "-m", "pytest_bgasync.engine.proxy_command", self.engine.url]
        return {name: [*through, container] for name, container in self._record.hosts.items()}

    def _write_ssh_config(self) -> None:
        text = ssh.client_config(dict(self._addresses), self._key, self.control, self._proxies())
        private.write(self.ssh_config, text)

    def names_by_address(self) -> dict[str, str]:
        """Return the names of hosts and services that are up by their addresses."""
        return {machine.ip: machine.name for machine in [*self.services.values(), *self.machines.values()]}

    def close(self) -> None:
        """Remove the containers, the network, the folder, and the processes that runs left on this machine.

        Of one that is kept only the processes. Ctrl-C waits until that is done.
        """
        CLEANUPS.run(self, "removing the hosts")

    def _remove(self) -> None:
        self.give_up()
        self._starters.shutdown(cancel_futures=True)  # so that all that has been started is known
        end_processes(self.folder)
        self._reach.close()
        if self.kept:
            for container in self._containers:
                container.leave()
            CLEANUPS.drop(self.folder)
            return
        remove_folder(self.folder)
        problems: list[Exception] = []
        # Podman removes none on which another stands.
        for group in (self._guests, [one for one in self._containers if one not in self._guests]):
            if group:
                with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
                    removals = [pool.submit(container.remove) for container in group]
                problems += [error for removal in removals if isinstance(error := removal.exception(), Exception)]
        try:
            # Asked for by name: it may not have come to that.
            for network in self.engine.client.networks.list(names=[self._network]):
                network.remove()
        except FAILURES as error:
            problems.append(HostProblem(f"network {self._network} could not be removed: {reason(error)}"))
        if problems:
            raise problems[0]

    def _start_network(self) -> None:
        try:
            self.engine.client.networks.create(self._network, driver="bridge", labels=owner_label())
        except FAILURES as error:
            raise HostProblem(
                f"the network of the scenario could not be created ({reason(error)}): remove networks that nothing uses"
                " (bgasync clean removes those of dead runs)"
            ) from None

    def _start(
        self,
        label: str,
        name: str,
        image: str,
        create: Mapping[str, Any],
        host_config: Mapping[str, Any],
        files: Mapping[str, File] | None = None,
    ) -> Container:
        """Start a container; ``label`` is what messages call it."""
        # What ends reaps: the first process of the container's namespace is the engine's own.
        init = {} if "pid_mode" in host_config else {"init": True}
        limits = {
            "mem_limit": self._limits.memory,
            "memswap_limit": self._limits.memory,
            "pids_limit": self._limits.pids,
        }
        config = self.engine.client.api.create_host_config(auto_remove=True, **{**limits, **init, **host_config})
        container = Container(
            self.engine,
            self._full(name),
            label,
            {"image": image, "labels": owner_label(), "host_config": config, **create},
            files or {},
        )
        self._containers.append(container)
        if "pid_mode" in host_config:
            self._guests.append(container)
        return container

    def _full(self, name: str) -> str:
        """Return the name of a container, which no other has; what is no host's begins or ends with an underscore."""
        return container_name(self._number, name).container

    def _on_network(self, *names: str) -> dict[str, Any]:
        """Return what lets a container be known on the network by names, the first of which is its own."""
        return {
            "hostname": names[0][:LONGEST],
            "networking_config": {"EndpointsConfig": {self._network: {"Aliases": list(names)}}},
        }

    def _start_host(self, name: str, image: str) -> None:
        deadline = Deadline(self._wanted.boot)
        environment = {"BGASYNC_AUTHORIZED_KEY": self._key.public, "BGASYNC_NAME": self._full(name)}
        if self._dns:
            environment["BGASYNC_CA"] = self._authority.certificate
        published = self._reach.published
        container = self._start(
            f"host {name}",
            name,
            image,
            {
                "command": ["/usr/lib/bgasync/init"],
                "entrypoint": [],
                "user": "0",
                "environment": environment,
                **({"ports": [22]} if published else {}),
                **self._on_network(name),
            },
            {
                **({"port_bindings": {22: ("127.0.0.1", None)}} if published else {}),
                **self._dns,
                # Jobs of all users write there.
                "tmpfs": {NOTES: "mode=1777"},
            },
        )
        self._machines[name] = container
        sure = Deadline(UNSURE)

        def decided() -> bool:
            self.engine.check()
            if self._closing or container.ended:
                return True
            address = self._reach.greeting(container, deadline, sure)
            if address is not None:
                self._addresses[name] = address
            return address is not None

        answered = deadline.wait_for(decided)
        if container.ended:
            how = "ended while it was starting"
        elif not answered:
            how = f"did not answer over ssh within {deadline.seconds:g} s (the ini key bgasync_boot)"
        else:
            return
        raise HostProblem(
            f"host {name} (image {image}) {how}: see what its image starts in /etc/bgasync/boot.d."
            f" {container.last_words()}"
        )

    def _start_gateway(self) -> Container:
        self._gateway = self._start(
            "the gateway to the hosts",
            "_gateway",
            self._wanted.localhost,
            {
                "command": ["cat"],
                "entrypoint": [],
                "user": "0",
                "networking_config": {"EndpointsConfig": {self._network: {}}},
            },
            {"mem_limit": "1g", "memswap_limit": "1g"},
        )
        return self._gateway

    def _start_service(self, plan: Plan, image: str, helper: str) -> None:
        """Start a service beside a container of ours, which has its network and ends it.

        A service may have any image, so it cannot be asked to end with this process. It lives in the
        process namespace of a container that does, and the kernel ends both together.
        """
        create = {"command": list(HOLD), "entrypoint": [], "user": "0", **self._on_network(*plan.names)}
        sandbox = self._start(f"service {plan.name}", f"{plan.name}_sandbox", helper, create, self._dns)
        of_sandbox = f"container:{sandbox.id}"
        words = {} if plan.command is None else {"command": list(plan.command)}
        container = self._start(
            f"service {plan.name}",
            plan.name,
            image,
            {"environment": dict(plan.environment), **words},
            {"network_mode": of_sandbox, "pid_mode": of_sandbox},
            plan.files,
        )
        service = Service(plan.name, sandbox.ip(self._network), container)
        ready = Readiness(service, sandbox, plan.ready)

        def decided() -> bool:
            self.engine.check()
            return self._closing or container.ended or ready()

        in_time = Deadline(plan.within).wait_for(decided, every=0.1)
        if container.ended or not in_time:
            how = "ended"
            if not container.ended:
                how = f"was not ready within {plan.within:g} s ({ready.reason}): see its ready= and within="
            raise HostProblem(f"service {plan.name} (image {image}) {how}. {container.last_words()}")
        self.services[plan.name] = service

    def _start_webhooks(self, image: str, names: Sequence[str], deadline: Deadline) -> Container:
        container = self._start(
            f"service {WEBHOOKS}",
            WEBHOOKS,
            image,
            {"command": webhooks.command(), "entrypoint": [], "user": "0", **self._on_network(WEBHOOKS, *names)},
            {},
        )
        others = [
            *dict(self._wanted.hosts),
            LOCALHOST,
            *(name for plan, _ in self._wanted.services for name in plan.names),
        ]
        certificate = self._authority.issue([WEBHOOKS, *names])
        container.tell(webhooks.order_for(certificate, [WEBHOOKS, *names, *others]))

        def decided() -> bool:
            self.engine.check()
            return self._closing or container.ended or "ready" in container.output

        if not deadline.wait_for(decided) or container.ended:
            raise HostProblem(f"the receiver of webhooks did not start. {container.last_words()}")
        return container

    def _host(self, name: str, *, clock: Clock, jobs: Callable[[], Jobs]) -> Host:
        container = self._machines[name]

        def answers() -> bool:
            return ssh.answers(self._addresses[name], Deadline(GREETING), container.name)

        ip = container.ip(self._network)
        return Host(name, ip, container, clock, self.ssh_config, jobs, answers, self._wanted.boot)


def done(future: Future[Any]) -> Future[Any]:
    """Wait until it is done, and return it."""
    # In short steps: a wait does not hear the Ctrl-C that came just before it began.
    while wait([future], timeout=0.1).not_done:
        pass
    return future


def wait_for(future: Future[Any]) -> None:
    """Wait until it is done; raises what it raised."""
    done(future).result()
