"""The network and the containers of one test: up together, gone together."""

from __future__ import annotations

import os
import shutil
import signal
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pytest_bgasync import ssh
from pytest_bgasync.clock import Clock, Deadline
from pytest_bgasync.containers import Container
from pytest_bgasync.engine import FAILURES, Engine, reason
from pytest_bgasync.errors import HostProblem
from pytest_bgasync.hosts import Host
from pytest_bgasync.jobs import Jobs
from pytest_bgasync.owner import make_folder, owner_label
from pytest_bgasync.spec import LOCAL_NAMES, LOCALHOST, Spec
from pytest_bgasync.tasks import ByName

#: How many containers are started or removed at the same time.
SIDE_BY_SIDE = 16


@dataclass(frozen=True)
class Limits:
    """What one host may use: ``memory`` as the engine writes it ("1g"), and a number of processes."""

    memory: str = "1g"
    pids: int = 1024


class Scenario:
    """The hosts of one test on a network of their own, and the folder for what their runs write."""

    def __init__(self, engine: Engine, key: ssh.Key, clock: Clock, spec: Spec, limits: Limits) -> None:
        self._engine = engine
        self._key = key
        self._clock = clock
        self._limits = limits
        self._groups = spec.groups or {}
        self._network = f"bgasync-{uuid.uuid4().hex[:10]}"
        self._closing = False
        self._starters = ThreadPoolExecutor(max_workers=SIDE_BY_SIDE)
        self._containers: dict[str, Container] = {}
        self.folder = make_folder()
        self.hosts: dict[str, Host] = ByName("host")
        self.localhost: Host | None = None
        self._names = spec.hosts

    def up(self, image: str, localhost_image: str, jobs: Callable[[], Jobs], *, boot: float) -> None:
        """Start all hosts side by side and wait until each answers, at most ``boot`` real seconds.

        Raises HostProblem.
        """
        self.control.mkdir()
        try:
            self._engine.client.networks.create(self._network, driver="bridge", labels=owner_label())
        except FAILURES as error:
            raise HostProblem(
                f"the network of the scenario could not be created ({reason(error)}): remove networks that nothing uses"
                " (bgasync clean removes those of dead runs)"
            ) from None
        images = {**dict.fromkeys(self._names, image), LOCALHOST: localhost_image}
        deadline = Deadline(boot)
        starts = [self._starters.submit(self._start, name, images[name], deadline) for name in images]
        for start in starts:
            start.result()
        addresses = {name: self._address(name) for name in self._containers}
        self.ssh_config.write_text(ssh.client_config(addresses, self._key, self.control))
        hosts = {name: self._host(name, jobs, boot) for name in images}
        self.localhost = hosts.pop(LOCALHOST)
        self.hosts.update(hosts)

    @property
    def ssh_config(self) -> Path:
        """An ssh_config that knows the hosts by name."""
        return self.folder / "ssh_config"

    @property
    def control(self) -> Path:
        """The folder of the ssh connections that are kept open over the runs of a test."""
        return self.folder / "cp"

    def inventory(self) -> dict[str, Any]:
        """Return the Ansible inventory of the scenario, without localhost."""
        hosts = {name: self.variables(name) for name in self._names}
        children: dict[str, Any] = {
            group: {"hosts": {name: {} for name in names}} for group, names in self._groups.items()
        }
        return {"all": {"hosts": hosts, "children": children}}

    def connections(self) -> dict[str, Mapping[str, Any]]:
        """Return the connection variables for each name that a task may reach."""
        local = dict.fromkeys(LOCAL_NAMES, self.variables(LOCALHOST))
        return {**{name: self.variables(name) for name in self._names}, **local}

    def variables(self, name: str) -> Mapping[str, Any]:
        """Return the connection variables of a host."""
        return ssh.ansible_variables(self._address(name), self._key, self.control)

    def _address(self, name: str) -> tuple[str, int]:
        address = self._containers[name].port(22)
        assert address is not None  # else it had not come up
        return address

    def close(self) -> None:
        """Remove the hosts, the network, the folder, and the processes that runs left on this machine."""
        self._closing = True
        self._starters.shutdown(cancel_futures=True)  # so that all that has been started is known
        end_processes(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        problems: list[Exception] = []
        if self._containers:
            with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
                removals = [pool.submit(container.remove) for container in self._containers.values()]
            problems += [error for removal in removals if isinstance(error := removal.exception(), Exception)]
        try:
            # Asked for by name: an interrupt may have come while it was made.
            for network in self._engine.client.networks.list(names=[self._network]):
                network.remove()
        except FAILURES as error:
            problems.append(HostProblem(f"network {self._network} could not be removed: {reason(error)}"))
        if problems:
            raise problems[0]

    def _start(self, name: str, image: str, deadline: Deadline) -> None:
        api = self._engine.client.api
        container = Container(self._engine, f"{self._network}-{name}", name, {
            "image": image,
            "command": ["/usr/lib/bgasync/init"],
            "entrypoint": [],
            "user": "0",
            "hostname": name,
            "environment": {"BGASYNC_AUTHORIZED_KEY": self._key.public},
            "labels": owner_label(),
            "ports": [22],
            "host_config": api.create_host_config(
                auto_remove=True,
                init=True,
                port_bindings={22: ("127.0.0.1", None)},
                mem_limit=self._limits.memory,
                memswap_limit=self._limits.memory,
                pids_limit=self._limits.pids,
            ),
            "networking_config": {"EndpointsConfig": {self._network: {"Aliases": [name]}}},
        })  # fmt: skip
        self._containers[name] = container

        def decided() -> bool:
            address = container.port(22)
            return self._closing or address is None or container.ended or ssh.answers(address, deadline)

        answered = deadline.wait_for(decided)
        if container.port(22) is None or container.ended:
            how = "ended while it was starting"
        elif not answered:
            how = f"did not answer over ssh within {deadline.seconds:g} s (the ini key bgasync_boot)"
        else:
            return
        raise HostProblem(
            f"host {name} (image {image}) {how}: see what its image starts in /etc/bgasync/boot.d."
            f" {container.last_words()}"
        )

    def _host(self, name: str, jobs: Callable[[], Jobs], boot: float) -> Host:
        container = self._containers[name]

        def answers() -> bool:
            return ssh.answers(self._address(name), Deadline(1))

        ip = container.ip(self._network)
        return Host(name, ip, container, self._clock, self.ssh_config, jobs, answers, boot)


def end_processes(folder: Path) -> None:
    """End every process of this machine that a run in ``folder`` started, Ansible's workers and ssh included."""

    def left() -> list[psutil.Process]:
        # Workers make sessions of their own and outlive their parent: only the environment tells.
        found: list[psutil.Process] = []
        for process in psutil.process_iter(["environ"]):
            mark = (process.info["environ"] or {}).get("BGASYNC_RUN", "")
            if Path(mark).is_relative_to(folder) and process.pid != os.getpid():
                with suppress(psutil.Error):
                    found += [process] if process.status() != psutil.STATUS_ZOMBIE else []
        return found

    def ended() -> bool:
        processes = left()
        for process in processes:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        return not processes

    Deadline(10).wait_for(ended)
