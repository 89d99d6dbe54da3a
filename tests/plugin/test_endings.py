"""Runs that do not come to their own end, and what is left of them: nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest
from docker.errors import NotFound

from pytest_bgasync import Engine
from pytest_bgasync.engine.ownership import OWNER, owner_label

from .gate import Gate
from .inner import Inner, Started, assert_no_insides, wait_until

#: Starts a job that would run for ten minutes, then waits as long.
LONG = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Start the export
      ansible.builtin.command: sleep 600
      async: 900
      poll: 0
    - name: Wait for ever
      ansible.builtin.command: sleep 600
"""
TEST = "def test_one(bgasync):\n    bgasync.run('long.yml')\n"


@pytest.fixture(autouse=True)
def long(inner: Inner) -> None:
    inner.file("long.yml", LONG)
    inner.test(TEST)


def waiting(inner: Inner) -> bool:
    """Say whether a play has come to its last task."""
    events = "".join(path.read_text() for path in inner.temp.glob("bga-*/run*/events.jsonl"))
    begun = [json.loads(line)["task"] for line in events.splitlines() if '"task_started"' in line and line[-1] == "}"]
    return "Wait for ever" in begun


def started(inner: Inner, *args: str) -> Started:
    """Start a run and wait until its play waits for ever."""
    run = inner.start(*args)
    run.wait_for(lambda: waiting(inner), "the last task of the play")
    return run


def test_a_run_at_its_deadline_is_stopped_and_the_test_goes_on(inner: Inner) -> None:
    inner.test(
        """
        from concurrent.futures import ThreadPoolExecutor
        import psutil, pytest
        from pytest_bgasync import Outcome, PlaybookDeadline

        @pytest.mark.bgasync(strict=False)
        def test_one(bgasync):
            for deadline in (3, 6, 12, 24, 48):  # on a busy machine it takes longer to come to the last task
                try:
                    bgasync.run("long.yml", deadline=deadline)
                except PlaybookDeadline as stopped:
                    problem, run = stopped, stopped.run
                if run.path("host1")[-1:] == ["Wait for ever"]:
                    break
            job = run.job("Start the export")
            assert (job.outcome, job.collected, job.limit) == (Outcome.RUNNING, False, 900)
            assert not run.ok
            assert f"deadline of {deadline} s while it was at the task 'Wait for ever'" in str(problem)
            assert run.wall < deadline + 10
            assert run.jobs[0] in list(bgasync.jobs)
            names = [process.name() for process in psutil.Process().children(recursive=True)]
            assert not any("ansible" in name for name in names)
            # A run lives with this process, not with the thread that has started it.
            with ThreadPoolExecutor() as threads:
                running = threads.submit(bgasync.start_text, "- hosts: all\\n  tasks: []\\n").result()
            assert running.wait().ok
        """
    )
    inner.run().assert_passed(1)
    inner.assert_nothing_left()


def test_a_deadline_of_the_ini_file_fails_the_test_with_one_sentence(inner: Inner) -> None:
    inner.ini("bgasync_deadline = 0.5")
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"failed": 1})
    ended.assert_says(
        "pytest_bgasync.runs.process.PlaybookDeadline: playbook long.yml was stopped at its deadline of 0.5 s",
        "see what it waits for, or give it more with deadline= or the ini key bgasync_deadline",
    )
    inner.assert_nothing_left()


@pytest.mark.parametrize(
    ("victim", "sent", "sentence"),
    [
        ("playbook", signal.SIGKILL, "ansible-playbook was ended by SIGKILL from outside"),
        ("playbook", signal.SIGTERM, "ansible-playbook was ended by SIGTERM from outside"),
        ("playbook", signal.SIGINT, "ansible-playbook was ended from outside"),
        ("worker", signal.SIGKILL, "a worker of ansible-playbook was ended from outside"),
    ],
)
def test_ansible_playbook_killed_from_outside_fails_the_test_with_one_sentence(
    inner: Inner, victim: str, sent: signal.Signals, sentence: str
) -> None:
    inner.test(
        """
        from pytest_bgasync import PlaybookKilled

        def test_one(bgasync):
            try:
                bgasync.run("long.yml")
            except PlaybookKilled as killed:
                job = killed.run.job("Start the export")
                assert job.outcome == "running" and killed.run.path("host1")[-1] == "Wait for ever"
                raise
        """
    )
    run = started(inner)
    playbook = next(p for p in inner.playbooks() if p.parent() not in inner.playbooks())
    # A worker that is just being forked would not hear of the end of its parent.
    run.wait_for(lambda: any(p.name() == "ssh" for p in playbook.children(recursive=True)), "a worker that is at work")
    (playbook if victim == "playbook" else playbook.children()[0]).send_signal(sent)
    ended = run.wait()
    assert (ended.rc, ended.counts) == (1, {"failed": 1}), ended.output
    ended.assert_says(f"PlaybookKilled: {sentence} while it was at the task 'Wait for ever'")
    assert "1 background job: 1 running" in ended.output
    inner.assert_nothing_left()


