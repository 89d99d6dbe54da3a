"""One container of a scenario: it lives no longer than this process, whatever happens to that."""

from __future__ import annotations

import io
import tarfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import docker.models.containers
from docker.errors import APIError, NotFound

from pytest_bgasync.engine.attach_stream import Stream
from pytest_bgasync.engine.client import FAILURES, Engine, reason
from pytest_bgasync.engine.memory import COUNTERS, is_full, killed
from pytest_bgasync.engine.scenario_record import STAYS
from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.errors import BgasyncError, CommandDeadline, HostProblem, OutputLimitError

#: Real seconds that one command on a container may take unless it says otherwise.
COMMAND = 60.0
#: Real seconds for each answer when it is asked whether memory has run out.
ASKING = 5
#: How many bytes one command may write.
OUTPUT = 256 << 20
#: How many characters of a command a message shows.
SHOWN = 100
#: Where the system's own commands are: what a test or an author puts before them on the PATH is not meant.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
#: How the engine begins when it cannot run a command; it says so as the command's output.
ENGINE_SAYS = (b"OCI runtime", b"unable to find user", b"Error: runc: ", b"Error: crun: ", b"Error: OCI runtime")


@dataclass(frozen=True)
class Finished:
    """How a command ended: exit status and raw output."""

    rc: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True)
class File:
    """A file to be put into a container."""

    content: bytes
    mode: int = 0o644


class _Late(Exception):
    """A command did not end in its time."""


