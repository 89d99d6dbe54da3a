"""Where Ansible looks for what a playbook names: files of tasks, roles, variables."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from yaml.nodes import MappingNode, Node

from pytest_bgasync.nodes import compose, keys, pairs, read

_ENDINGS = ("", ".yml", ".yaml", ".json")


def is_file(path: Path) -> bool:
    """Say whether a file is there, as far as one may look."""
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises where a folder must not be entered


def is_folder(path: Path) -> bool:
    """Say whether a folder is there, as far as one may look."""
    return os.path.isdir(path)  # noqa: PTH112  # as above


def first(folder: Path, name: str) -> Path | None:
    """Return a file of that name, whatever the ending of YAML it has."""
    return next((path for ending in _ENDINGS if is_file(path := folder / f"{name}{ending}")), None)


def find_file(name: str, folders: Sequence[Path]) -> Path | None:
    """Return a file that a task names, looked for in each folder in turn."""
    return next((path for folder in folders if is_file(path := folder / name)), None)


def find_role(name: str, folders: Sequence[Path]) -> Path | None:
    """Return the folder of a role."""
    parts = name.split(".")
    for folder in folders:
        if is_folder(folder / name):
            return folder / name
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
        with suppress(configparser.Error, OSError, UnicodeDecodeError):
            config.read(place, encoding="utf-8")
            config["DEFAULT"]["here"] = str(place.parent)
    return config


def role_folders(playbook: Path, root: Path) -> list[Path]:
    """Return the folders where the roles of a playbook are looked for."""
    config = configuration(playbook, root)
    found = [part for folder in dict.fromkeys([playbook.parent, root]) for part in (folder / "roles", folder)]
    for name in config.get("defaults", "roles_path", fallback="").split(":"):
        if name.strip():
            found.append(Path(config["DEFAULT"]["here"]) / Path(name.strip()).expanduser())
    return found


@dataclass(frozen=True)
class Inventory:
    """What group_vars and host_vars say of each variable, and whether it is said of all hosts.

    ``opaque``: there are files among them that cannot be read.
    """

    variables: Mapping[str, Sequence[tuple[bool, Node]]]
    opaque: bool


def inventory(playbook: Path, root: Path) -> Inventory:
    """Return what is in the files of group_vars and host_vars."""
    found: dict[str, list[tuple[bool, Node]]] = {}
    opaque = False
    for place in _inventories(playbook, root):
        for kind in ("group_vars", "host_vars"):
            for path in sorted((place / kind).rglob("*")):
                if is_file(path) and path.suffix in _ENDINGS:
                    inside = path.relative_to(place / kind).parts[0]
                    everybody = kind == "group_vars" and Path(inside).stem == "all"
                    document = read(path)
                    opaque = opaque or document is None
                    for name, (_, value) in pairs(document).items():
                        found.setdefault(name, []).append((everybody, value))
    return Inventory(found, opaque)


def _inventories(playbook: Path, root: Path) -> Iterator[Path]:
    """Yield the folders that may have group_vars: beside the playbook, in the root, and of inventories there."""
    yield from dict.fromkeys([playbook.parent, root])
    for folder in dict.fromkeys([playbook.parent, root]):
        for inventories in sorted(folder.glob("inventor*")):
            if is_folder(inventories):
                yield inventories
                yield from sorted(path for path in inventories.glob("*") if is_folder(path))


def variables(path: Path | None) -> Mapping[str, Node] | None:
    """Return the variables of a file, none without one; None where it cannot be read, as when it is encrypted."""
    if path is None:
        return {}
    try:
        document = compose(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return keys(document) if document is None or isinstance(document, MappingNode) else None
