"""Helper containers on the network of a scenario: what an author says of one, and one that is up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_bgasync.containers import Container
from pytest_bgasync.errors import CommandDeadline, HostProblem, UsageProblem
from pytest_bgasync.machines import Machine, check_file
from pytest_bgasync.spec import host_name
from pytest_bgasync.tasks import listing

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
    files: Mapping[str, bytes] = field(default_factory=dict)
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
    """The services that fixtures have described. Called with a description, it keeps and returns it."""

    def __init__(self) -> None:
        self._plans: dict[str, Plan] = {}

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
        Path of a file to copy; ``command`` replaces the image's own, text by the shell. It is
        ``ready`` when a TCP port listens (a number), a command in it succeeds (text or a list) or a
        function of the Service returns true, at most ``within`` real seconds after its start.
        Raises UsageProblem.
        """
        where = f"bgasync_service({name!r})"
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
            files={path: _content(where, path, content) for path, content in (files or {}).items()},
            environment={str(key): str(value) for key, value in (environment or {}).items()},
            command=_command(where, command),
            ready=_ready(where, ready),
            within=float(within),
        )
        if len({one.lower() for one in plan.names}) < len(plan.names):
            raise UsageProblem(f"{where}: one of its names is there twice: {listing(plan.names)}")
        self._plans[name] = plan
        return plan

    def get(self, name: str) -> Plan | None:
        """Return what was described last under a name."""
        return self._plans.get(name)

    @property
    def names(self) -> Sequence[str]:
        """All names that were described."""
        return tuple(self._plans)


def is_ready(service: Service, sandbox: Container, ready: Ready | None) -> bool:
    """Say whether a service is ready at this moment; ``sandbox`` is the container whose network it has."""
    try:
        if ready is None:
            return True
        if isinstance(ready, int):
            look = ["ss", "-Hltn", f"sport = :{ready}"]
            return bool(sandbox.execute(look, within=LOOK).stdout.strip())
        if callable(ready):
            return bool(ready(service))
        return service.run(ready, within=LOOK).rc == 0
    except CommandDeadline:
        return False  # asked again, until its time is over
    except HostProblem:
        return False  # its container may be about to say why


def _content(where: str, path: Any, content: Any) -> bytes:
    if isinstance(content, Path):
        try:
            content = content.read_bytes()
        except OSError as error:
            raise UsageProblem(f"{where}: files= cannot copy {path}: {error}") from None
    check_file(path, content, 0o644)
    return content.encode() if isinstance(content, str) else bytes(content)


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
