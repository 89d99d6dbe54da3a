"""Starts ansible-playbook: forked from a process that has imported Ansible already, where that can be."""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from pytest_bgasync.owner import make_folder

_SERVER = Path(__file__).parent / "controller" / "forkserver.py"
#: Real seconds in which Ansible is imported.
IMPORT = 60.0
#: Real seconds in which a server that was told to end has gone.
ENDING = 10.0
#: How many configurations are kept ready at a time.
KEPT = 3
#: The environment variables that change what Ansible or Python do when Ansible is imported.
_READ_AT_IMPORT = re.compile(
    r"_?(ANSIBLE|PYTHON|LC|LD|XDG|OPENSSL|CRYPTOGRAPHY|MALLOC|COVERAGE|COV)_.*|PYTHON[A-Z0-9]*|LANG|LANGUAGE|HOME|USER|LOGNAME"
    r"|PATH|TMPDIR|TEMP|TMP|TERM|TZ|COLUMNS|LINES|NO_COLOR|PAGER|EDITOR"
)
#: The files, beside those that the environment names, that Ansible reads when it is imported.
_CONFIGURATIONS = ("~/.ansible.cfg", "/etc/ansible/ansible.cfg", "/etc/ansible/plugin_filters.yml")
#: With these, Python measures from its start, for one run in each process.
_MEASURING = ("COVERAGE_PROCESS_START", "COV_CORE_SOURCE")


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
    """One ansible-playbook to be started."""

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


class Unfit(Exception):
    """Why a configuration needs an ansible-playbook of its own for each run."""


class Starter:
    """Starts ansible-playbook, and keeps a server for each of the configurations that were used last."""

    def __init__(self, note: Callable[[str], None], *, forks: bool = True) -> None:
        """``note`` is told of a configuration that cannot be served; without ``forks`` none is."""
        self._note = note
        self._forks = forks
        self._servers: dict[object, _Server | None] = {}
        self._lock = threading.Lock()

    def start(self, start: Start, out: IO[bytes], err: IO[bytes]) -> Process:
        """Start a run that writes to ``out`` and ``err``."""
        with self._lock:
            key = _configuration(start.command[0], start.env, start.cwd)
            server = self._server(key, start.command[0], start.env, start.cwd)
            if server is not None:
                try:
                    return server.fork(start, out, err)
                except Unfit as reason:
                    self._give_up(key, reason)
        leash = start.leash.fileno()
        return subprocess.Popen(
            start.command,
            env={**start.env, **start.own_env, "BGASYNC_LEASH": str(leash)}, cwd=start.cwd, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=out, stderr=err, pass_fds=[leash],
        )  # fmt: skip

    def close(self) -> None:
        """End all servers, and runs that are forked from them."""
        with self._lock:
            self._forks = False
            for key in list(self._servers):
                self._close(key)

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
            self._servers[key] = _Server(_launcher(script, env), script, env, cwd)
        except Unfit as reason:
            self._give_up(key, reason)
        return self._servers[key]

    def _give_up(self, key: object, reason: Unfit) -> None:
        self._close(key)
        self._servers[key] = None
        self._note(f"each run imports Ansible anew: {reason}")

    def _close(self, key: object) -> None:
        if (server := self._servers.pop(key, None)) is not None:
            server.close()


