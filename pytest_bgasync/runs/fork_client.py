"""Starts ansible-playbook: forked from a process that has imported Ansible already, where that can be."""

from __future__ import annotations

import json
import math
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pytest_bgasync.engine.ownership import make_folder, remove_folder
from pytest_bgasync.remote import CONTROLLER
from pytest_bgasync.runs.config_fingerprint import configuration
from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.exit_removals import CLEANUPS
from pytest_bgasync.util.interrupts import INTERRUPTS

_SERVER = CONTROLLER / "forkserver.py"
#: Real seconds in which Ansible is imported and the run is forked.
IMPORT = 60.0
#: Real seconds in which a server that was told to end has gone.
ENDING = 10.0
#: How many configurations are kept ready at a time.
KEPT = 3
#: Said of a server that has ended by itself or by others.
GONE = "it cannot be imported"
#: With these, Python measures from its start, for one run in each process.
_MEASURING = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "COV_CORE_SOURCE")


class Process(Protocol):
    """A run of ansible-playbook, as ``subprocess.Popen`` has it."""

    returncode: int | None

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; raises subprocess.TimeoutExpired after ``timeout`` real seconds."""

    def kill(self) -> None:
        """Send it SIGKILL."""


@dataclass(frozen=True)
class Start:
    """One ansible-playbook to be started. It writes to ``stdout`` and ``stderr`` in its folder."""

    command: Sequence[str]
    """The path of ansible-playbook, and its arguments."""
    env: Mapping[str, str]
    own_env: Mapping[str, str]
    """Environment variables that no two runs have alike."""
    cwd: Path
    folder: Path
    """Where the run keeps its files."""
    leash: socket.socket
    """Is passed on; its number there is in BGASYNC_LEASH."""


class Starter:
    """Starts ansible-playbook, and keeps a server for each of the configurations that were used last."""

    def __init__(self, note: Callable[[str], None], *, forks: bool = True) -> None:
        """``note`` is told of a configuration that cannot be served; without ``forks`` none is."""
        self._note = note
        self._forks = forks
        self._servers: dict[object, _Server | None] = {}
        self._retired: list[_Server] = []
        self._lock = threading.Lock()
        CLEANUPS.add(self, self._close_all)

    def start(self, start: Start, within: float = IMPORT) -> Process:
        """Start a run; waits until it has been started, but no longer than ``within`` real seconds."""
        script = start.command[0]
        for output in ("stdout", "stderr"):
            (start.folder / output).touch()
        with self._lock:
            key = configuration(script, start.env, start.cwd)
            server = self._server(key, script, start.env, start.cwd)
            fork = None if server is None else server.fork(start, lambda reason: self._give_up(key, server, reason))
        if fork is None:
            return _started(start, start.leash)
        fork.wait_until_begun(within)
        return fork

    def prepare(self, script: str, env: Mapping[str, str], cwd: Path) -> None:
        """Let Ansible be imported for a configuration before a run asks for it; does not wait for that."""
        with self._lock:
            self._server(configuration(script, env, cwd), script, env, cwd)

    def close(self) -> None:
        """End all servers, and runs that are forked from them."""
        CLEANUPS.run(self, "ending the processes that have imported Ansible")

    def _close_all(self) -> None:
        with self._lock:
            self._forks = False
            for server in [*filter(None, self._servers.values()), *self._retired]:
                server.close()
            self._servers.clear()
            self._retired.clear()

    def _server(self, key: object, script: str, env: Mapping[str, str], cwd: Path) -> _Server | None:
        """Return the server for a configuration, a new one where there is none; None where there cannot be one."""
        if not self._forks:
            return None
        if key in self._servers:
            server = self._servers[key]
            if server is None or server.alive:
                self._servers[key] = self._servers.pop(key)  # the last is the one used last
                return server
            self._close(key)
        idle = [old for old, server in self._servers.items() if server and not server.busy]
        for old in idle[: max(0, len(idle) + 1 - KEPT)]:
            self._close(old)
        try:
            with INTERRUPTS.held():  # else there could be one that nobody knows
                self._servers[key] = _Server(_launcher(script, env), script, env, cwd)
        except (_Unfit, OSError) as reason:
            self._refuse(key, str(reason))
        return self._servers[key]

    def _give_up(self, key: object, server: _Server, reason: str) -> None:
        """Take note that a server did not start a run; one that has worked before may just have been killed."""
        with self._lock:
            if self._servers.get(key) is server:
                del self._servers[key]
                if server.works:
                    self._retired.append(server)  # with the runs that it did start
                else:
                    server.close()
                if reason != GONE or not server.worked:
                    self._refuse(key, reason)

    def _refuse(self, key: object, reason: str) -> None:
        self._servers[key] = None
        self._note(f"each run imports Ansible anew: {reason}")

    def _close(self, key: object) -> None:
        if (server := self._servers.pop(key, None)) is not None:
            server.close()


class _Unfit(Exception):
    """Why a configuration needs an ansible-playbook of its own for each run."""


class _Server:
    """The process that has imported Ansible for one configuration, or is about to."""

    def __init__(self, launcher: Sequence[str], script: str, env: Mapping[str, str], cwd: Path) -> None:
        self._folder = make_folder()
        self._runs: list[_Fork] = []
        self._worked = False
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs, (self._folder / "stdout").open("wb") as out, (self._folder / "stderr").open("wb") as err:
                self._process = subprocess.Popen(
                    [*launcher, str(_SERVER), str(theirs.fileno()), script],
                    env={**env, "ANSIBLE_LOCAL_TEMP": str(self._folder / "tmp")}, cwd=cwd, start_new_session=True,
                    stdin=subprocess.DEVNULL, stdout=out, stderr=err, pass_fds=[theirs.fileno()],
                )  # fmt: skip
        except OSError:
            self._control.close()
            remove_folder(self._folder)
            raise

    @property
    def alive(self) -> bool:
        """True until the process has ended."""
        return self._process.poll() is None

    @property
    def busy(self) -> bool:
        """True while a run may be going on."""
        return any(run.returncode is None for run in self._runs)

    @property
    def works(self) -> bool:
        """True while a run that it has started is going on."""
        return any(run.begun and run.returncode is None for run in self._runs)

    @property
    def worked(self) -> bool:
        """True once it has started a run."""
        return self._worked or any(run.begun for run in self._runs)

    def fork(self, start: Start, give_up: Callable[[str], None]) -> _Fork:
        """Ask for a run; ``give_up`` is told why it did not come to that."""
        env = {**start.env, **start.own_env}
        request = {"command": list(start.command), "env": env, "cwd": str(start.cwd), "umask": _umask()}
        (start.folder / "request.json").write_text(json.dumps(request))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, suppress(OSError):  # it has gone: the other end tells so, too
            path = os.fsencode(start.folder)
            socket.send_fds(self._control, [path], [theirs.fileno(), start.leash.fileno()])
        self._worked = self.worked
        self._runs = [run for run in self._runs if run.returncode is None]
        self._runs.append(_Fork(start, ours, give_up))
        return self._runs[-1]

    def close(self) -> None:
        """End it, and its runs with it."""
        self._control.close()
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        remove_folder(self._folder)


class _Fork:
    """A run that a server was asked for; where it did not come to that, the command in its place."""

    def __init__(self, start: Start, connection: socket.socket, give_up: Callable[[str], None]) -> None:
        self._start = start
        self._connection = connection
        self._give_up = give_up
        self._leash: socket.socket | None = start.leash.dup()
        self._import = Deadline(IMPORT)
        self._command: Process | None = None
        self._lock = threading.RLock()
        self.begun = False
        self.returncode: int | None = None

    def wait_until_begun(self, within: float) -> None:
        """Wait until the run has been started, in one way or the other, or the time has passed."""
        end = Deadline(within)
        while not self.begun and self._command is None and self.returncode is None and not end.passed:
            self._hear(min(end.left, 1.0))

    def poll(self) -> int | None:
        self._hear(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        end = Deadline(math.inf if timeout is None else timeout)
        while True:
            self._hear(min(end.left, 1.0))
            if self.returncode is not None:
                return self.returncode
            if end.passed:
                raise subprocess.TimeoutExpired(list(self._start.command), end.seconds)

    def kill(self) -> None:
        with self._lock:
            if self._command is not None:
                self._command.kill()
            elif not self.begun:
                self._ended(-signal.SIGKILL)  # a server that comes to it finds that nobody wants it any more
            else:
                with suppress(OSError):
                    self._connection.send(b"kill")

    def _hear(self, within: float) -> None:
        """Take note of what the server says, which may take ``within`` real seconds."""
        with self._lock:
            if self.returncode is not None:
                return
            if self._command is not None:
                with suppress(subprocess.TimeoutExpired):
                    self.returncode = self._command.wait(within)
                return
            ear = select.poll()
            ear.register(self._connection, select.POLLIN)
            if ear.poll(within * 1000):
                said = b""
                with suppress(OSError):
                    said = self._connection.recv(4096)
                self._heard(said.decode())
            elif not self.begun and self._import.passed:
                self._instead(f"that takes longer than {IMPORT:g} s")

    def _heard(self, said: str) -> None:
        if said == "begun":
            self.begun = True
            self._forget_leash()
        elif self.begun:
            # A server that was killed has taken its runs with it.
            self._ended(int(said) if said else -signal.SIGKILL)
        else:
            self._instead(said or GONE)

    def _instead(self, reason: str) -> None:
        """Start the command, because the server has not."""
        self._connection.close()
        self._give_up(reason)
        assert self._leash is not None
        self._command = _started(self._start, self._leash)
        self._forget_leash()

    def _ended(self, returncode: int) -> None:
        self.returncode = returncode
        self._connection.close()
        self._forget_leash()

    def _forget_leash(self) -> None:
        if self._leash is not None:
            self._leash.close()
            self._leash = None


def _started(start: Start, leash: socket.socket) -> subprocess.Popen[bytes]:
    """Start the command."""
    env = {**start.env, **start.own_env, "BGASYNC_LEASH": str(leash.fileno())}
    with (start.folder / "stdout").open("wb") as out, (start.folder / "stderr").open("wb") as err:
        return subprocess.Popen(
            start.command,
            env=env, cwd=start.cwd, start_new_session=True, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            pass_fds=[leash.fileno()],
        )  # fmt: skip


def _launcher(script: str, env: Mapping[str, str]) -> list[str]:
    """Return the command that runs a script of Python, as its first lines have it; raises _Unfit."""
    if not sys.platform.startswith("linux"):
        raise _Unfit(f"that cannot be shared on {sys.platform}")
    if measuring := [name for name in _MEASURING if name in env]:
        raise _Unfit(f"each is measured ({measuring[0]} is set)")
    with Path(script).open("rb") as stream:
        lines = stream.read(4096).decode(errors="replace").splitlines()
    words = lines[0].removeprefix("#!").split(maxsplit=1) if lines and lines[0].startswith("#!") else []
    if words == ["/bin/sh"] and len(lines) > 1:  # what installers write for long paths
        with suppress(ValueError):
            words = shlex.split(lines[1])
        words = words[1:-2] if words[:1] == ["exec"] and words[-2:] == ["$0", "$@"] else []
    text = " ".join(words)
    if not re.search(r"\bpython[\d.]*( |$)", text) or re.search("[$`]", text):
        raise _Unfit(f"the first lines of {script} do not say which Python runs it")
    return words


def _umask() -> int:
    # Asked so because it can only be asked otherwise by changing it, for all threads.
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^Umask:\s*([0-7]+)", status, re.MULTILINE)
    return int(found[1], 8) if found else 0o022
