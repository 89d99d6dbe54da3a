"""Ctrl-C at exact points of making and removing leaves nothing behind."""

from __future__ import annotations

import pytest

from .inner import Ended, Inner, Started

#: Loaded by every process of a run: presses Ctrl-C as a terminal does, for the whole group, each time when a function
#: of ``PRESSED_AFTER`` has done its work for the given time: NAME NUMBER, ...
PRESSING = """
import functools, importlib, os, pathlib, signal
import docker, pytest_bgasync.hosts.prestart, pytest_bgasync.plugin.fixtures, pytest_bgasync.hosts.scenario

def press_after(path, number):
    where, name = path.rsplit(".", 1)
    module, _, owner = where.partition(":")
    place = importlib.import_module(module)
    place = getattr(place, owner) if owner else place
    original, calls = getattr(place, name), []

    @functools.wraps(original)
    def pressing(*args, **kwargs):
        try:
            return original(*args, **kwargs)
        finally:
            calls.append(path)
            if len(calls) == number:
                with pathlib.Path(os.environ["PRESSED"]).open("a") as note:
                    note.write(path + "\\n")
                os.kill(0, signal.SIGINT)

    setattr(place, name, pressing)

points = os.environ.get("PRESSED_AFTER", "") if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0" else ""
for point in filter(None, points.split(",")):
    press_after(point.split()[0], int(point.split()[1]))
"""
PLAY = "- {hosts: all, gather_facts: false, tasks: [{name: Say, command: hostname}]}\n"
TESTS = """
import pytest

@pytest.mark.bgasync(hosts=2, services=["webhooks"])
def test_one(bgasync):
    assert bgasync.run("play.yml").ok

def test_two(bgasync):
    assert bgasync.run("play.yml").ok
"""

FOLDER = "tempfile.mkdtemp"
CREATE_NETWORK, REMOVE_NETWORK = (f"docker:APIClient.{name}_network" for name in ("create", "remove"))
CREATE, START, REMOVE = (f"docker:APIClient.{name}" for name in ("create_container", "start", "remove_container"))
TAKE, BEGIN = (f"pytest_bgasync.hosts.prestart:Ahead.{name}" for name in ("take", "begin"))
GIVEN_UP = "pytest_bgasync.hosts.scenario:Scenario.give_up"


@pytest.fixture(autouse=True)
def pressing(inner: Inner) -> None:
    recorder = inner.temp / "inner_recorder.py"
    recorder.write_text(recorder.read_text() + PRESSING)
    inner.file("play.yml", PLAY)
    inner.test(TESTS)


def environment(inner: Inner, *points: str) -> dict[str, str]:
    return {"PRESSED_AFTER": ",".join(points), "PRESSED": str(inner.temp / "pressed")}


def ended(inner: Inner, run: Started) -> Ended:
    """Return how a run ended that must have been interrupted, and have left nothing at that moment."""
    ended = run.wait()
    assert (inner.temp / "pressed").exists(), ended.output
    assert inner.left() == [], ended.output
    return ended


@pytest.mark.parametrize(
    "point",
    [
        f"{FOLDER} 1",
        pytest.param(f"{FOLDER} 2", marks=pytest.mark.thorough),
        pytest.param(f"{FOLDER} 3", marks=pytest.mark.thorough),
        f"{CREATE_NETWORK} 1",
        f"{CREATE} 1",
        pytest.param(f"{START} 3", marks=pytest.mark.thorough),
        f"{TAKE} 1",
        pytest.param(f"{BEGIN} 1", marks=pytest.mark.thorough),
        f"{REMOVE} 1",
        f"{REMOVE_NETWORK} 1",
    ],
)
def test_ctrl_c_in_a_session(inner: Inner, point: str) -> None:
    run = ended(inner, inner.start(env=environment(inner, point)))
    assert run.rc == pytest.ExitCode.INTERRUPTED, run.output
    assert "KeyboardInterrupt" in run.output
    assert "Traceback" not in run.output


