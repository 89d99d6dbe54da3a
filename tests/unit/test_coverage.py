"""Which tasks have run, and what is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_bgasync.coverage import Coverage, statements

PLAYBOOK = """\
- hosts: all
  pre_tasks:
    - name: First
      ping:
  roles: [one]
  tasks:
    - name: Launch
      command: work
      async: 60
    - meta: flush_handlers
    - import_tasks: more.yml
    - block:
        - command: two
          async: 0
      rescue:
        - debug:
      always:
        - name: Tell
          debug:
          when: job is failed
  handlers:
    - name: Restart
      ping:
- import_playbook: other.yml
"""


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    path = tmp_path / "site.yml"
    path.write_text(PLAYBOOK)
    return path


def test_the_tasks_of_a_playbook_are_found_with_their_lines(playbook: Path) -> None:
    found = list(statements(playbook))
    assert [(s.line, s.name) for s in found] == [
        (3, "First"), (7, "Launch"), (13, "command"), (16, "debug"), (18, "Tell"), (22, "Restart"),
    ]  # fmt: skip
    assert [s.name for s in found if s.background] == ["Launch"]
    assert [s.line for s in found if s.trouble] == [16, 18]


def test_the_tasks_of_a_file_of_tasks_are_found(tmp_path: Path) -> None:
    path = tmp_path / "main.yml"
    path.write_text(
        "- name: One\n  ping:\n- block:\n    - name: Two\n      ping:\n  rescue:\n    - include_tasks: x.yml\n"
    )
    assert [(s.line, s.name, s.trouble) for s in statements(path)] == [
        (1, "One", False), (4, "Two", False), (7, "include_tasks", True),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "hosts: all", "[", "$ANSIBLE_VAULT;1.1;AES256\n61", "- 3\n- [x]\n"])
def test_a_file_without_tasks_has_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yml"
    path.write_text(text)
    assert list(statements(path)) == []
    assert list(statements(tmp_path / "none.yml")) == []


def test_tests_add_up_and_the_rescue_comes_first(playbook: Path, tmp_path: Path) -> None:
    coverage = Coverage()
    name = str(playbook)
    coverage.add({"files": [name, "/elsewhere.yml"], "ran": [f"{name}:3"], "outcomes": []})
    coverage.add({"files": [name], "ran": [f"{name}:7", f"{name}:22"], "outcomes": [(f"{name}:7", "failed")]})
    coverage.add({"files": [name], "ran": [f"{name}:7"], "outcomes": [(f"{name}:7", "succeeded")]})
    report = coverage.report(tmp_path)
    assert report.percent == 50
    lines = list(report.lines())
    assert lines[2].split() == ["site.yml", "6", "3", "50%", "16,", "18,", "13"]
    assert lines[4].split() == ["TOTAL", "6", "3", "50%"]
    assert "  site.yml:16  debug" in lines
    assert lines[-1] == "  site.yml:7  Launch: tried succeeded, failed; not timed_out, lost, unreachable"
    assert report.data()["files"]["site.yml"]["missing"] == [13, 16, 18]
    assert report.data()["files"]["site.yml"]["outcomes"]["7"]["failed"] is True


def test_nothing_to_cover_is_covered(tmp_path: Path) -> None:
    assert Coverage().report(tmp_path).percent == 100
