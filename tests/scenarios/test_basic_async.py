"""A dump in the background while packages are installed: basic_async.yml."""

from __future__ import annotations

import re

import pytest

from pytest_bgasync import Lab, Outcome

# At a limit Ansible may miss a process that was started at once: by chance, so it is no matter of these tests.
pytestmark = pytest.mark.bgasync(hosts=["db1"], image="fixtures/database", time_scale=0.02, allow=["survivors"])


def test_the_dump_is_complete_and_the_tools_are_installed(bgasync: Lab) -> None:
    run = bgasync.run("basic_async.yml")

    assert run.ok, run.stdout
    job = run.job("Start the backup")
    assert re.fullmatch(r"j\d+\.\d+", str(job.jid))
    assert (job.outcome, job.rc, job.collected) == (Outcome.SUCCEEDED, 0, True)
    assert (job.user, job.limit, job.limit_wall) == ("root", 3600, 72)
    assert run.result("Install monitoring tools").status == "changed"
    assert bgasync.host.testinfra.package("htop").is_installed
    dump = bgasync.host.run("zcat /backup/mydb_*.sql.gz")
    assert "PostgreSQL database dump complete" in dump.stdout


def test_a_dump_that_fails_behind_the_pipe_fails_the_play(bgasync: Lab) -> None:
    assert bgasync.host.run("dropdb mydb", user="postgres").rc == 0

    run = bgasync.run("basic_async.yml")

    job = run.job("Start the backup")
    assert (job.outcome, job.rc) == (Outcome.FAILED, 1)
    assert 'database "mydb" does not exist' in job.stderr
    assert run.recap["db1"].failed == 1
    assert run.result("Install monitoring tools").status == "changed"


def test_a_dump_that_hangs_is_ended_at_its_limit(bgasync: Lab) -> None:
    bgasync.host.stub("pg_dump", takes=100_000)

    run = bgasync.run("basic_async.yml", limits={"Start the backup": 3})

    job = run.job("Start the backup")
    assert (job.outcome, job.rc, job.msg) == (Outcome.TIMED_OUT, None, "Timeout exceeded")
    assert run.recap["db1"].failed == 1
