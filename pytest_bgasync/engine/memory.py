"""Whether the memory of a container has run out, by what the engine and the kernel count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: The part of its memory that a container's processes hold when nothing goes on any more.
FULL = 0.95
#: Where the kernel counts, in the container, the processes that it has ended for want of memory: cgroups of both kinds.
COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
CURE = "raise the ini key bgasync_memory, or start less side by side"


def is_full(stats: Mapping[str, Any]) -> str:
    """Say that the processes of a container hold all of its memory, by the engine's statistics; "" if they do not.

    Files that the kernel keeps in memory do not count: it lets go of them. Where the engine does not tell how much
    that is, nothing can be said.
    """
    try:
        memory = stats["memory_stats"]
        limit: int = memory["limit"]
        details = memory["stats"]
        files = [details.get(f"total_{name}", details[name]) for name in ("active_file", "inactive_file")]
        held: int = memory["usage"] - sum(files)
    except (AttributeError, KeyError, TypeError):
        return ""
    return f"memory ran out (processes hold {held >> 20} of {limit >> 20} MiB): {CURE}" if held > FULL * limit else ""


def killed(counters: str) -> str:
    """Say that the kernel has ended processes for want of memory, by the text of its counters; "" if it has not."""
    found = re.search(r"^oom_kill (\d+)$", counters, re.MULTILINE)
    count = int(found[1]) if found else 0
    return f"memory ran out (the kernel ended {count} process{'es' * (count > 1)}): {CURE}" if count else ""
