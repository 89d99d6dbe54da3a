"""The rules of the audit in ansible-lint, the real one, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from pytest_bgasync.audit.rules import RULES
from pytest_bgasync.audit.session import audit_all

from .test_audit import NAIVE


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment with ansible-lint beside what is installed here.

    It sees this environment's packages by a path, so that pip adds ansible-lint only, and this one stays as it is.
    """
    folder = tmp_path_factory.mktemp("ansible-lint")
    venv.create(folder, with_pip=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "outer.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    subprocess.run([folder / "bin/python", "-m", "pip", "install", "--quiet", "ansible-lint"], check=True)
    return folder / "bin"


def lint(environment: Path, folder: Path, *args: str) -> list[str]:
    """Return the lines that ansible-lint says of us."""
    command = [str(environment / "ansible-lint"), "--offline", "--nocolor", *args]
    path = os.pathsep.join([str(environment), str(Path(sys.executable).parent), os.environ["PATH"]])
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    return [line for line in ended.stdout.splitlines() if "BGA" in line] or [ended.stdout + ended.stderr]


def test_ansible_lint_finds_what_we_find(environment: Path, tmp_path: Path) -> None:
    rules = subprocess.run(
        [sys.executable, "-c", "from pytest_bgasync.cli.main import main; main(['audit-rules'])"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    (tmp_path / ".git").mkdir()  # so that it takes this folder for the project
    (tmp_path / "roles/one/tasks").mkdir(parents=True)
    (tmp_path / "roles/one/tasks/main.yml").write_text(
        "---\n- name: Work\n  ansible.builtin.command: work\n  poll: 0\n"
    )
    (tmp_path / "site.yml").write_text("---" + NAIVE + "- name: More\n  hosts: all\n  roles: [one]\n")
    ours = [
        f"{finding.place.file.relative_to(tmp_path)}:{finding.place.line}:{finding.place.column}: {finding.id}:"
        f" {finding.problem}." + (" (warning)" if finding.severity == "warning" else "")
        for finding in audit_all([tmp_path / "site.yml"], tmp_path)[tmp_path / "site.yml"].findings
    ]
    assert len(ours) == 5
    theirs = lint(environment, tmp_path, "--format", "pep8", "-R", "-r", rules, "site.yml")
    assert sorted(line for line in theirs if not line.startswith(" ")) == sorted(ours)
    listed = "\n".join(lint(environment, tmp_path, "-R", "-r", rules, "--list-rules"))
    for rule in RULES:
        assert rule.ID in listed
