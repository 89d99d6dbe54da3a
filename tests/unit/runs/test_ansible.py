"""The ansible-playbook of this environment, and the author's settings."""

from __future__ import annotations

import os
import pwd
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from pytest_bgasync.runs import ansible
from pytest_bgasync.runs.ansible import CALLBACKS, ansible_playbook, ansible_version, environment, project_folder
from pytest_bgasync.runs.config_fingerprint import configuration
from pytest_bgasync.util.errors import AnsibleProblem


@pytest.mark.parametrize("version", ["2.16.0", "2.18.19", "2.21.5", "2.21.0rc1"])
def test_the_versions_from_2_16_to_2_21_are_taken(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(ansible, "version", lambda _: version)
    assert ansible_version() == version


@pytest.mark.parametrize("version", ["2.15.13", "2.22.0", "2.9.27", "1.9", "3.0.0"])
def test_any_other_version_is_refused_with_the_line_that_installs_one(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(ansible, "version", lambda _: version)
    with pytest.raises(AnsibleProblem) as caught:
        ansible_playbook()
    assert str(caught.value) == (
        f"ansible-core {version} is not supported, only 2.16 to 2.21 are:"
        " pip install 'ansible-core>=2.16.19,!=2.17.*,<2.22'"
    )


def test_a_missing_ansible_is_told_with_the_environment_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(ansible, "version", version)
    with pytest.raises(AnsibleProblem, match=rf"not installed in the environment of pytest \({sys.prefix}\): pip"):
        ansible_version()


def test_the_command_beside_the_interpreter_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))
    monkeypatch.setattr(sysconfig, "get_preferred_scheme", "posix_{}".format)
    monkeypatch.setattr(sysconfig, "get_path", lambda _, scheme="": str(tmp_path / (scheme or "scripts")))
    with pytest.raises(AnsibleProblem, match=r"no ansible-playbook beside .*/bin/python: install it again"):
        ansible_playbook()
    for folder in ("posix_user", "scripts", "bin"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ansible-playbook").touch()
        assert ansible_playbook() == tmp_path / folder / "ansible-playbook"


def test_a_run_is_where_the_closest_ansible_cfg_is_or_in_the_root(tmp_path: Path) -> None:
    (plays := tmp_path / "project/ops/plays").mkdir(parents=True)
    (tmp_path / "ansible.cfg").touch()  # outside the project
    root = tmp_path / "project"
    assert project_folder(plays, root) == root
    for folder in (root, root / "ops", plays):
        (folder / "ansible.cfg").touch()
        assert project_folder(plays, root) == folder


def test_our_callback_is_added_to_those_of_the_author(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\ncallback_plugins = ./theirs\n")
    author = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ANSIBLE_NOCOLOR": "1"}
    env = environment(author, tmp_path)
    assert env["ANSIBLE_CALLBACK_PLUGINS"] == f"{CALLBACKS}{os.pathsep}{tmp_path}/theirs"
    assert env.items() >= author.items()
    assert env["PYTHONDONTWRITEBYTECODE"] == "1"


def test_a_configuration_that_cannot_be_looked_at_is_passed_over_as_ansible_does(tmp_path: Path) -> None:
    author = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ANSIBLE_CONFIG": "x" * 300}
    assert environment(author, tmp_path)["ANSIBLE_CALLBACK_PLUGINS"].startswith(str(CALLBACKS))


def test_a_configuration_that_ansible_cannot_read_is_told_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("no section\n")
    with pytest.raises(AnsibleProblem, match=rf"^Ansible cannot read its configuration in {tmp_path}: ."):
        environment({"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, tmp_path)


def test_what_a_setting_refers_to_is_part_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\ncallback_plugins = $PLUGINS/callbacks\n")
    author = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    for name in ("one", "two"):
        env = environment({**author, "PLUGINS": f"/{name}"}, tmp_path)
        assert env["ANSIBLE_CALLBACK_PLUGINS"] == f"{CALLBACKS}{os.pathsep}/{name}/callbacks"


def test_the_configuration_of_a_user_is_read_anew_when_it_has_changed(tmp_path: Path) -> None:
    (project := tmp_path / "project").mkdir()
    author = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    for name in ("one", "another"):
        (tmp_path / ".ansible.cfg").write_text(f"[defaults]\ncallback_plugins = /{name}\n")
        assert environment(author, project)["ANSIBLE_CALLBACK_PLUGINS"] == f"{CALLBACKS}{os.pathsep}/{name}"


@pytest.mark.parametrize("shadow", ["yaml.py", "ansible/__init__.py"])
def test_what_lies_in_the_folder_of_a_run_is_not_imported_for_its_configuration(tmp_path: Path, shadow: str) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\ncallback_plugins = ./theirs\n")
    (tmp_path / shadow).parent.mkdir(exist_ok=True)
    (tmp_path / shadow).write_text("raise SystemExit('imported')")
    env = environment({"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, tmp_path)
    assert env["ANSIBLE_CALLBACK_PLUGINS"] == f"{CALLBACKS}{os.pathsep}{tmp_path}/theirs"


def test_a_user_that_the_system_does_not_know_has_a_configuration_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    (tmp_path / "~").mkdir()  # where Ansible looks then
    keys = []
    for text in ("", "[defaults]\n"):
        (tmp_path / "~/.ansible.cfg").write_text(text)
        keys.append(configuration(sys.executable, {}, tmp_path))
    assert keys[0] != keys[1]


def test_an_encoding_that_ansible_refuses_is_told_by_the_run(tmp_path: Path) -> None:
    author = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    assert environment(author, tmp_path)["LC_ALL"] == "C"
