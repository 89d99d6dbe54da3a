"""Which interpreter a release of ansible-core gets, and how its environment is made."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pytest_bgasync.reports import release_envs as releases
from pytest_bgasync.reports.release_envs import (
    PYTHONS,
    Interpreter,
    choose,
    environment,
    interpreters,
    is_release,
    this_package,
)
from pytest_bgasync.runs.ansible import NEWEST, OLDEST
from pytest_bgasync.util.errors import BgasyncError, UsageProblem

P11, P12, P13 = (Interpreter(f"python3.{minor}", minor) for minor in (11, 12, 13))


def test_the_releases_are_those_that_are_supported() -> None:
    out_of_support = {"2.17"}  # with an open CVE; one that is there is run, but none is installed
    releases = [f"2.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
    assert list(PYTHONS) == [release for release in releases if release not in out_of_support]


@pytest.mark.parametrize(
    ("wanted", "found", "chosen"),
    [
        (["2.16", "2.21"], [P11, P12, P13], [P12, P12]),
        (["2.16", "2.19"], [P13, P11, P12], [P11, P11]),
        (["2.16", "2.21"], [P11, P13], [P11, P13]),
        (["2.18.3"], [P13], [P13]),
    ],
)
def test_one_interpreter_for_both_is_best(
    wanted: list[str], found: list[Interpreter], chosen: list[Interpreter]
) -> None:
    assert choose(wanted, found) == chosen


def test_a_release_without_an_interpreter_is_one_sentence() -> None:
    with pytest.raises(UsageProblem, match=r"ansible-core 2\.21 needs Python 3\.12 to 3\.14, and none is on the PATH"):
        choose(["2.16", "2.21"], [P11])


def test_a_release_is_one_that_is_supported_or_a_version_of_it() -> None:
    names = ("2.16", "2.16.19", "2.21.0rc1", "2.15", "2.22", "2", "3.1", "2.16.x.whl", "./2.16")
    assert [name for name in names if is_release(name)] == ["2.16", "2.16.19", "2.21.0rc1"]


def test_interpreters_are_asked_for_their_version(tmp_path: Path) -> None:
    assert interpreters([sys.executable])[0] == Interpreter(sys.executable, sys.version_info.minor)
    broken = tmp_path / "python3.12"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    for path in (str(broken), str(tmp_path / "none")):
        with pytest.raises(UsageProblem, match=f"--python: {path} is no Python 3 that starts"):
            interpreters([path])


def test_this_package_comes_from_where_it_was_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Found:
        version = "1.2"
        origin: object = None

        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return None if self.origin is None else json.dumps(self.origin)

    monkeypatch.setattr(releases, "distribution", lambda _: Found())
    assert this_package() == ["pytest-bgasync==1.2"]
    wheel = tmp_path / "a b.whl"
    Found.origin = {"url": wheel.as_uri(), "archive_info": {}}
    assert this_package() == ["pytest-bgasync==1.2"]
    wheel.touch()
    assert this_package() == [str(wheel)]
    Found.origin = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    assert this_package() == ["--editable", str(tmp_path)]
    Found.origin = {"url": "https://farm/x.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}
    assert this_package() == ["pytest-bgasync @ git+https://farm/x.git@c0ffee"]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An interpreter that makes environments of itself, and whose pip writes down what it is asked for."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "python3.12"
    path.write_text(
        f"""#!/bin/sh
echo "$@" >> {tmp_path}/log
case "$2" in
venv) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
pip) case "$*" in *2.18*) echo "ERROR: no such release" >&2; exit 1 ;; esac ;;
esac
"""
    )
    path.chmod(0o755)
    return path


def test_an_environment_is_made_once(fake: Path, tmp_path: Path) -> None:
    needs = tmp_path / "requirements.txt"
    needs.write_text("pytest-xdist\n")
    said: list[str] = []
    one = Interpreter(str(fake), 12)
    made = [environment("2.16", one, needs, said.append) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0].exists()
    assert len(said) == 1
    venv, pip = (tmp_path / "log").read_text().splitlines()
    assert venv == f"-m venv {made[0].parent.parent}"
    assert "install" in pip
    assert "ansible-core~=2.16.0" in pip
    assert f"--requirement {needs}" in pip
    needs.write_text("pytest-xdist>=3\n")
    assert environment("2.16", one, needs, said.append) != made[0]
    assert "ansible-core==2.16.1" not in (tmp_path / "log").read_text()
    environment("2.16.1", one, None, said.append)
    assert "ansible-core==2.16.1" in (tmp_path / "log").read_text()


def test_an_environment_that_could_not_be_made_is_made_anew(fake: Path, tmp_path: Path) -> None:
    one = Interpreter(str(fake), 12)
    for _ in range(2):
        with pytest.raises(BgasyncError, match=r"ansible-core 2\.18 could not be made: ERROR: no such release"):
            environment("2.18", one, None, print)
    assert (tmp_path / "log").read_text().count("-m venv") == 2
    with pytest.raises(UsageProblem, match=r"--requirements: .*none.txt cannot be read"):
        environment("2.18", one, tmp_path / "none.txt", print)
