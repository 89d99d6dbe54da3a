"""docs/audit.md and docs/catalogue.md have the rules that there are, and their examples are what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_bgasync.audit.rules import RULES

from .books import ids, play

DOCS = Path(__file__).parent.parent.parent.parent / "docs"
ROW = re.compile(r"^\| \[(BGA\d+)\]\(#bga\d+\) \| (\w+) \| (.*) \| (.*) \|$", re.MULTILINE)
EXAMPLE = re.compile(r"^### (BGA\d+)\n\n```yaml\n(.*?)```\n\nSound:\n\n```yaml\n(.*?)```$", re.MULTILINE | re.DOTALL)


def test_the_table_has_all_rules_with_their_words() -> None:
    rows = [(*row[:3], row[3].replace(r"\|", "|")) for row in ROW.findall((DOCS / "audit.md").read_text())]
    assert rows == [(rule.ID, str(rule.SEVERITY), rule.PROBLEM, rule.CURE) for rule in RULES]


def test_the_catalogue_names_each_rule_at_its_entry() -> None:
    lines = (DOCS / "catalogue.md").read_text().splitlines()
    entries = {line.split("|")[1].strip(): line for line in lines if re.match(r"\| \d+ \|", line)}
    named = {number: re.findall(r"\bBGA\d+\b", line) for number, line in entries.items()}
    assert {ids[0]: number for number, ids in named.items() if ids} == {
        rule.ID: str(int(rule.ID.removeprefix("BGA"))) for rule in RULES
    }


@pytest.mark.parametrize("rule", [rule.ID for rule in RULES])
def test_the_examples_have_the_fault_and_have_it_not(tmp_path: Path, rule: str) -> None:
    examples = {found: (bad, good) for found, bad, good in EXAMPLE.findall((DOCS / "audit.md").read_text())}
    bad, good = examples[rule]
    assert ids(tmp_path, play(bad)) == [rule]
    assert ids(tmp_path, play(good)) == []