class Container:
    """A running container.

    Its main process reads the other end of ``_console``, which the kernel closes when this
    process ends; then the main process ends, and the engine removes the container.
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        label: str,
        create: Mapping[str, Any],
        files: Mapping[str, File] | None = None,
    ) -> None:
        """Create a container, put files into it and start it; raises HostProblem.

        ``label`` is what messages call it.
        """
        self._engine = engine
        self._client = engine.client
        self._api = engine.client.api
        self.name, self.label = name, label
        try:
            self.id: str = self._api.create_container(name=name, stdin_open=True, **create)["Id"]
        except FAILURES as error:
            raise HostProblem(f"{label} could not be created: {reason(error)}") from None
        try:
            for path, file in (files or {}).items():
                self._api.put_archive(self.id, "/", _archive(path.lstrip("/"), file.content, file.mode))
            # Not detached, so that standard input closes with the first connection to it.
            attach = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            self._console = _Console(Stream(self._api.attach_socket(self.id, attach)))
            self._api.start(self.id)
            self.attrs: dict[str, Any] = self._api.inspect_container(self.id)
        except FAILURES as error:
            self.remove()
            raise HostProblem(f"{label} could not be started: {reason(error)}") from None

    def port(self, port: int) -> tuple[str, int] | None:
        """Return where a published TCP port can be reached; None if the container ended at once."""
        published = (self.attrs["NetworkSettings"]["Ports"] or {}).get(f"{port}/tcp")
        if not published:
            return None
        return published[0]["HostIp"], int(published[0]["HostPort"])

    def ip(self, network: str) -> str:
        """Return the address on ``network``."""
        return str(self.attrs["NetworkSettings"]["Networks"][network]["IPAddress"])

    @property
    def ended(self) -> bool:
        """True once the main process has ended."""
        return self._console.closed

    def tell(self, line: str) -> None:
        """Write to the standard input of the main process; raises HostProblem."""
        try:
            self._console.write(line.encode())
        except OSError as error:
            raise HostProblem(f"{self.label} has ended: {reason(error)}") from None

    def rename(self, name: str) -> None:
        """Give it another name; raises HostProblem."""
        try:
            self._api.rename(self.id, name)
        except FAILURES as error:
            raise HostProblem(f"{self.label} could not be renamed: {reason(error)}") from None
        self.name = name

    def stay(self) -> None:
        """Let it live on when this process ends, or closes it; raises HostProblem.

        Its main process must know the order: that of a host does, and ``scenario_record.HOLD``.
        """
        self.tell("keep\n")

        def decided() -> bool:
            self._engine.check()
            return self.ended or STAYS in self.output.splitlines()

        if not Deadline(COMMAND).wait_for(decided) or self.ended:
            raise HostProblem(f"{self.label} could not be kept. {self.last_words()}")

    def leave(self) -> None:
        """Close the connection to it."""
        self._console.close()

    @property
    def output(self) -> str:
        """The last of what the main process and its children wrote."""
        return self._console.text()

    def last_words(self) -> str:
        """Return what the main process and its children wrote last, as a sentence."""
        text = "\n".join(self.output.splitlines()[-15:])
        return f"Its output ends with:\n{text}" if text else "It wrote no output."

    def execute(
        self,
        command: Sequence[str],
        *,
        user: str = "0",
        within: float = COMMAND,
        most: int | None = None,
    ) -> Finished:
        """Run a command to its end.

        Raises CommandDeadline after ``within`` real seconds, and HostProblem if the container
        cannot run it at all or it writes more than ``most`` bytes, by default 256 MiB. A host that
        stands still is asked for up to about 10 more whether its memory has run out.
        """
        try:
            return self._execute(command, user, Deadline(within), most)
        except _Late:
            why = self.shortage() or "give it more time, or see what it waits for"
            raise CommandDeadline(
                f"on {self.label} the command {_shown(command)} did not end within {within:g} s: {why}"
            ) from None

    def _execute(self, command: Sequence[str], user: str, deadline: Deadline, most: int | None = None) -> Finished:
        """Run a command to its end; raises _Late at the deadline, OutputLimitError and HostProblem."""
        run, stream = self._begin(command, self._engine.check, user=user)
        try:
            output = _demultiplexed(stream, deadline, most)
        except TimeoutError:
            raise _Late from None
        except OverflowError:
            raise OutputLimitError(
                f"on {self.label} the command {_shown(command)} wrote more than {(most or OUTPUT) >> 20} MiB:"
                " let it write to a file there"
            ) from None
        except OSError as error:
            raise HostProblem(f"{self.label} went away during a command: {reason(error)}") from None
        finally:
            stream.close()
        state: dict[str, Any] = {}

        def ended() -> bool:
            state.update(self._api.exec_inspect(run))
            return not state["Running"]

        try:
            if not deadline.wait_for(ended):  # it has closed its output and goes on
                raise _Late
        except FAILURES as error:
            raise HostProblem(f"{self.label} went away during a command: {reason(error)}") from None
        if state["ExitCode"] is None:
            raise HostProblem(f"{self.label} went away during the command {_shown(command)}")
        if state["ExitCode"] in (126, 127) and self._never_began(output, state):
            why = output[1].decode(errors="replace").strip() or f"is there a user {user!r}?"
            raise HostProblem(f"{self.label} cannot run {_shown(command)}: {why}")
        return Finished(int(state["ExitCode"]), output[1], output[2])

    def _never_began(self, output: Mapping[int, bytes], state: Mapping[str, Any]) -> bool:
        """Say whether it is the engine that has failed: it says so in the place of the command's output, or not at all.

        Of a command that began Docker has a pid. Podman does not keep that, and is never silent.
        """
        if output[1].startswith(ENGINE_SAYS):
            return True
        return not any(output.values()) and not state.get("Pid") and not self._engine.podman

    def shortage(self) -> str:
        """Say that its memory has run out, and what to do; "" where it has not, and where nobody can say.

        A container without any memory left answers no command, so the engine is asked first.
        """
        try:
            with closing(self._engine.patient_client(ASKING)) as client:
                full = is_full(client.api.stats(self.id, stream=False, one_shot=True))
            command = f"PATH={PATH} cat {' '.join(COUNTERS)} 2>/dev/null"
            return full or killed(self._execute(["/bin/sh", "-c", command], "0", Deadline(ASKING)).stdout.decode())
        except (*FAILURES, BgasyncError, _Late):  # an engine that hangs is told elsewhere
            return ""

    def converse(self, command: Sequence[str]) -> Stream:
        """Start a command that reads what is written to the stream, and ends when that closes; raises HostProblem."""
        return self._begin(command, user="0", stdin=True)[1]

    def _begin(
        self, command: Sequence[str], check: Callable[[], object] | None = None, **options: Any
    ) -> tuple[str, Stream]:
        """Start a command; return what the engine calls that, and the command's streams; raises HostProblem."""
        try:
            run: str = self._api.exec_create(self.id, list(command), **options)["Id"]
            return run, Stream(self._api.exec_start(run, socket=True), check)
        except NotFound:
            raise HostProblem(f"{self.label} has ended") from None
        except FAILURES as error:
            raise HostProblem(f"{self.label} cannot run a command: {reason(error)}") from None

    def script(self, text: str, *args: str) -> Finished:
        """Run a script of ours, by the shell and with the commands of the system itself; raises as ``execute`` does."""
        return self.execute(["/bin/sh", "-euc", f"PATH={PATH}\n{text}", "-", *args])

    def in_its_network(self, commands: Sequence[str]) -> None:
        """Run commands of the shell as one who may change its network, which its own processes may not.

        A second container of the same image does so, that shares nothing else with it; raises HostProblem.
        """
        try:
            with self._engine.short_lived(
                self.attrs["Image"],
                ["/bin/sh", "-euc", "\n".join([f"PATH={PATH}", *commands])],
                entrypoint=[],
                network_mode=f"container:{self.id}",
                cap_add=["NET_ADMIN"],
            ) as helper:
                helper.start()
                failed = helper.wait(timeout=COMMAND)["StatusCode"] != 0
                said = helper.logs().decode(errors="replace").strip()
        except FAILURES as error:
            failed, said = True, reason(error)
        if failed:
            raise HostProblem(f"the network of {self.label} could not be changed: {said}")

    def put(self, path: str, content: bytes, mode: int) -> None:
        """Write a file; its folder must exist."""
        place = PurePosixPath(path)
        try:
            self._api.put_archive(self.id, str(place.parent), _archive(place.name, content, mode))
        except FAILURES as error:
            raise HostProblem(f"{path} could not be written on {self.label}: {reason(error)}") from None

    def model(self) -> docker.models.containers.Container:
        """Return the docker SDK's object; raises HostProblem once the container has gone."""
        try:
            return self._client.containers.get(self.id)
        except FAILURES as error:
            raise HostProblem(f"{self.label} has gone: {reason(error)}") from None

    def remove(self) -> None:
        """End and remove the container, and wait until it has gone."""
        try:
            self._api.remove_container(self.id, force=True, v=True)
        except NotFound:
            pass
        except FAILURES as error:
            if not isinstance(error, APIError) or error.status_code != 409:  # 409: it is being removed already
                raise self._unremoved(error) from None
            Deadline(COMMAND).wait_for(self._gone)
        finally:
            if hasattr(self, "_console"):
                self._console.close()

    def _gone(self) -> bool:
        try:
            self._api.inspect_container(self.id)
        except NotFound:
            return True
        except FAILURES as error:
            raise self._unremoved(error) from None
        return False

    def _unremoved(self, error: Exception) -> HostProblem:
        return HostProblem(f"{self.label} could not be removed: {reason(error)}")


