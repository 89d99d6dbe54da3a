"""The callback that ansible-playbook loads: it writes the events and installs the rest.

Standard library and Ansible only, whichever environment ansible-playbook lives in.
Callbacks are loaded before the workers are forked; what is changed here they inherit. Of those with one file name
Ansible loads the one beside the playbook only, so this one has a name that no author gives.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from ansible.inventory.manager import split_host_pattern
from ansible.plugins.callback import CallbackBase
from ansible.release import __version__ as ansible_version

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bgasync_controller import (  # found by the line above
    begun,
    clock,
    connections,
    events,
    gate,
    hosts,
    jobs,
    payloads,
    statuses,
    workers,
)


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible is not typed
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "bgasync_harness_callback"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "BGASYNC_RUN" not in os.environ:
            self.disabled = True
            return
        try:
            self._set_up()
        except Exception as problem:
            # Ansible would go on without this callback, and run tasks of localhost on this machine.
            raise SystemExit(
                f"pytest-bgasync could not be set up in ansible-playbook: {type(problem).__name__}: {problem}"
            ) from problem

    def _set_up(self) -> None:
        with open(os.environ["BGASYNC_RUN"]) as stream:
            run = json.load(stream)
        self._events = events.Writer(run["events"], run["booted"])
        self._gate = gate.Gate(run["gate"], run["pause_before"])
        if "BGASYNC_LEASH" in os.environ:  # not where a run is repeated by hand
            workers.install(int(os.environ["BGASYNC_LEASH"]))
        clock.install(run["time_scale"])
        statuses.install(self._events)
        jobs.install(run, self._events, self._gate)
        begun.install(self._events)
        self._hosts = hosts.Hosts(run, self._gate)
        connections.install(self._hosts)
        payloads.install(run["payloads"])
        self._events.write("run_started", ansible_version=ansible_version, pid=os.getpid())

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._events.playbook_loaded(playbook)
        # All that the run will go to, at once: hosts reach each other by their names before it is their turn.
        plays = [play for play in playbook.get_plays() if _is_plain(play)]
        self._start(plays)
        for play in plays:
            _inventory(play).clear_caches()  # a task may add hosts to a group before its play

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._start([play])
        self._gate.play_started(str(play.strategy))
        self._events.write("play_started", play=play.get_name(), play_id=str(play._uuid), hosts=play.hosts)

    def _start(self, plays: Iterable[Any]) -> None:
        """Let the hosts of plays be up."""
        self._hosts.start(host.name for play in plays for host in _inventory(play).get_hosts(play.hosts))

    def v2_playbook_on_no_hosts_matched(self) -> None:
        self._events.write("no_hosts_matched")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._gate.before_task(task)
        self._events.task_started(task, handler=False)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._gate.before_task(task)
        self._events.task_started(task, handler=True)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._events.write("host_started", task_id=str(task._uuid), host=host.get_name())

    def v2_runner_on_ok(self, result: Any) -> None:
        self._events.result("task_result", result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._events.result("task_result", result, "failed", ignored=ignore_errors)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._events.result("task_result", result, "skipped")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._events.result("task_result", result, "unreachable", ignored=result._task.ignore_unreachable)

    def v2_runner_retry(self, result: Any) -> None:
        # The job of a try with poll > 0 has ended and its file is gone: only this tells of its end.
        if result._task.async_val:
            self._events.retried(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._events.result("item_result", result, "ok")

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._events.result("item_result", result, "failed", ignored=result._task.ignore_errors)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        self._events.result("item_result", result, "skipped")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._events.write("run_ended", recap={host: stats.summarize(host) for host in sorted(stats.processed)})


def _inventory(play: Any) -> Any:
    return play.get_variable_manager()._inventory


def _is_plain(play: Any) -> bool:
    """Say whether a play names hosts and groups that are there. Of others Ansible would warn before their time."""
    inventory = _inventory(play)
    return all(
        part.lstrip("!&") in ("all", *inventory.groups, *inventory.hosts) for part in split_host_pattern(play.hosts)
    )
