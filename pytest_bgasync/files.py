"""Files that others may read at any moment, and paths as messages show them."""

from __future__ import annotations

import os
from pathlib import Path


def plain(path: str | Path) -> Path:
    """Return a path without ``..`` in it, unless that would name another file, because of a symbolic link."""
    short = Path(os.path.normpath(path))
    try:
        return short if not os.path.lexists(path) or short.samefile(path) else Path(path)
    except OSError:
        return Path(path)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that whoever reads it sees the old text or the new one, and no half; raises OSError."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
