"""Lets tasks reach the containers of the scenario and nothing else, whatever the author says.

Where a task goes is decided when Ansible loads a connection plugin, once all variables, loops and
plugins have spoken: it gets a connection to the container of the host that the task is for, or is
delegated to. The variables say the same, for templates. The implicit localhost is a container too,
which starts when it is needed first. A host that the scenario does not have is unreachable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.executor.task_executor import TaskExecutor
from ansible.plugins.loader import connection_loader, get_with_context_result
from ansible.plugins.strategy import StrategyBase
from ansible.vars.manager import VariableManager

from bgasync_controller.gate import Gate
from bgasync_controller.ssh import Connection

#: How many hosts of a scenario a message names.
NAMED = 10


class Target:
    """The host for which this process, a worker of Ansible's or its main process, opens connections at the moment."""

    def __init__(self, local: str) -> None:
        self._local = local
        self.host = local
        self.local = local
        """Where a connection leads that an action plugin wants to the controller, as synchronize does."""

    def task(self, host: str) -> None:
        self.host, self.local = host, self._local

    def reset(self, host: str) -> None:
        self.host = self.local = host


def install(connections: dict[str, dict[str, Any]], local_names: list[str], gate: Gate) -> None:
    """Use ``connections``, by names of hosts; where those of ``local_names`` are missing the harness is asked."""

    def of(name: str) -> dict[str, Any]:
        if name in local_names and name not in connections:
            connections.update(gate.stop(point="localhost") or {})
        return connections.get(name) or _nowhere(name, connections)

    def connect(name: str, *args: Any, **kwargs: Any) -> Connection:
        variables = of(name)
        refusal = None if name in connections else _refusal(name, connections, local_names)
        return Connection(*args, variables=variables, refusal=refusal, **kwargs)

    target = Target(local_names[0])
    VariableManager.get_vars = _connected(VariableManager.get_vars, of)
    connection_loader.get_with_context = _led(connection_loader.get_with_context, connect, target)
    TaskExecutor._get_connection = _of_task(TaskExecutor._get_connection, target)
    StrategyBase._execute_meta = _of_reset(StrategyBase._execute_meta, target)
    # No connection of ours leaves a socket behind, so whatever a task names as one is somebody else's.
    StrategyBase.update_active_connections = lambda *_: None


def _connected(get_vars: Callable[..., Any], of: Callable[[str], dict[str, Any]]) -> Callable[..., Any]:
    def connected(self: Any, play: Any = None, host: Any = None, *args: Any, **kwargs: Any) -> Any:
        variables = get_vars(self, play, host, *args, **kwargs)
        if host is not None:
            variables.update(of(host.name))
        return variables

    return connected


def _led(get: Callable[..., Any], connect: Callable[..., Connection], target: Target) -> Callable[..., Any]:
    def get_with_context(name: str, *args: Any, class_only: bool = False, **kwargs: Any) -> Any:
        if class_only:
            return get(name, *args, class_only=True, **kwargs)
        kwargs.pop("collection_list", None)
        host = target.local if str(name).rpartition(".")[2] == "local" else target.host
        context = connection_loader.find_plugin_with_context("ansible.builtin.ssh")
        return get_with_context_result(connect(host, *args, **kwargs), context)

    return get_with_context


def _of_task(get: Callable[..., Any], target: Target) -> Callable[..., Any]:
    def _get_connection(self: Any, variables: Any, templar: Any, _: Any) -> Any:
        target.task(self._task.delegate_to or self._host.name)
        return get(self, variables, templar, "ssh")

    return _get_connection


def _of_reset(execute: Callable[..., Any], target: Target) -> Callable[..., Any]:
    def _execute_meta(self: Any, task: Any, play_context: Any, iterator: Any, target_host: Any) -> Any:
        target.reset(target_host.name)
        return execute(self, task, play_context, iterator, target_host)

    return _execute_meta


def _nowhere(name: str, connections: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return variables for templates, whose address is none of a machine."""
    some = next(iter(connections.values()))
    return {**some, "ansible_host": f"{name}.is-not-in-this-scenario.invalid", "ansible_port": 22}


def _refusal(name: str, connections: dict[str, dict[str, Any]], local_names: list[str]) -> str:
    if name in local_names:
        return f"{name} cannot be reached: its container is not up"
    hosts = [host for host in connections if host not in local_names]
    named = ", ".join([*hosts[:NAMED], *([f"{len(hosts) - NAMED} more"] if len(hosts) > NAMED else []), local_names[0]])
    return (
        f"host {name!r} is not in this scenario, and tasks reach only its containers: {named};"
        " if the play needs it, add it to hosts= or to the inventory of the marker"
    )
