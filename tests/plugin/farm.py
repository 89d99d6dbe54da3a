"""An engine that is as far away as one on another machine: it has a network of its own, where no port of it is ours."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import trustme

from pytest_bgasync.engine.client import Engine, find
from pytest_bgasync.engine.image_transfer import Shelves
from pytest_bgasync.util.clock import Deadline

from . import carrier

#: Real seconds in which an engine starts, and ends.
START = 60
ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
#: Where a far engine listens, in a network that is its own.
PORT = 2376


@contextmanager
def far_engine(near: Engine, image: str) -> Iterator[tuple[Engine, Certificates, Path]]:
    """Start an engine that has an image already, and end it.

    It listens at a socket, and over TCP with TLS in its own network, into which another socket leads; yield the
    engine at the first, the certificates, and the path of the second.
    """
    folder = Path(tempfile.mkdtemp(prefix="farm-"))
    listens, way_in = f"unix://{folder}/socket", folder / "tls"
    certificates = Certificates(folder / "certificates")
    dockerd = (
        f"ip link set lo up; umask 0; {sys.executable} {carrier.__file__} {way_in} {PORT} &"
        f" echo $! >{folder}/carrier-pid; umask 022;"
        f" exec dockerd --data-root {folder}/data --exec-root {folder}/exec"
        f" --pidfile {folder}/pid --host {listens} --group {os.getgid()}"
        f" --host tcp://127.0.0.1:{PORT} {certificates.options}"
    )
    with (folder / "log").open("wb") as log:
        command = [*ROOT, "unshare", "--net", "--", "sh", "-c", dockerd]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        assert Deadline(START).wait_for(
            lambda: (
                (way_in.exists() and "API listen on /" in (folder / "log").read_text(errors="replace"))
                or process.poll() is not None
            )
        )
        assert process.poll() is None, (folder / "log").read_text(errors="replace")
        engine, shelves = find(named=listens), Shelves([near.url])
        with closing(engine), closing(shelves):
            assert shelves.fetch(image, engine, print) is not None
            yield engine, certificates, way_in
    finally:
        for pid in ("pid", "carrier-pid"):
            with suppress(OSError):
                subprocess.run([*ROOT, "kill", (folder / pid).read_text().strip()], check=False)
        process.wait(START)
        subprocess.run([*ROOT, "rm", "-rf", str(folder)], check=True)


class Certificates:
    """What an engine and those who may use it need for TLS; ``folder`` is a DOCKER_CERT_PATH."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        server, client = authority.issue_cert("127.0.0.1"), authority.issue_cert("me@example.com")
        folder.mkdir()
        self.folder = folder
        authority.cert_pem.write_to_path(folder / "ca.pem")
        for name, certificate in (("server-", server), ("", client)):
            certificate.private_key_pem.write_to_path(folder / f"{name}key.pem")
            certificate.cert_chain_pems[0].write_to_path(folder / f"{name}cert.pem")
        #: The options of the engine.
        self.options = (
            f"--tlsverify --tlscacert={folder}/ca.pem --tlscert={folder}/server-cert.pem"
            f" --tlskey={folder}/server-key.pem"
        )
        #: The environment of those who may use it.
        self.env = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder)}


@contextmanager
def on_loopback(path: Path) -> Iterator[str]:
    """Let what listens at a socket be reached over TCP; yield ``127.0.0.1:PORT``."""

    serve = carrier.carry_to(lambda: asyncio.open_unix_connection(path))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        starting = asyncio.start_server(serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(starting, loop).result(START)
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@contextmanager
def over_ssh(far: Engine, near: Engine, image: str) -> Iterator[tuple[str, Path]]:
    """Let an engine be reached over ssh; yield the address, and a folder with an ``ssh`` that knows the way there."""
    folder = Path(tempfile.mkdtemp(prefix="farm-ssh-"))
    try:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
        socket = far.url.removeprefix("unix://")
        container = near.client.containers.create(
            image, ["/usr/lib/bgasync/init"], stdin_open=True, user="0", ports={"22/tcp": ("127.0.0.1", 0)},
            environment={"BGASYNC_AUTHORIZED_KEY": (folder / "key.pub").read_text().strip()},
            volumes={socket: {"bind": "/run/engine", "mode": "rw"}},
        )  # fmt: skip
        try:
            container.start()
            container.exec_run(["chmod", "666", "/run/engine"], user="0")
            container.reload()
            port = container.attrs["NetworkSettings"]["Ports"]["22/tcp"][0]["HostPort"]
            (folder / "config").write_text(
                f"Host farm1\n  HostName 127.0.0.1\n  Port {port}\n  User ansible\n  IdentityFile {folder}/key\n"
                "  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n"
            )
            # ssh reads the configuration of the user who runs it, not that of HOME.
            ssh, real = folder / "ssh", shutil.which("ssh")
            ssh.write_text(
                f'#!/bin/sh\ncase " $* " in *" farm1 "*) set -- -F {folder}/config "$@";; esac\nexec {real} "$@"\n'
            )
            ssh.chmod(0o755)
            answers = [str(ssh), "farm1", "true"]
            assert Deadline(START).wait_for(
                lambda: (
                    subprocess.run(answers, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
                )
            )
            yield "ssh://farm1/run/engine", folder
        finally:
            container.remove(force=True, v=True)
    finally:
        shutil.rmtree(folder)
