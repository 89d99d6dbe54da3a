"""An engine that hangs is told once, in the same sentence each time, and soon."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from .inner import Ended, Inner, assert_no_insides
from .relay import Relay, relay_to

#: Real seconds in which hosts are up, and so in which an engine answers.
BOOT = 6
#: Real seconds that a session may take for its own work, on a busy machine.
WORK = 60
TESTS = """
    import pytest

    PLAY = '''[{hosts: all, gather_facts: false, tasks: [
        {name: Work, command: sleep 1, async: 60, poll: 0, register: work},
        {name: Wait, async_status: {jid: "{{ work.ansible_job_id }}"}, register: done, until: done is finished,
         retries: 60, delay: 1}]}]'''

    @pytest.mark.bgasync(hosts=2)
    @pytest.mark.parametrize("number", range(3))
    def test_one(bgasync, number):
        run = bgasync.run_text(PLAY)
        assert run.ok, run.stdout
        assert [job.rc for job in run.jobs] == [0, 0]
        assert bgasync.hosts["host1"].run("true").rc == 0
"""


@pytest.fixture
def relay(inner: Inner) -> Iterator[Relay]:
    with relay_to(inner.engine_url) as relay:
        yield relay


def ended_in_time(inner: Inner, relay: Relay, *args: str) -> Ended:
    """Run three tests with an engine that freezes; return how that ended."""
    inner.test(TESTS)
    begun = time.monotonic()
    ended = inner.run("-o", f"bgasync_boot={BOOT}", *args, env={"DOCKER_HOST": relay.url})
    took = time.monotonic() - begun
    assert relay.frozen, ended.output
    assert took < BOOT + WORK, f"{took:.1f} s\n{ended.output}"
    assert_no_insides(ended.output)
    return ended


def assert_one_sentence(ended: Ended, relay: Relay) -> None:
    """See that each error is the one sentence."""
    sentence = f"the container engine at {relay.url} has not answered for {BOOT} s, so this session does not use it any"
    told = r"^(?:E +pytest_bgasync\.errors\.\w+: )?(the container engine .*|host .*|network .*|\w+ could not .*)$"
    errors = re.findall(told, ended.output, re.MULTILINE)
    assert errors, ended.output
    assert all(sentence in error for error in errors), errors
    assert f"bgasync clean --engine={relay.url}" in ended.output
    assert ended.rc == 1


def test_one_that_never_answers(inner: Inner, relay: Relay) -> None:
    relay.freeze()
    ended = ended_in_time(inner, relay)
    assert ended.counts == {"errors": 3}
    assert ended.output.count(f"no container engine answers at DOCKER_HOST={relay.url} (") == 3, ended.output


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(r"GET /v\S+/containers/json", id="after the first answer"),
        pytest.param(r"POST /v\S+/networks/create", id="network"),
        pytest.param(r"POST /v\S+/containers/create", id="create"),
        pytest.param(r"POST /v\S+/attach", id="attach"),
        pytest.param(r"POST /v\S+/start", id="start"),
        pytest.param(r"POST /v\S+/exec\b", id="run"),
        pytest.param(r"POST /v\S+/exec/\S+/start", id="stream"),
        pytest.param(r"DELETE /v\S+/containers", id="removal"),
        pytest.param(r"DELETE /v\S+/networks", id="network removal"),
    ],
)
def test_one_that_freezes(inner: Inner, relay: Relay, request_: str) -> None:
    relay.freezes_at = request_
    ended = ended_in_time(inner, relay, "--bgasync-no-ahead")
    assert_one_sentence(ended, relay)


@pytest.mark.parametrize("request_", [r"POST /v\S+/rename", r"DELETE /v\S+/containers"])
def test_one_that_freezes_while_hosts_are_kept(inner: Inner, relay: Relay, request_: str) -> None:
    relay.freezes_at = request_
    ended = ended_in_time(inner, relay, "--bgasync-keep=always")
    assert_one_sentence(ended, relay)


def test_what_is_left_is_removed_by_what_is_said(inner: Inner, relay: Relay) -> None:
    relay.freezes_at = r"DELETE /v\S+/networks"
    ended_in_time(inner, relay)
    relay.close()
    assert inner.bgasync("clean", f"--engine={inner.engine_url}").rc == 0
    inner.assert_nothing_left()


def test_slow_is_not_frozen(inner: Inner, relay: Relay) -> None:
    """A command that is silent for longer than an engine may take to answer is no sign that it hangs."""
    inner.test(f"def test_one(bgasync):\n    assert bgasync.host.run('sleep {BOOT + 3}').rc == 0\n")
    inner.run("-o", f"bgasync_boot={BOOT}", env={"DOCKER_HOST": relay.url}).assert_passed(1)
