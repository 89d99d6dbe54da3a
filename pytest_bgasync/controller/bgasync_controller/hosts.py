"""The hosts of the scenario as tasks reach them; those that are not up start when a task needs them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

from bgasync_controller.gate import Gate


class Hosts:
    """The connection variables of hosts, by each of their names: of those that are up, and of those ``waiting``."""

    def __init__(self, up: dict[str, dict[str, Any]], waiting: dict[str, dict[str, Any]], gate: Gate) -> None:
        self.up = up
        self.waiting = waiting
        self._gate = gate

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

    def _nowhere(self, name: str) -> dict[str, Any]:
        """Return variables that lead to no machine, and leave nothing to the author's configuration."""
        nowhere = f"{name}.is-not-in-this-scenario.invalid"
        some = next(iter({**self.up, **self.waiting}.values()))
        # In front of the address of a container, because ssh takes what it reads first.
        ssh_args = f"-o {shlex.quote(f'HostName={nowhere}')} {some['ansible_ssh_args']}"
        return {**some, "ansible_host": nowhere, "ansible_port": 22, "ansible_ssh_args": ssh_args}
