"""Lets tasks reach the containers of the scenario and nothing else, whatever the author's variables say.

The implicit localhost is a container too. A host that the scenario does not have gets a name that
cannot be resolved, so that it is unreachable instead of somebody's real machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.vars.manager import VariableManager

from bgasync_controller.hosts import Hosts

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


def install(hosts: Hosts) -> None:
    """Let the variables of each host be those that lead to its container."""
    VariableManager.get_vars = _connected(VariableManager.get_vars, hosts)


def _connected(get_vars: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    def connected(self: Any, play: Any = None, host: Any = None, task: Any = None, *args: Any, **kwargs: Any) -> Any:
        variables = get_vars(self, play, host, task, *args, **kwargs)
        if host is not None:
            for name in OTHERS:
                variables.pop(name, None)
            # Without a task they are for hostvars, which somebody reads.
            variables.update(hosts.known(host.name) if task is None else hosts.needed(host.name))
        return variables

    return connected
