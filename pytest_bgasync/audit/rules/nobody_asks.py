"""A job whose result nobody asks for."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit import shell
from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task
from pytest_bgasync.audit.settings import ENDS_HOST
from pytest_bgasync.audit.variables import registers
from pytest_bgasync.util.yaml_nodes import text

ID = "BGA015"
SEVERITY = Severity.WARNING
PROBLEM = "nobody asks for the result of a job"
CURE = "register it and ask with async_status until it is finished; if it is left behind on purpose, add # noqa: BGA015"


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find launches that no status is about, and whose job id is not handed on to anybody."""
    if not plays.limit(task) or not plays.launches(task) or _ends_the_host(task):
        return
    name = registers(task)
    if not name:
        yield task.fault(f"{task.called} launches a job and registers nothing to ask for it with")
    elif task.place not in plays.asked and not any(lost > task.number for lost in plays.book.unresolved):
        yield task.fault(f"{task.called} launches a job, and no status asks for {name}")


def _ends_the_host(task: Task) -> bool:
    """Say whether the host goes down with the job, so that nobody can ask."""
    script = shell.read(text(task.args.get("_raw_params") or task.args.get("cmd")))
    return script is not None and not ENDS_HOST.isdisjoint(shell.names(script.words))
