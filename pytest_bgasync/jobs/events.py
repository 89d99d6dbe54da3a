"""Reads what the callback wrote. docs/events.md is the contract; unknown events and fields are passed over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_bgasync.util.errors import AnsibleProblem

VERSION = 1

Event = Mapping[str, Any]


def read_events(path: Path) -> list[Event]:
    """Return the events written so far; a line that is still being written is not one yet."""
    if not path.exists():
        return []
    try:
        with path.open(encoding="ascii", newline="\n") as lines:
            events: list[Event] = [json.loads(line) for line in lines if line.endswith("\n")]
    except ValueError as error:
        raise AnsibleProblem(f"the events of this run in {path} cannot be read: {error}") from None
    if any(event.get("v") != VERSION for event in events):
        raise AnsibleProblem(
            f"the events of this run are of another version than {VERSION}:"
            " the callback and the plugin come from different releases, reinstall pytest-bgasync"
        )
    return events
