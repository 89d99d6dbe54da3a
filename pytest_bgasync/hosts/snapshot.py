"""Asks a host, in one round trip, for its processes and its job files."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache

from pytest_bgasync.engine.container import COMMAND, Container, Finished
from pytest_bgasync.jobs.host_snapshot import NOTES, Census, Question, parse
from pytest_bgasync.remote import HOST
from pytest_bgasync.util.clock import HostClock, steady
from pytest_bgasync.util.errors import HostProblem, OutputLimitError

#: How long one argument of a command may be on Linux, with some room.
LONGEST = 100_000
#: How many bytes an answer may have. Job files are the most of it, and their share has a bound of its own.
ANSWER = 160 << 20
#: What a host is asked for here.
SAYS = "what runs on it"
#: How much of what is no answer a message shows.
SHOWN = 300
_SCRIPTS = [HOST / name for name in ("excerpt.py", "census.py")]


def take_census(container: Container, clock: HostClock, question: Question) -> Census:
    """Return what a host answers; raises HostProblem."""
    words = json.dumps({**asdict(question), "notes": NOTES})
    parts = [words[i : i + LONGEST] for i in range(0, len(words), LONGEST)]
    command = ["/usr/bin/python3", "-I", "-c", _script(), *parts]
    asked = steady()
    try:
        answer = container.execute(command, within=question.wait + COMMAND, most=ANSWER)
    except OutputLimitError:
        how = f"wrote more than {ANSWER >> 20} MiB"
        raise _nonsense(container, SAYS, how, "its beginning was not kept") from None
    answered = steady()
    try:
        if answer.rc != 0:
            raise ValueError(f"exit status {answer.rc}")
        found = json.loads(answer.stdout)
        return parse(found, clock, question, asked, answered)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise no_answer(container, SAYS, answer) from None


def no_answer(container: Container, what: str, answer: Finished) -> HostProblem:
    """Return what is raised where a host's Python did not say ``what`` it was asked for, but something else."""
    said = (answer.stderr.strip() or answer.stdout.strip())[:SHOWN].decode(errors="replace")
    how = f"ended with status {answer.rc}" if answer.rc else "gave an answer that cannot be read"
    return _nonsense(container, what, how, repr(said) if said else "it wrote nothing")


def _nonsense(container: Container, what: str, how: str, said: str) -> HostProblem:
    return HostProblem(
        f"{container.label} could not say {what}: its /usr/bin/python3 {how} ({said});"
        " see whether something on the host replaces Python"
    )


@cache
def _script() -> str:
    return "\n".join(path.read_text() for path in _SCRIPTS)
