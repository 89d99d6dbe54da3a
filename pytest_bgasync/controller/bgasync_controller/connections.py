"""Lets tasks reach the containers of the scenario and nothing else, whatever the author's variables say.

The implicit localhost is a container too, which starts when it is needed first. A host that the
scenario does not have gets a name that cannot be resolved, so that it is unreachable instead of
somebody's real machine.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from ansible.vars.manager import VariableManager

from bgasync_controller.gate import Gate

#: Variables that say the same as one that is set, or ask for what a container does not want.
OTHERS = (
    "ansible_password",
    "ansible_private_key",
    "ansible_private_key_file",
    "ansible_ssh_host",
    "ansible_ssh_pass",
    "ansible_ssh_password",
    "ansible_ssh_port",
    "ansible_ssh_user",
)


def install(connections: dict[str, dict[str, Any]], local_names: list[str], gate: Gate) -> None:
    """Use ``connections``, by names of hosts; where those of ``local_names`` are missing the harness is asked."""

    def of(name: str) -> dict[str, Any]:
        if name in local_names and name not in connections:
            connections.update(gate.stop(point="localhost") or {})
        return connections.get(name) or _nowhere(name, connections)

    VariableManager.get_vars = _connected(VariableManager.get_vars, of)


def _connected(get_vars: Callable[..., Any], of: Callable[[str], dict[str, Any]]) -> Callable[..., Any]:
    def connected(self: Any, play: Any = None, host: Any = None, *args: Any, **kwargs: Any) -> Any:
        variables = get_vars(self, play, host, *args, **kwargs)
        if host is not None:
            for name in OTHERS:
                variables.pop(name, None)
            variables.update(of(host.name))
        return variables

    return connected


def _nowhere(name: str, connections: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return variables that lead to no machine, and leave nothing to the author's configuration."""
    nowhere = f"{name}.is-not-in-this-scenario.invalid"
    some = next(iter(connections.values()))
    # In front of the address of a container, because ssh takes what it reads first.
    ssh_args = f"-o {shlex.quote(f'HostName={nowhere}')} {some['ansible_ssh_args']}"
    return {**some, "ansible_host": nowhere, "ansible_port": 22, "ansible_ssh_args": ssh_args}
