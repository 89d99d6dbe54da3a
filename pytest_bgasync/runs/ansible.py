"""The ansible-playbook of this environment: where it is, which version, how the author has set it up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pytest_bgasync.remote import CONTROLLER
from pytest_bgasync.runs.config_fingerprint import configuration
from pytest_bgasync.util.errors import AnsibleProblem

OLDEST, NEWEST = (2, 16), (2, 21)
CALLBACKS = CONTROLLER / "callback"
_INSTALL = "pip install 'ansible-core>=2.16.19,!=2.17.*,<2.22'"
#: Real seconds that Ansible may take to read its configuration.
CONFIGURE = 60
#: Asks Ansible itself, because a setting of ours in the environment would replace the author's.
_ASK = "import json; from ansible import constants; print(json.dumps(constants.DEFAULT_CALLBACK_PLUGIN_PATH))"
_asked: dict[object, list[str]] = {}


def ansible_version() -> str:
    """Return the version of ansible-core; raises AnsibleProblem if it is missing or not supported."""
    try:
        found = version("ansible-core")
    except PackageNotFoundError:
        raise AnsibleProblem(
            f"ansible-core is not installed in the environment of pytest ({sys.prefix}): {_INSTALL}"
        ) from None
    release = re.match(r"(\d+)\.(\d+)", found)
    if release is None or not OLDEST <= (int(release[1]), int(release[2])) <= NEWEST:
        raise AnsibleProblem(f"ansible-core {found} is not supported, only 2.16 to 2.21 are: {_INSTALL}")
    return found


def ansible_playbook() -> Path:
    """Return the path of the ``ansible-playbook`` command; raises AnsibleProblem."""
    ansible_version()
    of_user = sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts")), Path(of_user)):
        if (folder / "ansible-playbook").is_file():
            return folder / "ansible-playbook"
    raise AnsibleProblem(f"ansible-core has no ansible-playbook beside {sys.executable}: install it again, {_INSTALL}")


def environment(author: Mapping[str, str], cwd: Path, *, own_inventory: bool = False) -> dict[str, str]:
    """Return the environment for a run: the author's, with our callback beside their own.

    ``own_inventory`` says that the inventory is the author's, and so are the plugins that read it.
    """
    theirs = _callback_path(author, cwd)
    ours = {} if own_inventory else {"ANSIBLE_INVENTORY_ENABLED": "host_list,script,auto,yaml,ini,toml"}
    return {
        **author,
        **ours,
        "ANSIBLE_CALLBACK_PLUGINS": os.pathsep.join([str(CALLBACKS), *theirs]),
        "ANSIBLE_SSH_AGENT": "none",  # the program that it names would be run on this machine
        "PYTHONDONTWRITEBYTECODE": "1",  # plugins of the author leave no __pycache__ in their tree
    }


def project_folder(playbook_folder: Path, root: Path) -> Path:
    """Return where to run ansible-playbook: where the author's ansible.cfg is, from the playbook up to ``root``."""
    for folder in (playbook_folder, *playbook_folder.parents):
        if (folder / "ansible.cfg").is_file():
            return folder
        if folder == root:
            break
    return root


def _callback_path(author: Mapping[str, str], cwd: Path) -> list[str]:
    """Return the folders of callback plugins that the author has; Ansible is asked once for each configuration."""
    # It is this interpreter that reads the configuration here, not the command.
    key = configuration(sys.executable, author, cwd)
    if key not in _asked:
        _asked[key] = _ask_ansible(author, cwd)
    return _asked[key]


def _ask_ansible(author: Mapping[str, str], cwd: Path) -> list[str]:
    try:
        asked = subprocess.run(
            # As the command does, it imports nothing from the folder (-P). The run itself tells of an encoding that
            # Ansible refuses.
            [sys.executable, "-P", "-c", _ASK], env={**author, "LC_ALL": "C.UTF-8"}, cwd=cwd,
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=CONFIGURE,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise AnsibleProblem(
            f"Ansible did not read its configuration in {cwd} within {CONFIGURE} s:"
            " see what `ansible-config dump` waits for there"
        ) from None
    try:
        path: list[str] = json.loads(asked.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        said = [line for line in asked.stderr.splitlines() if line.strip()]
        told = [line for line in said if line.startswith("ansible.errors.")] or said or ["it said nothing"]
        raise AnsibleProblem(f"Ansible cannot read its configuration in {cwd}: {told[-1]}") from None
    return path