def test_ctrl_c_in_the_middle_of_a_task(inner: Inner) -> None:
    inner.test(f"{TEST}\ndef test_two(bgasync):\n    raise AssertionError\n")
    run = started(inner)
    assert inner.containers()
    assert inner.plays()
    run.interrupt()
    ended = run.wait()
    assert ended.rc == pytest.ExitCode.INTERRUPTED, ended.output
    assert "KeyboardInterrupt" in ended.output
    assert "AssertionError" not in ended.output
    assert "Traceback" not in ended.output
    inner.assert_nothing_left()


def test_ctrl_c_while_ansible_starts(inner: Inner) -> None:
    run = inner.start()
    run.wait_for(inner.plays, "ansible-playbook")
    run.interrupt()
    assert run.wait().rc == pytest.ExitCode.INTERRUPTED
    inner.assert_nothing_left()


def test_ctrl_c_with_workers_of_xdist(inner: Inner) -> None:
    inner.test(f"{TEST}\ndef test_two(bgasync):\n    bgasync.run('long.yml')\n")
    run = inner.start("-n", "2")
    run.wait_for(lambda: len(inner.containers()) == 2 and inner.plays(), "two scenarios")
    run.wait_for(lambda: waiting(inner), "the last task of a play")
    run.interrupt()
    ended = run.wait()
    assert ended.rc == pytest.ExitCode.INTERRUPTED, ended.output
    inner.assert_nothing_left()


PAUSED = """
import pathlib, time
import pytest
from pytest_bgasync import PlaybookDeadline
from pytest_bgasync.util.clock import Deadline

PLAY = '''
- hosts: all
  gather_facts: false
  tasks:
    - {name: Work, command: work, async: 900, poll: 0}
    - {name: Ask, ping: }
'''

@pytest.fixture(autouse=True)
def work(bgasync):
    bgasync.host.stub("work", takes=100_000)

def paused(bgasync, **options):
    running = bgasync.start_text(PLAY, pause_before=["Ask"], **options)
    running.wait_for("Ask")
    return running
"""


def test_a_play_that_a_test_leaves_paused_is_stopped(inner: Inner) -> None:
    inner.test(
        PAUSED
        + """
pytestmark = pytest.mark.bgasync(strict=False)

def test_forgets_it(bgasync):
    paused(bgasync)

def test_fails_outside(bgasync):
    paused(bgasync)
    assert not "outside"

def test_fails_inside(bgasync):
    with paused(bgasync):
        assert not "inside"
"""
    )
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"failed": 3}), ended.output
    stopped = "was paused before the task 'Ask' when the test ended, and was stopped: wait() for it, or stop() it"
    assert ended.output.count(stopped) == 2, ended.output
    ended.assert_says("AssertionError: assert not 'outside'", "AssertionError: assert not 'inside'")
    inner.assert_nothing_left()


def test_ctrl_c_while_a_play_is_paused_and_its_host_frozen(inner: Inner) -> None:
    inner.test(
        PAUSED
        + """
def test_one(bgasync):
    with paused(bgasync), bgasync.host.freeze():
        pathlib.Path("here").touch()
        time.sleep(600)
"""
    )
    run = inner.start()
    run.wait_for((inner.path / "here").exists, "the test")
    run.interrupt()
    assert run.wait().rc == pytest.ExitCode.INTERRUPTED
    inner.assert_nothing_left()


