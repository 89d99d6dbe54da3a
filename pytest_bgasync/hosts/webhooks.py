"""The webhook receiver: which requests came, and how they are answered."""

from __future__ import annotations

import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_bgasync.engine.container import COMMAND, Container
from pytest_bgasync.hosts.services import Service
from pytest_bgasync.remote import HOST
from pytest_bgasync.util.clock import Clock, HostClock, steady
from pytest_bgasync.util.errors import HostProblem, UsageProblem, WebhookDeadline
from pytest_bgasync.util.text import listing

if TYPE_CHECKING:
    import trustme

#: Real seconds that a request gets at least: sending it is not scaled.
LEAST = 5.0
FOLDER = "/run/bgasync-webhooks"


class Headers(Mapping[str, str]):
    """The headers of a request: upper and lower case in their names make no difference."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = {name.lower(): (name, value) for name, value in fields.items()}

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return repr(dict(self))


@dataclass(frozen=True)
class Request:
    """A request that the receiver got.

    ``path`` is as it was sent, with its query; ``source`` is the name of the host that sent it, or
    its address where it is none of the scenario; ``json`` is the body read as JSON, None where it
    is none; ``at`` is in playbook seconds since the scenario began. The names of ``headers`` are
    looked up in any case.
    """

    host: str
    path: str
    method: str
    headers: Mapping[str, str]
    body: str
    json: Any
    source: str
    at: float
    scheme: str

    def __str__(self) -> str:
        return f"{self.method} {self.scheme}://{self.host}{self.path} from {self.source}"


@dataclass(frozen=True)
class Unlisted:
    """A name that a host asked for and that is not in the scenario; ``outside`` says whether it is known there."""

    name: str
    source: str
    outside: bool = False


class Authority:
    """A certificate authority of one session, which the hosts of its scenarios trust."""

    def __init__(self) -> None:
        self._made: trustme.CA | None = None
        self._lock = threading.Lock()

    @property
    def certificate(self) -> str:
        """The certificate that hosts are to trust."""
        return self._ca.cert_pem.bytes().decode()

    def issue(self, names: Sequence[str]) -> str:
        """Return a certificate for host names, with its private key."""
        return self._ca.issue_cert(*names).private_key_and_cert_chain_pem.bytes().decode()

    @property
    def _ca(self) -> trustme.CA:
        # Imported by the tests only that have webhooks: it takes longer than most of what a session begins with.
        import trustme

        with self._lock:  # hosts start in several threads
            if self._made is None:
                self._made = trustme.CA(organization_name="pytest-bgasync")
            return self._made


class Webhooks(Service):
    """Receives what is sent to the listed names, by HTTP or HTTPS, and answers 200 unless it is told otherwise."""

    def __init__(
        self, name: str, ip: str, container: Container, clock: Clock, sources: Callable[[], Mapping[str, str]]
    ) -> None:
        super().__init__(name, ip, container)
        self._clock = HostClock(clock)
        self._sources = sources
        self._answers: dict[str, dict[str, Any]] = {}

    @property
    def requests(self) -> list[Request]:
        """What was received until now, in the order in which it came; raises HostProblem."""
        return self._parsed(["cat", "/proc/uptime", f"{FOLDER}/requests.jsonl"])

    @property
    def unlisted(self) -> list[Unlisted]:
        """The names that hosts asked for and that nobody listed: what is sent there is not received.

        Raises HostProblem.
        """
        sources = self._sources()
        asked: dict[tuple[str, str], bool] = {}
        names = self._container.execute(["cat", f"{FOLDER}/unlisted.jsonl"]).stdout
        for line in _whole(names):
            entry = json.loads(line)
            pair = (str(entry["name"]), str(entry["source"]))
            asked[pair] = asked.get(pair, False) or bool(entry["outside"])
        # A resolver tries its search domains behind a name that it does not find.
        own = [pair for pair in asked if not any(pair[0].startswith(f"{name}.") for name, _ in asked)]
        return [Unlisted(name, sources.get(source, source), asked[name, source]) for name, source in own]

    def wait_for(self, n: int = 1, within: float = 30, path: str | None = None) -> list[Request]:
        """Wait until ``n`` requests, to ``path`` where that is given, have come, and return them.

        ``within`` is in playbook seconds, but at least five real ones. A path without a query
        stands for any query. Raises WebhookDeadline, which lists what came, or HostProblem.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise UsageProblem(f"wait_for() needs the number of requests from 1 on, not {n!r}")
        if path is not None:
            _check_path("wait_for()", path)
        seconds = max(self._clock.clock.real(_duration("wait_for(): within=", within)), LEAST)
        script = ["python3", "-c", _script("wait_for"), f"{FOLDER}/requests.jsonl", str(n), str(seconds), path or ""]
        received = self._parsed(script, within=seconds + COMMAND)
        found = [one for one in received if path in (None, one.path, one.path.partition("?")[0])]
        if len(found) >= n:
            return found
        to = "" if path is None else f" to {path}"
        times = Counter(map(str, received))
        came = (
            f"; received: {listing(f'{one} ({n} times)' for one, n in times.items())}" if times else "; none has come"
        )
        raise WebhookDeadline(
            f"{len(found)} of {n} requests{to} came within {self._clock.clock.playbook(seconds):g} s{came}"
            + "".join(f"; {said}" for said in self.lost())
        )

    def respond(self, path: str, status: int = 200, body: object = "", takes: float = 0) -> None:
        """Answer requests to ``path`` so from now on; ``takes`` is in playbook seconds.

        A path without a query stands for any query. ``body`` is text, or what is sent as JSON.
        Raises UsageProblem or HostProblem.
        """
        _check_path("respond()", path)
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise UsageProblem(f"respond(): a status is a number from 200 to 599, not {status!r}")
        answer: dict[str, Any] = {
            "status": status,
            "takes": self._clock.clock.real(_duration("respond(): takes=", takes)),
        }
        try:
            answer |= (
                {"body": body} if isinstance(body, str) else {"body": json.dumps(body), "type": "application/json"}
            )
        except TypeError as error:
            raise UsageProblem(f"respond(): body= is text, or what JSON can hold: {error}") from None
        self._answers[path] = answer
        self._container.put(f"{FOLDER}/new", json.dumps(self._answers).encode(), 0o600)
        # In one step: a request may come at any moment.
        done = self._container.execute(["mv", f"{FOLDER}/new", f"{FOLDER}/answers.json"])
        if done.rc != 0:
            raise HostProblem(f"respond(): {done.stderr.decode(errors='replace').strip()}")

    def lost(self) -> Iterator[str]:
        """Say, in a sentence each, which names hosts asked for that nobody listed."""
        for one in self.unlisted:
            left = " and which is known outside the scenario, so what was sent there has left it" if one.outside else ""
            yield (
                f"{one.source} asked for the name {one.name}, which nobody listed{left}:"
                " correct it in the playbook, or list it in the ini key bgasync_webhook_hosts"
            )

    def _parsed(self, command: Sequence[str], within: float = COMMAND) -> list[Request]:
        """Return the requests that a command prints, after what /proc/uptime says."""
        asked = steady()
        answer = self._container.execute(command, within=within)
        uptime, *lines = _whole(answer.stdout) or [b""]
        if not uptime:
            said = answer.stderr.decode(errors="replace").strip()
            raise HostProblem(f"the requests could not be read on {self._container.label}: {said}")
        self._clock.heard(float(uptime.split()[0]), asked, steady())
        sources = self._sources()
        return [self._request(json.loads(line), sources) for line in lines]

    def _request(self, entry: dict[str, Any], sources: Mapping[str, str]) -> Request:
        try:
            content = json.loads(entry["body"])
        except ValueError:
            content = None
        return Request(
            host=entry["host"],
            path=entry["path"],
            method=entry["method"],
            headers=Headers(dict(entry["headers"])),
            body=entry["body"],
            json=content,
            source=sources.get(entry["source"], entry["source"]),
            at=self._clock.at(entry["at"]),
            scheme=entry["scheme"],
        )


def order_for(certificate: str, names: Iterable[str]) -> str:
    """Return the line that the receiver reads when it starts; ``names`` are all that the scenario has."""
    return json.dumps({"certificate": certificate, "names": list(names)}) + "\n"


def command() -> list[str]:
    """Return the command of the receiver's container."""
    return ["python3", "-c", _script("webhooks")]


def _whole(text: bytes) -> list[bytes]:
    return [line for line in text.splitlines(keepends=True) if line.endswith(b"\n")]  # the last may be half there


def _check_path(where: str, path: object) -> None:
    if not isinstance(path, str) or not path.startswith("/"):
        raise UsageProblem(f"{where} needs a path that begins with /, not {path!r}")


def _duration(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise UsageProblem(f"{where} is a number of playbook seconds from 0 on, not {value!r}")
    return value


@cache
def _script(name: str) -> str:
    return (HOST / f"{name}.py").read_text()
