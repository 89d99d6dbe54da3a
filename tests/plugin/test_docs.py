"""The examples of the README and of the pages in docs/ work as they stand."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from .inner import STUCK, Inner

ROOT = Path(__file__).parent.parent.parent
START = ROOT / "docs/start.md"
BLOCK = re.compile(r"(?:^`(?P<path>[\w./-]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TEST = re.compile(r"^def test_", re.MULTILINE)


def files(page: Path) -> Iterator[tuple[str, str]]:
    """Find the files that a page with tests tells to write, in its order: the path of each, and the text."""
    blocks = list(BLOCK.finditer(page.read_text()))
    tested = [block for block in blocks if block["kind"] == "python" and TEST.search(block["text"])]
    for number, block in enumerate(blocks if tested else []):
        if path := block["path"]:
            yield path, block["text"]
        elif block in tested:
            yield f"tests/test_{page.stem.lower().replace('-', '_')}_{number}.py", block["text"]


def test_every_python_example_passes(inner: Inner) -> None:
    shutil.copytree(ROOT / "playbooks", inner.path / "playbooks")
    written: dict[str, str] = {}
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        last = dict(files(page))  # a page may show how a file is when it is right at last
        assert not last.keys() & written.keys(), f"{page} writes what another page writes: {last.keys()}"
        written |= last
    assert "playbooks/migrate.yml" in written
    for path, text in written.items():
        assert not (inner.path / path).exists(), path
        inner.file(path, text)
    inner.ini("bgasync_time_scale = 0.01")  # as the first command has it
    ended = inner.start("-n", "2", "tests").wait(within=2 * STUCK)
    # A test with every_outcome counts for each of them.
    assert ended.rc == 0, ended.output
    assert set(ended.counts) == {"passed"}
    assert ended.counts["passed"] >= sum(len(TEST.findall(text)) for text in written.values()) > 20


def test_the_first_test_of_a_new_author_fails_and_says_why(inner: Inner) -> None:
    for path, text in reversed(list(files(START))):  # each file as it is when it is written first
        inner.file(path, text)
    ended = inner.run("tests", "--verbose", "--bgasync-time-scale=0.01")
    assert ended.counts == {"failed": 1}, ended.output
    assert "TIMED_OUT  db1  Migrate" in ended.output
    assert "it reads an rc, and job 'Migrate'" in ended.output
