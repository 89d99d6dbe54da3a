"""A forked ansible-playbook is as the command is. No hosts: what is compared happens on this machine."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from pytest_bgasync.runs.ansible import ansible_playbook
from pytest_bgasync.runs.fork_client import KEPT, Process, Start, Starter
from pytest_bgasync.util.clock import Deadline
from pytest_bgasync.util.process_cleanup import end_processes

#: Real seconds for what happens at once on a machine that is not busy.
SOON = 60
#: What the kernel calls an ansible-playbook.
PLAYBOOK = "ansible-playbook"[:15]

DEBUG = "- hosts: all\n  gather_facts: false\n  tasks:\n    - debug: msg={0}\n"
SLEEP = DEBUG.format("{{ lookup('pipe', 'touch begun; sleep 600') }}")


class Run:
    """A run that was started, and what it wrote."""

    def __init__(self, process: Process, folder: Path) -> None:
        self.process = process
        self.folder = folder

    def end(self) -> tuple[int, str, str]:
        """Wait for its end; return exit status, standard output and standard error."""
        return self.process.wait(SOON), self._read("stdout"), self._read("stderr")

    def _read(self, name: str) -> str:
        # What differs with each run of the command, too.
        text = (self.folder / name).read_text().replace(str(self.folder), "FOLDER")
        return re.sub(r"ansible-local-\w+|BGASYNC_LEASH=\d+|0x[0-9a-f]{6,}", "X", text)


class Author:
    """The folder of an author, and what starts runs in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.script = ansible_playbook()
        self.notes: list[str] = []
        self.forks = Starter(self.notes.append)
        self.command = Starter(self.notes.append, forks=False)
        self._runs: list[Run] = []
        self._leash, self._theirs = socket.socketpair()

    def file(self, name: str, text: str, mode: int = 0o644) -> str:
        """Write a file; return its name."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return name

    def start(self, starter: Starter, *args: str, env: Mapping[str, str] | None = None, within: float = SOON) -> Run:
        """Start ansible-playbook."""
        folder = self.path / f"run{len(self._runs)}"
        folder.mkdir()
        start = Start(
            command=[str(self.script), "-i", "here,", "-c", "local", *args],
            env={**os.environ, "HOME": str(self.path), **(env or {})},
            own_env={"ANSIBLE_LOCAL_TEMP": str(folder / "tmp")},
            cwd=self.path,
            folder=folder,
            leash=self._theirs,
        )
        self._runs.append(Run(starter.start(start, within), folder))
        return self._runs[-1]

    def run(self, *args: str, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        """Fork ansible-playbook and wait for its end."""
        return self.start(self.forks, *args, env=env).end()

    def server(self) -> psutil.Process:
        """Return the only process that has imported Ansible and serves."""
        [server] = self.servers()
        return server

    def servers(self) -> list[psutil.Process]:
        """Return the processes that have imported Ansible and serve."""
        return [
            child
            for child in self._processes()
            if child.name() != PLAYBOOK and "controller/forkserver" in " ".join(child.cmdline())
        ]

    def mains(self) -> list[psutil.Process]:
        """Return the main processes of ansible-playbook, those of the command and those that were forked."""
        named = [process for process in self._processes() if process.name() == PLAYBOOK]
        return [process for process in named if process.parent() not in named]

    def _processes(self) -> list[psutil.Process]:
        found = []
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                found += [child] if child.cwd() == str(self.path) else []
        return found

    def close(self) -> None:
        """End everything."""
        self.forks.close()
        self._leash.close()
        self._theirs.close()
        # Without the callback of the harness, workers can outlive a run that was killed.
        for process in psutil.process_iter(["cwd"]):
            if process.info["cwd"] == str(self.path):
                with suppress(psutil.Error):
                    process.kill()


@pytest.fixture
def author(tmp_path: Path) -> Iterator[Author]:
    found = Author(tmp_path)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="module")
def playbooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Author]:
    """The playbooks of the cases below."""
    found = Author(tmp_path_factory.mktemp("author"))
    found.file("ok.yml", DEBUG.format("'{{ inventory_hostname }} {{ ansible_version.full }}'"))
    found.file("fails.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - fail: msg=no\n")
    found.file("reaches.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - ping:\n")
    found.file("broken.yml", "- hosts: [\n")
    found.file("password", "open sesame\n")
    found.file("password.sh", "#!/bin/sh\necho open sesame\n", 0o755)
    found.file("vars/secret.yml", "word: hidden\n")
    found.file("secret.yml", f"{DEBUG.format('{{ word }}')}  vars_files: vars/secret.yml\n")
    found.file("environment.yml", DEBUG.format("{{ lookup('pipe', 'umask; pwd; ulimit -a; env') }}"))
    # Of what Ansible starts: open files, and signals that are blocked, ignored or caught.
    found.file(
        "process.yml",
        DEBUG.format("{{ lookup('pipe', 'ls /proc/self/fd; grep Sig[BIC] /proc/self/status') }}"),
    )
    vault = ansible_playbook().with_name("ansible-vault")
    encrypt = [str(vault), "encrypt", "--vault-password-file", "password", "vars/secret.yml"]
    subprocess.run(encrypt, cwd=found.path, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    try:
        yield found
    finally:
        found.close()


def wait_until(condition: Callable[[], object], what: str) -> None:
    assert Deadline(SOON).wait_for(condition), what


CASES = {
    "succeeds": ["ok.yml"],
    "says much": ["ok.yml", "-vvv"],
    "fails": ["fails.yml"],
    "unreachable": ["reaches.yml", "-c", "ssh", "-e", "ansible_connection=ssh ansible_port=1 ansible_host=127.0.0.1"],
    "no YAML": ["broken.yml"],
    "missing": ["missing.yml"],
    "unknown option": ["ok.yml", "--no-such-option"],
    "no argument": [],
    "version": ["--version"],
    "help": ["--help"],
    "syntax": ["--syntax-check", "ok.yml"],
    "no host": ["--limit", "nobody", "ok.yml"],
    "secrets": ["secret.yml", "--vault-password-file", "password"],
    "secrets by a script": ["secret.yml", "--vault-id", "some@./password.sh"],
    "wrong password": ["secret.yml", "--vault-password-file", "ok.yml"],
    "no password": ["secret.yml"],
    "password asked for": ["--ask-become-pass", "ok.yml"],
    "environment": ["environment.yml"],
    "process": ["process.yml"],
}
FAIL = {
    "fails", "unreachable", "no YAML", "missing", "unknown option", "no argument", "no host", "wrong password",
    "no password",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_fork_ends_and_says_what_the_command_does(playbooks: Author, case: str) -> None:
    starters = (playbooks.command, playbooks.forks, playbooks.forks)
    command, fork, second = (playbooks.start(starter, *CASES[case]).end() for starter in starters)
    assert fork == command
    assert second == command
    assert (command[0] != 0) == (case in FAIL)
    assert playbooks.notes == []
    assert playbooks.server().is_running()
    assert [left for folder in playbooks.path.glob("run*/tmp") for left in folder.iterdir()] == []


PLUGIN = """
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        return {{"msg": "{} " + self._task.args["msg"]}}
"""
FILTER = "class FilterModule:\n    def filters(self):\n        return {'quote': str.upper}\n"


def test_plugins_of_the_author_go_before_those_of_ansible_and_may_change(author: Author) -> None:
    author.file("play.yml", DEBUG.format("{{ 'word' | quote }}"))
    author.file("action_plugins/debug.py", PLUGIN.format("first"))
    author.file("filter_plugins/own.py", FILTER)
    assert "first WORD" in author.run("play.yml", "-v")[1]
    author.file("action_plugins/debug.py", PLUGIN.format("then"))
    assert "then WORD" in author.run("play.yml", "-v")[1]
    (author.path / "action_plugins/debug.py").unlink()
    (author.path / "filter_plugins/own.py").unlink()
    assert '"msg": "word"' in author.run("play.yml")[1]


def test_a_configuration_that_changes_holds_for_the_next_run(author: Author) -> None:
    author.file(
        "play.yml", DEBUG.format("{{ lookup('config', 'DEFAULT_FORKS', 'COLOR_OK', wantlist=true) | join(' ') }}")
    )
    author.file("ansible.cfg", "[defaults]\nforks = 7\n")
    assert '"7 green"' in author.run("play.yml")[1]
    author.file("ansible.cfg", "[defaults]\nforks = 8\n[colors]\nok = blue\n")
    assert '"8 blue"' in author.run("play.yml")[1]
    assert '"9 blue"' in author.run("play.yml", env={"ANSIBLE_FORKS": "9"})[1]
    author.file("other.cfg", "[defaults]\nforks = 6\n")
    assert '"6 green"' in author.run("play.yml", env={"ANSIBLE_CONFIG": "~/other.cfg"})[1]
    author.file("other.cfg", "[defaults]\nforks = 16\n")
    assert '"16 green"' in author.run("play.yml", env={"ANSIBLE_CONFIG": "~/other.cfg"})[1]
    assert "\x1b[" in author.run("play.yml", env={"ANSIBLE_FORCE_COLOR": "1"})[1]
    (author.path / "ansible.cfg").unlink()
    author.file(".ansible.cfg", "[defaults]\nforks = 17\n")
    assert '"17 green"' in author.run("play.yml")[1]
    assert author.notes == []
    assert len(author.servers()) == KEPT


def test_a_server_with_a_run_is_kept(author: Author) -> None:
    author.file("sleep.yml", SLEEP)
    author.file("play.yml", DEBUG.format("done"))
    slow = author.start(author.forks, "sleep.yml")
    for number in range(KEPT + 1):
        assert author.run("play.yml", env={"ANSIBLE_FORKS": str(number + 1)})[0] == 0
    assert len(author.servers()) == KEPT + 1
    assert slow.process.poll() is None


KEEP = """
import json, os

