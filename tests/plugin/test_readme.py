"""The examples of the README work as they stand."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .inner import Inner

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"(?:^`(?P<path>[\w./-]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_python_example_passes(inner: Inner) -> None:
    shutil.copytree(ROOT / "playbooks", inner.path / "playbooks")
    count = 0
    for number, block in enumerate(BLOCK.finditer((ROOT / "README.md").read_text())):
        path, text = block["path"], block["text"]
        if block["kind"] == "python" and "def test_" in text:
            path = path or f"tests/test_example{number}.py"
            count += len(re.findall(r"^def test_", text, re.MULTILINE))
        if path:
            inner.file(path, text)
    assert count > 10
    inner.ini("bgasync_time_scale = 0.01")  # as the README's first command has it
    ended = inner.run("-n", "2", "tests")
    # A test with every_outcome counts for each of them.
    assert ended.rc == 0, ended.output
    assert set(ended.counts) == {"passed"}
    assert ended.counts["passed"] >= count
