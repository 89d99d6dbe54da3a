"""What another user of this machine puts into the shared temporary folder leads nowhere."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .inner import STUCK, Inner, assert_no_insides
from .relay import relay_to

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away, and become another user")
#: The command, run as a user who cannot read what root has.
AS_NOBODY = f"""
import os, sys
from pytest_bgasync.cli import main as cli, commands
import pytest_bgasync.cli.commands.shell, pytest_bgasync.cli.commands.ls, pytest_bgasync.cli.commands.clean
os.chdir("/")
os.setgroups([])
os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
sys.exit(cli.main())
"""


@pytest.fixture
def kept(inner: Inner) -> Path:
    """The folder of a host that is kept."""
    inner.test("def test_one(bgasync):\n    pass\n")
    inner.run("--bgasync-keep=always").assert_passed(1)
    (record,) = inner.temp.glob("bga-*/scenario.json")
    return record.parent


def imitate(kept: Path, name: str, trap: Path, owner: int) -> Path:
    """Make a folder like that of a kept host whose ssh_config runs a command here."""
    folder = shutil.copytree(kept, kept.parent / name, ignore=shutil.ignore_patterns("cp"))
    (folder / "ssh_config").write_text(f"Host *\n  ProxyCommand touch {trap}; exit 1\n")
    for path in (*folder.rglob("*"), folder):
        os.chown(path, owner, owner)
        path.chmod(0o755)
    return folder


def replace_config(kept: Path, trap: Path) -> None:
    """Put a link to somebody else's ssh_config into a folder of ours."""
    (kept.parent / "theirs").write_text(f"Host *\n  ProxyCommand touch {trap}; exit 1\n")
    (kept / "ssh_config").unlink()
    (kept / "ssh_config").symlink_to(kept.parent / "theirs")


@as_root
def test_a_foreign_folder_is_not_entered(inner: Inner, kept: Path) -> None:
    trap = inner.temp / "trap"
    # The last of two with one container would be taken.
    folder = imitate(kept, "bga-zzzzzzzz", trap, NOBODY)
    (folder / "bgasync.owner").write_text("{}")
    entered = inner.bgasync("shell", "host1", "--", "hostname")
    assert (entered.rc, entered.output) == (0, "host1\n")
    listed = inner.bgasync("ls").output
    (kept_name,) = {name.split("-")[2] for name in inner.containers()}
    assert listed.count(f"{kept_name}-host1 ") == 1, listed
    missing = inner.bgasync("shell", "host2")
    assert missing.rc == 1
    missing.assert_says("there is no host 'host2'; there are: ", "(what other users can have written is not believed: ")
    assert "removed container" in inner.bgasync("clean").output
    gone = inner.bgasync("shell", f"{kept_name}-host1")
    assert gone.rc == 1
    gone.assert_says("there is no host '", "(what other users can have written is not believed: ")
    assert not trap.exists()
    assert (folder / "scenario.json").exists()
    shutil.rmtree(folder)
    inner.assert_nothing_left()


def test_a_link_to_another_ssh_config_is_not_followed(inner: Inner, kept: Path) -> None:
    replace_config(kept, inner.temp / "trap")
    entered = inner.bgasync("shell", "host1", "--", "hostname")
    assert entered.rc == 1
    entered.assert_says("cannot be entered (")
    assert not (inner.temp / "trap").exists()
    inner.bgasync("clean")
    inner.assert_nothing_left()


@as_root
@pytest.mark.parametrize("word", ["ls", "clean", "shell"])
def test_another_user_believes_nothing_of_root(inner: Inner, kept: Path, word: str) -> None:
    """Also the other way round: an unprivileged user is not led anywhere by what root or a third user left."""
    trap, listening = inner.temp / "trap", socket.socket(socket.AF_UNIX)
    foreign = [imitate(kept, f"bga-{owner}", trap, owner) for owner in (0, 1234)]
    inner.temp.chmod(0o1777)
    cache = inner.temp / "cache"
    cache.mkdir()
    os.chown(cache, NOBODY, NOBODY)
    with relay_to(inner.engine_url) as relay, listening:
        listening.bind(str(inner.temp / "evil"))
        (inner.temp / "evil").chmod(0o777)
        listening.listen()
        listening.settimeout(0.1)
        for folder in foreign:
            record = folder / "scenario.json"
            record.write_text(record.read_text().replace(inner.engine_url, f"unix://{inner.temp}/evil"))
        env = {"PATH": os.environ["PATH"], "TMPDIR": str(inner.temp), "XDG_CACHE_HOME": str(cache)}
        more = {"shell": ["host1"], "clean": ["--bgasync-engine", relay.url]}.get(word, [])
        ended = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, word, *more],
            env={**env, "DOCKER_HOST": relay.url}, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=STUCK,
        )  # fmt: skip
        with pytest.raises(TimeoutError):
            listening.accept()
    assert_no_insides(ended.stdout + ended.stderr)
    if word == "shell":
        assert ended.returncode == 1
        assert "there is no host 'host1'; there are: nothing (what other users" in ended.stderr
    elif word == "ls":
        assert ended.returncode == 0, ended.stderr
        assert "test_inner.py::test_one" not in ended.stdout
    else:
        assert ended.returncode == 0, ended.stderr
        assert str(inner.temp) not in ended.stdout
        assert all(folder.is_dir() for folder in foreign)
    assert not trap.exists()
    for folder in foreign:
        shutil.rmtree(folder)
    inner.bgasync("clean")
