"""Playbooks that are none, and hosts that are not there: the test fails with one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_bgasync import PlaybookProblem
from pytest_bgasync.util.playbook_files import check_playbook

from .inner import Inner

PLAY = "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: 'true'\n"

#: What the file holds, and what is said.
NO_PLAYBOOKS = {
    "empty": ("", "is empty: it needs at least one play"),
    "only a comment": ("# later\n", "is empty: it needs at least one play"),
    "only a mark": ("---\n", "is empty: it needs at least one play"),
    "not YAML": ("- hosts: [all\n  tasks:\n", "line 2, column 8 is not YAML: "),
    "a tab": ("- hosts: all\n\ttasks: []\n", "line 2, column 1 is not YAML: "),
    "not text": (b"\xff\xfe\x00\x01", "cannot be read: "),
    "two documents": (f"{PLAY}---\n{PLAY}", "is not YAML: "),
    "no list": ("hosts: all\ntasks: []\n", "has no play: a playbook is a list of plays, each with hosts and tasks"),
    "text": ("hello\n", "has no play: a playbook is a list of plays"),
    "an empty list": ("[]\n", "has no play: a playbook is a list of plays"),
    "tasks": ("- ansible.builtin.command: 'true'\n", "line 1: this entry is no play"),
    "a play, then tasks": (f"{PLAY}- ansible.builtin.command: 'true'\n", "line 5: this entry is no play"),
    "a word": ("- hello\n", "line 1: this entry is no play"),
}


@pytest.mark.parametrize(("content", "sentence"), NO_PLAYBOOKS.values(), ids=NO_PLAYBOOKS)
def test_what_is_no_playbook_is_refused_with_its_place(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    path = tmp_path / "play.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PlaybookProblem) as refused:
        check_playbook(path)
    assert str(refused.value).startswith(f"playbook {path} ")
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        PLAY,
        "- import_playbook: other.yml\n",
        "- ansible.builtin.import_playbook: other.yml\n",
        "- hosts: all\n  vars:\n    secret: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      00\n",
        "$ANSIBLE_VAULT;1.1;AES256\n00\n",
        "- hosts: nowhere\n  oddity: Ansible's to judge\n",
    ],
)
def test_what_may_be_a_playbook_is_left_to_ansible(tmp_path: Path, content: str) -> None:
    path = tmp_path / "play.yml"
    path.write_text(content)
    check_playbook(path)


#: What the file holds, what the test gives to run(), what is said.
BAD = {
    "missing": (None, "", "playbook 'play.yml' is not there; looked for:"),
    "empty": ("", "", "is empty: it needs at least one play"),
    "not YAML": ("- hosts: [all\n  tasks:\n", "", "play.yml line 2, column 8 is not YAML: "),
    "no play": ("hosts: all\ntasks: []\n", "", "has no play: a playbook is a list of plays, each with hosts and tasks"),
    "no such host": (
        PLAY.replace("all", "nowhere"),
        "",
        "hosts: nowhere matches no host of the scenario; it has: web1",
    ),
    "no such limit": (PLAY, ", limit='db*'", "limit 'db*' matches no host of the scenario; it has: web1"),
}


@pytest.mark.parametrize(("content", "options", "sentence"), BAD.values(), ids=BAD)
def test_a_playbook_that_cannot_be_run_fails_the_test(
    inner: Inner, content: str | None, options: str, sentence: str
) -> None:
    if content is not None:
        inner.file("play.yml", content)
    inner.test(
        f"""
        import pytest
        from pytest_bgasync import PlaybookProblem

        @pytest.mark.bgasync(hosts=["web1"])
        def test_one(bgasync):
            bgasync.run("play.yml"{options})
        """
    )
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"failed": 1})
    ended.assert_says(sentence, "E       pytest_bgasync.util.errors.PlaybookProblem: playbook ")
    inner.assert_nothing_left()


def test_a_missing_playbook_lists_where_it_was_looked_for(inner: Inner) -> None:
    inner.ini("bgasync_playbooks = site/plays")
    inner.file("tests/test_beside.py", "def test_one(bgasync): bgasync.run('deploy/play.yml')")
    ended = inner.run()
    assert ended.rc == 1
    ended.assert_says(*(f"- {inner.path / place}/deploy/play.yml" for place in ("site/plays", "tests")))
    ended.assert_says(f"- {inner.path}/deploy/play.yml")


def test_a_playbook_is_looked_for_in_the_folder_of_playbooks_then_beside_the_test_then_in_the_rootdir(
    inner: Inner,
) -> None:
    inner.ini("bgasync_playbooks = plays")
    for place in ("plays", "tests", "."):
        inner.file(f"{place}/play.yml", PLAY.replace("'true'", f"echo {place}"))
    inner.file(
        "tests/test_beside.py",
        """
