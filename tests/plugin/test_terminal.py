"""What the terminal shows, where the marker may stand, and tests side by side."""

from __future__ import annotations

import json
import os
import re

import pytest

from pytest_bgasync.engine.ownership import OWNER
from pytest_bgasync.util.processes import identify

from .inner import Inner

JOBS = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Start the export
      ansible.builtin.command: "true"
      async: 60
      poll: 0
      register: export
    - name: Migrate
      ansible.builtin.command: sh -c "exit 3"
      async: 60
      poll: 1
      ignore_errors: true
    - name: See the export end
      ansible.builtin.async_status:
        jid: "{{ export.ansible_job_id }}"
      register: status
      until: status.finished
      retries: 60
      delay: 1
"""
#: Each test has it: the job that nobody removed.
REMARK = "  left_behind: "
TEST = "def test_one(bgasync):\n    assert bgasync.run('jobs.yml').ok\n"


@pytest.fixture(autouse=True)
def jobs(inner: Inner) -> None:
    inner.file("jobs.yml", JOBS)
    inner.test(TEST)
    inner.ini("bgasync_time_scale = 0.4")  # the limit of 60 s is in force as 24 s


def section(output: str) -> list[str]:
    """Return the lines of the summary of background jobs."""
    found = re.search(r"^=+ background jobs =+\n(.*?)^=+", output, re.MULTILINE | re.DOTALL)
    lines = found[1].strip("\n").splitlines() if found else []
    return [line for line in lines if not line.startswith(REMARK)]


def assert_tabled(lines: list[str]) -> None:
    """See that lines are the table of the two jobs."""
    assert len(lines) == 2, lines
    export, migration = (" ".join(line.split()) for line in sorted(lines, key=lambda line: "Migrate" in line))
    assert re.fullmatch(r"SUCCEEDED host1 Start the export rc=0 [\d.]+ of .*\b60\b.* collected j\d+\.\d+", export)
    assert re.fullmatch(r"FAILED host1 Migrate rc=3 [\d.]+ of .*\b60\b.* collected j\d+\.\d+", migration)


def test_a_verbose_run_ends_with_what_each_job_did_even_with_workers_of_xdist(inner: Inner) -> None:
    inner.test(f"{TEST}\ndef test_two(bgasync):\n    assert bgasync.run('jobs.yml').ok\n")
    ended = inner.run("-v", "-n", "2")
    ended.assert_passed(2)
    lines = section(ended.output)
    assert sorted([lines[0], lines[3]]) == ["test_inner.py::test_one", "test_inner.py::test_two"]
    assert_tabled(lines[1:3])
    assert_tabled(lines[4:6])
    assert lines[6:] == ["4 background jobs: 2 succeeded, 2 failed; 2 remarks"]
    inner.assert_nothing_left()


def test_a_quiet_run_says_nothing_of_jobs(inner: Inner) -> None:
    ended = inner.run("-q")
    assert ended.rc == 0
    assert "background job" not in ended.output


def test_a_run_ends_with_the_number_of_its_jobs_and_with_those_of_tests_that_failed(inner: Inner) -> None:
    inner.test(
        TEST
        + """
def test_bad(bgasync):
    bgasync.host.run("echo it could not mount the disk > /proc/1/fd/1")
    assert bgasync.run("jobs.yml").job("Migrate").rc == 0
