"""A limit that ends while the command still waits."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit import shell
from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task
from pytest_bgasync.util.yaml_nodes import entries, text

ID = "BGA040"
SEVERITY = Severity.ERROR
PROBLEM = "async is shorter than the sleep in the command; the job is killed before it does what comes after it"
CURE = "let async last longer than all that the command does, as async: 60 for sleep 2 && reboot"
_SHELLS = {"shell", "command"}


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find commands that sleep longer than their limit, by the sleeps that certainly come in turn."""
    entry = task.own("async")
    longest = max(plays.limits(task), default=0)
    if entry is None or longest <= 0 or task.action not in _SHELLS:
        return
    waited = _waited(task)
    if waited > longest:
        yield task.fault(
            f"{task.called} has async: {longest:g}, and its command sleeps for {waited:g} s: it is killed before that",
            entry.place,
        )


def _waited(task: Task) -> float:
    if "argv" in task.args:
        return shell.slept([text(one) for one in entries(task.args["argv"])])
    script = shell.read(text(task.args.get("_raw_params") or task.args.get("cmd")))
    return 0 if script is None else shell.sleeps(script, operators=task.action == "shell")
