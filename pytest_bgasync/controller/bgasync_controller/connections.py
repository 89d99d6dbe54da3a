"""Lets tasks reach the containers of the scenario and nothing else, whatever the author's variables say.

The implicit localhost is a container too. A host that the scenario does not have gets a name
that cannot be resolved, so that it is unreachable instead of somebody's real machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.vars.manager import VariableManager

#: Variables that would lead elsewhere, or ask for what a container does not want.
OTHERS = (
    "ansible_password",
    "ansible_private_key_file",
    "ansible_scp_extra_args",
    "ansible_sftp_extra_args",
    "ansible_ssh_executable",
    "ansible_ssh_extra_args",
    "ansible_ssh_host",
    "ansible_ssh_pass",
    "ansible_ssh_password",
    "ansible_ssh_port",
    "ansible_ssh_private_key",
    "ansible_ssh_transfer_method",
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
            variables.update(connections.get(host.name) or _nowhere(host.name))
        return variables

    return connected


def _nowhere(name: str) -> dict[str, Any]:
    return {"ansible_connection": "ssh", "ansible_host": f"{name}.is-not-in-this-scenario.invalid", "ansible_port": 22}
