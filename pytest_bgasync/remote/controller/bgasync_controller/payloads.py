"""Lets runs share what Ansible finds out anew in each: which of its module_utils a module needs on a host.

Only of Ansible's own modules, as long as nothing can take the place of its own module_utils. What is
shared is what Ansible itself has found, and found again once any of its files is another.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import stat
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
#: What is another once a later release of ours writes something else.
FORMAT = 1
#: The length of what begins each file, by which one is known that is damaged.
DIGEST = hashlib.sha256().digest_size
#: At this verbosity Ansible names each file that it finds.
TALKATIVE = 5


def install(folder: str | None) -> None:
    """Share in ``folder``, which is made when there is something to be shared; not without one."""
    if folder is None or not _private(folder):
        return
    module_common.recursive_finder = _shared(module_common.recursive_finder, os.path.join(folder, _state()))


def _private(folder: str) -> bool:
    """Say whether nobody else can have put anything there: what is read may do anything."""
    with suppress(OSError):
        status = os.lstat(folder)
        ours = status.st_uid == os.getuid() and not status.st_mode & 0o022
        return ours and stat.S_ISDIR(status.st_mode)
    return True


def _state() -> str:
    """Return what is another once a file of Ansible is, of those on which it depends what is found."""
    places = [OWN, *(os.path.join(HOME, name) for name in ("config", "executor"))]
    files = [entry for place in places for entry in _files(place)]
    known = sorted((file.path, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    return hashlib.sha256(repr((FORMAT, ansible.__version__, known)).encode()).hexdigest()[:16]


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
        if not (_is_own(fqn, source) and _only_own(more)):
            return find(name, fqn, source, payload, date, *more)
        key = hashlib.sha256(repr((name, fqn, bytes(to_bytes(source)))).encode()).hexdigest()
        path = os.path.join(folder, key)
        found = _read(path)
        if found is None:
            noted = _Noted(payload)
            found = find(name, fqn, source, noted, date, *more), noted.files
            if all(file.startswith("ansible/") for file, _ in noted.files):
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


def _is_own(fqn: str, source: bytes) -> bool:
    """Say whether a module is Ansible's own: what others import may be anywhere, and another each time."""
    with suppress(OSError), open(os.path.join(HOME, "modules", f"{fqn.rpartition('.')[2]}.py"), "rb") as stream:
        return bool(stream.read() == to_bytes(source))
    return False


def _only_own(more: tuple[Any, ...]) -> bool:
    """Say whether nothing can be found but Ansible's own files, and nothing is to be told of them."""
    places = [place for place in module_utils_loader._get_paths(subdirs=False) if os.path.isdir(place)]
    return (
        all(os.path.samefile(place, OWN) for place in places)
        and not any(extension.extension_names for extension in more)  # of a debugger, or for coverage
        and Display().verbosity < TALKATIVE
    )


def _read(path: str) -> tuple[Any, list[tuple[str, bytes]]] | None:
    """Return what was found before; None where there is nothing, or not what was written."""
    with suppress(Exception), open(path, "rb") as stream:  # a damaged one may bring about anything
        digest, data = stream.read(DIGEST), stream.read()
        if hashlib.sha256(data).digest() == digest:
            result, files = pickle.loads(data)
            return result, files
    return None


def _write(path: str, found: tuple[Any, list[tuple[str, bytes]]]) -> None:
    folder = os.path.dirname(path)
    place = os.path.dirname(folder)
    with suppress(OSError):  # no place for it: it is found again
        if not os.path.isdir(folder):
            os.makedirs(place, mode=0o700, exist_ok=True)
            _make_room(place)
            os.makedirs(folder, mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as draft:
            data = pickle.dumps(found)
            with open(os.path.join(draft, "found"), "wb") as stream:
                stream.write(hashlib.sha256(data).digest() + data)
            os.replace(stream.name, path)


def _make_room(place: str) -> None:
    """Remove what was kept longest, so that there is room for one more."""
    with suppress(FileNotFoundError), os.scandir(place) as entries:
        for old in sorted(entries, key=lambda entry: entry.stat().st_mtime)[: 1 - KEPT]:
            shutil.rmtree(old.path, ignore_errors=True)
