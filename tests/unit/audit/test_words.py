"""How findings call things: templates as they are written, limits as they are, paths without detours."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_bgasync.audit.ignore import shown
from pytest_bgasync.audit.runner import look

from .books import play, write


def problems(folder: Path, text: str) -> list[str]:
    return [finding.problem for finding in look(write(folder, {"site.yml": text}), folder).findings]


@pytest.mark.parametrize(
    "command",
    ["/opt/{{ app }}/serve {{port|int}}", "{{ nohup }} serve", "serve {{ 'a' if fast\n        else 'b' }}", "a jinja"],
)
def test_a_template_is_shown_as_it_is_written(tmp_path: Path, command: str) -> None:
    (problem,) = problems(tmp_path, play(f"- shell: >-\n    {command} &\n"))
    assert problem.endswith(f"that may end with the session: {' '.join(command.split())}")


def test_a_block_of_a_template_is_not_shown(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, play('- shell: "{% if a %}serve{% endif %} {{ b }} &"\n'))
    assert problem.endswith(": serve {{ b }}")


def test_a_limit_of_zero_is_called_so(tmp_path: Path) -> None:
    text = "- {name: A, command: work, async: 0, poll: 0}\n- {name: B, command: work, poll: 0}\n"
    assert problems(tmp_path, play(text)) == [
        "task 'A' has poll: 0 and async: 0, so that it runs in the foreground",
        "task 'B' has poll: 0 and no async, so that it runs in the foreground",
    ]


def test_paths_are_shown_without_detours(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    text = '- {import_tasks: ../tasks/one.yml}\n- {import_tasks: "{{ playbook_dir }}/../tasks/two.yml"}\n'
    files = {f"tasks/{name}.yml": "- {command: work, poll: 0}\n" for name in ("one", "two")}
    write(tmp_path, {"tests/site.yml": play(text), **files})
    found = {shown(finding.place.file, tmp_path) for finding in look(tmp_path / "tests/site.yml", tmp_path).findings}
    assert "tasks/one.yml" in found
    assert not [path for path in found if ".." in path]


def test_a_detour_by_a_link_stays(tmp_path: Path) -> None:
    (tmp_path / "away/roles").mkdir(parents=True)
    (tmp_path / "away/tasks.yml").touch()
    (tmp_path / "roles").symlink_to("away/roles")
    assert shown(tmp_path / "roles/../tasks.yml", tmp_path) == "roles/../tasks.yml"
