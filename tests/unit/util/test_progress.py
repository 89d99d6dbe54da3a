"""What is told while somebody waits."""

from __future__ import annotations

import threading

from pytest_bgasync.util.progress import Narrator

#: Real seconds in which a thread has come to say something.
SOON = 20


class Heard:
    """The lines that were written."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._more = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._more:
            self.lines.append(line)
            self._more.notify_all()

    def wait_for(self, number: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self.lines) >= number, SOON), self.lines


def test_what_lasts_is_told_again_and_again_until_it_ends() -> None:
    heard = Heard()
    narrator = Narrator(heard, first=0.01, every=0.01)
    with narrator.during(lambda: f"line {len(heard.lines)}"):
        heard.wait_for(3)
    number = len(heard.lines)
    assert heard.lines[:2] == ["line 0 (0 s)", "line 1 (0 s)"]
    # What began later is told, so what is over could have been.
    with narrator.during("another"):
        heard.wait_for(number + 2)
    assert set(heard.lines[number:]) == {"another (0 s)"}


def test_what_is_over_soon_is_not_told() -> None:
    heard = Heard()
    narrator = Narrator(heard, first=60, every=0.01)
    with narrator.during("short"):
        narrator("a line")
    assert heard.lines == ["a line"]


def test_of_several_the_one_that_began_last_is_told_and_after_it_the_one_before() -> None:
    heard = Heard()
    narrator = Narrator(heard, first=0.01, every=0.01)
    with narrator.during("outer"):
        with narrator.during("inner"):
            number = len(heard.lines)
            heard.wait_for(number + 3)
            assert set(heard.lines[number:]) == {"inner (0 s)"}
        number = len(heard.lines)
        heard.wait_for(number + 2)
        assert heard.lines[-1] == "outer (0 s)"


def test_a_quiet_one_writes_what_it_is_told_and_nothing_by_itself() -> None:
    heard = Heard()
    narrator = Narrator(heard, quiet=True, first=0.01, every=0.01)
    before = threading.active_count()
    with narrator.during("long"):
        assert threading.active_count() == before
    narrator("a line")
    assert heard.lines == ["a line"]