def test_a_run_against_a_frozen_host_ends_at_its_deadline_and_a_stub_that_never_ends_with_its_host(
    inner: Inner,
) -> None:
    inner.test(
        PAUSED
        + """
@pytest.mark.bgasync(strict=False)
def test_one(bgasync):
    for deadline in (4, 8, 12, 16, 20):  # on a busy machine it takes longer to come to the last task
        try:
            running = paused(bgasync, deadline=deadline)
            with bgasync.host.freeze():
                running.resume()
                running.wait()
        except PlaybookDeadline as stopped:
            problem, run = stopped, stopped.run
        if run.path("host1")[-1:] == ["Ask"]:
            break
    assert f"deadline of {deadline} s while it was at the task 'Ask'" in str(problem)
    assert run.wall < deadline + 10
    assert [(job.task, job.outcome) for job in run.jobs] == [("Work", "running")]
    # The host may have been frozen before the stub had begun; it goes on now.
    assert Deadline(20).wait_for(lambda: bgasync.host.calls("work"))
"""
    )
    inner.run().assert_passed(1)
    inner.assert_nothing_left()


def test_a_host_that_is_frozen_when_pytest_is_killed_is_swept(inner: Inner) -> None:
    inner.test(
        PAUSED
        + """
def test_one(bgasync):
    with bgasync.host.freeze():
        pathlib.Path("here").touch()
        time.sleep(600)
"""
    )
    run = inner.start()
    run.wait_for((inner.path / "here").exists, "the test")
    assert len(inner.containers("paused")) == 1  # it cannot see its input close
    run.kill()
    run.wait()
    assert inner.bgasync("clean").rc == 0
    inner.assert_nothing_left()


def test_an_engine_that_goes_in_the_middle_of_a_run(inner: Inner) -> None:
    gate = Gate(inner.engine_url, inner.temp / "engine.sock")
    inner.test(f"{TEST}\ndef test_two(bgasync):\n    bgasync.run('long.yml')\n")
    run = inner.start(env={"DOCKER_HOST": gate.url})
    run.wait_for(lambda: waiting(inner), "the last task of the play")
    gate.shut()
    ended = run.wait()
    assert ended.counts == {"failed": 1, "errors": 2}, ended.output
    assert_no_insides(ended.output)
    assert "msg:\n   | host host1 cannot run a command: the engine does not answer: " in ended.output
    assert re.search(r"^host \w+ could not be removed: the engine does not answer: ", ended.output, re.MULTILINE)
    assert "\nthe engine cannot say whether image bgasync/target" in ended.output
    wait_until(lambda: not inner.containers(), within=5, what="the containers have gone by themselves")
    assert not inner.processes()
    assert not list(inner.temp.glob("bga-*"))
    assert inner.bgasync("clean").rc == 0  # the network, once there is an engine again
    inner.assert_nothing_left()


@pytest.mark.parametrize("sweeper", ["the next start", "bgasync clean"])
def test_pytest_killed_with_sigkill(inner: Inner, sweeper: str) -> None:
    # A play that waits on the controller would not notice that its host has gone.
    command = "ansible.builtin.command: sleep 600"
    inner.file("long.yml", f"{LONG.strip().removesuffix(command)}ansible.builtin.pause: {{seconds: 600}}\n")
    run = started(inner)
    assert len(inner.containers()) == 1
    run.kill()
    # A second on a machine at rest: the engine sees standard input close, and removes what ended.
    wait_until(lambda: not inner.containers(), within=5, what="the containers of a killed run are gone")
    wait_until(lambda: not inner.processes(), within=10, what="the processes of a killed run are gone")
    assert run.wait().rc == -signal.SIGKILL
    if sweeper == "bgasync clean":
        ended = inner.bgasync("clean")
        assert ended.rc == 0
        assert "removed folder" in ended.output
    else:
        inner.test("def test_one(bgasync_engine): pass")
        ended = inner.run()
        ended.assert_passed(1)
        assert "removed what a dead run had left: folder" in ended.output
    inner.assert_nothing_left()


def test_pytest_killed_with_sigkill_while_its_hosts_start(inner: Inner) -> None:
    run = inner.start()
    run.wait_for(inner.containers, "a container")
    run.kill()
    # A container that was created and not yet started has no input to lose: that one is swept.
    inner.test("def test_one(bgasync_engine): pass")
    run.wait()
    inner.run().assert_passed(1)
    inner.assert_nothing_left()


