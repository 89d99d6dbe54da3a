"""Makes the pictures of the terminal in docs/pictures from real runs; names as arguments choose some of them."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent.parent
PICTURES = ROOT / "docs/pictures"
WIDTH = 110
#: Rich's own form, without the fonts that it would load from the network.
FORM = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
FORGOTTEN = """
def test_the_cache_is_warmed(bgasync):
    bgasync.host.stub("warm-cache", rc=9, stderr="no memory")
    play = "- {hosts: all, tasks: [{name: Warm the cache, command: warm-cache, async: 600, poll: 0}]}"
    assert bgasync.run_text(play).ok
"""


def versions(name: str) -> list[str]:
    """Return what docs/start.md says that the file ``name`` is, first and last."""
    text = (ROOT / "docs/start.md").read_text()
    return re.findall(rf"^`{re.escape(name)}`:\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def draw(name: str, folder: Path, *args: str) -> None:
    """Run pytest as a terminal does, and keep what it writes as a picture."""
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "--color=yes", "-p", "no:cacheprovider", *args],
        cwd=folder, env={**os.environ, "COLUMNS": str(WIDTH)}, check=False, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    shown = f"$ pytest {' '.join(args)}\n{ended.stdout}".rstrip()
    for place, instead in ((str(folder), "/home/me/shop"), (sys.executable, "/home/me/shop/.venv/bin/python")):
        shown = shown.replace(place, instead)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(Text.from_ansi(shown))
    picture = console.export_svg(title="pytest", code_format=FORM, unique_id=name)
    (PICTURES / f"{name}.svg").write_text("\n".join(line.rstrip() for line in picture.splitlines()) + "\n")


def main() -> None:
    chosen = sys.argv[1:]
    PICTURES.mkdir(exist_ok=True)
    naive, mended = versions("playbooks/migrate.yml")
    pictures = {
        "start-audit": (naive, ["--bgasync-audit", "playbooks"]),
        "start-fails": (naive, ["--verbose", "--bgasync-time-scale=0.01", "tests/test_migrate.py"]),
        "start-passes": (mended, ["--verbose", "--bgasync-time-scale=0.01", "tests/test_migrate.py"]),
        "finding": (mended, ["--bgasync-time-scale=0.01", "tests/test_cache.py"]),
    }
    for name, (playbook, args) in pictures.items():
        if not chosen or name in chosen:
            with tempfile.TemporaryDirectory() as temp:
                folder = Path(temp).resolve()
                write(folder, "playbooks/migrate.yml", playbook)
                write(folder, "tests/test_migrate.py", versions("tests/test_migrate.py")[0])
                write(folder, "tests/test_cache.py", FORGOTTEN)
                draw(name, folder, *args)


if __name__ == "__main__":
    main()
