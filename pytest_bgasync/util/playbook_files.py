"""Finds the author's playbook and sees that it is one, before anything is run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import yaml

from pytest_bgasync.util.atomic_write import plain
from pytest_bgasync.util.errors import PlaybookProblem, UsageProblem
from pytest_bgasync.util.text import listing
from pytest_bgasync.util.yaml_nodes import LOADER

_PLAY = {"hosts", "import_playbook", "ansible.builtin.import_playbook", "ansible.legacy.import_playbook", "<<"}


def find_playbook(name: str | Path, folders: Iterable[Path]) -> Path:
    """Return the playbook, looked for in each folder in turn.

    Raises PlaybookProblem where it is in none, UsageProblem for what is no path.
    """
    if not isinstance(name, str | Path) or "\0" in str(name):
        raise UsageProblem(f"run() takes the path of a playbook, not {name!r}")
    places = list(dict.fromkeys(plain(folder / name) for folder in folders))
    for place in places:
        if place.is_file():
            # As Ansible does: what is beside a link to a playbook belongs to it, not what is beside its target.
            return Path(os.path.abspath(place))  # noqa: PTH100
    for place in places:
        if place.is_dir():
            raise PlaybookProblem(f"playbook {str(name)!r} is a folder ({place}): name a file in it")
    raise PlaybookProblem(f"playbook {str(name)!r} is not there; looked for: {listing(places)}")


def check_playbook(path: Path, name: str | None = None) -> None:
    """Raise PlaybookProblem unless the file is a list of plays. What the plays say is Ansible's to judge.

    ``name`` is what messages call it, the path by default.
    """
    called = name or path
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlaybookProblem(f"playbook {called} cannot be read: {error}") from None
    if content.startswith("$ANSIBLE_VAULT"):
        return
    try:
        # Composed, not loaded: tags such as !vault need no meaning here.
        document = _composed(content)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise PlaybookProblem(f"playbook {called}{where} is not YAML: {getattr(error, 'problem', error)}") from None
    if document is None or (isinstance(document, yaml.ScalarNode) and not document.value):
        raise PlaybookProblem(f"playbook {called} is empty: it needs at least one play")
    plays = document.value if isinstance(document, yaml.SequenceNode) else []
    if not plays:
        raise PlaybookProblem(
            f"playbook {called} has no play: a playbook is a list of plays, each with hosts and tasks"
        )
    for play in plays:
        if not is_play(play):
            raise PlaybookProblem(
                f"playbook {called} line {play.start_mark.line + 1}: this entry is no play,"
                " it has neither hosts nor import_playbook (a file of tasks is not a playbook)"
            )


def _composed(content: str) -> yaml.Node | None:
    """Return the root of a document; raises YAMLError."""
    try:
        document: yaml.Node | None = yaml.compose(content, Loader=LOADER)
    except yaml.YAMLError:  # PyYAML's own loader is ten times slower, and says more exactly what is wrong
        document = yaml.compose(content, Loader=yaml.SafeLoader)
    return document


def is_play(node: yaml.Node) -> bool:
    """Say whether an entry of a playbook is a play, or the import of another playbook."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return bool({key.value for key, _ in pairs if isinstance(key, yaml.ScalarNode)} & _PLAY)
