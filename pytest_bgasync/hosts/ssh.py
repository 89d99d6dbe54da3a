"""The ssh connection to hosts: a key made for the session, and the variables Ansible needs."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.errors import AnsibleProblem

USER = "ansible"
#: How many bytes the greeting of a server may have.
LONGEST_GREETING = 255
OPTIONS = {
    "StrictHostKeyChecking": "no",
    "UserKnownHostsFile": "/dev/null",
    "GlobalKnownHostsFile": "/dev/null",
    "IdentitiesOnly": "yes",
    "IdentityAgent": "none",
    "LogLevel": "ERROR",
    "ConnectTimeout": "20",
    # A host that is cut off is given up after twelve seconds; without that a connection hangs for a quarter of an hour.
    "ServerAliveInterval": "3",
    "ServerAliveCountMax": "4",
    # The keys of the one that OpenSSH prefers take as long as all else of a connection. Not the only one: a host's
    # server may be one that has been told what it may use.
    "KexAlgorithms": "^curve25519-sha256",
}

#: Settings of Ansible's ssh plugin that stay empty. With a control_path of the author's several hosts, all at one
#: address, could share one connection.
UNWANTED = (
    "ansible_control_path",
    "ansible_scp_extra_args",
    "ansible_sftp_extra_args",
    "ansible_ssh_extra_args",
    "ansible_ssh_pkcs11_provider",
    "ansible_ssh_private_key",
)


@dataclass(frozen=True)
class Key:
    """A key pair: the file with the private half, and the public half as text."""

    private: Path
    public: str

    def copied_to(self, folder: Path) -> Key:
        """Return the same key in another folder; raises OSError."""
        return Key(Path(shutil.copy(self.private, folder)), self.public)


def make_key(folder: Path) -> Key:
    """Make a key pair in ``folder``; raises AnsibleProblem where OpenSSH's client is missing."""
    for command in ("ssh", "ssh-keygen"):
        if shutil.which(command) is None:
            raise AnsibleProblem(
                f"the ssh client is missing ({command} is not on the PATH), and Ansible reaches the hosts by it:"
                " install OpenSSH's client (on Debian and Ubuntu: apt-get install openssh-client)"
            )
    private = folder / "key"
    made = subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "pytest-bgasync", "-f", private],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    if made.returncode != 0:
        raise AnsibleProblem(f"ssh-keygen could not make a key in {folder}: {made.stderr.strip()}")
    return Key(private, private.with_suffix(".pub").read_text().strip())


def answers(address: tuple[str, int], deadline: Deadline, name: str = "") -> bool:
    """Say whether an ssh server greets at ``address`` at this moment, the one of the container ``name``."""
    greeting = b""
    try:
        with socket.create_connection(address, timeout=max(deadline.left, 0.01)) as connection:
            while not greeting.endswith(b"\n") and (more := connection.recv(LONGEST_GREETING - len(greeting))):
                greeting += more
    except OSError:
        return False
    # remote/image/init lets the server add the name: at that port could be a host of another engine.
    return greeting.startswith(b"SSH-") and greeting.rstrip().endswith(name.encode())


def ansible_variables(
    name: str, address: tuple[str, int], key: Key, control: Path, proxy: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the connection variables of the host ``name``. ``control`` is the folder for shared connections.

    ``proxy`` is a command that connects to it, where nothing leads to its address.

    All that could lead the connection elsewhere is set, because Ansible asks the author's ansible.cfg
    and environment for what no variable sets.
    """
    return {
        **dict.fromkeys(UNWANTED, ""),
        "ansible_connection": "ssh",
        # What templates write into files of other hosts, where that name can be resolved; ssh_args has the address.
        "ansible_host": name,
        "ansible_port": address[1],
        "ansible_user": USER,
        "ansible_ssh_private_key_file": str(key.private),
        "ansible_ssh_pipelining": True,
        "ansible_ssh_executable": "ssh",
        "ansible_sftp_executable": "sftp",
        "ansible_scp_executable": "scp",
        "ansible_ssh_transfer_method": "smart",
        # The first, and ssh takes what it reads first.
        "ansible_ssh_args": shlex.join(
            [
                "-F",
                "none",
                *(["-o", f"ProxyCommand={shlex.join(proxy)}"] if proxy else []),
                "-o",
                f"HostName={address[0]}",
                "-o",
                "ControlMaster=auto",
                "-o",
                "ControlPersist=60s",
            ]
        ),
        "ansible_ssh_common_args": " ".join(f"-o {name}={value}" for name, value in OPTIONS.items()),
        "ansible_control_path_dir": str(control),
        "ansible_host_key_checking": False,
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def client_config(
    hosts: dict[str, tuple[str, int]], key: Key, control: Path, proxies: Mapping[str, Sequence[str]]
) -> str:
    """Return an ssh_config that knows the hosts by their names; ``proxies`` are commands that connect to them."""
    blocks = [
        "\n".join(
            [f"Host {name}", f"  HostName {address}", f"  Port {port}"]
            + ([f"  ProxyCommand {shlex.join(proxies[name])}"] if name in proxies else [])
        )
        for name, (address, port) in hosts.items()
    ]
    common = {**OPTIONS, "User": USER, "IdentityFile": str(key.private), "ControlMaster": "auto",
              "ControlPersist": "60s", "ControlPath": f"{control}/%C"}  # fmt: skip
    blocks.append("\n".join(["Host *", *(f"  {name} {value}" for name, value in common.items())]))
    return "\n".join(blocks) + "\n"
