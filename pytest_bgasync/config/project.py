"""The settings of a project as pytest would read them, for the command, which has no pytest."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import iniconfig

from pytest_bgasync.config.settings import INI_KEYS, Settings, parse_settings
from pytest_bgasync.util.errors import UsageProblem

#: Where pytest looks, in this order, with the sections that make a file one of its own; in some any content does.
_FILES = {
    "pytest.toml": ("pytest",), ".pytest.toml": ("pytest",), "pytest.ini": ("pytest",), ".pytest.ini": ("pytest",),
    "pyproject.toml": ("tool.pytest.ini_options", "tool.pytest"), "tox.ini": ("pytest",), "setup.cfg": ("tool:pytest",),
}  # fmt: skip
_ALWAYS = ("pytest.ini", ".pytest.ini")
#: What else, without any of these, makes a folder pytest's rootdir.
_ROOTS = ("pyproject.toml", "setup.py")
#: The ini keys with what they are where nobody sets them, as the text of a file.
DEFAULTS: Mapping[str, str] = {
    name: key.default if isinstance(key.default, str) else shlex.join(key.default) for name, key in INI_KEYS.items()
}


@dataclass(frozen=True)
class Project:
    """A folder that pytest would take for its rootdir, and the ini keys of ours in its file, if it has one."""

    root: Path
    file: Path | None = None
    keys: Mapping[str, str] = field(default_factory=dict)

    def settings(self, **changes: Any) -> Settings:
        """Return the settings; what is given and not None replaces an ini key. Raises UsageProblem."""
        unknown = sorted(set(self.keys) - set(DEFAULTS))
        if unknown:
            raise UsageProblem(
                f"{self.file} has {', '.join(unknown)}, which is no ini key of bgasync;"
                f" those are: {', '.join(DEFAULTS)}"
            )
        values: dict[str, Any] = {
            name.removeprefix("bgasync_"): self.keys.get(name, value) for name, value in DEFAULTS.items()
        }
        for name in (name.removeprefix("bgasync_") for name, key in INI_KEYS.items() if key.type == "args"):
            values[name] = shlex.split(values[name])
        values.update({name: value for name, value in changes.items() if value is not None})
        return parse_settings(root=self.root, **values)


def find_project(start: Path) -> Project:
    """Return the project of a folder: that of the nearest file with settings of pytest, else the folder itself.

    Raises UsageProblem for a file that cannot be read.
    """
    folders = (start, *start.parents)
    for folder in folders:
        for name, sections in _FILES.items():
            if (keys := _keys(folder / name, sections)) is not None:
                ours = {key: value for key, value in keys.items() if key.startswith("bgasync_")}
                return Project(folder, folder / name, ours)
    roots = (folder for name in _ROOTS for folder in folders if (folder / name).is_file())
    return Project(next(roots, start))


def _keys(path: Path, sections: Iterable[str]) -> Mapping[str, str] | None:
    """Return what a file says in the first of the sections that it has; None where it is no file of pytest's."""
    if not path.is_file():
        return None
    try:
        if path.suffix == ".toml":
            content = tomllib.loads(path.read_text(encoding="utf-8"))
            tables = [table for section in sections if (table := _table(content, section))]
            return {key: _text(value) for key, value in tables[0].items()} if tables else None
        ini = iniconfig.IniConfig(str(path))
    except (OSError, ValueError, iniconfig.ParseError) as error:
        raise UsageProblem(f"{path} cannot be read: {error}") from None
    found = [dict(ini[section].items()) for section in sections if section in ini]
    return found[0] if found else {} if path.name in _ALWAYS else None


def _table(content: Mapping[str, Any], section: str) -> Mapping[str, Any] | None:
    found: Any = content
    for word in section.split("."):
        found = found.get(word) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _text(value: Any) -> str:
    return shlex.join(map(str, value)) if isinstance(value, list) else str(value)
