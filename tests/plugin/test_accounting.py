"""What the end of a test says of jobs that nobody has read, that still run, or that were declared."""

from __future__ import annotations

import pytest

from .inner import Ended, Inner, assert_no_insides

JOBS = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Fail
      ansible.builtin.shell: "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $n; done; echo broken >&2; exit 3"
      async: 60
      poll: 0
      when: "'fail' in jobs"
    - name: Succeed
      ansible.builtin.command: "true"
      async: 60
      poll: 0
      when: "'succeed' in jobs"
    - name: Sleep
      ansible.builtin.command: sleep 300
      async: 600
      poll: 0
      when: "'sleep' in jobs"
    - name: Escape
      ansible.builtin.shell: setsid sleep 300 & wait
      async: 2
      poll: 5
      ignore_errors: true
      when: "'escape' in jobs"
    - name: Ask for another
      ansible.builtin.async_status: {jid: "123.4"}
      failed_when: false
      when: "'swallow' in jobs"
"""
RUN = "bgasync.run('jobs.yml', extra_vars={{'jobs': '{}'}})"


@pytest.fixture(autouse=True)
def jobs(inner: Inner) -> None:
    inner.file("jobs.yml", JOBS)


def written(*bodies: tuple[str, str, str]) -> str:
    """Return a test file; each test has a name, its decorators, and the jobs it launches."""
    parts = [
        f"{marks}\ndef test_{name}(bgasync):\n    {RUN.format(launched)}\n".lstrip() for name, marks, launched in bodies
    ]
    return "\n".join(["import pytest", *parts])


def failure(ended: Ended, name: str) -> str:
    """Return what is said of one failed test."""
    start = ended.output.index(f"_ test_{name} _")
    ends = [ended.output.find(word, start + 1) for word in ("\n____", "\n====")]
    return ended.output[start : min(end for end in ends if end > 0)]


def test_each_kind_fails_the_test_with_its_job_and_its_cure(inner: Inner) -> None:
    inner.test(
        written(
            ("one", "", "fail"),
            ("two", "", "sleep"),
            ("three", "", "escape"),
            ("four", "", "swallow"),
            ("five", "", ""),
        )
    )
    ended = inner.run("-n", "2")
    assert ended.counts == {"failed": 4, "passed": 1}
    assert_no_insides(ended.output)
    one = failure(ended, "one")
    assert "uncollected: nobody read the result of job 'Fail' on host1 (j" in one
    assert "outcome failed, rc 3, user ansible, limit 60 s, took " in one
    assert "stdout (the last 10 of 12 lines):\n   | line 3\n" in one
    assert "stderr:\n   | broken\n" in one
    assert "-> ask for it with async_status until it is finished, or" in one
    assert "@pytest.mark.fire_and_forget('Fail')" in one
    assert "running:" not in one
    two = failure(ended, "two")
    assert "uncollected: nobody read the result of job 'Sleep'" in two
    assert "running: job 'Sleep' on host1 (j" in two
    assert two.count("limit 600 s") == 1  # the job is described once
    three = failure(ended, "three")
    assert "survivors: job 'Escape' on host1 (j" in three
    assert "of its processes live on: " in three
    assert "(sleep 300)" in three
    assert "uncollected" not in three
    four = failure(ended, "four")
    assert (
        "swallowed: status task 'Ask for another' on host1 asked for job 123.4, which no run of this test launched"
        in four
    )
    inner.assert_nothing_left()


def test_what_is_allowed_or_not_strict_passes(inner: Inner) -> None:
    allow = "@pytest.mark.bgasync(allow={})".format
    inner.test(
        written(
            ("allowed", allow("['uncollected', 'running']"), "fail sleep"),
            ("not_all", allow("['running']"), "sleep"),
            ("not_strict", "@pytest.mark.bgasync(strict=False)", "fail sleep swallow"),
            ("strict", "@pytest.mark.bgasync(strict=True)", "succeed"),
            ("by_default", "", "succeed"),
        )
    )
    results = inner.run("-v")
    for name, outcome in (("allowed", "PASSED"), ("not_all", "FAILED"), ("not_strict", "PASSED"), ("strict", "FAILED")):
        assert f"::test_{name} {outcome}" in results.output
    assert "uncollected: nobody read the result of job 'Succeed'" in results.output
    # The marker has the last word.
    ended = inner.run("-k", "by_default or test_strict", "--bgasync-no-strict")
    assert ended.counts == {"failed": 1, "passed": 1, "deselected": 3}, ended.output
    ended = inner.run("-k", "by_default", "-o", "bgasync_strict=false")
    assert ended.counts == {"passed": 1, "deselected": 4}, ended.output
    assert "2 remarks (shown with -v)" in ended.output


def test_a_test_that_fails_by_itself_shows_that_first(inner: Inner) -> None:
    inner.test(
        f"""
        import unittest

        import pytest

        class TestOther(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def lab(self, bgasync):
                self.bgasync = bgasync

            def test_case(self):
                self.{RUN.format("fail")}
                self.fail("my own reason")

        @pytest.mark.fire_and_forget("Succeed", outcome="failed")
        @pytest.mark.fire_and_forget("Sleep")
        def test_one(bgasync):
            run = {RUN.format("fail succeed sleep")}
            run.job("Succeed").wait()
            assert run.rc == 1, "my own reason"

        def test_two(bgasync):
            {RUN.format("fail")}
            pytest.skip("not here")
        """
    )
    ended = inner.run()
    assert ended.counts == {"failed": 2, "skipped": 1}
    assert_no_insides(ended.output)
    case, rest = ended.output.split("_ test_one _")
    assert case.index("my own reason") < case.index("uncollected: nobody read")
    ended = Ended(ended.rc, rest)
    own, findings = ended.output.index("my own reason"), ended.output.index("uncollected: nobody read")
    assert own < findings
    assert "job 'Succeed' on host1" in ended.output
    assert "ended as succeeded instead of failed" in ended.output
    assert "job 'Sleep'" not in ended.output  # nobody waits for it once the test has failed
    assert "FAILED test_inner.py::test_one - AssertionError: my own reason" in inner.run("-rf", "-k", "one").output


@pytest.mark.thorough
def test_runs_of_other_fixtures_are_accounted_for_too(inner: Inner) -> None:
    inner.test(
        f"""
        import pytest

        @pytest.fixture
        def tidy(bgasync):
            yield
            {RUN.format("fail succeed")}

        @pytest.fixture
        def forgetful(bgasync):
            yield
            bgasync.start("jobs.yml", extra_vars={{"jobs": "fail"}}, pause_before=["Succeed"]).wait_for("Succeed")

        @pytest.fixture
        def broken(bgasync):
            {RUN.format("fail")}
            assert False, "my own reason"

        @pytest.mark.fire_and_forget("Succeed", count=1)
        def test_one(bgasync, tidy):
            {RUN.format("succeed")}

        def test_two(broken):
            pass

        def test_three(forgetful):
            pass

        @pytest.mark.fire_and_forget("Succeed")
        def test_four():
            pass
        """
    )
    ended = inner.run()
    assert ended.counts == {"passed": 2, "errors": 3, "failed": 1}, ended.output
    assert_no_insides(ended.output)
    one, two = ended.output.index("ERROR at teardown of test_one"), ended.output.index("ERROR at setup of test_two")
    assert one < ended.output.index("uncollected: nobody read the result of job 'Fail'") < two
    three = ended.output.index("ERROR at teardown of test_three")
    was = ended.output.index("playbook jobs.yml was paused before the task 'Succeed' when the test ended", three)
    assert was < ended.output.index("uncollected: nobody read the result of job 'Fail'", three)
    ended.assert_says("the fire_and_forget marker declares jobs of the fixture bgasync: let the test use it")
    own = ended.output.index("my own reason", two)
    assert own < ended.output.index("uncollected: nobody read the result of job 'Fail'", two)
    assert "job 'Succeed'" not in ended.output
    inner.assert_nothing_left()


def test_what_no_terminal_and_no_report_can_take_is_escaped(inner: Inner) -> None:
    inner.file(
        "odd.yml",
        """
- hosts: all
  gather_facts: false
  tasks:
    - {name: Odd, shell: "printf '\\\\377\\\\033[31m'; exit 3", async: 60, poll: 0}
""",
    )
    inner.test("def test_one(bgasync):\n    bgasync.run('odd.yml')\n")
    ended = inner.run("-n", "1")
    assert ended.counts == {"failed": 1}, ended.output
    assert_no_insides(ended.output)
    assert "   | \\udcff\\x1b[31m\n" in ended.output


@pytest.mark.thorough
def test_declared_jobs_are_watched_and_compared(inner: Inner) -> None:
    mark = "@pytest.mark.fire_and_forget({})".format
    inner.test(
        written(
            ("all", mark(""), "succeed"),
            ("stacked", mark("'Succeed'") + "\n" + mark("'Fail', rc=3"), "succeed fail"),
            ("alive", mark("'Sleep', outcome='running'"), "sleep"),
            ("counted", mark("'Fail', count=0"), ""),
            ("any_way", mark("outcome=None"), "fail"),
            ("outcome_differs", mark("'Fail'"), "fail"),
            ("rc_differs", mark("'Fail', rc=4"), "fail"),
            ("too_late", mark("'Sleep', within=1"), "sleep"),
            ("any_end", mark("'Sleep', outcome=None, within=1"), "sleep"),
            ("too_few", mark("'Succeed', count=2"), "succeed"),
            ("none", mark("'Sucseed'"), ""),
            ("other_host", mark("'Succeed', host='localhost'"), "succeed"),
        )
    )
    ended = inner.run("-n", "2")
    assert ended.counts == {"passed": 5, "failed": 7}, ended.output
    assert_no_insides(ended.output)
    differs = failure(ended, "outcome_differs")
    assert "fire_and_forget: job 'Fail' on host1 (j" in differs
    assert "ended as failed instead of succeeded\n   outcome failed, rc 3, user ansible, limit 60 s, took " in differs
    assert "   | broken" in differs
    assert "has rc 3 instead of 4" in failure(ended, "rc_differs")
    assert "is still running after 1 s more instead of succeeded" in failure(ended, "too_late")
    assert "is still running after 1 s more\n" in failure(ended, "any_end")
    assert "fire_and_forget: task 'Succeed' launched 1 job instead of 2" in failure(ended, "too_few")
    assert "fire_and_forget: task 'Sucseed' launched no job" in failure(ended, "none")
    assert "fire_and_forget: task 'Succeed' on localhost launched no job" in failure(ended, "other_host")
    assert "uncollected: nobody read the result of job 'Succeed'" in failure(ended, "other_host")
    inner.assert_nothing_left()


@pytest.mark.thorough
def test_a_declaration_may_stand_on_a_class_a_module_or_a_parameter(inner: Inner) -> None:
    inner.test(
        f"""
        import pytest

        pytestmark = pytest.mark.fire_and_forget("Succeed")

        @pytest.mark.fire_and_forget("Fail", outcome="failed")
        class TestOne:
            def test_both(self, bgasync):
                {RUN.format("succeed fail")}

            @pytest.mark.fire_and_forget("Fail", rc=4)
            def test_the_nearest_holds(self, bgasync):
                {RUN.format("fail")}

        failing = pytest.param("fail", marks=pytest.mark.fire_and_forget("Fail", rc=3))

        @pytest.mark.fire_and_forget("Fail", count=0)
        @pytest.mark.parametrize("jobs", ["succeed", failing])
        def test_each(bgasync, jobs):
            bgasync.run("jobs.yml", extra_vars={{"jobs": jobs}})
        """
    )
    ended = inner.run("-v")
    assert ended.counts == {"passed": 3, "failed": 1}, ended.output
    assert "test_the_nearest_holds FAILED" in ended.output
    assert "has rc 3 instead of 4" in ended.output
    assert "declared" in ended.output


def test_a_declaration_that_cannot_be_meant_is_refused(inner: Inner) -> None:
    inner.test(
        written(
            ("one", "@pytest.mark.fire_and_forget('Fail', outcom='failed')", ""),
            ("two", "@pytest.mark.fire_and_forget('Fail', host='host2')", ""),
        )
    )
    ended = inner.run()
    assert ended.rc == pytest.ExitCode.USAGE_ERROR
    ended.assert_says(
        "test_inner.py::test_two: the fire_and_forget marker's host 'host2' is no host of the test; it has: host1"
    )
    ended.assert_says(
        "test_inner.py::test_one: the fire_and_forget marker has no argument 'outcom'; it takes: task, outcome, rc"
    )
