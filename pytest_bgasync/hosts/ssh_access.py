"""How the hosts of a scenario are reached: at ports that the engine publishes, or through the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pytest_bgasync.engine.client import Engine
from pytest_bgasync.engine.container import Container
from pytest_bgasync.engine.port_forward import Forward
from pytest_bgasync.hosts import ssh
from pytest_bgasync.util.clock import Deadline

#: Real seconds for which a host that does not greet at its published port is one that is not up yet.
UNSURE = 1.0
#: Real seconds in which a server greets, where it may be one of others.
GREETING = 5.0
SSH = 22

Address = tuple[str, int]


class Reach:
    """The ways to the hosts on ``network``. ``gateway`` starts a container on it, by which they can be reached."""

    def __init__(self, engine: Engine, network: str, gateway: Callable[[], Container]) -> None:
        self._engine = engine
        self._network = network
        self._start_gateway = gateway
        self._gateway: Container | None = None
        self._forwards: dict[str, Forward] = {}
        self._lock = threading.Lock()

    @property
    def published(self) -> bool:
        """Whether it is worth while to publish ports."""
        return self._engine.near is not False

    def greeting(self, container: Container, deadline: Deadline, sure: Deadline) -> Address | None:
        """Return the address at which a host greets at this moment, None where it does not.

        Whether published ports can be reached shows the first host that greets; before ``sure`` has passed it
        may just not be up.
        """

        def greets(address: Address | None) -> bool:
            # Somebody else's server may be at a port that is not ours, and say nothing.
            patience = deadline if engine.near else Deadline(min(GREETING, deadline.left))
            return address is not None and ssh.answers(address, patience, container.name)

        engine, published = self._engine, container.port(SSH)
        if engine.near is not False and greets(published):
            engine.near = True
            return published
        if engine.near or (engine.near is None and not sure.passed):
            return None
        forward = self._forward(container)
        if not greets(forward.address):
            return None
        engine.near = greets(published)  # it may have begun to in between
        return published if engine.near else forward.address

    def close(self) -> None:
        """Close all that was opened."""
        for forward in self._forwards.values():
            forward.close()

    def _forward(self, container: Container) -> Forward:
        with self._lock:
            if self._gateway is None:
                self._gateway = self._start_gateway()
            if container.name not in self._forwards:
                self._forwards[container.name] = Forward(self._gateway, container.ip(self._network), SSH)
            return self._forwards[container.name]
