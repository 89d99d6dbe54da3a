"""Sees each status of a job, each clean-up and each look at a job file, whichever action or module asks for it.

Ansible's own ``async_status`` action, ``poll`` above 0 and an author's own actions all come to
``_execute_module``. What reads a job file without the module ``async_status`` does no more than look.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from bgasync_controller.actions import GATHERS_FACTS, host, user, whole
from bgasync_controller.events import Writer, name, shown

#: The module that tells the status of a job and removes its file, and the action that runs it.
ASYNC_STATUS = ("async_status", "ansible.builtin.async_status", "ansible.legacy.async_status")
#: What that module says of a job without a file, of which it says "finished", too.
NOT_FOUND = "could not find job"
#: A job id, and what stands before it in a path.
JID = re.compile(r"(/?)\b(j\d+\.\d+)\b")


def install(events: Writer) -> None:
    ActionBase._execute_module = _watched_module(ActionBase._execute_module, events)
    ActionBase._low_level_execute_command = _watched_command(ActionBase._low_level_execute_command, events)


def _watched_module(execute: Callable[..., Any], events: Writer) -> Callable[..., Any]:
    signature = inspect.signature(execute)

    @wraps(execute)
    def _execute_module(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self._task.action in GATHERS_FACTS:
            return execute(self, *args, **kwargs)
        given = signature.bind(self, *args, **kwargs).arguments
        arguments = self._task.args if given.get("module_args") is None else given["module_args"]
        if (given.get("module_name") or self._task.action) in ASYNC_STATUS:
            return _asked(self, arguments, given.get("task_vars"), events, lambda: execute(self, *args, **kwargs))
        named = _named(arguments)
        result = execute(self, *args, **kwargs)
        _looked(self, named, {} if given.get("wrap_async") else result, given.get("task_vars"), events)
        return result

    return _execute_module


def _watched_command(execute: Callable[..., Any], events: Writer) -> Callable[..., Any]:
    @wraps(execute)
    def _low_level_execute_command(self: Any, cmd: Any, *args: Any, **kwargs: Any) -> Any:
        result = execute(self, cmd, *args, **kwargs)
        if self._task.action not in GATHERS_FACTS:
            _looked(self, _named(cmd), {}, None, events)
        return result

    return _low_level_execute_command


def _asked(action: Any, args: Mapping[str, Any], variables: Any, events: Writer, execute: Callable[[], Any]) -> Any:
    """Run the module ``async_status`` and write what it was asked and what it answered."""
    jid = str(args.get("jid") or "") or None
    place = _place(action, jid, variables)
    file = whole(f"{args.get('_async_dir') or '~/.ansible_async'}/{jid}", action) if jid else None
    asks = (args.get("mode") or "status") == "status"

    def polled(result: Mapping[str, Any], *, failed: bool) -> None:
        found = bool(jid) and result.get("msg") != NOT_FOUND
        ended = _end(result)
        # What Ansible's own action was told is in the result of its task.
        tells = found and ended["finished"] and action._task.action not in ASYNC_STATUS and not place["no_log"]
        events.write(
            "job_polled",
            **place,
            results_file=file,
            found=found,
            **{**ended, "failed": failed},
            data=shown(dict(result)) if tells else None,
        )

    try:
        result = execute()
    except Exception as error:  # from 2.19 on of an answer that cannot be read, too
        if asks:
            polled({}, failed=not isinstance(error, AnsibleConnectionFailure))
        raise
    if asks:
        polled(result, failed=_end(result)["failed"])
    elif not result.get("failed"):
        events.write("job_erased", **place, results_file=file)
    return result


def _looked(action: Any, named: dict[str, bool], result: Mapping[str, Any], variables: Any, events: Writer) -> None:
    """Write which jobs a module or command was given, and which one it answered for."""
    answered = str(result.get("ansible_job_id") or "")
    if JID.fullmatch(answered):
        named = {**named, answered: True}
    for jid, file in named.items():
        told = result if jid == answered and result.get("msg") != NOT_FOUND else {}
        place = _place(action, jid, variables)
        data = shown(dict(told)) if told.get("finished") and not place["no_log"] else None
        events.write(
            "job_looked_at",
            **place,
            task=name(action._task),
            action=str(action._task.action),
            file=file,
            **_end(told),
            data=data,
        )


def _place(action: Any, jid: str | None, variables: Any) -> dict[str, Any]:
    return {
        "jid": jid,
        "task_id": str(action._task._uuid),
        "host": host(action, variables),
        "delegate": action._task.delegate_to,
        "user": user(action),
        "no_log": bool(action._task.no_log),
    }


def _end(result: Mapping[str, Any]) -> dict[str, bool]:
    """Return how a job ended, by what was told of it."""
    return {
        "finished": bool(result.get("finished")),
        "failed": bool(result.get("failed")) or result.get("rc", 0) not in (0, None),
        "timed_out": result.get("msg") == "Timeout exceeded" and "child_pid" in result,
    }


def _named(value: Any) -> dict[str, bool]:
    """Return the job ids in arguments or a command, each with whether it stands at the end of a path."""
    found: dict[str, bool] = {}
    for text in _texts(value):
        for match in JID.finditer(text):
            found[match[2]] = found.get(match[2], False) or bool(match[1])
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
