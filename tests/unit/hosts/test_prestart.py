"""One scenario is started ahead, and whoever takes it gets it or its problem."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from pytest_bgasync.hosts.prestart import MOST, Ahead
from pytest_bgasync.hosts.scenario import Scenario, Wanted
from pytest_bgasync.util.errors import HostProblem


def wanted(hosts: int, image: str = "good") -> Wanted:
    return Wanted(hosts=[(f"host{number}", image) for number in range(hosts)], localhost="good")


class FakeScenario:
    """A scenario of which only the calls count."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.started = self.closed = 0
        self.whole = True
        self.thread = ""
        self.given_up = threading.Event()

    def up(self) -> None:
        self.started += 1
        self.thread = threading.current_thread().name
        if "slow" in dict(self.wanted.hosts).values():
            assert self.given_up.wait(60)
        if "bad" in dict(self.wanted.hosts).values():
            raise HostProblem("bad")

    def give_up(self) -> None:
        self.given_up.set()

    def close(self) -> None:
        self.closed += 1


class Made:
    """What was made by an Ahead."""

    def __init__(self) -> None:
        self.all: list[FakeScenario] = []
        self.ahead = Ahead(self.make)

    def make(self, wanted: Wanted) -> Scenario:
        self.all.append(FakeScenario(wanted))
        return cast(Scenario, self.all[-1])


@pytest.fixture
def made() -> Made:
    return Made()


def test_what_was_begun_is_handed_out_once(made: Made) -> None:
    made.ahead.begin(wanted(2), "test_next")
    assert cast(Any, made.ahead.take(wanted(2))) is made.all[0]
    assert cast(Any, made.ahead.take(wanted(2))) is made.all[1]
    assert [one.started for one in made.all] == [1, 1]
    made.ahead.close()
    assert [one.closed for one in made.all] == [0, 0]  # they belong to whoever took them


def test_what_nobody_takes_is_closed_without_waiting_for_it(made: Made) -> None:
    made.ahead.begin(wanted(1, "slow"), "test_next")
    assert cast(Any, made.ahead.take(wanted(2))) is made.all[1]
    assert [one.closed for one in made.all] == [1, 0]
    made.ahead.begin(wanted(1, "slow"), "test_next")
    made.ahead.begin(wanted(1, "slow"), "test_next")
    made.ahead.close()
    assert [one.closed for one in made.all] == [1, 0, 1, 1]


def test_what_did_not_come_up_ahead_is_started_anew_and_tells_its_own_problem(made: Made) -> None:
    made.ahead.begin(wanted(1, "bad"), "test_next")
    with pytest.raises(HostProblem, match="bad"):
        made.ahead.take(wanted(1, "bad"))
    assert [(one.started, one.closed) for one in made.all] == [(1, 1), (1, 1)]
    assert made.ahead.take(wanted(1))


def test_what_has_gone_in_the_meantime_is_started_anew(made: Made) -> None:
    made.ahead.begin(wanted(1), "test_next")
    made.all[0].whole = False
    assert cast(Any, made.ahead.take(wanted(1))) is made.all[1]
    assert [one.closed for one in made.all] == [1, 0]


def test_the_order_of_hosts_counts(made: Made) -> None:
    asked = wanted(2)
    made.ahead.begin(asked, "test_next")
    turned = Wanted(hosts=asked.hosts[::-1], localhost=asked.localhost)
    assert cast(Any, made.ahead.take(turned)).wanted is turned


def test_it_is_kept_for_its_test_only(made: Made) -> None:
    made.ahead.begin(wanted(1), "test_next")
    made.ahead.keep_for("test_next")
    assert made.all[0].closed == 0
    made.ahead.keep_for("test_another")
    assert made.all[0].closed == 1


def test_a_large_scenario_is_not_begun(made: Made) -> None:
    made.ahead.begin(wanted(MOST + 1), "test_next")
    assert made.all == []
    made.ahead.begin(wanted(MOST), "test_next")
    assert len(made.all) == 1
    made.ahead.close()


@pytest.mark.parametrize(("workers", "most"), [(2, MOST // 2), (MOST, 1), (MOST * 3, 1)])
def test_workers_have_their_share_of_what_is_begun_ahead(made: Made, workers: int, most: int) -> None:
    ahead = Ahead(made.make, workers=workers)
    ahead.begin(wanted(most + 1), "test_next")
    assert made.all == []
    ahead.begin(wanted(most), "test_next")
    assert len(made.all) == 1
    ahead.close()
