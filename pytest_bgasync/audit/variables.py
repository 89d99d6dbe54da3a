"""What a keyword or variable of a playbook is, as far as that is written down."""

from __future__ import annotations

import copy
from configparser import ConfigParser
from functools import cached_property
from typing import Any

from jinja2 import nodes as jinja
from yaml.nodes import Node

from pytest_bgasync.audit import files, templates
from pytest_bgasync.audit.model import Book, Entry, Scope, Task
from pytest_bgasync.audit.values import UNKNOWN
from pytest_bgasync.nodes import keys, scalar, text

#: Filters of Jinja that numbers are made with.
_NUMBERS = frozenset({"int", "float", "round", "abs", "default", "d", "max", "min", "sum", "length", "count"})
_TRUE = frozenset({"true", "yes", "on", "1", "y", "t", "1.0"})
_FALSE = frozenset({"false", "no", "off", "0", "n", "f", "0.0"})
#: How deep variables may lead to other variables.
DEPTH = 12


class _Cannot(Exception):
    """A number that depends on what is not known."""


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
        try:
            plain = scalar(node)
        except ValueError:
            return UNKNOWN
        if not isinstance(plain, str) or not templates.is_template(plain):
            return plain
        found = templates.expression(plain)
        if found is None:
            return UNKNOWN
        try:
            return self._constant(found, task, 0)
        except _Cannot:
            return UNKNOWN

    def number(self, entry: Entry | None, task: Task, default: float) -> float | None:
        """Return a number, ``default`` where it is not written, None where it is not known."""
        if entry is None:
            return default
        value = self.value(entry.value, task)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        try:
            return float(value)
        except (ValueError, OverflowError):
            return None

    def truth(self, entry: Entry | None, task: Task, *, default: bool = False) -> bool | None:
        """Return what is true or false, ``default`` where it is not written, None where it is not known."""
        if entry is None:
            return default
        value = self.value(entry.value, task)
        word = str(value).lower() if isinstance(value, bool | int | float | str) else ""
        return True if word in _TRUE else False if word in _FALSE else None

    def _constant(self, node: jinja.Expr, task: Task, depth: int) -> Any:
        def filled(inner: jinja.Node) -> jinja.Node:
            if isinstance(inner, jinja.Name):
                return jinja.Const(self._variable_value(inner.name, task, depth))
            # A power could take for ever, and filters that are Ansible's own are not known here.
            if isinstance(inner, jinja.Pow) or (isinstance(inner, jinja.Filter) and inner.name not in _NUMBERS):
                raise _Cannot
            for field, value in inner.iter_fields():
                if isinstance(value, jinja.Node):
                    setattr(inner, field, filled(value))
                elif isinstance(value, list):
                    setattr(inner, field, [filled(one) if isinstance(one, jinja.Node) else one for one in value])
            return inner

        try:
            whole = filled(copy.deepcopy(node))
            return whole.as_const() if isinstance(whole, jinja.Expr) else None
        except (jinja.Impossible, AttributeError, RecursionError):
            raise _Cannot from None

    def _variable_value(self, name: str, task: Task, depth: int) -> Any:
        node = self._variable(name, task)
        if node is None or depth > DEPTH:
            raise _Cannot
        try:
            plain = scalar(node)
        except ValueError:
            raise _Cannot from None
        if not isinstance(plain, str) or not templates.is_template(plain):
            return plain
        found = templates.expression(plain)
        if found is None:
            raise _Cannot
        return self._constant(found, task, depth + 1)

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
        if self.inventory.opaque:
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
        return name in self._set or name in self.book.exported or name in self.inventory.variables

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
