"""A migration that is rolled back unless it succeeded: background_error_handling.yml."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, Outcome, Run

pytestmark = pytest.mark.bgasync(
    hosts=["app1"],
    services=["webhooks"],
    image="fixtures/application",
    time_scale=0.02,
    allow=["survivors"],  # at a limit Ansible may miss a process that was started at once: chance, not the playbook
)
MIGRATION, ROLLBACK = "/opt/myapp/bin/data-migration", "/opt/myapp/bin/rollback-migration"


def migrate(bgasync: Lab, limits: dict[str, float] | None = None) -> Run:
    return bgasync.run("background_error_handling.yml", limits=limits)


def schema_version(bgasync: Lab) -> str:
    read = (
        "import sqlite3; print(*sqlite3.connect('/opt/myapp/data/shop.db').execute('PRAGMA user_version').fetchone())"
    )
    return bgasync.host.run(["python3", "-c", read]).stdout.strip()


def alerts(bgasync: Lab) -> list[str]:
    return [request.json["text"] for request in bgasync.webhooks.requests]


def test_a_migration_that_succeeds_is_kept(bgasync: Lab) -> None:
    run = migrate(bgasync)

    assert run.ok, run.stdout
    job = run.job("Start the migration")
    assert (job.outcome, job.rc, job.collected) == (Outcome.SUCCEEDED, 0, True)
    assert run.result("Start the migration").data["ansible_job_id"] == job.jid
    assert not run.ran("Run rollback")
    assert schema_version(bgasync) == "2"
    assert alerts(bgasync) == []


def test_a_migration_that_fails_half_way_is_rolled_back(bgasync: Lab) -> None:
    spoil = "import sqlite3; c = sqlite3.connect('/opt/myapp/data/shop.db'); c.execute('UPDATE orders SET quantity = 0"
    bgasync.host.run(["python3", "-c", f"{spoil} WHERE id = 9000'); c.commit()"])

    run = migrate(bgasync)

    job = run.job("Start the migration")
    assert (job.outcome, job.rc) == (Outcome.FAILED, 1)
    assert "order 9000 has no valid quantity" in job.stderr
    assert run.ran("Run rollback")
    assert schema_version(bgasync) == "1"
    assert run.job("Alert the team").outcome is Outcome.SUCCEEDED
    assert ["rollback succeeded" in text for text in alerts(bgasync)] == [True]
    assert (run.recap["app1"].rescued, run.recap["app1"].failed) == (1, 1)


def test_a_migration_that_times_out_is_rolled_back_although_it_has_no_rc(bgasync: Lab) -> None:
    app = bgasync.host
    app.stub(MIGRATION, takes=100_000)
    app.stub(ROLLBACK)

    run = migrate(bgasync, limits={"Start the migration": 3})

    job = run.job("Start the migration")
    assert (job.outcome, job.rc) == (Outcome.TIMED_OUT, None)
    assert len(app.calls(ROLLBACK)) == 1
    assert "no_rc" not in {finding.kind for finding in run.findings}
    assert len(alerts(bgasync)) == 1


def test_the_naive_handling_loses_the_rollback_exactly_when_the_job_times_out(bgasync: Lab) -> None:
    """The rollback of the naive form depends on a condition that is an error without an rc."""
    app = bgasync.host
    app.stub(ROLLBACK)

    app.stub(MIGRATION, rc=3)
    failed = bgasync.run("naive_error_handling.yml")
    assert failed.job("Launch the migration").outcome is Outcome.FAILED
    assert failed.ran("Undo the migration")
    assert len(app.calls(ROLLBACK)) == 1

    app.stub(MIGRATION, takes=100_000)
    timed_out = bgasync.run("naive_error_handling.yml", limits={"Launch the migration": 3})
    assert timed_out.job("Launch the migration").outcome is Outcome.TIMED_OUT
    assert not timed_out.ran("Undo the migration")
    assert timed_out.result("Say that it went well").status == "failed"
    (lost,) = [finding for finding in timed_out.findings if finding.kind == "no_rc"]
    assert "'Say that it went well' on app1 failed before it began: it reads an rc" in lost.what
    assert "timed out and has none; what stands after it did not run" in lost.what
    assert len(app.calls(ROLLBACK)) == 1
