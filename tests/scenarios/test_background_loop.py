"""A job for each item of a loop, as another user: background_loop.yml."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, Outcome

# At a limit Ansible may miss a process that was started at once: by chance, so it is no matter of these tests.
pytestmark = pytest.mark.bgasync(hosts=["db1"], image="fixtures/database", time_scale=0.02, allow=["survivors"])
DATABASES = ["users_db", "orders_db", "inventory_db", "analytics_db"]


def rows(bgasync: Lab, database: str) -> list[str]:
    dump = bgasync.host.run(f"pg_dump --data-only --inserts {database}", user="postgres").stdout
    found = [line for line in dump.splitlines() if line.startswith("INSERT INTO")]
    assert len(found) > 10
    return found


def test_every_database_is_dumped_by_postgres(bgasync: Lab) -> None:
    run = bgasync.run("background_loop.yml")

    assert run.ok, run.stdout
    assert [job.item for job in run.jobs] == DATABASES
    for job in run.jobs:
        assert (job.outcome, job.rc, job.user) == (Outcome.SUCCEEDED, 0, "postgres")
        assert job.results_file == f"/var/lib/postgresql/.ansible_async/{job.jid}"
        restored = f"createdb restored && pg_restore --exit-on-error -d restored /backup/{job.item}_*.dump"
        assert bgasync.host.run(restored, user="postgres").rc == 0
        assert rows(bgasync, "restored") == rows(bgasync, job.item)
        bgasync.host.run("dropdb restored", user="postgres")
    assert len(bgasync.host.jobs()) == 4


def test_a_database_that_is_not_there_fails_its_own_item_only(bgasync: Lab) -> None:
    assert bgasync.host.run("dropdb orders_db", user="postgres").rc == 0

    run = bgasync.run("background_loop.yml")

    assert not run.ok
    failed = run.job("Start the backups", item="orders_db")
    assert (failed.outcome, failed.rc) == (Outcome.FAILED, 1)
    assert len(run.jobs.where(outcome="succeeded")) == 3
    assert [r.msg for r in run.results("Report the backups")] == [
        "users_db: SUCCESS", "orders_db: FAILED (rc 1)", "inventory_db: SUCCESS", "analytics_db: SUCCESS",
    ]  # fmt: skip


def test_a_dump_that_hangs_times_out_alone(bgasync: Lab) -> None:
    slow = 'case "$*" in *analytics_db*) exec sleep 1000;; *) exec /usr/bin/pg_dump "$@";; esac'
    bgasync.host.stub("pg_dump", script=f"#!/bin/sh\n{slow}\n")

    run = bgasync.run("background_loop.yml", limits={"Start the backups": 8})

    assert run.job("Start the backups", item="analytics_db").outcome is Outcome.TIMED_OUT
    assert len(run.jobs.where(outcome="succeeded")) == 3
    assert run.result("Report the backups", item="analytics_db").msg == "analytics_db: TIMED OUT"
    assert {call.user for call in bgasync.host.calls("pg_dump")} == {"postgres"}
