"""Reads each file once for all playbooks of an audit, and keeps what its tasks and roles say."""

from __future__ import annotations

from collections.abc import Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode

from pytest_bgasync.audit import files
from pytest_bgasync.audit.model import Block, Scope
from pytest_bgasync.audit.noqa import silenced
from pytest_bgasync.audit.tasks import Action, action_of
from pytest_bgasync.audit.words import words
from pytest_bgasync.util.yaml_nodes import NotYaml, compose, entries, keys, pairs, text

#: The parts of a block.
PARTS = ("block", "rescue", "always")
#: What includes tasks, what includes a role, and which of them are done before the play begins.
TASKS, ROLES = frozenset({"include_tasks", "import_tasks", "include"}), frozenset({"include_role", "import_role"})
STATIC = frozenset({"import_tasks", "import_role"})
_ENDS = frozenset({"fail", "meta", "assert"})


class Encrypted(ValueError):
    """A file of ansible-vault."""


@dataclass(frozen=True, eq=False)
class Piece:
    """An entry of a list of tasks as it is written, the same wherever the list is used."""

    node: Node
    parts: Mapping[str, Node]
    name: str
    action: Action | None
    """What it does; None for a block, and for what is no task."""
    block: Block | None
    scope: Scope
    words: frozenset[str]
    """All words in it; none for a block, whose tasks have their own."""
    sets: frozenset[str]
    """The variables that it registers or sets."""
    has_job: bool
    """Whether it says anything of a job of its own, or asks for one."""


@dataclass(frozen=True, eq=False)
class Role:
    """The files of a role that an include asks for; None for one that is not there."""

    folder: Path
    meta: Path | None
    tasks: Path | None
    handlers: Path | None
    scope: Scope
    """Its variables and defaults."""
    opaque: bool
    """Whether some of its variables cannot be read."""
    problems: tuple[str, ...] = ()
    """Why, for files that are not encrypted."""


