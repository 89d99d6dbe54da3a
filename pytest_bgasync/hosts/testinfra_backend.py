"""testinfra's connection to a host, with a limit on each command."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

from testinfra.backend import base, ssh

from pytest_bgasync.engine.container import COMMAND
from pytest_bgasync.util.errors import CommandDeadline


class LimitedSsh(ssh.SshBackend):  # type: ignore[misc]  # testinfra is not typed
    """As testinfra's ssh backend; a command that takes too long is ended, and raises CommandDeadline."""

    def run_local(self, command: str, *args: str) -> base.CommandResult:
        """Run a command of this machine, that is an ssh client."""
        line = self.encode(self.quote(command, *args))
        with subprocess.Popen(
            line, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:  # fmt: skip
            try:
                stdout, stderr = process.communicate(timeout=COMMAND)
            except BaseException as error:
                with suppress(ProcessLookupError):  # it has just ended
                    os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise CommandDeadline(
                        f"on host {self.host.name} a command of testinfra did not end within {COMMAND:g} s:"
                        f" see what it waits for: {args[-1] if args else command}"
                    ) from None
                raise
        return self.result(process.returncode, line, stdout, stderr)
