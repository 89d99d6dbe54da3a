"""Engines that are named: where hosts can only be reached through their engine, and where there are several."""

from __future__ import annotations

import io
import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from docker.errors import DockerException

from pytest_bgasync import Engine

from .farm import Certificates, far_engine, on_loopback, over_ssh
from .inner import Inner, Started, assert_no_insides

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command: sleep 1
      async: 600
      poll: 0
      register: work
    - name: Wait for it
      ansible.builtin.async_status:
        jid: "{{ work.ansible_job_id }}"
      register: status
      until: status.finished
      retries: 100
      delay: 5
    - name: Say so
      ansible.builtin.uri: {url: "https://hooks.example.com/done", method: POST, body: done}
      delegate_to: localhost
"""
EVERYTHING = """
    import pytest
    from pytest_bgasync import Outcome

    PING = "[{hosts: all, gather_facts: false, tasks: [{name: Ping, ping: }]}]"
    REACH = ["python3", "-c", "import socket; socket.create_connection(('host1', 22), 2)"]

    @pytest.mark.bgasync(hosts=2, services=["webhooks"], time_scale=0.05)
    def test_everything(bgasync, bgasync_engine):
        one, two = bgasync.hosts.values()
        two.stub("serve", stdout="hello", listens=80)
        run = bgasync.run("play.yml")
        assert run.ok, run.stdout
        assert [job.outcome for job in run.jobs] == [Outcome.SUCCEEDED] * 2
        assert [request.source for request in bgasync.webhooks.wait_for(n=2)] == ["localhost"] * 2
        assert one.testinfra.user("ansible").exists
        one.drop_ssh()
        one.reboot()
        two.run("serve >/dev/null 2>&1 &")
        with bgasync.traffic("http://host2", host="host1") as traffic:
            assert bgasync.run_text(PING).ok
        assert traffic.sent > 0
        one.drop_ssh()
        assert two.run(REACH).rc == 0
        with one.isolate():
            assert two.run(REACH).rc != 0
            run = bgasync.run_text(PING, env={"ANSIBLE_TIMEOUT": "2"})
            assert [run.result("Ping", host=name).status for name in bgasync.hosts] == ["unreachable", "ok"]
        assert bgasync.run_text(PING).ok
        assert bgasync_engine.near is False
"""
SIMPLE = """
    import pytest

    @pytest.mark.bgasync(hosts=["gateway"])
    def test_simple(bgasync, bgasync_engine):
        run = bgasync.run_text("[{hosts: all, gather_facts: false, tasks: [{name: Ping, ping: }]}]")
        assert run.ok, run.stdout
        assert bgasync.host.testinfra.user("ansible").exists
        assert bgasync_engine.near is False
"""
WHERE = """
    import pathlib, pytest

    @pytest.mark.bgasync(image="{image}")
    def test_where(bgasync, bgasync_engine, worker_id):
        run = bgasync.run_text("[{{hosts: all, gather_facts: false, tasks: [{{name: Ping, ping: }}]}}]")
        assert run.ok, run.stdout
        created = bgasync_engine.client.images.get("{image}").attrs["Created"]
        pathlib.Path("where-" + worker_id).write_text(bgasync_engine.url + " " + created)
"""


@pytest.fixture(scope="module")
def farm(bgasync_engine: Engine, target: str) -> Iterator[tuple[Engine, Certificates, Path]]:
    with far_engine(bgasync_engine, target) as found:
        yield found


@pytest.fixture
def far(farm: tuple[Engine, Certificates, Path]) -> Engine:
    return farm[0]


@pytest.fixture
def over_tls(farm: tuple[Engine, Certificates, Path]) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of the far engine, which asks for certificates there, and the environment that names them."""
    _, certificates, way_in = farm
    with on_loopback(way_in) as address:
        yield f"tcp://{address}", certificates.env


