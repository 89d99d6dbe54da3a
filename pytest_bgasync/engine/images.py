"""Images of hosts: found, built where they lack something, without a registry where need be."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from docker.errors import ImageNotFound
from docker.utils import parse_repository_tag

from pytest_bgasync.engine.client import FAILURES, Engine, reason
from pytest_bgasync.engine.image_transfer import Shelves
from pytest_bgasync.engine.ownership import OWNER, owner_label
from pytest_bgasync.remote import IMAGE
from pytest_bgasync.util import private_files as private
from pytest_bgasync.util.atomic_write import plain
from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.errors import ImageProblem
from pytest_bgasync.util.locks import cache_folder, locked

#: How the names of images begin that were built here.
OURS = "bgasync/"
RECIPE = IMAGE
#: Set on every image that is a host as it is; its value is the recipe that made it one.
LABEL = "bgasync.host"
BASE = "debian:bookworm-slim"
BOOTSTRAP = (
    "mmdebstrap", "--variant=minbase", "--include=ca-certificates",
    "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*", "bookworm", "-",
)  # fmt: skip
#: What a host cannot do without, with the command that shows it is there.
NEEDED = {"python3": "python3", "openssh-server": "sshd", "sudo": "sudo", "acl": "setfacl", "passwd": "useradd"}
#: What a Debian or Ubuntu image gets besides, so that it can trust the receiver of webhooks.
TRUST = {"ca-certificates": "update-ca-certificates"}
#: What the playbooks of most people need besides; python3-apt for the modules apt and package_facts, which cannot
#: install it where apt-get is a stub.
COMFORT = ("curl", "ca-certificates", "procps", "iproute2", "logrotate", "python3-apt")
#: Real seconds for a pull to say something, and for a whole build.
PULL, BUILD = 120, 1200

Progress = Callable[[str], None]


class Images:
    """The images of one engine. ``progress`` is told, line by line, what takes long.

    What ``shelves`` has is not pulled and not built.
    """

    def __init__(self, engine: Engine, progress: Progress, shelves: Shelves | None = None) -> None:
        self._engine = engine
        self._progress = progress
        self._shelves = shelves or Shelves()
        self._hosts: dict[tuple[str | None, tuple[Path, ...]], str] = {}

    def target(self) -> str:
        """Return the name of the target image, Debian 12 with what the playbooks of most people need."""
        tag = target_name()
        return self._once(tag, lambda: self._build_host(tag, self._base(), [*NEEDED, *COMFORT]))

    def host_image(self, wanted: str | None, *, folders: Iterable[Path] = ()) -> str:
        """Return the name of an image that can be a host, made from ``wanted``.

        ``wanted`` is the name of an image, or a folder with a Dockerfile, looked for below
        each of ``folders``; None means the target image. Raises ImageProblem.
        """
        places = tuple(folders)
        name = self.target() if wanted is None else self._as_host(*self._image(wanted, places))
        if name != wanted or name.startswith(OURS):
            self._hosts[wanted, () if wanted is None else places] = name
        return name

    def known(self, wanted: str | None, *, folders: Iterable[Path] = ()) -> str:
        """Return what ``host_image`` returned the last time, without asking anybody; raises LookupError.

        Names that an author may give to another image in the meantime are not known.
        """
        return self._hosts[wanted, () if wanted is None else tuple(folders)]

    def plain_image(self, wanted: str | None, *, folders: Iterable[Path] = ()) -> str:
        """Return the name of an image as ``host_image`` does, without making it one of a host."""
        return self.target() if wanted is None else self._image(wanted, list(folders))[1]

    def _image(self, wanted: str, folders: Sequence[Path]) -> tuple[Any, str]:
        for folder in folders:
            if (folder / wanted / "Dockerfile").is_file():
                return self._from_folder((folder / wanted).resolve())
        if wanted.startswith((".", "/")) or any((folder / wanted).is_dir() for folder in folders):
            raise ImageProblem(
                f"image {wanted!r} looks like a folder, but no Dockerfile is there:"
                " name a folder with a Dockerfile, relative to the test file or pytest's rootdir, or an image"
            )
        return self._found(wanted, folders), wanted

    def _from_folder(self, folder: Path) -> tuple[Any, str]:
        target = self.target()
        tag = f"bgasync/{_tag_name(folder.name)}:{_digest([_folder_digest(folder), target])}"
        args = {"BGASYNC_TARGET": target}
        self._once(tag, lambda: self._build(tag, folder, args))
        return self._engine.client.images.get(tag), tag

    def _found(self, name: str, folders: Iterable[Path] = ()) -> Any:
        with locked("image-" + _tag_name(name), within=BUILD):
            if (image := self._shelves.fetch(name, self._engine, self._progress)) is not None:
                return image
        self._progress(f"pulling {name}")
        try:
            repository, tag = parse_repository_tag(name)
            images = self._engine.patient_client(PULL).images
            return self._engine.during(lambda: images.pull(repository, tag=tag or "latest"))
        except FAILURES as error:
            raise ImageProblem(
                f"image {name!r} is not in the engine and cannot be pulled ({reason(error)}):"
                f" check its name, or build or load it first{_nor_a_folder(name, folders)}"
            ) from None

    def _as_host(self, image: Any, name: str) -> str:
        recipe = _folder_digest(RECIPE)
        if (image.labels or {}).get(LABEL) == recipe:
            return name
        tag = f"bgasync/host:{_digest([recipe, image.id, *NEEDED, *TRUST])}"
        return self._once(tag, lambda: self._build_host(tag, image.id, self._missing(image, name)))

    def _missing(self, image: Any, name: str) -> list[str]:
        """Return the packages to add; raise ImageProblem where that is not ours to do."""
        looked_for = {**NEEDED, **TRUST}
        probe = " ".join(
            f"command -v {command} >/dev/null || echo {package};" for package, command in looked_for.items()
        )
        script = f'PATH="$PATH:/usr/sbin:/sbin"; {probe} . /etc/os-release; echo "ID=$ID $ID_LIKE"'
        try:
            output = self._output(image, ["/bin/sh", "-c", script])
        except FAILURES as error:
            raise ImageProblem(
                f"image {name!r} cannot be looked into ({reason(error)}):"
                " a host needs a Linux image with /bin/sh and /etc/os-release"
            ) from None
        lines = output.decode(errors="replace").split("\n")
        system = next((line[3:] for line in lines if line.startswith("ID=")), "")
        addable = bool({"debian", "ubuntu"} & set(system.split()))
        missing = [line for line in lines if line in (looked_for if addable else NEEDED)]
        if missing and not addable:
            raise ImageProblem(
                f"image {name!r} ({system.strip() or 'unknown system'}) lacks {', '.join(missing)}, which can only be"
                " added by itself on Debian and Ubuntu: add it in a Dockerfile of your own, for example\n"
                f"    FROM {name}\n    USER root\n    RUN {_install_hint(system, missing)}"
            )
        return missing

    def _output(self, image: Any, command: list[str]) -> bytes:
        """Return what a command in a container of the image writes."""
        with self._engine.short_lived(image.id, [], entrypoint=command, network_mode="none") as container:
            container.start()
            container.wait(timeout=PULL)
            output: bytes = container.logs(stdout=True, stderr=False)
            return output

    def _base(self) -> str:
        tag = base_name()
        return self._once(tag, lambda: self._make_base(tag))

    def _make_base(self, tag: str) -> None:
        try:
            self._found(BASE).tag(tag)
        except ImageProblem as problem:
            self._progress(f"{BASE} cannot be had; building a Debian 12 base with mmdebstrap (about a minute)")
            try:
                self._bootstrap(tag)
            except FileNotFoundError:
                raise ImageProblem(
                    f"{problem}; without it the base image is built with mmdebstrap, which is not installed: install it"
                    " (apt-get install mmdebstrap debian-archive-keyring), or choose an image with --bgasync-image"
                ) from None

    def _bootstrap(self, tag: str) -> None:
        log = _log_file(tag)
        with (
            log.open("wb") as stream,
            subprocess.Popen(
                BOOTSTRAP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stream, start_new_session=True
            ) as process,
        ):
            limit = threading.Timer(BUILD, _end_group, [process])
            limit.start()
            try:
                repository, _, version = tag.partition(":")
                api = self._engine.patient_client(BUILD).api
                # Imported without a name first: half a file system must never get the tag.
                answer = api.import_image_from_stream(_written_whole(process, log))
                image = str(answer).rpartition('"status":"')[2].split('"')[0]
                api.tag(image, repository, version)
            except FAILURES as error:
                raise ImageProblem(
                    f"the base image that mmdebstrap built cannot be imported: {reason(error)}"
                ) from None
            finally:
                _end_group(process)
                limit.cancel()

    def _build_host(self, tag: str, base: str, packages: list[str]) -> None:
        args = {"BASE": base, "PACKAGES": " ".join(packages), "OWNER": owner_label()[OWNER]}
        # A finished image belongs to no run, nor does what others make from it.
        self._build(tag, RECIPE, args, labels={LABEL: _folder_digest(RECIPE), OWNER: ""})

    def _build(self, tag: str, folder: Path, args: dict[str, str], labels: dict[str, str] | None = None) -> None:
        self._progress(f"building image {tag} from {folder.name}")
        log = _log_file(tag)
        client, deadline = self._engine.patient_client(BUILD), Deadline(BUILD)
        try:
            steps = client.api.build(
                path=str(folder), tag=tag, buildargs=args, labels=labels or {}, rm=True, forcerm=True, decode=True
            )
            # Written line by line, with its owner: a sweep finds there what a build that was killed has left.
            with log.open("w", buffering=1) as stream:
                stream.write(owner_label()[OWNER] + "\n")
                for step in self._engine.each(steps):
                    if deadline.passed:
                        raise ImageProblem(
                            f"image {tag} could not be built within {BUILD} s: see in its log what takes so long: {log}"
                        )
                    if "error" in step:
                        stream.write(step["error"])
                        stream.flush()
                        raise ImageProblem(f"image {tag} could not be built: {_tail(log)}; its whole log is {log}")
                    text = step.get("stream", "")
                    stream.write(text)
                    if text.startswith("Step "):
                        self._progress("  " + text.strip())
        except FAILURES as error:
            raise ImageProblem(f"image {tag} could not be built ({reason(error)}); its log is {log}") from None
        finally:
            client.close()
        log.unlink()

    def _once(self, tag: str, build: Callable[[], None]) -> str:
        """Build what is not there yet; of several who want it at the same moment one builds."""
        if not self._there(tag):
            with locked("image-" + _tag_name(tag), within=BUILD):
                if self._shelves.fetch(tag, self._engine, self._progress) is None:
                    build()
        return tag

    def _there(self, tag: str) -> bool:
        try:
            self._engine.client.images.get(tag)
        except ImageNotFound:
            return False
        except FAILURES as error:
            raise ImageProblem(f"the engine cannot say whether image {tag} is there ({reason(error)})") from None
        return True


def target_name() -> str:
    """Return the name of the target image of this release."""
    return f"{OURS}target:{_digest([_folder_digest(RECIPE), BASE, *BOOTSTRAP, *NEEDED, *COMFORT])}"


def base_name() -> str:
    """Return the name of what the target image stands on."""
    return f"{OURS}base:{_digest([BASE, *BOOTSTRAP])}"


@dataclass(frozen=True)
class Built:
    """An image that was built here: ``size`` in bytes, ``seconds`` since then."""

    name: str
    size: int
    seconds: float


def ours(engine: Engine) -> list[Built]:
    """Return the images of an engine that were built here, by their names; raises ImageProblem."""
    try:
        found = engine.client.api.images()
    except FAILURES as error:
        raise ImageProblem(f"the engine does not list its images ({reason(error)})") from None
    # Podman puts in front where it would pull from.
    tags = [(tag, image) for image in found for tag in image.get("RepoTags") or ()]
    names = [(tag.partition("/")[2] if f"/{OURS}" in tag else tag, image) for tag, image in tags]
    return [
        Built(name, int(image["Size"]), max(0.0, time.time() - image["Created"]))
        for name, image in sorted(names, key=lambda pair: pair[0])
        if name.startswith(OURS)
    ]


def remove_image(engine: Engine, name: str) -> None:
    """Remove an image that was built here; raises ImageProblem."""
    if name not in [image.name for image in ours(engine)]:
        raise ImageProblem(f"there is no image {name!r} that was built here: see bgasync image list")
    try:
        engine.client.images.remove(name)
    except FAILURES as error:
        raise ImageProblem(f"image {name} cannot be removed ({reason(error)}): end what uses it first") from None


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it has started."""
    with suppress(ProcessLookupError):  # all have ended
        os.killpg(process.pid, signal.SIGKILL)


