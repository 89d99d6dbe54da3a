"""A steady stream of requests during a run: whether anybody would have noticed."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from pytest_bgasync.hosts.machine import Machine
from pytest_bgasync.remote import HOST
from pytest_bgasync.util.clock import HostClock, steady
from pytest_bgasync.util.errors import BgasyncError, HostProblem, UsageProblem

#: Real seconds that one request may take.
PATIENCE = 10.0
#: Requests in a real second, at most.
FASTEST = 200
_FOLDER = "/var/lib/bgasync/traffic"
_SCRIPT = HOST / "traffic.py"
#: Starts the stream in the background, and ends it; each says why where that fails. The first tells the time, too.
#: The mark tells the stream from what a play has left running.
_START = """
mkdir -p "$1"
BGASYNC_JOB=harness python3 -c "$2" "$3" >"$1/log" 2>&1 </dev/null &
echo $! >"$1/pid"
until [ -e "$1/sent.jsonl" ]; do
    kill -0 $! 2>/dev/null || { tail -n 1 "$1/log" >&2; exit 1; }
    sleep 0.02
done
read -r now idle </proc/uptime
echo "$now"
"""
_STOP = """
touch "$1/stop"
until [ -e "$1/done" ]; do
    kill -0 "$(cat "$1/pid")" 2>/dev/null || [ -e "$1/done" ] || { tail -n 1 "$1/log" >&2; exit 1; }
    sleep 0.05
done
cat "$1/done"
"""


@dataclass(frozen=True)
class Sent:
    """One request: when it was sent, and how long it took until it had ended, in playbook seconds.

    ``status`` is None where there was no answer; ``error`` says what went wrong, None where nothing did.
    """

    at: float
    took: float
    status: int | None
    error: str | None

    @property
    def ok(self) -> bool:
        """True when it was answered with a status below 400."""
        return self.status is not None and self.status < 400


class Traffic:
    """A steady stream of requests from a host of the scenario, while the ``with`` block runs.

    The rate is that of real seconds. A request that is not answered within ten real seconds has
    failed, as has one with a status from 400 on. At the end of the block those that are on their
    way are waited for.
    """

    def __init__(self, machine: Machine, url: str, rate: float, clock: HostClock, longest: float) -> None:
        if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise UsageProblem(f"traffic() needs a URL such as http://lb.example.com/, not {url!r}")
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= FASTEST:
            raise UsageProblem(f"traffic(): rate= is a number of requests a real second, up to {FASTEST}, not {rate!r}")
        self._machine = machine
        self._clock = clock
        self._config = {
            "url": url,
            "rate": rate,
            "most": math.ceil(rate * longest),
            "patience": PATIENCE,
            "folder": f"{_FOLDER}/{uuid.uuid4().hex}",
        }
        self._longest = longest
        self._begun = False
        self._sent: list[Sent] | None = None

    def __repr__(self) -> str:
        return f"<Traffic {self._config['url']}>"

    def __enter__(self) -> Self:
        if self._begun:
            raise UsageProblem("traffic() is for one with block: call it again for another stream")
        self._begun = True
        asked = steady()
        said = self._do(_START, str(self._config["folder"]), _script(), json.dumps(self._config))
        self._clock.heard(float(said), asked, steady())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            why = self._do(_STOP, str(self._config["folder"]))
            self._sent = self._read()
            if why == "limit":
                raise HostProblem(
                    f"traffic to {self._config['url']} ended after {self._longest:g} s, before its block did:"
                    " give it more with the ini key bgasync_deadline"
                )
        except BgasyncError:
            if kind is None:
                raise  # else the block's own failure is what is told

    @property
    def url(self) -> str:
        """Where the requests are sent."""
        return str(self._config["url"])

    @property
    def source(self) -> str:
        """The name of the host that sends them."""
        return self._machine.name

    @property
    def over(self) -> bool:
        """True once the block has ended and all that was sent is known."""
        return self._sent is not None

    @property
    def requests(self) -> list[Sent]:
        """All requests that have ended until now, in the order in which they were sent.

        Raises UsageProblem before the block has begun, and HostProblem.
        """
        if not self._begun:
            raise UsageProblem("traffic() sends nothing by itself: write `with bgasync.traffic(...) as traffic:`")
        return self._read() if self._sent is None else self._sent

    @property
    def sent(self) -> int:
        """How many requests have ended until now."""
        return len(self.requests)

    @property
    def failed(self) -> int:
        """How many of them have failed."""
        return len(self.failures)

    @property
    def failures(self) -> list[Sent]:
        """Those that have failed."""
        return [one for one in self.requests if not one.ok]

    @property
    def longest_gap(self) -> float:
        """The longest time between two requests that were answered well, by when they were sent, in playbook seconds.

        It is about one divided by the rate when none has failed, and counts from the first request to the last.
        """
        began, ended = longest_gap(self.requests)
        return ended - began

    def _read(self) -> list[Sent]:
        text = self._machine.read(f"{self._config['folder']}/sent.jsonl")
        lines = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]  # the last may be half there
        return sorted((self._one(json.loads(line)) for line in lines), key=lambda one: one.at)

    def _one(self, entry: dict[str, Any]) -> Sent:
        took = self._clock.clock.playbook(entry["ended"] - entry["at"])
        return Sent(self._clock.at(entry["at"]), took, entry["status"], entry["error"])

    def _do(self, text: str, *args: str) -> str:
        done = self._machine.run(["sh", "-c", text, "-", *args])
        if done.rc != 0:
            why = done.stderr.strip() or "it was ended with its host"
            raise HostProblem(f"traffic from {self._machine.name} to {self._config['url']} broke off: {why}")
        return done.stdout


def longest_gap(requests: Sequence[Sent]) -> tuple[float, float]:
    """Return when the longest gap between two requests that were answered well began and ended; without any, 0 and 0.

    The first request and the last one are its bounds, too, however they went.
    """
    points = [one.at for one in requests if one.ok or one in (requests[0], requests[-1])]
    return max(pairwise(points), key=lambda gap: gap[1] - gap[0], default=(0.0, 0.0))


@cache
def _script() -> str:
    return _SCRIPT.read_text()
