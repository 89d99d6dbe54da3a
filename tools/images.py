"""Sees that there is a container engine, and builds the images of the project's own tests, with progress shown."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from pytest_bgasync.engine import client as engine
from pytest_bgasync.engine.images import Images
from pytest_bgasync.util.errors import BgasyncError, EngineMissing

ROOT = Path(__file__).resolve().parent.parent


def say(line: str) -> None:
    print(f"setup: {line}", flush=True)  # noqa: T201  # what a tool is for


def install(*packages: str) -> None:
    """Install packages of Debian or Ubuntu; what cannot be installed is found missing by who needs it."""
    say(f"installing {' '.join(packages)}")
    for words in (["update", "-qq"], ["install", "-qy", "--no-install-recommends", *packages]):
        subprocess.run(
            ["apt-get", *words],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )


def may_install() -> bool:
    """Say whether packages can be installed."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def find_engine() -> engine.Engine:
    """Return an engine that answers or can be started; as root on Debian or Ubuntu install one where none is."""
    try:
        return engine.find()
    except EngineMissing:
        if not may_install():
            raise
    install("docker.io")
    return engine.find()


def build(images: Images) -> None:
    """See that the images of the project's own tests are there."""
    for name in (None, "fixtures/database", "fixtures/application"):
        images.host_image(name, folders=[ROOT])
    images.plain_image("fixtures/balancer", folders=[ROOT])


def main() -> int:
    try:
        found = find_engine()
        try:
            build(Images(found, say))
        finally:
            found.close()
    except BgasyncError as problem:
        sys.stderr.write(f"setup: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