"""
    )
    ended = inner.run("--color=yes")
    assert (ended.rc, ended.counts) == (1, {"failed": 1, "passed": 1})
    assert "\x1b[31mFAILED\x1b[0m" in ended.output
    assert "\x1b[32mSUCCEEDED\x1b[0m" in ended.output
    plain = re.sub(r"\x1b\[[\d;]*m", "", ended.output)
    lines = section(plain)
    assert lines[0] == "test_inner.py::test_bad"
    assert_tabled(lines[1:3])
    assert lines[3:] == ["4 background jobs: 2 succeeded, 2 failed; 2 remarks (all shown with -v)"]
    assert plain.count(f"\n{REMARK}") == 1
    # The failure itself: each thing once.
    failure = plain.partition("= FAILURES =")[2].partition("= background jobs =")[0]
    for once in (
        "- background jobs that did not succeed -",
        "job 'Migrate' on host1 (",
        "- tasks of jobs.yml, which ended with 0 -",
        "host1: Start the export > Migrate (failed) > See the export end\n",
        "- output of ansible-playbook jobs.yml -",
        "PLAY RECAP",
        "- log of the host host1 -",
        "it could not mount the disk\n",
    ):
        assert failure.count(once) == 1, f"{once}:\n{failure}"
    assert "job 'Start the export'" not in failure


def test_no_summary_without_jobs(inner: Inner) -> None:
    inner.test("def test_one(bgasync): bgasync.host.run('true')")
    ended = inner.run("-v")
    ended.assert_passed(1)
    assert "background job" not in ended.output


def test_the_marker_may_stand_on_module_class_and_test_and_the_closest_wins(inner: Inner) -> None:
    inner.test(
        """
        import pytest

        pytestmark = pytest.mark.bgasync(["web1"], time_scale=0.5)

        def test_of_the_module(bgasync):
            assert list(bgasync.hosts) == ["web1"] and bgasync.time_scale == 0.5

        @pytest.mark.bgasync(hosts={"db": ["db1", "db2"], "all_db": ["db1"]})
        class TestClass:
            def test_of_the_class(self, bgasync):
                assert list(bgasync.hosts) == ["db1", "db2"] and bgasync.time_scale == 0.4

            @pytest.mark.bgasync()
            def test_of_its_own(self, bgasync):
                assert list(bgasync.hosts) == ["host1"] and bgasync.host.name == "host1"
        """
    )
    inner.run("--strict-markers").assert_passed(3)
    inner.assert_nothing_left()


def test_the_marker_comes_before_the_option_and_the_option_before_the_ini_file(inner: Inner) -> None:
    inner.ini("bgasync_time_scale = 0.1")
    inner.test(
        """
        import pytest

        @pytest.mark.bgasync(time_scale=0.3)
        def test_marker(bgasync): assert bgasync.time_scale == 0.3

        def test_option(bgasync): assert bgasync.time_scale == 0.2

        def test_ini(bgasync): assert bgasync.time_scale == 0.1
        """
    )
    inner.run("--bgasync-time-scale=0.2", "--deselect=test_inner.py::test_ini").assert_says("2 passed, 1 deselected")
    inner.run("-k", "test_ini").assert_says("1 passed, 2 deselected")


@pytest.mark.parametrize(
    "mode",
    [
        "load",
        "worksteal",
        "each",
        *(pytest.param(mode, marks=pytest.mark.thorough) for mode in ("loadscope", "loadfile", "loadgroup")),
    ],
)
def test_workers_of_xdist_share_nothing_but_the_engine(inner: Inner, mode: str) -> None:
    inner.test(
        """
        import os
        import pytest

        class Common:
            def test_one(self, bgasync):
                worker = os.environ["PYTEST_XDIST_WORKER"]
                bgasync.host.put("/worker", worker)
                assert bgasync.host.read("/worker") == worker
                open(f"worker-{worker}", "a").close()

        class TestA(Common):
            pass

        @pytest.mark.xdist_group("b")
        class TestB(Common):
            pass
        """
    )
    inner.file("test_other.py", (inner.path / "test_inner.py").read_text())
    inner.run("-n", "2", "--dist", mode).assert_passed(8 if mode == "each" else 4)
    assert sorted(path.name for path in inner.path.glob("worker-*")) == ["worker-gw0", "worker-gw1"]
    inner.assert_nothing_left()


def test_every_test_has_hosts_of_its_own(inner: Inner) -> None:
    inner.test(
        """
        import pytest

        @pytest.mark.parametrize("number", range(2))
        def test_one(bgasync, number):
            assert bgasync.host.run("test -e /mine").rc == 1
            bgasync.host.put("/mine", "")
        """
    )
    inner.run().assert_passed(2)


def test_a_test_that_fails_shows_the_author_s_frames_only(inner: Inner) -> None:
    inner.test(
        """
        import pytest

        def helper(lab):
            lab.run("jobs.yml").job("Stop the export")

        @pytest.fixture
        def ready(bgasync):
            bgasync.host.read("/nonexistent")

        @pytest.mark.bgasync(2)
        def test_one(bgasync):
            bgasync.host

        def test_two(bgasync):
            helper(bgasync)

        def test_three(ready):
            pass
        """
    )
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"failed": 2, "errors": 1}), ended.output
    ended.assert_says(
        "Ambiguous: this test has 2 hosts, choose one with bgasync.hosts[name]:",
        "NotThere: no background job 'Stop the export'; there are:",
        '\n>       lab.run("jobs.yml").job("Stop the export")',
        "HostProblem: /nonexistent could not be read on host host1:",
    )
    inner.assert_nothing_left()


@pytest.mark.parametrize("args", [[], ["-n", "1"]])
def test_what_takes_long_is_told_even_by_workers_of_xdist(inner: Inner, args: list[str]) -> None:
    inner.test("def test_one(bgasync_engine): pass")
    (inner.temp / "bga-dead").mkdir()
    (inner.temp / "bga-dead" / OWNER).write_text(json.dumps({**identify(os.getpid()), "ticks": 1}))
    ended = inner.run(*args)
    ended.assert_passed(1)
    assert f"bgasync: removed what a dead run had left: folder {inner.temp}/bga-dead\n" in ended.output


def test_what_is_waited_for_is_told_while_output_is_captured(inner: Inner) -> None:
    inner.file("slow.yml", JOBS.replace('command: "true"', "command: sleep 6").replace("Migrate", "Next"))
    inner.test(
        """
        import time

        def test_one(bgasync):
            with bgasync.start("slow.yml", pause_before=["Next"]) as running:
                running.wait_for("Next")
                print("nobody sees this")
                time.sleep(2.2)  # the test does something while the play stands still
                running.jobs[0].wait()
                running.resume()
        """
    )
    ended = inner.run()
    ended.assert_passed(1)
    said = re.findall(r"^bgasync: (.*)$", ended.output, re.MULTILINE)
    assert [
        line for line in said if re.fullmatch(r"playbook slow.yml stands still before 'Next' until .* \(\d+ s\)", line)
    ]
    assert [line for line in said if re.fullmatch(r"waiting for job 'Start the export' on host1, .* \(\d+ s\)", line)]
    assert "nobody sees this" not in ended.output
    assert "\x1b" not in ended.output
