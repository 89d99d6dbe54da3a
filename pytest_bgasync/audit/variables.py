"""What a keyword or variable of a playbook is, as far as that is written down."""

from __future__ import annotations

from collections.abc import Sequence
from configparser import ConfigParser
from functools import cached_property
from typing import Any

from yaml.nodes import Node

from pytest_bgasync.audit import files, templates
from pytest_bgasync.audit.folding import OMIT, outcomes, undefined
from pytest_bgasync.audit.model import Book, Entry, Scope, Task
from pytest_bgasync.audit.values import UNKNOWN
from pytest_bgasync.util.yaml_nodes import keys, scalar, text

#: Variables that Ansible sets itself, beside those that begin with ``ansible_``.
_MAGIC = frozenset({
    "environment", "group_names", "groups", "hostvars", "inventory_dir", "inventory_file", "inventory_hostname",
    "inventory_hostname_short", "item", "play_hosts", "playbook_dir", "role_name", "role_names", "role_path", "vars",
})  # fmt: skip
#: How deep variables may lead to other variables.
DEPTH = 12


class Variables:
    """The keywords and variables of a playbook.

    ``registered`` are the variables that tasks have registered before each task.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self.tasks = book.tasks
        self._set = {*book.prompted, *(name for task in book.tasks if task.action == "set_fact" for name in task.args)}
        self._registered = {registers(task) for task in book.tasks}

    def value(self, node: Node | None, task: Task) -> Any:
        """Return what a scalar stands for, UNKNOWN where that is not known before the run."""
        found = self.values(node, task)
        return found[0] if len(found) == 1 else UNKNOWN

    def values(self, node: Node | None, task: Task, depth: int = 0) -> tuple[Any, ...]:
        """Return all that a scalar can stand for: several where conditions are not known, none where it is unknown."""
        try:
            plain = scalar(node)
        except ValueError:
            return ()
        if not isinstance(plain, str) or not templates.is_template(plain):
            return (plain,)
        found = templates.expression(plain)
        return () if found is None else outcomes(found, lambda name: self._variable_values(name, task, depth))

    def numbers(self, entry: Entry | None, task: Task, default: float) -> tuple[float, ...]:
        """Return all numbers that a keyword can be, ``default`` where it is not written, none where it is unknown."""
        if entry is None:
            return (default,)
        found: list[float] = []
        for value in self.values(entry.value, task):
            if value is OMIT:
                found.append(default)
                continue
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                return ()
            try:
                found.append(float(value))
            except (ValueError, OverflowError):
                return ()
        return tuple(dict.fromkeys(found))

    def number(self, entry: Entry | None, task: Task, default: float) -> float | None:
        """Return a number, ``default`` where it is not written, None where it is not known."""
        found = self.numbers(entry, task, default)
        return found[0] if len(found) == 1 else None

    def truth(self, entry: Entry | None, task: Task, *, default: bool = False) -> bool | None:
        """Return what is true or false, ``default`` where it is not written, None where it is not known."""
        if entry is None:
            return default
        value = self.value(entry.value, task)
        if value is OMIT:
            return default
        word = str(value).lower() if isinstance(value, bool | int | float | str) else ""
        return True if word in templates.TRUE else False if word in templates.FALSE else None

    def _variable_values(self, name: str, task: Task, depth: int) -> Sequence[Any]:
        found = self._variable(name, task)
        if found is not None:
            return () if depth > DEPTH else self.values(found, task, depth + 1)
        return [undefined(name)] if self._is_undefined(name, task) else ()

    def _is_undefined(self, name: str, task: Task) -> bool:
        """Say whether nothing that is written down sets a variable, so that its ``default`` is in force."""
        if name in _MAGIC or name.startswith("ansible_") or loops_over(task, name):
            return False
        if self.book.opaque or self.inventory.opaque or name in self._scoped or name in self._registered:
            return False
        return not self.is_set(name)

    @cached_property
    def _scoped(self) -> frozenset[str]:
        """The variables that any play, role, block or task sets for what is inside of it."""
        scopes = {id(scope): scope for task in self.tasks for scope in task.scopes}
        return frozenset(name for scope in scopes.values() for name in (*scope.variables, *scope.defaults))

    def _variable(self, name: str, task: Task) -> Node | None:
        """Return what a variable is set to, None where that is not known."""
        for scope in reversed(task.scopes):
            if scope.params and name in scope.variables:
                return scope.variables[name]
        if name in self._set or name in self._registered or self.book.opaque or loops_over(task, name):
            return None
        for scope in reversed(task.scopes):
            if name in scope.variables:
                return scope.variables[name]
        if self.inventory.opaque or name in self.inventory.mentioned:
            return None
        said = self.inventory.variables.get(name, ())
        if said:
            return said[0][1] if len(said) == 1 and said[0][0] else None
        return next((scope.defaults[name] for scope in reversed(task.scopes) if name in scope.defaults), None)

    @cached_property
    def inventory(self) -> files.Inventory:
        """What group_vars and host_vars say."""
        return self.book.sources.inventory(self.book.path)

    def is_set(self, name: str) -> bool:
        """Say whether a variable may be set somewhere outside of the plays, blocks and tasks around a task."""
        inventory = self.inventory
        return name in {*self._set, *self.book.exported} or name in inventory.variables or name in inventory.mentioned

    def configured(self, section: str, key: str) -> str | None:
        """Return a setting of ansible.cfg, None where it does not say."""
        return self._config.get(section, key, fallback=None)

    @cached_property
    def _config(self) -> ConfigParser:
        return self.book.sources.configuration(self.book.path)


def registers(task: Task) -> str:
    """Return the variable that a task registers, nothing without one."""
    register = task.own("register")
    return text(register.value) if register is not None else ""


def loop_keys(scope: Scope) -> list[str]:
    return [key for key in scope.pairs if key == "loop" or key.startswith("with_")]


def loop_var(scope: Scope) -> str:
    control = scope.entry("loop_control")
    return text(keys(control.value).get("loop_var")) if control and "loop_var" in keys(control.value) else "item"


def loops_over(task: Task, name: str) -> bool:
    loops = [scope for scope in task.scopes if (scope.loop or scope is task.scopes[-1]) and loop_keys(scope)]
    return name in map(loop_var, loops)
