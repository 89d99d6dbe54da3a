"""Images that cannot be hosts, and images that can."""

from __future__ import annotations

import io
import re
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import suppress

import pytest
from docker.errors import APIError

from pytest_bgasync import Engine

from .inner import STUCK, Inner, assert_no_insides, wait_until

TEST = "import pytest\n@pytest.mark.bgasync(image={image!r})\ndef test_one(bgasync): {body}"
#: Gives an interrupt the time to come between the steps of a start.
SLOW = """
import time
from docker.api.container import ContainerApiMixin as Api

def slowed(step):
    def slow(*args, **kwargs):
        time.sleep(0.5)
        return step(*args, **kwargs)
    return slow

for step in ("create_container", "start", "inspect_container"):
    setattr(Api, step, slowed(getattr(Api, step)))
"""


@pytest.fixture
def name(bgasync_engine: Engine) -> Iterator[str]:
    """A name for an image, which is removed after the test with all that was built under it, and its containers.

    What two tests build needs the name in it: of the same steps the engine makes one image.
    """
    name = f"inner-{uuid.uuid4().hex[:12]}"
    yield name
    client = bgasync_engine.client
    for tag in [tag for image in client.images.list() for tag in image.tags if name in tag]:
        for container in client.containers.list(all=True, filters={"ancestor": tag}, ignore_removed=True):
            with suppress(APIError):  # on its way out already
                container.remove(force=True)
        client.images.remove(tag, force=True)


def build(engine: Engine, name: str, dockerfile: str) -> None:
    """Build an image that the plugin knows nothing of."""
    engine.client.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=name, rm=True, forcerm=True)


@pytest.mark.parametrize("way", ["marker", "option", "ini"])
def test_an_image_that_does_not_exist(inner: Inner, way: str) -> None:
    image = "127.0.0.1:1/no-such-image:1"
    inner.test(TEST.format(image=image if way == "marker" else None, body="pass"))
    inner.ini(f"bgasync_image = {image}" if way == "ini" else "")
    ended = inner.run(*(["--bgasync-image", image] if way == "option" else []))
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says(
        f"image {image!r} is not in the engine and cannot be pulled (", "check its name, or build or load"
    )
    inner.assert_nothing_left()


@pytest.mark.parametrize("image", ["No Such Image", "UPPER", "a:b:c", "-x"])
def test_a_name_that_no_image_can_have(inner: Inner, image: str) -> None:
    inner.test(TEST.format(image=image, body="pass"))
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says(f"{image!r} is no name of an image")
    inner.assert_nothing_left()


@pytest.mark.parametrize("image", ["./images/web", "images/web", "/nonexistent/web"])
def test_a_folder_without_a_dockerfile(inner: Inner, image: str) -> None:
    inner.file("images/web/readme.txt", "no Dockerfile")
    inner.test(TEST.format(image=image, body="pass"))
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says(
        f"image {image!r} looks like a folder, but no Dockerfile is there: name a folder with a Dockerfile"
    )
    inner.assert_nothing_left()


def test_a_folder_whose_image_cannot_be_built_says_why_and_keeps_the_log(inner: Inner, name: str) -> None:
    inner.file(f"{name}/Dockerfile", "ARG BGASYNC_TARGET\nFROM ${BGASYNC_TARGET}\nRUN echo about to go wrong; exit 7\n")
    inner.test(TEST.format(image=name, body="pass"))
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says("could not be built: ", "returned a non-zero code: 7", "; its whole log is ")
    log = inner.temp / "home" / ended.output.rpartition("; its whole log is ")[2].split("\n")[0]
    assert "about to go wrong" in log.read_text()
    inner.assert_nothing_left()


def test_an_image_of_another_system_that_lacks_things_gets_advice(
    inner: Inner, bgasync_engine: Engine, target: str, name: str
) -> None:
    lacking = "rm -f /usr/bin/python3* /usr/sbin/sshd /usr/bin/sudo; echo ID=alpine >/etc/os-release"
    build(bgasync_engine, name, f"FROM {target}\nLABEL bgasync.host=\nRUN {lacking}\n")
    inner.test(TEST.format(image=name, body="pass"))
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says(
        f"image {name!r} (alpine) lacks python3, openssh-server, sudo, which can only be added by itself on Debian",
        f"    FROM {name}\n    USER root\n    RUN apk add --no-cache python3 openssh sudo",
    )
    inner.assert_nothing_left()


