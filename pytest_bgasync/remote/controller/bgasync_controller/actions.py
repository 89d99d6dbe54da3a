"""What the parts that watch actions have in common: for whom an action works, as whom and with which paths."""

from __future__ import annotations

from typing import Any

#: The actions that run the modules of facts, side by side as jobs that are not the author's.
GATHERS_FACTS = ("gather_facts", "ansible.builtin.gather_facts", "ansible.legacy.gather_facts")


def host(action: Any, variables: dict[str, Any] | None) -> Any:
    """Return the inventory name of the host that an action works for; an author's action need not pass variables on."""
    known = variables or action._templar.available_variables
    return known.get("inventory_hostname")


def user(action: Any) -> str:
    """Return whom an action works as."""
    become = action._connection.become
    return str(action.get_become_option("become_user") if become else action._get_remote_user())


def whole(path: str | None, action: Any) -> str | None:
    """Return a path on the host as one that does not depend on where it is used: a task begins in its login's home."""
    if path is not None and path.startswith("~/"):
        return f"~{user(action)}{path[1:]}"
    return path if path is None or path.startswith(("/", "~")) else f"~{action._get_remote_user()}/{path}"


def mark_executed(task: Any) -> None:
    """Note that Ansible itself executes a task, as opposed to a copy of it that an author's action runs."""
    task._bgasync_executed = True


def polls(task: Any) -> int:
    """Return the ``poll`` of a task that launches a job: of a copy that an action made, nobody takes notice."""
    return int(task.poll) if getattr(task, "_bgasync_executed", False) else 0