def keep(word):
    os.environ.setdefault("WORD", word)
    json.word = getattr(json, "word", word)
    assert json.word == os.environ["WORD"]
    return json.word

class FilterModule:
    def filters(self):
        return {"keep": keep}
"""


def test_what_one_run_changes_in_its_process_no_other_sees(author: Author) -> None:
    author.file("play.yml", DEBUG.format("{{ word | keep }}"))
    author.file("filter_plugins/own.py", KEEP)
    assert '"one"' in author.run("play.yml", "-e", "word=one")[1]
    assert '"two"' in author.run("play.yml", "-e", "word=two")[1]


def test_two_runs_at_the_same_time_are_two(author: Author) -> None:
    author.file("play.yml", DEBUG.format("{{ lookup('pipe', 'touch $WORD; sleep 600') }}"))
    runs = {word: author.start(author.forks, "play.yml", env={"WORD": word}) for word in ("one", "two")}
    for word in runs:
        wait_until((author.path / word).exists, f"the run {word}")
    runs["one"].process.kill()
    assert runs["one"].end()[0] == -signal.SIGKILL
    assert runs["two"].process.poll() is None
    assert author.server().is_running()


IDS = """
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "notification", "ids"

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._display.display(f"ID {task._uuid}")
"""


def test_no_two_runs_have_a_task_id_alike(author: Author) -> None:
    author.file("play.yml", DEBUG.format("done"))
    author.file("callback_plugins/ids.py", IDS)
    found = [re.findall(r"ID (\S+)", author.run("play.yml")[1]) for _ in "12"]
    assert len(found[0]) == len(found[1]) == 1
    assert found[0] != found[1]


@pytest.fixture
def heard() -> Iterator[None]:
    """Let Ctrl-C be heard by what is started, also where these tests were started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.usefixtures("heard")
