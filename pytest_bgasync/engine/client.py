"""Finds the container engine, starts one that is installed, and ends what it started."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import docker
import psutil
from docker.context import Context, ContextAPI
from docker.errors import APIError, DockerException, TLSParameterError
from docker.utils import kwargs_from_env

from pytest_bgasync.engine.heartbeat import Heartbeat, hung
from pytest_bgasync.engine.ownership import containers, owner_label
from pytest_bgasync.engine.scenario_record import parse_name
from pytest_bgasync.engine.ssh_tunnel import Tunnel
from pytest_bgasync.util import private_files as private
from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.errors import EngineMissing, EngineNotFound, EngineRefused, EngineTimeout
from pytest_bgasync.util.exit_removals import CLEANUPS
from pytest_bgasync.util.interrupts import INTERRUPTS
from pytest_bgasync.util.locks import FileLock, cache_folder, locked
from pytest_bgasync.util.processes import identify, is_alive

INSTALL = (
    "install Docker or Podman (on Debian and Ubuntu: apt-get install docker.io), or name one that runs in DOCKER_HOST"
)
#: Real seconds that an engine may take to answer, and to start.
ANSWER, START = 30, 60
#: Real seconds that one may take in any case, however soon its hosts have to be up; and one that hangs, to end.
BUSY = 5

#: What a client raises when its engine refuses, and when that has gone: requests' own errors are OSErrors.
FAILURES = (DockerException, OSError)

#: How Docker and Podman begin the line that says why they end; a stack may follow it.
_LAST_WORDS = re.compile(r"panic: |fatal error: |failed to start daemon|Error: |time=.* level=fatal ")

#: How the address of a socket of this machine begins.
LOCAL = "unix://"
#: Where Docker listens, and its command looks for it.
USUAL = "/var/run/docker.sock"
OPTION = "--bgasync-engine"
UNSET = "unset {} to use the engine of this machine"
#: How many connections are kept open.
POOL = 100
Connect = Callable[[float], docker.DockerClient]
T = TypeVar("T")


class Engine:
    """A container engine that answers.

    ``client`` is a ``docker.DockerClient`` for it, ``url`` its address. ``near`` says whether a port that it publishes
    on its loopback is one of this machine's; None until a host of it has answered.
    """

    def __init__(self, url: str, connect: Connect, service: Service, answer: float = ANSWER) -> None:
        """Connect and ask for a sign of life; raises EngineNotFound, or what docker raises when there is none.

        ``answer`` is how many real seconds it may take to give one, now and at any time.
        """
        self.url = url
        self.near: bool | None = None
        self._service = service
        self._tunnel: Tunnel | None = None
        if (parts := urlsplit(url)).scheme == "ssh":
            self._tunnel = Tunnel(parts, answer)
            connect = partial(_client, base_url=self._tunnel.url)
        self._connect = connect
        # A new connection for each question: it is the engine that is asked, and nothing that is kept open.
        self._heartbeat = Heartbeat(url, lambda: connect(answer + BUSY).close(), answer)
        try:
            self.client = connect(answer)
            self.client.ping()
            self._watch(self.client, ANSWER)
        except BaseException as error:
            said = "" if self._tunnel is None else self._tunnel.last_words()
            self._close_tunnel()
            if self._tunnel is not None and isinstance(error, FAILURES):
                raise EngineNotFound(
                    f"no container engine answers at {url} ({said or reason(error)}):"
                    " see that it runs there, that the path of its socket is right, and that the user may use it"
                ) from None
            raise
        CLEANUPS.add(self, self._close)

    @property
    def started(self) -> bool:
        """True where it was started for tests, and ends with the last of them."""
        return self._service.running

    @property
    def podman(self) -> bool:
        """True where it is Podman, which answers as Docker does."""
        parts = self.client.version().get("Components") or []
        return any("Podman" in part["Name"] for part in parts)

    @property
    def command(self) -> str:
        """The words with which Docker's or Podman's own command uses this engine."""
        if self.podman:
            return f"podman --url {self.url}"
        return "docker" if self.url == f"unix://{USUAL}" else f"docker -H {self.url}"

    def patient_client(self, seconds: int) -> docker.DockerClient:
        """Return another client, one whose single answers may take ``seconds`` real seconds."""
        return self._watch(self.during(lambda: self._connect(ANSWER)), seconds)

    def check(self) -> None:
        """Raise EngineTimeout if the engine has stopped answering; for loops that wait for what it brings about."""
        self._heartbeat.check()

    def during(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns, which may wait long for the engine; raises what it raises, or EngineTimeout."""
        return self._heartbeat.during(work)

    def each(self, items: Iterator[T]) -> Iterator[T]:
        """Yield what an iterator yields, which may wait long for the engine each time; raises as ``during`` does."""
        return self._heartbeat.each(items)

    def _watch(self, client: docker.DockerClient, seconds: float) -> docker.DockerClient:
        api: Any = client.api
        api.heartbeat, api.timeout = self._heartbeat, seconds
        return client

    def close(self) -> None:
        """Close the connection, and end the engine if it was started for tests and this was its last user.

        One that has containers which are kept goes on.
        """
        CLEANUPS.run(self, "closing the connection to the engine")

    @contextmanager
    def short_lived(self, image: str, command: list[str], **create: Any) -> Iterator[Any]:
        """Give a container, not started, that is removed with the block; raises what ``FAILURES`` lists."""
        with INTERRUPTS.held():
            container = self.client.containers.create(image, command, user="0", labels=owner_label(), **create)
            CLEANUPS.add(container, partial(container.remove, force=True))
        try:
            yield container
        finally:
            CLEANUPS.run(container, f"removing the container {container.name}")

    def _close(self) -> None:
        needed = self._service.running and self._keeps()
        self.client.close()
        self._close_tunnel()
        self._service.leave(end=not needed, within=BUSY if self._heartbeat.stopped else START)

    def _keeps(self) -> bool:
        try:
            found = containers(self.client)
        except (*FAILURES, EngineTimeout):
            return False
        return any(name.kept for container in found if (name := parse_name(str(container.name))) is not None)

    def _close_tunnel(self) -> None:
        if self._tunnel is not None:
            self._tunnel.close()


