"""What runs share of Ansible's modules changes nothing of what arrives on a host."""

from __future__ import annotations

import base64
import hashlib
import io
import pickle
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

from pytest_bgasync.runs.lab import Lab

PLAYBOOK = """
- hosts: all
  tasks:
    - command: "true"
      async: 30
      poll: 1
    - file: {path: /tmp/made, state: touch}
    - wait_for_connection:
    - name: The last
      debug: {msg: done}
"""
#: What Ansible builds for it; gathering facts is the setup.
MODULES = {"async_status", "async_wrapper", "command", "file", "ping", "setup"}

#: Modules of the author, each with what it imports; of the one in a collection nothing in its text says so.
AUTHORS = {
    "told": ("library/told.py", "ansible.module_utils.told", "module_utils/told.py"),
    "my.own.told": ("collections/ansible_collections/my/own/plugins/modules/told.py", "..module_utils.told",
                    "collections/ansible_collections/my/own/plugins/module_utils/told.py"),
}  # fmt: skip
TOLD = """
from ansible.module_utils.basic import AnsibleModule
from {} import WORD

AnsibleModule({{}}).exit_json(msg=WORD)
"""


def built(bgasync: Lab) -> dict[str, list[tuple[str, bytes]]]:
    """Run the playbook; return what was put together for each module, file by file."""
    running = bgasync.start_text(PLAYBOOK, pause_before=["The last"])
    running.wait_for("The last")
    folder = max(bgasync._scenario.folder.glob("run*"), key=lambda run: int(run.name.removeprefix("run")))
    found = {}
    for file in folder.glob("tmp/ansible-local-*/ansiballz_cache/*"):
        if file.suffix != ".lock":
            # Since 2.19 it is an object that holds the archive.
            data = file.read_bytes()
            archive = pickle.loads(data).zip_data if data.startswith(b"\x80") else data
            with zipfile.ZipFile(io.BytesIO(base64.b64decode(archive))) as payload:
                content = [(info.filename, payload.read(info)) for info in payload.infolist()]
            found[file.name.split("-")[0].rpartition(".")[2]] = content
    running.resume()
    assert running.wait().ok
    return found


@pytest.mark.bgasync
def test_a_module_arrives_as_ansible_builds_it(bgasync: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgasync, "_payloads", None)
    alone = built(bgasync)
    assert set(alone) == MODULES
    monkeypatch.setattr(bgasync, "_payloads", tmp_path / "payloads")
    assert built(bgasync) == alone
    shared = [file for file in (tmp_path / "payloads").glob("*/*") if file.is_file()]
    assert len(shared) == len(MODULES)
    assert built(bgasync) == alone
    for file in shared:
        result, files = pickle.loads(file.read_bytes()[32:])
        data = pickle.dumps((result, [*files, ("ansible/module_utils/marked.py", b"")]))
        file.write_bytes(hashlib.sha256(data).digest() + data)
    assert all(("ansible/module_utils/marked.py", b"") in content for content in built(bgasync).values())
    for file in shared:
        content = file.read_bytes()
        file.write_bytes(content[:4096] + bytes(4096) + content[8192:])  # as a loss of power may leave it
    assert built(bgasync) == alone


@pytest.mark.parametrize("action", AUTHORS)
@pytest.mark.bgasync
def test_modules_of_the_author_are_never_shared(
    bgasync: Lab, action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bgasync, "_payloads", tmp_path / "payloads")
    module, imported, utils = AUTHORS[action]
    for path in (module, utils):
        (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / module).write_text(TOLD.format(imported))
    (tmp_path / "site.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks: [{{name: Ask, {action}: }}]\n")
    for word in ("first", "second"):
        (tmp_path / utils).write_text(f"WORD = '{word}'")
        assert bgasync.run(tmp_path / "site.yml").result("Ask").msg == word
    assert not (tmp_path / "payloads").exists()


@pytest.mark.bgasync
def test_a_place_that_cannot_be_written_is_done_without(
    bgasync: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "payloads").write_text("no folder")
    monkeypatch.setattr(bgasync, "_payloads", tmp_path / "payloads")
    assert set(built(bgasync)) == MODULES


def test_a_file_of_ansible_that_changes_makes_another_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    payloads = import_module("pytest_bgasync.remote.controller.bgasync_controller.payloads")
    monkeypatch.setattr(payloads, "OWN", str(tmp_path))
    (tmp_path / "folder").mkdir()
    states = [payloads._state()]
    for content in ("one", "three"):
        (tmp_path / "folder/some.py").write_text(content)
        states.append(payloads._state())
    assert len(set(states)) == 3
    assert payloads._state() == states[-1]


def test_what_others_may_have_written_is_not_read(tmp_path: Path) -> None:
    payloads = import_module("pytest_bgasync.remote.controller.bgasync_controller.payloads")
    assert payloads._private(str(tmp_path / "none"))
    tmp_path.chmod(0o755)
    assert payloads._private(str(tmp_path))
    tmp_path.chmod(0o775)
    assert not payloads._private(str(tmp_path))


def test_room_is_bounded(tmp_path: Path) -> None:
    payloads = import_module("pytest_bgasync.remote.controller.bgasync_controller.payloads")
    for number in range(payloads.KEPT + 2):
        payloads._write(str(tmp_path / f"state{number}" / "key"), (None, []))
    assert len(list(tmp_path.iterdir())) == payloads.KEPT
    assert (tmp_path / f"state{payloads.KEPT + 1}" / "key").is_file()
