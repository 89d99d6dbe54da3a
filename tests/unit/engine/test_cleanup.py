"""What a sweep removes, and what it leaves alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError

from pytest_bgasync.engine import ownership as owner
from pytest_bgasync.engine.cleanup import ABANDONED, leftovers, made_by, sweep
from pytest_bgasync.engine.client import Engine
from pytest_bgasync.engine.ownership import OWNER, make_folder, owner_label
from pytest_bgasync.engine.scenario_record import Record
from pytest_bgasync.util.processes import is_alive

OURS: dict[str, Any] = json.loads(owner_label()[OWNER])


def stamp(age: float) -> str:
    """Return the moment ``age`` seconds ago, as the engine writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - age)) + ".123456789Z"


def moment(stamped: str) -> int:
    return int(datetime.fromisoformat(stamped[:19] + "+00:00").timestamp())


def ended_pid() -> int:
    return subprocess.Popen([sys.executable, "-c", ""]).wait() or 2**22 + 1  # above every pid of Linux


OLD, YOUNG = stamp(ABANDONED + 60), stamp(60)
DEAD = json.dumps({**OURS, "pid": ended_pid()})
REUSED = json.dumps({**OURS, "ticks": OURS["ticks"] - 1})
ALIVE = json.dumps(OURS)
ELSEWHERE = json.dumps({**OURS, "domain": "another machine"})


class Thing:
    """A container, network or image of the fake engine; it remembers that it was removed."""

    def __init__(self, label: str, created: str, status: str = "created", *, busy: bool = False) -> None:
        self.name = "thing"
        self.status = status
        self.labels = {OWNER: label}
        self.attrs = {"Created": created, "Labels": self.labels, "Config": {"Labels": self.labels}}
        #: How the engine lists an image.
        self.listed = {"Id": "sha256:thing", "Labels": self.labels, "Created": moment(created)}
        self.busy = busy
        self.removed = False

    def remove(self, **_: bool) -> None:
        if self.busy:
            raise APIError("in use")
        self.removed = True

    def reload(self) -> None:
        """Nothing has changed since it was listed."""


KEPT = Record("0123456789", "test_a.py::test_one", "unix:///engine", {}, kept=True)


class Kept(Thing):
    """A host that is kept, of a pytest that has ended; once removed, the engine does not list it."""

    def __init__(self, label: str = "") -> None:
        super().__init__(label or DEAD, YOUNG, "running")
        self.name = "bgasync-kept-0123456789-web1"


def swept(**things: Thing) -> list[str]:
    """Sweep a fake engine that has these, by kind."""
    engine = fake_engine(things)
    found = leftovers(engine)
    removed = sweep(engine)
    assert set(removed) <= set(found), "what would be removed is told before"
    return removed


