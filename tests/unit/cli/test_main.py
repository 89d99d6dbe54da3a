"""What can be said on the command line, and how what cannot be meant is told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_bgasync.cli.commands import COMMANDS, doctor
from pytest_bgasync.cli.commands.run import parse_hosts
from pytest_bgasync.cli.main import main
from pytest_bgasync.engine.client import Engine


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a playbook, a cache of its own, and no engine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "site.yml").write_text("- hosts: all\n")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "hosts"),
    [
        (["3"], 3),
        (["web1"], ["web1"]),
        (["web1,web2", "db1"], ["web1", "web2", "db1"]),
        (["web=web1,web2", "db=db1", "web=web3"], {"web": ["web1", "web2", "web3"], "db": ["db1"]}),
    ],
)
def test_hosts_are_a_number_names_or_groups(words: list[str], hosts: Any) -> None:
    assert parse_hosts(words) == hosts


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "site.yml", "--hosts=0"], "the command line asks for 0 hosts: a scenario has at least one"),
        (["run", "site.yml", "--hosts=web_1"], "the command line's hosts: 'web_1' is no host name"),
        (["run", "site.yml", "--hosts=a=b", "--hosts=c"], "--hosts is a number, names, or groups"),
        (["run", "site.yml", "--hosts=web*=b"], "the command line's hosts: 'web*' is no name for a group"),
        (["run", "site.yml", "--hosts=1", "-i", "x"], "--hosts and --inventory exclude each other"),
        (["run", "site.yml", "-i", "nowhere"], "inventory 'nowhere' is not there; looked for:"),
        (["run", "site.yml", "--time-scale=2"], "a time scale is a number above 0 and at most 1"),
        (["run", "site.yml", "--engine=x://"], "--bgasync-engine: 'x://' is no address of an engine"),
        (["run", "site.yml", "--engine=tcp://farm1:docker"], "'tcp://farm1:docker' is no address of an engine"),
        (["run", "site.yml", "--deadline=-1"], "argument --deadline: '-1' is no number of real seconds above 0"),
        (["run", "site.yml", "--service=mail"], "argument --service: invalid choice: 'mail'"),
        (["image", "remove"], "name one image to remove, or say --all"),
        (["image", "remove", "x", "--all"], "name one image to remove, or say --all"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_status_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(words)
    except SystemExit as ended:  # argparse
        status = int(ended.code or 0)
    said = capsys.readouterr()
    assert status == 2
    assert said.err.count(sentence) == 1, said.err
    assert said.out == ""


def test_a_playbook_that_is_not_there_is_told_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "other.yml"]) == 1
    assert capsys.readouterr().err.startswith("bgasync: playbook 'other.yml' is not there; looked for:")


@pytest.mark.parametrize("words", [["ls"], ["clean"], ["run", "site.yml"], ["image", "list"], ["image", "build"]])
def test_without_an_engine_one_sentence_says_so(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pytest_bgasync.engine.scenario_record.places", tuple
    )  # sessions that go on meanwhile have engines
    assert main(words) == 1
    said = capsys.readouterr()
    assert re.fullmatch(r"bgasync: no container engine answers at DOCKER_HOST=\S+ \(.*\): start it.*\n", said.err)


def test_doctor_says_what_is_missing_and_goes_on_to_the_end(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "pytest.ini").write_text("[pytest]\nbgasync_pids = few\n")
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ok       ansible-core  2.") for line in lines)
    assert any(re.match(r"PROBLEM  settings +ini key bgasync_pids: 'few' is no number", line) for line in lines)
    assert any(re.match(r"PROBLEM  engine +no container engine answers at DOCKER_HOST", line) for line in lines)
    assert lines[-1] == "2 things to put right"


def test_doctor_says_what_is_missing_of_ansible_and_ssh(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["doctor"]) == 1
    assert re.search(r"^PROBLEM  ssh +the ssh client is missing", capsys.readouterr().out, re.MULTILINE)


def test_without_a_word_it_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr()
    page = (Path(__file__).parents[3] / "docs" / "command.md").read_text()
    for command in COMMANDS:
        assert re.search(rf"^ +{command.NAME}\b", said.out, re.MULTILINE)
        assert f"| `bgasync {command.NAME}" in page
    assert said.err == ""


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"pytest-bgasync {version('pytest-bgasync')}\n"


def test_doctor_says_that_the_folder_in_tmpdir_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    assert main(["doctor"]) == 1
    assert re.search(r"^note +disk +the folder that TMPDIR names cannot be used.*/none$", capsys.readouterr().out, re.M)


def test_doctor_says_nothing_of_tmpdir_where_it_looks_at_the_disk_of_the_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    root = tmp_path / "docker"
    root.mkdir()
    client = SimpleNamespace(info=lambda: {"DockerRootDir": str(root)}, version=lambda: {"Version": "1"})
    engine = SimpleNamespace(client=client, podman=False, started=False, url="unix:///docker.sock")
    said = [line.text for line in doctor._engine(cast(Engine, engine), None) if line.thing == "disk"]
    assert len(said) == 1
    assert said[0].partition(":")[0].endswith(f"free in {root}")


@pytest.mark.parametrize("words", [[], *([command.NAME] for command in COMMANDS), ["image", "build"]])
def test_each_word_has_a_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*words, "--help"])
    said = capsys.readouterr().out
    assert " ".join(["usage: bgasync", *words]) in said


def test_an_output_that_nobody_reads_is_no_crash() -> None:
    read, write = os.pipe()
    os.close(read)
    code = "import sys; from pytest_bgasync.cli.main import main; sys.exit(main(['doctor']))"
    with os.fdopen(write, "wb") as closed:
        ended = subprocess.run(
            [sys.executable, "-c", code], stdout=closed, stderr=subprocess.PIPE, check=False, text=True
        )
    assert (ended.returncode, ended.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_cannot_be_written_is_told_in_one_sentence() -> None:
    code = "import sys; from pytest_bgasync.cli.main import main; sys.exit(main(['audit-rules']))"
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, check=False, text=True
        )
    assert ended.returncode == 1
    assert ended.stderr == "bgasync: standard output cannot be written: No space left on device\n"
