"""Runs of pytest in a folder of their own, and what they leave behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from docker.errors import DockerException

from pytest_bgasync import Engine
from pytest_bgasync.engine.ownership import OWNER, containers

#: Real seconds after which a run of pytest counts as stuck.
STUCK = 240
#: What the kernel calls an ansible-playbook.
PLAYBOOK = "ansible-playbook"[:15]
#: Real seconds in which what a run leaves has to be gone, on a busy machine too.
GONE = 10

# Loaded by every process of a run: it says how the process labels its containers and networks,
# and lets Ctrl-C be heard where the tests themselves were started in the background.
_RECORDER = """
import os, pathlib, signal
from pytest_bgasync.engine.ownership import OWNER, owner_label
signal.signal(signal.SIGINT, signal.default_int_handler)
pathlib.Path(os.environ["INNER_LABELS"], str(os.getpid())).write_text(owner_label()[OWNER])
"""


@dataclass(frozen=True)
class Ended:
    """How a run of pytest ended."""

    rc: int
    output: str

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of the last line: ``{"passed": 1}``."""
        return pytest.RunResult.parse_summary_nouns(self.output.splitlines())

    def assert_says(self, *words: str) -> None:
        """See that one sentence with these words explains what is wrong, and nothing of our insides is shown."""
        for word in words:
            assert self.output.count(word) == 1, f"{word!r} is there {self.output.count(word)} times:\n{self.output}"
        assert_no_insides(self.output)

    def line_after(self, title: str) -> str:
        """Return the line of the output that follows a title."""
        found = re.search(rf"^ *{re.escape(title)}\n +(.+)$", self.output, re.MULTILINE)
        assert found, self.output
        return found[1]

    def assert_passed(self, number: int) -> None:
        """See that so many tests passed and nothing else happened."""
        assert (self.rc, self.counts) == (0, {"passed": number}), self.output


def assert_no_insides(output: str) -> None:
    """See that no frame of the package and no crash is shown."""
    for trace in ("pytest_bgasync/", "Traceback (most recent call last)", "INTERNALERROR"):
        assert trace not in output, output


def wait_until(condition: Callable[[], object], *, within: float, what: str) -> None:
    """Wait until ``condition()`` is true; fail after ``within`` real seconds."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {within:g} s"
        time.sleep(0.02)


class Started:
    """A run of pytest that is going on."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid

    @property
    def output(self) -> str:
        """What it has written so far, to both streams."""
        return self._log.read_text(errors="replace")

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until ``condition()`` is true; fail if the run ends before."""

        def met() -> bool:
            assert self._process.poll() is None, f"{what}: the run ended first:\n{self.output}"
            return bool(condition())

        wait_until(met, within=STUCK, what=what)

    def wait(self, *, within: float = STUCK) -> Ended:
        """Wait for its end; fail after ``within`` real seconds."""
        try:
            rc = self._process.wait(within)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the run did not end within {within} s:\n{self.output}")
        return Ended(rc, self.output)

    def interrupt(self) -> None:
        """Do what a terminal does at Ctrl-C."""
        os.killpg(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """End the process of pytest, and no other, with SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)