@pytest.fixture
def away(pytester: pytest.Pytester, far: Engine) -> Iterator[Inner]:
    """A folder in which pytest can be run; what the runs leave is looked for in the far engine."""
    inner = Inner(pytester, far)
    inner.file("playbooks/play.yml", PLAY)
    yield inner
    inner.close()


def test_all_works_where_only_the_engine_can_be_reached(away: Inner, over_tls: tuple[str, dict[str, str]]) -> None:
    away.test(EVERYTHING)
    url, env = over_tls
    away.run("--bgasync-engine", url, env=env).assert_passed(1)
    away.assert_nothing_left()


def test_an_engine_that_asks_for_a_certificate_is_one_sentence_without(
    inner: Inner, over_tls: tuple[str, dict[str, str]]
) -> None:
    inner.test(SIMPLE)
    ended = inner.run("--bgasync-engine", over_tls[0])
    ended.assert_says(f"no container engine answers at --bgasync-engine={over_tls[0]} (")
    assert ended.rc != 0


def test_an_engine_is_reached_over_tcp_by_the_option(away: Inner, far: Engine) -> None:
    away.test(SIMPLE)
    with on_loopback(Path(far.url.removeprefix("unix://"))) as address:
        away.run("--bgasync-engine", f"tcp://{address}").assert_passed(1)
    away.assert_nothing_left()


def test_an_engine_is_reached_over_ssh_by_the_environment(
    away: Inner, far: Engine, bgasync_engine: Engine, target: str
) -> None:
    away.test(SIMPLE)
    with over_ssh(far, bgasync_engine, target) as (url, folder):
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        away.run(env={"PATH": path, "DOCKER_HOST": url}).assert_passed(1)
    away.assert_nothing_left()


def test_kept_hosts_are_entered_and_their_runs_repeated_through_the_engine(away: Inner) -> None:
    away.test(SIMPLE)
    ended = away.run("--bgasync-keep=always")
    ended.assert_passed(1)
    (ssh,) = re.findall(r"^ *(ssh -F \S+ gateway)$", ended.output, re.MULTILINE)
    entered = away.typed(f"{ssh} hostname")
    assert (entered.returncode, entered.stdout) == (0, "gateway\n"), entered
    again = away.typed(ended.line_after("run given as text again, as it was run:"))
    assert (again.returncode, "ok=1" in again.stdout) == (0, True), again
    assert away.bgasync("shell", "gateway", "--", "exit 7").rc == 7
    assert "removed container" in away.bgasync("clean").output
    away.assert_nothing_left()


@pytest.mark.parametrize("end", [Started.kill, Started.interrupt])
def test_a_run_that_is_ended_leaves_nothing_on_an_engine_far_away(
    end: Callable[[Started], None], away: Inner, far: Engine, bgasync_engine: Engine, target: str
) -> None:
    away.test("def test_long(bgasync):\n    bgasync.host.run('touch /here; sleep 600', within=700)\n")
    with over_ssh(far, bgasync_engine, target) as (url, folder):
        env = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        run = away.start("--bgasync-engine", url, env=env)
        run.wait_for(lambda: len(away.containers("running")) >= 2, "the host and the gateway")
        end(run)
        assert_no_insides(run.wait().output)
        if end is Started.kill:
            assert away.bgasync("clean", "--bgasync-engine", far.url).rc == 0
        away.assert_nothing_left()


def test_workers_are_spread_over_engines_and_images_get_there(
    away: Inner, far: Engine, bgasync_engine: Engine, target: str
) -> None:
    image = f"bgasync-test/{uuid.uuid4().hex}:1"
    away.test(WHERE.format(image=image))
    engines = ["--bgasync-engine", bgasync_engine.url, "--bgasync-engine", far.url]
    images = bgasync_engine.client.images
    newer, _ = images.build(fileobj=io.BytesIO(f"FROM {target}\nLABEL made={image}\n".encode()), rm=True)
    try:
        for made in (images.get(target), newer):
            made.tag(image)
            away.run("-n", "2", "--dist", "each", *engines).assert_passed(2)
            found = [(away.path / f"where-gw{number}").read_text() for number in range(2)]
            assert found == [f"{engine.url} {made.attrs['Created']}" for engine in (bgasync_engine, far)]
        away.assert_nothing_left()
    finally:
        for engine, name in ((bgasync_engine, image), (far, image), (bgasync_engine, str(newer.id))):
            with suppress(DockerException):
                engine.client.images.remove(name)


