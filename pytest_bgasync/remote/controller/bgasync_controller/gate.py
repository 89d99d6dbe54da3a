"""Stops a play at exact points until the harness lets it go on.

Each stop is a connection to the harness: one line says where the play stands, one line comes
back. When the harness dies the kernel closes the connection, and nothing hangs.
"""

from __future__ import annotations

import json
import signal
import socket
from typing import Any


class Gate:
    """Where the harness listens; without a path nothing ever stops."""

    def __init__(self, path: str | None, pause_before: list[str]) -> None:
        self._path = path
        self._names = set(pause_before)
        self._once = False
        self._stopped: set[str] = set()

    def play_started(self, strategy: str) -> None:
        # Strategies that let hosts run ahead start a task for each of them: the first one is the point.
        self._once = strategy.rpartition(".")[2] not in ("linear", "debug")
        self._stopped.clear()

    def before_task(self, task: Any) -> None:
        """Stop if a test has asked for it."""
        names, task_id = {str(task.name), str(task.get_name())}, str(task._uuid)
        if self._names & names and not (self._once and task_id in self._stopped):
            self._stopped.add(task_id)
            self.stop(point="task", names=sorted(names), task_id=task_id)

    def stop(self, **place: Any) -> Any:
        """Say where the play stands, wait for the answer and return it; None where there is none.

        The clock of a task's ``timeout`` stands still, too.
        """
        if self._path is None:
            return None
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(self._path)
                connection.sendall(json.dumps(place, default=str).encode() + b"\n")
                with connection.makefile("rb") as answer:
                    return json.loads(answer.readline() or b"null")
        finally:
            signal.setitimer(signal.ITIMER_REAL, left)
