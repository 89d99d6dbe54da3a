"""An update of one server after the other, behind a balancer that customers use meanwhile: rolling_update.yml."""

from __future__ import annotations

import json

import pytest

from pytest_bgasync import Lab, Outcome
from pytest_bgasync.util.clock import Deadline

LB = "lb.example.com"
# Two seconds of work for the server that answers.
ORDERS = f"http://{LB}/orders/1"
# Seven: more than a slow machine takes from the balancer to the end of the server.
MANY_ORDERS = f"http://{LB}/orders/1-4"

pytestmark = pytest.mark.bgasync(
    hosts={"app_servers": ["web1", "web2"]},
    image="fixtures/application",
    services=[LB],
    time_scale=0.15,  # the connections get four and a half real seconds to end
    allow=["survivors"],  # at a limit Ansible may miss a process that was started at once: chance, not the playbook
)


def states(bgasync: Lab) -> dict[str, str]:
    answer = bgasync.services[LB].run("curl --fail --silent http://localhost/api/servers").stdout
    return {name: server["state"] for name, server in json.loads(answer).items()}


def version(bgasync: Lab, url: str) -> str:
    return str(json.loads(bgasync.localhost.run(f"curl --fail --silent http://{url}/health").stdout)["version"])


def test_nobody_notices_an_update_of_all_servers(bgasync: Lab) -> None:
    with bgasync.traffic(ORDERS, rate=10) as traffic:
        run = bgasync.run("rolling_update.yml", extra_vars={"app_version": "2.0"})

    assert run.ok, run.stdout
    assert traffic.failed == 0, traffic.failures[:5]
    assert traffic.sent > 50
    assert traffic.longest_gap * bgasync.time_scale < 1
    assert [batch.hosts for batch in run.batches] == [("web1",), ("web2",)]
    first, second = (run.job("Deploy the version", host=host) for host in ("web1", "web2"))
    assert (first.outcome, first.rc, first.poll, first.limit) == (Outcome.SUCCEEDED, 0, 10, 600)
    assert None is not first.jid != second.jid
    assert first.finished_at is not None
    assert second.outcome is Outcome.SUCCEEDED
    assert first.finished_at < second.launched_at
    assert [version(bgasync, f"{host}:8080") for host in ("web1", "web2")] == ["2.0", "2.0"]
    assert states(bgasync) == {"web1": "ready", "web2": "ready"}


@pytest.mark.fire_and_forget("Install the version", outcome=None)
@pytest.mark.parametrize(
    ("playbook", "url"),
    [
        ("naive_rolling_undrained.yml", MANY_ORDERS),
        pytest.param("naive_rolling_early.yml", ORDERS, marks=pytest.mark.thorough),
    ],
)
def test_customers_notice_an_update_that_does_not_wait(bgasync: Lab, playbook: str, url: str) -> None:
    """For the connections to a server, or for the server."""
    with bgasync.traffic(url, rate=10) as traffic:
        run = bgasync.run(playbook, extra_vars={"app_version": "2.0"})

    assert run.ok, run.stdout
    assert traffic.failed > 0
    assert {one.status for one in traffic.failures} <= {502, 503}
    assert traffic.failed < traffic.sent  # the other server was there


def test_a_broken_version_ends_the_roll_at_its_server_and_the_others_serve(bgasync: Lab) -> None:
    with bgasync.traffic(ORDERS, rate=10) as traffic:
        run = bgasync.run("rolling_update.yml", extra_vars={"app_version": "2.1"})

    assert not run.ok
    assert traffic.failed == 0, traffic.failures[:5]
    assert [batch.hosts for batch in run.batches] == [("web1",)]
    (job,) = run.jobs
    assert (job.host, job.outcome, job.rc) == ("web1", Outcome.FAILED, 1)
    assert "version 2.1 ended: there is no module named shop" in job.stderr
    assert states(bgasync) == {"web1": "maintenance", "web2": "ready"}
    assert version(bgasync, LB) == version(bgasync, "web2:8080") == "1.0"


def test_an_update_that_hangs_ends_the_roll_at_its_server(bgasync: Lab) -> None:
    bgasync.hosts["web1"].stub("/opt/deploy/update.sh", takes=100_000)

    run = bgasync.run("rolling_update.yml", extra_vars={"app_version": "2.0"}, limits={"Deploy the version": 3})

    (job,) = run.jobs
    assert (job.host, job.outcome, job.rc) == ("web1", Outcome.TIMED_OUT, None)
    assert run.recap["web1"].failed == 1
    assert Deadline(10).wait_for(lambda: states(bgasync) == {"web1": "maintenance", "web2": "ready"}, every=0.2)
