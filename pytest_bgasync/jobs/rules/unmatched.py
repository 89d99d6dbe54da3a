"""A play that no host of the scenario is meant by."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bgasync.jobs.findings import Facts, Finding

KIND = "unmatched"
CURE = "see that the pattern is written as the marker writes its hosts and groups, or give the scenario such a host"


def find(facts: Facts) -> Iterator[Finding]:
    """Find plays without a host, in runs that have others."""
    for batch in facts.batches:
        if not batch.matched:
            what = f"play {batch.play!r} (hosts: {batch.pattern}) matches no host of the scenario"
            yield Finding(KIND, batch.play, "", what, CURE)
