"""Hosts that stay after their test, how to get into them, and that only `bgasync clean` removes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .inner import Inner, wait_until

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Start the import
      ansible.builtin.command: sh -c "hostname >> /tmp/imported"
      async: 600
      poll: 0
      register: started
    - name: Wait for it
      ansible.builtin.async_status: {jid: "{{ started.ansible_job_id }}"}
      register: status
      until: status.finished
      retries: 100
      delay: 1
    - name: Say where this is
      ansible.builtin.command: hostname
      delegate_to: localhost
      register: place
    - name: See that it is no machine of ours
      ansible.builtin.assert: {that: "place.stdout == 'localhost'"}
"""
TESTS = """
import pytest

@pytest.mark.bgasync(hosts={"web": ["web1"]}, services=["webhooks"])
def test_bad(bgasync):
    assert bgasync.run("import.yml", extra_vars={"a": "b c"}).ok
    assert False, "on purpose"

def test_good(bgasync):
    assert bgasync.host.run("true").rc == 0
"""


@pytest.fixture(autouse=True)
def project(inner: Inner) -> None:
    inner.file("import.yml", PLAY)
    inner.test(TESTS)
    inner.ini("bgasync_time_scale = 0.2")


def folders(inner: Inner) -> list[Path]:
    return sorted(inner.temp.glob("bga-*"))


def test_hosts_of_a_failed_test_stay_and_what_its_report_says_works_by_hand(inner: Inner) -> None:
    ended = inner.run("--bgasync-keep=failed")
    assert (ended.rc, ended.counts) == (1, {"failed": 1, "passed": 1}), ended.output
    kept = sorted(inner.containers("running"))
    assert [name[24:] for name in kept] == ["localhost", "web1", "webhooks"], kept
    assert all(name.startswith("bgasync-kept-") for name in kept)
    (folder,) = folders(inner)

    # A pytest that starts later leaves them alone.
    inner.run("test_inner.py::test_good").assert_passed(1)
    assert sorted(inner.containers("running")) == kept

    ssh = re.search(rf"^ *(ssh -F {folder}/ssh_config web1)$", ended.output, re.MULTILINE)
    assert ssh, ended.output
    entered = inner.typed(f"{ssh[1]} 'hostname; cat /tmp/imported'")
    assert (entered.returncode, entered.stdout) == (0, "web1\nweb1\n"), entered
    execute = re.search(r"^ *(docker|podman) .*exec -it (bgasync-kept-\w+-web1) sh$", ended.output, re.MULTILINE)
    assert execute, ended.output
    assert execute[2] in kept

    again = inner.typed(ended.line_after("run import.yml again, as it was run:"))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "web1                       : ok=4" in again.stdout
    assert inner.typed(f"{ssh[1]} cat /tmp/imported").stdout == "web1\nweb1\n"
    # The name server of the scenario is still there.
    assert inner.typed(f"{ssh[1]} getent hosts hooks.example.com").stdout

    listed = inner.bgasync("ls")
    assert re.search(r"\w{10}-web1 +kept .*test_inner\.py::test_bad", listed.output), listed.output
    web1 = kept[1].removeprefix("bgasync-kept-")  # other sessions may have a web1, too
    assert inner.bgasync("shell", web1, "--", "hostname").output == "web1\n"
    assert inner.bgasync("shell", web1, "--", "exit 7").rc == 7

    spared = inner.bgasync("clean", "--spare-kept")
    assert web1 not in spared.output
    assert sorted(inner.containers("running")) == kept
    cleaned = inner.bgasync("clean")
    assert f"removed folder {folder}\n" in cleaned.output
    inner.assert_nothing_left()
    assert "test_inner.py" not in inner.bgasync("ls").output
    gone = inner.bgasync("shell", web1)
    assert gone.rc == 1
    gone.assert_says(f"bgasync: there is no host '{web1}'; there are")


def test_always_keeps_the_hosts_of_tests_that_pass_and_never_those_of_one_that_was_interrupted(inner: Inner) -> None:
    inner.test(
        """
        import time

        def test_good(bgasync): pass

        def test_long(bgasync):
            open("begun", "w").close()
            time.sleep(600)
        """
    )
    run = inner.start("--bgasync-keep=always")
    run.wait_for((inner.path / "begun").exists, "the second test")
    run.interrupt()
    ended = run.wait()
    assert ended.counts.get("passed") == 1, ended.output
    assert sorted(name[24:] for name in inner.containers()) == ["host1", "localhost"]
    told = re.search(r"^=+ kept hosts =+\n+test_inner.py::test_good\n  host host1:\n", ended.output, re.MULTILINE)
    assert told, ended.output
    assert "removed container" in inner.bgasync("clean").output
    inner.assert_nothing_left()


def test_a_killed_pytest_leaves_only_what_was_kept_before(inner: Inner) -> None:
    inner.test(
        """
        import os, signal

        import pytest

        @pytest.fixture
        def broken(bgasync): assert False

        def test_bad(broken): pass

        def test_killed(bgasync): os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    ended = inner.run("--bgasync-keep=failed")
    assert ended.rc == -9, ended.output
    wait_until(lambda: len(inner.containers()) == 2, within=10, what="the end of the hosts that are not kept")
    assert all(name.startswith("bgasync-kept-") for name in inner.containers())
    inner.bgasync("clean")
    inner.assert_nothing_left()
