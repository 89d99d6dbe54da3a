"""Playbook seconds, real seconds and deadlines."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_bgasync.errors import UsageProblem

#: Below this many real seconds a scaled ``async`` limit would say more about the
#: wrapper's clock than about the job: it checks the limit in steps of up to five
#: seconds, and a module needs a moment to start. Limits are never scaled below it.
LIMIT_FLOOR = 5


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

    Points in time are playbook seconds since ``zero``, durations are playbook seconds.
    """

    scale: float = 1.0
    zero: float = field(default_factory=time.time)

    def at(self, epoch: float) -> float:
        """Return a point in time, given in seconds since the Unix epoch, in playbook seconds."""
        return (epoch - self.zero) / self.scale

    def playbook(self, real: float) -> float:
        """Return a duration in real seconds as playbook seconds."""
        return real / self.scale

    def real(self, playbook: float) -> float:
        """Return a duration in playbook seconds as real seconds."""
        return playbook * self.scale


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
