"""Sees the launch of each background job.

A launch gets an environment variable that marks all processes of the job, and the async
limit that is in force for this run. What any other task starts is marked by its task, and by
the shell that began it.
"""

from __future__ import annotations

import math
import posixpath
import re
import shlex
import uuid
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from bgasync_controller.actions import GATHERS_FACTS, host, polls, user, whole
from bgasync_controller.events import Writer, name
from bgasync_controller.gate import Gate

HOST = Path(__file__).parents[2] / "host"
#: What a module begins with that is to stand still.
HOLD = HOST / "hold.py"
#: What async_wrapper begins with, so that it is known when it wrote the job file.
NOTE = HOST / "note.py"


def install(run: dict[str, Any], events: Writer, gate: Gate) -> None:
    ActionBase._execute_module = _watched_launch(ActionBase._execute_module, run, events, gate)
    ActionBase._compute_environment_string = _marked_environment(ActionBase._compute_environment_string)


def limit_in_force(declared: int, names: list[str], run: dict[str, Any]) -> int:
    """Return the limit in whole real seconds; ``declared`` is what the playbook says."""
    limits: dict[str, float] = run["limits"]
    for task in names:
        if task in limits:
            return math.ceil(limits[task])
    scaled: int = math.ceil(declared * run["time_scale"])
    floor: int = run["limit_floor"]
    return max(scaled, min(floor, declared))


def fate_of(
    names: list[str], variables: dict[str, Any], task: Any, run: dict[str, Any], template: Callable[[Any], Any]
) -> dict[str, Any] | None:
    """Return what is to become of the job that is launched for these variables; None if that is left to itself.

    ``template`` fills in variables, as in the label of an item.
    """
    fate: dict[str, Any] | None = run["fate"]
    if fate is None or fate["task"] not in names:
        return None
    if fate["host"] not in (None, variables.get("inventory_hostname")):
        return None
    if fate["item"] is None:
        return fate
    if not task.loop_control:
        return None
    item = variables.get(task.loop_control.loop_var)
    called = [str(item)]
    if task.loop_control.label is not None:
        with suppress(Exception):  # one that cannot be filled in is Ansible's to tell, when the task has ended
            called.append(str(template(task.loop_control.label)))
    return fate if item == fate["item"] or str(fate["item"]) in called else None


def _watched_launch(execute: Callable[..., Any], run: dict[str, Any], events: Writer, gate: Gate) -> Callable[..., Any]:
    def _execute_module(self: Any, *args: Any, **kwargs: Any) -> Any:
        task = self._task
        declared, environment = task.async_val, task.environment
        if not kwargs.get("wrap_async") or not declared or task.action in GATHERS_FACTS:
            return execute(self, *args, **kwargs)
        names, token = [task.name, task.get_name()], uuid.uuid4().hex
        limit = limit_in_force(declared, names, run)
        fate = fate_of(names, kwargs.get("task_vars") or {}, task, run, self._templar.template)
        if fate:
            limit = max(min(limit, fate["most"] or limit), fate["least"])

        def job() -> dict[str, Any]:
            variables = kwargs.get("task_vars") or {}
            loops = bool(task.loop or task.loop_with) and not task.no_log
            return {
                "task_id": str(task._uuid),
                "task": name(task),
                "host": host(self, variables),
                "delegate": task.delegate_to,
                "item": variables.get(task.loop_control.loop_var) if loops else None,
                "user": user(self),
                "limit": declared,
                "limit_wall": limit,
                "poll": polls(task),
                "until": bool(task.until),
                "throttle": int(task.throttle or 0),
                "timeout": float(task.timeout or 0),
                "no_log": bool(task.no_log),
                "token": token,
            }

        def launched(result: dict[str, Any]) -> None:
            events.write(
                "job_launched",
                jid=result.get("ansible_job_id"),
                refused=_refusal(result, hidden=bool(task.no_log)),
                results_file=whole(result.get("results_file"), self),
                **job(),
            )

        send, transfer = self._low_level_execute_command, self._transfer_data

        def change_and_transfer(remote_path: Any, data: Any) -> Any:
            if "async_wrapper" in posixpath.basename(str(remote_path)):
                note = f"{run['notes']}/{token}"
                data = _begun_with(data, f"{NOTE.read_text()}_bgasync_note({note!r})\n")
            elif fate and fate["hold"]:
                data = _begun_with(data, f"{HOLD.read_text()}_bgasync_hold({fate['fails']})\n")
            return transfer(remote_path, data)

        def announce_and_send(cmd: str, *args: Any, **kwargs: Any) -> Any:
            # The answer may never come: from here on there may be a job.
            if (prefix := _file_prefix(cmd, user(self))) is not None:
                events.write("job_launching", file_prefix=whole(prefix, self), **job())
            return send(cmd, *args, **kwargs)

        task.async_val = limit
        task.environment = [*(environment or []), {"BGASYNC_JOB": token}]
        self._low_level_execute_command = announce_and_send
        self._transfer_data = change_and_transfer
        try:
            result = execute(self, *args, **kwargs)
        except AnsibleConnectionFailure:
            launched({})
            raise
        finally:
            del self._low_level_execute_command
            del self._transfer_data
            task.async_val, task.environment = declared, environment
        launched(result)
        if fate and result.get("ansible_job_id"):
            place = job()
            command = task.action.rpartition(".")[2] in ("command", "shell")
            gate.stop(point="launch", token=token, machine=place["delegate"] or place["host"], command=command)
        return result

    return _execute_module


def _marked_environment(compute: Callable[..., str]) -> Callable[..., str]:
    def _compute_environment_string(self: Any, *args: Any, **kwargs: Any) -> str:
        # The shell puts its own pid in: a session with a lower number than that was not made by the task.
        hidden = " BGASYNC_NO_LOG=1" if self._task.no_log else ""
        return f"{compute(self, *args, **kwargs)} BGASYNC_TASK={self._task._uuid} BGASYNC_SHELL=$${hidden}"

    return _compute_environment_string


def _begun_with(data: Any, lines: str) -> Any:
    """Put our lines in front of a module; other files that a launch transfers stay as they are."""
    text = data.decode(errors="surrogateescape") if isinstance(data, bytes) else data
    if not text.startswith("#!") or "\n_ANSIBALLZ_WRAPPER = True" not in text:
        return data
    before, line, after = text.partition("\n_ANSIBALLZ_WRAPPER = True")
    return f"{before}\n{lines}{line}{after}"


def _file_prefix(cmd: str, user: str) -> str | None:
    """Return what the path of a job file begins with if this command launches a job: all but the pid of the launcher.

    The home of the user is for the host to fill in, unless the task's environment says another.
    """
    if "async_wrapper" not in cmd:
        return None
    try:
        words = shlex.split(cmd)
    except ValueError:
        return None
    for number, (word, following) in enumerate(pairwise(words)):
        if "async_wrapper" in word and re.fullmatch(r"j\d+", following):
            environment = dict(pair.split("=", 1) for pair in words[:number] if "=" in pair)
            folder, home = environment.get("ANSIBLE_ASYNC_DIR", "~/.ansible_async"), environment.get("HOME", f"~{user}")
            return f"{home + folder[1:] if folder.startswith('~/') else folder}/{following}."
    return None


def _refusal(result: dict[str, Any], *, hidden: bool) -> str | None:
    """Say why no job was launched on a host that answered; None where there is one, or the host did not answer."""
    if not result or result.get("ansible_job_id") or result.get("unreachable"):
        return None
    return "hidden because of no_log" if hidden else str(result.get("msg") or "the launch failed")
