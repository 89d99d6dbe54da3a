"""Fixtures for tests that run pytest in a folder of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_bgasync import Engine
from pytest_bgasync.engine.images import Images

from .inner import Inner


@pytest.fixture(scope="session")
def target(bgasync_engine: Engine) -> str:
    """The name of the target image, built before runs that count seconds need it."""
    return Images(bgasync_engine, print).target()


@pytest.fixture
def inner(pytester: pytest.Pytester, bgasync_engine: Engine, target: str) -> Iterator[Inner]:  # noqa: ARG001
    """An empty folder in which pytest can be run, with the engine that these tests use."""
    inner = Inner(pytester, bgasync_engine)
    yield inner
    inner.close()
