"""The settings that the command reads are those that pytest would read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from pytest_bgasync.config.project import DEFAULTS, Project, find_project
from pytest_bgasync.plugin import hooks as plugin
from pytest_bgasync.util.errors import UsageProblem


class Declared:
    """Stands for pytest's parser, and notes the ini keys with their defaults."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}

    def getgroup(self, *_: str) -> Declared:
        return self

    def addoption(self, *_: Any, **__: Any) -> None:
        """Options are no concern here."""

    def addini(self, name: str, _help: str, kind: str | None = None, *, default: Any) -> None:
        self.keys[name] = " ".join(default) if kind == "args" else default


def test_the_ini_keys_are_those_of_the_plugin() -> None:
    declared = Declared()
    plugin.pytest_addoption(cast(pytest.Parser, declared))
    assert declared.keys == dict(DEFAULTS)


FILES = {
    "pytest.toml": "[pytest]\nbgasync_time_scale = 0.5\n",
    "pytest.ini": "[pytest]\nbgasync_time_scale = 0.5\n",
    ".pytest.ini": "[pytest]\nbgasync_time_scale = 0.5\n",
    "pyproject.toml": "[tool.pytest.ini_options]\nbgasync_time_scale = 0.5\nbgasync_webhook_hosts = ['a.b', 'c.d']\n",
    "tox.ini": "[tox]\n[pytest]\nbgasync_time_scale = 0.5\n",
    "setup.cfg": "[tool:pytest]\nbgasync_time_scale = 0.5\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_pytest_s_makes_its_folder_the_project(tmp_path: Path, name: str) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / name).write_text(FILES[name])
    (tmp_path / "a" / "tox.ini").write_text("[tox]\n")  # is none of pytest's
    found = find_project(below)
    assert (found.root, found.file) == (tmp_path, tmp_path / name)
    settings = found.settings()
    assert (settings.time_scale, settings.playbooks) == (0.5, tmp_path / "playbooks")
    hosts = ("a.b", "c.d") if name == "pyproject.toml" else ("hooks.example.com",)
    assert settings.webhook_hosts == hosts


def test_pytest_s_own_table_of_a_pyproject_is_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pytest]\nbgasync_time_scale = '0.5'\n[tool.other]\n")
    assert find_project(tmp_path).settings().time_scale == 0.5


@pytest.mark.parametrize("name", ["", "setup.py", "pyproject.toml"])
def test_without_any_the_root_is_that_of_pytest(tmp_path: Path, name: str) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    if name:
        (tmp_path / name).touch()
    assert find_project(below).settings().root == (tmp_path if name else below)


def test_what_is_given_comes_before_the_file() -> None:
    project = Project(Path("/project"), Path("/project/pytest.ini"), {"bgasync_image": "mine", "bgasync_boot": "7"})
    settings = project.settings(image="theirs", time_scale=None)
    assert (settings.image, settings.boot, settings.time_scale) == ("theirs", 7.0, 1.0)


def test_an_ini_key_that_is_none_is_told_with_those_there_are() -> None:
    project = Project(Path("/project"), Path("/project/pytest.ini"), {"bgasync_imgae": "mine"})
    with pytest.raises(UsageProblem, match=r"/project/pytest.ini has bgasync_imgae, which is no ini key .* bgasync_"):
        project.settings()


@pytest.mark.parametrize(("name", "text"), [("pytest.ini", "a = b\n"), ("pyproject.toml", "a = \n")])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageProblem, match=f"{name} cannot be read: "):
        find_project(tmp_path)
