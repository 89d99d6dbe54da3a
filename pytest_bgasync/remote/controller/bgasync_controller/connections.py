"""Lets tasks reach the containers of the scenario and nothing else, whatever the author says.

Where a task goes is decided when Ansible loads a connection plugin, once all variables, loops and
plugins have spoken: it gets a connection to the container of the host that the task is for, or is
delegated to. The variables say the same, for templates. The implicit localhost is a container too.
A host that the scenario does not have is unreachable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.executor.task_executor import TaskExecutor
from ansible.plugins.loader import connection_loader, get_with_context_result
from ansible.plugins.strategy import StrategyBase
from ansible.vars.manager import VariableManager

from bgasync_controller.hosts import Hosts
from bgasync_controller.ssh import Connection


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


def install(hosts: Hosts) -> None:
    """Let tasks go to ``hosts`` and nowhere else."""

    def connect(name: str, *args: Any, **kwargs: Any) -> Connection:
        variables = hosts.needed(name)
        return Connection(*args, variables=variables, refusal=hosts.refusal(name), **kwargs)

    target = Target(hosts.local)
    VariableManager.get_vars = _connected(VariableManager.get_vars, hosts)
    connection_loader.get_with_context = _led(connection_loader.get_with_context, connect, target)
    TaskExecutor._get_connection = _of_task(TaskExecutor._get_connection, target)
    StrategyBase._execute_meta = _of_reset(StrategyBase._execute_meta, target)
    # No connection of ours leaves a socket behind, so whatever a task names as one is somebody else's.
    StrategyBase.update_active_connections = lambda *_: None


def _connected(get_vars: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    def connected(self: Any, play: Any = None, host: Any = None, task: Any = None, *args: Any, **kwargs: Any) -> Any:
        variables = get_vars(self, play, host, task, *args, **kwargs)
        if host is not None:
            # Without a task they are for hostvars, which somebody reads.
            variables.update(hosts.known(host.name) if task is None else hosts.needed(host.name))
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
