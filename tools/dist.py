"""Build the sdist and the wheel into dist/, and check what an author gets of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
TEST = """\
import pytest
from pytest_bgasync import Lab, Outcome


@pytest.mark.bgasync(hosts=["db1"])
def test_first(bgasync: Lab) -> None:
    assert bgasync.jobs.where(outcome=Outcome.LOST) == []
"""


def do(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a command and return its output; end with that output if it fails."""
    done = subprocess.run([*map(str, command)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}")
    return done.stdout


def check_contents(wheel: Path) -> None:
    """End with a sentence unless the wheel has every file of the package and nothing else."""
    tracked = {*do("git", "ls-files", "pytest_bgasync").split()}
    packed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    if packed != tracked:
        sys.exit(f"{wheel.name} differs from the package: {sorted(packed ^ tracked)}")


def check_installed(package: Path) -> None:
    """Install a package into an empty environment; let pytest collect a first test with it, and start the command."""
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        venv.create(folder / "env", with_pip=True)
        binaries = folder / "env/bin"
        do(binaries / "pip", "install", "--quiet", "--disable-pip-version-check", package)
        (folder / "test_first.py").write_text(TEST)
        collected = do(binaries / "pytest", "--collect-only", "-q", "--strict-markers", cwd=folder)
        if "test_first.py::test_first" not in collected:
            sys.exit(f"{package.name}: pytest collected no test:\n{collected}")
        do(binaries / "bgasync", "--help", cwd=folder)


def main() -> None:
    for old in DIST.glob("*"):
        old.unlink()
    do(sys.executable, "-m", "build", "--outdir", DIST, ROOT)
    packages = sorted(DIST.iterdir())
    do(sys.executable, "-m", "twine", "check", "--strict", *packages)
    (wheel,) = DIST.glob("*.whl")
    check_contents(wheel)
    for package in packages:
        check_installed(package)
    print(f"dist: {', '.join(package.name for package in packages)} are well")  # noqa: T201


if __name__ == "__main__":
    main()
