"""What can befall a host as a whole, done to the real thing, and how it is undone."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from docker.errors import NotFound

from pytest_bgasync.engine.client import FAILURES, reason
from pytest_bgasync.engine.container import Container
from pytest_bgasync.jobs.verdict import Process
from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.errors import HostProblem

#: Real seconds in which processes that were killed have gone.
DYING = 10.0
#: Real seconds in which a host stands still.
FREEZING = 20.0
#: How runc says that processes came and went too fast to be frozen all together.
_BUSY = "unable to freeze"
#: What the processes of one ssh connection call themselves; the one that listens says so.
_SERVER = re.compile(r"sshd(-session|-auth)?: ")
_SESSION = re.compile(rf"{_SERVER.pattern}(?!.*\[listener\])")
#: The main process of a host and what the engine puts before it: they outlive a reboot.
_MAIN = re.compile(r"/usr/lib/bgasync/init\b")
#: Tells the network devices that are up, and the routes.
_NETWORK = "command -v ip >/dev/null || exit 9; ip -o link show up; echo; ip -o route show"


class Faults:
    """The faults of one host.

    ``processes`` returns what runs on it, ``answers`` says whether it greets over ssh; ``boot`` is
    the number of real seconds in which it does after a start.
    """

    def __init__(
        self,
        container: Container,
        processes: Callable[[], list[Process]],
        answers: Callable[[], bool],
        boot: float,
    ) -> None:
        self._container = container
        self._processes = processes
        self._answers = answers
        self._boot = boot
        self.silence: str | None = None
        """Why the host counts as one that does not answer, although its container does."""

    def drop_ssh(self) -> None:
        """Cut all ssh connections; what they had started goes on without them."""
        self._end_all(_SESSION)

    def refuse_ssh(self) -> None:
        """End the ssh server and its connections, for good: the host is unreachable, and whoever asks knows at once."""
        self._end_all(_SERVER)
        self.silence = "refuses all ssh connections"

    def _end_all(self, pattern: re.Pattern[str]) -> None:
        def ended() -> bool:
            found = [process for process in self._processes() if process.alive and pattern.match(process.args[0])]
            pids = [str(process.pid) for process in found]
            if pids:
                self._container.script('kill -KILL "$@" 2>/dev/null || true', *pids)
            return not pids

        if not Deadline(DYING).wait_for(ended):
            raise self._failed("its ssh connections could not be cut", "new ones come too fast")

    @contextmanager
    def freeze(self) -> Iterator[None]:
        """Let the whole host stand still: nothing on it runs, and it answers nobody."""
        model = self._container.model()

        def thaw() -> None:
            try:
                model.unpause()
            except NotFound:
                pass  # a host that has gone needs no undoing
            except FAILURES as error:
                if "not paused" not in str(error):
                    raise self._failed("it could not be thawed", reason(error)) from None

        refusals: list[str] = []

        def frozen() -> bool:
            try:
                model.pause()
            except FAILURES as error:
                refusals.append(reason(error))
                if _BUSY not in refusals[-1]:
                    raise self._failed("it could not be frozen", refusals[-1]) from None
                return False
            return True

        with _undone_by(thaw):
            if not Deadline(FREEZING).wait_for(frozen):
                raise self._failed("it could not be frozen", refusals[-1])
            yield

    @contextmanager
    def isolate(self) -> Iterator[None]:
        """Cut the host off from its networks; what runs on it goes on."""
        network = self._container.script(_NETWORK)
        if network.rc != 0:
            raise self._failed("it could not be isolated", "it has no command ip, install iproute2 in its image")
        links, routes = links_and_routes(network.stdout.decode())
        before = self.silence

        def connect() -> None:
            self.silence = before
            if not self._container.ended:
                up, back = ("ip link set dev {} up", "ip route replace {}")
                self._container.in_its_network([*map(up.format, links), *map(back.format, routes)])

        with _undone_by(connect):
            self._container.in_its_network([f"ip link set dev {link} down" for link in links])
            self.silence = "is isolated from its networks"
            yield

    def reboot(self) -> None:
        """End all processes, and begin anew as when the host was started; its files and its address stay."""
        before = {process.pid for process in self._processes() if not _MAIN.search(process.command)}
        number = uuid.uuid4().hex
        self._container.tell(f"reboot {number}\n")

        def alive() -> bool:
            if self._container.ended:
                raise self._failed("it ended while it was rebooted", self._container.last_words())
            return True

        def down() -> bool:
            return alive() and number in self._container.output

        def back() -> bool:
            try:
                return alive() and not before & {process.pid for process in self._processes()} and self._answers()
            except HostProblem:
                return False  # it may just have ended

        # Nothing looks before: the engine may never hear of the end of what is killed while it starts.
        deadline = Deadline(self._boot)
        if not deadline.wait_for(down) or not deadline.wait_for(back):
            raise self._failed("it did not come back", f"it does not answer over ssh within {self._boot:g} s")

    def _failed(self, what: str, why: str) -> HostProblem:
        return HostProblem(f"{self._container.label}: {what}: {why}")


def links_and_routes(said: str) -> tuple[list[str], list[str]]:
    """Return the network devices of a host but the loopback, and the routes that are lost when they are down."""
    links, _, routes = said.partition("\n\n")
    names = [line.split(": ")[1].partition("@")[0] for line in links.splitlines()]
    # The kernel makes its own when a device is up, and says of some that it is not.
    lost = [route.replace(" linkdown", "").strip() for route in routes.splitlines() if "proto kernel" not in route]
    return [name for name in names if name != "lo"], lost


@contextmanager
def _undone_by(undo: Callable[[], None]) -> Iterator[None]:
    """Call ``undo`` at the end of the block, also where that fails in its middle: its own failure is what is told."""
    try:
        yield
    except BaseException as failure:
        try:
            undo()
        except HostProblem as problem:
            failure.add_note(str(problem))
        raise
    undo()
