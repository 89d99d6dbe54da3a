"""The public API as a type checker sees it from outside."""

from __future__ import annotations

import re
from pathlib import Path

from mypy import api

EXAMPLES = Path(__file__).parents[1] / "typing"


def errors(name: str, cache: Path) -> list[tuple[int, str]]:
    """Return the lines of an example that mypy refuses, each with the code of its error."""
    options = ["--strict", "--config-file", "", "--cache-dir", str(cache), "--follow-imports", "silent"]
    said, problems, _ = api.run([*options, str(EXAMPLES / name)])
    assert not problems

    found = re.findall(rf"{name}:(\d+): error: .*\[([\w-]+)\]$", said, re.MULTILINE)
    return [(int(line), code) for line, code in found]


def expected(name: str) -> list[tuple[int, str]]:
    lines = (EXAMPLES / name).read_text().splitlines()
    found = [(number, re.search(r"# refused: ([\w-]+)$", line)) for number, line in enumerate(lines, 1)]
    return [(number, match[1]) for number, match in found if match]


def test_mypy_accepts_what_a_test_may_write(tmp_path: Path) -> None:
    assert errors("accepted.py", tmp_path) == []


def test_mypy_refuses_what_a_test_may_not_write(tmp_path: Path) -> None:
    assert expected("refused.py")
    assert errors("refused.py", tmp_path) == expected("refused.py")