def test_a_signal_ends_a_fork_as_it_ends_the_command(author: Author, sent: signal.Signals) -> None:
    author.file("play.yml", SLEEP)
    ended = []
    for starter in (author.command, author.forks):
        run = author.start(starter, "play.yml")
        wait_until((author.path / "begun").exists, "the task")
        (author.path / "begun").unlink()
        [main] = author.mains()
        started = main.children(recursive=True)
        main.send_signal(sent)
        ended.append(run.end()[0])
        for process in started:  # without the callback of the harness they may outlive it
            with suppress(psutil.Error):
                process.kill()
    assert ended[0] == ended[1] != 0


def test_the_end_of_the_server_ends_its_runs_and_the_next_has_another(author: Author) -> None:
    author.file("sleep.yml", SLEEP)
    author.file("play.yml", DEBUG.format("done"))
    run = author.start(author.forks, "sleep.yml")
    wait_until((author.path / "begun").exists, "the task")
    first = author.server()
    [main] = author.mains()
    first.kill()
    assert run.end()[0] == -signal.SIGKILL
    wait_until(lambda: not main.is_running(), "the end of the run")
    assert author.run("play.yml")[0] == 0
    assert author.server() != first
    assert author.notes == []


def test_a_server_that_was_prepared_is_the_one_that_serves(author: Author) -> None:
    author.file("ok.yml", DEBUG.format(1))
    author.forks.prepare(str(author.script), {**os.environ, "HOME": str(author.path)}, author.path)
    wait_until(author.servers, "the process is told by its arguments")
    prepared = author.server()
    assert author.run("ok.yml")[0] == 0
    assert author.server() == prepared
    assert author.notes == []


