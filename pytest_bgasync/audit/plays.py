"""What rules ask of a playbook: what a keyword is, which job a status is about, whether a task is reached."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jinja2 import nodes as jinja
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pytest_bgasync.audit import files, templates
from pytest_bgasync.audit.model import Book, Entry, Place, Scope, Task, split
from pytest_bgasync.audit.values import UNKNOWN, Field, Known, Many, Named, Result, Value, look_up, some_of
from pytest_bgasync.nodes import keys, scalar, text

#: What Ansible takes when a task has async and no poll, until without retries, and no delay.
POLL, RETRIES, DELAY = 15, 3, 5
#: Actions that fail when they are given async, in every release.
NO_ASYNC = frozenset({
    "add_host", "assemble", "assert", "async_status", "copy", "debug", "fail", "fetch", "group_by", "include_role",
    "include_tasks", "include_vars", "pause", "raw", "script", "set_fact", "set_stats", "template", "unarchive",
    "validate_argument_spec", "wait_for_connection",
})  # fmt: skip
#: What makes a list of the same results, and what picks one.
_SAME = frozenset({"list", "sort", "unique", "reverse", "flatten"})
_ONE = frozenset({"first", "last", "random"})
_SOME = frozenset({"select", "reject", "selectattr", "rejectattr"})
#: Filters of Jinja that numbers are made with.
_NUMBERS = frozenset({"int", "float", "round", "abs", "default", "d", "max", "min", "sum", "length", "count"})
_TRUE = frozenset({"true", "yes", "on", "1", "y", "t", "1.0"})
_FALSE = frozenset({"false", "no", "off", "0", "n", "f", "0.0"})
_LOOPS = ("loop", "with_items", "with_list", "with_flattened")
#: Tasks that only say something: a job id that they mention is not handed on.
_TELLERS = frozenset({"debug", "assert", "fail", "pause", "async_status"})
#: Where a mention asks nothing of anybody.
_CONDITIONS = frozenset({"when", "until", "failed_when", "changed_when", "name", "register", "loop_control"})
#: With these somebody can ask for a job.
_HANDLES = frozenset({"ansible_job_id", "results_file", "results"})
_DEPTH = 12


@dataclass(frozen=True)
class Link:
    """The job that a status asks for: one of these tasks has launched it."""

    launches: tuple[Task, ...]
    result: Result
    """What its job id is taken from."""


class _Cannot(Exception):
    """A number that depends on what is not known."""


class Plays:
    """A playbook with answers to what rules ask of it."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.tasks = book.tasks
        self._before: list[Mapping[str, tuple[Task, ...] | None]] = []
        known: dict[str, tuple[Task, ...] | None] = {}
        self._set: set[str] = set(book.prompted)
        for task in book.tasks:
            self._before.append(known)
            known = self._after(task, known)
            if task.action == "set_fact":
                self._set.update(task.args)
        self._links: dict[int, tuple[Link, ...]] = {}

    # Values of keywords

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
        except ValueError:
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
        if node is None or depth > _DEPTH:
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
        if name in self._set or name in self._before[task.number] or self.book.opaque or _loops_over(task, name):
            return None
        for scope in reversed(task.scopes):
            if name in scope.variables:
                return scope.variables[name]
        said = self.inventory.get(name, ())
        if said:
            return said[0][1] if len(said) == 1 and said[0][0] else None
        return next((scope.defaults[name] for scope in reversed(task.scopes) if name in scope.defaults), None)

    @cached_property
    def inventory(self) -> Mapping[str, Any]:
        """What group_vars and host_vars say."""
        return files.inventory_variables(self.book.path, self.book.root)

    def is_set(self, name: str) -> bool:
        """Say whether a variable may be set somewhere outside of plays, blocks and tasks."""
        return name in self._set or name in self.inventory

    def configured(self, section: str, key: str) -> str | None:
        """Return a setting of ansible.cfg, None where it does not say."""
        return self._config.get(section, key, fallback=None)

    @cached_property
    def _config(self) -> ConfigParser:
        return files.configuration(self.book.path, self.book.root)

    # Jobs

    def limit(self, task: Task) -> float | None:
        """Return the async limit in seconds, 0 for none, None where it is not known."""
        return 0 if task.action in NO_ASYNC else self.number(task.own("async"), task, 0)

    def poll(self, task: Task) -> float | None:
        """Return how often a job is polled, in seconds; 0 for never, None where that is not known."""
        usual = self.configured("defaults", "poll_interval")
        return self.number(task.own("poll"), task, float(usual) if usual and usual.isdigit() else POLL)

    def launches(self, task: Task) -> bool:
        """Say whether a task leaves a job behind that can be asked for; its limit may be unknown."""
        return self.limit(task) != 0 and self.poll(task) == 0

    def waits(self, task: Task) -> bool:
        """Say whether a task waits for its own job."""
        return bool(self.limit(task)) and bool(self.poll(task))

    def asks(self, task: Task) -> bool:
        """Say whether a task asks for the status of a job."""
        return task.action == "async_status" and self.value(task.args.get("mode"), task) != "cleanup"

    def links(self, task: Task) -> tuple[Link, ...]:
        """Return the jobs that a status asks for, one after the other; none where they cannot be known."""
        if task.number not in self._links:
            self._links[task.number] = ()  # what asks for itself asks for nothing
            self._links[task.number] = tuple(self._linked(task)) if self.asks(task) else ()
        return self._links[task.number]

    def _linked(self, task: Task) -> list[Link]:
        found: list[Link] = []
        for value in self.evaluate_node(task.args.get("jid"), task):
            if not isinstance(value, Field) or value.name != "ansible_job_id":
                return []
            launches: list[Task] = []
            for producer in value.of.producers:
                earlier = [one for link in self.links(producer) for one in link.launches]
                launches += earlier if producer.action == "async_status" else [producer]
            if not launches or not all(one.own("async") or one.own("poll") for one in launches):
                return []
            found.append(Link(tuple(launches), value.of))
        return found

    @cached_property
    def asked(self) -> set[Place]:
        """The launches that somebody asks for, or may ask for because their job id is handed on."""
        found: set[Place] = set()
        around: dict[int, Scope] = {}
        for task in self.tasks:
            around.update((id(scope), scope) for scope in task.scopes[:-1])
            if self.asks(task):
                found |= {one.place for link in self.links(task) for one in link.launches}
                found |= self._may_ask(task)
            elif task.action != "async_status":
                found |= self._handed_on(task)
        words: set[str] = set()
        for tree in _trees(node for scope in around.values() for node in scope.variables.values()):
            words |= {word for word in templates.mentioned(tree) if _hands_on(tree, word)}
        return found | {task.place for task in self.tasks if registers(task) in words}

    def _may_ask(self, task: Task) -> set[Place]:
        """Return what a status may ask for whose job id cannot be followed."""
        words: set[str] = set()
        loops = (scope.pairs[key][1] for scope in task.scopes for key in _loop_keys(scope))
        for tree in _trees([task.args["jid"], *loops] if "jid" in task.args else loops):
            words |= templates.mentioned(tree)
        if words & {"lookup", "query", "q", "vars", "hostvars"} and not self.links(task):
            known = {word for word in words if self._before[task.number].get(word)}
            words = known or set(self._before[task.number])
        return self._producers(words, task)

    def _producers(self, words: set[str], task: Task) -> set[Place]:
        known = self._before[task.number]
        return {one.place for word in words for one in known.get(word) or ()}

    def _handed_on(self, task: Task) -> set[Place]:
        """Return the launches whose job id or whole result a task takes, for whatever."""
        if task.action in _TELLERS:
            return set()
        nodes = [*task.args.values()]
        nodes += [value for key, (_, value) in task.scopes[-1].pairs.items() if key not in _CONDITIONS]
        known = self._before[task.number].keys()
        words = {word for tree in _trees(nodes) for word in templates.mentioned(tree) & known if _hands_on(tree, word)}
        return self._producers(words, task)

    # Expressions

    def evaluate_node(self, node: Node | None, task: Task, depth: int = 0) -> tuple[Value, ...]:
        """Return what each turn of a loop makes of a value; one value without a loop."""
        if depth > _DEPTH or node is None:
            return (UNKNOWN,)
        if isinstance(node, SequenceNode):
            items = [self.evaluate_node(one, task, depth + 1) for one in node.value]
            return (Many(tuple(value for item in items for value in item)),)
        if isinstance(node, MappingNode):
            each = {name: self.evaluate_node(one, task, depth + 1) for name, one in keys(node).items()}
            return (Named({name: values[0] if len(values) == 1 else UNKNOWN for name, values in each.items()}),)
        try:
            plain = scalar(node)
        except ValueError:
            return (UNKNOWN,)
        if not isinstance(plain, str) or not templates.is_template(plain):
            return (Known(plain),)
        found = templates.expression(plain)
        return (UNKNOWN,) if found is None else self.evaluate(found, task, depth=depth + 1)

    def evaluate(self, node: jinja.Node, task: Task, *, own: bool = False, depth: int = 0) -> tuple[Value, ...]:
        """Return what each turn of a loop makes of an expression.

        ``own``: in a condition that is asked after the task, and knows what it has registered.
        """
        if depth > _DEPTH:
            return (UNKNOWN,)

        def inner(other: jinja.Node) -> tuple[Value, ...]:
            return self.evaluate(other, task, own=own, depth=depth + 1)

        if isinstance(node, jinja.Name):
            return self._named(node.name, task, own=own, depth=depth)
        if isinstance(node, jinja.Const):
            return (Known(node.value),)
        if isinstance(node, jinja.List | jinja.Tuple):
            return (Many(tuple(value for one in node.items for value in inner(one))),)
        if isinstance(node, jinja.Getattr):
            return tuple(look_up(value, node.attr) for value in inner(node.node))
        if isinstance(node, jinja.Getitem) and isinstance(node.arg, jinja.Const):
            return tuple(look_up(value, node.arg.value) for value in inner(node.node))
        if isinstance(node, jinja.Add):
            left, right = inner(node.left), inner(node.right)
            if all(isinstance(one, Many) for one in (*left, *right)):
                lists = [one for one in (*left, *right) if isinstance(one, Many)]
                return (Many(tuple(item for one in lists for item in one.items)),)
        if isinstance(node, jinja.Filter) and node.node is not None:
            return self._filtered(node, inner(node.node))
        return (UNKNOWN,)

    @staticmethod
    def _filtered(node: jinja.Filter, values: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.name in ("default", "d", "string", "trim") or node.name in _SAME:
            return values
        if node.name in _SOME:
            return tuple(map(some_of, values))
        if node.name in _ONE:
            return tuple(item for value in values for item in _items(value))
        if node.name == "map" and not node.args:
            wanted = [pair.value for pair in node.kwargs if pair.key == "attribute"]
            if len(wanted) == len(node.kwargs) == 1 and isinstance(wanted[0], jinja.Const):
                key = wanted[0].value
                return tuple(
                    Many(tuple(look_up(item, key) for item in value.items), value.alike)
                    if isinstance(value, Many)
                    else UNKNOWN
                    for value in values
                )
        return (UNKNOWN,)

    def _named(self, name: str, task: Task, *, own: bool, depth: int) -> tuple[Value, ...]:
        for scope in reversed(task.scopes):
            if scope is task.scopes[-1] or scope.loop:
                loops = [scope.pairs[key][1] for key in _loop_keys(scope)]
                if loops and name == _loop_var(scope):
                    if not any(key in scope.pairs for key in _LOOPS):
                        return (UNKNOWN,)
                    return tuple(i for v in self.evaluate_node(loops[0], task, depth + 1) for i in _items(v))
            if scope.params and name in scope.variables:
                return self.evaluate_node(scope.variables[name], task, depth + 1)
        if own and registers(task) == name:
            return (Result((task,), whole=False),)
        if name in self._before[task.number]:
            producers = self._before[task.number][name]
            if not producers:
                return (UNKNOWN,)
            return (Result(producers, whole=all(_has_loop(one) for one in producers)),)
        node = self._variable(name, task)
        return (UNKNOWN,) if node is None else self.evaluate_node(node, task, depth + 1)

    def _after(self, task: Task, known: dict[str, tuple[Task, ...] | None]) -> dict[str, tuple[Task, ...] | None]:
        """Return who has registered what once a task has run."""
        if task.action == "set_fact":
            return {**known, **dict.fromkeys(task.args)}
        name = registers(task)
        if not name or templates.is_template(name):
            return known
        earlier = known.get(name, ()) if task.maybe else ()
        return {**known, name: None if earlier is None else (*earlier, task)}

    # The course of a play

    def same_hosts(self, one: Task, other: Task) -> bool:
        """Say whether two tasks are for the same hosts, as far as their plays say so."""
        return one.play is other.play or one.play.hosts == other.play.hosts

    def survives(self, asking: Task, later: Task) -> bool | None:
        """Say whether a later task is reached when a task has failed; None where that is not known."""
        ignored = self.truth(asking.keyword("ignore_errors"), asking)
        verdicts = asking.own("failed_when")
        never = False if verdicts is None else self._never_fails(verdicts, asking)
        if ignored or never:
            return True
        if ignored is None or never is None or not self.same_hosts(asking, later) or later.handler or asking.handler:
            return None
        between = self.tasks[asking.number + 1 : later.number]
        if any(task.action == "meta" and "clear_host_errors" in text(task.args.get("_raw_params")) for task in between):
            return None
        return self._rescued(asking, later)

    def _never_fails(self, verdicts: Entry, task: Task) -> bool | None:
        said = [self.truth(one, task) for one in split(verdicts)]
        return True if said == [False] else False if said == [] else None

    @staticmethod
    def _rescued(asking: Task, later: Task) -> bool | None:
        parts = {id(block): part for block, part in later.blocks}
        for block, part in reversed(asking.blocks):
            where = parts.get(id(block))
            if where == "always" and part != "always":
                return True
            if part == "block" and block.rescues:
                if where == "block":
                    return False
                return True if where == "rescue" or not block.final else None
        return False

    def condition(self, entry: Entry) -> jinja.Expr | None:
        """Return the expression of a condition, None for what is none."""
        try:
            plain = scalar(entry.value)
        except ValueError:
            return None
        if isinstance(plain, bool | int | float):
            return jinja.Const(plain)
        return templates.condition(plain) if isinstance(plain, str) and plain.strip() else None


def is_launched(result: Result, plays: Plays) -> bool:
    """Say whether a result is that of a launch."""
    return all(plays.launches(one) for one in result.producers)


def of_jobs(result: Result, plays: Plays) -> bool:
    """Say whether a result is that of a launch, of a status, or of a task that waits for its own job."""
    return all(plays.asks(one) or plays.launches(one) or plays.waits(one) for one in result.producers)


def expressions(node: Node | None) -> Iterator[tuple[Node, jinja.Template]]:
    """Yield all templates below a value, with the node that each is in."""
    if isinstance(node, ScalarNode):
        if templates.is_template(node.value) and (tree := templates.parse(node.value)) is not None:
            yield node, tree
    elif isinstance(node, SequenceNode):
        for one in node.value:
            yield from expressions(one)
    elif isinstance(node, MappingNode):
        for _, value in node.value:
            yield from expressions(value)


def _trees(nodes: Iterable[Node]) -> Iterator[jinja.Template]:
    for node in nodes:
        for _, tree in expressions(node):
            yield tree


def registers(task: Task) -> str:
    """Return the variable that a task registers, nothing without one."""
    register = task.own("register")
    return text(register.value) if register is not None else ""


def _items(value: Value) -> tuple[Value, ...]:
    return value.items if isinstance(value, Many) else (UNKNOWN,)


def _loop_keys(scope: Scope) -> list[str]:
    return [key for key in scope.pairs if key == "loop" or key.startswith("with_")]


def _loop_var(scope: Scope) -> str:
    control = scope.entry("loop_control")
    return text(keys(control.value).get("loop_var")) if control and "loop_var" in keys(control.value) else "item"


def _has_loop(task: Task) -> bool:
    return bool(_loop_keys(task.scopes[-1]))


def _loops_over(task: Task, name: str) -> bool:
    loops = [scope for scope in task.scopes if (scope.loop or scope is task.scopes[-1]) and _loop_keys(scope)]
    return name in map(_loop_var, loops)


def _hands_on(tree: jinja.Node, word: str) -> bool:
    """Say whether an expression takes a result as a whole, or what a job can be asked for with."""
    looked = (templates.attribute(node) for node in templates.walk(tree))
    harmless = {id(found[0]) for found in looked if found is not None and found[1] not in _HANDLES}
    uses = [node for node in templates.walk(tree) if isinstance(node, jinja.Name) and node.name == word]
    # Without such a variable it is the one of another host, in hostvars.
    return not uses or any(id(node) not in harmless for node in uses)
