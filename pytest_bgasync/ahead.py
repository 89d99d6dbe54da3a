"""Scenarios that start before they are asked for, while another test runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from pytest_bgasync.errors import BgasyncError
from pytest_bgasync.scenario import Scenario, Wanted, wait_for

#: How many hosts may be started ahead; larger scenarios start when they are asked for.
MOST = 10


class Ahead:
    """Starts at most one scenario ahead. What it hands out belongs to the test, which closes it."""

    def __init__(self, make: Callable[[Wanted], Scenario]) -> None:
        self._make = make
        self._coming: _Coming | None = None

    def begin(self, wanted: Wanted) -> None:
        """Start what the next test will ask for, in the background."""
        self.close()
        if len(wanted.hosts) <= MOST:
            self._coming = _Coming(wanted, self._make(wanted))

    def take(self, wanted: Wanted) -> Scenario:
        """Return a scenario that is up and that nobody has touched; raises HostProblem."""
        if self._coming is not None and self._coming.wanted == wanted:
            coming, self._coming = self._coming, None
            return coming.arrived()
        self.close()
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
    """A scenario that is starting in a thread."""

    def __init__(self, wanted: Wanted, scenario: Scenario) -> None:
        self.wanted = wanted
        self._scenario = scenario
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._up = self._thread.submit(scenario.up)

    def arrived(self) -> Scenario:
        """Wait until it is up; raises what ``Scenario.up`` does."""
        try:
            wait_for(self._up)
        except BaseException:
            self.close()
            raise
        return self._scenario

    def close(self) -> None:
        self._scenario.give_up()
        self._thread.shutdown()  # so that all that it has started is known
        with suppress(BgasyncError):  # no test has had it; what is left of it is swept
            self._scenario.close()
