"""The settings of a project as pytest would read them, for the command, which has no pytest."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import iniconfig

from pytest_bgasync.config import Settings, parse_settings
from pytest_bgasync.errors import UsageProblem

#: Where pytest looks, in this order, with the section that makes a file one of its own; in the first two any will do.
_FILES = {
    "pytest.ini": "pytest", ".pytest.ini": "pytest", "pyproject.toml": "tool.pytest.ini_options",
    "tox.ini": "pytest", "setup.cfg": "tool:pytest",
}  # fmt: skip
_ALWAYS = ("pytest.ini", ".pytest.ini")
#: The ini keys with what they are where nobody sets them.
DEFAULTS: Mapping[str, str] = {
    "bgasync_image": "",
    "bgasync_time_scale": "1",
    "bgasync_playbooks": "playbooks",
    "bgasync_webhook_hosts": "hooks.example.com",
    "bgasync_deadline": "600",
    "bgasync_boot": "60",
    "bgasync_memory": "1g",
    "bgasync_pids": "1024",
    "bgasync_strict": "true",
    "bgasync_audit_ignore": "",
    "bgasync_baseline_durations": "",
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
        for name in ("webhook_hosts", "audit_ignore"):
            values[name] = shlex.split(values[name])
        values.update({name: value for name, value in changes.items() if value is not None})
        return parse_settings(root=self.root, **values)


def find_project(start: Path) -> Project:
    """Return the project of a folder: that of the nearest file with settings of pytest, else the folder itself.

    Raises UsageProblem for a file that cannot be read.
    """
    for folder in (start, *start.parents):
        for name, section in _FILES.items():
            if (keys := _section(folder / name, section)) is not None:
                ours = {key: value for key, value in keys.items() if key.startswith("bgasync_")}
                return Project(folder, folder / name, ours)
    return Project(start)


def _section(path: Path, section: str) -> Mapping[str, str] | None:
    """Return what a file says in a section; None where it is no file of pytest's."""
    if not path.is_file():
        return None
    try:
        if path.suffix == ".toml":
            found: Any = tomllib.loads(path.read_text(encoding="utf-8"))
            for word in section.split("."):
                found = found.get(word) if isinstance(found, dict) else None
            return None if found is None else {key: _text(value) for key, value in found.items()}
        ini = iniconfig.IniConfig(str(path))
    except (OSError, ValueError, iniconfig.ParseError) as error:
        raise UsageProblem(f"{path} cannot be read: {error}") from None
    if section in ini:
        return dict(ini[section].items())
    return {} if path.name in _ALWAYS else None


def _text(value: Any) -> str:
    return shlex.join(map(str, value)) if isinstance(value, list) else str(value)
