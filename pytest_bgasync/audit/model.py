"""A playbook as the rules see it: its tasks in order, each with all that is in force for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from yaml.nodes import Node, SequenceNode

from pytest_bgasync.audit.words import words

if TYPE_CHECKING:
    from pytest_bgasync.audit.job_graph import Plays
    from pytest_bgasync.audit.sources import Sources


class Severity(StrEnum):
    """How sure a rule can be: an error is wrong, a warning may be meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True)
class Place:
    """A place in a file; line and column count from 1."""

    file: Path
    line: int
    column: int


def place(file: Path, node: Node) -> Place:
    """Return where a node begins."""
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1)


@dataclass(frozen=True)
class Fault:
    """What a rule has found at a place; ``also`` are other lines whose ``# noqa`` counts."""

    place: Place
    problem: str
    also: tuple[int, ...] = ()


@dataclass(frozen=True)
class Finding:
    """A fault with all that is told of it."""

    id: str
    severity: Severity
    place: Place
    problem: str
    cure: str


class Rule(Protocol):
    """A module of ``audit.rules``: it finds one entry of the catalogue.

    ``PROBLEM`` is one line for a table of rules, ``CURE`` is told with each fault.
    """

    ID: str
    SEVERITY: Severity
    PROBLEM: str
    CURE: str

    def find(self, task: Task, plays: Plays, /) -> Iterator[Fault]:
        """Return what is wrong with a task; nothing where that cannot be read off the playbook."""


@dataclass(frozen=True)
class Entry:
    """A keyword as it is written: its own node, its value, and the file they are in."""

    file: Path
    key: Node
    value: Node

    @property
    def place(self) -> Place:
        """Where the keyword stands."""
        return place(self.file, self.key)


@dataclass(frozen=True, eq=False)
class Scope:
    """What holds for all tasks inside: of a play, a role, a block, an include, or a task itself."""

    file: Path
    line: int
    pairs: Mapping[str, tuple[Node, Node]]
    variables: Mapping[str, Node] = field(default_factory=dict)
    """Variables with the precedence of this scope, the next inner scope's come before them."""
    defaults: Mapping[str, Node] = field(default_factory=dict)
    """Defaults of a role, which come after everything else."""
    loop: bool = False
    """Whether this is an include that is run for each item of its loop."""
    params: bool = False
    """Whether its variables come before registered ones, as those of an include do."""

    def entry(self, name: str) -> Entry | None:
        """Return a keyword of this scope."""
        return Entry(self.file, *self.pairs[name]) if name in self.pairs else None

    @cached_property
    def variable_words(self) -> Mapping[str, frozenset[str]]:
        """The words in each of its variables and defaults."""
        said = {name: words(node) for name, node in self.defaults.items()}
        for name, node in self.variables.items():
            said[name] = said.get(name, frozenset()) | words(node)
        return said

    @cached_property
    def condition_words(self) -> frozenset[str]:
        """The words in its condition."""
        return words(self.pairs["when"][1]) if "when" in self.pairs else frozenset()

    @cached_property
    def loop_words(self) -> frozenset[str]:
        """The words in its loops."""
        return words(*(pair[1] for name, pair in self.pairs.items() if name == "loop" or name.startswith("with_")))


@dataclass(frozen=True, eq=False)
class Block:
    """A block that has a rescue or an always; ``final``: its rescue may end the play for the host."""

    rescues: bool
    always: bool
    final: bool


@dataclass(frozen=True, eq=False)
class Play:
    """A play: on which hosts, and in which order of the playbook."""

    file: Path
    scope: Scope
    hosts: str
    """Its hosts as text."""


@dataclass(frozen=True, eq=False)
class Task:
    """A task at one point of a playbook. Scopes are listed from the play to the task itself."""

    number: int
    """Its place in the order in which a play comes to its tasks."""
    file: Path
    node: Node
    name: str
    action: str
    """The module without ``ansible.builtin``."""
    module: Entry
    args: Mapping[str, Node]
    """Its arguments; free-form text is ``_raw_params``."""
    play: Play
    scopes: Sequence[Scope]
    words: frozenset[str]
    """All words in it that could be names of variables."""
    has_job: bool
    """Whether it says anything of a job of its own, or asks for one."""
    blocks: Sequence[tuple[Block, str]] = ()
    """The blocks with rescue or always around it, outermost first, and in which part of each it stands."""
    handler: bool = False
    maybe: bool = False
    """Whether the play may pass it by without registering anything."""

    @property
    def place(self) -> Place:
        """Where it begins."""
        return place(self.file, self.node)

    @property
    def called(self) -> str:
        """What messages call it."""
        return f"task {self.name!r}" if self.name else f"task {self.action} in line {self.place.line}"

    def own(self, name: str) -> Entry | None:
        """Return a keyword that the task itself has."""
        return self.scopes[-1].entry(name)

    def keyword(self, name: str) -> Entry | None:
        """Return a keyword in force: its own, or that of the innermost scope that has it."""
        return next((found for scope in reversed(self.scopes) if (found := scope.entry(name))), None)

    def all(self, name: str) -> list[Entry]:
        """Return what all scopes say for a keyword that adds up, outermost first."""
        return [found for scope in self.scopes if (found := scope.entry(name))]

    def conditions(self) -> list[Entry]:
        """Return all conditions under which it runs, in the order in which Ansible asks them."""
        return [one for entry in self.all("when") for one in split(entry)]

    def fault(self, problem: str, at: Place | None = None) -> Fault:
        """Return a fault of this task, at its own place or another one."""
        return Fault(at or self.place, problem, (self.place.line,) if (at or self.place).file == self.file else ())


@dataclass(frozen=True)
class Unread:
    """What was not read: ``place`` is where it is named."""

    place: Place
    problem: str
    fails: bool = True
    """Whether it is an error; what has yet to be installed is none."""


@dataclass(frozen=True)
class Book:
    """All that a playbook comes to."""

    path: Path
    tasks: Sequence[Task]
    sources: Sources
    """The files that it was read from, with the group_vars and the ansible.cfg that are in force for it."""
    unread: Sequence[Unread] = ()
    unresolved: Sequence[int] = ()
    """The numbers of tasks before which something could not be followed."""
    prompted: frozenset[str] = frozenset()
    """Variables that get their value from a question."""
    exported: frozenset[str] = frozenset()
    """Variables of roles that hold for the other tasks of a play, too."""
    opaque: bool = False
    """Whether there are files of variables that could not be read."""
    imported: frozenset[Path] = frozenset()
    """The other playbooks that it imports."""


def split(entry: Entry) -> list[Entry]:
    """Return each condition of a list of them, or the only one."""
    if isinstance(entry.value, SequenceNode):
        return [Entry(entry.file, one, one) for one in entry.value.value]
    return [entry]
