"""A process started with ``&`` that ends with the session, and a slip in a redirection."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.audit import shell
from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task, place
from pytest_bgasync.audit.settings import ENDS_HOST
from pytest_bgasync.util.yaml_nodes import text

ID = "BGA030"
SEVERITY = Severity.ERROR
PROBLEM = "a process started with & ends with the session; 2&>1 is a slip for 2>&1"
CURE = "start it with setsid or nohup and redirect its streams: setsid nohup COMMAND > LOG 2>&1 < /dev/null &"
#: What takes a process out of the session, or out of the reach of its end.
_KEPT = frozenset({
    "nohup", "setsid", "systemd-run", "start-stop-daemon", "daemonize", "daemon", "screen", "tmux", "at", "batch",
    "disown", "trap", "docker", "podman",
})  # fmt: skip


def find(task: Task, plays: Plays) -> Iterator[Fault]:
    """Find them in the text of shell tasks; what is quoted is not looked into."""
    if task.action not in ("shell", "raw") or not _is_shell(text(task.args.get("executable"))):
        return
    node = task.args.get("_raw_params") or task.args.get("cmd")
    script = shell.read(text(node)) if node is not None else None
    if script is None or node is None:
        return
    if script.slip:
        yield task.fault(
            f"{task.called} redirects with 2&>1, which sends its output to a file called 1", place(task.file, node)
        )
    if {"wait", "disown", "trap", "kill", "fg"} & shell.names(script.words):
        return
    for words in script.background:
        if not shell.names(words) & (_KEPT | ENDS_HOST):
            # A job has a session of its own, and does not wait for what it leaves in it.
            ends = "may end with the session" if plays.limit(task) == 0 else "its job does not answer for"
            what = f"{task.called} starts a process with & that {ends}: {script.shown(words)[:60]}"
            yield task.fault(what, place(task.file, node))


def _is_shell(executable: str) -> bool:
    return not executable or executable.rpartition("/")[2].endswith("sh")
