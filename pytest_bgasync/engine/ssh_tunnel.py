"""The socket of an engine on another machine, reached over ssh."""

from __future__ import annotations

import subprocess
from urllib.parse import SplitResult

from pytest_bgasync.engine.ownership import make_folder, remove_folder
from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.errors import EngineNotFound

#: Where an engine listens unless the address says otherwise.
SOCKET = "/var/run/docker.sock"
#: Asks nothing, and is a connection of its own, whatever the user's ssh_config says.
OPTIONS = ("BatchMode=yes", "ConnectTimeout=20", "ServerAliveInterval=15",
           "ControlMaster=no", "ControlPath=none", "RemoteCommand=none")  # fmt: skip


class Tunnel:
    """A socket of this machine, ``url``, that leads to one of another; it ends with this process."""

    def __init__(self, parts: SplitResult, within: float) -> None:
        """Connect to ``ssh://[user@]host[:port][/path of the socket]``; raises EngineNotFound."""
        self._folder = make_folder()
        socket = self._folder / "engine"
        self.url = f"unix://{socket}"
        options = [word for option in OPTIONS for word in ("-o", option)]
        port = ["-p", str(parts.port)] if parts.port else []
        host = parts.netloc.removesuffix(f":{parts.port}")  # as it is written: ssh_config tells Farm1 from farm1
        forward = f"{socket}:{parts.path.rstrip('/') or SOCKET}"
        # At the end of its input, which the kernel closes when this process ends, cat ends, and ssh with it.
        command = ["ssh", "-T", *options, *port, "-L", forward, "--", host, "cat"]
        try:
            with (self._folder / "log").open("wb") as log:
                self._ssh = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log,
                    start_new_session=True,  # Ctrl-C is for pytest, which has to remove things over it
                )  # fmt: skip
        except OSError as error:
            remove_folder(self._folder)
            raise EngineNotFound(
                f"{parts.geturl()} is reached over ssh, which cannot be started ({error.strerror}):"
                " install OpenSSH's client (on Debian and Ubuntu: apt-get install openssh-client)"
            ) from None
        try:
            opened = Deadline(within).wait_for(lambda: socket.exists() or self._ssh.poll() is not None)
        except BaseException:
            self.close()
            raise
        if not opened or self._ssh.poll() is not None:
            why = self.last_words() or f"no answer within {within:g} s"
            self.close()
            raise EngineNotFound(
                f"{parts.geturl()} cannot be reached over ssh ({why}):"
                f" see that `ssh {' '.join([*port, host])} true` works without a question"
            )

    def last_words(self) -> str:
        """Return what ssh wrote last."""
        said = (self._folder / "log").read_text(errors="replace").strip().splitlines()
        return said[-1].strip() if said else ""

    def close(self) -> None:
        """End the connection."""
        self._ssh.kill()
        assert self._ssh.stdin is not None
        self._ssh.stdin.close()
        self._ssh.wait()
        remove_folder(self._folder)