class Inner:
    """A folder with tests of an author, and the runs of pytest in it."""

    def __init__(self, pytester: pytest.Pytester, engine: Engine, *others: Engine) -> None:
        """``engine`` is the one that the runs find; what they leave is looked for in the others, too."""
        self.path = pytester.path
        self._pytester = pytester
        self._engines = [engine, *others]
        self.engine_url = engine.url
        self._mark = uuid.uuid4().hex
        self._runs: list[Started] = []
        # Not below the folder of the test: sockets live there, and their paths must be short.
        self.temp = Path(tempfile.mkdtemp(prefix="inner-"))
        self._labels = self.temp / "labels"
        self._labels.mkdir()
        (self.temp / "home").mkdir()
        (self.temp / "inner_recorder.py").write_text(_RECORDER)
        self.ini()

    def ini(self, *lines: str) -> None:
        """Write the ini file."""
        self._pytester.makeini("\n".join(["[pytest]", *lines]))

    def file(self, name: str, text: str) -> Path:
        """Write a file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def conftest(self, text: str) -> None:
        """Write the conftest.py."""
        self._pytester.makeconftest(text)

    def test(self, text: str) -> None:
        """Write the test file."""
        self._pytester.makepyfile(test_inner=text)

    def start(self, *args: str, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> Started:
        """Start pytest; ``prefix`` is a command that starts another one."""
        return self._start([*prefix, sys.executable, "-m", "pytest", "-rN", "-p", "no:cacheprovider", *args], env)

    def run(self, *args: str, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> Ended:
        """Run pytest to its end."""
        return self.start(*args, env=env, prefix=prefix).wait()

    def bgasync(self, *args: str, env: Mapping[str, str] | None = None) -> Ended:
        """Run the command ``bgasync`` to its end."""
        return self.start_bgasync(*args, env=env).wait()

    def start_bgasync(self, *args: str, env: Mapping[str, str] | None = None) -> Started:
        """Start the command ``bgasync``."""
        code = "import inner_recorder, sys; from pytest_bgasync.cli.main import main; sys.exit(main())"
        return self._start([sys.executable, "-c", code, *args], env)

    def typed(self, line: str) -> subprocess.CompletedProcess[str]:
        """Paste a line into a shell that knows nothing of the runs, and is elsewhere."""
        env = {"HOME": os.environ.get("HOME", "/"), "PATH": os.environ["PATH"], "TMPDIR": str(self.temp)}
        return subprocess.run(
            ["sh", "-c", line], env=env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=STUCK,
        )  # fmt: skip

    def containers(self, status: str = "") -> list[str]:
        """Return the names of the containers that the runs have now, of all or of those with a status."""
        return [str(container.name) for container in self._containers() if status in ("", container.status)]

    def networks(self) -> list[str]:
        """Return the names of the networks that the runs have now."""
        return [str(network.name) for network in self._networks()]

    def processes(self) -> list[psutil.Process]:
        """Return the living processes that the runs have started, themselves included."""
        found = []
        for process in psutil.process_iter(["environ", "status"]):
            marked = (process.info["environ"] or {}).get("INNER_MARK") == self._mark
            if marked and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def plays(self) -> bool:
        """Say whether an ansible-playbook is at work."""
        return bool(self.playbooks())

    def playbooks(self) -> list[psutil.Process]:
        """Return the processes of ansible-playbook, workers included."""
        found = []
        for process in self.processes():
            with suppress(psutil.Error):
                found += [process] if process.name() == PLAYBOOK else []
        return found

    def left(self) -> list[str]:
        """Return what the runs have left: containers, networks, processes, temporary folders."""
        return [
            *(f"container {name}" for name in self.containers()),
            *(f"network {name}" for name in self.networks()),
            *(f"process {process!r}" for process in self.processes()),
            *(f"folder {folder}" for folder in self.temp.glob("bga-*")),
        ]

    def assert_nothing_left(self) -> None:
        """See that the runs, which have ended, have left nothing."""
        end = time.monotonic() + GONE
        while (left := self.left()) and time.monotonic() < end:
            time.sleep(0.05)
        assert not left, left

    def close(self) -> None:
        """End and remove what a failed test has left."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()
        for run in self._runs:
            run.wait()
        for container in self._containers():
            with suppress(DockerException):
                container.remove(force=True, v=True)
        for network in self._networks():
            with suppress(DockerException):
                network.remove()
        shutil.rmtree(self.temp, ignore_errors=True)

    def _start(self, command: Sequence[str], env: Mapping[str, str] | None) -> Started:
        log = self.temp / f"output{len(self._runs)}"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                cwd=self.path, env={**self._environment(), **(env or {})}, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self._runs.append(Started(process, log))
        return self._runs[-1]

    def _owners(self) -> set[str]:
        return {path.read_text() for path in self._labels.iterdir()}

    def _containers(self) -> list[Any]:
        own = self._owners()
        found = [one for engine in self._engines for one in containers(engine.client, stopped=True)]
        return [container for container in found if container.attrs["Config"]["Labels"][OWNER] in own]

    def _networks(self) -> list[Any]:
        own = self._owners()
        found = [one for engine in self._engines for one in engine.client.networks.list(filters={"label": OWNER})]
        return [network for network in found if network.attrs["Labels"][OWNER] in own]

    def _environment(self) -> dict[str, str]:
        others = ("PYTEST_", "ANSIBLE_", "XDG_")
        ours = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        return {
            **ours,
            "DOCKER_HOST": self.engine_url,
            "HOME": str(self.temp / "home"),
            "INNER_LABELS": str(self._labels),
            "INNER_MARK": self._mark,
            "PYTEST_PLUGINS": "inner_recorder",
            "PYTHONPATH": os.pathsep.join([str(self.temp), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
            "TMPDIR": str(self.temp),
        }
