"""An update of one server after the other, out of the balancer meanwhile: rolling_update.yml."""

from __future__ import annotations

import json

import pytest

from pytest_bgasync import Lab, Outcome

pytestmark = pytest.mark.bgasync(
    hosts={"app_servers": ["web1", "web2"], "balancers": ["lb.example.com"]},
    image="fixtures/application",
    time_scale=0.02,
    allow=["survivors"],  # at a limit Ansible may miss a process that was started at once: chance, not the playbook
)


def balancer_calls(bgasync: Lab) -> list[str]:
    entries = bgasync.hosts["lb.example.com"].run("cat /var/log/receiver.jsonl").stdout.splitlines()
    calls = [json.loads(entry) for entry in entries]
    assert {call["source"] for call in calls} <= {bgasync.localhost.ip}  # never the machine that runs pytest
    return [call["path"].removeprefix("/api/") for call in calls]


def version(bgasync: Lab, host: str) -> str:
    answer = bgasync.hosts[host].run("curl -s http://localhost:8080/health").stdout
    return str(json.loads(answer)["version"])


def test_each_server_is_updated_out_of_the_balancer_and_put_back(bgasync: Lab) -> None:
    run = bgasync.run("rolling_update.yml", extra_vars={"app_version": "2.0"})

    assert run.ok, run.stdout
    assert balancer_calls(bgasync) == ["remove?host=web1", "add?host=web1", "remove?host=web2", "add?host=web2"]
    first, second = (run.job("Deploy the version", host=host) for host in ("web1", "web2"))
    assert (first.outcome, first.rc, first.poll, first.limit) == (Outcome.SUCCEEDED, 0, 10, 600)
    assert None is not first.jid != second.jid
    assert first.finished_at is not None
    assert second.outcome is Outcome.SUCCEEDED
    assert first.finished_at < second.launched_at
    assert {version(bgasync, "web1"), version(bgasync, "web2")} == {"2.0"}


def test_an_update_that_fails_ends_the_roll_at_its_server(bgasync: Lab) -> None:
    run = bgasync.run("rolling_update.yml", extra_vars={"app_version": "9.9"})

    assert not run.ok
    (job,) = run.jobs
    assert (job.host, job.outcome, job.rc) == ("web1", Outcome.FAILED, 1)
    assert "there is no release 9.9" in job.stderr
    assert balancer_calls(bgasync) == ["remove?host=web1"]
    assert version(bgasync, "web2") == "1.0"


def test_an_update_that_hangs_ends_the_roll_at_its_server(bgasync: Lab) -> None:
    bgasync.hosts["web1"].stub("/opt/deploy/update.sh", takes=100_000)

    run = bgasync.run("rolling_update.yml", extra_vars={"app_version": "2.0"}, limits={"Deploy the version": 3})

    (job,) = run.jobs
    assert (job.host, job.outcome, job.rc) == ("web1", Outcome.TIMED_OUT, None)
    assert run.recap["web1"].failed == 1
    assert balancer_calls(bgasync) == ["remove?host=web1"]
