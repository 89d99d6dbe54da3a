"""The page: one HTML file with its style, its script and its data, which asks no network for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from textwrap import dedent
from typing import Any

from pytest_bgasync.reports.html import words
from pytest_bgasync.reports.html.timeline import timeline
from pytest_bgasync.reports.ledger import Record

#: The outcomes of a test that are shown first, in this order.
FAILURES = ("crashed", "failed", "error", "interrupted")
#: How many lines of an error stand above all else of its test.
WHY = 4
#: What the style and the script are put together from, in this order.
STYLES = ("page.css", "timeline.css")
SCRIPTS = ("elements.js", "details.js", "timeline.js", "legend.js", "tests.js", "coverage.js", "page.js")
_PARTS = Path(__file__).parent / "parts"


def page(session: Record, tests: Iterable[Record], coverage: Mapping[str, Any] | None = None) -> str:
    """Return the page. ``tests`` are what :func:`shown` returns, ``coverage`` is what ``Report.data()`` returns.

    ``session`` is the ledger's first line, with ``ended`` and ``exit_status``.
    """
    data = {"session": session, "tests": failures_first(tests), "coverage": coverage}
    style, script = ("\n".join(map(_part, names)) for names in (STYLES, SCRIPTS))
    return Template(_part("page.html")).substitute(
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        # Nothing in it can end the element that it stands in.
        data=json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
    )


def failures_first(tests: Iterable[Record]) -> list[Record]:
    """Return tests in the order in which they are shown: failures first, else in that in which they ended."""
    ranks = {outcome: rank for rank, outcome in enumerate(FAILURES)}
    return sorted(tests, key=lambda test: ranks.get(test["outcome"], len(FAILURES)))


def shown(record: Record) -> Record:
    """Return what the page shows of a test, by its line of the ledger; what is long in it is cut."""
    began, ended = record["began"], record["ended"]
    test: Record = {
        "nodeid": record["nodeid"],
        "outcome": record["outcome"],
        "fails": record["outcome"] in FAILURES,
        "took": ended - began if began and ended else None,
        "worker": record["worker"],
        "why": words.cut(_why(record["failure"])),
        "failure": words.cut(record["failure"], words.OUTPUT),
        "none": _why_nothing(record),
        "runs": [],
        "jobs": {},
        "findings": [],
        "timeline": None,
    }
    if "runs" in record:
        test["runs"] = [_run(run) for run in record["runs"]]
        test["jobs"] = Counter(job["outcome"] for run in record["runs"] for job in run["jobs"])
        test["findings"] = [_finding(finding) for finding in record["findings"]]
        test["timeline"] = timeline(record)
    return test


def _why(failure: str) -> str:
    """Return the beginning of what pytest marks as the error in its text of a failure, or the first line of that.

    Above that xdist writes which worker it was.
    """
    lines = [line for line in failure.splitlines() if not re.match(r"\[gw\d+\] ", line)]
    errors = [line[1:] for line in lines if line.startswith("E  ")]
    return dedent("\n".join(errors[:WHY] or lines[:1]))


def _why_nothing(record: Record) -> str:
    """Return why there are no runs to show; empty where there are some."""
    if record.get("runs"):
        return ""
    if record["outcome"] == "crashed":
        return "Its worker of xdist died, and with it what is known of its runs."
    if record["outcome"] == "interrupted":
        return "It was going on when the session ended, and no run of it is known that had come to its end."
    return "No playbook was run." if "runs" in record else "No playbook was run: its hosts were not up."


def _run(run: Record) -> Record:
    return {
        "title": words.short(words.run_title(run)),
        "began": run["began"],
        "ended": run["ended"],
        "stdout": words.cut(run["stdout"], words.OUTPUT),
        "stderr": words.cut(run["stderr"], words.OUTPUT),
    }


def _finding(finding: Record) -> Record:
    return {
        "kind": finding["kind"],
        "fails": finding["fails"],
        "what": words.cut(finding["what"]),
        "cure": words.cut(finding["cure"]),
    }


def _hash(text: str) -> str:
    """Return the hash by which the page's policy knows its own style and script."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")
