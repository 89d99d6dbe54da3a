"""Where a play stops: both ends of the connection."""

from __future__ import annotations

import importlib.util
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync import remote
from pytest_bgasync.runs.pause_server import Gate, Stop

CONTROLLER = remote.CONTROLLER / "bgasync_controller/gate.py"


@pytest.fixture
def controller() -> Any:
    """The end in ansible-playbook; it cannot be imported here by its name."""
    spec = importlib.util.spec_from_file_location("controller_gate", CONTROLLER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def timeout() -> Iterator[None]:
    """A task's ``timeout`` of a quarter of a second, as Ansible sets it."""

    def passed(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, passed)
    signal.setitimer(signal.ITIMER_REAL, 0.25)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("timeout")
def test_the_timeout_of_a_task_does_not_pass_while_it_stands_still(controller: Any, tmp_path: Path) -> None:
    def arrived(stop: Stop) -> None:
        threading.Timer(0.5, stop.release).start()

    gate = Gate(tmp_path / "gate", arrived)
    controller.Gate(str(gate.path), []).stop(point="launch")
    gate.close()
    with pytest.raises(TimeoutError):
        time.sleep(20)
