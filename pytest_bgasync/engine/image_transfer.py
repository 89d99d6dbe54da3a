"""The images of several engines: what one of them has, the others get."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from docker.errors import APIError, ImageNotFound

from pytest_bgasync.engine.client import ANSWER, FAILURES, Engine, find, reason
from pytest_bgasync.util.errors import EngineNotFound, EngineTimeout, ImageProblem

#: Real seconds for an engine to say something while an image is copied.
COPY = 600


class Shelves:
    """The other engines of a session, in two groups: those named before the engine in use, and those after it."""

    def __init__(self, before: Sequence[str] = (), after: Sequence[str] = (), answer: float = ANSWER) -> None:
        """``answer`` is how many real seconds each may take to answer."""
        self._answer = answer
        self._before = before
        self._after = after
        self._open: dict[str, Engine | None] = {}

    def fetch(self, name: str, to: Engine, progress: Callable[[str], None]) -> Any:
        """Copy an image to the engine in use, where that lacks it or an engine before it has another of that name.

        ``progress`` is told of it. Return the image as the engine in use has it now, None without it;
        raises ImageProblem.
        """
        own = _get(to, name)
        if "@" in name:  # a digest is the same image everywhere, and is lost in a copy: it is pulled
            return own
        for url in self._before if own is not None else (*self._before, *self._after):
            if (engine := self._engine(url)) is None:
                continue
            try:
                image = engine.client.images.get(name)
                if own is None or _content(image) != _content(own):
                    progress(f"copying image {name} from {engine.url}")
                    _copy(name, engine, to)
                    return _get(to, name)
            except ImageNotFound:
                continue
            except (*FAILURES, EngineTimeout):  # it has gone: its own workers will say so
                to.check()
                self._open[url] = None
                engine.close()
                continue
            return own
        return own

    def close(self) -> None:
        """Close the connections to the engines."""
        for engine in filter(None, self._open.values()):
            engine.close()
        self._open.clear()

    def _engine(self, url: str) -> Engine | None:
        """Return one of the engines; None if it does not answer: its own workers will say so."""
        if url not in self._open:
            try:
                self._open[url] = find(named=url, answer=self._answer)
            except EngineNotFound:
                self._open[url] = None
        return self._open[url]


def _get(engine: Engine, name: str) -> Any:
    try:
        return engine.client.images.get(name)
    except ImageNotFound:
        return None
    except APIError as error:
        raise ImageProblem(f"{name!r} is no name of an image ({reason(error)}): write it as NAME or NAME:TAG") from None
    except FAILURES as error:
        raise ImageProblem(f"the engine cannot say whether it has the image {name!r} ({reason(error)})") from None


def _content(image: Any) -> object:
    """Return what is the same in every engine; the ids need not be."""
    return image.attrs["Created"], image.attrs["RootFS"].get("Layers")


def _copy(name: str, source: Engine, to: Engine) -> None:
    reader, writer = source.patient_client(COPY), to.patient_client(COPY)
    try:
        to.during(lambda: writer.images.load(source.each(reader.api.get_image(name))))  # type: ignore[arg-type]
    except FAILURES as error:
        raise ImageProblem(
            f"image {name} could not be copied from the engine {source.url} to {to.url}: {reason(error)}"
        ) from None
    finally:
        reader.close()
        writer.close()