SHARED = """
    import pathlib, pytest

    @pytest.mark.parametrize("number", range(6))
    def test_where(bgasync, bgasync_engine, worker_id, number):
        assert bgasync.run_text("[{hosts: all, gather_facts: false, tasks: [{name: Ping, ping: }]}]").ok
        with pathlib.Path("where-" + worker_id).open("a") as where:
            print(bgasync_engine.url, file=where)
"""


@pytest.mark.parametrize("mode", ["load", "worksteal"])
def test_engines_of_two_kinds_share_the_tests_of_a_session(
    pytester: pytest.Pytester, far: Engine, bgasync_engine: Engine, over_tls: tuple[str, dict[str, str]], mode: str
) -> None:
    inner = Inner(pytester, bgasync_engine, far)
    try:
        inner.test(SHARED)
        url, env = over_tls
        engines = ["--bgasync-engine", bgasync_engine.url, "--bgasync-engine", url]
        inner.run("-n", "2", "--dist", mode, *engines, env=env).assert_passed(6)
        used = [(inner.path / f"where-gw{number}").read_text().split() for number in range(2)]
        assert [set(urls) for urls in used] == [{bgasync_engine.url}, {url}]
        inner.assert_nothing_left()
    finally:
        inner.close()


def test_of_several_engines_one_that_does_not_answer_fails_the_tests_of_its_worker(inner: Inner) -> None:
    inner.test("def test_one(bgasync): pass")
    engines = ["--bgasync-engine", inner.engine_url, "--bgasync-engine", "tcp://127.0.0.1:1"]
    ended = inner.run("-n", "2", "--dist", "each", *engines)
    assert ended.counts == {"passed": 1, "errors": 1}, ended.output
    ended.assert_says("no container engine answers at --bgasync-engine=tcp://127.0.0.1:1 (")
    inner.assert_nothing_left()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://farm1", "--bgasync-engine: 'ftp://farm1' is no address of an engine"),
        ("tcp://", "--bgasync-engine: 'tcp://' is no address of an engine"),
        ("unix:///nowhere", "no container engine answers at --bgasync-engine=unix:///nowhere ("),
        ("tcp://127.0.0.1:1", "no container engine answers at --bgasync-engine=tcp://127.0.0.1:1 ("),
        ("/run/docker.sock", "--bgasync-engine: '/run/docker.sock' is no address of an engine"),
        ("ssh://me:secret@farm1", "--bgasync-engine: ssh takes no password there"),
        ("farm9", "--bgasync-engine names the docker context 'farm9', which is not there"),
        ("ssh://nobody@127.0.0.1:1", "ssh://nobody@127.0.0.1:1 cannot be reached over ssh ("),
    ],
)
def test_an_engine_that_cannot_be_had_is_one_sentence(url: str, words: str, inner: Inner) -> None:
    inner.test(SIMPLE)
    ended = inner.run("--bgasync-engine", url)
    ended.assert_says(words)
    assert ended.rc != 0
    inner.assert_nothing_left()


def test_certificates_that_are_not_there_are_one_sentence(inner: Inner) -> None:
    inner.test(SIMPLE)
    env = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(inner.path)}
    inner.run("--bgasync-engine", "tcp://127.0.0.1:1", env=env).assert_says(
        "the folder of DOCKER_CERT_PATH does not hold"
    )


def test_workers_of_xdist_may_have_names(inner: Inner) -> None:
    inner.test("def test_one(): pass")
    inner.run("--tx", "popen//id=fast", "--dist", "load", "--bgasync-engine", inner.engine_url).assert_passed(1)
