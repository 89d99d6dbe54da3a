"""Reads a playbook with all that it includes, in the order in which a play comes to its tasks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode

from pytest_bgasync.audit import files, templates
from pytest_bgasync.audit.model import Block, Book, Entry, Place, Play, Scope, Task, Unread, place
from pytest_bgasync.audit.sources import PARTS, ROLES, STATIC, TASKS, Piece, Sources, why
from pytest_bgasync.audit.tasks import Action, short
from pytest_bgasync.util.yaml_nodes import entries, keys, pairs, text

#: The file of a role that is read in each of its folders where an include says no other.
_MAIN = dict.fromkeys(("tasks", "vars", "defaults", "handlers"), "main")
#: Files that include each other in turn could be read for ever.
MOST_TASKS, MOST_DEEP = 20_000, 100
_FOLDER = re.compile(r"\{\{\s*(playbook_dir|role_path|role_name)\s*\}\}")
#: The name of a role or playbook that is installed from elsewhere.
_INSTALLED = re.compile(r"\w+(\.[\w-]+)+")
_ROLE_KEYWORDS = frozenset({"role", "name", "src", "version", "scm"})
#: Tasks that count each time a handler comes to them, whatever has been registered: they take time, or end nothing.
_COUNTS = frozenset({"pause", "wait_for", "meta"})


@dataclass(frozen=True)
class _Around:
    """What is around the tasks that are read next."""

    play: Play
    scopes: tuple[Scope, ...]
    file: Path
    role: Path | None = None
    blocks: tuple[tuple[Block, str], ...] = ()
    handler: bool = False
    maybe: bool = False
    private: bool = False
    """Whether variables of roles are for the tasks of the role only, as with include_role."""
    within: tuple[Path, ...] = ()
    """The files that are being read, so that one that includes itself is read once."""

    def inside(self, *scopes: Scope, maybe: bool = False) -> _Around:
        return replace(self, scopes=(*self.scopes, *scopes), maybe=self.maybe or maybe)


@dataclass(eq=False)
class _Handler:
    """An entry of a list of handlers, at one of the places where a play may come to it."""

    piece: Piece | None
    """None for a file of handlers that cannot be read."""
    around: _Around
    read_at: int = -1
    """How many tasks there were when it was read here last, or found not to matter."""


@dataclass(frozen=True)
class _Handled:
    """What is known of a handler that has been read once."""

    words: frozenset[str]
    """The words in it, in the conditions around it, and in the variables that these name."""
    counts: bool
    """Whether it counts each time a play comes to it, as a launch does."""


_Handlers = list[_Handler]


def walk(path: Path, sources: Sources) -> Book:
    """Return all that a playbook comes to; notes what was not read, and what cannot be followed.

    Raises OSError and ValueError, NotYaml among them, where the playbook itself cannot be read.
    """
    walker = _Walker(path, sources)
    walker.playbook(path, sources.document(path), (), ())
    walker.inventory()
    return Book(
        path=path,
        tasks=walker.tasks,
        sources=sources,
        unread=tuple(walker.unread),
        unresolved=walker.unresolved,
        prompted=frozenset(walker.prompted),
        exported=frozenset(walker.exported),
        opaque=walker.opaque,
        imported=frozenset(walker.imported),
    )


def imported(path: Path, sources: Sources) -> frozenset[Path]:
    """Return the playbooks that a playbook imports, directly or not."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        here = waiting.pop()
        try:
            nodes = entries(sources.document(here))
        except (OSError, ValueError):
            continue
        for other in filter(None, (_import(here, pairs(node), path) for node in nodes)):
            if (resolved := sources.resolve(other)) not in found:
                found.add(resolved)
                waiting.append(other)
    return frozenset(found)


def _import(path: Path, parts: Mapping[str, tuple[Node, Node]], playbook: Path) -> Path | None:
    """Return the playbook that an entry of a playbook names for import; ``playbook`` is the one that is audited."""
    named = next((parts[key][1] for key in parts if short(key) == "import_playbook"), None)
    return None if named is None else path.parent / _path_of(named, playbook)