from pathlib import Path

def test_one(bgasync):
    for folder in ("plays", "tests", "."):
        run = bgasync.run("play.yml")
        assert run.result("ansible.builtin.command").stdout == folder
        (Path(folder) / "play.yml").unlink()
""",
    )
    inner.run().assert_passed(1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("deadlin=3", "run() has no argument 'deadlin'; it takes: extra_vars, "),
        ("deadline=0", "deadline= is a number of real seconds above 0, not 0"),
        ("deadline='soon'", "deadline= is a number of real seconds above 0, not 'soon'"),
        ("limits={'Start': -1}", "limits= is a mapping from names of tasks to real seconds above 0, not {'Start'"),
        (
            "limits={'ansible.builtin.command': 2}",
            "limits=: the task 'ansible.builtin.command' has no async, so there is no limit to replace",
        ),
        ("args='-v'", "args= is a list of words, not '-v'"),
        ("args=(word for word in ['-v'])", "args= is a list of words, not <generator"),
        ("args=['\\0']", "args= is a list of words, not ['"),
    ],
)
def test_an_argument_of_run_that_cannot_be_meant(inner: Inner, options: str, sentence: str) -> None:
    inner.file("play.yml", PLAY)
    inner.test(f"def test_one(bgasync):\n    bgasync.run('play.yml', {options})")
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"failed": 1})
    ended.assert_says(sentence)
    inner.assert_nothing_left()


def test_a_playbook_that_fails_is_a_run_and_no_error(inner: Inner) -> None:
    inner.file("play.yml", PLAY.replace("'true'", "'false'"))
    inner.file("misspelt.yml", f"{PLAY}      changed_when: true\n      notify: No such handler\n")
    inner.file("tasks.yml", "- [no: YAML\n")
    inner.file("free.yml", "- {hosts: all, strategy: free, gather_facts: false, tasks: [include_tasks: tasks.yml]}\n")
    inner.test(
        """
        def test_one(bgasync):
            # Ansible gives these two up in the middle of a task.
            for playbook in "misspelt.yml", "free.yml":
                assert bgasync.run(playbook).rc > 0
            run = bgasync.run("play.yml")
            assert run.rc == 2 and not run.ok
            assert run.result("ansible.builtin.command").status == "failed"
            assert "fatal: [host1]" in run.stdout
        """
    )
    inner.run().assert_passed(1)
    inner.assert_nothing_left()


def test_a_run_leaves_no_stray_file_in_the_folder_of_the_author(inner: Inner) -> None:
    inner.file("play.yml", PLAY)
    inner.file("filter_plugins/shout.py", "class FilterModule:\n    def filters(self): return {'shout': str.upper}\n")
    inner.file("group_vars/all.yml", "word: hello\n")
    inner.test(
        """
        TEXT = "- hosts: all\\n  tasks:\\n    - ansible.builtin.command: echo {{ word | shout }}\\n"

        def test_one(bgasync):
            assert bgasync.run("play.yml").ok
            assert bgasync.run_text(TEXT).result("ansible.builtin.command").stdout == "HELLO"
        """
    )
    before = set(inner.path.rglob("*"))
    inner.run().assert_passed(1)
    new = {path.relative_to(inner.path).parts[0] for path in set(inner.path.rglob("*")) - before}
    assert new <= {"__pycache__", ".pytest_cache"}  # pytest's own
