"""A host of a scenario, as a test sees it."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import testinfra.host

from pytest_bgasync.engine.container import Container
from pytest_bgasync.hosts.faults import Faults
from pytest_bgasync.hosts.machine import Machine
from pytest_bgasync.hosts.snapshot import take_census
from pytest_bgasync.hosts.stubs import Call, Stubs
from pytest_bgasync.hosts.testinfra_backend import LimitedSsh
from pytest_bgasync.jobs.actions import Deed, noted
from pytest_bgasync.jobs.host_snapshot import Census, Question
from pytest_bgasync.jobs.job import Jobs, owned, veiled
from pytest_bgasync.jobs.verdict import Process
from pytest_bgasync.util.clock import Clock, HostClock
from pytest_bgasync.util.errors import HostProblem, NotThere
from pytest_bgasync.util.text import listing


class Host(Machine):
    """A host: a container of the scenario that the playbook reaches over ssh."""

    def __init__(
        self,
        name: str,
        ip: str,
        container: Container,
        clock: Clock,
        ssh_config: Path,
        jobs: Callable[[], Jobs],
        answers: Callable[[], bool],
        boot: float,
    ) -> None:
        super().__init__(name, ip, container)
        self.host_clock = HostClock(clock)
        self.since = clock.now
        """When it was up, or given to the test, in playbook seconds; localhost may come up during a run."""
        self._ssh_config = ssh_config
        self._jobs = jobs
        self._stubs = Stubs(container, self.host_clock)
        self._faults = Faults(container, lambda: self._look(Question()).processes, answers, boot)
        self.deeds: list[Deed] = []
        """What the test has done to it as a whole."""

    @cached_property
    def testinfra(self) -> Any:
        """A testinfra host on it, as root over ssh; no command of it may take longer than 60 real seconds."""
        backend = LimitedSsh(self.name, ssh_config=str(self._ssh_config), sudo=True)
        host = testinfra.host.Host(backend)
        backend.set_host(host)
        return host

    def processes(self) -> list[Process]:
        """Return the processes that are on the host now; those of tasks with no_log without their arguments.

        Raises HostProblem.
        """
        jobs = self.jobs()
        return veiled(jobs, owned(jobs, self._look(Question()).processes))

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

        It writes ``stdout`` and ``stderr``, takes ``takes`` playbook seconds and exits with ``rc``,
        at most ten real seconds later while its standard input does not end.
        With ``listens`` it answers HTTP requests on that port with 200 and ``stdout`` for as long,
        without ``takes`` until it is ended. ``script`` is the whole text of an executable to run
        instead. A bare name goes first on the PATH. Raises UsageProblem.
        """
        self._stubs.add(path, rc, takes, stdout, stderr, listens, script)

    def calls(self, path: str) -> list[Call]:
        """Return the calls of the stub at ``path``, oldest first.

        Raises NotThere without a stub there, and HostProblem where the host cannot say.
        """
        return self._stubs.calls(path)

    # What can befall it.

    def drop_ssh(self) -> None:
        """Cut all ssh connections to it, also those of a play that is running; the host stays up.

        Raises HostProblem.
        """
        with noted(self.deeds, "drop_ssh"):
            self._faults.drop_ssh()

    @contextmanager
    def freeze(self) -> Iterator[None]:
        """Let the whole host stand still within the ``with`` block: it answers nobody, and its clocks go on.

        Its jobs are unreachable for as long. Raises HostProblem.
        """
        with noted(self.deeds, "freeze"), self._faults.freeze():
            yield

    @contextmanager
    def isolate(self) -> Iterator[None]:
        """Cut it off from all networks within the ``with`` block; what runs on it goes on.

        Connections are not closed by that, they hang: drop_ssh() first does close them. Its jobs
        count as unreachable for as long; ``run()``, ``read()`` and ``put()`` work, they need no
        network. Raises HostProblem.
        """
        with noted(self.deeds, "isolate"), self._faults.isolate():
            yield

    def reboot(self) -> None:
        """End all its processes at once and start it anew; its files and its address stay, those in /tmp too.

        Returns once it answers over ssh. Raises HostProblem if it does not in the real seconds of
        the ini key bgasync_boot.
        """
        with noted(self.deeds, "reboot"):
            self._faults.reboot()

    # For jobs.

    def vanish(self) -> None:
        """Be unreachable from now on, for the play and for jobs; what runs here goes on. Raises HostProblem."""
        with noted(self.deeds, "vanish"):
            self._faults.refuse_ssh()

    def census(self, question: Question) -> Census:
        """Return what the host says of its processes, job files and their folders; raises HostProblem."""
        if self._faults.silence is not None:
            raise HostProblem(f"host {self.name} {self._faults.silence}")
        return self._look(question)

    def send_signal(self, signal: int, processes: Iterable[Process]) -> None:
        """Send a signal to processes that were seen here, in their order; raises HostProblem."""
        pids = [str(process.pid) for process in processes]
        self._container.script(f"for pid; do kill -{int(signal)} $pid 2>/dev/null || true; done", *pids)

    def _look(self, question: Question) -> Census:
        return take_census(self._container, self.host_clock, question)


class Hosts(Mapping[str, Host]):
    """The hosts of a test by their names. One that is not up yet starts when it is looked up.

    Raises NotThere, listing the names, for a name that no host has, and HostProblem for a host that does not come up.
    """

    def __init__(self, names: Sequence[str], start: Callable[[Sequence[str]], Mapping[str, Host]]) -> None:
        """``start`` lets some of them be up, side by side, and returns those that are."""
        self._names = dict.fromkeys(names)
        self._start = start

    def __repr__(self) -> str:
        return f"<Hosts {', '.join(self._names)}>"

    def __getitem__(self, name: str) -> Host:
        if name not in self._names:
            raise NotThere(f"there is no host {name!r}; there are: {listing(self._names)}")
        return self._start([name])[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def get(self, name: str, default: Any = None) -> Any:
        """Return a host, or ``default`` for a name that no host has."""
        try:
            return self[name]
        except NotThere:
            return default

    def values(self) -> ValuesView[Host]:
        """Return the hosts; those that are not up start side by side."""
        self._start(list(self._names))
        return super().values()

    def items(self) -> ItemsView[str, Host]:
        """Return the names and hosts; those that are not up start side by side."""
        self._start(list(self._names))
        return super().items()