def test_closing_ends_servers_and_runs(author: Author) -> None:
    author.file("sleep.yml", SLEEP)
    run = author.start(author.forks, "sleep.yml")
    wait_until((author.path / "begun").exists, "the task")
    author.forks.close()
    assert run.end()[0] == -signal.SIGKILL
    assert author.servers() == []


RELOCATABLE = """#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"
' '''
"""
ANEW = "each run imports Ansible anew: "


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({"ANSIBLE_LOG_PATH": "log"}, "Ansible opens its log_path when it is imported"),
        ({"PYTHONPROFILEIMPORTTIME": "1"}, "Ansible says something when it is imported"),
        ({"ANSIBLE_FORKS": "many"}, "it cannot be imported"),
        ({"COVERAGE_PROCESS_START": "none"}, "each is measured (COVERAGE_PROCESS_START is set)"),
    ],
)
def test_what_cannot_be_forked_is_started_anew_with_one_note(
    author: Author, env: Mapping[str, str], reason: str
) -> None:
    author.file("play.yml", DEBUG.format("done"))
    command = author.start(author.command, "play.yml", env=env).end()
    for _ in "12":
        assert author.run("play.yml", env=env)[0] == command[0]
    assert author.notes == [ANEW + reason]
    assert author.servers() == []
    assert author.run("play.yml")[0] == 0  # other configurations are forked
    assert author.server().is_running()


@pytest.mark.parametrize(
    ("first", "served"),
    [
        ("#!{python}\n", True),
        ("#!/usr/bin/env {python}\n", True),
        ("#!{python} -I\n", True),
        ("#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n", True),
        ('#!/bin/sh\nexec {command} "$@"\n', False),
        ('#!/bin/sh\n\nexec {command} "$@"\n', False),
        # What `uv venv --relocatable` writes.
        (RELOCATABLE, False),
    ],
)
def test_the_interpreter_is_that_of_the_command(author: Author, first: str, served: bool) -> None:
    author.file("play.yml", DEBUG.format("done"))
    rest = "" if "{command}" in first else "import sys\nfrom ansible.cli.playbook import main\nsys.exit(main())\n"
    head = first.format(python=sys.executable, command=ansible_playbook())
    author.script = author.path / author.file("ansible-playbook", head + rest, 0o755)
    author.file("python", f'#!/bin/sh\nexec {sys.executable} "$@"\n', 0o755)
    assert author.run("play.yml")[0] == 0
    assert bool(author.servers()) == served
    assert author.notes == (
        [] if served else [f"{ANEW}the first lines of {author.script} do not say which Python runs it"]
    )


def test_variables_in_settings_are_those_of_the_run(author: Author) -> None:
    for number in "12":
        author.file(f"project{number}/roles/own/tasks/main.yml", f"- debug: msg=role{number}\n")
    author.file("ansible.cfg", "[defaults]\nroles_path = $PROJECT/roles\n")
    author.file("play.yml", "- hosts: all\n  gather_facts: false\n  roles: [own]\n")
    for number in "12":
        assert f"role{number}" in author.run("play.yml", env={"PROJECT": str(author.path / f"project{number}")})[1]


@pytest.mark.parametrize("name", ["$D/o.cfg", "o~1.cfg"])
def test_a_named_configuration_may_change_wherever_it_is(author: Author, name: str) -> None:
    author.file("play.yml", DEBUG.format('\'forks {{ lookup("config", "DEFAULT_FORKS") }}\''))
    for forks in ("7", "18"):
        author.file(name.replace("$D", "folder"), f"[defaults]\nforks = {forks}\n")
        env = {"ANSIBLE_CONFIG": f"{author.path}/{name}", "D": "folder"}
        assert f"forks {forks}" in author.run("play.yml", env=env)[1]


