"""Sees each background job at the two places every one passes: its launch and its status.

A launch gets an environment variable that marks all processes of the job, and the async
limit that is in force for this run.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import action_loader

from bgasync_controller.events import Writer, name


def install(run: dict[str, Any], events: Writer) -> None:
    ActionBase._execute_module = _watched_launch(ActionBase._execute_module, run, events)
    async_status = action_loader.get("ansible.legacy.async_status", class_only=True)
    async_status.run = _watched_status(async_status.run, events)


def limit_in_force(declared: int, names: list[str], run: dict[str, Any]) -> int:
    """Return the limit in whole real seconds; ``declared`` is what the playbook says."""
    limits: dict[str, float] = run["limits"]
    for task in names:
        if task in limits:
            return math.ceil(limits[task])
    scaled: int = math.ceil(declared * run["time_scale"])
    floor: int = run["limit_floor"]
    return max(scaled, min(floor, declared))


def _watched_launch(execute: Callable[..., Any], run: dict[str, Any], events: Writer) -> Callable[..., Any]:
    def _execute_module(self: Any, *args: Any, **kwargs: Any) -> Any:
        task = self._task
        declared, environment = task.async_val, task.environment
        if not kwargs.get("wrap_async") or not declared or task.action.endswith("gather_facts"):
            return execute(self, *args, **kwargs)
        limit, token = limit_in_force(declared, [task.name, task.get_name()], run), uuid.uuid4().hex

        def launched(result: dict[str, Any]) -> None:
            variables = kwargs.get("task_vars") or {}
            loops = bool(task.loop or task.loop_with) and not task.no_log
            become = self._connection.become
            events.write(
                "job_launched",
                jid=result.get("ansible_job_id"),
                results_file=result.get("results_file"),
                task_id=str(task._uuid),
                task=name(task),
                host=variables.get("inventory_hostname"),
                delegate=task.delegate_to,
                item=variables.get(task.loop_control.loop_var) if loops else None,
                user=self.get_become_option("become_user") if become else self._get_remote_user(),
                limit=declared,
                limit_wall=limit,
                poll=task.poll,
                no_log=bool(task.no_log),
                token=token,
            )

        task.async_val = limit
        task.environment = [*(environment or []), {"BGASYNC_JOB": token}]
        try:
            result = execute(self, *args, **kwargs)
        except AnsibleConnectionFailure:
            launched({})
            raise
        finally:
            task.async_val, task.environment = declared, environment
        launched(result)
        return result

    return _execute_module


def _watched_status(status: Callable[..., Any], events: Writer) -> Callable[..., Any]:
    def run(self: Any, tmp: Any = None, task_vars: Any = None) -> Any:
        result = status(self, tmp, task_vars)
        if self._task.args.get("mode", "status") == "status":
            events.write(
                "job_polled",
                jid=str(self._task.args.get("jid")),
                task_id=str(self._task._uuid),
                host=(task_vars or {}).get("inventory_hostname"),
                finished=bool(result.get("finished")),
                found=result.get("msg") != "could not find job",
                failed=bool(result.get("failed")) or result.get("rc", 0) not in (0, None),
                timed_out=result.get("msg") == "Timeout exceeded" and "child_pid" in result,
            )
        return result

    return run
