"""Stubs: small executables that a test puts in the place of commands, and their recorded calls."""

from __future__ import annotations

import hashlib
import json
import math
import shlex
from dataclasses import dataclass
from functools import cache

from pytest_bgasync.engine.container import Container
from pytest_bgasync.hosts.snapshot import no_answer
from pytest_bgasync.remote import HOST
from pytest_bgasync.util.clock import HostClock, steady
from pytest_bgasync.util.errors import HostProblem, NotThere, UsageProblem
from pytest_bgasync.util.text import listing

_STATE = "/var/lib/bgasync/stubs"
#: Real seconds that a shell can wait, thirty years.
_LONGEST = 1e9
#: Makes the pipe that nobody writes to, and a copy of a shell that can run stub.sh, if there is one. A copy,
#: because a stub may be put in the place of the shell; called sh, so that it reads no file of its user's. The copy of
#: bash does not know LC_ALL: before it runs anything it would warn of a locale that the host does not have.
_SET_UP = """
root=$1 probe='IFS= read -r -d "" word </proc/self/environ && [ "$EPOCHREALTIME" ] && ! read -r -t 0.01 word <>"$0"'
if [ ! -p "$root/silence" ]; then
    mkdir -p "$root"
    mkfifo -m 666 "$root/silence"
    for copy in 'LC_ALL=C sed s/LC_ALL/LC_NOT/g /bin/bash' 'cat /bin/sh'; do
        if eval "$copy" >"$root/sh" && chmod 755 "$root/sh" && "$root/sh" -c "$probe" "$root/silence"; then break; fi
        rm "$root/sh"
    done 2>/dev/null
fi
"""
#: Prepares a stub, given the folder of them all, its own, its place and a second one; says whether the shell will do.
_PREPARE = """
mkdir -p "$2/calls" "$(dirname "$3")"
chmod 1777 "$2/calls"
rm -f "$3"
[ -z "$4" ] || [ ! -e "$4" ] || ln -sf "$3" "$4"
[ ! -e "$root/sh" ] || echo shell
"""
#: First on the PATH of ssh sessions, sudo and become_user alike.
_BIN = "/usr/local/bin"
#: Stands before that for root, where a command of the same name may be.
_SBIN = "/usr/local/sbin"


@dataclass(frozen=True)
class Call:
    """One call of a stub. ``at`` is in playbook seconds since the scenario began.

    ``stdin`` is what had been read of standard input, "" where there was none; at most its first MiB, and
    of a ``script=`` what came before it was idle for a second.
    """

    argv: list[str]
    at: float
    user: str
    env: dict[str, str]
    stdin: str


class Stubs:
    """The stubs of one host."""

    def __init__(self, container: Container, clock: HostClock) -> None:
        self._container = container
        self._clock = clock
        self._paths: dict[str, str] = {}  # its place -> folder of its records

    def add(
        self, path: str, rc: int, takes: float, stdout: str, stderr: str, listens: int | None, script: str | None
    ) -> None:
        """Put a stub at ``path``; raises UsageProblem for what cannot be meant."""
        if not path or path.endswith("/") or ("/" in path and not path.startswith("/")):
            raise UsageProblem(f"a stub needs an absolute path or the bare name of a command, not {path!r}")
        if not isinstance(rc, int) or not 0 <= rc <= 255:
            raise UsageProblem(f"stub {path!r}: an exit status is a number from 0 to 255, not {rc!r}")
        if not isinstance(takes, int | float) or not 0 <= takes < math.inf:
            raise UsageProblem(f"stub {path!r}: it cannot take {takes!r} seconds, give a number from 0 on")
        if not isinstance(stdout, str) or not isinstance(stderr, str):
            raise UsageProblem(f"stub {path!r}: stdout= and stderr= are text")
        if listens is not None and (not isinstance(listens, int) or not 0 < listens < 65536):
            raise UsageProblem(f"stub {path!r}: listens= is a port from 1 to 65535, not {listens!r}")
        if script is not None and not str(script).startswith("#!"):
            raise UsageProblem(f"stub {path!r}: script= begins with the line of its interpreter, such as #!/bin/sh")
        if script is not None and (rc or takes or stdout or stderr or listens):
            raise UsageProblem(f"stub {path!r}: script= is the whole executable, so give nothing else with it")
        place = _place(path)
        state = f"{_STATE}/{hashlib.sha256(place.encode()).hexdigest()[:16]}"
        second = "" if "/" in path else f"{_SBIN}/{path}"
        made = self._container.script(_SET_UP + _PREPARE, _STATE, state, place, second)
        if made.rc != 0:
            raise HostProblem(f"stub {path!r} could not be made: {made.stderr.decode(errors='replace').strip()}")
        real = self._clock.clock.real(takes)
        config = {
            "calls": f"{state}/calls", "rc": rc, "takes": real, "stdout": stdout, "stderr": stderr,
            "listens": listens, "script": f"{state}/script" if script is not None else None,
        }  # fmt: skip
        executable = f"#!/usr/bin/python3 -I\nCONFIG = {config!r}\n{_body('stub.py')}".encode()
        if script is not None:
            self._container.put(f"{state}/script", script.encode(), 0o755)
        elif listens is None and made.stdout:
            self._container.put(f"{state}/stub.py", executable, 0o644)
            executable = _in_shell(state, rc, real, stdout, stderr)
        self._container.put(place, executable, 0o755)
        self._paths[place] = state

    def calls(self, path: str) -> list[Call]:
        """Return the calls of a stub, oldest first; raises NotThere without a stub at ``path``, and HostProblem."""
        state = self._paths.get(_place(path))
        if state is None:
            raise NotThere(
                f"{path!r} is no stub on {self._container.label}, so its calls are not recorded;"
                f" stubs there: {listing(self._paths)}"
            )
        asked = steady()
        found = self._container.execute(["/usr/bin/python3", "-I", "-c", _body("calls.py"), f"{state}/calls"])
        answered = steady()
        try:
            if found.rc != 0:
                raise ValueError(f"exit status {found.rc}")
            *entries, last = map(json.loads, found.stdout.splitlines())
            self._clock.heard(last["now"], asked, answered)
            calls = [Call(**{**entry, "at": self._clock.at(entry["at"])}) for entry in entries]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise no_answer(self._container, f"how {path} was called", found) from None
        return sorted(calls, key=lambda call: call.at)


def _place(path: str) -> str:
    return path if "/" in path else f"{_BIN}/{path}"


def _in_shell(state: str, rc: int, takes: float, stdout: str, stderr: str) -> bytes:
    """Return a stub in the language of the shell."""
    words = {
        "calls": f"{state}/calls",
        "silence": f"{_STATE}/silence",
        "reader": f"{state}/stub.py",
        "rc": str(rc),
        "takes": f"{min(takes, _LONGEST):.6f}" if takes else "0",
        "stdout": _format(stdout),
        "stderr": _format(stderr),
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in words.items()]
    return "\n".join([f"#!{_STATE}/sh", *lines, _body("stub.sh")]).encode()


def _format(text: str) -> str:
    """Return a format with which printf writes a text, whatever is in it; bytes as read() gives them, too."""
    plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,:/"
    return "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode(errors="surrogateescape"))


@cache
def _body(name: str) -> str:
    return (HOST / name).read_text()
