"""The command `bgasync` with real hosts."""

from __future__ import annotations

import json
import os
import re

import pytest

from pytest_bgasync.engine.ownership import OWNER
from pytest_bgasync.util.processes import identify

from .inner import Inner, assert_no_insides

PLAY = """
- hosts: web
  gather_facts: false
  tasks:
    - name: Start the export
      ansible.builtin.command: sh -c "exit {{ rc | default(0) }}"
      async: 60
      poll: 0
      register: export
    - name: See it end
      ansible.builtin.async_status: {jid: "{{ export.ansible_job_id }}"}
      register: status
      until: status.finished
      retries: 60
      delay: 1
      tags: [collect]
    - name: Say so
      ansible.builtin.uri: {url: "https://hooks.example.com/done", method: POST, body: done}
      tags: [notify]
"""


@pytest.fixture(autouse=True)
def project(inner: Inner) -> None:
    inner.file("playbooks/export.yml", PLAY)
    inner.ini("bgasync_time_scale = 0.2")


def test_a_playbook_is_run_without_a_test(inner: Inner) -> None:
    ended = inner.bgasync("run", "export.yml", "--hosts=web=web1,web2", "--service=webhooks")
    assert ended.rc == 0, ended.output
    assert "TASK [See it end]" in ended.output
    row = r"^SUCCEEDED  {}  Start the export  rc=0  [\d.]+ of 12 s \(60 playbook s\)  collected  j\d+\.\d+$"
    for host in ("web1", "web2"):
        assert re.search(row.format(host), ended.output, re.MULTILINE), ended.output
    assert re.search(r"^2 background jobs: 2 succeeded; \d remarks\n2 webhooks$", ended.output, re.MULTILINE)
    assert ended.output.count("POST https://hooks.example.com/done from web") == 2
    assert ended.output.index("PLAY RECAP") < ended.output.index("SUCCEEDED  web1")
    assert_no_insides(ended.output)
    inner.assert_nothing_left()


def test_options_of_ansible_and_of_a_run(inner: Inner) -> None:
    what = ["--hosts=web=web1,web2", "--limit=web1", "--tags=notify", "--check", "-v", "--deadline=100"]
    ended = inner.bgasync("run", "export.yml", *what, "--keep=always")
    assert ended.rc == 0, ended.output
    assert re.search(r"^skipping: \[web1\] => ", ended.output, re.MULTILINE), ended.output  # in check mode, with -v
    assert "TASK [Start the export]" not in ended.output
    assert not re.search(r"^web2 +: ok", ended.output, re.MULTILINE)
    assert len(inner.containers("running")) == 3
    inner.bgasync("clean")
    inner.assert_nothing_left()


def test_the_exit_status_is_that_of_ansible_or_says_that_jobs_are_not_accounted_for(inner: Inner) -> None:
    failed = inner.bgasync("run", "export.yml", "--hosts=web=web1", "-e", "rc=3", "--keep=failed", "--skip-tags=notify")
    assert failed.rc == 2, failed.output
    assert re.search(r"^FAILED +web1 +Start the export +rc=3 ", failed.output, re.MULTILINE), failed.output
    assert "bgasync shell " in failed.output
    assert [name[24:] for name in sorted(inner.containers())] == ["localhost", "web1"]
    assert "removed container" in inner.bgasync("clean").output

    inner.file("mine", "[web]\nweb1 ansible_host=192.0.2.1\n")
    options = ["run", "export.yml", "--inventory=mine", "--skip-tags=notify,collect"]
    left = inner.bgasync(*options)
    assert left.rc == 1
    assert "uncollected: nobody read the result of job 'Start the export' on web1" in left.output
    assert inner.bgasync(*options, "--no-strict").rc == 0
    inner.assert_nothing_left()


def test_ctrl_c_leaves_nothing(inner: Inner) -> None:
    inner.file("long.yml", "- hosts: all\n  gather_facts: false\n  tasks: [{name: Wait, command: sleep 600}]\n")
    run = inner.start_bgasync("run", "long.yml")
    run.wait_for(lambda: "TASK [Wait]" in run.output, "the task")
    run.interrupt()
    ended = run.wait()
    assert ended.rc == 130
    assert_no_insides(ended.output)
    inner.assert_nothing_left()


def test_hosts_of_a_test_that_runs_are_listed_and_can_be_entered(inner: Inner) -> None:
    inner.test(
        """
        import os, time

        def test_one(bgasync):
            open("begun", "w").close()
            while not os.path.exists("end"):
                time.sleep(0.1)
        """
    )
    run = inner.start()
    run.wait_for((inner.path / "begun").exists, "the test")
    listed = inner.bgasync("ls")
    # Hosts of other sessions may be there, too.
    (name,) = {container.removeprefix("bgasync-") for container in inner.containers() if container.endswith("-host1")}
    assert re.search(rf"^{name} +in use +\d+ s .* test_inner.py::test_one +bgasync shell ", listed.output, re.MULTILINE)
    entered = inner.bgasync("shell", name, "--", "sudo", "-n", "sh", "-c", "echo $0 $USER 'a  b'")
    assert (entered.rc, entered.output) == (0, "sh root a  b\n"), entered.output
    (inner.path / "end").touch()
    run.wait().assert_passed(1)
    inner.assert_nothing_left()


def test_images_are_built_listed_and_removed(inner: Inner, target: str) -> None:
    inner.file("mine/Dockerfile", "ARG BGASYNC_TARGET\nFROM ${BGASYNC_TARGET}\nRUN touch /mine\n")
    built = inner.bgasync("image", "build", "mine")
    assert built.rc == 0, built.output
    assert f"{target} is there\n" in built.output
    (name,) = re.findall(r"^(bgasync/mine:\w+) is there$", built.output, re.MULTILINE)
    assert re.search(rf"^{name} +\d+ MB +\d+ s old$", inner.bgasync("image", "list").output, re.MULTILINE)
    assert inner.bgasync("image", "remove", name).output == f"removed {name}\n"
    gone = inner.bgasync("image", "remove", name)
    assert (gone.rc, gone.output) == (
        1,
        f"bgasync: there is no image {name!r} that was built here: see bgasync image list\n",
    )


def test_doctor_finds_all_well_and_names_what_dead_runs_left(inner: Inner) -> None:
    well = inner.bgasync("doctor")
    assert well.rc == 0, well.output
    assert re.search(r"^ok +engine +(Docker|Podman) [\d.]+.* at \S+ \(DOCKER_HOST=\S+\)$", well.output, re.MULTILINE)
    assert re.search(r"^ok +image +bgasync/target:\w+, \d+ MB$", well.output, re.MULTILINE)
    assert re.search(r"^ok +fork server +runs are forked", well.output, re.MULTILINE)
    folder = inner.temp / "bga-dead"
    folder.mkdir()
    (folder / OWNER).write_text(json.dumps({**identify(os.getpid()), "ticks": 1}))
    left = inner.bgasync("doctor")
    assert left.rc == 0
    assert re.search(rf"^note +leftovers +dead runs left .*folder {folder}", left.output, re.MULTILINE), left.output
    assert folder.is_dir()
    assert f"removed folder {folder}\n" in inner.bgasync("clean").output
    assert not folder.exists()