def find(environ: Mapping[str, str] | None = None, named: str | None = None, answer: float = ANSWER) -> Engine:
    """Return the engine that is named, else that which ``docker`` would use, a usual one, or one that is started now.

    ``named`` is an address or the name of a docker context. ``answer`` is how many real seconds it may take to answer.
    Raises EngineNotFound or EngineRefused.
    """
    environ = os.environ if environ is None else environ
    service, answer = Service(), max(BUSY, min(ANSWER, answer))
    service.join()
    try:
        if (naming := _naming(environ, named)) is not None:
            return _engine(naming, service, answer)
        engine = _found(environ, service, answer)
        if engine is None:
            with locked("engine-start", within=START):
                engine = _found(environ, service, answer) or _started(environ, service, answer)
    except BaseException:
        service.leave()
        raise
    return engine


@dataclass(frozen=True)
class _Naming:
    """An engine that is named: what names it, and what to do else."""

    words: str
    url: str
    connect: Connect
    cure: str


def _engine(naming: _Naming, service: Service, answer: float) -> Engine:
    try:
        return Engine(naming.url, naming.connect, service, answer)
    except (*FAILURES, ValueError) as error:
        _raise_if_refused(naming.url, error)
        raise EngineNotFound(
            f"no container engine answers at {naming.words} ({reason(error)}): start it there, or {naming.cure}"
        ) from None


def _found(environ: Mapping[str, str], service: Service, answer: float) -> Engine | None:
    """Return the first engine that answers; None if there is none, or one can be started beside those that refuse."""
    try:
        return _answering(environ, service, answer)
    except EngineRefused:
        if os.geteuid() == 0 or _program(environ, "podman") is None:
            raise
        return None


