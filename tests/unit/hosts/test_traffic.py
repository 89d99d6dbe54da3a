"""What is counted of a stream of requests."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from pytest_bgasync.hosts.machine import CommandResult
from pytest_bgasync.hosts.traffic import Traffic, longest_gap
from pytest_bgasync.util.clock import BOOT_TIME, BOOTED, Clock, HostClock
from pytest_bgasync.util.errors import UsageProblem


class FakeMachine:
    """A machine on which these requests have been sent."""

    name = "localhost"
    ahead = 0.0

    def __init__(self, *sent: tuple[float, int | None]) -> None:
        self._sent = sent

    def run(self, command: Any) -> CommandResult:
        now = time.clock_gettime(BOOT_TIME) + self.ahead
        return CommandResult(0, f"{now}\n" if "/proc/uptime" in command[2] else "stop", "")

    def read(self, _path: str) -> str:
        entries = [{"at": at, "ended": at + 0.5, "status": status, "error": None} for at, status in self._sent]
        return "".join(json.dumps(entry) + "\n" for entry in entries) + '{"at": 9, "ended'


def idle(*sent: tuple[float, int | None]) -> Traffic:
    return on(FakeMachine(*sent))


def on(machine: FakeMachine) -> Traffic:
    clock = HostClock(Clock(0.1, zero=BOOTED))
    return Traffic(machine, "http://lb/", 10, clock, 60)  # type: ignore[arg-type]  # a fake


def traffic(*sent: tuple[float, int | None]) -> Traffic:
    with idle(*sent) as stream:
        return stream


def test_a_stream_that_has_not_begun_counts_nothing_and_none_begins_twice() -> None:
    with pytest.raises(UsageProblem, match=r"sends nothing by itself: write `with bgasync.traffic"):
        assert idle().failed == 0
    stream = traffic((0, 200))
    with pytest.raises(UsageProblem, match=r"is for one with block"), stream:
        pass


def test_an_answer_from_400_on_or_none_at_all_has_failed() -> None:
    seen = traffic((0, 200), (1, 399), (2, 400), (3, 503), (4, None))
    assert (seen.sent, seen.failed) == (5, 3)
    assert [one.status for one in seen.failures] == [400, 503, None]
    assert [one.took for one in seen.requests] == [5] * 5


@pytest.mark.parametrize(
    ("sent", "gap"),
    [
        ([], 0),
        ([(0, 200)], 0),
        ([(0, 200), (1, 200), (2, 200)], 10),
        ([(0, 200), (1, 503), (2, 503), (3, 200), (4, 200)], 30),
        ([(2, 200), (0, 200), (1, 200)], 10),
        ([(0, 503), (1, 503), (2, 200)], 20),
        ([(0, 200), (1, None), (2, None)], 20),
        ([(0, 503), (5, 503)], 50),
    ],
)
def test_the_longest_gap_is_between_two_that_went_well_or_the_ends(
    sent: list[tuple[float, int | None]], gap: float
) -> None:
    assert traffic(*sent).longest_gap == pytest.approx(gap)


def test_a_far_machine_has_another_clock() -> None:
    machine = FakeMachine((1005, 200))
    machine.ahead = 1000
    with on(machine) as stream:
        pass
    assert [one.at for one in stream.requests] == [pytest.approx(50, abs=1)]


def test_the_longest_gap_has_its_beginning_and_its_end() -> None:
    assert longest_gap(traffic((0, 200), (1, 200), (2, 503), (4, 200), (5, 200)).requests) == (10, 40)
    assert longest_gap([]) == (0, 0)
