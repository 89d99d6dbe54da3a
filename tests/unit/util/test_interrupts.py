"""Ctrl-C while something is made or removed, and what is removed at the end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from pytest_bgasync.util.exit_removals import Cleanups
from pytest_bgasync.util.interrupts import Interrupts


def press() -> None:
    """Send what a terminal sends at Ctrl-C, and see that it has come."""
    os.kill(os.getpid(), signal.SIGINT)


class Told(list[str]):
    """The lines that were written."""

    def __init__(self) -> None:
        self.more = threading.Event()

    def write(self, line: str) -> None:
        self.append(line)
        self.more.set()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def interrupts(told: Told) -> Iterator[Interrupts]:
    """Count as a process does that hears Ctrl-C, which one in the background does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts = Interrupts()
    interrupts.begin(told.write)
    yield interrupts
    signal.signal(signal.SIGINT, before)


def test_one_waits_until_the_block_has_ended(interrupts: Interrupts) -> None:
    steps = []

    def make() -> None:
        with interrupts.held():
            press()
            steps.append("done")

    with pytest.raises(KeyboardInterrupt):
        make()
    assert steps == ["done"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_one_waits_until_the_work_is_done(interrupts: Interrupts, told: Told) -> None:
    done = threading.Event()

    def work() -> None:
        press()
        done.set()

    with pytest.raises(KeyboardInterrupt):
        interrupts.undisturbed(work, "removing the hosts")
    assert done.is_set()
    assert told == []


def test_a_second_one_is_answered_and_not_raised(interrupts: Interrupts, told: Told) -> None:
    def work() -> None:
        press()
        assert told.more.wait(30)

    interrupts.heard()
    interrupts.undisturbed(work, "removing the hosts")
    assert told == ["still removing the hosts: Ctrl-C once more leaves that to the next run, or to bgasync clean"]


def test_a_third_one_leaves_the_work_undone(interrupts: Interrupts, told: Told) -> None:
    never = threading.Event()

    def work() -> None:
        press()
        assert told.more.wait(30)
        press()
        never.wait(30)

    interrupts.heard()
    interrupts.undisturbed(work, "removing the hosts")
    assert told[-1] == "gave up removing the hosts: the next run, or bgasync clean, removes what is left"
    interrupts.undisturbed(lambda: told.write("begun"), "more")
    assert "begun" not in told
    never.set()


def test_work_that_takes_too_long_is_left(interrupts: Interrupts, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_bgasync.util.interrupts.PATIENCE", 0.01)
    interrupts.heard()
    never = threading.Event()

    def work() -> None:
        never.wait(30)

    interrupts.undisturbed(work, "removing the hosts")
    assert len(told) == 1
    never.set()


def test_an_interrupt_that_is_being_raised_counts(interrupts: Interrupts) -> None:
    """In a finally block, one more is the second."""

    def end() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            with interrupts.held():
                press()
            steps.append("went on")

    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        end()
    assert steps == ["went on"]


def test_what_the_work_raises_is_raised(interrupts: Interrupts) -> None:
    def work() -> None:
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        interrupts.undisturbed(work, "removing the hosts")


def test_other_threads_and_inner_blocks_just_work(interrupts: Interrupts) -> None:
    steps: list[str] = []
    with interrupts.held():
        with interrupts.held():
            steps.append("inner")
        thread = threading.Thread(target=interrupts.undisturbed, args=[lambda: steps.append("thread"), "x"])
        thread.start()
        thread.join()
        interrupts.undisturbed(lambda: steps.append("work"), "x")
    assert steps == ["inner", "thread", "work"]


def test_ctrl_c_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts().held():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            press()
    finally:
        signal.signal(signal.SIGINT, before)


def test_things_are_removed_once_the_last_first(interrupts: Interrupts) -> None:
    cleanups, removed = Cleanups(interrupts), list[str]()
    for name in ("a", "b", "c", "d"):
        cleanups.add(name, lambda name=name: removed.append(name))  # type: ignore[misc]
    cleanups.run("b", "removing b")
    cleanups.run("b", "removing b")
    cleanups.drop("d")
    cleanups.finish()
    cleanups.finish()
    assert removed == ["b", "c", "a"]


def test_only_what_came_since_is_removed(interrupts: Interrupts) -> None:
    cleanups, removed = Cleanups(interrupts), list[str]()
    cleanups.add("before", lambda: removed.append("before"))
    mark = cleanups.mark()
    cleanups.add("since", lambda: removed.append("since"))
    cleanups.finish(mark)
    assert removed == ["since"]


def test_a_removal_that_fails_is_told_once(interrupts: Interrupts) -> None:
    cleanups, removed = Cleanups(interrupts), list[str]()

    def fail() -> None:
        removed.append("tried")
        raise ValueError("bad")

    cleanups.add("first", lambda: removed.append("first"))
    cleanups.add("bad", fail)
    with pytest.raises(ValueError, match="bad"):
        cleanups.run("bad", "removing")
    cleanups.add("worse", fail)
    cleanups.finish()
    assert removed == ["tried", "tried", "first"]


def test_an_interrupt_in_the_middle_of_a_removal(interrupts: Interrupts) -> None:
    """It is removed all the same, and so is the rest at the end."""
    cleanups, removed = Cleanups(interrupts), list[str]()
    cleanups.add("first", lambda: removed.append("first"))

    def remove() -> None:
        press()
        removed.append("second")

    cleanups.add("second", remove)
    with pytest.raises(KeyboardInterrupt):
        cleanups.run("second", "removing")
    cleanups.finish()
    assert removed == ["second", "first"]


def test_a_fork_removes_nothing(interrupts: Interrupts) -> None:
    cleanups, removed = Cleanups(interrupts), list[str]()
    cleanups.add("thing", lambda: removed.append("thing"))
    child = os.fork()
    if child == 0:
        cleanups.finish()
        os._exit(len(removed))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