class Things:
    """Networks and containers as somebody left them.

    Known by their ids alone: another session that begins may sweep one at any moment after it is made.
    """

    def __init__(self, engine: Engine, image: str) -> None:
        self._api = engine.client.api
        self._image = image
        self._made: dict[str, Callable[[str], object]] = {}

    def make(self, kind: str, labels: dict[str, str]) -> str:
        """Make a network or a container that is there and does nothing, and return its id."""
        name = f"bgasync-{uuid.uuid4().hex[:10]}"
        if kind == "network":
            made = self._api.create_network(name, labels=labels)["Id"]
            self._made[made] = self._api.remove_network
            return str(made)
        command = ["sleep", "600"]
        made = self._api.create_container(self._image, command, name=name, labels=labels, stop_signal="KILL")["Id"]
        self._made[made] = partial(self._api.remove_container, force=True)
        if kind == "running container":
            with suppress(NotFound):
                self._api.start(made)
        return str(made)

    def there(self, thing: str) -> bool:
        """Say whether it still is."""
        return thing in {found["Id"] for found in self._api.networks() + self._api.containers(all=True)}

    def remove(self) -> None:
        for thing, remove in self._made.items():
            with suppress(NotFound):
                remove(thing)


@pytest.fixture
def things(bgasync_engine: Engine, target: str) -> Iterator[Things]:
    things = Things(bgasync_engine, target)
    yield things
    things.remove()


def dead_owner() -> str:
    """Return the label of a process of this machine that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return json.dumps({**json.loads(owner_label()[OWNER]), "pid": process.pid, "ticks": 1})


KINDS = ["network", "container", "running container"]


@pytest.mark.parametrize("kind", KINDS)
def test_clean_removes_what_a_dead_run_left(inner: Inner, things: Things, kind: str) -> None:
    thing = things.make(kind, {OWNER: dead_owner()})
    ended = inner.bgasync("clean")
    assert ended.rc == 0, ended.output
    # Another session that begins at this moment may have come first, and be at it still.
    wait_until(lambda: not things.there(thing), within=20, what="the removal")
    assert "runs that are alive and things of others are left alone" in ended.output


@pytest.mark.parametrize("kind", KINDS)
def test_clean_leaves_alone_what_is_not_of_a_dead_run(inner: Inner, things: Things, kind: str) -> None:
    elsewhere = json.dumps({"domain": "another machine", "pid": os.getpid(), "ticks": 1})
    reused = json.loads(owner_label()[OWNER])
    kept = {
        "no label": {},
        "labels of others": {"owner": dead_owner(), "com.example.bgasync": "1"},
        "a living run": owner_label(),
        "a run that cannot be asked": {OWNER: elsewhere},
        "not ours": {OWNER: "somebody"},
        "not ours either": {OWNER: "{}"},
        "nor this": {OWNER: "[1]"},
        "nor that": {OWNER: json.dumps({**reused, "pid": "x"})},
    }
    made = {reason: things.make(kind, labels) for reason, labels in kept.items()}
    ended = inner.bgasync("clean")
    assert ended.rc == 0, ended.output
    assert [reason for reason, thing in made.items() if not things.there(thing)] == []


def test_a_pid_that_another_process_has_now_is_a_dead_run(inner: Inner, things: Things) -> None:
    owner = json.loads(owner_label()[OWNER])
    thing = things.make("network", {OWNER: json.dumps({**owner, "ticks": owner["ticks"] - 100})})
    assert inner.bgasync("clean").rc == 0
    wait_until(lambda: not things.there(thing), within=20, what="the removal")


def test_clean_and_other_runs_leave_a_living_run_alone(inner: Inner) -> None:
    run = started(inner)
    before = inner.left()
    assert inner.bgasync("clean").rc == 0
    (inner.path / "test_other.py").write_text("def test_other(bgasync_engine): pass")
    inner.run("test_other.py").assert_passed(1)
    assert set(inner.containers() + inner.networks()) <= {thing.split(" ", 1)[1] for thing in before}
    assert len(inner.containers()) == 1
    assert inner.plays()
    run.interrupt()
    assert run.wait().rc == pytest.ExitCode.INTERRUPTED
    inner.assert_nothing_left()


def test_clean_without_an_engine_says_so(inner: Inner) -> None:
    ended = inner.bgasync("clean", env={"DOCKER_HOST": "unix:///nonexistent/engine.sock"})
    assert ended.rc == 1
    ended.assert_says("bgasync: no container engine answers at DOCKER_HOST=unix:///nonexistent/engine.sock")
