"""An environment for each release of ansible-core, made with venv and pip and kept for the next time."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pytest_bgasync.util.errors import BgasyncError, UsageProblem
from pytest_bgasync.util.locks import cache_folder, locked

#: For each release the oldest and the newest Python 3 that it runs on as a controller, of those this package runs on.
PYTHONS = {"2.16": (11, 12), "2.18": (11, 13), "2.19": (11, 13), "2.20": (12, 14), "2.21": (12, 14)}
#: Real seconds in which another process makes the same environment.
MAKING = 900.0
_RELEASE = re.compile(r"(2\.\d+)(\.\d+\S*)?")
_ASK = "import sys; print(*sys.version_info[:2])"


@dataclass(frozen=True)
class Interpreter:
    """A Python 3: its path, and the second part of its version."""

    path: str
    minor: int

    def fits(self, release: str) -> bool:
        """Say whether a release of ansible-core runs on it."""
        oldest, newest = _pythons(release)
        return oldest <= self.minor <= newest


def interpreters(named: Iterable[str] = ()) -> list[Interpreter]:
    """Return the interpreters of this machine: those that are named, this one, and those on the PATH.

    Raises UsageProblem for a named one that is none.
    """
    found = []
    for path in named:
        if (one := _interpreter(path)) is None:
            raise UsageProblem(f"--python: {path} is no Python 3 that starts")
        found.append(one)
    found.append(Interpreter(sys.executable, sys.version_info.minor))
    newest = max(newest for _, newest in PYTHONS.values())
    on_path = (_interpreter(f"python3.{minor}") for minor in range(newest, 10, -1))
    return [*found, *(one for one in on_path if one is not None)]


def choose(releases: Sequence[str], found: Sequence[Interpreter]) -> list[Interpreter]:
    """Return an interpreter for each release, one for all where there is one that fits them; raises UsageProblem."""
    for one in found:
        if all(one.fits(release) for release in releases):
            return [one] * len(releases)
    chosen = []
    for release in releases:
        fitting = [one for one in found if one.fits(release)]
        if not fitting:
            oldest, newest = _pythons(release)
            raise UsageProblem(
                f"ansible-core {release} needs Python 3.{oldest} to 3.{newest}, and none is on the PATH:"
                f" install one, or name it with --python PATH"
            )
        chosen.append(fitting[0])
    return chosen


def environment(release: str, interpreter: Interpreter, requirements: Path | None, said: Callable[[str], None]) -> Path:
    """Return the interpreter of an environment with a release, this package and what ``requirements`` lists.

    It is made where it is not there yet. ``said`` is told what takes long. Raises BgasyncError.
    """
    try:
        listed = requirements.read_text(encoding="utf-8") if requirements else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"--requirements: {requirements} cannot be read: {error}") from None
    core = f"ansible-core~={release}.0" if release in PYTHONS else f"ansible-core=={release}"
    words = [core, *this_package(), *(["--requirement", str(requirements)] if requirements else [])]
    real = str(Path(shutil.which(interpreter.path) or interpreter.path).resolve())
    key = hashlib.sha256(json.dumps([real, words, listed]).encode()).hexdigest()[:16]
    folder = cache_folder() / "releases" / f"{release}-{key}"
    python, complete = folder / "bin" / "python", folder / "complete"
    with locked(f"release-{key}", within=MAKING):
        if not (complete.exists() and python.exists()):
            said(f"making an environment with ansible-core {release}: {folder}")
            shutil.rmtree(folder, ignore_errors=True)
            _do([interpreter.path, "-m", "venv", str(folder)], f"an environment of {interpreter.path}")
            install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words]
            _do(install, f"an environment with ansible-core {release}")
            complete.touch()
    return python


def this_package() -> list[str]:
    """Return what pip needs to install this very package: where it came from, else its version."""
    found = distribution("pytest-bgasync")
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    url = str(origin.get("url", ""))
    if (vcs := origin.get("vcs_info")) is not None:
        return [f"pytest-bgasync @ {vcs['vcs']}+{url}@{vcs['commit_id']}"]
    path = Path(unquote(urlsplit(url).path))
    if url.startswith("file:") and path.exists():
        return ["--editable", str(path)] if origin.get("dir_info", {}).get("editable") else [str(path)]
    return [f"pytest-bgasync=={found.version}"]


def is_release(name: str) -> bool:
    """Say whether a text names a release that is supported: ``2.16``, or one of its versions."""
    match = _RELEASE.fullmatch(name)
    return match is not None and match[1] in PYTHONS


def _pythons(release: str) -> tuple[int, int]:
    return PYTHONS[".".join(release.split(".")[:2])]


def _interpreter(path: str) -> Interpreter | None:
    """Return what an interpreter says of itself; None where there is none, or one that does not start."""
    try:
        asked = subprocess.run(
            [path, "-c", _ASK], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=30
        )
        major, minor = asked.stdout.split()
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return Interpreter(path, int(minor)) if major == "3" else None


def _do(command: Sequence[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        written = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()] or ["it said nothing"]
        errors = [line for line in written if line.startswith("ERROR")]
        raise BgasyncError(f"{what} could not be made: {(errors or written)[-1].strip()}")
