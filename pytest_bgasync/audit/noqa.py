"""``# noqa`` in YAML: which lines say that they are meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.tokens import CommentToken

#: What a bare noqa silences.
ALL = "*"


def silenced(path: Path) -> Mapping[int, frozenset[str]]:
    """Return for each line with a noqa the ids it names; ALL for a bare one."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return {}
    if "noqa" not in text.lower():  # most files are done with this; comments cost a second reading
        return {}
    found: dict[int, frozenset[str]] = {}
    try:
        for line, comment in _comments(text):
            ids = _ids(comment)
            if ids:
                found[line] = found.get(line, frozenset()) | ids
    except YAMLError:
        pass  # what ruamel does not read has the comments up to there
    return found


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield all comments with their lines. PyYAML drops them, ruamel hands them on with its tokens."""
    for token in YAML(pure=True).scan(text):
        for first, comment in _of(getattr(token, "_comment", None), token.start_mark.line):
            for number, line in enumerate(comment.split("\n")):
                yield first + 1 + number, line


def _of(comment: object, line: int) -> Iterator[tuple[int, str]]:
    """Yield the comments of a token that begins in a line, with the lines where they begin."""
    if isinstance(comment, CommentToken):
        yield comment.start_mark.line, comment.value
    elif isinstance(comment, str):  # that behind the | or > of a text
        yield line, comment
    elif isinstance(comment, list):
        for one in comment:
            yield from _of(one, line)


def _ids(comment: str) -> frozenset[str]:
    """Return what ``# noqa: BGA016, BGA017`` names, also behind another comment; nothing for any other."""
    for part in comment.split("#"):
        head, _, rest = part.strip().replace(":", " ", 1).partition(" ")
        if head.lower() == "noqa":
            return frozenset(rest.upper().replace(",", " ").split()) or frozenset({ALL})
    return frozenset()
