"""Finding a playbook, and what is refused before Ansible is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_bgasync.util.errors import PlaybookProblem
from pytest_bgasync.util.playbook_files import check_playbook, find_playbook


def test_the_first_folder_that_has_the_playbook_wins(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    for folder in ("b", "c"):
        (tmp_path / folder / "site.yml").touch()
    assert find_playbook("site.yml", [tmp_path / "a", tmp_path / "b", tmp_path / "c"]) == tmp_path / "b/site.yml"


def test_an_absolute_path_is_itself(tmp_path: Path) -> None:
    (tmp_path / "site.yml").touch()
    assert find_playbook(tmp_path / "site.yml", [Path("/nowhere")]) == tmp_path / "site.yml"


def test_a_link_to_a_playbook_is_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "plays").mkdir()
    (tmp_path / "site.yml").touch()
    (tmp_path / "plays/site.yml").symlink_to("../site.yml")
    assert find_playbook("../plays/site.yml", [tmp_path / "plays"]) == tmp_path / "plays/site.yml"


def test_a_missing_playbook_is_named_with_every_place_looked_at_once(tmp_path: Path) -> None:
    with pytest.raises(PlaybookProblem) as caught:
        find_playbook("site.yml", [tmp_path, Path("/x"), tmp_path])
    assert str(caught.value) == (
        f"playbook 'site.yml' is not there; looked for: \n  - {tmp_path}/site.yml\n  - /x/site.yml"
    )


def test_places_are_named_without_detours(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    with pytest.raises(PlaybookProblem) as caught:
        find_playbook("../site.yml", [tmp_path / "tests"])
    assert str(caught.value).endswith(f"looked for: \n  - {tmp_path}/site.yml")


def test_a_folder_is_no_playbook(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    with pytest.raises(PlaybookProblem, match=r"playbook 'tasks' is a folder \(.*/tasks\): name a file in it"):
        find_playbook("tasks", [tmp_path])


@pytest.mark.parametrize(
    "text",
    [
        "- hosts: all\n  tasks: []\n",
        "- import_playbook: other.yml\n",
        "- ansible.builtin.import_playbook: other.yml\n- hosts: all\n",
        "---\n- name: with tags of Ansible\n  hosts: all\n  vars: {a: !vault x, b: !unsafe '{{ }}'}\n",
        "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
    ],
)
def test_a_list_of_plays_is_left_to_ansible(tmp_path: Path, text: str) -> None:
    (tmp_path / "site.yml").write_text(text)
    check_playbook(tmp_path / "site.yml")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty: it needs at least one play"),
        (b"# only a comment\n", "is empty: it needs at least one play"),
        (b"- hosts: [all\n", r"line 2, column 1 is not YAML: .*expected ',' or '\]'"),
        (b"- hosts: all\n\tname: x\n", "line 2, column 1 is not YAML: .*cannot start any token"),
        (b"- hosts: all\n---\n- hosts: all\n", "is not YAML: but found another document"),
        (b"- name: \x00\n", "is not YAML: .*special characters"),
        (b"- name: \xff\n", "cannot be read: .*utf-8"),
        (b"[]\n", "has no play: a playbook is a list of plays, each with hosts and tasks"),
        (b"hosts: all\n", "has no play"),
        (b"just text\n", "has no play"),
        (b"- hosts: all\n- name: Install\n  apt: {name: x}\n", r"line 2: this entry is no play, .*a file of tasks"),
        (b"- a string\n", "line 1: this entry is no play"),
    ],
)
def test_anything_else_is_refused_with_its_place(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "site.yml"
    path.write_bytes(content)
    with pytest.raises(PlaybookProblem, match=rf"(?s)^playbook {path} .*{sentence}"):
        check_playbook(path)


def test_a_playbook_that_is_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PlaybookProblem, match=r"cannot be read: .*Is a directory"):
        check_playbook(tmp_path)
