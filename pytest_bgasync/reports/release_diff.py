"""What changes in the runs of an author's playbooks between two releases of ansible-core."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_bgasync.reports import ledger
from pytest_bgasync.reports.behaviour import Behaviour, Difference, behaviours, differences, grouped
from pytest_bgasync.reports.release_envs import PYTHONS, choose, environment, interpreters, is_release
from pytest_bgasync.util.errors import BgasyncError, UsageProblem

#: What pytest exits with when all tests passed, and when some failed.
_RAN = (0, 1)
MISSING = "not there"
_WELL = ("passed", "xpassed")


@dataclass(frozen=True)
class Side:
    """What the tests did on one side: the outcome of each and its runs, by nodeid."""

    title: str
    outcomes: Mapping[str, str]
    runs: Mapping[str, Sequence[Behaviour]]


def side(records: Iterable[ledger.Record], name: str) -> Side:
    """Return what a ledger says; ``name`` is its title where no playbook tells the version of ansible-core."""
    tests = {record["nodeid"]: record for record in records if record.get("kind") == "test"}
    versions = {run["ansible_version"] for record in tests.values() for run in record.get("runs", ())} - {""}
    return Side(
        title=", ".join(sorted(versions)) or name,
        outcomes={nodeid: record["outcome"] for nodeid, record in tests.items()},
        runs={nodeid: behaviours(record) for nodeid, record in tests.items()},
    )


def compared(left: Side, right: Side) -> list[Difference]:
    """Return what differs: how tests ended, and what their runs did."""
    found = []
    for test in sorted({*left.outcomes, *right.outcomes}):
        runs = [*left.runs.get(test, ()), *right.runs.get(test, ())]
        ended, ends = left.outcomes.get(test, MISSING), right.outcomes.get(test, MISSING)
        if ended != ends:
            playbook = runs[0].playbook if runs else test.partition("::")[0]
            found.append(Difference(playbook, test, "", "test", ended, ends))
        if MISSING not in (ended, ends):
            partly = not (ended in _WELL and ends in _WELL)
            found += differences(test, left.runs[test], right.runs[test], partly=partly)
    return found


def table(found: Sequence[Difference], left: str, right: str) -> Iterator[str]:
    """Yield a table of what differs, by playbook."""
    rows = [(f"    {one.subject}", one.old, one.new) for one in found]
    head = ("", left, right)
    first, second = (max(len(row[column]) for row in [head, *rows]) for column in (0, 1))
    yield f"{'':<{first}}  {left:<{second}}  {right}"
    for playbook, groups in grouped(found):
        yield playbook
        for tests, own in groups:
            yield from (f"  {test}" for test in tests)
            yield from (f"    {one.subject}".ljust(first) + f"  {one.old:<{second}}  {one.new}" for one in own)


def sides(
    names: Sequence[str],
    arguments: Sequence[str],
    pythons: Sequence[str],
    requirements: Path | None,
    said: Callable[[str], None],
) -> list[Side]:
    """Return what the tests do on each side; raises BgasyncError.

    A side is a release of ansible-core, the interpreter of an environment that has one, or a ledger
    that was written before. ``arguments`` are pytest's.
    """
    releases = [name for name in names if is_release(name)]
    for name in names:
        if name not in releases and not Path(name).is_file():
            raise UsageProblem(
                f"{name!r} is no release of ansible-core that is supported ({', '.join(PYTHONS)}),"
                " nor the path of an interpreter or a ledger"
            )
    chosen = dict(zip(releases, choose(releases, interpreters(pythons)), strict=True)) if releases else {}
    made = {name: environment(name, one, requirements, said) for name, one in chosen.items()}
    found = []
    for name in names:
        if name in made or os.access(name, os.X_OK):
            found.append(_run(name, made.get(name, Path(name)), arguments, said))
        else:
            found.append(_read(Path(name), name))
    return found


def _run(name: str, python: Path, arguments: Sequence[str], said: Callable[[str], None]) -> Side:
    """Run the tests with an interpreter, and return what they did."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        said(f"the tests on {name}")
        command = [str(python), "-m", "pytest", *arguments, "--bgasync-ledger", str(path)]
        process = subprocess.Popen(command, stdout=sys.stderr)  # the table alone is on standard output
        try:
            rc = process.wait()
        except KeyboardInterrupt:
            process.wait()  # it has heard of Ctrl-C too, and ends its containers
            raise BgasyncError("interrupted") from None
        if rc not in _RAN:
            raise BgasyncError(f"pytest ended with {rc} on {name}, and not by running its tests: see what it wrote")
        return _read(path, name)


def _read(path: Path, name: str) -> Side:
    """Return what the ledger of a whole session says; raises UsageProblem for another."""
    records = list(ledger.read(path))
    if not any(record.get("kind") == "session_end" for record in records):
        raise UsageProblem(f"{path} is the ledger of a session that did not come to its end: let it run to its end")
    return side(records, name)
