"""What the callback writes of a result."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace as Made
from typing import Any

import pytest

from pytest_bgasync.events import Event, read_events

#: It is no part of the package, but of ansible-playbook's process.
Writer = import_module("pytest_bgasync.controller.bgasync_controller.events").Writer


def written(path: Path, data: dict[str, Any], **task: Any) -> Event:
    fields = {"name": "Install", "action": "dnf", "loop": None, "loop_with": None, "_uuid": "t1", **task}
    Writer(str(path)).result("task_result", Made(_task=Made(**fields), _host=Made(get_name=str), _result=data), "ok")
    (event,) = read_events(path)
    return event


def test_results_of_a_module_are_its_own_and_no_loop(tmp_path: Path) -> None:
    event = written(tmp_path / "events", {"rc": 0, "results": ["installed"]})
    assert (event["loop"], event["data"]) == (False, {"rc": 0, "results": ["installed"]})


@pytest.mark.parametrize("how", ["loop", "loop_with"])
@pytest.mark.parametrize(
    ("data", "looped"),
    [
        ({"msg": "done", "results": [{"rc": 0}]}, True),
        ({"msg": "done", "censored": "hidden"}, True),
        ({"msg": "done", "results": []}, False),
        ({"msg": "its condition is an error"}, False),
    ],
)
def test_a_loop_had_items_if_there_are_any_or_all_is_hidden(
    tmp_path: Path, how: str, data: dict[str, Any], *, looped: bool
) -> None:
    event = written(tmp_path / "events", data, **{how: "items"})
    assert event["loop"] is looped
    assert "results" not in event["data"]


@pytest.mark.parametrize(
    ("where", "part"),
    [
        (["block"], None),
        (["rescue"], "rescue"),
        (["always"], "always"),
        (["block", "rescue"], "rescue"),
        (["rescue", "block"], "rescue"),
        (["rescue", "always"], "always"),
        ([], None),
    ],
)
def test_a_task_stands_in_the_innermost_rescue_or_always(tmp_path: Path, where: list[str], part: str | None) -> None:
    """``where`` are the parts of the blocks around it, from the outermost in."""
    around: Any = None
    for number, inner in enumerate(where):
        around = Made(_uuid=f"b{number}", _parent=around, block=[], rescue=[], always=[])
        getattr(around, inner).append(Made(_uuid=f"b{number + 1}" if number + 1 < len(where) else "t1"))
    task = Made(
        _uuid="t1", _parent=around, name="Work", action="ping", get_name=lambda: "Work", get_path=lambda: "p:1",
        async_val=0, args={},
    )  # fmt: skip
    Writer(str(tmp_path / "events")).task_started(task, handler=False)
    (event,) = read_events(tmp_path / "events")
    assert event["part"] == part
