"""A machine that lacks something: one sentence says what, and what to do."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from .inner import Inner

TEST = "def test_one(bgasync): raise AssertionError('never reached')"

#: A machine on which no socket of an engine exists; %s is what is found of dockerd.
NO_ENGINE = """
import os, shutil
from pytest_bgasync.engine import client as engine
engine._addresses = lambda environ: iter(())
which = shutil.which
engines = {"dockerd": %s, "podman": None}
engine.shutil.which = lambda name, **more: engines[name] if name in engines else which(name, **more)
os.geteuid = lambda: 1000
"""


@pytest.fixture(autouse=True)
def one_test(inner: Inner) -> None:
    inner.test(TEST)


@pytest.mark.parametrize("url", ["unix:///nonexistent/engine.sock", "tcp://127.0.0.1:1"])
def test_no_engine_at_docker_host(inner: Inner, url: str) -> None:
    ended = inner.run(env={"DOCKER_HOST": url})
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says(f"no container engine answers at DOCKER_HOST={url}", "start it there, or unset DOCKER_HOST")
    inner.assert_nothing_left()


def test_docker_host_that_is_no_address(inner: Inner) -> None:
    ended = inner.run(env={"DOCKER_HOST": "nowhere://x"})
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says("no container engine answers at DOCKER_HOST=nowhere://x")


def test_no_engine_is_said_of_every_test_that_needs_one_and_of_no_other(inner: Inner) -> None:
    inner.test("def test_one(bgasync): pass\ndef test_two(bgasync_engine): pass\ndef test_three(): pass")
    ended = inner.run("-rE", env={"DOCKER_HOST": "unix:///nonexistent/engine.sock"})
    assert (ended.rc, ended.counts) == (1, {"errors": 2, "passed": 1})


def test_no_engine_installed(inner: Inner) -> None:
    inner.conftest(NO_ENGINE % None)
    ended = inner.run(env={"DOCKER_HOST": "", "PATH": str(inner.path)})
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says("no container engine answers and none is installed: install Docker or Podman")
    inner.assert_nothing_left()


def test_an_engine_that_only_root_could_start(inner: Inner) -> None:
    inner.conftest(NO_ENGINE % "'/usr/sbin/dockerd'")
    ended = inner.run(env={"DOCKER_HOST": ""})
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says("no container engine answers, and Docker, which is installed, can only be started by root: start")
    inner.assert_nothing_left()


@pytest.fixture
def closed_socket(inner: Inner) -> Iterator[Path]:
    """A socket on which somebody listens and which nobody may open."""
    path = inner.temp / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        path.chmod(0)
        yield path


def unprivileged() -> list[str]:
    """Return the words before a command that take root's right to open what is closed."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    assert setpriv is not None, "install util-linux"
    rights = "-dac_override,-dac_read_search"
    return [setpriv, "--bounding-set", rights, "--inh-caps", rights, "--"]


def test_an_engine_without_permission_at_docker_host(inner: Inner, closed_socket: Path) -> None:
    ended = inner.run(env={"DOCKER_HOST": f"unix://{closed_socket}"}, prefix=unprivileged())
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says(f"the container engine at unix://{closed_socket} does not let this user in: join the group")
    inner.assert_nothing_left()


def test_an_engine_without_permission_at_a_usual_socket(inner: Inner, closed_socket: Path) -> None:
    inner.conftest(
        NO_ENGINE % "'/usr/sbin/dockerd'" + f"engine._addresses = lambda environ: [('unix://{closed_socket}', False)]"
    )
    ended = inner.run(env={"DOCKER_HOST": ""}, prefix=unprivileged())
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says(f"the container engine at unix://{closed_socket} does not let this user in: join the group")
    inner.assert_nothing_left()


def test_ansible_core_missing(inner: Inner) -> None:
    inner.conftest(
        """
        import importlib.metadata as metadata

        found = metadata.Distribution.from_name

        def from_name(name):
            if name == "ansible-core":
                raise metadata.PackageNotFoundError(name)
            return found(name)

        metadata.Distribution.from_name = from_name
        """
    )
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says("ansible-core is not installed in the environment of pytest", "pip install 'ansible-core>=2.16")
    inner.assert_nothing_left()


@pytest.mark.parametrize("version", ["2.15.13", "2.22.0", "2.22.0rc1", "3.0.0"])
def test_ansible_core_of_a_version_that_is_not_supported(inner: Inner, version: str) -> None:
    installed = inner.temp / f"ansible_core-{version}.dist-info"  # found first: this folder leads the path
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ansible-core\nVersion: {version}\n")
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says(
        f"ansible-core {version} is not supported, only 2.16 to 2.21 are:"
        " pip install 'ansible-core>=2.16.19,!=2.17.*,<2.22'"
    )
    inner.assert_nothing_left()


@pytest.mark.parametrize("there", [[], ["ssh"], ["ssh-keygen"]], ids=["both", "ssh-keygen", "ssh"])
def test_ssh_client_missing(inner: Inner, there: list[str]) -> None:
    folder = inner.path / "bin"
    folder.mkdir()
    for command in there:
        (folder / command).symlink_to(str(shutil.which(command)))
    ended = inner.run(env={"PATH": str(folder)})
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    missing = "ssh-keygen" if there == ["ssh"] else "ssh"
    ended.assert_says(f"the ssh client is missing ({missing} is not on the PATH)", "apt-get install openssh-client")
    inner.assert_nothing_left()
