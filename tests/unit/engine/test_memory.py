"""What the engine and the kernel count says whether memory has run out."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_bgasync.engine.memory import is_full, killed

MIB = 1 << 20


def stats(usage: int, **details: int) -> dict[str, Any]:
    sizes = {name: size * MIB for name, size in details.items()}
    return {"memory_stats": {"usage": usage * MIB, "limit": 1024 * MIB, "stats": sizes}}


def test_processes_that_hold_all_memory_are_told() -> None:
    said = is_full(stats(1020, active_file=2, inactive_file=4))
    assert said.startswith("memory ran out (processes hold 1014 of 1024 MiB): raise the ini key bgasync_memory")


def test_files_that_the_kernel_keeps_do_not_count() -> None:
    assert is_full(stats(1024, active_file=500, inactive_file=20)) == ""


def test_older_cgroups_count_all_of_a_container_apart() -> None:
    own = {"active_file": 0, "inactive_file": 0}
    assert is_full(stats(1024, **own, total_active_file=500, total_inactive_file=0)) == ""


@pytest.mark.parametrize("found", [{}, {"memory_stats": {}}, {"memory_stats": {"usage": 9, "limit": 9, "stats": None}}])
def test_without_figures_nothing_is_said(found: dict[str, Any]) -> None:
    assert is_full(found) == ""


def test_the_kernel_s_counters_are_read() -> None:
    assert killed("low 0\noom 4\noom_kill 3\noom_group_kill 0\n").startswith(
        "memory ran out (the kernel ended 3 processes): "
    )
    assert "(the kernel ended 1 process)" in killed("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    assert killed("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n") == killed("") == ""
