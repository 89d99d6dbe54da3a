"""How a background job can stand or end."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The state of a background job. Each is equal to its lower-case name."""

    SUCCEEDED = "succeeded"
    """It ended and its module reports no failure."""
    FAILED = "failed"
    """It ended and its module reports a failure, or crashed."""
    TIMED_OUT = "timed_out"
    """The wrapper ended it at its limit."""
    LOST = "lost"
    """It has neither a process that could write a result nor a result."""
    UNREACHABLE = "unreachable"
    """Its host does not answer."""
    RUNNING = "running"
    """It is at work."""


#: How jobs end that have not come to their own end: only these can leave survivors.
CUT_SHORT = (Outcome.TIMED_OUT, Outcome.LOST)