def test_a_configuration_that_everybody_may_write_holds_for_no_run(author: Author) -> None:
    author.file("play.yml", DEBUG.format('\'forks {{ lookup("config", "DEFAULT_FORKS") }}\''))
    author.file("ansible.cfg", "[defaults]\nforks = 7\n")
    assert "forks 7" in author.run("play.yml")[1]
    author.path.chmod(0o777)
    assert "forks 5" in author.run("play.yml")[1]


@pytest.mark.parametrize("name", ["x" * 300, "/proc/self/mem"])
def test_a_configuration_that_cannot_be_read_is_left_to_ansible(author: Author, name: str) -> None:
    author.file("play.yml", DEBUG.format("done"))
    command = author.start(author.command, "play.yml", env={"ANSIBLE_CONFIG": name}).end()
    assert author.run("play.yml", env={"ANSIBLE_CONFIG": name})[0] == command[0]


def test_more_files_may_be_open_than_select_knows(author: Author) -> None:
    author.file("play.yml", DEBUG.format("done"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    try:
        with ExitStack() as files:
            for _ in range(1100):
                files.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            assert author.run("play.yml")[0] == 0
            assert author.server().is_running()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


STRAY = """
import os, pathlib, time
from ansible.plugins.lookup import LookupBase

class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        if os.fork() == 0:
            os.setsid()
            pathlib.Path("stray").write_text(str(os.getpid()))
            time.sleep(600)
        return ["done"]
"""


def test_what_a_plugin_forks_is_ended_with_its_run(author: Author) -> None:
    author.file("lookup_plugins/stray.py", STRAY)
    author.file("play.yml", DEBUG.format("{{ lookup('stray') }}"))
    run = author.start(author.forks, "play.yml")
    assert run.end()[0] == 0
    wait_until(lambda: (author.path / "stray").exists() and (author.path / "stray").read_text(), "the stray process")
    stray = psutil.Process(int((author.path / "stray").read_text()))
    end_processes(run.folder)
    wait_until(lambda: not stray.is_running() or stray.status() == psutil.STATUS_ZOMBIE, "its end")
    assert author.server().is_running()


def test_a_slow_import_counts_for_the_deadline_of_the_run(author: Author) -> None:
    author.file("play.yml", DEBUG.format("done"))
    author.file("site/sitecustomize.py", "import time\ntime.sleep(600)\n")
    began = time.monotonic()
    run = author.start(author.forks, "play.yml", env={"PYTHONPATH": str(author.path / "site")}, within=1)
    assert run.process.poll() is None
    run.process.kill()
    assert run.end()[0] == -signal.SIGKILL
    assert time.monotonic() - began < SOON
    assert author.run("play.yml")[0] == 0


# The second time it is asked to, the server cannot fork.
NO_FORK = """
import os

def fork(original=os.fork, done=[]):
    done.append(os.getpid())
    if done[0] == os.getpid() and len(done) == 2:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return original()

os.fork = fork
"""


def test_where_no_process_can_be_forked_the_command_is_started_and_other_runs_go_on(author: Author) -> None:
    author.file("sleep.yml", SLEEP)
    author.file("play.yml", DEBUG.format("done"))
    author.file("site/sitecustomize.py", NO_FORK)
    env = {"PYTHONPATH": str(author.path / "site")}
    slow = author.start(author.forks, "sleep.yml", env=env)
    rc, stdout, _ = author.run("play.yml", "--list-tasks", env=env)
    assert (rc, "debug" in stdout) == (0, True)
    assert slow.process.poll() is None
    assert author.notes == [f"{ANEW}no process can be forked (Resource temporarily unavailable)"]


def test_a_server_that_hangs_is_given_up(author: Author, monkeypatch: pytest.MonkeyPatch) -> None:
    author.file("play.yml", DEBUG.format("done"))
    assert author.run("play.yml")[0] == 0
    hung = author.server()
    hung.suspend()
    monkeypatch.setattr("pytest_bgasync.runs.fork_client.IMPORT", 1.0)
    monkeypatch.setattr("pytest_bgasync.runs.fork_client.ENDING", 1.0)
    assert author.run("play.yml")[0] == 0
    assert author.notes == [f"{ANEW}that takes longer than 1 s"]
    assert not hung.is_running()