def _answering(environ: Mapping[str, str], service: Service, answer: float) -> Engine | None:
    """Return the first engine that answers, None if there is none at all; raises EngineRefused or EngineTimeout."""
    refused: EngineNotFound | None = None
    for url, tls in _addresses(environ):
        try:
            return Engine(url, partial(_client, base_url=url, tls=tls), service, answer)
        except (*FAILURES, ValueError) as error:
            if "timed out" in str(error):
                refused = refused or hung(url, answer)
            try:
                _raise_if_refused(url, error)
            except EngineRefused as refusal:
                refused = refusal
    if refused is not None:
        raise refused
    return None


def _naming(environ: Mapping[str, str], named: str | None) -> _Naming | None:
    """Return the engine that an option or the environment names, None without one."""
    if named is not None:
        words, cure = f"{OPTION}={named}", f"leave {OPTION} out to use the engine of this machine"
        if "://" in named:
            return _Naming(words, named, _from_env({**environ, "DOCKER_HOST": named}), cure)
        url, connect = _of_context(named, OPTION)
        return _Naming(words, url, connect, cure)
    if host := environ.get("DOCKER_HOST"):
        return _Naming(f"DOCKER_HOST={host}", host, _from_env(environ), UNSET.format("DOCKER_HOST"))
    if (name := environ.get("DOCKER_CONTEXT")) and name != "default":
        url, connect = _of_context(name, "DOCKER_CONTEXT")
        return _Naming(f"DOCKER_CONTEXT={name}", url, connect, UNSET.format("DOCKER_CONTEXT"))
    return None


def naming_words(environ: Mapping[str, str], named: str | None) -> str | None:
    """Return what names the engine, None where it is looked for; raises EngineNotFound."""
    naming = _naming(environ, named)
    return None if naming is None else naming.words


def _from_env(environ: Mapping[str, str]) -> Connect:
    try:
        return partial(_client, **kwargs_from_env(dict(environ)))
    except TLSParameterError:
        raise EngineNotFound(
            "DOCKER_TLS_VERIFY is set, and the folder of DOCKER_CERT_PATH does not hold ca.pem, cert.pem and key.pem:"
            " name the one that does, or unset both"
        ) from None


def _of_context(name: str, where: str) -> tuple[str, Connect]:
    """Return the address of a docker context and how to connect; raises EngineNotFound."""
    context = _context(name)
    if context is None:
        raise EngineNotFound(
            f"{where} names the docker context {name!r}, which is not there or cannot be read:"
            f" name one that `docker context ls` lists, or {'an address' if where == OPTION else f'unset {where}'};"
            " beside docker's folder contexts there must be a config.json, {} will do"
        )
    url = str(context.Host)
    return url, partial(_client, base_url=url, tls=context.TLSConfig or False)


def _context(name: str | None) -> Context | None:
    """Return a docker context, the current one without a name; None where there is none to be read."""
    try:
        return ContextAPI.get_context(name)
    except Exception:  # noqa: BLE001  # of a file that cannot be read it raises just that
        return None


class _Api(docker.APIClient):
    """Use the engine's own CA, which requests would replace with REQUESTS_CA_BUNDLE, and watch whether it answers."""

    heartbeat: Heartbeat | None = None

    def send(self, request: Any, **options: Any) -> Any:
        """Send a request; raises EngineTimeout at once where the engine has stopped answering."""
        answer = partial(super().send, request, **options)
        return answer() if self.heartbeat is None else self.heartbeat.during(answer, lambda response: response.close())

    @property
    def trust_env(self) -> bool:
        return not isinstance(self.verify, str)

    @trust_env.setter
    def trust_env(self, value: bool) -> None:
        """Is set by requests, to what it is anyway."""


class Client(docker.DockerClient):
    """A client of docker's, with our connection."""

    def __init__(self, **options: Any) -> None:
        self.api = _Api(**options)


def _client(timeout: float, base_url: str, tls: docker.tls.TLSConfig | bool = False) -> docker.DockerClient:
    if base_url.startswith(LOCAL) and (path := base_url.removeprefix(LOCAL).lstrip("/")):
        _knock(f"/{path}", timeout)
    return Client(base_url=base_url, tls=tls, timeout=timeout, max_pool_size=POOL)


