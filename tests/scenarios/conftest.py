"""What the scenarios have beside their hosts."""

from __future__ import annotations

import json

import pytest

from pytest_bgasync import Service
from pytest_bgasync.hosts.services import Plan, Registry


def _knows_its_servers(balancer: Service) -> bool:
    """Say whether the balancer is up and has found the addresses of its servers."""
    answer = balancer.run("curl --fail --silent http://localhost/api/servers")
    return answer.rc == 0 and all(server["state"] == "ready" for server in json.loads(answer.stdout).values())


@pytest.fixture(scope="session", autouse=True)
def balancer(bgasync_service: Registry) -> Plan:
    """The load balancer of rolling_update.yml."""
    servers = {"SERVERS": "web1 web2"}
    return bgasync_service("lb.example.com", "fixtures/balancer", environment=servers, ready=_knows_its_servers)
