"""The inventory of a scenario: one that is made from the marker, or the author's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from pytest_bgasync.runs.ansible import CONFIGURE
from pytest_bgasync.util.atomic_write import plain
from pytest_bgasync.util.errors import UsageProblem
from pytest_bgasync.util.names import LOCAL_NAMES, MOST
from pytest_bgasync.util.text import listing

#: Asks Ansible itself, so that whatever it reads as an inventory is one: a file, a folder, a script, a plugin's source.
_ASK = """
import json, sys
from ansible import constants
from ansible.cli import CLI
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
loader = DataLoader()
try:
    files = [constants.DEFAULT_VAULT_PASSWORD_FILE] if constants.DEFAULT_VAULT_PASSWORD_FILE else []
    loader.set_vault_secrets(
        CLI.setup_vault_secrets(
            loader, constants.DEFAULT_VAULT_IDENTITY_LIST, vault_password_files=files, auto_prompt=False
        )
    )
    inventory = InventoryManager(loader=loader, sources=[sys.argv[1]])
    print(json.dumps({"hosts": [host.name for host in inventory.get_hosts("all")]}))
except AnsibleError as error:
    print(json.dumps({"problem": str(error)}))
"""


def generated(hosts: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]] | None) -> dict[str, Any]:
    """Return an inventory of hosts with their variables, and groups of them."""
    children: dict[str, Any] = {
        group: {"hosts": {name: {} for name in names}} for group, names in (groups or {}).items()
    }
    return {"all": {"hosts": {name: dict(variables) for name, variables in hosts.items()}, "children": children}}


def find_inventory(name: str, folders: Iterable[Path]) -> Path:
    """Return the author's inventory, looked for in each folder in turn; raises UsageProblem."""
    places = list(dict.fromkeys(plain(folder / name) for folder in folders))
    for place in places:
        if place.exists():
            return place.absolute()
    raise UsageProblem(f"inventory {name!r} is not there; looked for: {listing(places)}")


def hosts_of(inventory: Path, env: Mapping[str, str], cwd: Path) -> tuple[str, ...]:
    """Return the names of the hosts of an inventory, without localhost; raises UsageProblem."""
    settings = frozenset(pair for pair in env.items() if not pair[0].startswith("PYTEST_"))  # one changes with the test
    found = _read(inventory, settings, cwd)
    if (problem := found.get("problem")) is not None:
        raise UsageProblem(f"inventory {inventory} cannot be read: {' '.join(str(problem).split())}")
    hosts = tuple(name for name in found["hosts"] if name not in LOCAL_NAMES)
    if not hosts:
        raise UsageProblem(f"inventory {inventory} has no hosts: a scenario has at least one")
    for name, number in Counter(name.lower() for name in hosts).items():
        if number > 1:
            raise UsageProblem(f"inventory {inventory} writes the host {name!r} in two ways: the network knows no case")
    if len(hosts) > MOST:
        raise UsageProblem(f"inventory {inventory} has {len(hosts)} hosts: a scenario has at most {MOST}")
    return hosts


@cache
def _read(inventory: Path, env: frozenset[tuple[str, str]], cwd: Path) -> dict[str, Any]:
    """Read an inventory, once a session: it costs what starting Ansible costs."""
    with subprocess.Popen(
        # As the command does, it imports nothing from the folder (-P).
        [sys.executable, "-P", "-c", _ASK, str(inventory)],
        env={**dict(env), "ANSIBLE_INVENTORY_UNPARSED_FAILED": "true"}, cwd=cwd, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    ) as asked:  # fmt: skip
        try:
            stdout, stderr = asked.communicate(timeout=CONFIGURE)
        except subprocess.TimeoutExpired:
            return {"problem": f"it did not answer within {CONFIGURE} s"}
        finally:
            with suppress(ProcessLookupError):
                os.killpg(asked.pid, signal.SIGKILL)  # a script that it has started, too
    try:
        found: dict[str, Any] = json.loads(stdout.splitlines()[-1])
    except (IndexError, ValueError):
        said = [line for line in stderr.splitlines() if line.strip()]
        return {"problem": said[-1] if said else "Ansible said nothing"}
    return found
