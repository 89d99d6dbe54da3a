"""What the callback writes of a result."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace as Made
from typing import Any

import pytest

from pytest_bgasync.jobs.events import Event, read_events

#: It is no part of the package, but of ansible-playbook's process.
Writer = import_module("pytest_bgasync.remote.controller.bgasync_controller.events").Writer


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


def test_a_long_result_is_cut_to_its_ends(tmp_path: Path) -> None:
    """Long texts and lists are cut; all keys of the result stay."""
    lines = [f"line {number}" for number in range(2_000_000)]
    nested = {str(number): "x" * 100 for number in range(100_000)}
    data: dict[str, Any] = {
        "rc": 4,
        "stdout": "\n".join(lines),
        "stdout_lines": lines,
        "nested": nested,
        "msg": "non-zero",
    }
    found = written(tmp_path / "events", data)["data"]
    assert (tmp_path / "events").stat().st_size < 1_000_000
    assert list(found) == list(data)
    assert (found["rc"], found["msg"]) == (4, "non-zero")
    head, _, rest = found["stdout"].partition("[... ")
    count, _, tail = rest.partition(" characters cut by pytest-bgasync ...]")
    assert (data["stdout"][: 1 << 16], data["stdout"][-(1 << 16) :]) == (head, tail)
    assert len(head) + int(count.replace(",", "")) + len(tail) == len(data["stdout"])
    (cut,) = (place for place, line in enumerate(found["stdout_lines"]) if "cut by pytest-bgasync" in line)
    kept = found["stdout_lines"][:cut] + found["stdout_lines"][cut + 1 :]
    assert kept == lines[:cut] + lines[len(lines) - (len(kept) - cut) :]
    assert found["stdout_lines"][cut] == f"[... {len(lines) - len(kept):,} items cut by pytest-bgasync ...]"
    assert sum("cut by pytest-bgasync" in name for name in found["nested"]) == 1


def test_a_result_of_some_megabytes_is_whole(tmp_path: Path) -> None:
    data = {"stdout": "x" * 14_000_000, "stdout_lines": ["x" * 14_000_000]}
    assert written(tmp_path / "events", data)["data"] == data


def test_times_are_those_of_a_clock_that_nobody_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(str(tmp_path / "events"), booted=1000.0)
    monkeypatch.setattr("time.time", lambda: 0.0)
    writer.write("first")
    writer.write("second")
    first, second = (event["at"] for event in read_events(tmp_path / "events"))
    assert 1000 < first <= second < first + 60
