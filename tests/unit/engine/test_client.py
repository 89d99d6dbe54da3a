"""Which container engine is taken, and what is said when there is none. No engine is needed: docker is a fake here."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from docker.context import ContextAPI
from docker.errors import DockerException

from pytest_bgasync.engine import client as engine
from pytest_bgasync.engine.client import find
from pytest_bgasync.util.errors import EngineMissing, EngineNotFound, EngineRefused, EngineTimeout
from pytest_bgasync.util.interrupts import Interrupts
from pytest_bgasync.util.locks import FileLock
from pytest_bgasync.util.processes import identify

SYSTEM, PODMAN = "unix:///var/run/docker.sock", "unix:///run/podman/podman.sock"


@dataclass
class Machine:
    """A machine with these sockets, engines behind some of them, and perhaps a docker context."""

    environ: dict[str, str]
    sockets: list[str] = field(default_factory=list)
    answering: list[str] = field(default_factory=list)
    refusing: list[str] = field(default_factory=list)
    hanging: list[str] = field(default_factory=list)
    context: str | None = None
    asked: list[str] = field(default_factory=list)
    containers: list[SimpleNamespace] = field(default_factory=list)

    def ping(self, url: str) -> None:
        self.asked.append(url)
        if url in self.refusing:
            raise DockerException("Error while fetching server API version: PermissionError(13, 'Permission denied')")
        if url in self.hanging:
            raise DockerException("Error while fetching server API version: UnixHTTPConnectionPool: Read timed out.")
        if url not in self.answering:
            raise DockerException("Error while fetching server API version: nobody there\nmore")


@pytest.fixture
def machine(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine({"HOME": "/home/me", "XDG_RUNTIME_DIR": "/run/user/7", "PATH": str(tmp_path)})

    def client(base_url: str, **_: object) -> SimpleNamespace:
        containers = SimpleNamespace(get=lambda number: machine.containers[number])
        api = SimpleNamespace(containers=lambda **_: [{"Id": number} for number in range(len(machine.containers))])
        return SimpleNamespace(ping=lambda: machine.ping(base_url), close=lambda: None, containers=containers, api=api)

    def context(name: str | None) -> SimpleNamespace | None:
        """Know the current context and those called default and other."""
        if name == "default" or not (name or machine.context):
            return SimpleNamespace(name="default", Host="no://no")
        places = {None: machine.context, "other": "tcp://localhost:3"}
        return SimpleNamespace(name=name or "mine", Host=places[name], TLSConfig=None) if name in places else None

    is_dir: Callable[[Path], bool] = Path.is_dir
    monkeypatch.setattr(engine, "_knock", lambda *_: None)
    monkeypatch.setattr(engine, "Client", client)
    monkeypatch.setattr(ContextAPI, "get_context", context)
    monkeypatch.setattr(Path, "is_socket", lambda path: f"unix://{path}" in machine.sockets)
    monkeypatch.setattr(Path, "is_dir", lambda path: path != Path("/run/systemd/system") and is_dir(path))
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert cache.parent.parent == tmp_path
    return machine


def found(environ: dict[str, str]) -> str:
    """Return the address of the engine that is taken, and let it go."""
    taken = find(environ)
    taken.close()
    return taken.url


def unused() -> bool:
    """Say whether nobody counts as a user of an engine that tests started."""
    users = FileLock("engine-users")
    alone = users.try_acquire()
    users.release()
    return alone


ORDER = [
    SYSTEM,
    "unix:///run/user/7/docker.sock",
    "unix:///home/me/.docker/run/docker.sock",
    "unix:///home/me/.docker/desktop/docker.sock",
    "unix:///home/me/.colima/default/docker.sock",
    PODMAN,
    "unix:///run/user/7/podman/podman.sock",
]


def test_the_context_is_asked_first_then_the_usual_sockets_that_are_there(machine: Machine) -> None:
    machine.context, machine.sockets = "tcp://localhost:2", ORDER[::-1]
    machine.answering = [ORDER[-1]]
    assert found(machine.environ) == ORDER[-1]
    assert machine.asked == ["tcp://localhost:2", *ORDER]


@pytest.mark.parametrize("named", [{}, {"DOCKER_CONTEXT": "default"}])
def test_the_default_context_is_no_address_of_its_own(machine: Machine, named: dict[str, str]) -> None:
    machine.context = "tcp://localhost:2" if named else None
    machine.sockets = machine.answering = [SYSTEM]
    assert found({**machine.environ, **named}) == SYSTEM
    assert machine.asked == [SYSTEM]


def test_a_context_that_is_named_is_asked_and_nothing_else(machine: Machine) -> None:
    machine.context, machine.sockets = "tcp://localhost:2", [SYSTEM]
    machine.answering = ["tcp://localhost:2", "tcp://localhost:3", SYSTEM]
    environ = {**machine.environ, "DOCKER_CONTEXT": "other"}
    assert found(environ) == "tcp://localhost:3"
    machine.answering = ["tcp://localhost:2", SYSTEM]
    with pytest.raises(EngineNotFound) as caught:
        find(environ)
    assert str(caught.value) == (
        "no container engine answers at DOCKER_CONTEXT=other (nobody there):"
        " start it there, or unset DOCKER_CONTEXT to use the engine of this machine"
    )


def test_a_context_that_is_not_there_is_said(machine: Machine) -> None:
    machine.sockets = machine.answering = [SYSTEM]
    with pytest.raises(EngineNotFound, match=r"^DOCKER_CONTEXT names the docker context 'nope', which is not there"):
        find({**machine.environ, "DOCKER_CONTEXT": "nope"})
    assert not machine.asked
    assert unused()


def test_a_socket_that_is_not_there_is_not_asked(machine: Machine) -> None:
    machine.sockets = machine.answering = [PODMAN]
    assert found(machine.environ) == PODMAN
    assert machine.asked == [PODMAN]


def test_docker_host_is_the_only_one_asked_where_it_is_set(machine: Machine) -> None:
    machine.context, machine.sockets = "tcp://localhost:2", ORDER
    machine.answering = ["tcp://127.0.0.1:1", "tcp://localhost:2", *ORDER]
    assert found({**machine.environ, "DOCKER_HOST": "tcp://127.0.0.1:1"}) == "tcp://127.0.0.1:1"
    assert machine.asked == ["tcp://127.0.0.1:1"]


def test_a_docker_host_that_does_not_answer_is_an_error_although_another_engine_would(machine: Machine) -> None:
    machine.sockets = machine.answering = [SYSTEM]
    with pytest.raises(EngineNotFound) as caught:
        find({**machine.environ, "DOCKER_HOST": "tcp://127.0.0.1:1"})
    assert str(caught.value) == (
        "no container engine answers at DOCKER_HOST=tcp://127.0.0.1:1 (nobody there):"
        " start it there, or unset DOCKER_HOST to use the engine of this machine"
    )


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "nonsense://x", "tcp://", "tcp://127.0.0.1:1"])
def test_the_real_docker_client_says_no_in_a_way_that_we_understand(host: str) -> None:
    with pytest.raises(EngineNotFound, match=f"^no container engine answers at DOCKER_HOST={host} "):
        find({"DOCKER_HOST": host})


@pytest.mark.parametrize("by_name", [True, False])
def test_an_engine_that_lets_nobody_in_is_told_apart_from_one_that_is_not_there(
    machine: Machine, by_name: bool
) -> None:
    machine.sockets = machine.refusing = [SYSTEM]
    with pytest.raises(EngineRefused, match=f"engine at {SYSTEM} does not let this user in: join the group"):
        find({**machine.environ, **({"DOCKER_HOST": SYSTEM} if by_name else {})})


def test_another_engine_is_taken_where_the_first_refuses(machine: Machine) -> None:
    machine.sockets, machine.refusing, machine.answering = [SYSTEM, PODMAN], [SYSTEM], [PODMAN]
    assert found(machine.environ) == PODMAN


def test_podman_is_started_where_docker_refuses(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    install(monkeypatch, tmp_path / "bin-podman" / "podman", f"touch {started}\nexec sleep 600\n", uid=1000)
    podman = f"unix://{tmp_path}/podman/podman.sock"
    machine.sockets, machine.refusing, ping = [SYSTEM, podman], [SYSTEM], machine.ping

    def answers_once_started(url: str) -> None:
        machine.answering = [podman] if started.exists() else []
        ping(url)

    monkeypatch.setattr(machine, "ping", answers_once_started)
    assert found({**machine.environ, "XDG_RUNTIME_DIR": str(tmp_path)}) == podman


def test_podman_without_a_place_for_its_socket(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "bin-podman" / "podman", "exit 1\n", uid=1000)
    (tmp_path / "file").touch()
    with pytest.raises(EngineNotFound, match=r"Podman has no place for its socket .*XDG_RUNTIME_DIR"):
        find({**machine.environ, "XDG_RUNTIME_DIR": str(tmp_path / "file")})


def test_where_none_is_installed_one_sentence_says_what_to_install(machine: Machine) -> None:
    with pytest.raises(
        EngineMissing, match=r"none is installed: install Docker or Podman .*apt-get install docker\.io"
    ):
        find(machine.environ)


def install(monkeypatch: pytest.MonkeyPatch, program: Path, text: str, *, uid: int = 0) -> None:
    """Make ``text`` the one engine that is installed."""
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\n" + text)
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name, **_: str(program) if name == program.name else None)
    monkeypatch.setattr(os, "geteuid", lambda: uid)


def test_only_root_can_start_one_that_is_installed(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "dockerd", f"touch {tmp_path}/started\n", uid=1000)
    with pytest.raises(EngineNotFound, match=r"can only be started by root: start it \(sudo systemctl start docker\)"):
        find(machine.environ)
    assert not (tmp_path / "started").exists()


def test_podman_is_started_by_anybody_on_the_socket_that_is_asked_for(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "bin-podman" / "podman", 'echo "$*"\nexit 1\n', uid=1000)
    environ = {**machine.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    said = f"ends with: system service --time=0 unix://{tmp_path}/podman/podman.sock$"
    with pytest.raises(EngineNotFound, match=said):
        find(environ)
    assert (tmp_path / "podman").is_dir()


def test_an_engine_that_ends_at_once_is_told_with_its_last_words(
    machine: Machine, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "dockerd", "echo no iptables >&2\nexit 1\n")
    with pytest.raises(EngineNotFound, match=f"its log {cache}/engine.log ends with: no iptables$"):
        find(machine.environ)
    assert unused(), "whoever fails to find an engine is no user of it"


@pytest.mark.parametrize(
    "words",
    [
        "panic: runtime error: index out of range [0]",
        "failed to start daemon: a pid file is there",
        'time="2026-01-01T00:00:00Z" level=fatal msg="no iptables"',
        "Error: cannot listen",
    ],
)
def test_of_a_long_log_the_line_that_says_why_is_told(
    words: str, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = f"level=info\n{words}\n\ngoroutine 1 [running]:\nmain.one()\nmain.two()\nmain.three()\n"
    (tmp_path / "log").write_text(log)
    install(monkeypatch, tmp_path / "dockerd", f"cat {tmp_path}/log\nexit 2\n")
    with pytest.raises(EngineNotFound, match=rf"ends with: {re.escape(words)}$"):
        find(machine.environ)


def test_a_started_engine_lives_until_its_last_user_leaves_and_no_host_is_kept(
    machine: Machine, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "dockerd", "exec sleep 600\n")
    machine.sockets = [SYSTEM]
    ping = machine.ping

    def answers_once_started(url: str) -> None:
        machine.answering = [SYSTEM] if (cache / "engine.json").exists() else []
        ping(url)

    monkeypatch.setattr(machine, "ping", answers_once_started)
    first = find(machine.environ)
    second = find(machine.environ)
    daemon = psutil.Process(json.loads((cache / "engine.json").read_text())["pid"])
    first.close()
    assert daemon.is_running()
    machine.containers = [SimpleNamespace(name="bgasync-kept-0123456789-web1")]
    second.close()
    assert daemon.is_running(), "kept hosts would have ended"
    machine.containers = [SimpleNamespace(name="bgasync-0123456789-web1")]
    find(machine.environ).close()
    assert not daemon.is_running()
    assert not (cache / "engine.json").exists()


def test_a_process_that_has_got_the_pid_of_a_started_engine_is_left_alone(machine: Machine, cache: Path) -> None:
    machine.sockets = machine.answering = [SYSTEM]
    with subprocess.Popen(["sleep", "600"]) as other:
        engine = find(machine.environ)
        (cache / "engine.json").write_text(json.dumps({**identify(other.pid), "ticks": 1}))
        engine.close()
        assert other.poll() is None
        other.kill()


#: A systemd that knows one unit; a file holds which start of it this is.
SYSTEMD = """\
case $1 in
    start) echo first >{0}/invocation ;;
    stop) rm {0}/invocation ;;
    show) cat {0}/invocation ;;