def _knock(path: str, timeout: float) -> None:
    """Raise DockerException where nobody listens; docker's own try would leave its socket open."""
    with socket.socket(socket.AF_UNIX) as knocking:
        knocking.settimeout(timeout)
        try:
            knocking.connect(path)
        except OSError as error:
            raise DockerException(str(error)) from error


def _addresses(environ: Mapping[str, str]) -> Iterator[tuple[str, docker.tls.TLSConfig | bool]]:
    context = _context(environ.get("DOCKER_CONTEXT"))
    if context is not None and context.name != "default":
        yield str(context.Host), context.TLSConfig or False
    home = Path(environ.get("HOME", "/nonexistent"))
    runtime = _runtime(environ)
    for path in (
        Path(USUAL),
        runtime / "docker.sock",
        home / ".docker/run/docker.sock",
        home / ".docker/desktop/docker.sock",
        home / ".colima/default/docker.sock",
        Path("/run/podman/podman.sock"),
        runtime / "podman/podman.sock",
    ):
        try:
            there = path.is_socket()
        except PermissionError:
            there = False
        if there:
            yield f"{LOCAL}{path}", False


def _runtime(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")


def _raise_if_refused(url: str, error: Exception) -> None:
    if "PermissionError" in repr(error) or "Permission denied" in str(error):
        raise EngineRefused(
            f"the container engine at {url} does not let this user in:"
            " join the group of its socket (usermod -aG docker USER, then log in again),"
            " or run pytest as a user who may"
        ) from None


def reason(error: Exception) -> str:
    """Return what an error of the engine says, in one line."""
    if isinstance(error, OSError) and not isinstance(error, DockerException):
        return f"the engine does not answer: {_innermost(error)}"
    if isinstance(error.__cause__, OSError) and not isinstance(error, APIError):
        return _innermost(error.__cause__)
    text = str(getattr(error, "explanation", None) or error).removeprefix("Error while fetching server API version: ")
    return (text.strip() or type(error).__name__).splitlines()[0][:300]


def _innermost(error: BaseException) -> str:
    """Return what an error says that requests and urllib3 have wrapped in errors of their own."""
    while True:
        parts = (getattr(error, "reason", None), *error.args, error.__cause__)
        if (inner := next((part for part in parts if isinstance(part, BaseException)), None)) is None:
            return str(getattr(error, "strerror", None) or error)
        error = inner


def _program(environ: Mapping[str, str], name: str) -> str | None:
    return shutil.which(name, path=environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")


def _started(environ: Mapping[str, str], service: Service, answer: float) -> Engine:
    dockerd, podman = _program(environ, "dockerd"), _program(environ, "podman")
    root = os.geteuid() == 0
    if dockerd and root:
        service.start([dockerd], unit="docker")
    elif podman:
        path = (Path("/run") if root else _runtime(environ)) / "podman/podman.sock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineNotFound(
                f"no container engine answers, and Podman has no place for its socket ({error}):"
                " log in anew, or name a folder of your own in XDG_RUNTIME_DIR"
            ) from None
        service.start([podman, "system", "service", "--time=0", f"{LOCAL}{path}"])
    elif dockerd:
        raise EngineNotFound(
            "no container engine answers, and Docker, which is installed, can only be started by root:"
            " start it (sudo systemctl start docker), or name one that runs in DOCKER_HOST"
        )
    else:
        raise EngineMissing(f"no container engine answers and none is installed: {INSTALL}")
    engine: list[Engine] = []

    def answers() -> bool:
        with suppress(EngineTimeout):  # it has a place for connections before it answers
            found = _found(environ, service, answer)
            engine.extend([found] if found else [])
        return bool(engine) or not service.running

    Deadline(START).wait_for(answers, every=0.1)
    if not engine:
        raise EngineNotFound(
            f"the container engine was started but did not answer within {START} s; {service.last_words()}"
        )
    return engine[0]


class Service:
    """An engine that tests started for themselves, shared by all who use it at that moment.

    Every user holds a shared lock; the one who finds nobody else holding it ends the engine.
    """

    def __init__(self) -> None:
        self._users = FileLock("engine-users")
        self._note = cache_folder() / "engine.json"
        self.log = cache_folder() / "engine.log"
        self._started: psutil.Popen | None = None

    def join(self) -> None:
        """Become a user; while somebody ends the engine, wait."""
        self._users.acquire(shared=True, within=START)

    def start(self, command: list[str], *, unit: str | None = None) -> None:
        """Start the engine: the systemd ``unit`` where there is systemd, else ``command``; raises EngineNotFound."""
        if unit and Path("/run/systemd/system").is_dir():
            before = _invocation(unit)
            if not _systemctl("start", unit):
                raise EngineNotFound(
                    f"no container engine answers, and systemd could not start {unit}: see journalctl -u {unit}"
                )
            if (invocation := _invocation(unit)) != before:  # else somebody else was quicker
                private.write(self._note, json.dumps({"unit": unit, "invocation": invocation}))
            return
        # What has no note is never ended.
        with private.make_file(self.log).open("wb") as log, INTERRUPTS.held():
            self._started = psutil.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            private.write(self._note, json.dumps(identify(self._started.pid)))

    @property
    def running(self) -> bool:
        """True while the engine that was started is there."""
        note = self._read_note()
        return note is not None and _is_ours(note)

    def leave(self, *, end: bool = True, within: float = START) -> None:
        """Stop being a user; with ``end`` the last one ends the engine and waits until it has gone.

        One that does not end ``within`` so many real seconds is killed.
        """
        try:
            if end and self._users.try_acquire() and (note := self._read_note()) is not None:
                self._stop(note, within)
                self._note.unlink(missing_ok=True)
        finally:
            self._users.release()

    def last_words(self) -> str:
        """Say where the log of the engine is, with the lines that say why it ended, else its last ones."""
        note = self._read_note() or {}
        if "unit" in note:
            return f"see journalctl -u {note['unit']}"
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        telling = [line for line in lines if _LAST_WORDS.match(line)]
        return f"its log {self.log} ends with: {' / '.join((telling or lines)[-3:])}"

    def _read_note(self) -> dict[str, Any] | None:
        try:
            with private.PrivateFolder(self._note.parent) as folder:
                note = folder.read_json(self._note.name)
        except (OSError, ValueError):
            return None
        return note if isinstance(note, dict) else None

    def _stop(self, note: dict[str, Any], within: float) -> None:
        if not _is_ours(note):
            return
        if "unit" in note:
            _systemctl("stop", f"{note['unit']}.socket", note["unit"])
            return
        with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            pid, own = int(note["pid"]), self._started
            process = own if own is not None and own.pid == pid else psutil.Process(pid)
            process.send_signal(signal.SIGTERM)

            def ended() -> bool:
                # Another worker may have started it, and is its parent: then it stays a zombie as long as that lives.
                return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

            if not Deadline(within).wait_for(ended):
                process.kill()
            process.wait(0.1)  # a child of this process leaves the process table


def _is_ours(note: dict[str, Any]) -> bool:
    """Say whether the engine of a note runs as it was started; what others started since, or the boot, is theirs."""
    try:
        if "unit" in note:
            return str(note["invocation"]) == _invocation(note["unit"]) != ""
        return is_alive(note) is True
    except (ValueError, TypeError, KeyError):
        return False


def _systemctl(*words: str) -> bool:
    """Say whether systemd did what it was asked."""
    try:
        return subprocess.run(["systemctl", *words], check=False, timeout=START).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _invocation(unit: str) -> str:
    """Return what tells one start of a unit from any other; empty when it cannot be had."""
    with suppress(OSError, subprocess.TimeoutExpired):
        asked = ["systemctl", "show", "--property=InvocationID", "--value", unit]
        return subprocess.run(asked, check=False, timeout=START, capture_output=True, text=True).stdout.strip()
    return ""
