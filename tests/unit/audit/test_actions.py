"""The actions that refuse async are those of the ansible-core that is installed."""

from __future__ import annotations

import re
from pathlib import Path

import ansible.plugins.action
from ansible.release import __version__

from pytest_bgasync.audit.actions import NO_ASYNC

#: It calls the action of command.
DELEGATES = {"shell"}
#: They are no plugins.
INCLUDES = {"include_role", "include_tasks"}


def test_actions_that_refuse_async() -> None:
    folder = Path(ansible.plugins.action.__file__).parent
    sources = {path.stem: path.read_text() for path in folder.glob("*.py") if path.stem != "__init__"}
    refusing = {name for name, source in sources.items() if not re.search(r"_supports_async\s*=\s*True", source)}
    own = {name for name in NO_ASYNC if name in sources}
    assert refusing - DELEGATES == own - ({"reboot"} if __version__.startswith("2.16.") else set())
    assert INCLUDES <= NO_ASYNC
