"""The connection that every task gets: Ansible's own ssh plugin, with the options of a container."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from typing import Any

import ansible
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.loader import connection_loader

#: The plugin's file. It is loaded from there, because a plugin of the author's that is called ssh too takes its place
#: wherever Ansible looks for it by name.
PATH = os.path.join(os.path.dirname(os.path.abspath(ansible.__file__)), "plugins", "connection", "ssh.py")
NAME = "ansible.builtin.ssh"
#: The plugin's options that decide where a connection leads and which programs serve it, with the variables that say
#: them. No variable, keyword, setting or environment variable of the author replaces these.
OPTIONS = {
    "host": "ansible_host",
    "port": "ansible_port",
    "remote_user": "ansible_user",
    "private_key_file": "ansible_ssh_private_key_file",
    "ssh_args": "ansible_ssh_args",
    "ssh_common_args": "ansible_ssh_common_args",
    "ssh_extra_args": "ansible_ssh_extra_args",
    "sftp_extra_args": "ansible_sftp_extra_args",
    "scp_extra_args": "ansible_scp_extra_args",
    "ssh_executable": "ansible_ssh_executable",
    "sftp_executable": "ansible_sftp_executable",
    "scp_executable": "ansible_scp_executable",
    "ssh_transfer_method": "ansible_ssh_transfer_method",
    "control_path": "ansible_control_path",
    "control_path_dir": "ansible_control_path_dir",
    "host_key_checking": "ansible_host_key_checking",
    "pipelining": "ansible_ssh_pipelining",
    "pkcs11_provider": "ansible_ssh_pkcs11_provider",
    "private_key": "ansible_ssh_private_key",
}


def _load() -> Any:
    spec = importlib.util.spec_from_file_location(f"{__name__}_of_ansible", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    # Ansible keeps the options of plugins by their names, and "ssh" may be an author's plugin that has others.
    connection_loader._load_config_defs(NAME, module, PATH)
    return module


class Connection(_load().Connection):  # type: ignore[misc]  # Ansible is not typed
    """A connection to one container, or to nothing: then ``refusal`` says why, and the task is unreachable."""

    # What Ansible's loader sets in a plugin.
    _load_name = ansible_name = NAME
    _original_path = PATH
    _redirected_names = ansible_aliases = (NAME,)

    #: Ansible uses a connection again that says so, for another item of a loop, which may be delegated elsewhere.
    connected = False

    def __init__(self, *args: Any, variables: Mapping[str, Any], refusal: str | None, **kwargs: Any) -> None:
        self._fixed = {option: variables[name] for option, name in OPTIONS.items()} | {"password": None}
        self._refusal = refusal
        super().__init__(*args, **kwargs)

    @property
    def _play_context(self) -> Any:
        return self._context

    @_play_context.setter
    def _play_context(self, context: Any) -> None:
        context.password = None  # where the plugin looks for one, too
        self._context = context

    def get_option(self, option: str, hostvars: Any = None) -> Any:
        return self._fixed[option] if option in self._fixed else super().get_option(option, hostvars=hostvars)

    def _build_command(self, *args: Any) -> Any:
        # Whatever the plugin does begins with this.
        if self._refusal is not None:
            raise AnsibleConnectionFailure(self._refusal)
        return super()._build_command(*args)

    def reset(self) -> None:
        if self._refusal is None:
            super().reset()
