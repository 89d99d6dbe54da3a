"""What is to be run, and how: all that distinguishes one run of a playbook from another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_bgasync.jobs.host_snapshot import NOTES
from pytest_bgasync.jobs.job import Job
from pytest_bgasync.runs.forced_outcome import Fates
from pytest_bgasync.util.clock import BOOTED, LIMIT_FLOOR, Clock
from pytest_bgasync.util.errors import BgasyncError
from pytest_bgasync.util.names import LOCAL_NAMES
from pytest_bgasync.util.progress import Narrator


@dataclass(frozen=True)
class Order:
    """One run to be."""

    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    folder: Path
    """Where the run keeps its files; no other run does."""
    playbook: str
    """What messages call the playbook."""
    path: Path | None
    """Where it is; None for one that was given as text."""
    options: Mapping[str, Any]
    """What its run was given besides; of variables and the environment only the names, which are no secret."""
    hosts: Sequence[str]
    """The names of the scenario's hosts, without localhost."""
    limit: str | None
    """The pattern of hosts it was limited to, for messages."""
    connections: Mapping[str, Mapping[str, Any]]
    """For each name by which a task reaches a host that is up, its connection variables."""
    waiting: Mapping[str, Mapping[str, Any]]
    """For each name by which a task reaches a host that is not up, what its variables are until then."""
    start: Callable[[Sequence[str]], tuple[Mapping[str, Mapping[str, Any]], BgasyncError | None]]
    """Lets hosts be up; returns the connection variables for each of their names, and why some are not up."""
    limits: Mapping[str, float]
    pause_before: Sequence[str]
    """The tasks before which it stops until it is told to go on."""
    fates: Fates | None
    """What is to become of the jobs of a task."""
    earlier: Sequence[Job]
    """The jobs of runs before this one on the same hosts."""
    deadline: float
    """Real seconds."""
    clock: Clock
    payloads: Path | None = None
    """Where runs share what Ansible finds out about its modules; None where each finds it out anew."""
    narrator: Narrator = field(default_factory=Narrator)
    """Is told what takes long."""

    def contract(self, events: Path, gate: Path | None) -> dict[str, Any]:
        """Return what the callback in ansible-playbook is told, as JSON can hold it.

        ``events`` is the file for its events, ``gate`` the socket at which it may stop.
        """
        return {
            "events": str(events),
            "booted": BOOTED,
            "notes": NOTES,
            "time_scale": self.clock.scale,
            "limit_floor": LIMIT_FLOOR,
            "limits": dict(self.limits),
            "connections": {name: dict(variables) for name, variables in self.connections.items()},
            "waiting": {name: dict(variables) for name, variables in self.waiting.items()},
            "local_names": list(LOCAL_NAMES),
            "payloads": str(self.payloads) if self.payloads else None,
            "gate": str(gate) if gate else None,
            "pause_before": list(self.pause_before),
            "fate": self.fates.contract() if self.fates else None,
        }
