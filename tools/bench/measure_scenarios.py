"""Measures the eight scenarios with their own waits: ansible-playbook on hosts that are up, and the harness.

Of each, one test is for the one and one for the other; the former can wait side by side.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync import Lab
from pytest_bgasync.hosts.services import Registry
from pytest_bgasync.runs.ansible import ansible_playbook

ROOT = Path(__file__).parent.parent.parent
SCALE = 0.01
#: What the playbooks wait for takes five minutes.
WORK = 300
DATABASE: Mapping[str, Any] = {"hosts": ["db1"], "image": "fixtures/database"}
APPLICATION: Mapping[str, Any] = {"hosts": ["app1"], "image": "fixtures/application", "services": ["webhooks"]}
BALANCED: Mapping[str, Any] = {
    "hosts": {"app_servers": ["web1", "web2"]}, "image": "fixtures/application", "services": ["lb.example.com"],
}  # fmt: skip


def dump(lab: Lab) -> None:
    lab.host.stub("pg_dump", takes=WORK)


def migration(lab: Lab) -> None:
    lab.host.stub("/opt/myapp/bin/data-migration", rc=3, takes=WORK)


def update(lab: Lab) -> None:
    for host in lab.hosts.values():
        host.run("mv /opt/deploy/update.sh /opt/deploy/real")
        host.stub(
            "/opt/deploy/update.sh", script=f"#!/bin/sh\nsleep {WORK * lab.time_scale / 3}\nexec /opt/deploy/real $1\n"
        )


CASES: Mapping[str, tuple[Mapping[str, Any], Callable[[Lab], None], int]] = {
    "basic_async": (DATABASE, dump, 0),
    "fire_and_forget": (APPLICATION, lambda _: None, 0),
    "multiple_background": (DATABASE, dump, 0),
    "background_loop": (DATABASE, dump, 0),
    "background_services": (APPLICATION, lambda _: None, 0),
    "background_error_handling": (APPLICATION, migration, 2),
    "nohup_tasks": (APPLICATION, lambda _: None, 0),
    "rolling_update": (BALANCED, update, 0),
}


def cases(**more: Any) -> list[Any]:
    return [
        pytest.param(name, marks=pytest.mark.bgasync(**{**marker, "strict": False, **more}), id=name)
        for name, (marker, *_) in CASES.items()
    ]


@pytest.fixture(scope="session", autouse=True)
def balancer(bgasync_service: Registry) -> None:
    bgasync_service("lb.example.com", "fixtures/balancer", environment={"SERVERS": "web1 web2"}, ready=80)


def measured(name: str, way: str, play: Callable[[Path], int]) -> None:
    """Play a playbook, and write how long it took."""
    began = time.monotonic()
    rc = play(ROOT / "playbooks" / f"{name}.yml")
    taken = round(time.monotonic() - began, 3)
    assert rc == CASES[name][2]
    out, key = Path(os.environ["BENCH_OUT"], f"{name}-{way}.json"), f"{name}, {way}"
    earlier = json.loads(out.read_text())[key] if out.exists() else []
    out.write_text(json.dumps({key: [*earlier, taken]}))


@pytest.mark.parametrize("name", cases(time_scale=1))
def test_bare(bgasync: Lab, tmp_path: Path, name: str) -> None:
    CASES[name][1](bgasync)
    hosts = {host: dict(bgasync._scenario.variables(host)) for host in bgasync.hosts}
    groups = {"app_servers": {"hosts": dict.fromkeys(hosts)}}
    if name == "rolling_update":  # it delegates, and its pattern is that of a group
        hosts[bgasync.localhost.name] = dict(bgasync._scenario.variables(bgasync.localhost.name))
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "children": groups}}))
    words = [str(ansible_playbook()), "-i", str(inventory), "-e", "app_version=2.0"]
    measured(name, "ansible-playbook", lambda path: subprocess.run([*words, str(path)], check=False).returncode)


@pytest.mark.parametrize("name", cases(time_scale=SCALE))
def test_ours(bgasync: Lab, name: str) -> None:
    CASES[name][1](bgasync)
    measured(name, "pytest-bgasync", lambda path: bgasync.run(path, extra_vars={"app_version": "2.0"}).rc)
