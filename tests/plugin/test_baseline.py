"""--bgasync-baseline: what an edit of a playbook changes is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import takewhile

import pytest

from .inner import Inner, assert_no_insides

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Migrate or roll back
      block:
        - name: Start the migration
          ansible.builtin.command: "false"
          async: 3600
          poll: 0
          register: started
          loop: [users]
          loop_control:
            label: "table {{ item }}"
        - name: Wait for the migration
          ansible.builtin.async_status:
            jid: "{{ started.results[0].ansible_job_id }}"
          register: job
          until: job is finished
          retries: 60
          delay: 10
      rescue:
        - name: Run rollback of {{ started.results[0].ansible_job_id }}
          ansible.builtin.command: "true"
      always:
        - name: Tell
          ansible.builtin.debug:
"""
ROLLBACK = PLAY[PLAY.index("        - name: Run rollback") : PLAY.index("      always:")]
WAIT = PLAY[PLAY.index("        - name: Wait") : PLAY.index("      rescue:")]
START = "job 'Start the migration' (table users)"
#: For each edit, what it replaces by what, and what is to be said of it.
EDITS: Mapping[str, tuple[str, str, str]] = {
    "rollback_dropped": (
        ROLLBACK,
        "        - ansible.builtin.debug:\n",
        "task 'Run rollback of <jid>': changed, in rescue -> not reached",
    ),
    "limit_shortened": ("async: 3600", "async: 60", f"{START}: limit: 3600 -> 60"),
    "status_not_asked": (WAIT, "", f"{START}: collected: true -> false"),
    "label_changed": ("table {{", "the table {{", f"{START}: limit 3600, failed -> not launched"),
    "failure_passed_over": (
        "register: job",
        "ignore_errors: true",
        "task 'Wait for the migration': failed, rescued by Run rollback of <jid> -> failed, ignored",
    ),
    "rescue_removed": ("      rescue:\n" + ROLLBACK, "", "recap: rescued: 1 -> 0"),
    "waits_by_itself": ("poll: 0", "poll: 5", f"{START}: poll: 0 -> 5"),
    "another_user": ("poll: 0", "poll: 0\n          become: true", f"{START}: user: ansible -> root"),
    "does_not_fail": ('command: "false"', 'command: "true"', f"{START}: outcome: failed -> succeeded"),
    "another_rc": ('command: "false"', "command: sh -c 'exit 3'", f"{START}: rc: 1 -> 3"),
    "condition_added": ("debug:\n", "debug:\n      when: false\n", "task 'Tell': ok, in always -> skipped, in always"),
    "elsewhere": ("poll: 0", "poll: 0\n          delegate_to: localhost", f"{START}: on: none -> localhost"),
}
TEST = """
import pytest

@pytest.mark.bgasync(hosts=["db1"], time_scale=0.01, strict=False)
@pytest.mark.parametrize("half", [0, 1])
def test_migration(bgasync, half):
    for edit in {edits}[half::2]:
        bgasync.run(edit + ".yml")

@pytest.mark.bgasync(hosts=["db1"])
def test_{name}(bgasync):
    bgasync.run("{name}.yml")
"""
LITTLE = "- {hosts: all, gather_facts: false, tasks: [{name: Little, debug: }]}"


def test_a_playbook_broken_in_twelve_ways_is_named_each_time(inner: Inner) -> None:
    """And a run that does the same is not, whatever its job ids."""
    for edit in EDITS:
        inner.file(f"playbooks/{edit}.yml", PLAY)
    inner.file("playbooks/old.yml", LITTLE)
    inner.test(TEST.format(edits=list(EDITS), name="old"))
    wrote = inner.run("-n", "2", "--bgasync-baseline", "b.yml", "--bgasync-update-baseline")
    assert (wrote.rc, wrote.counts) == (0, {"passed": 3}), wrote.output
    written = (inner.path / "b.yml").read_text()

    same = inner.run("-k", "migration and 0 or old", "--bgasync-baseline", "b.yml")
    assert same.rc == 0, same.output
    assert "2 tests did what" in same.output

    for edit, (old, new, _) in EDITS.items():
        assert PLAY.count(old) == 1, edit
        inner.file(f"playbooks/{edit}.yml", PLAY.replace(old, new))
    (inner.path / "playbooks/old.yml").rename(inner.path / "playbooks/new.yml")
    inner.test(TEST.format(edits=list(EDITS), name="new"))
    broken = inner.run("-n", "2", "--bgasync-baseline", "b.yml")
    assert (broken.rc, broken.counts) == (1, {"passed": 3}), broken.output
    lines = broken.output.splitlines()
    for number, (edit, (_, _, said)) in enumerate(EDITS.items()):
        start = lines.index(f"playbooks/{edit}.yml")
        assert lines[start + 1] == f"  test_inner.py::test_migration[{number % 2}]"
        own = [
            re.sub(r"run \d+: ", "", line)
            for line in takewhile(lambda line: line.startswith("    "), lines[start + 2 :])
        ]
        assert f"    db1: {said}" in own, (edit, own)
    assert "new, the baseline does not have it: test_inner.py::test_new" in lines
    assert "vanished, the baseline has it still: test_inner.py::test_old" in lines
    assert_no_insides(broken.output)
    assert (inner.path / "b.yml").read_text() == written


def test_a_test_that_fails_keeps_what_the_baseline_has_of_it(inner: Inner) -> None:
    inner.file("playbooks/little.yml", LITTLE)
    text = """
        def test_little(bgasync):
            bgasync.run("little.yml")
            assert {good}
        """
    inner.test(text.format(good=True))
    options = ["--bgasync-baseline", "b.yml", "--bgasync-update-baseline"]
    assert inner.run(*options).rc == 0
    written = (inner.path / "b.yml").read_text()
    assert "- Little: ok\n" in written
    inner.file("playbooks/little.yml", LITTLE.replace("Little", "Other"))
    inner.test(text.format(good=False))
    failed = inner.run(*options)
    assert failed.counts == {"failed": 1}
    assert "not those that failed: test_inner.py::test_little" in failed.output
    assert (inner.path / "b.yml").read_text() == written


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (None, ["--bgasync-baseline", "b.yml"], "b.yml yet: write it with --bgasync-update-baseline"),
        ("<<<<<<< HEAD\n", ["--bgasync-baseline", "b.yml"], "b.yml line 1 is a mark of a merge conflict"),
        (LITTLE, ["--bgasync-baseline", "b.yml", "--bgasync-update-baseline"], "b.yml is no baseline"),
        (None, ["--bgasync-update-baseline"], "name the file to write with --bgasync-baseline"),
        (None, ["--bgasync-ledger", "none/l.jsonl"], "--bgasync-ledger: there is no folder"),
        (None, ["--bgasync-baseline", ".", "--bgasync-update-baseline"], "is a folder, name a file"),
    ],
)
def test_bad_input_is_one_sentence(inner: Inner, content: str | None, options: list[str], said: str) -> None:
    if content is not None:
        inner.file("b.yml", content)
    inner.test("def test_one(bgasync): pass")
    ended = inner.run(*options)
    assert ended.rc == pytest.ExitCode.USAGE_ERROR
    ended.assert_says(said)
    assert content is None or (inner.path / "b.yml").read_text() == content
