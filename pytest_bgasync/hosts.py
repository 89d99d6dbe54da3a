"""A host of a scenario, as a test sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import docker.models.containers
import testinfra

from pytest_bgasync.census import Census, Question, take_census
from pytest_bgasync.clock import Clock
from pytest_bgasync.containers import Container
from pytest_bgasync.errors import HostProblem, UsageProblem
from pytest_bgasync.jobs import Jobs, owned, veiled
from pytest_bgasync.stubs import Call, Stubs
from pytest_bgasync.verdict import Process


@dataclass(frozen=True)
class CommandResult:
    """How a command on a host ended."""

    rc: int
    stdout: str
    stderr: str


class Host:
    """A host: a container of the scenario that the playbook reaches over ssh."""

    def __init__(
        self, name: str, ip: str, container: Container, clock: Clock, ssh_config: Path, jobs: Callable[[], Jobs]
    ) -> None:
        self.name = name
        self.ip = ip
        self._container = container
        self._clock = clock
        self._ssh_config = ssh_config
        self._jobs = jobs
        self._stubs = Stubs(container, clock)

    def __repr__(self) -> str:
        return f"<Host {self.name} {self.ip}>"

    @property
    def container(self) -> docker.models.containers.Container:
        """Its container, as the docker SDK knows it."""
        return self._container.model()

    @cached_property
    def testinfra(self) -> Any:
        """A testinfra host on it, as root over ssh."""
        return testinfra.get_host(f"ssh://{self.name}", ssh_config=str(self._ssh_config), sudo=True)

    def run(self, command: str | Sequence[str], user: str | None = None, *, within: float = 60) -> CommandResult:
        """Run a command to its end: text by the shell, a list as it is; by default as root.

        Raises CommandDeadline after ``within`` real seconds, and HostProblem where the host
        cannot run anything.
        """
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command or ())
        if not argv or not all(isinstance(word, str) for word in argv):
            raise UsageProblem(f"host.run() takes a command as text or as a list of words, not {command!r}")
        ended = self._container.execute(argv, user=user or "root", within=within)
        return CommandResult(
            ended.rc, ended.stdout.decode(errors="surrogateescape"), ended.stderr.decode(errors="surrogateescape")
        )

    def put(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Write a file, owned by root, and the folders above it; raises UsageProblem or HostProblem."""
        if not path.startswith("/") or path.endswith("/"):
            raise UsageProblem(f"put() needs the absolute path of a file, not {path!r}")
        prepare = '[ ! -d "$1" ] || { echo "it is a folder" >&2; exit 1; }; mkdir -p -- "$2"'
        if isinstance(mode, bool) or not isinstance(mode, int) or not 0 <= mode <= 0o7777:
            raise UsageProblem(f"put() needs mode as a number such as 0o644, not {mode!r}")
        if not isinstance(content, str | bytes):
            raise UsageProblem(f"put() needs content as text or bytes, not {content!r}")
        made = self.run(["sh", "-c", prepare, "-", path, path.rpartition("/")[0] or "/"])
        if made.rc != 0:
            raise HostProblem(f"{path} could not be written on host {self.name}: {made.stderr.strip()}")
        self._container.put(path, content.encode() if isinstance(content, str) else content, mode)

    def read(self, path: str) -> str:
        """Return the text of a file; raises HostProblem when it cannot be read."""
        found = self.run(["cat", "--", path])
        if found.rc != 0:
            raise HostProblem(f"{path} could not be read on host {self.name}: {found.stderr.strip()}")
        return found.stdout

    def processes(self) -> list[Process]:
        """Return the processes that are on the host now; those of jobs with no_log without their arguments.

        Raises HostProblem.
        """
        jobs = self.jobs()
        return veiled(jobs, owned(jobs, self.census(Question()).processes))

    def jobs(self) -> Jobs:
        """Return the background jobs that the runs of this test launched here."""
        return Jobs(job for job in self._jobs() if job.machine == self.name)

    def stub(
        self,
        path: str,
        *,
        rc: int = 0,
        takes: float = 0,
        stdout: str = "",
        stderr: str = "",
        listens: int | None = None,
        script: str | None = None,
    ) -> None:
        """Put a small executable at ``path`` that records its calls.

        It writes ``stdout`` and ``stderr``, takes ``takes`` playbook seconds and exits with ``rc``.
        With ``listens`` it answers HTTP requests on that port with 200 and ``stdout`` for as long,
        without ``takes`` until it is ended. ``script`` is the whole text of an executable to run
        instead. A bare name goes first on the PATH. Raises UsageProblem.
        """
        self._stubs.add(path, rc, takes, stdout, stderr, listens, script)

    def calls(self, path: str) -> list[Call]:
        """Return the calls of the stub at ``path``, oldest first; raises NotThere without a stub there."""
        return self._stubs.calls(path)

    # For jobs.

    def census(self, question: Question) -> Census:
        """Return what the host says of its processes, job files and their folders; raises HostProblem."""
        return take_census(self._container, self._clock, question)

    def send_signal(self, signal: int, processes: Iterable[Process]) -> None:
        """Send a signal to processes that were seen here, in their order; raises HostProblem."""
        pids = [str(process.pid) for process in processes]
        self._container.execute(["sh", "-c", f"for pid; do kill -{int(signal)} $pid; done 2>/dev/null", "-", *pids])
