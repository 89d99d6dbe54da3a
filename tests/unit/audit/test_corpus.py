"""The list of judged places in public playbooks, and the tool that compares the audit with it."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

from pytest_bgasync.audit.rules import RULES

from .books import LAUNCH, play, write

ROOT = Path(__file__).parent.parent.parent.parent
LIST = ROOT / "docs" / "audit-corpus.csv"
HEAD = "repository,commit,path,line,rule,judgement,set,note\n"


def rows() -> list[dict[str, str]]:
    with LIST.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_each_place_is_named_and_judged() -> None:
    rules = {"", *(rule.ID for rule in RULES)}
    for row in rows():
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", row["repository"])
        assert re.fullmatch(r"[0-9a-f]{40}", row["commit"])
        assert int(row["line"]) > 0
        assert row["rule"] in rules
        assert row["judgement"] in ("fault", "sound")
        assert row["set"] in ("seen", "unseen")
        assert row["rule"] or row["judgement"] == "sound"


def test_each_place_is_judged_once() -> None:
    places = [tuple(row[key] for key in ("repository", "path", "line", "rule")) for row in rows()]
    assert len(places) == len(set(places))
    sound = {place[:3] for place, row in zip(places, rows(), strict=True) if not row["rule"]}
    assert not sound & {place[:3] for place, row in zip(places, rows(), strict=True) if row["judgement"] == "fault"}


def test_the_list_is_long_enough() -> None:
    assert len({row["repository"] for row in rows()}) >= 8
    assert len({(row["repository"], row["path"], row["line"]) for row in rows()}) >= 150


def test_the_tool_tells_found_missed_and_false(tmp_path: Path) -> None:
    role = "- {name: Work, command: work, poll: 0}\n"
    site = play(LAUNCH + "- name: Late\n  command: work\n  async: 10\n  poll: 30\n" + "- {command: work, async: 60}\n")
    write(tmp_path / "me+one", {"site.yml": site, "roles/one/tasks/main.yml": role})
    lines = [
        "site.yml,3,BGA015,fault,seen,",  # found
        "site.yml,4,BGA011,sound,seen,",  # false
        "site.yml,8,BGA016,fault,seen,",  # missed
        "roles/one/tasks/main.yml,1,BGA012,fault,unseen,",
    ]
    listed = tmp_path / "list.csv"
    listed.write_text(HEAD + "".join(f"me/one,{'0' * 40},{line}\n" for line in lines))
    command = [sys.executable, str(ROOT / "tools/audit_corpus.py"), str(tmp_path), "--list", str(listed)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "false:      me/one site.yml:4: BGA011" in ended.stdout
    assert "missed:     me/one site.yml:8: BGA016" in ended.stdout
    assert "| all | 3 | 2 | 1 | 1 | 67 % | 67 % |" in ended.stdout
    seen = subprocess.run([*command, "--set", "seen"], capture_output=True, text=True, check=False)
    assert "not judged: me/one roles/one/tasks/main.yml:1: BGA012" in seen.stdout
    assert seen.returncode == 1


def test_a_checkout_that_is_missing_is_named(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools/audit_corpus.py"), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "there is no checkout" in ended.stderr