esac 2>/dev/null
"""


@pytest.mark.parametrize("restarted", [False, True])
def test_a_unit_of_systemd_is_stopped_only_where_it_runs_as_it_was_started(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    install(monkeypatch, tmp_path / "dockerd", "exit 1\n")
    install_systemd(monkeypatch, tmp_path, SYSTEMD.format(tmp_path))
    machine.sockets, invocation, ping = [SYSTEM], tmp_path / "invocation", machine.ping

    def answers_once_started(url: str) -> None:
        machine.answering = [SYSTEM] if invocation.exists() else []
        ping(url)

    monkeypatch.setattr(machine, "ping", answers_once_started)
    engine = find(machine.environ)
    if restarted:
        invocation.write_text("by somebody\n")
    engine.close()
    assert invocation.exists() is restarted


def test_a_unit_that_systemd_cannot_start_is_told_at_once(
    machine: Machine, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "dockerd", "exit 1\n")
    install_systemd(monkeypatch, tmp_path, "exit 1\n")
    with pytest.raises(EngineNotFound, match=r"systemd could not start docker: see journalctl -u docker$"):
        find(machine.environ)
    assert not (cache / "engine.json").exists()


def install_systemd(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    program = folder / "systemctl"
    program.write_text("#!/bin/sh\n" + text)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(Path, "is_dir", lambda _: True)


def test_an_engine_that_others_started_is_left_running(machine: Machine, cache: Path) -> None:
    machine.sockets = machine.answering = [SYSTEM]
    assert found(machine.environ) == SYSTEM
    assert not (cache / "engine.json").exists()
    assert unused()


@pytest.mark.parametrize(("named", "url"), [("tcp://farm1:2376", "tcp://farm1:2376"), ("other", "tcp://localhost:3")])
def test_the_engine_that_is_named_is_the_only_one_asked(named: str, url: str, machine: Machine) -> None:
    machine.context, machine.sockets = "tcp://localhost:2", [SYSTEM]
    machine.answering = [url, SYSTEM]
    taken = find({**machine.environ, "DOCKER_HOST": SYSTEM}, named)
    taken.close()
    assert (taken.url, machine.asked) == (url, [url])
    machine.answering = [SYSTEM]
    with pytest.raises(EngineNotFound) as caught:
        find(machine.environ, named)
    assert str(caught.value) == (
        f"no container engine answers at --bgasync-engine={named} (nobody there):"
        " start it there, or leave --bgasync-engine out to use the engine of this machine"
    )
    assert unused()


def test_an_engine_that_never_answers_is_one_sentence(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ANSWER", 0.5)
    assert cache.parent.parent == tmp_path
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as hung:
        hung.bind(f"{folder}/socket")
        hung.listen()
        with pytest.raises(
            EngineNotFound,
            match=r"^no container engine answers at DOCKER_HOST=unix:///.*socket \(timed out\): start it",
        ):
            find({"DOCKER_HOST": f"unix://{folder}/socket"})


def test_nobody_at_a_socket_leaves_no_file_open(cache: Path, tmp_path: Path) -> None:
    assert cache.parent.parent == tmp_path
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(f"{folder}/socket")
        gc.collect()
        gc.disable()  # what only a collection closes is open until then
        try:
            before = psutil.Process().num_fds()
            with pytest.raises(EngineNotFound, match=r"\(Connection refused\)"):
                find({"DOCKER_HOST": f"unix://{folder}/socket"})
            assert psutil.Process().num_fds() == before
        finally:
            gc.enable()


def test_a_context_that_is_named_has_to_be_there(machine: Machine) -> None:
    with pytest.raises(EngineNotFound) as caught:
        find(machine.environ, "nope")
    assert str(caught.value) == (
        "--bgasync-engine names the docker context 'nope', which is not there or cannot be read:"
        " name one that `docker context ls` lists, or an address;"
        " beside docker's folder contexts there must be a config.json, {} will do"
    )
    assert unused()


@pytest.mark.parametrize("spoil", ["foreign", "link", "fifo", "sparse", "deep", "list"])
def test_a_note_that_is_not_ours_ends_no_process(machine: Machine, cache: Path, spoil: str) -> None:
    machine.sockets = machine.answering = [SYSTEM]
    note = cache / "engine.json"
    with subprocess.Popen(["sleep", "600"]) as other:
        taken = find(machine.environ)
        note.write_text(json.dumps(identify(other.pid)))
        if spoil == "foreign":
            os.chown(note, 65534, 65534) if os.getuid() == 0 else note.chmod(0o666)
        elif spoil == "link":
            note.rename(cache / "elsewhere")
            note.symlink_to("elsewhere")
        elif spoil == "fifo":
            note.unlink()
            os.mkfifo(note)
        elif spoil == "sparse":
            os.truncate(note, 1 << 30)
        else:
            note.write_text("[" * 500_000 if spoil == "deep" else "[]")
        taken.close()
        assert other.poll() is None
        other.kill()


def test_beside_one_that_hangs_none_is_started(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "dockerd", f"touch {tmp_path}/started\n")
    machine.sockets = machine.hanging = [SYSTEM]
    with pytest.raises(EngineTimeout, match=rf"^the container engine at {SYSTEM} has not answered for 7 s, so this"):
        find(machine.environ, answer=7)
    assert machine.asked == [SYSTEM]
    assert not (tmp_path / "started").exists()
    assert unused()


def test_another_is_taken_where_the_first_hangs(machine: Machine) -> None:
    machine.sockets, machine.hanging, machine.answering = [SYSTEM, PODMAN], [SYSTEM], [PODMAN]
    assert found(machine.environ) == PODMAN


def test_one_that_was_started_may_hang_at_first(
    machine: Machine, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "dockerd", "exec sleep 600\n")
    machine.sockets, ping = [SYSTEM], machine.ping

    def answers_the_third_time(url: str) -> None:
        started = (cache / "engine.json").exists()
        machine.hanging = [SYSTEM] if started and len(machine.asked) < 4 else []
        machine.answering = [SYSTEM] if started else []
        ping(url)

    monkeypatch.setattr(machine, "ping", answers_the_third_time)
    assert found(machine.environ) == SYSTEM
    assert len(machine.asked) > 4


def test_one_that_was_started_and_hangs_is_killed(
    machine: Machine, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "dockerd", "exec sleep 600\n")
    machine.sockets, ping = [SYSTEM], machine.ping

    def answers_once_started(url: str) -> None:
        machine.answering = [SYSTEM] if (cache / "engine.json").exists() else []
        ping(url)

    monkeypatch.setattr(machine, "ping", answers_once_started)
    monkeypatch.setattr(engine, "BUSY", 0.5)
    taken = find(machine.environ)
    daemon = psutil.Process(json.loads((cache / "engine.json").read_text())["pid"])
    daemon.suspend()
    taken._heartbeat.stopped = True
    begun = time.monotonic()
    taken.close()
    daemon.wait(20)
    assert time.monotonic() - begun < engine.START / 2


def test_ctrl_c_while_one_is_started_ends_it(
    machine: Machine, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "dockerd", "exec sleep 600\n")
    started: list[psutil.Popen] = []
    popen = psutil.Popen

    def pressing(*args: Any, **options: Any) -> psutil.Popen:
        started.append(popen(*args, **options))
        signal.raise_signal(signal.SIGINT)
        return started[0]

    monkeypatch.setattr(psutil, "Popen", pressing)
    monkeypatch.setattr(engine, "INTERRUPTS", Interrupts())
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            find(machine.environ)
    finally:
        signal.signal(signal.SIGINT, usual)
        if left := started[0].poll() is None:
            started[0].kill()
    assert not left
    assert not (cache / "engine.json").exists()
    assert unused()


def test_an_engine_of_another_worker_ends_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its parent does not ask how it ended, so that it stays in the process table."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    parent = subprocess.Popen(["sh", "-c", "sleep 300 & echo $!; exec sleep 300"], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        began = time.monotonic()
        engine.Service()._stop(dict(identify(child)), 30)
        assert time.monotonic() - began < 10
        assert psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    finally:
        parent.kill()
        parent.communicate()
