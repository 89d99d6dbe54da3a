"""What tells one configuration of Ansible from another."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from string import Template

#: The environment variables that change what Ansible or Python do when Ansible is imported.
_READ_AT_IMPORT = re.compile(
    r"_?(ANSIBLE|PYTHON|LC|LD|XDG|OPENSSL|CRYPTOGRAPHY|MALLOC|COVERAGE|COV)_.*|PYTHON[A-Z0-9]*|LANG|LANGUAGE|HOME|USER"
    r"|LOGNAME|PATH|TMPDIR|TEMP|TMP|TERM|TZ|COLUMNS|LINES|NO_COLOR|PAGER|EDITOR"
)
#: Variables that stand in a setting.
_REFERENCE = re.compile(r"\$\{?(\w+)")
#: The files, beside those that the environment names, that Ansible reads when it is imported.
_CONFIGURATIONS = ("~/.ansible.cfg", "/etc/ansible/ansible.cfg", "/etc/ansible/plugin_filters.yml")


def configuration(script: str, env: Mapping[str, str], cwd: Path) -> object:
    """Return what tells one configuration from another: all that Ansible looks at when ``script`` imports it."""
    home = env.get("HOME") or _home()
    files = [Path(script), cwd / "ansible.cfg", *(cwd / re.sub("^~", home, file) for file in _CONFIGURATIONS)]
    if "ANSIBLE_CONFIG" in env:
        named = cwd / re.sub("^~(?=/|$)", home, Template(env["ANSIBLE_CONFIG"]).safe_substitute(env))
        files += [named / "ansible.cfg" if file_state(named / "ansible.cfg") else named]
    variables = {name: value for name, value in env.items() if _READ_AT_IMPORT.fullmatch(name)}
    texts = [*variables.values(), *map(_text, files[1:])]
    used = {name: env.get(name) for text in texts for name in _REFERENCE.findall(text)}
    # Where everybody may write, Ansible does not read what is there.
    states = [*map(file_state, files), file_state(cwd)[3:]]
    return script, cwd, frozenset({**used, **variables}.items()), tuple(states)


def _home() -> str:
    """Return the home of this user; of one that the system does not know, what Ansible takes it for."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return "~"


def _text(path: Path) -> str:
    """Return what a file says; nothing for one that cannot be read, which Ansible passes over or tells of itself."""
    with suppress(OSError):
        return path.read_text(errors="replace") if path.is_file() else ""
    return ""


def file_state(path: Path) -> tuple[int, ...]:
    """Return what tells whether a file has changed; nothing for one that is not there, or must not be looked at."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode, found.st_uid
