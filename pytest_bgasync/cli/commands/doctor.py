"""``bgasync doctor``: what is there, what is missing, and what to type."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from docker.errors import ImageNotFound

from pytest_bgasync.cli.commands.common import engine_option, image_option, narrator, project, say
from pytest_bgasync.config.project import Project
from pytest_bgasync.config.settings import Settings
from pytest_bgasync.engine.cleanup import leftovers
from pytest_bgasync.engine.client import FAILURES, Engine, find, naming_words, reason
from pytest_bgasync.engine.container_index import guests
from pytest_bgasync.engine.images import BASE, BOOTSTRAP, base_name, target_name
from pytest_bgasync.engine.ownership import make_folder, places, remove_folder
from pytest_bgasync.engine.scenario_record import records
from pytest_bgasync.hosts.ssh import make_key
from pytest_bgasync.runs.ansible import ansible_playbook, ansible_version, environment
from pytest_bgasync.runs.fork_client import Start, Starter
from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.errors import AnsibleProblem, BgasyncError
from pytest_bgasync.util.text import number_of

NAME = "doctor"
HELP = "say what is there, what is missing, and what to type"
#: How a line begins: all is well, worth knowing, in the way of tests.
OK, NOTE, PROBLEM = "ok", "note", "PROBLEM"
#: Bytes below which a disk counts as full.
LEAST = 1 << 30
#: Real seconds for ansible-playbook to say its version.
PATIENCE = 60
#: How many leftovers are named.
NAMED = 5
#: Where Podman looks for its helpers: what reaps in its containers, and their name server.
HELPERS = ("/usr/libexec/podman", "/usr/lib/podman", "/usr/bin")


@dataclass(frozen=True)
class Line:
    """What is said of one thing."""

    kind: str
    thing: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind:<8} {self.thing:<13} {self.text}".replace("\n", f"\n{'':23}")


def options(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = "Exit status: 0 if tests can run, 1 if something is in their way."
    engine_option(parser)
    image_option(parser)


def work(chosen: Namespace) -> int:
    """Look at one thing after the other."""
    problems = 0
    for line in _lines(chosen):
        say(str(line))
        problems += line.kind == PROBLEM
    say("tests can run" if not problems else f"{number_of(problems, 'thing')} to put right")
    return int(problems > 0)


def _lines(chosen: Namespace) -> Iterator[Line]:
    yield Line(OK, "python", f"{platform.python_version()}: {sys.executable}")
    yield from _looked("ansible-core", _ansible)
    yield from _looked("ssh", _ssh)
    settings, line = _settings(chosen)
    yield line
    yield from _looked("fork server", lambda: _fork_server(settings.root))
    yield from _looked("disk", _temporary)
    named = settings.engine
    try:
        with narrator().during("looking for the container engine"):
            engine = find(named=named)
    except BgasyncError as problem:
        yield Line(PROBLEM, "engine", str(problem))
        return
    with closing(engine):
        yield from _looked("engine", lambda: _engine(engine, named))
        yield from _looked("image", lambda: _image(engine, settings))
        yield from _looked("leftovers", lambda: _left(engine))


def _looked(thing: str, look: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    """Yield what a look at a thing says; whatever is in its way is a problem, too."""
    try:
        yield from look()
    except BgasyncError as problem:
        yield Line(PROBLEM, thing, str(problem))
    except (*FAILURES, subprocess.SubprocessError) as error:
        yield Line(PROBLEM, thing, f"it cannot be looked at: {reason(error)}")


def _ansible() -> Iterator[Line]:
    version = ansible_version()
    yield Line(OK, "ansible-core", f"{version}: {ansible_playbook()}")


def _ssh() -> Iterator[Line]:
    folder = make_folder()
    try:
        make_key(folder)
    finally:
        remove_folder(folder)
    said = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False, timeout=PATIENCE)
    yield Line(OK, "ssh", said.stderr.strip() or said.stdout.strip())


def _settings(chosen: Namespace) -> tuple[Settings, Line]:
    """Return the settings with what is said of them; the defaults where they are wrong."""
    try:
        found = project()
        settings = found.settings(engines=chosen.engines, image=chosen.image)
    except BgasyncError as problem:
        return Project(Path.cwd()).settings(), Line(PROBLEM, "settings", str(problem))
    keys = ", ".join(f"{key}={value}" for key, value in found.keys.items()) or "no ini key of bgasync is set"
    return settings, Line(OK, "settings", f"{found.file or found.root}: {keys}")


def _fork_server(root: Path) -> Iterator[Line]:
    """See whether a run is forked from a process that has imported Ansible."""
    notes: list[str] = []
    with ExitStack() as stack:
        folder = make_folder()
        stack.callback(remove_folder, folder)
        starter = stack.enter_context(closing(Starter(notes.append)))
        ours, theirs = socket.socketpair()
        with ours, theirs:
            command = [str(ansible_playbook()), "--version"]
            # Without BGASYNC_RUN our callback does nothing.
            process = starter.start(Start(command, environment(os.environ, root), {}, root, folder, theirs), PATIENCE)
            ended = Deadline(PATIENCE).wait_for(lambda: process.poll() is not None)
            if not ended:
                process.kill()
        if not ended or process.returncode != 0:
            said = (folder / "stderr").read_text(errors="replace").strip() or f"not within {PATIENCE} s"
            raise AnsibleProblem(f"ansible-playbook --version does not come to its end: {said}")
    if notes:
        yield Line(NOTE, "fork server", f"{'; '.join(notes)} (a run takes half a second longer)")
    else:
        yield Line(OK, "fork server", "runs are forked from a process that has imported Ansible")


def _temporary() -> Iterator[Line]:
    folders = places()
    if (named := os.environ.get("TMPDIR")) and Path(named).absolute() not in folders:
        yield Line(NOTE, "disk", f"the folder that TMPDIR names cannot be used, another is: {named}")
    yield from _disk(folders)


def _disk(folders: set[Path]) -> Iterator[Line]:
    for folder in sorted(folders):
        free = shutil.disk_usage(folder).free
        text = f"{free / 1e9:.1f} GB free in {folder}"
        yield Line(OK, "disk", text) if free >= LEAST else Line(PROBLEM, "disk", f"{text}: make room, or set TMPDIR")


def _engine(engine: Engine, named: str | None) -> Iterator[Line]:
    info, version = engine.client.info(), engine.client.version()
    kind = "Podman" if engine.podman else "Docker"
    rootless = any("rootless" in option for option in info.get("SecurityOptions") or ())
    how = naming_words(os.environ, named) or "found at one of the usual places"
    if engine.started:
        how = "was not running; started for tests, and ended by the last of them"
    text = f"{kind} {version['Version']}{', rootless' if rootless else ''} at {engine.url} ({how})"
    yield Line(OK, "engine", text)
    root = Path(str(info.get("DockerRootDir") or "/nonexistent"))
    if engine.url.startswith("unix://") and os.access(root, os.R_OK):
        yield from _disk({root})
    if engine.podman:
        yield from _podman(engine)


def _podman(engine: Engine) -> Iterator[Line]:
    """See whether hosts will know each other by name, and whether there is what reaps in them."""
    api = engine.client.api
    host = api.get(f"{api.base_url}/v4.0.0/libpod/info").json().get("host", {})
    # Before 4.5 it says no more than the name of what makes the networks.
    network = host.get("networkBackendInfo") or {"dns": {"path": _name_server(engine, host.get("networkBackend"))}}
    if (network.get("dns") or {}).get("path"):
        yield Line(OK, "names", f"hosts know each other by name ({network['dns']['path']})")
    else:
        yield Line(
            PROBLEM, "names",
            "hosts will not know each other by name: install netavark and aardvark-dns"
            " (on Debian and Ubuntu: apt-get install netavark aardvark-dns)",
        )  # fmt: skip
    if engine.url.startswith("unix://") and _helper("catatonit") is None:
        yield Line(PROBLEM, "catatonit", "it is missing, and no host starts without it: apt-get install catatonit")


def _name_server(engine: Engine, backend: object) -> str | None:
    """Return what gives hosts their names, for a Podman that does not tell; elsewhere it is taken to be there."""
    if backend != "netavark":
        return None
    if not engine.url.startswith("unix://"):
        return "aardvark-dns"
    return _helper("aardvark-dns")


def _helper(name: str) -> str | None:
    """Return the path of a helper of the Podman of this machine."""
    return next((path for folder in HELPERS if Path(path := f"{folder}/{name}").exists()), None)


def _image(engine: Engine, settings: Settings) -> Iterator[Line]:
    folder = settings.image and any((place / settings.image / "Dockerfile").is_file() for place in (settings.root,))
    names = [target_name(), *([settings.image] if settings.image and not folder else [])]
    for name in names:
        try:
            size = engine.client.images.get(name).attrs["Size"]
        except ImageNotFound:
            yield (
                Line(*_unbuilt(engine, name))
                if name == names[0]
                else Line(NOTE, "image", f"{name} is not here, and is pulled by the first test: bgasync image build")
            )
        else:
            yield Line(OK, "image", f"{name}, {size / 1e6:.0f} MB")
    if folder:
        yield Line(OK, "image", f"{settings.image} is a folder with a Dockerfile, built where it has changed")


def _unbuilt(engine: Engine, name: str) -> tuple[str, str, str]:
    """Say how the default image will be built."""
    for base in (base_name(), BASE):
        try:
            engine.client.images.get(base)
        except ImageNotFound:
            continue
        how = f"from {base}, which is here"
        break
    else:
        tool = shutil.which(BOOTSTRAP[0])
        other = f"with {BOOTSTRAP[0]} ({tool})" if tool else f"not at all, as {BOOTSTRAP[0]} is not installed"
        how = f"from {BASE}, where that can be pulled, else {other}"
    return NOTE, "image", f"{name} is not built yet; the first test does that, {how}. To do it now: bgasync image build"


def _left(engine: Engine) -> Iterator[Line]:
    found = leftovers(engine)
    if found:
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        text = f"dead runs left {', '.join(found[:NAMED])}{more}; the next test run removes that, or: bgasync clean"
        yield Line(NOTE, "leftovers", text)
    else:
        yield Line(OK, "leftovers", "dead runs left nothing")
    kept = {guest.name.scenario for guest in guests(engine, records()) if guest.name.kept}
    if kept:
        tests = number_of(len(kept), "test")
        yield Line(NOTE, "kept hosts", f"those of {tests}: bgasync ls lists them, bgasync clean removes them")
