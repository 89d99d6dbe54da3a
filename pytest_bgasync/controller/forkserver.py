"""An ansible-playbook that has been imported once: it forks for each run.

Its arguments are a connection to pytest and the path of ansible-playbook. It first says there that it is
ready, or why it cannot serve; then it gets one message for each run: the path of a request, and with it
a connection for that run, standard output, standard error, and the leash of the run (see ``workers``).
The exit status goes to the connection of the run. What comes from there, or its end, ends the run.

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
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

#: Of prctl(2).
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


def warm() -> None:
    """Import what every run imports; raises Unfit, which says why that cannot be shared."""
    import ansible.cli.playbook  # noqa: F401
    from ansible import constants

    if constants.DEFAULT_LOG_PATH:
        raise Unfit("Ansible opens its log_path when it is imported")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        if os.fstat(stream.fileno()).st_size:
            raise Unfit("Ansible says something when it is imported")
    gc.collect()
    gc.freeze()


class Unfit(Exception):
    """This configuration needs an ansible-playbook of its own for each run."""


def serve(control: socket.socket) -> dict[str, Any]:
    """Fork for each request. Returns in the forked processes only, with what is to be run."""
    runs: dict[int, socket.socket] = {}
    awake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    heard: set[int] = set()  # those that have been told to end
    while True:
        sources: list[Any] = [control, awake, *(run for pid, run in runs.items() if pid not in heard)]
        ready, _, _ = select.select(sources, [], [])
        if awake in ready:
            with suppress(BlockingIOError):
                os.read(awake, 512)
        for pid, run in list(runs.items()):
            if run in ready:
                heard.add(pid)
                os.kill(pid, signal.SIGKILL)  # still ours to wait for, so it is no other process
        while runs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            heard.discard(pid)
            with runs.pop(pid) as run, suppress(OSError):
                run.send(str(os.waitstatus_to_exitcode(status)).encode())
        if control in ready:
            path, fds, _, _ = socket.recv_fds(control, 4096, 4)
            if not fds:
                raise SystemExit(0)  # pytest has closed it, or has gone
            connection = socket.socket(fileno=fds[0])
            main = os.getpid()
            pid = os.fork()
            if pid == 0:
                with open(path) as stream:
                    request: dict[str, Any] = json.load(stream)
                for run in [control, connection, *runs.values()]:
                    run.close()
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.close(awake)
                os.close(wake)
                become(request, main, *fds[1:])
                return request
            runs[pid] = connection
            for fd in fds[1:]:
                os.close(fd)


def become(request: dict[str, Any], main: int, stdout: int, stderr: int, leash: int) -> None:
    """Make this forked process what one is that has just been started for the request."""
    os.setsid()
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != main:  # it has gone in the meantime
        os._exit(1)
    prctl(PR_SET_NAME, b"ansible-playbook")
    for source, number in ((stdout, 1), (stderr, 2)):
        os.dup2(source, number)
        os.close(source)
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["env"], BGASYNC_LEASH=str(leash))
    anew()


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
    try:
        warm()
    except Unfit as reason:
        control.send(str(reason).encode())
        raise SystemExit(0) from None
    control.send(b"ready")
    sys.argv = serve(control)["command"]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
