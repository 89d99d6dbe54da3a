"""Files that others may read or write at any moment, and paths as messages show them."""

from __future__ import annotations

import os
from pathlib import Path

#: Bytes up to which a file is read whole, and how many of each end of a longer one are.
WHOLE, END = 16 << 20, 1 << 20


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


def read_ends(path: Path) -> str:
    """Return the text of a file, of a long one the ends with a note between them; empty if there is no such file."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return ""
    with stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        if size <= WHOLE:
            return stream.read(WHOLE).decode("utf-8", "replace")
        head = stream.read(END).decode("utf-8", "replace")
        stream.seek(size - END)
        tail = stream.read(END).decode("utf-8", "replace")
    return f"{head}\n[... {size - 2 * END:,} bytes cut by pytest-bgasync ...]\n{tail}"