def test_an_image_without_a_shell(inner: Inner, bgasync_engine: Engine, name: str) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    bgasync_engine.client.api.import_image_from_data(archive.getvalue(), repository=name, tag="latest")
    inner.test(TEST.format(image=name, body="pass"))
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says(f"image {name!r} cannot be looked into (", "a host needs a Linux image with /bin/sh")
    inner.assert_nothing_left()
    assert not bgasync_engine.client.containers.list(all=True, filters={"ancestor": name}, ignore_removed=True)


def test_an_image_of_another_system_that_lacks_nothing_becomes_a_host(
    inner: Inner, bgasync_engine: Engine, target: str, name: str
) -> None:
    build(bgasync_engine, name, f"FROM {target}\nLABEL bgasync.host=\nRUN echo ID=alpine >/etc/os-release\n")
    inner.test(TEST.format(image=name, body="assert bgasync.host.read('/etc/os-release') == 'ID=alpine\\n'"))
    ended = inner.run()
    ended.assert_passed(1)
    made = ended.output.rpartition("building image ")[2].split(" ")[0]
    bgasync_engine.client.images.remove(made)


def test_a_host_that_never_answers(inner: Inner, name: str) -> None:
    inner.file(f"{name}/10-slow", f"#!/bin/sh\n# {name}\necho waiting for a disk; exec sleep 600\n").chmod(0o755)
    inner.file(f"{name}/Dockerfile", "ARG BGASYNC_TARGET\nFROM ${BGASYNC_TARGET}\nCOPY 10-slow /etc/bgasync/boot.d/\n")
    inner.test(TEST.format(image=name, body="pass").replace("bgasync(", "bgasync(['web1'], "))
    ended = inner.run("-o", "bgasync_boot=3")
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says(
        "host web1 (image ",
        "did not answer over ssh within 3 s (the ini key bgasync_boot):",
        "see what its image starts in /etc/bgasync/boot.d.",
        "Its output ends with:\nwaiting for a disk\n",
    )
    inner.assert_nothing_left()


def test_a_host_whose_start_hangs_ends_with_a_pytest_that_is_killed(inner: Inner, name: str) -> None:
    inner.file(f"{name}/10-slow", f"#!/bin/sh\n# {name}\nexec sleep 600\n").chmod(0o755)
    inner.file(f"{name}/Dockerfile", "ARG BGASYNC_TARGET\nFROM ${BGASYNC_TARGET}\nCOPY 10-slow /etc/bgasync/boot.d/\n")
    inner.test(TEST.format(image=name, body="pass"))
    run = inner.start("-o", f"bgasync_boot={2 * STUCK}")
    run.wait_for(lambda: inner.containers("running"), "its container")
    run.kill()
    run.wait()
    wait_until(lambda: not inner.containers(), within=5, what="the containers of a killed run are gone")
    assert inner.bgasync("clean").rc == 0


def test_a_host_that_ends_while_it_starts(inner: Inner, name: str) -> None:
    inner.file(f"{name}/10-broken", f"#!/bin/sh\n# {name}\necho no such disk >&2; exit 3\n").chmod(0o755)
    inner.file(
        f"{name}/Dockerfile", "ARG BGASYNC_TARGET\nFROM ${BGASYNC_TARGET}\nCOPY 10-broken /etc/bgasync/boot.d/\n"
    )
    inner.test(TEST.format(image=name, body="pass").replace("bgasync(", "bgasync(['web1'], "))
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"errors": 1})
    ended.assert_says("ended while it was starting: see what", "Its output ends with:\nno such disk\n")
    assert "host web1 " in ended.output
    inner.assert_nothing_left()


def test_a_localhost_that_does_not_start_is_told_by_the_run_that_needs_it(inner: Inner, name: str, target: str) -> None:
    inner.file(
        f"{name}/Dockerfile", "ARG BGASYNC_TARGET\nFROM ${BGASYNC_TARGET}\nCOPY 10-broken /etc/bgasync/boot.d/\n"
    )
    inner.file(f"{name}/10-broken", f"#!/bin/sh\n# {name}\necho no such disk >&2; exit 3\n").chmod(0o755)
    inner.ini(f"bgasync_image = {name}")
    inner.test(f"""
        import pytest
        from pytest_bgasync import HostProblem

        @pytest.mark.bgasync(image={target!r})
        def test_one(bgasync):
            assert bgasync.run_text("- {{hosts: all, tasks: [{{command: 'true'}}]}}").ok
            away = "command: 'true', delegate_to: localhost, ignore_unreachable: true"
            tasks = ["command: 'true', async: 60, poll: 0", away, away + ", async: 60, poll: 0"]
            tasks = ", ".join("{{" + task + "}}" for task in tasks)
            with pytest.raises(HostProblem) as caught:
                bgasync.run_text("- {{hosts: all, gather_facts: false, tasks: [" + tasks + "]}}")
            here, away = caught.value.run.jobs
            assert [here.wait().outcome, away.outcome] == ["succeeded", "unreachable"]
            with pytest.raises(HostProblem, match="ended while it was starting"):
                bgasync.localhost
            raise caught.value
    """)
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"failed": 1}), ended.output
    ended.assert_says(
        "playbook given as text needed localhost: host localhost (image bgasync/",
        "ended while it was starting: see what",
        "no such disk",
    )
    ended.assert_says("2 background jobs: 1 succeeded, 1 unreachable")
    inner.assert_nothing_left()


