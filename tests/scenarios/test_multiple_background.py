"""Several different jobs side by side: multiple_background.yml."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, Outcome

# At a limit Ansible may miss a process that was started at once: by chance, so it is no matter of these tests.
pytestmark = pytest.mark.bgasync(hosts=["db1"], image="fixtures/database", time_scale=0.02, allow=["survivors"])


def test_three_backups_run_side_by_side(bgasync: Lab) -> None:
    run = bgasync.run("multiple_background.yml")

    assert run.ok, run.stdout
    assert [(job.outcome, job.rc, job.collected) for job in run.jobs] == [(Outcome.SUCCEEDED, 0, True)] * 3
    assert len({job.jid for job in run.jobs}) == 3
    assert [job.limit for job in run.jobs] == [3600, 3600, 1800]
    assert [r.msg for r in run.results("Report the backups")] == [
        "Database backup: SUCCESS", "File backup: SUCCESS", "Log archive: SUCCESS",
    ]  # fmt: skip
    assert bgasync.host.run("pg_restore --list /backup/mydb.dump").rc == 0
    assert "opt/myapp/data/customers.csv" in bgasync.host.run("tar tzf /backup/app_files.tar.gz").stdout


def test_one_that_fails_is_reported_and_the_others_are_waited_for(bgasync: Lab) -> None:
    bgasync.host.stub("pg_dump", rc=3, stderr="out of disk")

    run = bgasync.run("multiple_background.yml")

    assert not run.ok
    database = run.job("Start the database backup")
    assert (database.outcome, database.rc, database.stderr) == (Outcome.FAILED, 3, "out of disk")
    assert len(run.jobs.where(outcome=Outcome.SUCCEEDED, collected=True)) == 2
    assert [r.msg for r in run.results("Report the backups")] == [
        "Database backup: FAILED (rc 3)", "File backup: SUCCESS", "Log archive: SUCCESS",
    ]  # fmt: skip
    assert run.result("Require every backup").status == "failed"


def test_one_that_hangs_is_reported_as_timed_out(bgasync: Lab) -> None:
    bgasync.host.stub("pg_dump", takes=100_000)

    run = bgasync.run("multiple_background.yml", limits={"Start the database backup": 3})

    assert run.job("Start the database backup").outcome is Outcome.TIMED_OUT
    assert run.result("Report the backups", item="Database backup").msg == "Database backup: TIMED OUT"
    assert not run.ok
