"""--bgasync-report: the page of a real session."""

from __future__ import annotations

import json
import re
from typing import Any

from .inner import Inner, assert_no_insides

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command: "true"
      async: 60
      poll: 1
    - name: Hide
      ansible.builtin.command: echo {{ word }}
      async: 60
      poll: 1
      no_log: true
    - name: Tell
      ansible.builtin.uri: {url: "http://hooks.example.com/done?token={{ word }}", method: POST}
"""


def test_the_page_shows_what_tests_in_all_workers_did_and_what_befell_their_hosts(inner: Inner) -> None:
    inner.file("playbooks/play.yml", PLAY)
    inner.test(
        """
        import pytest

        WORD = {"word": "hunter%d" % 2}  # no line of the source may hold it: pytest shows that

        def test_plain(bgasync):
            assert bgasync.run_text("- {hosts: all, gather_facts: false, tasks: [{ping: }]}").ok

        @pytest.mark.bgasync(services=["webhooks"], time_scale=0.5)
        def test_eventful(bgasync):
            with bgasync.host.freeze():
                pass
            with bgasync.traffic("http://hooks.example.com/ready"):
                run = bgasync.run("play.yml", extra_vars=WORD)
            assert not run.ok
        """
    )
    ended = inner.run("-n", "2", "--bgasync-report", "r.html", "--bgasync-cov")
    assert ended.counts == {"passed": 1, "failed": 1}, ended.output
    page = (inner.path / "r.html").read_text()
    assert "hunter2" not in page
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data = json.loads(found[1])
    eventful, plain = data["tests"]
    assert (eventful["outcome"], eventful["worker"][:2], eventful["jobs"]) == ("failed", "gw", {"succeeded": 2})
    assert eventful["why"].startswith("assert not True")
    assert "PLAY RECAP" in eventful["runs"][0]["stdout"]
    assert (plain["outcome"], plain["jobs"]) == ("passed", {})
    lanes: dict[str, list[dict[str, Any]]] = {
        lane["name"]: [bar for row in lane["rows"] for bar in row] for lane in eventful["timeline"]["lanes"]
    }
    assert [(bar["kind"], bar["title"], bar["status"]) for bar in lanes["host1"]] == [
        ("fault", "freeze", "fault"),
        ("task", "Work", "changed"), ("task", "Hide", "changed"), ("task", "Tell", "ok"),
        ("job", "Work", "succeeded"), ("job", "Hide", "succeeded"),
    ]  # fmt: skip
    work = lanes["host1"][4]
    assert all(work["from"] <= at <= lanes["runs"][0]["to"] for at in work["polls"])
    assert work["polls"]
    assert "POST /done from host1" in [bar["title"] for bar in lanes["webhooks"]]
    assert lanes["traffic"][0]["title"].endswith("0 failed")
    assert list(data["coverage"]["files"]) == ["playbooks/play.yml"]
    assert_no_insides(ended.output)
