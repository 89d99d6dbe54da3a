"""Tries docs/ci.md as an author uses it: in a repository of their own, with this package from its wheel.

It needs tox, and Python 3.12 (TOX_DISCOVER names one that is not on the PATH). Names of environments as arguments
choose others than the oldest and the newest release.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
OLDEST, NEWEST = "py312-core216", "py312-core221"
PLAYBOOK = "background_error_handling.yml"


def block(path: Path, name: str) -> str:
    """Return the block of a page that is to be the file ``name``."""
    found = re.search(rf"^`{re.escape(name)}`:\n\n```\w+\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"{path} has no block for {name}"
    return found[1]


def first_test() -> str:
    """Return the first test of the README."""
    found = re.search(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def do(command: Sequence[str] | str, folder: Path, env: Mapping[str, str]) -> None:
    """Run a command, a text by the shell, as the workflow does."""
    subprocess.run(command, cwd=folder, env=env, check=True, shell=isinstance(command, str))


def main() -> None:
    chosen = sys.argv[1:] or [OLDEST, NEWEST]
    with tempfile.TemporaryDirectory() as temp:
        repository, wheels = Path(temp, "repository"), Path(temp, "wheels")
        for folder in ("playbooks", "tests", ".github/workflows"):
            (repository / folder).mkdir(parents=True)
        for name in ("tox.ini", ".github/workflows/playbooks.yml"):
            (repository / name).write_text(block(ROOT / "docs/ci.md", name))
        (repository / "tests/test_first.py").write_text(first_test())
        (repository / "pytest.ini").write_text("[pytest]\nbgasync_time_scale = 0.01\n")
        shutil.copy(ROOT / "playbooks" / PLAYBOOK, repository / "playbooks")
        do([sys.executable, "-m", "build", "--wheel", "--outdir", str(wheels), str(ROOT)], ROOT, os.environ)
        links = f"{wheels} {os.environ.get('PIP_FIND_LINKS', '')}".strip()
        env = {**os.environ, "PIP_FIND_LINKS": links}
        workflow = yaml.safe_load((repository / ".github/workflows/playbooks.yml").read_text())
        steps = {
            job: [step["run"] for step in workflow["jobs"][job]["steps"] if "run" in step] for job in workflow["jobs"]
        }
        (tests,) = (step for step in steps["tests"] if step.startswith("tox run"))
        for name in chosen:
            do(tests.replace("${{ matrix.env }}", name), repository, env)
        if {OLDEST, NEWEST} <= {*chosen}:
            (compare,) = (step for step in steps["releases"] if step.startswith("bgasync compare"))
            installed = repository / ".tox" / NEWEST / "bin"
            do(compare, repository, {**env, "PATH": f"{installed}{os.pathsep}{env['PATH']}"})


if __name__ == "__main__":
    main()
