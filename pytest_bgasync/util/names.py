"""Names that hosts and services have, and those that they may have."""

from __future__ import annotations

import re
from typing import Any

from pytest_bgasync.util.errors import UsageProblem

#: The service that the harness itself brings.
WEBHOOKS = "webhooks"
LOCALHOST = "localhost"
#: What Ansible takes for the implicit localhost.
LOCAL_NAMES = (LOCALHOST, "127.0.0.1", "::1")
#: More hosts than one machine can run have been asked for by mistake.
MOST = 250
#: Characters in the longest host name that Linux takes.
LONGEST = 64
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"[0-9.]+")


def host_name(name: Any, where: str) -> str:
    """Return a name by which the scenario's network may know a container; raises UsageProblem."""
    if not isinstance(name, str) or len(name) > LONGEST or not _HOST.fullmatch(name) or _NUMBER.fullmatch(name):
        raise UsageProblem(
            f"{where}: {name!r} is no host name"
            f" (letters, digits and hyphens, in parts joined by dots; no address; at most {LONGEST} characters)"
        )
    if name.lower() in ("localhost", "all", "ungrouped"):
        raise UsageProblem(f"{where}: {name!r} means something else to Ansible, rename it")
    return name
