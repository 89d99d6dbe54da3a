"""An ansible-playbook that has been imported once: it forks for each run.

Its arguments are a connection to pytest and the path of ansible-playbook. For each run it gets one
message, the folder of the run, and with it a connection for that run and its leash (see ``workers``).
There it says ``begun`` and, at its end, the exit status; or why it cannot serve. What comes from there,
or its end, ends the run.

Standard library and Ansible only. No plugin is imported here: one of the author may have its name.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import runpy
import secrets
import select
import selectors
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

#: Of prctl(2).
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


def warm() -> str:
    """Import what every run imports; return why that cannot be shared, nothing if it can."""
    try:
        import ansible.cli.playbook  # noqa: F401
        from ansible import constants

        read_routing()
    except (Exception, SystemExit):  # noqa: BLE001  # whatever it is, the command tells it
        return "it cannot be imported"
    if constants.DEFAULT_LOG_PATH:
        return "Ansible opens its log_path when it is imported"
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        if os.fstat(stream.fileno()).st_size:
            return "Ansible says something when it is imported"
    gc.collect()
    gc.freeze()
    return ""


def read_routing() -> None:
    """Read once where Ansible's own plugins have moved to: ten thousand lines that each run would read."""
    import ansible
    from ansible.utils.collection_loader import _collection_finder as finder

    own = os.path.join(os.path.dirname(ansible.__file__), "config", "ansible_builtin_runtime.yml")
    with open(own, "rb") as stream:
        text = stream.read()
    read = finder._meta_yml_to_dict
    known = read(text, ("ansible.builtin", "runtime.yml"))

    def parsed(raw: Any, content_id: Any) -> Any:
        return known if raw == text else read(raw, content_id)

    finder._meta_yml_to_dict = parsed


class Server:
    """Forks for each request."""

    def __init__(self, control: socket.socket, unfit: str) -> None:
        self._control = control
        self._unfit = unfit
        self._runs: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()  # no select(): that knows 1024 files
        self._awake, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._awake, selectors.EVENT_READ)

    def serve(self) -> dict[str, Any]:
        """Serve until pytest closes the connection. Returns in the forked processes only, with what is to be run."""
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            ready = [key.fileobj for key, _ in self._selector.select()]
            if self._awake in ready:
                with suppress(BlockingIOError):
                    os.read(self._awake, 512)
            for pid, run in list(self._runs.items()):
                if run in ready:
                    self._selector.unregister(run)
                    os.kill(pid, signal.SIGKILL)  # still ours to wait for, so it is no other process
            self._reap()
            if self._control in ready:
                folder, fds, _, _ = socket.recv_fds(self._control, 4096, 2)
                if not fds:
                    raise SystemExit(0)  # pytest has closed it, or has gone
                if request := self._fork(os.fsdecode(folder), socket.socket(fileno=fds[0]), fds[1]):
                    return request

    def _reap(self) -> None:
        while self._runs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._runs.pop(pid) as run:
                with suppress(KeyError):  # it has been told to end
                    self._selector.unregister(run)
                with suppress(OSError):
                    run.send(str(os.waitstatus_to_exitcode(status)).encode())

    def _fork(self, folder: str, run: socket.socket, leash: int) -> dict[str, Any] | None:
        """Start a run, or say why not. Returns what is to be run in the forked process, nothing in this one."""
        main, said, pid = os.getpid(), self._unfit, -1
        if not said and not _closed(run):
            try:
                pid = os.fork()
                said = "begun"
            except OSError as error:
                said = f"no process can be forked ({error.strerror})"
        if pid == 0:
            self._close(run)
            return become(folder, main, leash)
        os.close(leash)
        with suppress(OSError):
            run.send(said.encode())
        if pid > 0:
            self._runs[pid] = run
            self._selector.register(run, selectors.EVENT_READ)
        else:
            run.close()
        return None

    def _close(self, run: socket.socket) -> None:
        """Close, in a forked process, what is the server's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for connection in [self._control, run, *self._runs.values()]:
            connection.close()
        os.close(self._awake)
        os.close(self._wake)


def _closed(connection: socket.socket) -> bool:
    """Say whether nobody waits at its other end any more."""
    ear = select.poll()
    ear.register(connection, 0)
    return bool(ear.poll(0))


def become(folder: str, main: int, leash: int) -> dict[str, Any]:
    """Make this forked process what one is that has just been started for a request; return that."""
    os.setsid()
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != main:  # it has gone in the meantime
        os._exit(1)
    prctl(PR_SET_NAME, b"ansible-playbook")
    # Stays open: by it, what has been forked in this run and is to be ended is known (see process_cleanup).
    mark = os.open(f"{folder}/request.json", os.O_RDONLY | os.O_CLOEXEC)
    with open(mark, closefd=False) as stream:
        request: dict[str, Any] = json.load(stream)
    for name, number in (("stdout", 1), ("stderr", 2)):
        output = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        os.dup2(output, number)
        os.close(output)
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["env"], BGASYNC_LEASH=str(leash))
    anew()
    return request


def anew() -> None:
    """Make anew what Ansible has made when it was imported, and what two runs must not share."""
    import atexit

    import ansible.utils.vars
    from ansible import constants
    from ansible.config import manager

    atexit.unregister(manager.cleanup_tmp_file)  # that folder is of the process that has imported
    constants.DEFAULT_LOCAL_TMP = constants.config.get_config_value("DEFAULT_LOCAL_TMP")
    ansible.utils.vars.random_int = f"{secrets.randbits(32):08x}"  # else tasks of two runs have one id


def main() -> None:
    """Serve; in a process that is forked for a run, be ansible-playbook."""
    control, script = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    sys.argv = [script]
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(script))
    sys.argv = Server(control, warm()).serve()["command"]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
