"""Where Ansible looks for what a playbook names: files of tasks, roles, variables."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from yaml.nodes import Node

from pytest_bgasync.audit.words import words
from pytest_bgasync.util.yaml_nodes import entries, keys, text

ENDINGS = ("", ".yml", ".yaml", ".json")
VAULT = "$ANSIBLE_VAULT"
#: How many files of inventories are read, and how long each may be; with more of them no variable is known.
MOST_FILES, MOST_BYTES = 200, 1_000_000
#: What lies beside an inventory and is read elsewhere, or sets nothing.
_OTHERS = frozenset({"group_vars", "host_vars", "roles", "tasks"})
_WORD = re.compile(r"[A-Za-z_]\w*")


def is_file(path: Path) -> bool:
    """Say whether a file is there, as far as one may look."""
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises where a folder must not be entered


def is_folder(path: Path) -> bool:
    """Say whether a folder is there, as far as one may look."""
    return os.path.isdir(path)  # noqa: PTH112  # as above


def first(folder: Path, name: str) -> Path | None:
    """Return a file of that name, whatever the ending of YAML it has."""
    return next((path for ending in ENDINGS if is_file(path := folder / f"{name}{ending}")), None)


def find_file(name: str, folders: Sequence[Path]) -> Path | None:
    """Return a file that a task names, looked for in each folder in turn."""
    return next((path for folder in folders if is_file(path := folder / name)), None)


def find_role(name: str, folders: Sequence[Path]) -> Path | None:
    """Return the folder of a role."""
    parts = name.split(".")
    for folder in folders:
        # Ansible takes .. for a step up in the name, whether or not the folder before it is there.
        if is_folder(place := Path(os.path.normpath(folder / name))):
            return place
        if len(parts) > 2:  # that of a collection
            inside = (
                folder / "collections" / "ansible_collections" / parts[0] / parts[1] / "roles" / "/".join(parts[2:])
            )
            if is_folder(inside):
                return inside
    return None


def configuration(playbook: Path, root: Path) -> configparser.ConfigParser:
    """Return what the ansible.cfg beside a playbook says, else that of the root."""
    config = configparser.ConfigParser(interpolation=None, strict=False, inline_comment_prefixes=(";",))
    place = next((path for folder in (playbook.parent, root) if is_file(path := folder / "ansible.cfg")), None)
    if place is not None:
        config["DEFAULT"]["here"] = str(place.parent)
        with suppress(configparser.Error, OSError, UnicodeDecodeError):
            config.read(place, encoding="utf-8")
    return config


def _paths(config: configparser.ConfigParser, key: str, separator: str) -> list[Path]:
    """Return the paths that a setting of ansible.cfg lists."""
    names = [name.strip() for name in config.get("defaults", key, fallback="").split(separator)]
    # Path.expanduser raises for a user that is not there.
    return [Path(config["DEFAULT"]["here"], os.path.expanduser(name)) for name in names if name]  # noqa: PTH111


def role_folders(playbook: Path, root: Path) -> list[Path]:
    """Return the folders where the roles of a playbook are looked for."""
    beside = [part for folder in dict.fromkeys([playbook.parent, root]) for part in (folder / "roles", folder)]
    return beside + _paths(configuration(playbook, root), "roles_path", ":")


@dataclass(frozen=True)
class Inventory:
    """What group_vars and host_vars say of each variable, and whether it is said of all hosts.

    ``opaque``: there are files among them that cannot be read. ``problems``: why, for those that are not encrypted.
    ``mentioned``: the words in the inventories themselves, each of which may be the name of a variable of some hosts.
    """

    variables: Mapping[str, Sequence[tuple[bool, Node]]]
    opaque: bool
    problems: Sequence[tuple[Path, str]] = ()
    mentioned: frozenset[str] = frozenset()

    @cached_property
    def variable_words(self) -> Mapping[str, frozenset[str]]:
        """The words in all values of each variable."""
        return {name: words(*(value for _, value in values)) for name, values in self.variables.items()}


def inventory(playbook: Path, root: Path, read: Callable[[Path], Mapping[str, Node] | None]) -> Inventory:
    """Return what is in the files of group_vars and host_vars.

    ``read`` returns None for a file that is encrypted, and raises ValueError for one that cannot be read.
    """
    found: dict[str, list[tuple[bool, Node]]] = {}
    problems: dict[Path, str] = {}
    opaque = False
    for place in _inventories(playbook, root):
        for kind in ("group_vars", "host_vars"):
            for path in sorted((place / kind).rglob("*")):
                inside = path.relative_to(place / kind).parts
                if is_file(path) and path.suffix in ENDINGS and not any(map(_is_passed_over, inside)):
                    everybody = kind == "group_vars" and Path(inside[0]).stem == "all"
                    try:
                        variables = read(path)
                    except ValueError as error:
                        problems[path], variables = str(error), None
                    opaque = opaque or variables is None
                    for name, value in (variables or {}).items():
                        found.setdefault(name, []).append((everybody, value))
    mentioned: set[str] = set()
    for number, path in enumerate(_inventory_files(playbook, root)):
        said = _words_of(path) if number < MOST_FILES else None
        if said is None:
            opaque = True
            break
        mentioned |= said
    return Inventory(found, opaque, tuple(problems.items()), frozenset(mentioned))


def _inventory_files(playbook: Path, root: Path) -> Iterator[Path]:
    """Yield the files of inventories: beside the playbook, in the root, and where ansible.cfg says."""
    near = [
        path for folder in (playbook.parent, root) for kind in ("inventor*", "hosts*") for path in folder.glob(kind)
    ]
    for place in dict.fromkeys([*near, *_paths(configuration(playbook, root), "inventory", ",")]):
        if is_file(place):
            if place != playbook:
                yield place
        elif not playbook.is_relative_to(place):
            for path in place.rglob("*"):
                inside = path.relative_to(place).parts
                if is_file(path) and _OTHERS.isdisjoint(inside) and not any(map(_is_passed_over, inside)):
                    yield path


@lru_cache(maxsize=2 * MOST_FILES)
def _read_words(path: Path, changed: int, size: int) -> frozenset[str] | None:  # noqa: ARG001  # anew when changed
    content = path.read_text(encoding="utf-8", errors="replace") if size <= MOST_BYTES else VAULT
    return None if content.startswith(VAULT) else frozenset(_WORD.findall(content))


def _words_of(path: Path) -> frozenset[str] | None:
    """Return the words in a file; None where it is encrypted, very long, or cannot be read."""
    try:
        status = path.stat()
        return _read_words(path, status.st_mtime_ns, status.st_size)
    except OSError:
        return None


def _is_passed_over(name: str) -> bool:
    """Say whether a file or folder in group_vars is none that Ansible reads."""
    return name.startswith(".") or name.endswith("~") or name == "README"


def required_roles(playbook: Path, root: Path, read: Callable[[Path], Node | None]) -> frozenset[str]:
    """Return the roles that requirements files beside a playbook, and in the root, want to be installed."""
    found: set[str] = set()
    for folder in dict.fromkeys([playbook.parent, root]):
        for path in filter(None, (first(folder / part, "requirements") for part in ("", "roles", "collections"))):
            try:
                document = read(path)
            except (OSError, ValueError):
                continue
            for entry in entries(keys(document).get("roles")) or entries(document):
                parts = keys(entry)
                source = text(parts.get("src")).rpartition("/")[2].removesuffix(".git")
                found |= {text(entry), text(parts.get("name")), text(parts.get("role")), source}
    return frozenset(found)


def _inventories(playbook: Path, root: Path) -> Iterable[Path]:
    """Return the folders that may have group_vars.

    They are beside the playbook, in the root, of inventories there, and where ansible.cfg says.
    """
    found = [playbook.parent, root]
    for folder in (playbook.parent, root):
        for inventories in filter(is_folder, sorted(folder.glob("inventor*"))):
            found += [inventories, *filter(is_folder, sorted(inventories.glob("*")))]
    for path in _paths(configuration(playbook, root), "inventory", ","):
        found.append(path if is_folder(path) else path.parent)
    return dict.fromkeys(found)
