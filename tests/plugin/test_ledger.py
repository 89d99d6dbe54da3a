"""--bgasync-ledger, the properties of JUnit's report, and the comparison of releases by ledgers."""

from __future__ import annotations

import json
import sys
from typing import Any
from xml.etree import ElementTree

import pytest

from .inner import Inner

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command: echo {{ word }}
      async: 60
      poll: 1
    - name: Hide
      ansible.builtin.command: echo {{ word }}
      async: 60
      poll: 1
      no_log: true
"""


def ledger(inner: Inner) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return the tests by name, and the kinds of all lines."""
    records = [json.loads(line) for line in (inner.path / "l.jsonl").read_text().splitlines()]
    tests = {record["nodeid"].partition("::")[2]: record for record in records if record["kind"] == "test"}
    return tests, [record["kind"] for record in records]


def test_what_tests_did_passes_from_the_workers_to_one_file_and_to_junit(inner: Inner) -> None:
    inner.file("playbooks/play.yml", PLAY)
    inner.test(
        """
        import pytest

        @pytest.mark.bgasync(services=["webhooks"], time_scale=0.5)
        def test_all(bgasync):
            with bgasync.host.freeze():
                pass
            with bgasync.traffic("http://hooks.example.com/ready?token=hunter2"):
                bgasync.run("play.yml", extra_vars={"word": "hunter2"}, env={"WORD": "hunter2"})

        @pytest.fixture
        def broken():
            raise ZeroDivisionError

        def test_set_up(broken, bgasync):
            pass

        def test_other():
            pass
        """
    )
    ended = inner.run("-n", "2", "--bgasync-ledger", "l.jsonl", "--junitxml", "j.xml")
    assert ended.counts == {"passed": 2, "errors": 1}, ended.output
    tests, kinds = ledger(inner)
    assert kinds == ["session", "test", "test", "session_end"]
    assert (tests["test_set_up"]["outcome"], "runs" in tests["test_set_up"]) == ("error", False)
    test = tests["test_all"]
    assert test["outcome"] == "passed"
    (run,) = test["runs"]
    assert (run["playbook"], run["rc"], run["options"]) == (
        "playbooks/play.yml", 0, {"extra_vars": ["word"], "env": ["WORD"]},
    )  # fmt: skip
    assert [(job["task"], job["outcome"], job["stdout"]) for job in run["jobs"]] == [
        ("Work", "succeeded", "hunter2"), ("Hide", "succeeded", ""),
    ]  # fmt: skip
    assert "PLAY RECAP" in run["stdout"]
    (deed,) = test["deeds"]["host1"]
    assert (deed["what"], deed["at"] < deed["until"]) == ("freeze", True)
    assert test["webhooks"][0]["path"] == "/ready"
    assert test["traffic"][0]["sent"] >= len(test["webhooks"]) > 0
    assert test["began"] < test["zero"] + run["began"] * test["time_scale"] < test["ended"]
    case = next(c for c in ElementTree.parse(inner.path / "j.xml").iter("testcase") if c.get("name") == "test_all")
    properties = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert properties.pop("bgasync_ansible_core") == run["ansible_version"]
    assert properties == {"bgasync_jobs": "2", "bgasync_jobs_succeeded": "2"}


@pytest.mark.thorough
def test_what_two_environments_do_otherwise_is_a_table(inner: Inner) -> None:
    """Their playbooks can see on which side they are."""
    inner.file("playbooks/play.yml", PLAY.replace("echo {{ word }}", "\"{{ lookup('env', 'SIDE') }}\"", 1))
    inner.test("def test_one(bgasync): bgasync.run('play.yml', extra_vars={'word': 1})\ndef test_two(): pass")
    sides = {}
    for side in ("true", "false"):
        path = inner.file(side, f'#!/bin/sh\nSIDE={side} exec {sys.executable} "$@"\n')
        path.chmod(0o755)
        sides[side] = str(path)
    ended = inner.bgasync("compare", *sides.values(), "--", "-q", "-p", "no:cacheprovider", "-k", "one")
    assert ended.rc == 1, ended.output
    rows = [line.split() for line in ended.output[ended.output.index("playbooks/play.yml\n") :].splitlines()]
    assert ["host1:", "task", "'Work'", "changed", "failed"] in rows
    assert ["host1:", "task", "'Hide'", "changed", "not", "reached"] in rows
    assert ["rc", "0", "2"] in rows
    assert "1 test on" in ended.output


def test_a_ledger_outside_of_the_project_leads_nobody_away_from_it(
    inner: Inner, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "l.jsonl"
    inner.test("def test_root(pytestconfig):\n    assert (pytestconfig.rootpath / 'tox.ini').is_file()")
    inner.run("-n", "1", "--bgasync-ledger", str(outside)).assert_passed(1)
    assert json.loads(outside.read_text().splitlines()[0])["kind"] == "session"
    ended = inner.run("-n", "1", "--bgasync-ledger", str(outside))
    assert ended.rc == pytest.ExitCode.USAGE_ERROR
    ended.assert_says(f"--bgasync-ledger: write --bgasync-ledger={outside}, or pytest looks for its ini file above")
    inner.run("-n", "1", f"--bgasync-ledger={outside}").assert_passed(1)


@pytest.mark.parametrize("xdist", [[], ["-n", "1"]])
def test_a_ledger_whose_folder_goes_while_tests_run_ends_the_session_with_one_sentence(
    inner: Inner, xdist: list[str]
) -> None:
    (inner.path / "out").mkdir()
    inner.conftest(
        """
        def pytest_sessionfinish(session):
            if not hasattr(session.config, "workerinput"):
                (session.config.rootpath / "out").rmdir()
        """
    )
    inner.test("def test_one():\n    pass")
    ended = inner.run(*xdist, "--bgasync-ledger", "out/l.jsonl")
    assert ended.rc == pytest.ExitCode.USAGE_ERROR, ended.output
    ended.assert_says("--bgasync-ledger: ")
