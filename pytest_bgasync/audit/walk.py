"""Reads a playbook with all that it includes, in the order in which a play comes to its tasks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode

from pytest_bgasync.audit import files
from pytest_bgasync.audit.model import Block, Book, Entry, Play, Scope, Task
from pytest_bgasync.audit.tasks import Action, action_of, short
from pytest_bgasync.nodes import compose, entries, keys, pairs, read, text

_PARTS = ("block", "rescue", "always")
_STATIC = {"import_tasks", "import_role"}
_TASKS = {"include_tasks", "import_tasks", "include"}
_ROLES = {"include_role", "import_role"}
#: The file of a role that is read in each of its folders where an include says no other.
_MAIN = dict.fromkeys(("tasks", "vars", "defaults", "handlers"), "main")
_ENDS = {"fail", "meta", "assert"}
#: Files that include each other in turn could be read for ever.
_MOST = 20_000
_FOLDER = re.compile(r"\{\{\s*(playbook_dir|role_path|role_name)\s*\}\}")
_ROLE_KEYWORDS = frozenset({"role", "name", "src", "version", "scm"})


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


def walk(path: Path, root: Path) -> Book:
    """Return all that a playbook comes to; what cannot be followed is noted. Raises OSError and NotYaml."""
    walker = _Walker(path, root)
    walker.playbook(path, compose(path.read_text(encoding="utf-8")), (), ())
    return Book(
        path=path,
        tasks=walker.tasks,
        unresolved=walker.unresolved,
        prompted=frozenset(walker.prompted),
        exported=frozenset(walker.exported),
        opaque=walker.opaque,
        root=root,
        imported=frozenset(walker.imported),
    )


class _Walker:
    """Gathers the tasks of one playbook."""

    def __init__(self, path: Path, root: Path) -> None:
        self.tasks: list[Task] = []
        self.unresolved: list[int] = []
        self.prompted: set[str] = set()
        self.exported: set[str] = set()
        self.imported: set[Path] = set()
        self.opaque = False
        self._path = path
        self._folders = files.role_folders(path, root)

    def playbook(self, path: Path, document: Node | None, outer: tuple[Scope, ...], within: tuple[Path, ...]) -> None:
        for node in entries(document):
            parts = pairs(node)
            name = next((key for key in parts if short(key) == "import_playbook"), None)
            if name is None:
                self._play(path, node, outer, within)
                continue
            other = path.parent / self._path_of(parts[name][1], None)
            inside = read(other) if files.is_file(other) else None
            if inside is None or other.resolve() in {*within, path.resolve()}:
                self._lost()
                continue
            self.imported.add(other.resolve())
            scope = _scope(path, node, variables=keys(parts["vars"][1]) if "vars" in parts else {})
            self.playbook(other, inside, (*outer, scope), (*within, path.resolve()))

    def _play(self, path: Path, node: Node, outer: tuple[Scope, ...], within: tuple[Path, ...]) -> None:
        parts = keys(node)
        variables = dict(keys(parts.get("vars")))
        for name in entries(parts.get("vars_files")) or [parts[key] for key in ("vars_files",) if key in parts]:
            found = None
            if isinstance(name, ScalarNode) and (file := files.find_file(self._path_of(name, None), [path.parent])):
                found = files.variables(file)
            self.opaque = self.opaque or found is None
            variables.update(found or {})
        for question in entries(parts.get("vars_prompt")):
            self.prompted.add(text(keys(question).get("name")))
        scope = _scope(path, node, variables=variables)
        hosts = parts.get("hosts")
        said = ",".join(map(text, entries(hosts))) or text(hosts)
        around = _Around(Play(path, scope, said), (*outer, scope), path, within=(*within, path))
        first = len(self.tasks)
        handlers: list[tuple[Node | None, _Around]] = []
        if "handlers" in parts:
            handlers.append((parts["handlers"], replace(around, handler=True)))
        for section in (("pre_tasks",), ("roles", "tasks"), ("post_tasks",)):
            before = len(self.tasks)
            if "roles" in section:
                seen: set[str] = set()
                for role in entries(parts.get("roles")):
                    self._role_entry(role, around, handlers, seen)
            self._list(parts.get(section[-1]), around, handlers)
            if len(self.tasks) > before:
                self._handlers(handlers)
        if len(self.tasks) == first:  # handlers of a play without tasks are read, too
            self._handlers(handlers)

    def _handlers(self, handlers: list[tuple[Node | None, _Around]]) -> None:
        for listed, around in handlers:
            if listed is None:  # the file of a role that cannot be read
                self._lost()
            self._list(listed, around, handlers=[])

    def _list(self, node: Node | None, around: _Around, handlers: list[tuple[Node | None, _Around]]) -> None:
        for entry in entries(node):
            if len(self.tasks) >= _MOST:
                self._lost()
                return
            self._entry(entry, around, handlers)

    def _entry(self, node: Node, around: _Around, handlers: list[tuple[Node | None, _Around]]) -> None:
        parts = keys(node)
        if any(part in parts for part in _PARTS):
            self._block(node, parts, around, handlers)
            return
        action = action_of(node)
        if action is None:
            return
        own = _scope(around.file, node, variables=keys(parts.get("vars")))
        if action.name in _TASKS | _ROLES:
            self._task(node, action, own, around)
            self._include(parts, action, own, around, handlers)
            return
        if action.name == "include_vars":
            self.opaque = True
        self._task(node, action, own, around)
        if action.name == "meta" and text(action.args.get("_raw_params")).strip() == "flush_handlers":
            self._handlers(handlers)

    def _task(self, node: Node, action: Action, own: Scope, around: _Around) -> None:
        self.tasks.append(
            Task(
                number=len(self.tasks),
                file=around.file,
                node=node,
                name=text(keys(node).get("name")),
                action=action.name,
                module=Entry(around.file, action.key, action.value),
                args=action.args,
                play=around.play,
                scopes=(*around.scopes, own),
                blocks=around.blocks,
                handler=around.handler,
                maybe=around.maybe or around.handler,
            )
        )

    def _block(
        self,
        node: Node,
        parts: Mapping[str, Node],
        around: _Around,
        handlers: list[tuple[Node | None, _Around]],
    ) -> None:
        guarded = any(entries(parts.get(part)) for part in _PARTS[1:])
        inside = around.inside(_scope(around.file, node, variables=keys(parts.get("vars"))), maybe=guarded)
        block = Block(
            rescues=bool(entries(parts.get("rescue"))),
            always=bool(entries(parts.get("always"))),
            final=_may_end(parts.get("rescue")) or _may_end(parts.get("always")),
        )
        for part in _PARTS:
            blocks = (*inside.blocks, (block, part)) if guarded else inside.blocks
            self._list(parts.get(part), replace(inside, blocks=blocks), handlers)

    def _include(
        self,
        parts: Mapping[str, Node],
        action: Action,
        own: Scope,
        around: _Around,
        handlers: list[tuple[Node | None, _Around]],
    ) -> None:
        looped = "loop" in parts or any(key.startswith("with_") for key in parts)
        if action.name in _STATIC:
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
        inside = around.inside(*scopes, maybe=action.name not in _STATIC and ("when" in parts or looped))
        if action.name in _TASKS:
            self._include_tasks(action, inside, handlers)
        else:
            self._include_role(action, inside, handlers)

    def _include_tasks(self, action: Action, around: _Around, handlers: list[tuple[Node | None, _Around]]) -> None:
        name = self._path_of(action.args.get("file") or action.args.get("_raw_params"), around.role)
        places = [around.file.parent]
        if around.role is not None:
            places += [around.role / ("handlers" if around.handler else "tasks"), around.role]
        places += [self._path.parent, self._path.parent / "tasks"]
        file = files.find_file(name, places) if name and "{{" not in name else None
        if file is None or file.resolve() in around.within or (document := read(file)) is None:
            self._lost()
            return
        within = (*around.within, file.resolve())
        self._list(document, replace(around, file=file, within=within), handlers)

    def _include_role(self, action: Action, around: _Around, handlers: list[tuple[Node | None, _Around]]) -> None:
        name = self._path_of(action.args.get("name") or action.args.get("role"), around.role)
        stems = {part: text(action.args.get(f"{part}_from")).strip() or "main" for part in _MAIN}
        if action.name not in _STATIC and "public" not in action.args:
            around = replace(around, private=True)
        self._role(name, around, handlers, set(), stems)

    def _role_entry(
        self, node: Node, around: _Around, handlers: list[tuple[Node | None, _Around]], seen: set[str]
    ) -> None:
        parts = keys(node)
        named = node if isinstance(node, ScalarNode) else parts.get("role") or parts.get("name")
        name = self._path_of(named, around.role)
        params = {key: value for key, value in parts.items() if key not in _ROLE_KEYWORDS}
        scope = _scope(around.file, node, variables={**params, **keys(parts.get("vars"))})
        inside = around.inside(replace(scope, params=True)) if isinstance(node, MappingNode) else around
        self._role(name, inside, handlers, seen)

    def _role(
        self,
        name: str,
        around: _Around,
        handlers: list[tuple[Node | None, _Around]],
        seen: set[str],
        stems: Mapping[str, str] = _MAIN,
    ) -> None:
        beside = [around.role.parent] if around.role is not None else []
        folder = files.find_role(name, [*beside, *self._folders]) if name and "{{" not in name else None
        if folder is None:
            self._lost()
            return
        around = replace(around, role=folder)
        if stems["tasks"] == "main" and folder.resolve() not in around.within:
            deeper = replace(around, within=(*around.within, folder.resolve()))
            meta = files.first(folder / "meta", "main")
            for other in entries(keys(read(meta)).get("dependencies")) if meta else ():
                called = text(other) or text(keys(other).get("role") or keys(other).get("name"))
                if called not in seen or isinstance(other, MappingNode):
                    seen.add(called)
                    place = meta or folder
                    self._role_entry(other, replace(deeper, file=place), handlers, seen)
        variables, defaults = (files.role_variables(folder / kind, stems[kind]) for kind in ("vars", "defaults"))
        self.opaque = self.opaque or variables is None or defaults is None
        if not around.private:
            self.exported |= {*(variables or {}), *(defaults or {})}
        inside = around.inside(Scope(folder, 0, {}, variables or {}, defaults or {}))
        file = files.first(folder / "tasks", stems["tasks"])
        own = files.first(folder / "handlers", stems["handlers"])
        if own is not None:
            handlers.append((read(own), replace(inside, file=own, handler=True)))
        if file is None:
            if stems["tasks"] != "main" or files.is_folder(folder / "tasks"):
                self._lost()
            return
        if file.resolve() in around.within or (document := read(file)) is None:
            self._lost()
            return
        self._list(document, replace(inside, file=file, within=(*around.within, file.resolve())), handlers)

    def _path_of(self, node: Node | None, role: Path | None) -> str:
        """Return a name or path, with the folders of the playbook and of the role in the place of their variables."""
        folders = {"playbook_dir": str(self._path.parent)}
        if role is not None:
            folders |= {"role_path": str(role), "role_name": role.name}
        return _FOLDER.sub(lambda found: folders.get(found[1], found[0]), text(node).strip())

    def _lost(self) -> None:
        """Note that something which may hold any tasks is not known."""
        self.unresolved.append(len(self.tasks))


def _scope(file: Path, node: Node, variables: Mapping[str, Node]) -> Scope:
    return Scope(file, node.start_mark.line + 1, pairs(node), variables)


def _may_end(node: Node | None) -> bool:
    """Say whether tasks of a rescue or an always may end the play for a host, as far as they say so themselves."""
    for entry in entries(node):
        parts = keys(entry)
        if any(_may_end(parts.get(part)) for part in _PARTS):
            return True
        action = action_of(entry)
        if action is not None and (action.name in _ENDS or action.name in _TASKS | _ROLES):
            return True
    return False
