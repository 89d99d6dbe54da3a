"""For how long the text of a command certainly sleeps."""

from __future__ import annotations

import pytest

from pytest_bgasync.audit import shell


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("sleep 2 && reboot", 2),
        ("sleep 1m 30s; work", 90),
        ("echo one && sleep 0.5\nsleep 2", 2.5),
        ("sudo nohup /bin/sleep 7", 7),
        ("bash -c 'sleep 3; work'", 3),
        ("(sleep 3; work); sleep 4", 7),
        ("{ sleep 3; work; }", 3),
        ("sleep 1 & sleep 5", 5),
        ("(sleep 5; reboot) &", 0),
        ("test -f x && sleep 10", 0),
        ("work || sleep 10; sleep 5", 0),
        ("for one in 1 2; do sleep 5; done; sleep 9", 0),
        ("later() { sleep 5; }; later", 0),
        ("if work; then sleep 5; fi", 0),
        ("exit; sleep 5", 0),
        ("sleep {{ x }}; sleep 2", 2),
        ("sleep infinity", float("inf")),
        ("sleep -5; sleep", 0),
        ("echo 'sleep 5'", 0),
    ],
)
def test_seconds_that_a_script_sleeps(text: str, seconds: float) -> None:
    script = shell.read(text)
    assert script is not None
    assert shell.sleeps(script) == seconds
