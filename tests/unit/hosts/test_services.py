"""What an author says of a service, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync.engine.container import File
from pytest_bgasync.hosts.services import Plan, Registry
from pytest_bgasync.util.errors import UsageProblem


def test_a_description_is_kept_under_its_name() -> None:
    registry = Registry()
    plan = registry("cache", "redis", aliases=["r"], environment={"PORT": 6379}, command="redis-server", ready=6379)
    assert plan == Plan(
        "cache",
        "redis",
        ("r",),
        environment={"PORT": "6379"},
        command=("/bin/sh", "-c", "redis-server"),
        ready=6379,
    )
    assert plan.names == ("cache", "r")
    assert registry.get("cache") is plan
    assert registry.get("other") is None
    assert registry("cache", "valkey") is registry.get("cache") is not plan


def test_what_a_fixture_has_described_is_forgotten_with_it() -> None:
    registry = Registry()
    with registry.described_by("session"):
        outer = registry("cache", "redis")
        with registry.described_by("test"):
            inner = registry("cache", "valkey")
    assert registry.get("cache") is inner
    registry.forget("test")
    assert registry.get("cache") is outer
    registry.forget("session")
    assert registry.names == ()


def test_files_are_text_bytes_or_copies(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"\x00")
    (tmp_path / "page").chmod(0o750)
    plan = Registry()("web", "nginx", files={"/a": "é", "/b": b"b", "/c": tmp_path / "page"})
    assert plan.files == {"/a": File("é".encode()), "/b": File(b"b"), "/c": File(b"\x00", 0o750)}


@pytest.mark.parametrize(
    ("name", "description", "sentence"),
    [
        ("a b", {}, r"'a b' is no host name"),
        ("localhost", {}, r"'localhost' means something else"),
        ("webhooks", {"image": "x"}, r"that is the harness's own receiver"),
        ("a", {"image": None}, r"the default image does nothing by itself, say command= or image="),
        ("a", {"aliases": "b"}, r"aliases= is a list of host names, not 'b'"),
        ("a", {"aliases": ["b_"]}, r"aliases=: 'b_' is no host name"),
        ("a", {"aliases": ["A"]}, r"one of its names is there twice"),
        ("a", {"image": " "}, r"image= is the name of an image or a folder, not ' '"),
        ("a", {"files": {"b": ""}}, r"needs the absolute path of a file, not 'b'"),
        ("a", {"files": {"/b": 1}}, r"needs content as text or bytes, not 1"),
        ("a", {"files": {"/b": Path("/nonexistent")}}, r"files= cannot copy /b: .*No such file"),
        ("a", {"command": []}, r"command= is text for the shell or a list of words, not \[\]"),
        ("a", {"command": " "}, r"command= is text for the shell or a list of words, not ' '"),
        ("a", {"ready": 0}, r"ready= is a TCP port, a command that succeeds, or a function of the service, not 0"),
        ("a", {"ready": True}, r"ready= is a TCP port, .* not True"),
        ("a", {"within": 0}, r"within= is a number of real seconds above 0, not 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(name: str, description: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageProblem, match=sentence):
        Registry()(name, **{"image": "nginx", **description})