class _Server:
    """The process that has imported Ansible for one configuration."""

    def __init__(self, launcher: Sequence[str], script: str, env: Mapping[str, str], cwd: Path) -> None:
        self._folder = make_folder()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ready = False
        self._runs: list[_Fork] = []
        with theirs, (self._folder / "stdout").open("wb") as out, (self._folder / "stderr").open("wb") as err:
            self._process = subprocess.Popen(
                [*launcher, str(_SERVER), str(theirs.fileno()), script],
                env={**env, "ANSIBLE_LOCAL_TEMP": str(self._folder / "tmp")}, cwd=cwd, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, pass_fds=[theirs.fileno()],
            )  # fmt: skip

    @property
    def alive(self) -> bool:
        """True until the process has ended."""
        return self._process.poll() is None

    @property
    def busy(self) -> bool:
        """True while a run may be going on."""
        return any(run.returncode is None for run in self._runs)

    def fork(self, start: Start, out: IO[bytes], err: IO[bytes]) -> _Fork:
        """Start a run; raises Unfit."""
        self._wait_until_ready()
        request = start.folder / "request.json"
        env = {**start.env, **start.own_env}
        request.write_text(
            json.dumps({"command": list(start.command), "env": env, "cwd": str(start.cwd), "umask": _umask()})
        )
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            fds = [theirs.fileno(), out.fileno(), err.fileno(), start.leash.fileno()]
            try:
                socket.send_fds(self._control, [os.fsencode(request)], fds)
            except OSError:
                ours.close()
                raise Unfit("the process that had imported it was ended") from None
        self._runs = [*(run for run in self._runs if run.returncode is None), _Fork(start.command, ours)]
        return self._runs[-1]

    def close(self) -> None:
        """End it, and its runs with it."""
        self._control.close()
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        self._control.settimeout(IMPORT)
        try:
            said = self._control.recv(4096).decode()
        except TimeoutError:
            raise Unfit(f"that takes longer than {IMPORT:g} s") from None
        if said != "ready":
            raise Unfit(said or "it cannot be imported")
        self._control.settimeout(None)
        self._ready = True


class _Fork:
    """A run that was forked."""

    def __init__(self, command: Sequence[str], connection: socket.socket) -> None:
        self._command = command
        self._connection = connection
        self._lock = threading.Lock()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        with self._lock:
            if self.returncode is None:
                if not select.select([self._connection], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(list(self._command), timeout or 0)
                status = b""
                with suppress(OSError):
                    status = self._connection.recv(64)
                # A server that was killed has taken its runs with it.
                self.returncode = int(status) if status else -signal.SIGKILL
                self._connection.close()
            return self.returncode

    def kill(self) -> None:
        with suppress(OSError):
            self._connection.send(b"kill")


def _configuration(script: str, env: Mapping[str, str], cwd: Path) -> object:
    """Return what tells one configuration from another: all that Ansible looks at when it is imported."""
    home = env.get("HOME", "")
    named = cwd / env.get("ANSIBLE_CONFIG", "").replace("~", home) / "ansible.cfg"
    files = [Path(script), named, named.parent if named.parent.is_file() else named, cwd / "ansible.cfg"]
    files += [Path(file.replace("~", home)) for file in _CONFIGURATIONS]
    variables = frozenset((name, value) for name, value in env.items() if _READ_AT_IMPORT.fullmatch(name))
    return script, cwd, variables, tuple(map(_state, files))


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode, found.st_uid


def _launcher(script: str, env: Mapping[str, str]) -> list[str]:
    """Return the command that runs a script of Python, as its first lines have it; raises Unfit."""
    if not sys.platform.startswith("linux"):
        raise Unfit(f"that cannot be shared on {sys.platform}")
    if measuring := [name for name in _MEASURING if name in env]:
        raise Unfit(f"each is measured ({measuring[0]} is set)")
    with Path(script).open("rb") as stream:
        lines = stream.read(4096).decode(errors="replace").splitlines()
    words = lines[0].removeprefix("#!").split(maxsplit=1) if lines and lines[0].startswith("#!") else []
    if words == ["/bin/sh"] and len(lines) > 1:  # what installers write for long paths
        with suppress(ValueError):
            words = shlex.split(lines[1])
        words = words[1:-2] if words[0] == "exec" and words[-2:] == ["$0", "$@"] else []
    if not re.search(r"\bpython[\d.]*( |$)", " ".join(words)):
        raise Unfit(f"{script} is no script of Python")
    return words


def _umask() -> int:
    # Asked so because it can only be asked otherwise by changing it, for all threads.
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^Umask:\s*([0-7]+)", status, re.MULTILINE)
    return int(found[1], 8) if found else 0o022
