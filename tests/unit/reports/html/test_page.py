"""What the report's page is made of."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import pytest

from pytest_bgasync.reports.html import words
from pytest_bgasync.reports.html.page import failures_first, page, shown
from pytest_bgasync.reports.ledger import Record

from .made import SESSION, deed, ended, finding, job, known, poll, request, result, run, stream, task


def facts(bar: Record) -> dict[str, str]:
    return dict(bar["facts"])


def bar(kind: str, *runs: Record, **fields: Any) -> Record:
    """Return the first bar of a kind."""
    lanes = shown(known(*runs, **fields))["timeline"]["lanes"]
    found: Record = next(bar for lane in lanes for row in lane["rows"] for bar in row if bar["kind"] == kind)
    return found


def data(text: str) -> Any:
    """Return the data of a page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_failures_come_first_and_all_else_in_its_order() -> None:
    outcomes = ["passed", "failed", "skipped", "crashed", "xfailed", "error", "passed", "interrupted", "failed"]
    tests = [{"outcome": outcome, "number": number} for number, outcome in enumerate(outcomes)]
    assert [test["number"] for test in failures_first(tests)] == [3, 1, 8, 5, 7, 0, 2, 4, 6]


def test_a_test_has_its_counts_of_jobs_its_findings_and_the_error() -> None:
    test = shown(
        known(
            run(job(), job(outcome="lost"), job(outcome="lost")),
            outcome="failed",
            findings=[finding()],
            failure="def test():\n>   assert x == 1\nE       assert 2 == 1\nE        +  where\n",
        )
    )
    assert (test["jobs"], test["fails"], test["took"]) == ({"succeeded": 1, "lost": 2}, True, 8.0)
    assert test["why"] == "assert 2 == 1\n +  where"
    assert test["findings"] == [
        {
            "kind": "uncollected",
            "fails": True,
            "what": "nobody asked for job 'Work' on web1",
            "cure": "poll it with async_status",
        }
    ]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (known(), "No playbook was run."),
        (ended(outcome="error"), "No playbook was run: its hosts were not up."),
        (ended(outcome="crashed"), "Its worker of xdist died, and with it what is known of its runs."),
        (
            ended(outcome="interrupted", began=None, ended=None),
            "It was going on when the session ended, and no run of it is known that had come to its end.",
        ),
        (known(run()), ""),
    ],
)
def test_a_test_without_runs_says_why(record: Record, said: str) -> None:
    assert shown(record)["none"] == said


def test_what_failed_is_said_and_not_which_worker_it_was() -> None:
    crash = (
        "[gw0] linux -- Python 3.12.1 /usr/bin/python3\nworker 'gw0' crashed while running 'test_site.py::test_site'"
    )
    assert shown(ended(outcome="crashed", failure=crash))["why"] == crash.splitlines()[1]


def test_all_that_is_known_of_a_job_is_in_its_details() -> None:
    one = job(
        rc=3, outcome="timed_out", limit=120, limit_wall=12, item="users", user="deploy", declared=True,
        polls=[poll(4), poll(6), poll(9, timed_out=True)], deeds=[deed("freeze", 2)],
        stdout="out", stderr="err", msg="why",
        survivors=[{"pid": 7, "user": "root", "command": "sleep 60"}],
    )  # fmt: skip
    found = bar("job", run(one), time_scale=0.1)
    assert facts(found) == {
        "outcome": "timed out", "rc": "3", "host": "web1", "item": "users", "user": "deploy", "launched": "0.00 s",
        "finished": "5.0 s", "took": "5.0 s (0.50 s real)", "limit (async)": "120.0 s",
        "limit in force": "12 s real, 120.0 s", "poll": "0",
        "polls": "running: 4.0 s to 6.0 s, 2 times\ntimed out: 9.0 s",
        "collected": "yes, the play read its final status", "left behind": "on purpose (fire_and_forget)",
        "changed": "yes", "done to it": "freeze at 2.0 s", "alive after its end": "7 root sleep 60",
        "job id": "j1.1", "job file": "/root/.ansible_async/j1.1",
    }  # fmt: skip
    assert found["texts"] == [("msg", "why"), ("stdout", "out"), ("stderr", "err")]


