"""Lets runs share what Ansible finds out anew in each: which of its module_utils a module needs on a host.

Only of Ansible's own module_utils, as long as none of the author can take their place. What is
shared is what Ansible itself has found, and found again once any of its files is another.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import ansible
from ansible.executor import module_common
from ansible.module_utils.common.text.converters import to_bytes
from ansible.plugins.loader import module_utils_loader
from ansible.utils.display import Display

#: Where Ansible is.
HOME = os.path.dirname(os.path.abspath(ansible.__file__))
OWN = os.path.join(HOME, "module_utils")
#: For how many installations of Ansible, in each of their states, something is kept.
KEPT = 8
#: At this verbosity Ansible names each file that it finds.
TALKATIVE = 5


def install(folder: str | None) -> None:
    """Share in ``folder``, which is made when there is something to be shared; not without one."""
    if folder is None:
        return
    module_common.recursive_finder = _shared(module_common.recursive_finder, os.path.join(folder, _state()))


def _state() -> str:
    """Return what is another once a file of Ansible is, of those on which it depends what is found."""
    files = [entry for place in (OWN, os.path.join(HOME, "config")) for entry in _files(place)]
    known = sorted((file.path, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    return hashlib.sha256(repr((ansible.__version__, known)).encode()).hexdigest()[:16]


def _files(place: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _files(entry.path)
            else:
                yield entry


def _shared(find: Callable[..., Any], folder: str) -> Callable[..., Any]:
    def shared(name: str, fqn: str, source: bytes, payload: zipfile.ZipFile, date: Any, *more: Any) -> Any:
        if not _only_own(source, more):
            return find(name, fqn, source, payload, date, *more)
        key = hashlib.sha256(repr((name, fqn, bytes(to_bytes(source)))).encode()).hexdigest()
        path = os.path.join(folder, key)
        found = _read(path)
        if found is None:
            noted = _Noted(payload)
            found = find(name, fqn, source, noted, date, *more), noted.files
            _write(path, found)
        else:
            for file, content in found[1]:
                payload.writestr(module_common._make_zinfo(file, date, zf=payload), content)
        return found[0]

    return shared


class _Noted:
    """The zip file of a payload, and what is put into it."""

    def __init__(self, payload: zipfile.ZipFile) -> None:
        self._payload = payload
        self.files: list[tuple[str, bytes]] = []

    def writestr(self, entry: zipfile.ZipInfo, content: Any) -> None:
        self._payload.writestr(entry, content)
        self.files.append((entry.filename, bytes(to_bytes(content))))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._payload, name)


def _only_own(source: bytes, more: tuple[Any, ...]) -> bool:
    """Say whether nothing can be found but Ansible's own files, and nothing is to be told of them."""
    places = [place for place in module_utils_loader._get_paths(subdirs=False) if os.path.isdir(place)]
    return (
        all(os.path.samefile(place, OWN) for place in places)
        and b"ansible_collections" not in to_bytes(source)
        and not any(extension.extension_names for extension in more)  # of a debugger, or for coverage
        and Display().verbosity < TALKATIVE
    )


def _read(path: str) -> tuple[Any, list[tuple[str, bytes]]] | None:
    found = None
    with suppress(Exception), open(path, "rb") as stream:  # missing, or whatever a damaged one brings about
        found = pickle.load(stream)
    return found


def _write(path: str, found: tuple[Any, list[tuple[str, bytes]]]) -> None:
    folder = os.path.dirname(path)
    with suppress(OSError):  # no place for it: it is found again
        if not os.path.isdir(folder):
            _make_room(os.path.dirname(folder))
            os.makedirs(folder, mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as stream:
            pickle.dump(found, stream)
        os.replace(stream.name, path)


def _make_room(place: str) -> None:
    """Remove what was kept longest, so that there is room for one more."""
    with suppress(FileNotFoundError), os.scandir(place) as entries:
        for old in sorted(entries, key=lambda entry: entry.stat().st_mtime)[: 1 - KEPT]:
            shutil.rmtree(old.path, ignore_errors=True)
