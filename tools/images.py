"""Sees that there is a container engine, and builds the images of the project's own tests, with progress shown."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from pytest_bgasync import engine
from pytest_bgasync.errors import BgasyncError, EngineMissing
from pytest_bgasync.images import Images

ROOT = Path(__file__).resolve().parent.parent


def say(line: str) -> None:
    print(f"setup: {line}", flush=True)  # noqa: T201  # what a tool is for


def find_engine() -> engine.Engine:
    """Return an engine that answers or can be started; as root on Debian or Ubuntu install one where none is."""
    try:
        return engine.find()
    except EngineMissing:
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise
    say("installing docker.io")
    for words in (["update", "-qq"], ["install", "-qy", "--no-install-recommends", "docker.io"]):
        subprocess.run(
            ["apt-get", *words],
            check=False,  # whether there is an engine now is what counts
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    return engine.find()


def main() -> int:
    try:
        found = find_engine()
        try:
            images = Images(found, say)
            for name in (None, "fixtures/database", "fixtures/application"):
                images.host_image(name, folders=[ROOT])
            images.plain_image("fixtures/balancer", folders=[ROOT])
        finally:
            found.close()
    except BgasyncError as problem:
        sys.stderr.write(f"setup: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
