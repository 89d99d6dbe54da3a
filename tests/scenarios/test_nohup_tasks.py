"""A process that outlives the play: nohup_tasks.yml."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab
from pytest_bgasync.clock import Deadline

pytestmark = pytest.mark.bgasync(hosts=["app1"], image="fixtures/application", time_scale=0.02)


def test_the_export_outlives_the_play_and_the_pid_file_names_it(bgasync: Lab) -> None:
    host = bgasync.host

    run = bgasync.run("nohup_tasks.yml")

    assert run.ok, run.stdout
    assert len(run.jobs) == 0  # nohup is no async job
    pid = int(host.read("/var/run/myapp-export.pid"))
    (export,) = (process for process in host.processes() if process.pid == pid)
    assert "/opt/myapp/bin/full-export" in export.args
    (daemon,) = (daemon for daemon in run.daemons("app1") if daemon.pid == pid)
    assert not daemon.writes_to_closed_pipe
    assert not daemon.dies_with_session
    assert export.sid == pid  # in a session of its own: the end of the connection does not touch it
    assert Deadline(60).wait_for(lambda: "done" in host.read("/var/log/myapp/export.log"), every=0.5)
    assert host.run("cat /data/export/full_*.csv | wc -l").stdout.strip() == "15001"


def test_an_export_that_ends_at_once_fails_the_play(bgasync: Lab) -> None:
    bgasync.host.stub("/opt/myapp/bin/full-export", rc=1, stderr="disk full")

    run = bgasync.run("nohup_tasks.yml")

    assert run.result("Check that the export is running").status == "failed"
    assert not run.ran("Show the export")
    assert "disk full" in bgasync.host.read("/var/log/myapp/export.log")
    (call,) = bgasync.host.calls("/opt/myapp/bin/full-export")
    assert call.argv[1] == "--output"
