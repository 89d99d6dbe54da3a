"""As whom, where and in which folder a task has its job, as far as the playbook says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node

from pytest_bgasync.audit import templates
from pytest_bgasync.audit.folding import OMIT
from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Task, split
from pytest_bgasync.audit.tasks import short
from pytest_bgasync.audit.values import UNKNOWN, Known, Many
from pytest_bgasync.util.yaml_nodes import pairs, text

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
#: Commands that take the host down.
ENDS_HOST = frozenset({"reboot", "shutdown", "poweroff", "halt", "kexec"})
_HERE = frozenset({"~/.ansible_async", "$HOME/.ansible_async", "${HOME}/.ansible_async"})
_OTHERS = frozenset({"groups", "hostvars", "play_hosts"})


@dataclass(frozen=True)
class Open:
    """What is known by its text only: the same text is the same, another may be."""

    said: str

    def __str__(self) -> str:
        return self.said


#: None for what nobody has set.
Setting = str | Open | None


def differ(one: Setting, other: Setting) -> bool | None:
    """Say whether two settings differ; None where that is not known."""
    if one == other:
        return False
    return None if isinstance(one, Open) or isinstance(other, Open) else True


def _said(node: Node | None, task: Task, plays: Plays) -> Setting:
    value = plays.value(node, task)
    if value is OMIT:
        return None
    if value is UNKNOWN:
        return Open(text(node) or repr(node))
    return None if value is None else str(value)


def _variable(name: str, task: Task, plays: Plays) -> Setting:
    """Return what a variable is, None where nobody sets it."""
    for scope in reversed(task.scopes):
        if name in scope.variables:
            return _said(scope.variables[name], task, plays)
    return Open(name) if plays.is_set(name) else None


def _set(variable: str, keyword: str, task: Task, plays: Plays) -> Setting:
    """Return what a variable says, and where nobody sets that, a keyword; None where neither is there."""
    found, entry = _variable(variable, task, plays), task.keyword(keyword)
    return _said(entry.value, task, plays) if found is None and entry is not None else found


def user(task: Task, plays: Plays) -> Setting:
    """Return the user of a task's job: a name, what it depends on, or ``the login user``."""
    becomes = _variable("ansible_become", task, plays)
    entry = task.keyword("become")
    if becomes is None and entry is not None:
        truth = plays.truth(entry, task)
        becomes = _said(entry.value, task, plays) if truth is None else str(truth)
    if becomes is None:
        becomes = plays.configured("privilege_escalation", "become")
    if isinstance(becomes, Open):
        return Open(f"{_become_user(task, plays)} where {becomes}")
    if becomes is not None and becomes.lower() in ("true", "yes", "1", "on"):
        return _become_user(task, plays)
    login = _set("ansible_user", "remote_user", task, plays)
    return login or plays.configured("defaults", "remote_user") or "the login user"


def _become_user(task: Task, plays: Plays) -> Setting:
    found = _set("ansible_become_user", "become_user", task, plays)
    return found or plays.configured("privilege_escalation", "become_user") or "root"


def delegate(task: Task, plays: Plays) -> Setting:
    """Return the host that a task is delegated to, None for its own."""
    if short(text(task.module.key)) == "local_action":
        host: Setting = "localhost"
    else:
        entry = task.keyword("delegate_to")
        host = None if entry is None else _said(entry.value, task, plays)
    if isinstance(host, Open):
        found = templates.expression(host.said)
        return None if found is not None and templates.path(found) == "inventory_hostname" else host
    host = "localhost" if host in LOCAL else host
    own = "localhost" if task.play.hosts in LOCAL else task.play.hosts
    return None if host in (own, "") else host


def is_other_host(task: Task, plays: Plays) -> bool:
    """Say whether a task is certainly delegated to another host than its own, for some hosts at least."""
    host = delegate(task, plays)
    if not isinstance(host, Open):
        return host is not None
    found = templates.expression(host.said)
    words = templates.names(found) if found is not None else {""}
    if words == {"item"}:
        items = [one for value in plays.evaluate_node(_loop(task), task) for one in _items(value)]
        loop = templates.expression(text(_loop(task)))
        named = bool(items) and all(isinstance(one, Known) for one in items)
        return named or (loop is not None and _are_others(templates.names(loop)))
    return _are_others(words)


def _are_others(words: set[str]) -> bool:
    return bool(words) and all(word in _OTHERS or word.startswith("ansible_play") for word in words)


def _loop(task: Task) -> Node | None:
    entry = task.own("loop") or task.own("with_items")
    return entry.value if entry is not None else None


def _items(value: object) -> tuple[object, ...]:
    return value.items if isinstance(value, Many) else ()


def folder(task: Task, plays: Plays) -> Setting:
    """Return the folder of a task's job files, None for the usual one."""
    found = _environment("ANSIBLE_ASYNC_DIR", task, plays) or _variable("ansible_async_dir", task, plays)
    found = found or plays.configured("defaults", "async_dir")
    if not isinstance(found, str):
        return found
    found = found.rstrip("/") or "/"
    return None if found in _HERE else found


def _environment(name: str, task: Task, plays: Plays) -> Setting:
    parts = [one for entry in task.all("environment") for one in split(entry)]
    for one in reversed(parts):
        if not isinstance(one.value, MappingNode):
            if text(one.value):
                return Open(text(one.value))
            continue
        given: Mapping[str, tuple[Node, Node]] = pairs(one.value)
        if name in given:
            return _said(given[name][1], task, plays)
    return None


def is_shared(one: Setting, other: Setting) -> bool:
    """Say whether two tasks look into the same folder, whoever their users are."""
    return isinstance(one, str) and one == other and one.startswith("/")