class Sources:
    """The files of a project; what has been read is kept, so that one object must not outlive a change of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._documents: dict[Path, Node | Exception | None] = {}
        self._pieces: dict[tuple[Path, int], tuple[Node, tuple[Piece, ...]]] = {}
        self._roles: dict[tuple[Path, str, str, str, str], Role] = {}
        self._role_folders: dict[tuple[str, tuple[Path, ...]], Path | None] = {}
        self._found: dict[tuple[str, tuple[Path, ...]], Path | None] = {}
        self._resolved: dict[Path, Path] = {}
        self._configurations: dict[Path, ConfigParser] = {}
        self._inventories: dict[Path, files.Inventory] = {}
        self._required: dict[Path, frozenset[str]] = {}
        self._searched: dict[Path, tuple[Path, ...]] = {}
        self._noqa: dict[Path, Mapping[int, frozenset[str]]] = {}

    def document(self, path: Path) -> Node | None:
        """Return the content of a file, None for an empty one; raises OSError and ValueError, NotYaml among them."""
        if path not in self._documents:
            try:
                self._documents[path] = _document(path)
            except (OSError, ValueError) as error:
                self._documents[path] = error
        found = self._documents[path]
        if isinstance(found, Exception):
            raise found
        return found

    def variables(self, path: Path) -> Mapping[str, Node] | None:
        """Return the variables of a file, None where it is encrypted; raises ValueError where it cannot be read."""
        try:
            document = self.document(path)
        except Encrypted:
            return None
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} cannot be read: {why(error)}") from None
        empty = document is None or (isinstance(document, ScalarNode) and document.value in ("", "~", "null"))
        if not empty and not isinstance(document, MappingNode):
            raise ValueError(f"{path} cannot be read: it is no mapping of variables")
        return keys(document)

    def pieces(self, file: Path, node: Node | None) -> tuple[Piece, ...]:
        """Return the entries of a list of tasks in a file."""
        listed = entries(node)
        if not listed or node is None:
            return ()
        key = file, id(node)
        if key not in self._pieces:
            self._pieces[key] = node, tuple(_piece(file, one) for one in listed)  # with the node, whose id is its own
        return self._pieces[key][1]

    def role(self, folder: Path, stems: Mapping[str, str]) -> Role:
        """Return a role with the files whose stems an include names."""
        key = folder, stems["tasks"], stems["vars"], stems["defaults"], stems["handlers"]
        if key not in self._roles:
            problems: list[str] = []
            variables, defaults = (
                self._role_variables(folder / kind, stems[kind], problems) for kind in ("vars", "defaults")
            )
            self._roles[key] = Role(
                folder,
                files.first(folder / "meta", "main"),
                files.first(folder / "tasks", stems["tasks"]),
                files.first(folder / "handlers", stems["handlers"]),
                Scope(folder, 0, {}, variables or {}, defaults or {}),
                variables is None or defaults is None,
                tuple(problems),
            )
        return self._roles[key]

    def _role_variables(self, folder: Path, stem: str, problems: list[str]) -> Mapping[str, Node] | None:
        """Return the variables in a file of a role; None where it cannot be read, or they are in a folder of it."""
        path = files.first(folder, stem)
        if path is None:
            return None if stem != "main" or files.is_folder(folder / stem) else {}
        try:
            return self.variables(path)
        except ValueError as error:
            problems.append(str(error))
            return None

    def find_role(self, name: str, folders: tuple[Path, ...]) -> Path | None:
        """Return the folder of a role."""
        key = name, folders
        if key not in self._role_folders:
            self._role_folders[key] = files.find_role(name, folders)
        return self._role_folders[key]

    def find_file(self, name: str, folders: tuple[Path, ...]) -> Path | None:
        """Return a file that a task names."""
        key = name, folders
        if key not in self._found:
            self._found[key] = files.find_file(name, folders)
        return self._found[key]

    def resolve(self, path: Path) -> Path:
        """Return a path without links."""
        if path not in self._resolved:
            self._resolved[path] = path.resolve()
        return self._resolved[path]

    def configuration(self, playbook: Path) -> ConfigParser:
        """Return what ansible.cfg says for a playbook."""
        folder = playbook.parent
        if folder not in self._configurations:
            self._configurations[folder] = files.configuration(playbook, self.root)
        return self._configurations[folder]

    def inventory(self, playbook: Path) -> files.Inventory:
        """Return what group_vars and host_vars say for a playbook."""
        folder = playbook.parent
        if folder not in self._inventories:
            self._inventories[folder] = files.inventory(playbook, self.root, self.variables)
        return self._inventories[folder]

    def required_roles(self, playbook: Path) -> frozenset[str]:
        """Return the roles that requirements files of a playbook want to be installed."""
        folder = playbook.parent
        if folder not in self._required:
            self._required[folder] = files.required_roles(playbook, self.root, self.document)
        return self._required[folder]

    def role_folders(self, playbook: Path) -> tuple[Path, ...]:
        """Return the folders where the roles of a playbook are looked for."""
        folder = playbook.parent
        if folder not in self._searched:
            self._searched[folder] = tuple(files.role_folders(playbook, self.root))
        return self._searched[folder]

    def silenced(self, file: Path) -> Mapping[int, frozenset[str]]:
        """Return for each line of a file with a noqa the ids it names."""
        if file not in self._noqa:
            self._noqa[file] = silenced(file)
        return self._noqa[file]


def _document(path: Path) -> Node | None:
    content = path.read_text(encoding="utf-8")
    if content.startswith("$ANSIBLE_VAULT"):
        raise Encrypted("it is encrypted")
    return compose(content)


def why(error: OSError | ValueError) -> str:
    """Return why a file cannot be read."""
    if isinstance(error, NotYaml):
        return f"line {error.line}: {error.problem}"
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _piece(file: Path, node: Node) -> Piece:
    parts = keys(node)
    is_block = any(part in parts for part in PARTS)
    action = None if is_block else action_of(node)
    scope = Scope(file, node.start_mark.line + 1, pairs(node), keys(parts.get("vars")))
    sets = {text(parts["register"])} if "register" in parts else set()
    if action is not None and action.name == "set_fact":
        sets |= action.args.keys()
    block = _block(parts) if is_block else None
    said = frozenset[str]() if is_block else words(node)
    has_job = action is not None and (action.name == "async_status" or "async" in parts or "poll" in parts)
    return Piece(node, parts, text(parts.get("name")), action, block, scope, said, frozenset(sets), has_job)


def _block(parts: Mapping[str, Node]) -> Block | None:
    """Return what a block has besides its tasks, None where that is nothing."""
    rescues, always = (bool(entries(parts.get(part))) for part in PARTS[1:])
    if not rescues and not always:
        return None
    return Block(rescues, always, _may_end(parts.get("rescue")) or _may_end(parts.get("always")))


def _may_end(node: Node | None) -> bool:
    """Say whether tasks of a rescue or an always may end the play for a host, as far as they say so themselves."""
    for entry in entries(node):
        parts = keys(entry)
        if any(_may_end(parts.get(part)) for part in PARTS):
            return True
        action = action_of(entry)
        if action is not None and (action.name in _ENDS or action.name in TASKS | ROLES):
            return True
    return False