def test_a_task_says_its_place_its_part_and_each_of_its_items() -> None:
    loop = task(part="rescue", loop=True, results=[result(item="a"), result(item="b", status="failed", rc=2, msg="no")])
    found = bar("task", run(tasks=(loop,)))
    assert facts(found)["items"] == "a: ok\nb: failed, rc 2, no"
    assert (facts(found)["place"], facts(found)["part of a block"]) == ("site.yml:3", "rescue")
    assert found["texts"] == []
    single = bar("task", run(tasks=(task(results=[result(rc=1, msg="no", attempts=3)]),)))
    assert (facts(single)["rc"], facts(single)["attempts"], single["texts"]) == ("1", "3", [("msg", "no")])


def test_runs_faults_webhooks_and_traffic_say_what_is_known_of_them() -> None:
    recap = {"web1": {"ok": 2, "failed": 1, "skipped": 0}, "web2": {"ok": 0}}
    found = facts(bar("run", run(job(), rc=2, complete=False, recap=recap, options={"extra_vars": ["word"]})))
    assert (found["rc"], found["ended"], found["jobs"]) == ("2", "it was stopped, killed or refused", "1 job")
    assert (found["recap"], found["options"]) == ("web1: ok 2, failed 1\nweb2: nothing", "extra_vars: ['word']")
    assert facts(bar("fault", run(), deeds={"web1": [deed("freeze", 2, 4)]})) == {
        "began": "2.0 s", "ended": "4.0 s", "took": "2.0 s",
    }  # fmt: skip
    assert facts(bar("webhook", run(), webhooks=[request()])) == {
        "request": "POST https://hooks.example.com/done", "from": "web1", "at": "1.0 s",
    }  # fmt: skip
    told = facts(bar("stream", run(), traffic=[stream(5.5)]))
    assert (told["failed"], told["longest gap"], told["failures"]) == ("1", "2.0 s, from 5.0 s on", "5.5 s: 503")


def test_what_is_too_long_is_cut_with_a_note_that_says_how_much() -> None:
    assert words.cut("a" * 10, 10) == "a" * 10
    assert words.cut("abcdef", 2) == "[cut: the first 4 of 6 characters are not here]\nef"
    huge = "x" * 5_000_000
    test = known(run(job(stdout=huge, stderr=huge, task=huge), stdout=huge, stderr=huge), failure=huge)
    assert len(page(SESSION, [shown(test)])) < 1_000_000
    many = bar("task", run(tasks=(task(loop=True, results=[result(item=number) for number in range(1000)]),)))
    assert facts(many)["items"].splitlines()[-2:] == ["49: ok", "and 950 more"]


def test_nothing_in_a_text_ends_the_element_of_the_data() -> None:
    evil = "</script><script>alert(1)</script><!--"
    test = known(run(job(evil, stdout=evil)), nodeid=f"test.py::test[{evil}]", failure=evil)
    text = page(SESSION, [shown(test)])
    assert text.count("</script>") == 2
    assert evil not in text
    assert data(text)["tests"][0]["failure"] == evil


def test_control_characters_and_what_is_no_utf8_are_escaped() -> None:
    assert shown(known(run(stdout="\x1b[31mred\x1b[0m \ud800")))["runs"][0]["stdout"] == "\\x1b[31mred\\x1b[0m \\ud800"


def test_the_policy_lets_the_page_use_its_own_style_and_script_and_nothing_else() -> None:
    text = page(SESSION, [])
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy"\scontent="([^"]+)"', text)
    for element, directive in (("style", "style-src"), ("script", "script-src")):
        (own,) = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        known_by = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{directive} 'sha256-{known_by}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "http://" not in text
    assert "https://" not in text


def test_what_no_log_hides_is_said_to_be_hidden() -> None:
    assert facts(bar("job", run(job(no_log=True, rc=None))))["rc"] == "hidden by no_log"