def _written_whole(process: subprocess.Popen[bytes], log: Path) -> Iterator[bytes]:
    """Yield what mmdebstrap writes, and raise ImageProblem instead of coming to an end if it has failed."""
    assert process.stdout is not None
    yield from iter(partial(process.stdout.read, 1 << 20), b"")
    if process.wait(60) != 0:
        raise ImageProblem(f"mmdebstrap could not build the base image: {_tail(log)}; its whole log is {log}")


def _nor_a_folder(name: str, folders: Iterable[Path]) -> str:
    places = [str(plain(folder / name)) for folder in folders]
    return f"; there is no folder with a Dockerfile either: {', '.join(places)}" if places else ""


def _folder_files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders.sort()
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        yield from (Path(parent) / name for name in sorted(files + links))


def _folder_digest(folder: Path) -> str:
    parts: list[str] = []
    try:
        for file in _folder_files(folder):
            name = str(file.relative_to(folder))
            if file.is_symlink():  # goes into the image as it is, wherever it leads
                parts += [name, "link", str(file.readlink())]
                continue
            if not file.is_file():
                raise ImageProblem(f"image folder {folder}: {name} is neither a file nor a folder, leave it out")
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            parts += [name, str(file.stat().st_mode & 0o111 != 0), content]
    except OSError as error:
        raise ImageProblem(f"image folder {folder} cannot be read ({error})") from None
    return _digest(parts)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _tag_name(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower()).strip("-") or "image"


def _log_file(tag: str) -> Path:
    folder = cache_folder() / "logs"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        return private.make_file(folder / f"{_tag_name(tag)}.log")
    except OSError as error:
        raise ImageProblem(f"image {tag} cannot be built without a log ({error}): see what is there") from None


def _tail(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-4:])


def _install_hint(system: str, missing: list[str]) -> str:
    ids = set(system.split())
    if "alpine" in ids:
        names = {"openssh-server": "openssh", "passwd": "shadow"}
        return "apk add --no-cache " + " ".join(names.get(p, p) for p in missing)
    if ids & {"rhel", "fedora", "centos"}:
        names = {"passwd": "shadow-utils"}
        return "dnf install -y " + " ".join(names.get(p, p) for p in missing)
    if ids & {"suse", "opensuse"}:
        names = {"openssh-server": "openssh", "passwd": "shadow"}
        return "zypper install -y " + " ".join(names.get(p, p) for p in missing)
    return f"<the system's package manager> install {' '.join(missing)}"
