"""Playbook seconds and deadlines."""

from __future__ import annotations

import time

import pytest

from pytest_bgasync.util.clock import BOOTED, Clock, Deadline, HostClock, checked_scale, steady
from pytest_bgasync.util.errors import UsageProblem


@pytest.mark.parametrize(("value", "scale"), [(1, 1.0), (0.01, 0.01), ("0.5", 0.5), (1e-9, 1e-9)])
def test_a_scale_above_0_and_up_to_1_is_taken_as_a_number_or_as_text(value: object, scale: float) -> None:
    assert checked_scale(value, where="here") == scale


@pytest.mark.parametrize("value", [0, -0.5, 1.01, "fast", "", None, True, float("nan"), float("inf"), [1]])
def test_any_other_scale_is_refused_with_its_place_and_its_value(value: object) -> None:
    with pytest.raises(UsageProblem) as caught:
        checked_scale(value, where="the ini key")
    assert str(caught.value).startswith("the ini key: a time scale is a number above 0 and at most 1")
    assert str(caught.value).endswith(f"not {value!r}")


def test_one_real_second_is_a_hundred_playbook_seconds_at_a_scale_of_a_hundredth() -> None:
    clock = Clock(scale=0.01, zero=1000.0)
    assert clock.playbook(2) == 200
    assert clock.real(200) == 2
    assert clock.at(1002) == 200


def test_a_clock_begins_now_and_keeps_real_time_unless_told_otherwise() -> None:
    clock = Clock()
    assert clock.at(time.time()) == pytest.approx(0, abs=1)
    assert clock.playbook(3) == 3


def test_a_deadline_counts_down_to_zero_and_not_below() -> None:
    deadline = Deadline(0.05)
    assert 0 < deadline.left <= 0.05
    assert not deadline.passed
    time.sleep(0.06)
    assert deadline.left == 0
    assert deadline.passed


def test_waiting_ends_as_soon_as_the_condition_holds() -> None:
    answers = iter([False, False, True])
    begun = time.monotonic()
    assert Deadline(60).wait_for(lambda: next(answers), every=0.001)
    assert time.monotonic() - begun < 10


def test_waiting_ends_at_the_deadline_however_long_its_steps_are() -> None:
    begun = time.monotonic()
    assert not Deadline(0.05).wait_for(lambda: False, every=60)
    assert 0.05 <= time.monotonic() - begun < 10


def test_a_condition_is_asked_once_even_after_the_deadline() -> None:
    assert Deadline(0).wait_for(lambda: True)


def test_a_step_of_the_wall_clock_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert 0 <= clock.now < 60
    assert clock.at(steady()) == pytest.approx(clock.now, abs=1)


def test_a_host_of_this_machine_has_its_boot_time() -> None:
    host = HostClock(Clock(0.1, zero=BOOTED))
    host.heard(500.0, asked=BOOTED + 499.9, answered=BOOTED + 500.3)
    assert host.at(400) == pytest.approx(4000)


def test_a_far_host_is_understood_better_with_each_answer() -> None:
    """It is 1000 seconds behind; the answer that came quickest says so best, whichever that was."""
    host = HostClock(Clock(zero=BOOTED))
    host.heard(500.0, asked=BOOTED + 1499, answered=BOOTED + 1501)
    assert host.at(500) == pytest.approx(1501)
    host.heard(510.0, asked=BOOTED + 1509.9, answered=BOOTED + 1510.1)
    host.heard(520.0, asked=BOOTED + 1515, answered=BOOTED + 1525)
    assert host.at(500) == pytest.approx(1500.1)


def test_a_far_host_that_booted_anew_has_another_clock() -> None:
    host = HostClock(Clock(zero=BOOTED))
    host.heard(500.0, asked=BOOTED + 1499, answered=BOOTED + 1501)
    host.heard(3.0, asked=BOOTED + 1600, answered=BOOTED + 1600.2)
    assert host.at(3) == pytest.approx(1600.2)