def fake_engine(things: Mapping[str, Thing]) -> Engine:

    def listing(kind: str) -> Any:
        def there(**_: object) -> list[Thing]:
            found = [things[kind]] if kind in things else []
            return [one for one in found if not (isinstance(one, Kept) and one.removed)]

        return SimpleNamespace(list=there, remove=lambda _: things[kind].remove())

    def images(**_: object) -> list[dict[str, Any]]:
        return [things["image"].listed] if "image" in things else []

    client = SimpleNamespace(**{f"{kind}s": listing(kind) for kind in ("container", "network", "image")})
    client.containers.get = lambda _: things["container"]
    client.api = SimpleNamespace(
        images=images, containers=lambda **_: [{"Id": "thing"} for _ in client.containers.list()]
    )
    return cast(Engine, SimpleNamespace(client=client, url="unix:///engine"))


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(owner, "SHORT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(("longest", "place"), [(1, "short"), (1000, "")])
def test_a_folder_has_a_path_that_is_short_enough_for_sockets(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, longest: int, place: str
) -> None:
    (temporary / "short").mkdir()
    monkeypatch.setattr(owner, "SHORT", temporary / "short")
    monkeypatch.setattr(owner, "LONGEST_PLACE", longest)
    folder = make_folder()
    assert folder.parent == temporary / place
    (folder / OWNER).write_text(DEAD)
    assert swept() == [f"folder {folder}"]


JUDGED = [
    pytest.param(DEAD, YOUNG, True, id="its process has gone"),
    pytest.param(REUSED, YOUNG, True, id="its pid is another process now"),
    pytest.param(ALIVE, OLD, False, id="its process is this one, however old"),
    pytest.param(ELSEWHERE, OLD, True, id="of another machine and old"),
    pytest.param(ELSEWHERE, YOUNG, False, id="of another machine and young"),
    pytest.param("", OLD, False, id="an empty label"),
    pytest.param("not JSON", OLD, False, id="a label of somebody else"),
    pytest.param("[1]", OLD, False, id="a list for a label"),
    pytest.param('{"pid": 1}', OLD, False, id="half a label"),
    pytest.param(json.dumps({**OURS, "pid": "x"}), OLD, False, id="a pid that is none"),
]


@pytest.mark.parametrize("kind", ["container", "network", "image"])
@pytest.mark.parametrize(("label", "created", "removed"), JUDGED)
def test_only_what_a_dead_run_left_is_removed(kind: str, label: str, created: str, removed: bool) -> None:
    thing = Thing(label, created)
    assert swept(**{kind: thing}) == ([f"{kind} thing"] if removed else [])
    assert thing.removed is removed


def test_a_running_container_of_another_machine_is_left_alone_however_old() -> None:
    assert swept(container=Thing(ELSEWHERE, OLD, "running")) == []


def test_a_running_container_of_a_dead_process_of_this_machine_is_removed() -> None:
    assert swept(container=Thing(DEAD, YOUNG, "running")) == ["container thing"]


@pytest.mark.parametrize("kind", ["container", "network", "image"])
def test_what_the_engine_does_not_let_go_is_passed_over(kind: str) -> None:
    assert swept(**{kind: Thing(DEAD, OLD, busy=True)}) == []


def test_a_folder_of_this_process_stays_and_that_of_a_dead_one_goes(temporary: Path) -> None:
    """A folder that carries no label is nobody's we know."""
    ours, theirs, other = make_folder(), make_folder(), temporary / "bga-not-ours"
    assert json.loads((ours / OWNER).read_text()) == OURS
    (theirs / OWNER).write_text(DEAD)
    other.mkdir()
    assert swept() == [f"folder {theirs}"]
    assert sorted(temporary.iterdir()) == sorted([ours, other])


@pytest.mark.parametrize(
    ("domain", "age", "removed"),
    [
        pytest.param("another-boot pid:[1]", ABANDONED + 60, True, id="of another boot and old"),
        pytest.param("another-boot pid:[1]", 60, False, id="of another boot and young"),
        pytest.param(
            OURS["domain"].split()[0] + " pid:[1]", 9 * ABANDONED, False, id="of other processes of this boot"
        ),
    ],
)
def test_a_folder_that_nobody_can_be_asked_about_goes_when_it_is_of_another_boot(
    domain: str, age: float, removed: bool
) -> None:
    folder = make_folder()
    (folder / OWNER).write_text(json.dumps({**OURS, "domain": domain}))
    os.utime(folder / OWNER, times=(time.time() - age,) * 2)
    assert swept() == ([f"folder {folder}"] if removed else [])


def test_what_is_kept_stays_until_that_is_asked_for() -> None:
    folder, host, network = make_folder(), Kept(), Thing(DEAD, OLD)
    (folder / OWNER).write_text(DEAD)
    KEPT.write(folder)
    network.name = "bgasync-0123456789"
    assert swept(container=host, network=network) == []
    everything = [f"container {host.name}", f"network {network.name}", f"folder {folder}"]
    assert sweep(fake_engine({"container": host, "network": network}), {KEPT.scenario}.__contains__) == everything


def test_what_is_kept_goes_when_it_is_asked_for_while_the_pytest_that_kept_it_goes_on() -> None:
    host = Kept(ALIVE)
    assert sweep(fake_engine({"container": host}), {"of another"}.__contains__) == []
    assert sweep(fake_engine({"container": host}), {KEPT.scenario}.__contains__) == [f"container {host.name}"]


def test_the_folder_of_kept_hosts_that_have_ended_goes_unless_another_engine_has_them() -> None:
    folder, other = make_folder(), make_folder()
    for one in (folder, other):
        (one / OWNER).write_text(DEAD)
    KEPT.write(folder)
    replace(KEPT, engine="ssh://farm1").write(other)
    assert swept() == [f"folder {folder}"]
    assert other.is_dir()


@pytest.mark.parametrize(
    ("since", "removed"), [("bgasync-kept-0123456789-web1", False), ("bgasync-0123456789-web1", True)]
)
def test_a_container_that_was_kept_by_a_run_which_has_died_since_it_was_listed_stays(
    since: str, removed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Thing(DEAD, YOUNG, "running")
    host.name = "bgasync-0123456789-web1"
    monkeypatch.setattr(host, "reload", lambda: setattr(host, "name", since))
    sweep(fake_engine({"container": host}))
    assert host.removed is removed


def test_the_folder_of_a_run_that_is_just_keeping_its_hosts_stays() -> None:
    """It has written that down, and its containers have their old names yet."""
    folder, host = make_folder(), Thing(ALIVE, YOUNG, "running")
    host.name = "bgasync-0123456789-web1"
    KEPT.write(folder)
    assert swept(container=host) == []
    assert folder.is_dir()


def test_a_folder_of_hosts_that_were_kept_while_the_sweep_was_at_work_stays() -> None:
    """Its containers are asked for last, when what takes long has been removed."""
    folder = make_folder()
    (folder / OWNER).write_text(DEAD)
    things: dict[str, Thing] = {"network": Thing(DEAD, OLD)}

    def keep(**_: bool) -> None:
        KEPT.write(folder)
        things["container"] = Kept()

    things["network"].remove = keep  # type: ignore[method-assign]
    assert sweep(fake_engine(things)) == ["network thing"]
    assert folder.is_dir()


def test_an_engine_that_does_not_list_what_it_has_is_asked_another_time() -> None:
    def fail(**_: object) -> None:
        raise APIError("no such image")

    thing = Thing(DEAD, OLD)
    networks = SimpleNamespace(list=lambda **_: [thing])
    client = SimpleNamespace(networks=networks, api=SimpleNamespace(containers=fail, images=fail))
    assert sweep(cast(Engine, SimpleNamespace(client=client, url="unix:///engine"))) == ["network thing"]


def test_a_container_that_goes_while_they_are_listed_is_passed_over() -> None:
    def get(number: str) -> Thing:
        if number == "gone":
            raise APIError("500 Server Error: no such container")  # as Podman says it
        return thing

    thing = Thing(DEAD, YOUNG)
    client = SimpleNamespace(
        api=SimpleNamespace(containers=lambda **_: [{"Id": "gone"}, {"Id": "thing"}], images=lambda **_: []),
        containers=SimpleNamespace(get=get),
        networks=SimpleNamespace(list=lambda **_: []),
    )
    assert sweep(cast(Engine, SimpleNamespace(client=client, url="unix:///engine")), lambda _: True) == [
        "container thing"
    ]


BUILD = """\
Step 1/4 : FROM app:latest
 ---> aaaaaaaaaaaa
Step 2/4 : ENV A=1
 ---> Using cache
 ---> bbbbbbbbbbbb
Step 3/4 : RUN date
 ---> Running in 111111111111
 ---> Removed intermediate container 111111111111
 ---> cccccccccccc
Step 4/4 : COPY x /x
 ---> dddddddddddd
"""


def test_of_a_build_only_what_it_has_made_is_its_own() -> None:
    assert made_by(BUILD) == {"cccccccccccc", "dddddddddddd"}


def test_a_label_names_this_process() -> None:
    assert OURS["pid"] == os.getpid()
    assert set(OURS) == {"domain", "pid", "ticks"}


def test_a_process_that_may_not_be_looked_at_is_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for another user where /proc is mounted with hidepid."""

    def refuse(*_: int) -> None:
        raise PermissionError

    who = json.loads(DEAD)
    assert is_alive(who) is False
    monkeypatch.setattr(os, "kill", refuse)
    assert is_alive(who) is None


@pytest.mark.parametrize("kind", ["foreign", "open", "link", "fifo", "sparse", "deep"])
def test_folders_that_are_not_ours_are_passed_over(temporary: Path, kind: str) -> None:
    outside, folder = temporary / "outside", make_folder()
    (folder / OWNER).write_text(DEAD)
    KEPT.write(folder)
    if kind == "foreign":
        os.chown(folder, 65534, 65534) if os.geteuid() == 0 else folder.chmod(0o777)
    elif kind == "open":
        folder.chmod(0o770)
    elif kind == "link":
        folder.rename(outside)
        folder.symlink_to(outside)
    else:
        (folder / OWNER).unlink()
        if kind == "fifo":
            os.mkfifo(folder / OWNER)
        else:
            (folder / OWNER).write_text("[" * 500_000 if kind == "deep" else "")
            os.truncate(folder / OWNER, 1 << 30) if kind == "sparse" else None
    (folder / "scenario.json").unlink()
    assert swept() == []
    assert folder.is_dir()


@pytest.mark.parametrize("label", ["[" * 500_000, '{"pid": 1e999}', "[]", "1"])
def test_labels_that_we_have_not_written_mean_nothing(label: str) -> None:
    assert swept(network=Thing(label, OLD)) == []
