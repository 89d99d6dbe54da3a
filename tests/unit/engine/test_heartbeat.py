"""When an engine counts as hung, and what is said then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from pytest_bgasync.engine import heartbeat
from pytest_bgasync.engine.heartbeat import Heartbeat
from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.errors import EngineTimeout

WITHIN = 0.5
SAID = r"^the container engine at unix:///engine has not answered for 0.5 s, .*: bgasync clean --engine=unix:///engine$"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "EVERY", 0.05)
    monkeypatch.setattr(heartbeat, "STEP", 0.01)


class Engine:
    """An engine that answers until it freezes."""

    def __init__(self) -> None:
        self.asked = 0
        self.thawed = threading.Event()
        self.thawed.set()

    def answer(self) -> str:
        self.asked += 1
        self.thawed.wait()
        return "answer"


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def beat(engine: Engine) -> Heartbeat:
    return Heartbeat("unix:///engine", engine.answer, WITHIN)


def seconds(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    with pytest.raises(EngineTimeout, match=SAID):
        work()
    return time.monotonic() - begun


def test_what_is_quick_asks_nothing(engine: Engine, beat: Heartbeat) -> None:
    assert beat.during(lambda: 7) == 7
    assert list(beat.each(iter([1, 2]))) == [1, 2]
    assert engine.asked == 0


def test_errors_come_through(beat: Heartbeat) -> None:
    with pytest.raises(ZeroDivisionError):
        beat.during(lambda: 1 / 0)
    with pytest.raises(ConnectionResetError):
        beat.during(lambda: (_ for _ in ()).throw(ConnectionResetError()))
    assert not beat.stopped


def test_slow_work_is_waited_for_while_it_answers(engine: Engine, beat: Heartbeat) -> None:
    assert beat.during(lambda: time.sleep(3 * WITHIN)) is None
    assert engine.asked > 1


def test_one_that_hangs_is_told_once_in_time(engine: Engine, beat: Heartbeat) -> None:
    engine.thawed.clear()
    assert WITHIN <= seconds(lambda: beat.during(engine.answer)) < 20 * WITHIN
    assert beat.stopped
    engine.thawed.set()
    for later in (lambda: beat.during(engine.answer), beat.check, lambda: next(beat.each(iter([1])))):
        assert seconds(later) < WITHIN


def test_side_by_side_is_no_longer(engine: Engine, beat: Heartbeat) -> None:
    """Many who wait at the same time are told at the same time."""
    engine.thawed.clear()
    took: list[float] = []
    threads = [
        threading.Thread(target=lambda: took.append(seconds(lambda: beat.during(engine.answer)))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(took) == 16
    assert max(took) < 20 * WITHIN
    engine.thawed.set()


def test_a_loop_is_told_too(engine: Engine, beat: Heartbeat) -> None:
    engine.thawed.clear()

    def never() -> bool:
        beat.check()
        return False

    assert seconds(lambda: Deadline(60).wait_for(never)) < 20 * WITHIN
    engine.thawed.set()


def test_one_that_refuses_is_not_silent() -> None:
    def refuse() -> None:
        raise ConnectionRefusedError

    refusing = Heartbeat("unix:///engine", refuse, WITHIN)
    assert refusing.during(lambda: time.sleep(3 * WITHIN)) is None
    assert not refusing.stopped


def test_an_answer_that_nobody_waits_for_is_discarded(engine: Engine, beat: Heartbeat) -> None:
    discarded: list[str] = []
    engine.thawed.clear()
    with pytest.raises(EngineTimeout):
        beat.during(engine.answer, discarded.append)
    engine.thawed.set()
    assert Deadline(20).wait_for(lambda: discarded == ["answer"])


def test_a_timeout_of_a_call_waits_for_the_verdict(engine: Engine, beat: Heartbeat) -> None:
    """What fails because the engine hangs is told as that."""
    engine.thawed.clear()

    def time_out() -> None:
        assert Deadline(20).wait_for(lambda: engine.asked)
        raise TimeoutError("timed out")

    with pytest.raises(EngineTimeout, match=SAID):
        beat.during(time_out)
    engine.thawed.set()