def test_two_runs_that_need_the_same_image_at_the_same_moment_end_in_one(
    inner: Inner, bgasync_engine: Engine, name: str
) -> None:
    inner.file(f"{name}/Dockerfile", f"ARG BGASYNC_TARGET\nFROM ${{BGASYNC_TARGET}}\nRUN echo {name} >/made\n")
    inner.test(TEST.format(image=name, body=f"assert bgasync.host.read('/made') == '{name}\\n'"))
    runs = [inner.start(), inner.start()]
    ended = [run.wait() for run in runs]
    for run in ended:
        run.assert_passed(1)
    assert sum(run.output.count("bgasync: building image ") for run in ended) == 1
    assert len({image.id for image in bgasync_engine.client.images.list(name=f"bgasync/{name}")}) == 1
    inner.assert_nothing_left()


def test_a_folder_image_is_looked_for_beside_the_test_and_then_in_the_rootdir(inner: Inner, name: str) -> None:
    for place in (".", "tests"):
        dockerfile = f"ARG BGASYNC_TARGET\nFROM ${{BGASYNC_TARGET}}\nENV PLACE={place}\n"
        inner.file(f"{place}/{name}/Dockerfile", dockerfile)
    body = "assert f'PLACE={place}' in bgasync.host.container.attrs['Config']['Env']"
    for place in (".", "tests"):
        text = TEST.format(image=name, body=body).replace("{place}", place)
        inner.file(f"{place}/test_{'root' if place == '.' else 'beside'}.py", text)
    inner.run("test_root.py", "tests").assert_passed(2)


@pytest.mark.parametrize("status", ["", pytest.param("created", marks=pytest.mark.thorough), "running"])
def test_ctrl_c_ends_a_run_that_waits_for_its_hosts(inner: Inner, name: str, status: str) -> None:
    inner.file(f"{name}/10-slow", f"#!/bin/sh\n# {name}\nexec sleep 600\n").chmod(0o755)
    inner.file(f"{name}/Dockerfile", "ARG BGASYNC_TARGET\nFROM ${BGASYNC_TARGET}\nCOPY 10-slow /etc/bgasync/boot.d/\n")
    # Longer than these tests have patience: only the interrupt can end it.
    inner.conftest(SLOW)
    inner.test(TEST.format(image=name, body="pass"))
    run = inner.start("-o", f"bgasync_boot={2 * STUCK}")
    run.wait_for(lambda: inner.containers(status) if status else inner.networks(), f"a container or network {status}")
    run.interrupt()
    ended = run.wait()
    assert ended.rc == pytest.ExitCode.INTERRUPTED, ended.output
    assert "KeyboardInterrupt" in ended.output
    assert_no_insides(ended.output)
    inner.assert_nothing_left()


def test_what_a_killed_build_of_a_folder_left_is_swept(inner: Inner, bgasync_engine: Engine) -> None:
    inner.file("slow/Dockerfile", "ARG BGASYNC_TARGET\nFROM ${BGASYNC_TARGET}\nRUN date > /built\nRUN sleep 600\n")
    inner.test(TEST.format(image="slow", body="pass"))
    run = inner.start()
    logs = inner.temp / "home" / ".cache" / "pytest-bgasync" / "logs"
    made = re.compile(r"^ ---> ([0-9a-f]{12})$", re.MULTILINE)

    def layers() -> list[str]:
        return [number for log in logs.glob("*slow*.log") for number in made.findall(log.read_text())]

    run.wait_for(lambda: len(layers()) >= 2, "the second step of the build")
    half = layers()[-1]
    assert bgasync_engine.client.images.get(half)
    run.kill()
    run.wait()

    def swept() -> bool:
        assert inner.bgasync("clean").rc == 0
        return not any(
            str(image.id).startswith(f"sha256:{half}") for image in bgasync_engine.client.images.list(all=True)
        )

    # The engine lets go of the image once it has noticed that nobody waits for the build.
    wait_until(swept, within=60, what="the half-built image is gone")
