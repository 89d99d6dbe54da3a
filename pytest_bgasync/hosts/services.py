"""Helper containers on the network of a scenario: what an author says of one, and one that is up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_bgasync.engine.container import Container, File
from pytest_bgasync.hosts.machine import Machine, check_file
from pytest_bgasync.util.errors import BgasyncError, UsageProblem
from pytest_bgasync.util.names import WEBHOOKS, host_name
from pytest_bgasync.util.text import listing

#: Real seconds in which a service is ready unless it says otherwise, and that one look at it may take.
READY, LOOK = 60.0, 10.0


class Service(Machine):
    """A helper container that is up. ``log`` is what it has written."""


Ready = int | str | Sequence[str] | Callable[[Service], object]


@dataclass(frozen=True)
class Plan:
    """What a service is to be. ``names`` are all by which the network knows it, its own first."""

    name: str
    image: str | None = None
    """An image by name, or a folder with a Dockerfile; None for the default image of hosts."""
    aliases: tuple[str, ...] = ()
    files: Mapping[str, File] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] | None = None
    """What it runs; None for what the image says."""
    ready: Ready | None = None
    within: float = READY
    """Real seconds in which it must be ready."""

    @property
    def names(self) -> tuple[str, ...]:
        """All names by which the network knows it."""
        return (self.name, *self.aliases)


class Registry:
    """The services that fixtures have described. Called with a description, it keeps and returns it.

    What a fixture has described is forgotten when that fixture ends.
    """

    def __init__(self) -> None:
        self._plans: list[tuple[object, Plan]] = []
        self._describing: list[object] = []

    @contextmanager
    def described_by(self, owner: object) -> Iterator[None]:
        """Keep what is described in the block as long as ``owner`` lives."""
        self._describing.append(owner)
        try:
            yield
        finally:
            self._describing.pop()

    def forget(self, owner: object) -> None:
        """Forget what ``owner`` has described."""
        self._plans = [pair for pair in self._plans if pair[0] is not owner]

    def __call__(
        self,
        name: str,
        image: str | Path | None = None,
        *,
        aliases: Sequence[str] = (),
        files: Mapping[str, str | bytes | Path] | None = None,
        environment: Mapping[str, object] | None = None,
        command: str | Sequence[str] | None = None,
        ready: Ready | None = None,
        within: float = READY,
    ) -> Plan:
        """Describe a service, which runs for each test whose marker has its name in ``services``.

        ``name`` and ``aliases`` are its host names on the scenario's network; ``image`` is the name of
        an image or a folder with a Dockerfile (looked for beside the test file, then in pytest's
        rootdir), by default the image of hosts; ``files`` maps absolute paths to text, bytes or the
        Path of a file to copy with its mode; ``command`` replaces the image's own, text by the shell. It is
        ``ready`` when a TCP port listens (a number), a command in it succeeds (text or a list) or a
        function of the Service returns true, at most ``within`` real seconds after its start.
        Raises UsageProblem.
        """
        where = f"bgasync_service({name!r})"
        if name == WEBHOOKS:
            raise UsageProblem(f"{where}: that is the harness's own receiver, choose another name")
        if image is None and command is None:
            raise UsageProblem(f"{where}: the default image does nothing by itself, say command= or image=")
        if image is not None and not str(image).strip():
            raise UsageProblem(f"{where}: image= is the name of an image or a folder, not {image!r}")
        if isinstance(aliases, str) or not isinstance(aliases, Sequence):
            raise UsageProblem(f"{where}: aliases= is a list of host names, not {aliases!r}")
        if isinstance(within, bool) or not isinstance(within, int | float) or not 0 < within < float("inf"):
            raise UsageProblem(f"{where}: within= is a number of real seconds above 0, not {within!r}")
        plan = Plan(
            name=host_name(name, where),
            image=None if image is None else str(image),
            aliases=tuple(host_name(alias, f"{where}: aliases=") for alias in aliases),
            files={path: _file(where, path, content) for path, content in (files or {}).items()},
            environment={str(key): str(value) for key, value in (environment or {}).items()},
            command=_command(where, command),
            ready=_ready(where, ready),
            within=float(within),
        )
        if len({one.lower() for one in plan.names}) < len(plan.names):
            raise UsageProblem(f"{where}: one of its names is there twice: {listing(plan.names)}")
        self._plans.append((self._describing[-1] if self._describing else None, plan))
        return plan

    def get(self, name: str) -> Plan | None:
        """Return what was described last under a name."""
        return next((plan for _, plan in reversed(self._plans) if plan.name == name), None)

    @property
    def names(self) -> Sequence[str]:
        """All names that are described."""
        return tuple(dict.fromkeys(plan.name for _, plan in self._plans))


class Readiness:
    """Looks whether a service is ready; ``reason`` is why it was not when it was looked at last.

    ``sandbox`` is the container whose network the service has.
    """

    def __init__(self, service: Service, sandbox: Container, ready: Ready | None) -> None:
        self._service = service
        self._sandbox = sandbox
        self._ready = ready
        self.reason = ""

    def __call__(self) -> bool:
        """Say whether it is ready at this moment."""
        try:
            return self._look()
        except BgasyncError as problem:
            self.reason = str(problem)
        except Exception as problem:  # noqa: BLE001  # the author's function may fail in any way at first
            self.reason = f"ready= failed with {type(problem).__name__}: {problem}"
        return False

    def _look(self) -> bool:
        ready = self._ready
        if ready is None:
            return True
        if isinstance(ready, int):
            # Not on the loopback alone, where no other container comes.
            listening = self._sandbox.execute(["ss", "-Hltn", f"sport = :{ready}"], within=LOOK).stdout.split()[3::5]
            self.reason = f"nothing listens at port {ready}"
            return any(not one.startswith((b"127.", b"[::1]")) for one in listening)
        if callable(ready):
            self.reason = "ready= returned nothing that is true"
            return bool(ready(self._service))
        looked = self._service.run(ready, within=LOOK)
        self.reason = f"ready= ended with {looked.rc} {looked.stderr.strip()}".rstrip()
        return looked.rc == 0


def _file(where: str, path: Any, content: Any) -> File:
    mode = 0o644
    if isinstance(content, Path):
        if content.exists() and not content.is_file():
            raise UsageProblem(f"{where}: files= cannot copy {path}: {content} is no file")
        try:
            content, mode = content.read_bytes(), content.stat().st_mode & 0o777
        except OSError as error:
            raise UsageProblem(f"{where}: files= cannot copy {path}: {error}") from None
    check_file(path, content, mode)
    return File(content.encode() if isinstance(content, str) else bytes(content), mode)


def _command(where: str, command: Any) -> tuple[str, ...] | None:
    if command is None or (isinstance(command, str) and command.strip()):
        return None if command is None else ("/bin/sh", "-c", command)
    if isinstance(command, str) or not command or not all(isinstance(word, str) for word in command):
        raise UsageProblem(f"{where}: command= is text for the shell or a list of words, not {command!r}")
    return tuple(command)


def _ready(where: str, ready: Any) -> Ready | None:
    port = isinstance(ready, int) and not isinstance(ready, bool) and 0 < ready < 65536
    text = isinstance(ready, str) and ready.strip()
    words = isinstance(ready, list | tuple) and ready and all(isinstance(word, str) for word in ready)
    if ready is None or port or text or words or callable(ready):
        return ready  # type: ignore[no-any-return]  # looked at above
    raise UsageProblem(
        f"{where}: ready= is a TCP port, a command that succeeds, or a function of the service, not {ready!r}"
    )
