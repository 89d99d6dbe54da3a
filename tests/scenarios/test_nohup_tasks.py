"""A process that outlives the play: nohup_tasks.yml."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab
from pytest_bgasync.util.clock import Deadline

pytestmark = pytest.mark.bgasync(hosts=["app1"], image="fixtures/application", time_scale=0.02)


def test_the_export_outlives_its_connection_and_the_play_and_the_pid_file_names_it(bgasync: Lab) -> None:
    host = bgasync.host

    with bgasync.start("nohup_tasks.yml", pause_before=["Record the pid"]) as running:
        running.wait_for("Record the pid")
        host.drop_ssh()
        running.resume()
    run = running.wait()
    host.drop_ssh()

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


def test_an_export_that_writes_where_nobody_reads_any_more_dies(bgasync: Lab) -> None:
    bgasync.host.stub("/opt/myapp/bin/full-export", script="#!/bin/sh\nsleep 4\necho half\ntouch /data/export/done\n")

    run = bgasync.run("naive_nohup.yml", extra_vars={"redirection": ""})

    assert run.ok
    export = next(daemon for daemon in run.daemons("app1") if daemon.args[0] == "/bin/sh")
    assert export.writes_to_closed_pipe
    assert Deadline(20).wait_for(lambda: not run.daemons("app1"), every=0.2)
    assert bgasync.host.run("ls /data/export").stdout == ""


def test_an_export_that_writes_all_the_time_holds_its_task(bgasync: Lab) -> None:
    talk = "for n in 1 2 3 4 5 6 7 8; do echo $n; sleep 0.5; done"
    bgasync.host.stub("/opt/myapp/bin/full-export", script=f"#!/bin/sh\n{talk}\n")

    run = bgasync.run("naive_nohup.yml", extra_vars={"redirection": ""})

    task = run.result("Start the export")
    assert (task.ended_at - task.started_at) * bgasync.time_scale > 4
    assert run.daemons("app1") == []


def test_an_export_with_a_slip_in_its_redirection_ends_at_once_and_the_play_does_not_notice(bgasync: Lab) -> None:
    """The shell reads ``2&>1`` as an argument 2, the end of the command, and a file called 1."""
    run = bgasync.run("naive_nohup.yml", extra_vars={"redirection": "> /var/log/myapp/export.log 2&>1"})

    assert run.ok
    assert Deadline(20).wait_for(lambda: not run.daemons("app1"), every=0.2)
    assert bgasync.host.run("ls /data/export; cat /var/log/myapp/export.log").stdout == ""
    assert "unrecognized arguments: 2" in run.result("Start the export").stderr


def test_an_export_that_ends_at_once_fails_the_play(bgasync: Lab) -> None:
    bgasync.host.stub("/opt/myapp/bin/full-export", rc=1, stderr="disk full")

    run = bgasync.run("nohup_tasks.yml")

    assert run.result("Check that the export is running").status == "failed"
    assert not run.ran("Show the export")
    assert "disk full" in bgasync.host.read("/var/log/myapp/export.log")
    (call,) = bgasync.host.calls("/opt/myapp/bin/full-export")
    assert call.argv[1] == "--output"
