"""What is told of names that nobody listed."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

from pytest_bgasync.clock import Clock
from pytest_bgasync.containers import Container
from pytest_bgasync.webhooks import Headers, Unlisted, Webhooks


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


def test_names_of_headers_have_no_case() -> None:
    headers = Headers({"X-Team": "ops", "Accept": "*/*"})
    assert headers["x-team"] == headers["X-TEAM"] == "ops"
    assert "accept" in headers
    assert headers.get("host") is None
    assert dict(headers) == {"X-Team": "ops", "Accept": "*/*"}
