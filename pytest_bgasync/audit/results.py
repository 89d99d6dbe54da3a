"""What an expression of a playbook stands for: which task's result, which key of it."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import nodes as jinja
from yaml.nodes import MappingNode, Node, SequenceNode

from pytest_bgasync.audit import templates
from pytest_bgasync.audit.model import Book, Task
from pytest_bgasync.audit.values import UNKNOWN, Known, Many, Named, Result, Value, look_up, some_of
from pytest_bgasync.audit.variables import DEPTH, Variables, loop_keys, loop_var, registers
from pytest_bgasync.util.yaml_nodes import keys, scalar

#: What makes a list of the same results, and what picks one.
_SAME = frozenset({"list", "sort", "unique", "reverse", "flatten"})
_ONE = frozenset({"first", "last", "random"})
_SOME = frozenset({"select", "reject", "selectattr", "rejectattr"})
_LOOPS = ("loop", "with_items", "with_list", "with_flattened")


class Results(Variables):
    """The results that tasks of a playbook register, followed through its expressions."""

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self._before: list[Mapping[str, tuple[Task, ...] | None]] = []
        known: dict[str, tuple[Task, ...] | None] = {}
        for task in book.tasks:
            self._before.append(known)
            known = _after(task, known)

    def known(self, task: Task) -> Mapping[str, tuple[Task, ...] | None]:
        """Return who may have registered each variable when a task begins; None where it is set otherwise, too."""
        return self._before[task.number]

    def evaluate_node(self, node: Node | None, task: Task, depth: int = 0) -> tuple[Value, ...]:
        """Return what each turn of a loop makes of a value; one value without a loop."""
        if depth > DEPTH or node is None:
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
        if depth > DEPTH:
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
                loops = [scope.pairs[key][1] for key in loop_keys(scope)]
                if loops and name == loop_var(scope):
                    if not any(key in scope.pairs for key in _LOOPS):
                        return (UNKNOWN,)
                    return tuple(i for v in self.evaluate_node(loops[0], task, depth + 1) for i in _items(v))
            if scope.params and name in scope.variables:
                return self.evaluate_node(scope.variables[name], task, depth + 1)
        if own and registers(task) == name:
            return (Result((task,), whole=False),)
        if name in self.known(task):
            producers = self.known(task)[name]
            if not producers:
                return (UNKNOWN,)
            return (Result(producers, whole=all(_has_loop(one) for one in producers)),)
        node = self._variable(name, task)
        return (UNKNOWN,) if node is None else self.evaluate_node(node, task, depth + 1)


def _after(task: Task, known: dict[str, tuple[Task, ...] | None]) -> dict[str, tuple[Task, ...] | None]:
    """Return who has registered what once a task has run."""
    if task.action == "set_fact":
        return {**known, **dict.fromkeys(task.args)}
    name = registers(task)
    if not name or templates.is_template(name):
        return known
    earlier = known.get(name, ()) if task.maybe else ()
    return {**known, name: None if earlier is None else (*earlier, task)}


def _items(value: Value) -> tuple[Value, ...]:
    return value.items if isinstance(value, Many) else (UNKNOWN,)


def _has_loop(task: Task) -> bool:
    return bool(loop_keys(task.scopes[-1]))
