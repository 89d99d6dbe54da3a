"""The names of images, and what is said of those that cannot be hosts."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError, ImageNotFound

from pytest_bgasync.engine.client import Engine
from pytest_bgasync.engine.images import LABEL, RECIPE, Images, _folder_digest, _install_hint, _tag_name
from pytest_bgasync.util.errors import ImageProblem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    (tmp_path / "sub/setup.sh").write_text("true\n")
    return tmp_path


def test_a_recipes_digest_is_the_same_for_the_same_content_wherever_it_is(folder: Path) -> None:
    before = _folder_digest(folder)
    (folder / "Dockerfile").write_text("FROM x\n")
    assert _folder_digest(folder) == before
    assert len(before) == 16


def change_content(folder: Path) -> None:
    (folder / "sub/setup.sh").write_text("false\n")


def change_mode(folder: Path) -> None:
    (folder / "sub/setup.sh").chmod(0o755)


def change_name(folder: Path) -> None:
    (folder / "sub/setup.sh").rename(folder / "sub/set-up.sh")


def change_place(folder: Path) -> None:
    (folder / "sub/setup.sh").rename(folder / "setup.sh")


def add(folder: Path) -> None:
    (folder / "empty").touch()


def add_link(folder: Path) -> None:
    (folder / "link").symlink_to("nowhere")


def add_link_to_a_folder(folder: Path) -> None:
    (folder / "link").symlink_to("sub")


@pytest.mark.parametrize(
    "change", [change_content, change_mode, change_name, change_place, add, add_link, add_link_to_a_folder]
)
def test_a_recipes_digest_changes_with_whatever_changes_the_image(folder: Path, change: Any) -> None:
    before = _folder_digest(folder)
    change(folder)
    assert _folder_digest(folder) != before


def test_the_names_and_contents_of_a_recipe_cannot_be_mixed_up(tmp_path: Path) -> None:
    for name, files in {"one": {"a": "b", "c": ""}, "two": {"a": "", "c": "b"}}.items():
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_text(content)
    assert _folder_digest(tmp_path / "one") != _folder_digest(tmp_path / "two")


@pytest.mark.parametrize(("text", "name"), [("My DB_1", "my-db-1"), ("--x--", "x"), ("...", "image")])
def test_a_folder_gives_an_image_a_name_that_engines_take(text: str, name: str) -> None:
    assert _tag_name(text) == name


@pytest.mark.parametrize(
    ("system", "hint"),
    [
        ("alpine", "apk add --no-cache sudo openssh shadow"),
        ("rocky rhel centos fedora", "dnf install -y sudo openssh-server shadow-utils"),
        ("opensuse-leap suse opensuse", "zypper install -y sudo openssh shadow"),
        ("arch", "<the system's package manager> install sudo openssh-server passwd"),
        ("", "<the system's package manager> install sudo openssh-server passwd"),
    ],
)
def test_the_hint_is_in_the_words_of_the_system(system: str, hint: str) -> None:
    assert _install_hint(system, ["sudo", "openssh-server", "passwd"]) == hint


def images(*, labels: dict[str, str] | None = None, says: str = "") -> Images:
    """Return the images of a fake engine that has one, "mine"; ``says`` is what a look into it prints."""

    def get(name: str) -> Any:
        if name != "mine":
            raise ImageNotFound(name)
        return SimpleNamespace(labels=labels, id="sha256:1")

    def pull(name: str, tag: str) -> Any:
        raise ImageNotFound(f"no {name}:{tag} anywhere\nat all")

    def nothing(**_: Any) -> None:
        pass

    probe = SimpleNamespace(start=nothing, wait=nothing, logs=lambda **_: says.encode())
    client = SimpleNamespace(images=SimpleNamespace(get=get, pull=pull))
    engine = SimpleNamespace(
        client=client,
        patient_client=lambda _: client,
        during=lambda work: work(),
        short_lived=lambda *_, **__: nullcontext(probe),
    )
    return Images(cast(Engine, engine), lambda _: None)


def test_an_image_made_by_this_recipe_is_a_host_as_it_is() -> None:
    assert images(labels={LABEL: _folder_digest(RECIPE)}).host_image("mine") == "mine"


@pytest.mark.parametrize(
    ("name", "asked"),
    [("no", "no:latest"), ("no:1", "no:1"), ("host:5000/no", "host:5000/no:latest"), ("no@sha256:1", "no:sha256:1")],
)
def test_an_image_that_is_nowhere_is_refused_with_the_reason(name: str, asked: str) -> None:
    with pytest.raises(ImageProblem) as caught:
        images().host_image(name)
    assert str(caught.value) == (
        f"image '{name}' is not in the engine and cannot be pulled (no {asked} anywhere):"
        " check its name, or build or load it first"
    )


@pytest.mark.usefixtures("cache")
def test_an_image_of_another_system_is_refused_with_the_lines_that_would_help() -> None:
    with pytest.raises(ImageProblem) as caught:
        images(says="sudo\nacl\nID=alpine \n").host_image("mine")
    assert str(caught.value).startswith("image 'mine' (alpine) lacks sudo, acl, which can only be added by itself on")
    assert str(caught.value).endswith("\n    FROM mine\n    USER root\n    RUN apk add --no-cache sudo acl")


def test_a_folder_without_a_dockerfile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageProblem, match=r"image './db' looks like a folder, but no Dockerfile is there"):
        images().host_image("./db", folders=[tmp_path])


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("builds", "imports", "sentence"),
    [
        (
            "echo half; echo no such suite >&2; exit 3",
            None,
            "mmdebstrap could not build the base image: no such suite;",
        ),
        ("yes", APIError("no space left"), "the base image that mmdebstrap built cannot be imported: no space left$"),
    ],
)
def test_a_base_image_that_cannot_be_made_is_told_by_who_failed(
    monkeypatch: pytest.MonkeyPatch, builds: str, imports: Exception | None, sentence: str
) -> None:
    def take(chunks: Iterable[bytes]) -> str:
        if imports is not None:
            next(iter(chunks))
            raise imports
        return f"imported {b''.join(chunks)!r}"

    engine = SimpleNamespace(
        patient_client=lambda _: SimpleNamespace(api=SimpleNamespace(import_image_from_stream=take))
    )
    monkeypatch.setattr("pytest_bgasync.engine.images.BOOTSTRAP", ["sh", "-c", builds])
    with pytest.raises(ImageProblem, match=sentence):
        Images(cast(Engine, engine), lambda _: None)._bootstrap("base:1")
