"""--bgasync-cov: which tasks have run in a session."""

from __future__ import annotations

import json

from .inner import Inner, assert_no_insides

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command: "{{ command }}"
      async: 60
      poll: 1
      ignore_errors: true
    - name: Never
      ansible.builtin.debug:
      when: false
    - ansible.builtin.include_tasks: more.yml
    - name: Error
      ansible.builtin.debug:
      when: nothing.rc == 0
      ignore_errors: true
"""
MORE = """
- block:
    - name: Try
      ansible.builtin.command: "true"
  rescue:
    - name: Roll back
      ansible.builtin.command: "true"
"""


def test_what_ran_in_all_workers_is_told_with_line_numbers(inner: Inner) -> None:
    inner.file("playbooks/play.yml", PLAY)
    inner.file("playbooks/more.yml", MORE)
    inner.file("playbooks/other.yml", "- hosts: all\n  tasks:\n    - ping:\n")
    inner.test(
        """
        import pytest

        @pytest.mark.bgasync(time_scale=0.1)
        @pytest.mark.parametrize("command", ["true", "false"])
        def test_one(bgasync, command):
            bgasync.run("play.yml", extra_vars={"command": command})
        """
    )
    ended = inner.run("-n", "2", "--bgasync-cov", "--bgasync-cov-json", "c.json", "--bgasync-cov-fail-under", "80")
    assert ended.counts == {"passed": 2}, ended.output
    assert ended.rc == 1
    rows = [line.split() for line in ended.output.splitlines()]
    assert ["playbooks/more.yml", "2", "1", "50%", "6"] in rows
    assert ["playbooks/other.yml", "1", "1", "0%", "3"] in rows
    assert ["playbooks/play.yml", "4", "2", "50%", "10,", "14"] in rows
    assert ["TOTAL", "7", "4", "43%"] in rows
    assert "  playbooks/more.yml:6  Roll back" in ended.output
    assert "playbooks/play.yml:5  Work: tried succeeded, failed; not timed_out, lost, unreachable" in ended.output
    assert "ERROR: 42.86 of 100 tasks have run, and --bgasync-cov-fail-under asks for 80" in ended.output
    assert json.loads((inner.path / "c.json").read_text())["percent"] == 42.86
    assert_no_insides(ended.output)


def test_a_wrong_percentage_is_one_sentence(inner: Inner) -> None:
    inner.test("def test_one(bgasync): pass")
    ended = inner.run("--bgasync-cov-fail-under", "most")
    ended.assert_says("--bgasync-cov-fail-under: 'most' is no number from 0 to 100")
