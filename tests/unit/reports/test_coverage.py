"""Which tasks have run, and what is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_bgasync.reports.coverage import Coverage, statements

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
    report = coverage.report(tmp_path, tmp_path / "playbooks")
    assert report.percent == 50
    lines = list(report.lines())
    assert lines[2].split() == ["site.yml", "6", "3", "50%", "16,", "18,", "13"]
    assert lines[4].split() == ["TOTAL", "6", "3", "50%"]
    assert "  site.yml:16  debug" in lines
    assert lines[-1] == "  site.yml:7  Launch: tried succeeded, failed; not timed_out, lost, unreachable"
    assert report.data()["files"]["site.yml"]["missing"] == [13, 16, 18]
    assert report.data()["files"]["site.yml"]["missing_where_something_has_gone_wrong"] == [16, 18]
    assert report.data()["files"]["site.yml"]["outcomes"]["7"]["failed"] is True


def test_what_no_test_has_come_to_counts_too(tmp_path: Path) -> None:
    for name, text in {
        "site.yml": "- hosts: all\n  tasks:\n  - ping:\n  - block: []\n    rescue:\n    - include_tasks: undo.yml\n",
        "undo.yml": "- ping:\n- ansible.builtin.include_tasks: {file: deeper/more.yml}\n",
        "deeper/more.yml": "- ping:\n- include_tasks: '{{ none }}.yml'\n",
        "playbooks/other.yml": "- hosts: all\n  roles: [one]\n",
        "playbooks/third.yml": "- hosts: all\n  tasks: [{ping: }]\n",
        "playbooks/packages.yml": "- name: no task\n  state: present\n",
        "playbooks/roles/one/tasks/main.yml": "- ping:\n",
        "roles/two/handlers/main.yml": "- ping:\n",
        "lib/roles/three/tasks/main.yml": "- ping:\n",
        "lib/roles/four/tasks/sub/more.yaml": "- ping:\n",
        "unknown.yml": "- hosts: all\n  tasks: [{ping: }]\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    coverage = Coverage()
    seen = [str(tmp_path / name) for name in ("site.yml", "lib/roles/three/tasks/main.yml")]
    coverage.add({"files": seen, "ran": [f"{seen[0]}:3", f"{seen[1]}:1"], "outcomes": []})
    report = coverage.report(tmp_path, tmp_path / "playbooks")
    assert [(file.name, len(file.statements), len(file.missing)) for file in report.files] == [
        ("deeper/more.yml", 2, 2),
        ("lib/roles/four/tasks/sub/more.yaml", 1, 1),
        ("lib/roles/three/tasks/main.yml", 1, 0),
        ("playbooks/roles/one/tasks/main.yml", 1, 1),
        ("playbooks/third.yml", 1, 1),
        ("roles/two/handlers/main.yml", 1, 1),
        ("site.yml", 2, 1),
        ("undo.yml", 2, 2),
    ]


@pytest.mark.parametrize(
    ("keys", "trouble"),
    [
        ("when: result is failed", True),
        ("when: [job.finished, job.rc != 0]", True),
        ("when: job.rc > 0", True),
        ("when: job is not succeeded", True),
        ("when: not (job is success)", True),
        ("name: Rollback everything", True),
        ("when: job is succeeded", False),
        ("when: job.rc == 0", False),
    ],
)
@pytest.mark.parametrize("block", [False, True])
def test_what_stands_where_something_has_gone_wrong(tmp_path: Path, keys: str, *, trouble: bool, block: bool) -> None:
    path = tmp_path / "main.yml"
    path.write_text(f"- {keys}\n  " + ("block:\n    - ping:\n" if block else "ping:\n"))
    assert [statement.trouble for statement in statements(path)] == [trouble]


def test_a_session_that_saw_no_task_covers_nothing(tmp_path: Path) -> None:
    assert Coverage().report(tmp_path, tmp_path).percent == 0


@pytest.mark.parametrize("text", ["- name: odd\n  debug: {msg: {{ foo }}}\n", "&a\n- *a\n", "- &a {debug: *a}\n"])
def test_a_file_that_is_odd_is_no_trouble(tmp_path: Path, text: str) -> None:
    (tmp_path / "roles/one/tasks").mkdir(parents=True)
    (tmp_path / "roles/one/tasks/main.yml").write_text(text)
    (tmp_path / "odd.yml").write_text(text)
    assert Coverage().report(tmp_path, tmp_path).percent == 0


def test_playbooks_beside_the_rootdir_and_a_linked_rootdir_count(tmp_path: Path, playbook: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "project")
    report = Coverage().report(tmp_path / "linked", playbook.parent)
    assert [file.name for file in report.files] == [f"../{playbook.name}"]
