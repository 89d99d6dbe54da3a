"""An engine that hangs is told once, in the same sentence each time, and soon."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from .inner import Ended, Inner, assert_no_insides
from .relay import Relay, relay_to

#: Real seconds in which an engine answers here; what makes it shorter than usual, and so the tests.
ANSWER = 10
CONFTEST = f"""
    from pytest_bgasync.engine import client as engine

    engine.ANSWER = {ANSWER}
"""
#: Real seconds that a session may take besides, on a busy machine, from the moment at which the engine froze.
BUSY = 30
TESTS = """
    import pytest

    PLAY = "[{hosts: all, gather_facts: false, tasks: [{name: Work, command: 'true', async: 600, poll: 1}]}]"

    @pytest.mark.parametrize("number", range(3))
    def test_one(bgasync, number):
        run = bgasync.run_text(PLAY)
        assert run.ok, run.stdout
        assert [job.rc for job in run.jobs] == [0]
        assert bgasync.host.run("true").rc == 0
"""


@pytest.fixture
def relay(inner: Inner) -> Iterator[Relay]:
    with relay_to(inner.engine_url) as relay:
        yield relay


def ended_in_time(inner: Inner, relay: Relay, *args: str) -> Ended:
    """Run three tests with an engine that freezes; return how that ended."""
    inner.conftest(CONFTEST)
    inner.test(TESTS)
    ended = inner.run(*args, env={"DOCKER_HOST": relay.url})
    assert relay.frozen_at is not None, ended.output
    took = time.monotonic() - relay.frozen_at
    assert took < ANSWER + BUSY, f"{took:.1f} s\n{ended.output}"
    assert_no_insides(ended.output)
    return ended


def assert_one_sentence(ended: Ended, relay: Relay) -> None:
    """See that each error is the one sentence."""
    sentence = (
        f"the container engine at {relay.url} has not answered for {ANSWER} s, so this session does not use it any"
    )
    told = r"^(?:E +pytest_bgasync\.errors\.\w+: )?(the container engine .*|host .*|network .*|\w+ could not .*)$"
    errors = re.findall(told, ended.output, re.MULTILINE)
    assert errors, ended.output
    assert all(sentence in error for error in errors), errors
    assert f"bgasync clean --engine={relay.url}" in ended.output
    assert ended.rc == 1


def test_one_that_never_answers(inner: Inner, relay: Relay) -> None:
    relay.freeze()
    ended = ended_in_time(inner, relay, "-o", "bgasync_boot=6")
    assert ended.counts == {"errors": 3}
    assert ended.output.count(f"no container engine answers at DOCKER_HOST={relay.url} (") == 3, ended.output


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(r"GET /v\S+/containers/json", id="after the first answer", marks=pytest.mark.thorough),
        pytest.param(r"POST /v\S+/networks/create", id="network", marks=pytest.mark.thorough),
        pytest.param(r"POST /v\S+/containers/create", id="create"),
        pytest.param(r"POST /v\S+/attach", id="attach", marks=pytest.mark.thorough),
        pytest.param(r"POST /v\S+/start", id="start", marks=pytest.mark.thorough),
        pytest.param(r"POST /v\S+/exec\b", id="run", marks=pytest.mark.thorough),
        pytest.param(r"POST /v\S+/exec/\S+/start", id="stream", marks=pytest.mark.thorough),
        pytest.param(r"DELETE /v\S+/containers", id="removal"),
        pytest.param(r"DELETE /v\S+/networks", id="network removal", marks=pytest.mark.thorough),
    ],
)
def test_one_that_freezes(inner: Inner, relay: Relay, request_: str) -> None:
    relay.freezes_at = request_
    ended = ended_in_time(inner, relay, "--bgasync-no-ahead")
    assert_one_sentence(ended, relay)


def test_one_that_freezes_while_a_task_waits_for_a_host(inner: Inner, relay: Relay) -> None:
    relay.freezes_at = r"POST /v\S+/containers/create\S*localhost"
    inner.conftest(CONFTEST)
    inner.test(
        """
        def test_one(bgasync):
            task = "{name: Work, command: 'true', delegate_to: localhost}"
            bgasync.run_text("[{hosts: all, gather_facts: false, tasks: [" + task + "]}]")
        """
    )
    ended = inner.run("--bgasync-no-ahead", env={"DOCKER_HOST": relay.url})
    assert relay.frozen_at is not None, ended.output
    assert time.monotonic() - relay.frozen_at < ANSWER + BUSY, ended.output
    assert_no_insides(ended.output)
    assert re.search(
        rf"LocalhostProblem: playbook given as text needed localhost: .*{re.escape(relay.url)} has not answered for",
        ended.output,
    ), ended.output


def test_one_that_freezes_leaves_a_deadline_what_it_is(inner: Inner, relay: Relay) -> None:
    relay.freezes_at = "GET /freeze"
    inner.conftest(CONFTEST)
    inner.test(
        """
        import os, socket

        def test_one(bgasync):
            running = bgasync.start_text(
                "[{hosts: all, gather_facts: false, tasks: [{name: Work, command: sleep 600}]}]",
                deadline=12, pause_before=["Work"],
            )
            running.wait_for("Work")
            with socket.socket(socket.AF_UNIX) as engine:
                engine.connect(os.environ["DOCKER_HOST"].removeprefix("unix://"))
                engine.sendall(b"GET /freeze HTTP/1.1\\r\\n\\r\\n")
                running.resume()
                running.wait()
        """
    )
    ended = inner.run("--bgasync-no-ahead", env={"DOCKER_HOST": relay.url})
    assert relay.frozen_at is not None, ended.output
    assert "PlaybookDeadline: playbook given as text was stopped at its deadline of 12 s" in ended.output, ended.output
    assert_no_insides(ended.output)


def test_one_that_freezes_while_hosts_are_kept(inner: Inner, relay: Relay) -> None:
    relay.freezes_at = r"POST /v\S+/rename"
    ended = ended_in_time(inner, relay, "--bgasync-keep=always")
    assert_one_sentence(ended, relay)


def test_what_is_left_is_removed_by_what_is_said(inner: Inner, relay: Relay) -> None:
    relay.freezes_at = r"POST /v\S+/start"
    ended_in_time(inner, relay)
    relay.close()
    assert inner.bgasync("clean", f"--engine={inner.engine_url}").rc == 0
    inner.assert_nothing_left()


def test_slow_is_not_frozen(inner: Inner, relay: Relay) -> None:
    """A command that is silent for longer than an engine may take to answer is no sign that it hangs."""
    inner.conftest(CONFTEST)
    inner.test(f"def test_one(bgasync):\n    assert bgasync.host.run('sleep {ANSWER + 5}').rc == 0\n")
    inner.run(env={"DOCKER_HOST": relay.url}).assert_passed(1)


def test_other_engines_go_on(inner: Inner, relay: Relay) -> None:
    relay.freezes_at = r"POST /v\S+/containers/create"
    engines = ["--bgasync-engine", relay.url, "--bgasync-engine", inner.engine_url]
    ended = ended_in_time(inner, relay, "-n", "2", "--dist", "each", *engines)
    assert ended.counts == {"errors": 3, "passed": 3}, ended.output
    assert_one_sentence(ended, relay)
