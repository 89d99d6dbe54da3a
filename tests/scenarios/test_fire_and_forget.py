"""Jobs that nobody asks for: fire_and_forget.yml."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, Outcome

pytestmark = pytest.mark.bgasync(
    hosts=["app1"],
    services=["webhooks"],
    image="fixtures/application",
    time_scale=0.02,
    allow=["survivors"],  # at a limit Ansible may miss a process that was started at once: chance, not the playbook
)


@pytest.mark.fire_and_forget("Rotate the logs")
@pytest.mark.fire_and_forget("Send the notification", rc=0)
@pytest.mark.fire_and_forget("Warm the cache", within=600)
def test_all_three_do_their_work_after_the_play(bgasync: Lab) -> None:
    app = bgasync.host
    app.put("/var/log/myapp/server.log", "something to rotate\n")

    run = bgasync.run("fire_and_forget.yml", limits={"Send the notification": 30})

    assert run.ok, run.stdout
    assert len({job.jid for job in run.jobs}) == 3
    assert not any(job.collected for job in run.jobs)
    assert [job.wait().outcome for job in run.jobs] == [Outcome.SUCCEEDED] * 3
    assert app.read("/var/log/myapp/server.log.1") == "something to rotate\n"
    assert "customers cached" in run.job("Warm the cache").stdout
    (request,) = bgasync.webhooks.requests
    assert (request.scheme, request.host, request.path) == ("https", "hooks.example.com", "/notify")
    assert (request.method, request.source) == ("POST", "app1")
    assert "app1" in request.json["text"]


@pytest.mark.fire_and_forget("Rotate the logs")
@pytest.mark.fire_and_forget("Send the notification", rc=22)
@pytest.mark.fire_and_forget("Warm the cache", rc=9)
def test_the_play_is_content_although_two_of_them_fail(bgasync: Lab) -> None:
    bgasync.webhooks.respond("/notify", 503, takes=60)
    bgasync.host.stub("/opt/myapp/bin/warm-cache", rc=9, takes=60, stderr="no memory")

    run = bgasync.run("fire_and_forget.yml")

    assert run.ok
    assert run.job("Warm the cache").wait().stderr == "no memory"


@pytest.mark.fire_and_forget("Warm the cache", outcome="timed_out")
@pytest.mark.fire_and_forget(outcome=None)
def test_a_job_that_nobody_waits_for_is_still_ended_at_its_limit(bgasync: Lab) -> None:
    bgasync.host.stub("/opt/myapp/bin/warm-cache", takes=100_000)

    run = bgasync.run("fire_and_forget.yml", limits={"Warm the cache": 3})

    assert run.ok
    assert run.job("Warm the cache").outcome is Outcome.RUNNING
