"""Scenarios that start before they are asked for, while another test runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from pytest_bgasync.hosts.scenario import Scenario, Wanted, wait_for
from pytest_bgasync.util.errors import BgasyncError

#: How many hosts the workers of a session may start ahead, together, though one each at least; larger scenarios start
#: when they are asked for.
MOST = 20


class Ahead:
    """Starts at most one scenario ahead. What it hands out belongs to the test, which closes it."""

    def __init__(self, make: Callable[[Wanted], Scenario], *, workers: int = 1) -> None:
        """``workers`` is how many processes run tests of this session, each with one of these."""
        self._make = make
        self._most = max(1, MOST // workers)
        self._coming: _Coming | None = None

    def begin(self, wanted: Wanted, test: str) -> None:
        """Start what a test will ask for, in the background."""
        self.close()
        if len(wanted.hosts) <= self._most:
            with suppress(OSError, RuntimeError):  # no place or no thread for it: the test will see
                self._coming = _Coming(wanted, test, self._make(wanted))

    def keep_for(self, test: str) -> None:
        """Remove what was started for another test than the one that begins now."""
        if self._coming is not None and self._coming.test != test:
            self.close()

    def take(self, wanted: Wanted) -> Scenario:
        """Return a scenario that is up and that nobody has touched; raises HostProblem."""
        coming, self._coming = self._coming, None
        if coming is not None:
            # The test before may have been in its way, so only a start of its own tells what is wrong.
            if coming.wanted == wanted and (scenario := coming.arrived()) is not None:
                return scenario
            coming.close()
        scenario = self._make(wanted)
        try:
            scenario.up()
        except BaseException:
            with suppress(BgasyncError):  # what went wrong first is what is told
                scenario.close()
            raise
        return scenario

    def close(self) -> None:
        """Remove what was started and not taken; raises nothing."""
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.close()


class _Coming:
    """A scenario that is starting in a thread, for a test."""

    def __init__(self, wanted: Wanted, test: str, scenario: Scenario) -> None:
        self.wanted = wanted
        self.test = test
        self._scenario = scenario
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._up = self._thread.submit(scenario.up)

    def arrived(self) -> Scenario | None:
        """Wait until it is up; return None if it did not come up, or has not stayed so."""
        try:
            with suppress(Exception):
                wait_for(self._up)
                if self._scenario.whole:
                    self._thread.shutdown()
                    return self._scenario
        except BaseException:
            self.close()
            raise
        return None

    def close(self) -> None:
        """Remove what of it is there; raises nothing."""
        self._scenario.give_up()
        self._thread.shutdown()  # so that all that it has started is known
        with suppress(BgasyncError):  # no test has had it; what is left of it is swept
            self._scenario.close()
