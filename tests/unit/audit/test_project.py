"""What the audit says of the project's own playbooks: nothing of sound ones, their fault of naive ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_bgasync.audit.runner import look

ROOT = Path(__file__).parent.parent.parent.parent
#: Of those that are not here the fault shows in a run only.
NAIVE = {
    "naive_error_handling": ["BGA016"],
    "naive_loop": ["BGA017"],
    "naive_multiple": ["BGA017"],
    "naive_rolling_early": ["BGA015"],
    "naive_services": ["BGA015"],
}
SOUND = [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "tools").rglob("converge.yml")]


@pytest.mark.parametrize("playbook", SOUND, ids=lambda path: path.stem)
def test_of_a_sound_playbook_nothing_is_said(playbook: Path) -> None:
    assert look(playbook, ROOT).findings == []


def test_there_are_sound_playbooks() -> None:
    assert len(SOUND) == 9


@pytest.mark.parametrize("playbook", [*(ROOT / "tests/scenarios").glob("naive_*.yml")], ids=lambda path: path.stem)
def test_of_a_naive_playbook_its_fault_is_said(playbook: Path) -> None:
    assert [finding.id for finding in look(playbook, ROOT).findings] == NAIVE.get(playbook.stem, [])
