"""What every_outcome says: in the ids of tests, of outcomes that did not come about, of wrong markers."""

from __future__ import annotations

import pytest

from .inner import Inner, assert_no_insides

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command:
        cmd: "{{ command | default('true') }}"
        creates: "{{ creates | default(omit) }}"
      async: 60
      poll: 0
      register: job
      when: launch | default(true)
    - name: Ask
      ansible.builtin.async_status: {jid: "{{ job.ansible_job_id }}"}
      register: answer
      until: answer is finished
      retries: 30
      delay: 4
      ignore_errors: true
      when: launch | default(true)
    - name: Roll back
      ansible.builtin.command: "true"
      when: answer.rc != 0
"""


@pytest.fixture(autouse=True)
def play(inner: Inner) -> None:
    inner.file("play.yml", PLAY)


def test_a_playbook_that_loses_its_rollback_at_the_timeout_only(inner: Inner) -> None:
    inner.test(
        """
        import pytest

        @pytest.mark.bgasync(time_scale=0.05)
        @pytest.mark.every_outcome("Work", ["failed", "timed_out"])
        def test_rollback(bgasync, bgasync_outcome):
            run = bgasync.run("play.yml")
            assert run.result("Roll back").status == "changed"
        """
    )
    ended = inner.run("-v")
    assert ended.counts == {"passed": 1, "failed": 1}, ended.output
    ended.assert_says(
        "test_inner.py::test_rollback[failed] PASSED",
        "test_inner.py::test_rollback[timed_out] FAILED",
    )


def test_an_outcome_that_did_not_come_about_fails_the_test(inner: Inner) -> None:
    inner.test(
        """
        import pytest

        pytestmark = pytest.mark.bgasync(time_scale=0.05)

        @pytest.mark.every_outcome("Work", ["succeeded"])
        def test_other(bgasync):
            bgasync.run("play.yml", extra_vars={"command": "false"})

        @pytest.mark.every_outcome("Work", ["failed"])
        def test_none(bgasync):
            bgasync.run("play.yml", extra_vars={"launch": False})

        @pytest.mark.xfail(reason="the rollback does not run yet")
        @pytest.mark.every_outcome("Work", ["succeeded"])
        def test_expected_to_fail(bgasync):
            assert bgasync.run("play.yml", extra_vars={"command": "sh -c 'exit 5'"}).ran("Rollback")

        @pytest.mark.every_outcome("Wrok", ["failed"])
        def test_misspelt(bgasync):
            bgasync.run("play.yml")

        def test_no_marker(bgasync, bgasync_outcome):
            pass

        @pytest.mark.every_outcome("Work", ["failed"])
        def test_no_command(bgasync):
            bgasync.run("play.yml", extra_vars={"creates": "/"})
        """
    )
    ended = inner.run()
    assert ended.counts == {"failed": 5, "errors": 1}, ended.output
    assert ended.output.count("was to be succeeded and is failed") == 2
    ended.assert_says(
        "every_outcome: task 'Work' launched no job, so nothing was tried",
        "every_outcome: task 'Wrok' launched no job, so nothing was tried",
        "bgasync_outcome is the outcome that a test is run for: mark it with @pytest.mark.every_outcome",
        "was to be failed and is succeeded: its module ended without having started a command",
    )
    assert_no_insides(ended.output)
    inner.assert_nothing_left()


def test_a_marker_that_tries_nothing_is_refused(inner: Inner) -> None:
    inner.test(
        """
        import pytest, unittest

        @pytest.mark.every_outcome("Work")
        def test_no_hosts(bgasync_outcome):
            pass

        @pytest.mark.every_outcome("Work")
        class TestOld(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def lab(self, bgasync):
                pass

            def test_one(self):
                pass
        """
    )
    ended = inner.run()
    ended.assert_says(
        "the every_outcome marker is for tests that use the fixture bgasync: else nothing is tried",
        "the every_outcome marker came too late, or the test is a method of unittest.TestCase",
    )
    assert ended.rc == pytest.ExitCode.USAGE_ERROR
    inner.test(
        """
        import pytest

        @pytest.mark.parametrize("bgasync_outcome", ["failed"], indirect=True)
        def test_by_hand(bgasync_outcome):
            pass
        """
    )
    inner.run().assert_says("bgasync_outcome is the outcome that a test is run for: mark it with")


@pytest.mark.parametrize(
    ("marker", "sentence"),
    [
        ("()", "the every_outcome marker needs the name of the task whose jobs it is about, not None"),
        ("('Work', 'failed')", "the every_outcome marker's outcomes is a list of outcomes, such as"),
        ("('Work', ['faild'])", "the every_outcome marker: 'faild' is no way for a job to end; those are: succeeded,"),
        ("('Work', ['failed', 'failed'])", "the every_outcome marker names the outcome 'failed' twice"),
        ("('Work', outcome=['failed'])", "the every_outcome marker has no argument 'outcome'; it takes: task,"),
        ("('Work', host='host2')", "the every_outcome marker's host 'host2' is no host of the test; it has: host1"),
        ("('Work')\n@pytest.mark.every_outcome('Other')", "a test has one every_outcome marker"),
    ],
)
def test_a_wrong_marker_is_one_sentence(inner: Inner, marker: str, sentence: str) -> None:
    inner.test(f"import pytest\n\n@pytest.mark.every_outcome{marker}\ndef test_one(bgasync):\n    pass\n")
    ended = inner.run()
    ended.assert_says(sentence)
    assert ended.rc != 0
    assert_no_insides(ended.output)
