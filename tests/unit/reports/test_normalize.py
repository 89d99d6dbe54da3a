"""What is left of a text that is another one in each run."""

from __future__ import annotations

import pytest

from pytest_bgasync.reports.normalize import normal


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Job j6272098452.32 of db1", "Job <jid> of db1"),
        ("/home/me/.ansible_async/j711159252714.55", "/home/me/.ansible_async/<jid>"),
        ("/home/me/.ansible/tmp/ansible-tmp-1795459233.28-24297-1234567/x.py", "/home/me/.ansible/tmp/<temp>/x.py"),
        ("/tmp/ansible.ab12cd_9/dump", "/tmp/<temp>/dump"),
        ("/tmp/tmpab12cd34", "/tmp/<temp>"),
        ("/tmp/pytest-of-root/pytest-12/test_0/dump", "/tmp/<temp>/test_0/dump"),
        ("release 2026-11-25T22:34:05.123Z", "release <time>"),
        ("release 20261125T223405", "release <time>"),
        ("dump-2026-11-25.sql at 22:34:05", "dump-<date>.sql at <time>"),
        ("epoch 1795459233", "epoch <time>"),
        ("took 0:00:01.0123 of 1795459233.284", "took <time> of <time>"),
        ("id 1e9012d0926a4679acd3e408a56c0ac1", "id <id>"),
        ("id 1e9012d0-926a-4679-acd3-e408a56c0ac1", "id <uuid>"),
        ("<object at 0x7f00aa>", "<object at <address>>"),
        ("wait for 172.18.0.3:49153", "wait for <ip>:<port>"),
        ("end pid 4711", "end pid <pid>"),
        ("two\n lines\x1b", "two lines\\x1b"),
    ],
)
def test_noise_is_replaced_by_what_it_is(text: str, left: str) -> None:
    assert normal(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Start the migration",
        "version 2.16.19",
        "port 8080 of web1:8080",
        "limit 3600, retries 120",
        "/tmp/report.txt",
        "8.8.8.8",
        "feedface",
        "decade of deadbeefs",
        "2.5 million rows, 1000000 each",
    ],
)
def test_what_the_author_wrote_stays(text: str) -> None:
    assert normal(text) == text
