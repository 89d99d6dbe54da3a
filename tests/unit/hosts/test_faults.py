"""What befalls a host is undone, also where it could be done by half only."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import DockerException

from pytest_bgasync.engine.container import Container, Finished
from pytest_bgasync.hosts.faults import Faults, links_and_routes
from pytest_bgasync.util.errors import HostProblem

NETWORK = r"""1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN \    link/loopback 00:00:00
42: eth0@if43: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP \    link/ether 02:42:ac

default via 172.18.0.1 dev eth0
10.9.0.0/16 via 172.18.0.7 dev eth0 linkdown
172.18.0.0/16 dev eth0 proto kernel scope link src 172.18.0.2
"""


class FakeContainer:
    """A container that keeps what was done to it; ``breaks`` is raised in the middle of deed number ``at``."""

    label = "host host1"
    ended = False

    def __init__(self, breaks: BaseException | None = None, at: int = 1) -> None:
        self.done: list[str] = []
        self._breaks, self._at = breaks, at

    def script(self, _: str) -> Finished:
        return Finished(0, NETWORK.encode(), b"")

    def in_its_network(self, commands: Sequence[str]) -> None:
        self._do(", ".join(commands))

    def model(self) -> Any:
        return SimpleNamespace(pause=lambda: self._do("pause"), unpause=lambda: self._do("unpause"))

    def _do(self, deed: str) -> None:
        self.done.append(deed)
        if self._breaks is not None and len(self.done) == self._at:
            raise self._breaks


def faults(container: FakeContainer) -> Faults:
    return Faults(cast(Container, container), list, lambda: True, 60)


DOWN = "ip link set dev eth0 down"
UP = (
    "ip link set dev eth0 up, ip route replace default via 172.18.0.1 dev eth0,"
    " ip route replace 10.9.0.0/16 via 172.18.0.7 dev eth0"
)


def test_the_devices_that_are_up_and_the_routes_the_kernel_does_not_make_are_put_back() -> None:
    assert links_and_routes(NETWORK) == (
        ["eth0"],
        ["default via 172.18.0.1 dev eth0", "10.9.0.0/16 via 172.18.0.7 dev eth0"],
    )


def test_a_host_that_is_isolated_counts_as_before_afterwards() -> None:
    container = FakeContainer()
    host = faults(container)
    host.silence = "refuses all ssh connections"
    with host.isolate():
        assert host.silence == "is isolated from its networks"
    assert host.silence == "refuses all ssh connections"
    assert container.done == [DOWN, UP]


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), HostProblem("no")])
def test_what_was_done_by_half_is_undone(problem: BaseException) -> None:
    container = FakeContainer(problem)
    with pytest.raises(type(problem)), faults(container).isolate():
        raise AssertionError
    assert container.done == [DOWN, UP]
    container = FakeContainer(problem)
    with pytest.raises(type(problem)), faults(container).freeze():
        raise AssertionError
    assert container.done == ["pause", "unpause"]


def test_what_fails_in_the_block_is_told_before_what_could_not_be_undone() -> None:
    container = FakeContainer(HostProblem("no network"), at=2)
    with pytest.raises(ZeroDivisionError) as failure, faults(container).isolate():
        _ = 1 / 0
    assert failure.value.__notes__ == ["no network"]
    container = FakeContainer(HostProblem("no network"), at=2)
    with pytest.raises(HostProblem, match="no network"), faults(container).isolate():
        pass


def test_a_host_whose_processes_come_and_go_is_frozen_in_the_end() -> None:
    container = FakeContainer(DockerException("OCI runtime pause failed: unable to freeze: unknown"))
    with faults(container).freeze():
        assert container.done == ["pause", "pause"]
    assert container.done == ["pause", "pause", "unpause"]
