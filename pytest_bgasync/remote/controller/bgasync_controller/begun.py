"""Tells which tasks have begun: their condition and their arguments were no error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.executor.task_executor import TaskExecutor

from bgasync_controller.actions import mark_executed
from bgasync_controller.events import Writer


def install(events: Writer) -> None:
    # Ansible looks for the action of a task once all that is templated has its value.
    find = TaskExecutor._get_action_handler_with_module_context
    TaskExecutor._get_action_handler_with_module_context = _watched(find, events)


def _watched(find: Callable[..., Any], events: Writer) -> Callable[..., Any]:
    def _get_action_handler_with_module_context(self: Any, *args: Any, **kwargs: Any) -> Any:
        mark_executed(self._task)
        events.write("task_begun", task_id=str(self._task._uuid), host=self._host.get_name())
        return find(self, *args, **kwargs)

    return _get_action_handler_with_module_context