def _archive(name: str, content: bytes, mode: int) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = len(content), mode, int(time.time())
        tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def _shown(command: Sequence[str]) -> str:
    words = " ".join(command)
    return repr(words if len(words) <= SHOWN else f"{words[:SHOWN]}...")


class _Console:
    """The attached end of a main process's streams. A thread keeps the last of what it wrote."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._kept: deque[bytes] = deque(maxlen=1000)
        self.closed = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            for _, chunk in self._stream.frames():
                self._kept.append(chunk)
        self.closed = True

    def text(self) -> str:
        return b"".join(list(self._kept)).decode(errors="replace").strip()

    def write(self, data: bytes) -> None:
        self._stream.write(data, Deadline(COMMAND))

    def close(self) -> None:
        self._stream.close()


def _demultiplexed(stream: Stream, deadline: Deadline, most: int | None = None) -> dict[int, bytes]:
    """Return what a command wrote to each stream; raises OverflowError where that is too much."""
    parts: dict[int, list[bytes]] = {1: [], 2: []}
    size = 0
    for number, chunk in stream.frames(deadline):
        size += len(chunk)
        if size > (OUTPUT if most is None else most):
            raise OverflowError
        parts.setdefault(number, []).append(chunk)
    return {number: b"".join(chunks) for number, chunks in parts.items()}
