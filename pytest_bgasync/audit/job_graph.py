"""What rules ask of a playbook: which job a status is about, who asks, whether a task is reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from jinja2 import nodes as jinja
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pytest_bgasync.audit import templates
from pytest_bgasync.audit.actions import NO_JOB
from pytest_bgasync.audit.model import Book, Entry, Place, Scope, Task, split
from pytest_bgasync.audit.results import Results
from pytest_bgasync.audit.values import Field, Result
from pytest_bgasync.audit.variables import loop_keys, loop_var, registers
from pytest_bgasync.util.yaml_nodes import scalar, text

#: What Ansible takes when a task has async and no poll, until without retries, and no delay.
POLL, RETRIES, DELAY = 15, 3, 5
#: Tasks that only say something: a job id that they mention is not handed on.
_TELLERS = frozenset({"debug", "assert", "fail", "pause", "async_status"})
#: Where a mention asks nothing of anybody.
_CONDITIONS = frozenset({"when", "until", "failed_when", "changed_when", "name", "register", "loop_control"})
#: With these somebody can ask for a job.
_HANDLES = frozenset({"ansible_job_id", "results_file", "results"})


@dataclass(frozen=True)
class Link:
    """The job that a status asks for: one of these tasks has launched it."""

    launches: tuple[Task, ...]
    result: Result
    """What its job id is taken from."""


class Plays(Results):
    """A playbook with answers to what rules ask of it."""

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self._links: dict[int, tuple[Link, ...]] = {}
        self._never: dict[int, bool] = {}

    def concerns_jobs(self, task: Task) -> bool:
        """Say whether a task has a job, asks for one, or may name the result of one: of others nothing can be said."""
        if task.has_job:
            return True
        words, conditions = self._results_of_jobs
        return not words.isdisjoint(task.words) or any(id(scope) in conditions for scope in task.scopes)

    @cached_property
    def _results_of_jobs(self) -> tuple[set[str], set[int]]:
        """All words that may lead to the result of a job, and the scopes whose conditions have one of them."""
        words = {name for task in self.tasks if task.has_job and (name := registers(task))}
        if not words:
            return words, set()
        scopes = {id(scope): scope for task in self.tasks for scope in task.scopes}
        leading = [pair for scope in scopes.values() for pair in scope.variable_words.items()]
        leading += self.inventory.variable_words.items()
        leading += [(loop_var(scope), scope.loop_words) for scope in scopes.values() if scope.loop]
        more = words
        while more:  # a variable may lead to another one
            more = {name for name, said in leading if name not in words and not words.isdisjoint(said)}
            words |= more
        return words, {key for key, scope in scopes.items() if not words.isdisjoint(scope.condition_words)}

    def limit(self, task: Task) -> float | None:
        """Return the async limit in seconds, 0 for none, None where it is not known."""
        found = self.limits(task)
        return found[0] if len(found) == 1 else None

    def limits(self, task: Task) -> tuple[float, ...]:
        """Return all limits that a job can have, none where they are not known."""
        return (0,) if task.action in NO_JOB else self.numbers(task.own("async"), task, 0)

    def poll(self, task: Task) -> float | None:
        """Return how often a job is polled, in seconds; 0 for never, None where that is not known."""
        found = self.polls(task)
        return found[0] if len(found) == 1 else None

    def polls(self, task: Task) -> tuple[float, ...]:
        """Return all that poll can be, none where that is not known."""
        usual = self.configured("defaults", "poll_interval")
        return self.numbers(task.own("poll"), task, float(usual) if usual and usual.isdigit() else POLL)

    def launches(self, task: Task) -> bool:
        """Say whether a task leaves a job behind that can be asked for; its limit may be unknown."""
        return self.limit(task) != 0 and self.poll(task) == 0 and not self.never_runs(task)

    def never_runs(self, task: Task) -> bool:
        """Say whether a task, or what it is in, has ``when: false``."""
        if task.number not in self._never:
            conditions = map(self.condition, task.conditions())
            self._never[task.number] = any(one == jinja.Const(False) for one in conditions)
        return self._never[task.number]

    def waits(self, task: Task) -> bool:
        """Say whether a task waits for its own job; its limit may be unknown."""
        return self.limit(task) != 0 and bool(self.poll(task))

    def asks(self, task: Task) -> bool:
        """Say whether a task asks for the status of a job."""
        return task.action == "async_status" and self.value(task.args.get("mode"), task) != "cleanup"

    def links(self, task: Task) -> tuple[Link, ...]:
        """Return the jobs that a status asks for, one after the other; none where they cannot be known."""
        if task.number not in self._links:
            self._links[task.number] = ()  # what asks for itself asks for nothing
            self._links[task.number] = tuple(self._linked(task)) if self.asks(task) else ()
        return self._links[task.number]

    def proven(self, task: Task, holds: Callable[[Task], object]) -> Iterator[Task]:
        """Yield, for each job that a status asks for, the last of its launches, if something holds for all of them."""
        for link in self.links(task):
            if all(map(holds, link.launches)):
                yield link.launches[-1]

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
            elif task.action != "async_status" and self.concerns_jobs(task):
                found |= self._handed_on(task)
        jobs, _ = self._results_of_jobs
        saying = [(scope, name) for scope in around.values() for name in scope.variables]
        words: set[str] = set()
        for tree in _trees(
            scope.variables[name] for scope, name in saying if not jobs.isdisjoint(scope.variable_words[name])
        ):
            words |= {word for word in templates.mentioned(tree) & jobs if _hands_on(tree, word)}
        return found | {task.place for task in self.tasks if registers(task) in words}

    def _may_ask(self, task: Task) -> set[Place]:
        """Return what a status may ask for whose job id cannot be followed."""
        words: set[str] = set()
        loops = (scope.pairs[key][1] for scope in task.scopes for key in loop_keys(scope))
        for tree in _trees([task.args["jid"], *loops] if "jid" in task.args else loops):
            words |= templates.mentioned(tree)
        unknown = templates.is_template(text(task.args.get("jid"))) and not words & self.known(task).keys()
        if (unknown or words & {"lookup", "query", "q", "vars", "hostvars"}) and not self.links(task):
            known = {word for word in words if self.known(task).get(word)}
            words = known or set(self.known(task))
        return self._producers(words, task)

    def _producers(self, words: set[str], task: Task) -> set[Place]:
        known = self.known(task)
        return {one.place for word in words for one in known.get(word) or ()}

    def _handed_on(self, task: Task) -> set[Place]:
        """Return the launches whose job id or whole result a task takes, for whatever."""
        if task.action in _TELLERS:
            return set()
        nodes = [*task.args.values()]
        nodes += [value for key, (_, value) in task.scopes[-1].pairs.items() if key not in _CONDITIONS]
        known = self.known(task).keys()
        words = {word for tree in _trees(nodes) for word in templates.mentioned(tree) & known if _hands_on(tree, word)}
        # An action of the author's own may get the name of the variable.
        words |= {text(node) for key, node in task.args.items() if key != "_raw_params"} & known
        return self._producers(words, task)

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


def _hands_on(tree: jinja.Node, word: str) -> bool:
    """Say whether an expression takes a result as a whole, or what a job can be asked for with."""
    looked = (templates.attribute(node) for node in templates.walk(tree))
    harmless = {id(found[0]) for found in looked if found is not None and found[1] not in _HANDLES}
    uses = [node for node in templates.walk(tree) if isinstance(node, jinja.Name) and node.name == word]
    # Without such a variable it is the one of another host, in hostvars.
    return not uses or any(id(node) not in harmless for node in uses)
