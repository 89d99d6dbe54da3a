"""A server started in the background and verified: background_services.yml."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, Outcome
from pytest_bgasync.util.clock import Deadline

pytestmark = pytest.mark.bgasync(hosts=["app1"], image="fixtures/application", time_scale=0.02)


def test_the_server_is_healthy_and_outlives_its_job(bgasync: Lab) -> None:
    run = bgasync.run("background_services.yml")

    assert run.ok, run.stdout
    job = run.job("Start the server")
    assert (job.outcome, job.rc, job.limit) == (Outcome.SUCCEEDED, 0, 10)
    assert run.result("Start the server").data["ansible_job_id"] == job.jid
    assert [process.args[-1] for process in job.survivors] == ["/opt/myapp/bin/server"]
    assert [daemon.args[-1] for daemon in run.daemons("app1")] == ["/opt/myapp/bin/server"]
    assert '"status": "ok"' in bgasync.host.run("curl -s http://localhost:8080/health").stdout
    bgasync.host.run("pkill --full /opt/myapp/bin/server")
    assert Deadline(20).wait_for(lambda: not run.daemons("app1"), every=0.2)  # it is noticed


@pytest.mark.thorough
def test_a_server_that_dies_at_once_fails_the_play_before_the_health_check(bgasync: Lab) -> None:
    bgasync.host.stub("/opt/myapp/bin/server", rc=1, stderr="no such database")

    run = bgasync.run("background_services.yml")

    assert not run.ok
    assert run.job("Start the server").outcome is Outcome.SUCCEEDED  # starting it was all the job had to do
    assert (run.result("Wait for the port").status, run.result("Wait for the port").attempts) == ("failed", 30)
    assert not run.ran("Check the server's health")
    assert "no such database" in bgasync.host.read("/var/log/myapp/server.log")


def test_a_server_that_listens_but_is_ill_fails_the_health_check(bgasync: Lab) -> None:
    ill = "import http.server as h; h.BaseHTTPRequestHandler.do_GET = lambda s: s.send_error(503);"
    serve = "h.HTTPServer(('', 8080), h.BaseHTTPRequestHandler).serve_forever()"
    bgasync.host.stub("/opt/myapp/bin/server", script=f"#!/usr/bin/python3\n{ill} {serve}\n")

    run = bgasync.run("background_services.yml")

    assert run.result("Check the server's health").data["status"] == 503
    assert run.recap["app1"].failed == 1
