"""Connections to hosts: opened once for all runs of a test."""

from __future__ import annotations

from pytest_bgasync import Lab

PLAY = "[{hosts: all, gather_facts: false, tasks: [{command: 'true', async: 60, poll: 1}]}]"


def connections(lab: Lab) -> list[str]:
    """Return the processes by which the ssh server of the host serves connections."""
    return lab.host.run("pgrep -f '^sshd: ansible@'").stdout.split()


def test_a_connection_stays_open_from_one_run_to_the_next(bgasync: Lab) -> None:
    assert bgasync.run_text(PLAY).ok
    first = connections(bgasync)
    assert len(first) == 1
    assert bgasync.run_text(PLAY).ok
    assert connections(bgasync) == first


def test_a_connection_that_was_cut_is_opened_again(bgasync: Lab) -> None:
    assert bgasync.run_text(PLAY).ok
    first = connections(bgasync)
    bgasync.host.drop_ssh()
    assert bgasync.run_text(PLAY).ok
    assert len(connections(bgasync)) == 1
    assert connections(bgasync) != first
