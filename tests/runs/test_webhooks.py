"""Webhooks are received, trusted, recorded in order and answered as a test says."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, NotThere, Outcome, UsageProblem, WebhookDeadline

pytestmark = pytest.mark.bgasync(hosts=["app1"], services=["webhooks"], time_scale=0.1)
# Python as a script of the author's would use it.
PYTHON = "import urllib.request as r; print(r.urlopen('https://hooks.example.com/python', b'a=1', timeout=9).status)"


def test_requests_are_recorded_in_order_and_every_host_trusts_the_receiver(bgasync: Lab) -> None:
    bgasync.host.put("/opt/hook.py", PYTHON)
    run = bgasync.run_text("""
    - hosts: all
      gather_facts: false
      tasks:
        - shell: >-
            curl -sS --fail -X PUT -H 'X-Team: ops' -d '{"text": "begun"}' 'https://hooks.example.com/curl?a=b'
        - command: python3 /opt/hook.py
        - uri: {url: "https://hooks.example.com/uri", method: POST, body: [1, 2], body_format: json}
        - uri: {url: "https://hooks.example.com/local"}
          delegate_to: localhost
        - uri: {url: "http://hooks.example.com/plain"}
        - shell: printf chunks | curl -sS --fail -H 'Transfer-Encoding:chunked' -T - https://hooks.example.com/put
    """)

    assert run.ok, run.stdout
    requests = bgasync.webhooks.requests
    assert [(one.method, one.scheme, one.host, one.path, one.source) for one in requests] == [
        ("PUT", "https", "hooks.example.com", "/curl?a=b", "app1"),
        ("POST", "https", "hooks.example.com", "/python", "app1"),
        ("POST", "https", "hooks.example.com", "/uri", "app1"),
        ("GET", "https", "hooks.example.com", "/local", "localhost"),
        ("GET", "http", "hooks.example.com", "/plain", "app1"),
        ("PUT", "https", "hooks.example.com", "/put", "app1"),
    ]
    assert [one.json for one in requests] == [{"text": "begun"}, None, [1, 2], None, None, None]
    assert [one.body for one in requests][1:] == ["a=1", "[1, 2]", "", "", "chunks"]
    assert requests[0].headers["x-team"] == requests[0].headers["X-Team"] == "ops"
    assert [one.at for one in requests] == sorted(one.at for one in requests)
    assert bgasync.webhooks is bgasync.services["webhooks"]
    assert bgasync.webhooks.unlisted == []


@pytest.mark.fire_and_forget("Tell", rc=22)
@pytest.mark.fire_and_forget("Tell later")
def test_a_receiver_that_fails_and_one_that_is_told_after_the_play(bgasync: Lab) -> None:
    hooks = bgasync.webhooks
    hooks.respond("/alerts", status=503, body={"error": "busy"}, takes=20)
    run = bgasync.run_text("""
    - hosts: all
      gather_facts: false
      tasks:
        - {name: Tell, shell: 'curl -sS --fail-with-body https://hooks.example.com/alerts', async: 60, poll: 0}
        - {name: Tell later, shell: 'sleep 3; curl -sS --fail https://hooks.example.com/end?x', async: 600, poll: 0}
    """)

    assert run.ok
    told = run.job("Tell").wait()
    assert (told.outcome, told.rc, told.stdout) == (Outcome.FAILED, 22, '{"error": "busy"}')
    assert told.elapsed >= 20
    (late,) = hooks.wait_for(path="/end")
    assert late.at - run.job("Tell later").launched_at >= 30
    assert [one.path for one in hooks.wait_for(2)] == ["/alerts", "/end?x"]


@pytest.mark.fire_and_forget(rc=6)
def test_a_webhook_to_a_name_that_nobody_listed_is_named(bgasync: Lab) -> None:
    bgasync.run_text(
        "- {hosts: all, gather_facts: false, tasks:"
        " [{name: Tell, command: curl -s https://hook.exmaple.com/, async: 60, poll: 0}]}"
    ).job("Tell").wait()

    came = r"^0 of 1 requests to /alerts came within 50 s; none has come; "
    named = r"app1 asked for the name hook.exmaple.com, which nobody listed: .* ini key bgasync_webhook_hosts$"
    with pytest.raises(WebhookDeadline, match=came + named):
        bgasync.webhooks.wait_for(path="/alerts", within=1)


def test_what_cannot_be_meant_is_refused(bgasync: Lab) -> None:
    hooks = bgasync.webhooks
    with pytest.raises(UsageProblem, match=r"respond\(\) needs a path that begins with /, not 'alerts'"):
        hooks.respond("alerts")
    with pytest.raises(UsageProblem, match="a status is a number from 200 to 599, not 99"):
        hooks.respond("/", 99)
    with pytest.raises(UsageProblem, match="takes= is a number of playbook seconds from 0 on, not -1"):
        hooks.respond("/", takes=-1)
    with pytest.raises(UsageProblem, match="body= is text, or what JSON can hold"):
        hooks.respond("/", body=object())
    with pytest.raises(UsageProblem, match="needs the number of requests from 1 on, not 0"):
        hooks.wait_for(0)
    with pytest.raises(NotThere, match=r"there is no service 'cache'; there are: \n  - webhooks"):
        bgasync.services["cache"]
    with bgasync.traffic("https://hooks.example.com/x", host="app1") as traffic:
        hooks.wait_for(3)
    assert traffic.failed == 0
    assert traffic.sent >= 3
    with pytest.raises(UsageProblem, match=r"needs a URL such as http://lb.example.com/, not 'lb.example.com'"):
        bgasync.traffic("lb.example.com")
    with pytest.raises(UsageProblem, match="rate= is a number of requests a real second, up to 200, not 0"):
        bgasync.traffic("http://lb.example.com", rate=0)
    with pytest.raises(NotThere, match="there is no host 'app2'"):
        bgasync.traffic("http://lb.example.com", host="app2")
    with bgasync.traffic("http://nowhere.invalid/", rate=50) as traffic:
        hooks.wait_for(3)
    assert traffic.failed == traffic.sent == len(traffic.failures)
