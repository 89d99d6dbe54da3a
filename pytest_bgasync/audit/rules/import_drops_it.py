"""An import with async, poll or register, which Ansible drops."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task

ID = "BGA039"
SEVERITY = Severity.ERROR
PROBLEM = "async, poll and register of import_role and import_tasks are dropped; the tasks inside run in the foreground"
CURE = "write async, poll and register on the tasks inside, or remove them from the import"
_IMPORTS = {"import_role", "import_tasks"}
_DROPPED = ("async", "poll", "register")


def find(task: Task, _: Plays) -> Iterator[Fault]:
    """Find imports that have one of these keywords."""
    found = {name: entry for name in _DROPPED if (entry := task.own(name)) is not None}
    if task.action in _IMPORTS and found:
        first = min(found.values(), key=lambda entry: entry.place)
        yield task.fault(f"{task.called} has {' and '.join(found)}, which {task.action} drops", first.place)
