"""Playbook seconds, real seconds and deadlines."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_bgasync.util.errors import UsageProblem

#: Below this many real seconds a scaled ``async`` limit would say more about the
#: wrapper's clock than about the job: it checks the limit in steps of up to five
#: seconds, and a module needs a moment to start. Limits are never scaled below it.
LIMIT_FLOOR = 5
#: The clock that starts when a machine boots and that nobody sets. Linux measures the starts of processes with it.
BOOT_TIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
#: When this machine booted, in seconds since the Unix epoch, by the wall clock as it was when this process began.
BOOTED = time.time() - time.clock_gettime(BOOT_TIME)


def steady() -> float:
    """Return the seconds since the Unix epoch, as they would be if nobody had set the wall clock since."""
    return BOOTED + time.clock_gettime(BOOT_TIME)


def checked_scale(value: object, *, where: str) -> float:
    """Return ``value`` as a time scale.

    Raises UsageProblem unless it is a number with 0 < value <= 1.
    """
    try:
        scale = float(value)  # type: ignore[arg-type]  # anything else is what is checked for
    except (TypeError, ValueError, OverflowError):
        scale = 0.0
    if isinstance(value, bool) or not 0 < scale <= 1:
        raise UsageProblem(
            f"{where}: a time scale is a number above 0 and at most 1"
            f" (0.01 makes 100 playbook seconds last one real second), not {value!r}"
        )
    return scale


@dataclass(frozen=True)
class Clock:
    """Translates between real time and playbook seconds.

    Points in time are playbook seconds since ``zero``, durations are playbook seconds. Times since
    the epoch are those of ``steady``, which a step of the wall clock does not change.
    """

    scale: float = 1.0
    zero: float = field(default_factory=steady)

    def at(self, epoch: float) -> float:
        """Return a point in time, given in seconds since the Unix epoch, in playbook seconds."""
        return (epoch - self.zero) / self.scale

    @property
    def now(self) -> float:
        """This moment in playbook seconds."""
        return self.at(steady())

    def playbook(self, real: float) -> float:
        """Return a duration in real seconds as playbook seconds."""
        return real / self.scale

    def real(self, playbook: float) -> float:
        """Return a duration in playbook seconds as real seconds."""
        return playbook * self.scale


class HostClock:
    """Translates the boot time of a host into playbook seconds.

    A host whose engine is on this machine has the same boot time. That of any other is found out
    with each answer: the host said it after it was asked and before the answer was here.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._least, self._most = -math.inf, math.inf

    def heard(self, now: float, asked: float, answered: float) -> None:
        """Note that the host's boot time was ``now`` at some moment between two that ``steady`` returned."""
        least, most = asked - BOOTED - now, answered - BOOTED - now
        closer = max(self._least, least), min(self._most, most)
        # The clocks of two machines drift apart, and a host may have booted anew: then what was heard last counts.
        self._least, self._most = closer if closer[0] <= closer[1] else (least, most)

    def at(self, boot_time: float) -> float:
        """Return a point in time, given in the host's boot time, in playbook seconds."""
        # The answer takes the shorter way: the host says what time it is when it has done the rest.
        ahead = 0.0 if self._least <= 0 <= self._most else self._most
        return self.clock.at(BOOTED + boot_time + ahead)


class Deadline:
    """A point on the monotonic clock, ``seconds`` real seconds ahead."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Real seconds that are left, never below zero."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """True once nothing is left."""
        return self.left == 0.0

    def wait_for(self, condition: Callable[[], object], *, every: float = 0.02) -> bool:
        """Wait until ``condition()`` is true; return False if the deadline came first."""
        while not condition():
            if self.passed:
                return False
            time.sleep(min(every, self.left))
        return True
