"""Runs tests on Podman: make podman. Its arguments are those of pytest.

Podman gets a service of its own for as long, set up so that it works without systemd and in a container, too.
The images come from the engine that the other tests use, where that has them.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from images import build, find_engine, install, may_install, say

from pytest_bgasync.engine.client import Engine, find
from pytest_bgasync.engine.image_transfer import Shelves
from pytest_bgasync.engine.images import Images
from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.errors import BgasyncError

#: Real seconds in which the service starts, and ends.
START = 60
#: The most files and processes that a container needs.
MOST = 16384


def configuration() -> str:
    """Return a containers.conf for this machine."""
    # Podman would raise them, which not everybody may.
    kinds = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    allowed = {name: resource.getrlimit(kind)[1] for name, kind in kinds.items()}
    highest = {name: MOST if limit == resource.RLIM_INFINITY else min(limit, MOST) for name, limit in allowed.items()}
    limits = [f"{name}={limit}:{limit}" for name, limit in highest.items()]
    lines = ["[containers]", f"default_ulimits = {limits}".replace("'", '"'), "[engine]"]
    if not Path("/run/systemd/system").is_dir():
        lines += ['cgroup_manager = "cgroupfs"', 'events_logger = "file"']
    if shutil.which("runc"):
        lines.append('runtime = "runc"')
    # The other one gives hosts no names.
    lines += ["[network]", 'network_backend = "netavark"']
    return "\n".join(lines) + "\n"


@contextmanager
def service() -> Iterator[str]:
    """Start a service of Podman and end it; yield its address."""
    with tempfile.TemporaryDirectory(prefix="podman-") as folder:
        (Path(folder) / "containers.conf").write_text(configuration())
        url = f"unix://{folder}/socket"
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                ["podman", "system", "service", "--time=0", url], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "CONTAINERS_CONF": f"{folder}/containers.conf"},
                start_new_session=True,  # at Ctrl-C, pytest removes its hosts by it
            )  # fmt: skip
        try:
            up = Path(folder) / "socket"
            Deadline(START).wait_for(lambda: up.exists() or process.poll() is not None, every=0.1)
            if not up.exists():
                raise BgasyncError(f"its service did not start: {(Path(folder) / 'log').read_text().strip()}")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(START)
            except subprocess.TimeoutExpired:
                process.kill()


def copy_images(podman: Engine) -> None:
    """Let Podman have the images of the project's own tests."""
    other = find_engine()
    with closing(other), closing(Shelves([other.url])) as shelves:
        build(Images(podman, say, shelves))


def main() -> int:
    if shutil.which("podman") is None and may_install():
        install("podman", "catatonit", "runc", "netavark", "aardvark-dns")
    if shutil.which("podman") is None:
        sys.stderr.write("podman: Podman is missing, install it (on Debian and Ubuntu: apt-get install podman)\n")
        return 1
    try:
        with service() as url:
            with closing(find(named=url)) as podman:
                copy_images(podman)
            command = [sys.executable, "-m", "pytest", "--bgasync-engine", url, *sys.argv[1:]]
            with subprocess.Popen(command) as tests:
                while True:
                    try:
                        return tests.wait()
                    except KeyboardInterrupt:  # they have heard it, too
                        continue
    except BgasyncError as problem:
        sys.stderr.write(f"podman: {problem}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
