"""What every container of a scenario offers a test: commands, files, and what its main process wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import docker.models.containers

from pytest_bgasync.engine.container import Container
from pytest_bgasync.util.errors import HostProblem, UsageProblem


@dataclass(frozen=True)
class CommandResult:
    """How a command in a container ended."""

    rc: int
    stdout: str
    stderr: str


class Machine:
    """A container of the scenario: ``name`` and ``ip`` are those on the scenario's network."""

    def __init__(self, name: str, ip: str, container: Container) -> None:
        self.name = name
        self.ip = ip
        self._container = container

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.ip}>"

    @property
    def container(self) -> docker.models.containers.Container:
        """Its container, as the docker SDK knows it."""
        return self._container.model()

    @property
    def log(self) -> str:
        """The last of what its main process, and what that started, wrote."""
        return self._container.output

    @property
    def shortage(self) -> str:
        """A sentence if its memory has run out, "" if not or if nobody can say; asks the engine."""
        return self._container.shortage()

    def run(self, command: str | Sequence[str], user: str | None = None, *, within: float = 60) -> CommandResult:
        """Run a command to its end: text by the shell, a list as it is; by default as root.

        Raises CommandDeadline after ``within`` real seconds, up to about 10 later on a host that stands still, which
        is asked whether its memory has run out; and HostProblem where the container cannot run anything or the command
        writes more than 256 MiB.
        """
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else command
        if not argv or not isinstance(argv, Sequence) or not all(isinstance(word, str) for word in argv):
            raise UsageProblem(f"run() takes a command as text or as a list of words, not {command!r}")
        ended = self._container.execute(argv, user=user or "0", within=within)
        return CommandResult(
            ended.rc, ended.stdout.decode(errors="surrogateescape"), ended.stderr.decode(errors="surrogateescape")
        )

    def put(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Write a file, owned by root, and the folders above it; raises UsageProblem or HostProblem."""
        check_file(path, content, mode)
        prepare = '[ ! -d "$1" ] || { echo "it is a folder" >&2; exit 1; }; mkdir -p -- "$2"'
        made = self._container.script(prepare, path, path.rpartition("/")[0] or "/")
        if made.rc != 0:
            said = made.stderr.decode(errors="replace").strip()
            raise HostProblem(f"{path} could not be written on {self._container.label}: {said}")
        data = content.encode(errors="surrogateescape") if isinstance(content, str) else content  # what read() gives
        self._container.put(path, data, mode)

    def read(self, path: str) -> str:
        """Return the text of a file; raises HostProblem when it cannot be read."""
        found = self._container.script('cat -- "$1"', path)
        if found.rc != 0:
            said = found.stderr.decode(errors="replace").strip()
            raise HostProblem(f"{path} could not be read on {self._container.label}: {said}")
        return found.stdout.decode(errors="surrogateescape")


def check_file(path: object, content: object, mode: object) -> None:
    """Raise UsageProblem for a file that cannot be meant."""
    if not isinstance(path, str) or not path.startswith("/") or path.endswith("/"):
        raise UsageProblem(f"put() needs the absolute path of a file, not {path!r}")
    if isinstance(mode, bool) or not isinstance(mode, int) or not 0 <= mode <= 0o7777:
        raise UsageProblem(f"put() needs mode as a number such as 0o644, not {mode!r}")
    if not isinstance(content, str | bytes):
        raise UsageProblem(f"put() needs content as text or bytes, not {content!r}")
