"""Stubs: small executables that a test puts in the place of commands, and their recorded calls."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pytest_bgasync.clock import Clock
from pytest_bgasync.containers import Container
from pytest_bgasync.errors import HostProblem, NotThere, UsageProblem
from pytest_bgasync.tasks import listing

_BODY = Path(__file__).parent / "guest" / "stub.py"
_STATE = "/var/lib/bgasync/stubs"
#: Writes the records of all calls; there may be more than a command line can name.
_READ = "import pathlib, sys; sys.stdout.writelines(c.read_text() for c in pathlib.Path(sys.argv[1]).glob('*.json'))"
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

    def __init__(self, container: Container, clock: Clock) -> None:
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
        config = {
            "calls": f"{state}/calls", "rc": rc, "takes": self._clock.real(takes), "stdout": stdout, "stderr": stderr,
            "listens": listens, "script": f"{state}/script" if script is not None else None,
        }  # fmt: skip
        prepare = (
            'mkdir -p "$1/calls" "$(dirname "$2")"; chmod 1777 "$1/calls"; rm -f "$2";'
            ' [ -z "$3" ] || [ ! -e "$3" ] || ln -sf "$2" "$3"'
        )
        made = self._container.script(prepare, state, place, "" if "/" in path else f"{_SBIN}/{path}")
        if made.rc != 0:
            raise HostProblem(f"stub {path!r} could not be made: {made.stderr.decode(errors='replace').strip()}")
        if script is not None:
            self._container.put(f"{state}/script", script.encode(), 0o755)
        text = f"#!/usr/bin/python3 -I\nCONFIG = {config!r}\n{_body()}"
        self._container.put(place, text.encode(), 0o755)
        self._paths[place] = state

    def calls(self, path: str) -> list[Call]:
        """Return the calls of a stub, oldest first; raises NotThere if there is no stub at ``path``."""
        state = self._paths.get(_place(path))
        if state is None:
            raise NotThere(
                f"{path!r} is no stub on {self._container.label}, so its calls are not recorded;"
                f" stubs there: {listing(self._paths)}"
            )
        found = self._container.execute(["/usr/bin/python3", "-I", "-c", _READ, f"{state}/calls"])
        entries: list[dict[str, Any]] = [json.loads(line) for line in found.stdout.splitlines()]
        calls = [Call(**{**entry, "at": self._clock.at(entry["at"])}) for entry in entries]
        return sorted(calls, key=lambda call: call.at)


def _place(path: str) -> str:
    return path if "/" in path else f"{_BIN}/{path}"


@cache
def _body() -> str:
    return _BODY.read_text()
