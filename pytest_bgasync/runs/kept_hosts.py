"""Says how to get into hosts that are kept, and how to repeat by hand what ran on them."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_bgasync.engine.client import Engine
from pytest_bgasync.engine.scenario_record import Record, parse_name
from pytest_bgasync.hosts.scenario import Scenario
from pytest_bgasync.runs.run_spec import Order
from pytest_bgasync.util.names import LOCALHOST

#: How many hosts, and how many of the last runs, a report names.
HOSTS, RUNS = 8, 3


def ways_back(scenario: Scenario, orders: Sequence[Order]) -> list[str]:
    """Return the lines that say how to get into a scenario that is kept, and how to repeat its last runs.

    ``orders`` are those of all its runs.
    """
    record = scenario.record
    assert record is not None
    lines = list(_ways_in(record, scenario.folder, scenario.engine))
    for order in orders[-RUNS:]:
        lines += [f"run {order.playbook} again, as it was run:", f"  {again(order, scenario)}"]
        lines.append(f"  (what it wrote then: {order.folder}/stdout)")
    return [*lines, "they stay until: bgasync clean"]


def _ways_in(record: Record, folder: Path, engine: Engine) -> Iterator[str]:
    hosts = sorted(record.hosts.items(), key=lambda host: host[0] == LOCALHOST)
    for name, container in hosts[:HOSTS]:
        yield f"host {name}:"
        yield f"  bgasync shell {parse_name(container)}"
        yield f"  ssh -F {shlex.quote(str(folder / 'ssh_config'))} {name}"
        yield f"  {engine.command} exec -it {container} sh"
    if len(hosts) > HOSTS:
        yield f"and {len(hosts) - HOSTS} more, which bgasync ls lists"


def again(order: Order, scenario: Scenario) -> str:
    """Return a line for the shell that repeats a run by hand, with all that the callback changes in it.

    It stops nowhere, and nothing is done to its jobs.
    """
    contract, events = order.folder / "again.json", order.folder / "again.jsonl"
    plain = replace(order, connections=scenario.connections(), waiting={}, pause_before=(), fates=None)
    contract.write_text(json.dumps(plain.contract(events, None)))
    changed = {
        name: value
        for name, value in order.env.items()
        if os.environ.get(name) != value and not name.startswith("PYTEST_")
    }
    words = [f"{name}={shlex.quote(value)}" for name, value in {**changed, "BGASYNC_RUN": str(contract)}.items()]
    return f"cd {shlex.quote(str(order.cwd))} && {' '.join(words)} {shlex.join(order.command)}"