@pytest.mark.parametrize(
    "points",
    [
        pytest.param((f"{CREATE} 2", f"{REMOVE} 1"), marks=pytest.mark.thorough),
        pytest.param((f"{TAKE} 1", f"{GIVEN_UP} 1"), marks=pytest.mark.thorough),
        (f"{REMOVE} 1", f"{REMOVE_NETWORK} 1"),
        (f"{TAKE} 2", f"{REMOVE} 1", f"{REMOVE} 1"),
    ],
)
def test_ctrl_c_twice_in_a_session(inner: Inner, points: tuple[str, ...]) -> None:
    run = ended(inner, inner.start(env=environment(inner, *points)))
    assert run.rc == pytest.ExitCode.INTERRUPTED, run.output


@pytest.mark.parametrize("points", [(f"{CREATE} 1",), (f"{CREATE} 1", f"{REMOVE} 1")])
def test_ctrl_c_with_workers(inner: Inner, points: tuple[str, ...]) -> None:
    run = inner.start("-n", "2", env=environment(inner, *points)).wait()
    assert run.rc == pytest.ExitCode.INTERRUPTED or len(points) > 1, run.output  # pytest itself is not to be disturbed
    inner.assert_nothing_left()  # a worker may take longer than the process that started it


@pytest.mark.parametrize(
    "points",
    [
        (f"{FOLDER} 1",),
        pytest.param((f"{CREATE_NETWORK} 1",), marks=pytest.mark.thorough),
        (f"{CREATE} 2",),
        pytest.param((f"{REMOVE} 1",), marks=pytest.mark.thorough),
        (f"{CREATE} 1", f"{REMOVE} 1"),
    ],
)
def test_ctrl_c_in_the_command(inner: Inner, points: tuple[str, ...]) -> None:
    env = environment(inner, *points)
    run = ended(inner, inner.start_bgasync("run", "play.yml", "--hosts", "2", env=env))
    assert run.rc == 130, run.output
    assert "Traceback" not in run.output


def test_a_second_ctrl_c_is_answered(inner: Inner) -> None:
    """It says what still goes on, and what a third one would do."""
    inner.conftest(
        """
        import os, pathlib, signal, threading
        import docker
        from pytest_bgasync.util.clock import Deadline

        remove = docker.APIClient.remove_network

        def removed(*args):
            os.kill(os.getpid(), signal.SIGINT)
            log = pathlib.Path(os.environ["LOG"])
            assert Deadline(60).wait_for(lambda: "still removing" in log.read_text())
            remove(*args)

        docker.APIClient.remove_network = removed
        """
    )
    inner.test("def test_one(bgasync):\n    raise KeyboardInterrupt\n")
    run = inner.start(env={"LOG": str(inner.temp / "output0")}).wait()
    assert run.rc == pytest.ExitCode.INTERRUPTED, run.output
    said = "bgasync: still removing the hosts: Ctrl-C once more leaves that to the next run, or to bgasync clean"
    assert run.output.splitlines().count(said) == 1, run.output
    inner.assert_nothing_left()


def test_a_third_ctrl_c_leaves_what_is_left(inner: Inner) -> None:
    """At once, and the next run removes it."""
    inner.conftest(
        """
        import os, pathlib, signal, time
        import docker
        from pytest_bgasync.util.clock import Deadline

        def stuck(*args):
            log = pathlib.Path(os.environ["LOG"])
            os.kill(os.getpid(), signal.SIGINT)
            assert Deadline(60).wait_for(lambda: "still removing" in log.read_text())
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(600)

        docker.APIClient.remove_network = stuck
        """
    )
    inner.test("def test_one(bgasync):\n    raise KeyboardInterrupt\n")
    run = inner.start(env={"LOG": str(inner.temp / "output0")}).wait(within=60)
    assert run.rc == pytest.ExitCode.INTERRUPTED, run.output
    said = "bgasync: gave up removing the hosts: the next run, or bgasync clean, removes what is left"
    assert run.output.splitlines().count(said) == 1, run.output
    inner.bgasync("clean")
    inner.assert_nothing_left()
