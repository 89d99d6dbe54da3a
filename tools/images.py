"""Builds the images that the project's own tests need, before the tests, with progress shown."""

from __future__ import annotations

import sys
from pathlib import Path

from pytest_bgasync import engine
from pytest_bgasync.errors import BgasyncError
from pytest_bgasync.images import Images

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    try:
        found = engine.find()
        try:
            images = Images(found, lambda line: print(f"setup: {line}", flush=True))  # noqa: T201
            for name in (None, "fixtures/database", "fixtures/application"):
                images.host_image(name, folders=[ROOT])
        finally:
            found.close()
    except BgasyncError as problem:
        sys.stderr.write(f"setup: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
