"""Lets tasks reach the containers of the scenario and nothing else, whatever the author's variables say.

The implicit localhost is a container too. A host that the scenario does not have gets a name
that cannot be resolved, so that it is unreachable instead of somebody's real machine.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from ansible.vars.manager import VariableManager

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


def install(connections: dict[str, dict[str, Any]]) -> None:
    VariableManager.get_vars = _connected(VariableManager.get_vars, connections)


def _connected(get_vars: Callable[..., Any], connections: dict[str, dict[str, Any]]) -> Callable[..., Any]:
    def connected(self: Any, play: Any = None, host: Any = None, *args: Any, **kwargs: Any) -> Any:
        variables = get_vars(self, play, host, *args, **kwargs)
        if host is not None:
            for name in OTHERS:
                variables.pop(name, None)
            variables.update(connections.get(host.name) or _nowhere(host.name, connections))
        return variables

    return connected


def _nowhere(name: str, connections: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return variables that lead to no machine, and leave nothing to the author's configuration."""
    nowhere = f"{name}.is-not-in-this-scenario.invalid"
    some = next(iter(connections.values()))
    # In front of the address of a container, because ssh takes what it reads first.
    ssh_args = f"-o {shlex.quote(f'HostName={nowhere}')} {some['ansible_ssh_args']}"
    return {**some, "ansible_host": nowhere, "ansible_port": 22, "ansible_ssh_args": ssh_args}
