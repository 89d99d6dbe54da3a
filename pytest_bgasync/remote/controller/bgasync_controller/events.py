"""Writes events, one JSON object a line. docs/events.md is the contract."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

VERSION = 1
#: The clock that starts when a machine boots and that nobody sets.
BOOT_TIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
#: Characters of an event up to which it is written whole, and how many of each end of a longer text or list are.
WHOLE, END = 32 << 20, 1 << 16
#: How deep in an event all entries of an object are written: its own fields, and those of a result.
FIELDS = 2


class Writer:
    """Appends events to a file.

    Each event is one write to a file opened for appending, so that the workers of a run
    can share it.
    """

    def __init__(self, path: str, booted: float | None = None) -> None:
        """``booted`` is when this machine booted, in seconds since the Unix epoch; by default as the wall clock says.

        The time of an event is that and the time since, which no step of the wall clock changes.
        """
        self._booted = time.time() - time.clock_gettime(BOOT_TIME) if booted is None else booted
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, event: str, **fields: Any) -> None:
        entry = {"v": VERSION, "event": event, "at": self._booted + time.clock_gettime(BOOT_TIME), **fields}
        entry = entry if _left(entry, WHOLE) > 0 else _cut(entry)
        line = json.dumps(entry, default=str, skipkeys=True) + "\n"
        os.write(self._fd, line.encode("ascii"))

    def playbook_loaded(self, playbook: Any) -> None:
        """Write the names of all tasks that are known before anything is run."""
        plays = playbook.get_plays()
        found = [task for play in plays for block in _blocks(play) for task in _tasks(block)]
        tasks = [task for task in found if not str(task.action).endswith("meta")]
        # What a dynamic include brings, and what a templated name becomes, shows only when it is reached.
        dynamic = any("include" in str(task.action) or "{{" in name(task) for task in tasks)
        known = {text for task in tasks for text in (name(task), str(task.get_name()))}  # a name may be a number
        files = {str(task.get_path()).rpartition(":")[0] for task in tasks}
        self.write("playbook_loaded", tasks=sorted(known), files=sorted(files), complete=not dynamic)

    def task_started(self, task: Any, *, handler: bool) -> None:
        self.write(
            "task_started",
            task_id=str(task._uuid),
            task=name(task),
            full_name=str(task.get_name()),
            action=str(task.action),
            path=task.get_path(),
            handler=handler,
            part=_part(task),
            limit=task.async_val,
            cleanup=task.args.get("mode") == "cleanup",
        )

    def result(self, event: str, result: Any, status: str, *, ignored: bool = False) -> None:
        task, data = result._task, dict(result._result)
        hidden = "censored" in data  # Ansible has put this in the place of a no_log result
        if event == "item_result":
            item = data.get(data.get("ansible_loop_var", "item"))
            label = data.get("_ansible_item_label")
            place = {"item": None if hidden else item, "label": None if label is None else str(label)}
        else:
            # A module may have results of its own; of a hidden loop only the task itself tells that it was one.
            looped = bool(task.loop or task.loop_with)
            place = {"loop": looped and (bool(data.pop("results", None)) or hidden)}
        self.write(
            event,
            task_id=str(task._uuid),
            task=name(task),
            host=result._host.get_name(),
            status="changed" if status == "ok" and data.get("changed") else status,
            ignored=bool(ignored),
            hidden=hidden,
            data=shown(data),
            **place,
        )

    def retried(self, result: Any) -> None:
        task, data = result._task, dict(result._result)
        self.write(
            "task_retried",
            task_id=str(task._uuid),
            task=name(task),
            host=result._host.get_name(),
            hidden="censored" in data,
            data=shown(data),
        )


def shown(data: dict[str, Any]) -> dict[str, Any]:
    """Return a result without what Ansible keeps to itself."""
    return {k: v for k, v in data.items() if not str(k).startswith("_ansible_") and k != "invocation"}


def _left(value: Any, most: int) -> int:
    """Return how many of ``most`` characters a value leaves, nothing or less if it has more."""
    if isinstance(value, str | bytes):
        return most - len(value)
    if isinstance(value, dict):
        value = [part for pair in value.items() for part in pair]
    if isinstance(value, list | tuple):
        for part in value:
            if most <= 0:
                break
            most = _left(part, most)
    return most - 4


def _cut(value: Any, depth: int = 0) -> Any:
    """Return a value of which long texts and lists are cut to their ends, with a note between them."""
    if isinstance(value, str):
        middle = len(value) - 2 * END
        return value if middle <= 0 else f"{value[:END]}{_note(middle, 'characters')}{value[-END:]}"
    if isinstance(value, list | tuple):
        first, last = _ends(value)
        between = [] if first == last else [_note(last - first, "items")]
        return [_cut(part, depth + 1) for part in [*value[:first], *between, *value[last:]]]
    if isinstance(value, dict):
        entries = list(value.items())
        first, last = _ends(entries) if depth >= FIELDS else (len(entries),) * 2
        kept = [*entries[:first], *entries[last:]]
        if first < last:
            kept.insert(first, (_note(last - first, "entries"), None))
        return {name: _cut(part, depth + 1) for name, part in kept}
    return value


def _ends(parts: Any) -> tuple[int, int]:
    """Return where what is kept of the beginning of a list ends, and where that of its end begins."""
    first, last, room = 0, len(parts), END
    while first < last and room > 0:
        room -= END - max(0, _left(parts[first], END))
        first += 1
    room = END
    while first < last and room > 0:
        room -= END - max(0, _left(parts[last - 1], END))
        last -= 1
    return first, last


def _note(count: int, what: str) -> str:
    return f"[... {count:,} {what} cut by pytest-bgasync ...]"


def _blocks(play: Any) -> list[Any]:
    return [
        *play.compile(),
        *play.handlers,
        *(block for role in play.get_roles() for block in role.get_handler_blocks(play)),
    ]


def _tasks(block: Any) -> Iterator[Any]:
    for part in (*block.block, *block.rescue, *block.always):
        if hasattr(part, "block"):
            yield from _tasks(part)
        else:
            yield part


def _part(task: Any) -> str | None:
    """Return which part of a block brought the play to a task, "rescue" or "always", of the nearest that has one."""
    inner, outer = task, getattr(task, "_parent", None)
    while outer is not None:
        for part in ("rescue", "always"):
            # By their ids: what runs is a copy of what the block holds.
            if any(one._uuid == inner._uuid for one in getattr(outer, part, ())):
                return part
        inner, outer = outer, getattr(outer, "_parent", None)
    return None


def name(task: Any) -> str:
    """Return the task's name without its role, or its action when it has none."""
    return str(task.name or task.action)
