"""The releases of ansible-core that are tried, here and in an author's repository, are those that go together."""

from __future__ import annotations

import configparser
import re
from itertools import product
from pathlib import Path

import yaml

from pytest_bgasync.reports.release_envs import PYTHONS

ROOT = Path(__file__).parent.parent.parent
TRIED = (11, 12, 13)


def environments(tox: str) -> set[str]:
    """Return the environments of the matrix in the text of a tox.ini."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(tox)
    found = re.findall(r"^(py\d+-core)\{([\d,]+)\}$", parser["tox"]["env_list"].strip(), re.MULTILINE)
    return {f"{python}{core}" for python, cores in found for core in cores.split(",")}


def together(minors: tuple[int, ...]) -> set[str]:
    return {
        f"py3{minor}-core{release.replace('.', '')}"
        for (release, (oldest, newest)), minor in product(PYTHONS.items(), minors)
        if oldest <= minor <= newest
    }


def block(page: str, name: str) -> str:
    (found,) = re.findall(rf"^`{re.escape(name)}`:\n\n```\w+\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(found)


def test_tox_and_the_workflow_try_all_that_goes_together() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    matrix = workflow["jobs"]["matrix"]["strategy"]["matrix"]["include"]
    assert {one["env"] for one in matrix} == together(TRIED)
    assert all(one["env"].startswith(f"py{one['python'].replace('.', '')}-") for one in matrix)
    assert environments((ROOT / "tox.ini").read_text()) == together(TRIED)


def test_an_authors_files_try_every_release_on_the_python_that_runs_all() -> None:
    page = (ROOT / "docs/ci.md").read_text()
    workflow = yaml.safe_load(block(page, ".github/workflows/playbooks.yml"))
    assert set(workflow["jobs"]["tests"]["strategy"]["matrix"]["env"]) == together((12,))
    assert environments(block(page, "tox.ini")) == together((12,))
    pipeline = yaml.safe_load(block(page, ".gitlab-ci.yml"))
    assert set(pipeline["tests"]["parallel"]["matrix"][0]["ENV"]) == together((12,))
    assert pipeline["releases"]["needs"] == ["tests"]
    assert len(together((12,))) == len(PYTHONS)
