"""``bgasync shell``: gets into a host, by ssh with the key of its session."""

from __future__ import annotations

import os
import shlex
from argparse import ArgumentParser, Namespace
from contextlib import closing

from pytest_bgasync.engine.client import find
from pytest_bgasync.engine.container_index import choose, guests
from pytest_bgasync.engine.ownership import others_folders, places
from pytest_bgasync.engine.scenario_record import parse_name, records
from pytest_bgasync.util.errors import AnsibleProblem, HostProblem, NotThere
from pytest_bgasync.util.private_files import PrivateFolder
from pytest_bgasync.util.text import number_of

NAME = "shell"
HELP = "get into a host that was kept or whose test is running, or run a command there"


def options(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("name", metavar="NAME", help="a host, by its own name or as `bgasync ls` lists it")
    parser.set_defaults(takes_rest=True)
    parser.usage = "bgasync shell [-h] NAME [-- COMMAND]"
    parser.epilog = (
        "COMMAND is run instead, and its status is the exit status: one word is for the shell there, several are as"
        " they are."
    )


def work(chosen: Namespace) -> int:
    """Become ssh; raises BgasyncError where there is no such host."""
    known = list(records())
    hosts = {
        name: (folder, record, host)
        for folder, record in known
        for host, container in record.hosts.items()
        if (name := parse_name(container)) is not None
    }
    try:
        name = choose([f"{one} ({record.test})" for one, (_, record, _) in hosts.items()], chosen.name, list(hosts))
    except NotThere as problem:
        raise NotThere(f"{problem}{_not_believed()}") from None
    folder, record, host = hosts[name]
    with closing(find(named=record.engine)) as engine:
        if not any(guest.container == name.container for guest in guests(engine, known)):
            raise HostProblem(f"host {name} has gone: bgasync clean removes what is left of it")
    try:
        with PrivateFolder(folder) as opened:
            opened.check("ssh_config")
    except OSError as error:
        raise HostProblem(f"host {name} cannot be entered ({error}): see what has changed in {folder}") from None
    words = chosen.rest
    command = words if len(words) == 1 else [shlex.join(words)] if words else []
    terminal = [] if command else ["-t"]
    try:
        os.execvp("ssh", ["ssh", *terminal, "-F", str(folder / "ssh_config"), host, "--", *command])
    except OSError as error:
        raise AnsibleProblem(f"ssh cannot be started ({error.strerror}): install OpenSSH's client") from None


def _not_believed() -> str:
    """Return what to say of folders that somebody else has put where kept hosts have theirs; nothing without any."""
    number = others_folders(places())
    return f" (what other users can have written is not believed: {number_of(number, 'folder')})" if number else ""
