"""The hosts of the scenario as tasks reach them; those that are not up start when a task needs them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bgasync_controller.gate import Gate

#: How many hosts of a scenario a message names.
NAMED = 10


class Hosts:
    """The connection variables of hosts, by each of their names: of those that are up, and of those ``waiting``."""

    def __init__(self, run: dict[str, Any], gate: Gate) -> None:
        self.up: dict[str, dict[str, Any]] = run["connections"]
        self.waiting: dict[str, dict[str, Any]] = run["waiting"]
        self._local_names: list[str] = run["local_names"]
        self._gate = gate

    @property
    def local(self) -> str:
        """The name of the container in the place of the controller."""
        return self._local_names[0]

    def start(self, names: Iterable[str]) -> None:
        """Let the harness start those of some hosts that are not up; it starts them side by side."""
        asked = [name for name in dict.fromkeys(names) if name in self.waiting]
        if asked:
            self.up.update(self._gate.stop(point="hosts", names=asked) or {})
            self.waiting = {name: variables for name, variables in self.waiting.items() if name not in self.up}

    def needed(self, name: str) -> dict[str, Any]:
        """Return the variables of a host that a task goes to, which is started if it is not up."""
        self.start([name])
        return self.known(name)

    def known(self, name: str) -> dict[str, Any]:
        """Return the variables of a host as it is; nothing is started for somebody who only reads them."""
        return self.up.get(name) or self.waiting.get(name) or self._nowhere(name)

    def refusal(self, name: str) -> str | None:
        """Say why a host cannot be reached; None for one that is up."""
        if name in self.up:
            return None
        if name in self.waiting:
            return f"{name} cannot be reached: its container is not up"
        hosts = [host for host in {**self.up, **self.waiting} if host not in self._local_names]
        more = [f"{len(hosts) - NAMED} more"] if len(hosts) > NAMED else []
        return (
            f"host {name!r} is not in this scenario, and tasks reach only its containers:"
            f" {', '.join([*hosts[:NAMED], *more, self.local])};"
            " if the play needs it, add it to hosts= or to the inventory of the marker"
        )

    def _nowhere(self, name: str) -> dict[str, Any]:
        """Return variables for templates, whose address is none of a machine."""
        some = next(iter({**self.up, **self.waiting}.values()))
        return {**some, "ansible_host": f"{name}.is-not-in-this-scenario.invalid", "ansible_port": 22}
