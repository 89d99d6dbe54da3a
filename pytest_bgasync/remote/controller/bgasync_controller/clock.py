"""Shortens the waits of the controller: retries, poll, pauses. Nothing in the playbook changes."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, tzinfo
from types import ModuleType
from typing import Any

from ansible.executor import task_executor
from ansible.plugins.loader import action_loader


class ScaledTime:
    """Stands in for the module ``time`` where playbook seconds are slept or measured."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._zero = time.time()

    def __getattr__(self, attribute: str) -> Any:
        return getattr(time, attribute)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds * self._scale)

    def time(self) -> float:
        return self._zero + (time.time() - self._zero) / self._scale


class ScaledDatetime:
    """Stands in for the class ``datetime`` where playbook seconds are measured with it."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._zero = datetime.now(UTC)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(datetime, attribute)

    def now(self, tz: tzinfo | None = None) -> datetime:
        scaled = self._zero + (datetime.now(UTC) - self._zero) / self._scale
        return scaled.astimezone(tz) if tz else scaled.astimezone().replace(tzinfo=None)


class ScaledDisplay:
    """Stands in for the display of the pause action, which waits by asking a question."""

    def __init__(self, display: Any, scale: float) -> None:
        self._display = display
        self._scale = scale

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._display, attribute)

    def prompt_until(self, *args: Any, seconds: float | None = None, **kwargs: Any) -> Any:
        if seconds is not None:
            seconds *= self._scale
        return self._display.prompt_until(*args, seconds=seconds, **kwargs)


def install(scale: float) -> None:
    if scale == 1:
        return
    scaled = ScaledTime(scale)
    pause = _module_of("pause")
    waiting = _module_of("wait_for_connection")
    for module in (task_executor, waiting, pause):
        module.time = scaled
    waiting.datetime = ScaledDatetime(scale)
    pause.display = ScaledDisplay(pause.display, scale)


def _module_of(action: str) -> Any:
    module: ModuleType = sys.modules[action_loader.get(f"ansible.legacy.{action}", class_only=True).__module__]
    return module
