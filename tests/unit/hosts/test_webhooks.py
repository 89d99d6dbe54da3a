"""What is told of requests, and of names that nobody listed."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_bgasync.engine.container import Container
from pytest_bgasync.hosts.webhooks import Headers, Unlisted, Webhooks
from pytest_bgasync.util.clock import BOOT_TIME, BOOTED, Clock
from pytest_bgasync.util.errors import HostProblem


def webhooks(*asked: tuple[str, str, bool]) -> Webhooks:
    def execute(_command: Any) -> SimpleNamespace:
        lines = [json.dumps({"name": name, "source": source, "outside": outside}) for name, source, outside in asked]
        return SimpleNamespace(stdout="".join(f"{line}\n" for line in lines).encode() + b'{"name": "half')

    container = cast(Container, SimpleNamespace(execute=execute))
    return Webhooks("webhooks", "192.0.2.9", container, Clock(), lambda: {"192.0.2.1": "app1"})


def test_a_name_is_told_once_for_each_host_and_search_domains_are_not() -> None:
    asked = [("hook.exmaple.com", "192.0.2.1", False)] * 2 + [("hook.exmaple.com.lan", "192.0.2.1", False)]
    assert webhooks(*asked, ("hook.exmaple.com", "192.0.2.7", False)).unlisted == [
        Unlisted("hook.exmaple.com", "app1"),
        Unlisted("hook.exmaple.com", "192.0.2.7"),
    ]


def test_a_name_that_is_known_outside_is_told_so() -> None:
    inside, outside = webhooks(("a.example", "192.0.2.1", False), ("b.example", "192.0.2.1", True)).lost()
    assert "has left" not in inside
    assert "app1 asked for the name b.example, which nobody listed and which is known outside the scenario" in outside


def receiver(stdout: bytes) -> Webhooks:
    answer = SimpleNamespace(stdout=stdout, stderr=b"it is gone")
    container = cast(Container, SimpleNamespace(execute=lambda _command, **_: answer, label="service webhooks"))
    return Webhooks("webhooks", "192.0.2.9", container, Clock(0.1, zero=BOOTED), dict)


@pytest.mark.parametrize("ahead", [0, 1000])
def test_a_far_receiver_has_another_clock(ahead: int) -> None:
    request = dict.fromkeys(["host", "path", "method", "body", "source", "scheme"], "")
    line = json.dumps({**request, "headers": [], "at": 5 + ahead})
    webhooks = receiver(f"{time.clock_gettime(BOOT_TIME) + ahead} 1.0\n{line}\n{line[:9]}".encode())
    assert [one.at for one in webhooks.requests] == [pytest.approx(50, abs=1)]
    assert [one.at for one in webhooks.wait_for()] == [pytest.approx(50, abs=1)]


def test_a_receiver_that_says_nothing_is_a_problem() -> None:
    with pytest.raises(HostProblem, match="requests could not be read on service webhooks: it is gone"):
        assert receiver(b"").requests == []


def test_names_of_headers_have_no_case() -> None:
    headers = Headers({"X-Team": "ops", "Accept": "*/*"})
    assert headers["x-team"] == headers["X-TEAM"] == "ops"
    assert "accept" in headers
    assert headers.get("host") is None
    assert dict(headers) == {"X-Team": "ops", "Accept": "*/*"}
