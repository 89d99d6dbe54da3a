"""The ledger: a file with what the runs of each test did, one JSON object a line (docs/ledger.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_bgasync.util.errors import BgasyncError, UsageProblem

#: Of the contract.
VERSION = 1
#: One line: plain data, so that it passes between processes.
Record = dict[str, Any]


def item_name(item: Any, label: str | None) -> str | None:
    """Return what an item of a loop is called: by its label, or by the item that it is the registered result of.

    Without a label Ansible shows such a result as a whole, with its job id and times.
    """
    if label is not None and label != str(item):
        return label
    while isinstance(item, Mapping) and "ansible_loop_var" in item:
        item = item.get(item["ansible_loop_var"])
    return None if item is None else str(item)


def outcome(phases: Iterable[tuple[str, str, bool]]) -> str:
    """Return how a test ended, by its phases: the name of each, its outcome, and whether a failure was expected."""
    ended = "passed"
    for when, phase, expected in phases:
        if when not in ("setup", "call", "teardown"):
            return "crashed"
        if expected and when == "call":
            ended = "xfailed" if phase == "skipped" else "xpassed"
        elif phase == "skipped":
            ended = "xfailed" if expected else "skipped"
        elif phase == "failed" and ended != "failed":
            ended = "failed" if when == "call" else "error"
    return ended


def plain(record: Mapping[str, Any]) -> str:
    """Return a record as JSON; what that cannot hold is written as text."""
    return json.dumps(record, default=str, skipkeys=True)


def line(record: Mapping[str, Any]) -> str:
    """Return a record as a line of the ledger, without its end."""
    return plain({"v": VERSION, **record})


def read(path: Path) -> Iterator[Record]:
    """Yield the lines of a ledger that are whole; raises UsageProblem for what is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        for number, text in enumerate(lines, 1):
            if not text.endswith("\n"):
                return  # the session was ended while it wrote
            record = json.loads(text)
            if not isinstance(record, dict) or record.get("v") != VERSION:
                raise UsageProblem(
                    f"{path} line {number} is not of a ledger of version {VERSION}:"
                    " name a file that --bgasync-ledger wrote with this release"
                )
            yield record
    except (OSError, ValueError) as error:
        raise UsageProblem(f"{path} cannot be read as a ledger: {error}") from None


class Ledger:
    """A ledger that is being written. Each line is there as soon as it is known, however the session ends."""

    def __init__(self, path: Path) -> None:
        """Begin it anew; raises BgasyncError where that cannot be."""
        try:
            self._stream = path.open("w", encoding="ascii", buffering=1)
        except OSError as error:
            raise BgasyncError(f"--bgasync-ledger: {path} cannot be written: {error.strerror}") from None

    def write(self, record: Mapping[str, Any]) -> None:
        """Add a line."""
        self._stream.write(line(record) + "\n")

    def close(self) -> None:
        """Nothing comes after this."""
        self._stream.close()