def _path_of(node: Node | None, playbook: Path, role: Path | None = None) -> str:
    """Return a name or path, with the folders of the playbook and of the role in the place of their variables."""
    folders = {"playbook_dir": str(playbook.parent)}
    if role is not None:
        folders |= {"role_path": str(role), "role_name": role.name}
    return _FOLDER.sub(lambda found: folders.get(found[1], found[0]), text(node).strip())


class _Walker:
    """Gathers the tasks of one playbook."""

    def __init__(self, path: Path, sources: Sources) -> None:
        self.tasks: list[Task] = []
        self.unread: dict[Unread, None] = {}
        self.unresolved: list[int] = []
        self.prompted: set[str] = set()
        self.exported: set[str] = set()
        self.imported: set[Path] = set()
        self.opaque = False
        self._ended = False
        self._path = path
        self._sources = sources
        self._folders = sources.role_folders(path)
        self._handled: dict[Piece, _Handled] = {}
        self._jobs_at: dict[str, int] = {}
        """The number of the last task that has set each variable with the result of a job."""

    def playbook(self, path: Path, document: Node | None, outer: tuple[Scope, ...], within: tuple[Path, ...]) -> None:
        for node in entries(document):
            parts = pairs(node)
            other = _import(path, parts, self._path)
            if other is None:
                self._play(path, node, outer, within)
                continue
            if not files.is_file(other):
                at = place(path, node)
                installed = _INSTALLED.fullmatch(other.name) and other.suffix not in files.ENDINGS
                if installed and other.parent == path.parent and other.name.count(".") > 1:
                    self._not_installed(at, f"playbook {other.name}")
                else:
                    self._missing(at, str(other), f"playbook {other}")
                continue
            if self._sources.resolve(other) in {*within, self._sources.resolve(path)}:
                self._lost()
                continue
            inside = self._read(other, place(path, node))
            self.imported.add(self._sources.resolve(other))
            scope = _scope(path, node, variables=keys(parts["vars"][1]) if "vars" in parts else {})
            self.playbook(other, inside, (*outer, scope), (*within, self._sources.resolve(path)))

    def _play(self, path: Path, node: Node, outer: tuple[Scope, ...], within: tuple[Path, ...]) -> None:
        parts = keys(node)
        variables = dict(keys(parts.get("vars")))
        for name in entries(parts.get("vars_files")) or [parts[key] for key in ("vars_files",) if key in parts]:
            variables.update(self._variables(path, name))
        for question in entries(parts.get("vars_prompt")):
            self.prompted.add(text(keys(question).get("name")))
        scope = _scope(path, node, variables=variables)
        hosts = parts.get("hosts")
        said = ",".join(map(text, entries(hosts))) or text(hosts)
        around = _Around(Play(path, scope, said), (*outer, scope), path, within=(*within, path))
        first = len(self.tasks)
        handlers = self._listed(path, parts.get("handlers"), around)
        for section in (("pre_tasks",), ("roles", "tasks"), ("post_tasks",)):
            before = len(self.tasks)
            if "roles" in section:
                seen: set[str] = set()
                for role in entries(parts.get("roles")):
                    self._role_entry(role, around, handlers, seen)
            self._list(parts.get(section[-1]), around, handlers)
            if len(self.tasks) > before:
                self._flush(handlers)
        if len(self.tasks) == first:  # handlers of a play without tasks are read, too
            self._flush(handlers)

    def inventory(self) -> None:
        """Note the files of group_vars and host_vars that cannot be read."""
        for file, problem in self._sources.inventory(self._path).problems:
            self.unread[Unread(Place(file, 1, 1), problem)] = None

    def _variables(self, path: Path, node: Node) -> Mapping[str, Node]:
        """Return what a file of vars_files holds; of a list, of which Ansible takes one, that is not known."""
        name, at = _path_of(node, self._path), place(path, node)
        folders = dict.fromkeys([path.parent, self._path.parent])
        file = files.find_file(name, [part for folder in folders for part in (folder / "vars", folder)])
        found = None
        if isinstance(node, ScalarNode) and file is not None:
            try:
                found = self._sources.variables(file)
            except ValueError as error:
                self.unread[Unread(at, str(error))] = None
        elif name and not templates.is_template(name):
            # Often a file of secrets that no repository has.
            problem = f"file {name} of vars_files is not here, so what it sets is not known"
            self.unread[Unread(at, problem, fails=False)] = None
        self.opaque = self.opaque or found is None
        return found or {}

    def _read(self, path: Path, at: Place) -> Node | None:
        """Return the content of a file, None for an empty one and for one that cannot be read, which is noted."""
        try:
            return self._sources.document(path)
        except (OSError, ValueError) as error:
            self._not_read(at, f"{path} cannot be read: {why(error)}")
            return None

    def _not_read(self, at: Place, problem: str) -> None:
        self.unread[Unread(at, problem)] = None
        self._lost()

    def _missing(self, at: Place, name: str, what: str) -> None:
        """Note what Ansible reads before the play begins and what is not there, unless its name is not known."""
        if not name or templates.is_template(name):
            self._lost()
        else:
            self._not_read(at, f"{what} is not there")

    def _is_required(self, name: str, around: _Around) -> bool:
        """Say whether a requirements file wants a role, which may be installed into a folder of its own."""
        wanted = self._sources.required_roles(self._path) | self._sources.required_roles(around.play.file)
        return bool({name, name.rpartition("/")[2]} & wanted)

    def _not_installed(self, at: Place, what: str) -> None:
        self.unread[Unread(at, f"{what} is not installed here and was not read", fails=False)] = None
        self._lost()

    def _end(self, at: Place) -> None:
        """Note, once, that the limit is reached."""
        if not self._ended:
            self._ended = True
            self._not_read(at, f"reading stopped here, after {MOST_TASKS} tasks")

    def _listed(self, file: Path, node: Node | None, around: _Around) -> _Handlers:
        around = replace(around, file=file, handler=True)
        return [_Handler(piece, around) for piece in self._sources.pieces(file, node)]

    def _flush(self, handlers: _Handlers) -> None:
        """Read the handlers that a play comes to: each once, and again where it can have to do with a job."""
        for one in handlers:
            if one.piece is None:
                self._lost()
            elif self._matters(one.piece, one):
                first, lost = len(self.tasks), len(self.unresolved)
                self._entry(one.piece, one.around, handlers=[])
                if one.piece not in self._handled:
                    made = self.tasks[first:]
                    counts = len(self.unresolved) > lost or any(map(_counts, made))
                    self._handled[one.piece] = _Handled(_named(made), counts)
            one.read_at = len(self.tasks)

    def _matters(self, piece: Piece, one: _Handler) -> bool:
        """Say whether a handler is new, counts each time, or may name a job that was launched since."""
        known = self._handled.get(piece)
        if known is None or known.counts:
            return True
        words = known.words.union(*(scope.condition_words for scope in one.around.scopes)) if self._jobs_at else ()
        return any(self._jobs_at.get(word, -2) >= one.read_at for word in words)

    def _list(self, node: Node | None, around: _Around, handlers: _Handlers) -> None:
        for piece in self._sources.pieces(around.file, node):
            if len(self.tasks) >= MOST_TASKS:
                self._end(place(around.file, piece.node))
                return
            self._entry(piece, around, handlers)

    def _entry(self, piece: Piece, around: _Around, handlers: _Handlers) -> None:
        action = piece.action
        if action is None:
            self._block(piece, around, handlers)
            return
        self._task(piece, action, around)
        if action.name in TASKS | ROLES:
            self._include(piece, action, around, handlers)
        elif action.name == "include_vars":
            self.opaque = True
        elif action.name == "meta" and text(action.args.get("_raw_params")).strip() == "flush_handlers":
            self._flush(handlers)

    def _task(self, piece: Piece, action: Action, around: _Around) -> None:
        number = len(self.tasks)
        self._jobs_at.update({name: number for name in piece.sets if piece.has_job or name in self._jobs_at})
        self.tasks.append(
            Task(
                number=number,
                file=around.file,
                node=piece.node,
                name=piece.name,
                action=action.name,
                module=Entry(around.file, action.key, action.value),
                args=action.args,
                play=around.play,
                scopes=(*around.scopes, piece.scope),
                words=piece.words,
                has_job=piece.has_job,
                blocks=around.blocks,
                handler=around.handler,
                maybe=around.maybe or around.handler,
            )
        )

    def _block(self, piece: Piece, around: _Around, handlers: _Handlers) -> None:
        block = None if piece.block is None else replace(piece.block)  # each time that it is reached is another one
        inside = around.inside(piece.scope, maybe=block is not None)
        for part in PARTS:
            blocks = inside.blocks if block is None else (*inside.blocks, (block, part))
            self._list(piece.parts.get(part), replace(inside, blocks=blocks), handlers)

    def _include(self, piece: Piece, action: Action, around: _Around, handlers: _Handlers) -> None:
        own = piece.scope
        looped = any(key == "loop" or key.startswith("with_") for key in piece.parts)
        if action.name in STATIC:
            scopes: tuple[Scope, ...] = (replace(own, params=True),)
        else:
            # Of what an include says, only this is in force for the tasks in it.
            gate = {name: pair for name, pair in own.pairs.items() if name in ("when", "loop", "loop_control")}
            gate |= {name: pair for name, pair in own.pairs.items() if name.startswith("with_")}
            apply = action.args.get("apply")
            given = (
                () if apply is None else (Scope(around.file, own.line, pairs(apply), keys(keys(apply).get("vars"))),)
            )
            scopes = (*given, replace(own, pairs=gate, loop=looped, params=True))
        inside = around.inside(*scopes, maybe=action.name not in STATIC and ("when" in piece.parts or looped))
        at = place(around.file, piece.node)
        if len(around.within) >= MOST_DEEP:
            self._not_read(at, f"includes are nested more than {MOST_DEEP} deep: what this one includes was not read")
        elif action.name in TASKS:
            self._include_tasks(action, inside, handlers, at)
        else:
            self._include_role(action, inside, handlers, at)

    def _include_tasks(self, action: Action, around: _Around, handlers: _Handlers, at: Place) -> None:
        name = _path_of(action.args.get("file") or action.args.get("_raw_params"), self._path, around.role)
        places = [around.file.parent]
        if around.role is not None:
            places += [around.role / ("handlers" if around.handler else "tasks"), around.role]
        places += [self._path.parent, self._path.parent / "tasks"]
        file = self._sources.find_file(name, tuple(places)) if name and "{{" not in name else None
        if file is None and action.name in STATIC:
            self._missing(at, name, f"file {name}")
            return
        if file is None or (resolved := self._sources.resolve(file)) in around.within:
            self._lost()
            return
        within = (*around.within, resolved)
        self._list(self._read(file, at), replace(around, file=file, within=within), handlers)

    def _include_role(self, action: Action, around: _Around, handlers: _Handlers, at: Place) -> None:
        name = _path_of(action.args.get("name") or action.args.get("role"), self._path, around.role)
        stems = {part: text(action.args.get(f"{part}_from")).strip() or "main" for part in _MAIN}
        if action.name not in STATIC and "public" not in action.args:
            around = replace(around, private=True)
        self._role(name, around, handlers, set(), at, stems, static=action.name in STATIC)

    def _role_entry(self, node: Node, around: _Around, handlers: _Handlers, seen: set[str]) -> None:
        parts = keys(node)
        named = node if isinstance(node, ScalarNode) else parts.get("role") or parts.get("name")
        name = _path_of(named, self._path, around.role)
        params = {key: value for key, value in parts.items() if key not in _ROLE_KEYWORDS}
        scope = _scope(around.file, node, variables={**params, **keys(parts.get("vars"))})
        inside = around.inside(replace(scope, params=True)) if isinstance(node, MappingNode) else around
        self._role(name, inside, handlers, seen, place(around.file, node), installed="src" in parts)

    def _role(
        self,
        name: str,
        around: _Around,
        handlers: _Handlers,
        seen: set[str],
        at: Place,
        stems: Mapping[str, str] = _MAIN,
        *,
        static: bool = True,
        installed: bool = False,
    ) -> None:
        beside = (around.role.parent,) if around.role is not None else ()
        folders = dict.fromkeys([*self._sources.role_folders(around.play.file), *self._folders])
        folder = self._sources.find_role(name, (*beside, *folders)) if name and "{{" not in name else None
        if folder is None:
            if not static:
                self._lost()
            elif installed or _INSTALLED.fullmatch(name) or self._is_required(name, around):
                self._not_installed(at, f"role {name}")
            else:
                self._missing(at, name, f"role {name}")
            return
        role, resolved = self._sources.role(folder, stems), self._sources.resolve(folder)
        around = replace(around, role=folder)
        if role.meta is not None and stems["tasks"] == "main" and resolved not in around.within:
            deeper = replace(around, within=(*around.within, resolved), file=role.meta)
            for other in entries(keys(self._read(role.meta, at)).get("dependencies")):
                called = text(other) or text(keys(other).get("role") or keys(other).get("name"))
                if called not in seen or isinstance(other, MappingNode):
                    seen.add(called)
                    self._role_entry(other, deeper, handlers, seen)
        self.opaque = self.opaque or role.opaque
        self.unread.update(dict.fromkeys(Unread(at, problem) for problem in role.problems))
        if not around.private:
            self.exported |= role.scope.variables.keys() | role.scope.defaults.keys()
        inside = around.inside(role.scope)
        if role.handlers is not None:
            lost = len(self.unresolved)
            handlers += self._listed(role.handlers, self._read(role.handlers, at), inside)
            if len(self.unresolved) > lost:
                handlers.append(_Handler(None, inside))
        if role.tasks is None:
            if stems["tasks"] != "main" and static:
                self._missing(at, stems["tasks"], f"file {stems['tasks']} of role {name}")
            elif stems["tasks"] != "main" or files.is_folder(folder / "tasks"):
                self._lost()
            return
        resolved = self._sources.resolve(role.tasks)
        if resolved in around.within:
            self._lost()
            return
        within = (*around.within, resolved)
        self._list(self._read(role.tasks, at), replace(inside, file=role.tasks, within=within), handlers)

    def _lost(self) -> None:
        """Note that something which may hold any tasks is not known."""
        self.unresolved.append(len(self.tasks))


def _counts(task: Task) -> bool:
    """Say whether a handler counts each time it is reached, whatever has been registered since."""
    return task.has_job or task.action in _COUNTS


def _named(tasks: Sequence[Task]) -> frozenset[str]:
    """Return the words in tasks, in the conditions around them, and in the variables that these name."""
    scopes = {id(scope): scope for task in tasks for scope in task.scopes}.values()
    words = set[str]().union(*(task.words for task in tasks), *(scope.condition_words for scope in scopes))
    more = words
    while more:
        said = (scope.variable_words[name] for scope in scopes for name in more & scope.variable_words.keys())
        more = set[str]().union(*said) - words
        words |= more
    return frozenset(words)


def _scope(file: Path, node: Node, variables: Mapping[str, Node]) -> Scope:
    return Scope(file, node.start_mark.line + 1, pairs(node), variables)
