"""What a test may write: mypy --strict accepts every line."""

from __future__ import annotations

from typing import assert_type

from pytest_bgasync import Host, Job, Jobs, Lab, Outcome, Process, Recap, Run, Running, TaskResult


def jobs(bgasync: Lab) -> None:
    run = bgasync.run("site.yml", extra_vars={"port": 8080}, limits={"Migrate": 5}, deadline=60)
    assert_type(run, Run)
    assert_type(run.rc, int)
    job = run.job("Migrate", host="db1", item=3)
    assert_type(job, Job)
    assert_type(job.outcome, Outcome)
    assert_type(job.rc, int | None)
    assert_type(job.elapsed, float)
    assert_type(job.finished_at, float | None)
    assert_type(job.survivors, list[Process])
    assert_type(job.wait(within=30).stdout, str)
    job.kill(signal=15)
    job.lose()
    assert_type(run.jobs.where(outcome="failed", collected=False), Jobs)
    assert [one.task for one in run.jobs] == ["Migrate"]


def results(run: Run) -> None:
    assert_type(run.result("Migrate"), TaskResult)
    assert_type(run.results("Migrate"), list[TaskResult])
    assert_type(run.ran("Migrate", host="db1"), bool)
    assert_type(run.path("db1"), list[str])
    assert_type(run.recap["db1"], Recap)
    assert_type(run.daemons("db1"), list[Process])


def hosts(bgasync: Lab) -> None:
    assert_type(bgasync.host, Host)
    assert_type(bgasync.hosts["web1"], Host)
    bgasync.host.stub("/opt/migrate", rc=3, takes=120, stdout="done\n")
    assert_type(bgasync.host.calls("/opt/migrate")[0].argv, list[str])
    assert_type(bgasync.host.run("true", user="app").rc, int)
    with bgasync.host.freeze(), bgasync.host.isolate():
        bgasync.host.put("/etc/motd", "hello", mode=0o600)


def steps(bgasync: Lab) -> None:
    with bgasync.start("site.yml", pause_before=("Report",)) as running:
        assert_type(running, Running)
        running.wait_for("Report")
        running.resume()
        assert_type(running.wait(), Run)
