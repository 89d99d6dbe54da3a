"""A task runs in a container of the scenario or nowhere, whatever variables, keywords, settings and plugins say.

Each way out that works leaves a mark in a folder of this machine. A test tries several in one run, to be quick, and
compares where each task was: the name of the container, or else the task's status.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from pytest_bgasync import Lab, Run
from pytest_bgasync.runs.ansible import environment

pytestmark = pytest.mark.bgasync(hosts=["web1"], time_scale=0.01, strict=False)

Task = dict[str, Any]


class Outside:
    """This machine, where nothing may run."""

    def __init__(self, folder: Path) -> None:
        self.marks, self.project = folder / "marks", folder / "project"
        self.names: list[str] = []
        self.says = f"mkdir -p {self.marks} && touch {self.marks}/task && hostname"
        """A command that says where it is."""
        self.program = self.write(
            "program", f"#!/bin/sh\nmkdir -p {self.marks}\ntouch {self.marks}/program\nexit 255\n"
        )
        self.program.chmod(0o755)
        runs = f"-o ProxyCommand={self.program} -o PermitLocalCommand=yes -o LocalCommand={self.program}"
        self.lies = {
            "ansible_connection": "local",
            "ansible_host": "192.0.2.1",
            "ansible_ssh_host": "192.0.2.1",
            "ansible_port": 1,
            "ansible_ssh_port": 1,
            "ansible_user": f"-oProxyCommand={self.program}",
            "ansible_ssh_user": f"-oProxyCommand={self.program}",
            "ansible_password": "wrong",
            "ansible_ssh_pass": "wrong",
            "ansible_ssh_password_mechanism": "sshpass",
            "ansible_ssh_executable": str(self.program),
            "ansible_sftp_executable": str(self.program),
            "ansible_scp_executable": str(self.program),
            "ansible_ssh_args": runs,
            "ansible_ssh_common_args": runs,
            "ansible_ssh_extra_args": runs,
            "ansible_sftp_extra_args": f"-S {self.program}",
            "ansible_scp_extra_args": f"-S {self.program}",
            "ansible_ssh_transfer_method": "scp",
            "ansible_scp_if_ssh": True,
            "ansible_control_path": f"{folder}/control",
            "ansible_control_path_dir": f"{folder}/controls",
            "ansible_private_key_file": "/dev/null",
            "ansible_ssh_private_key_file": "/dev/null",
            "ansible_ssh_private_key": "wrong",
            "ansible_ssh_pkcs11_provider": f"{folder}/provider.so",
            "ansible_host_key_checking": True,
            "ansible_ssh_pipelining": False,
            "ansible_pipelining": False,
        }
        """Every variable that could lead a connection elsewhere."""

    def write(self, name: str, text: str) -> Path:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    def task(self, name: str, module: str = "ansible.builtin.shell", argument: Any = None, /, **keywords: Any) -> Task:
        """Return a task of which ``places`` tells, which says where it is unless it has another module."""
        self.names.append(name)
        return {"name": name, module: argument or self.says, **keywords}

    def play(self, *plays: dict[str, Any]) -> str:
        """Write plays whose tasks may fail into the project; return the path."""
        plain = {"hosts": "web1", "gather_facts": False, "ignore_errors": True, "ignore_unreachable": True}
        return str(self.write("site.yml", json.dumps([plain | play if "tasks" in play else play for play in plays])))

    def places(self, run: Run) -> dict[str, str]:
        """Return where each of the tasks says it was, or else what became of it. None may have been here."""
        assert not self.marks.exists(), run.stdout
        return {name: " ".join((r.stdout or r.status).strip() for r in run.results(name)) for name in self.names}


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    return Outside(tmp_path)


def test_a_loop_variable_moves_no_task(bgasync: Lab, outside: Outside) -> None:
    tasks = [outside.task(name, loop=[lie], loop_control={"loop_var": name}) for name, lie in outside.lies.items()]
    tasks += [
        outside.task(
            "delegated",
            delegate_to="{{ ansible_host }}",
            loop=["localhost", "web1"],
            loop_control={"loop_var": "ansible_host", "index_var": "ansible_connection"},
        ),
        outside.task(
            "as delegated vars",
            delegate_to="localhost",
            loop=[{"localhost": outside.lies}],
            loop_control={"loop_var": "ansible_delegated_vars", "label": "none"},
        ),
        outside.task("registered", loop=[1, 2], register="ansible_connection"),
    ]
    places = outside.places(bgasync.run(outside.play({"tasks": tasks})))
    assert places == dict.fromkeys(outside.lies, "web1") | {
        "delegated": "localhost web1",
        "as delegated vars": "localhost",
        "registered": "web1 web1",
    }


def test_a_loop_variable_moves_no_file(bgasync: Lab, outside: Outside) -> None:
    lies = [name for name in outside.lies if any(part in name for part in ("sftp", "scp", "transfer", "connection"))]
    sent, fetched = outside.project / "sent", outside.project / "fetched"
    tasks = []
    for name in lies:
        loop = {"loop": [outside.lies[name]], "loop_control": {"loop_var": name}}
        there, here = f"{sent}-{name}".replace("/", "-"), f"{fetched}-{name}"
        tasks.append({"ansible.builtin.copy": {"content": "sent", "dest": f"/tmp/{there}"}, **loop})
        tasks.append({"ansible.builtin.fetch": {"src": "/etc/hostname", "dest": here, "flat": True}, **loop})
    run = bgasync.run(outside.play({"tasks": tasks}))
    assert run.recap["web1"].ok == len(tasks), run.stdout
    assert outside.places(run) == {}
    for name in lies:
        there = f"{sent}-{name}".replace("/", "-")
        assert bgasync.host.read(f"/tmp/{there}") == "sent"
        assert not Path("/tmp", there).exists()
        assert Path(f"{fetched}-{name}").read_text() == "web1\n"


def test_variables_from_everywhere_move_no_task(bgasync: Lab, outside: Outside) -> None:
    lies, task = outside.lies, outside.task
    for name in ("group_vars/all", "host_vars/web1", "vars/given", "roles/liar/defaults/main", "roles/liar/vars/main"):
        outside.write(f"{name}.json", json.dumps(lies))
    outside.write("roles/liar/tasks/main.json", json.dumps([task("role"), task("in a role", vars=lies)]))
    outside.write("roles/caller/tasks/main.json", json.dumps([task("role with variables")]))
    outside.write("tasks.json", json.dumps([task("included")]))
    outside.write("more.json", json.dumps([task("included in a loop")]))
    outside.write("imported.json", json.dumps([{"hosts": "web1", "gather_facts": False, "tasks": [task("imported")]}]))
    facts = json.dumps({"changed": False, "ansible_facts": lies})
    outside.write("library/lie.py", f"#!/usr/bin/python3\nprint({facts!r})\n")
    run = bgasync.run(
        outside.play(
            {
                "vars": lies,
                "vars_files": ["vars/given.json"],
                "roles": ["liar", {"role": "caller", "vars": lies}],
                "tasks": [
                    task("task", vars=lies),
                    {"vars": lies, "block": [task("block")], "always": [task("always")]},
                    task("delegated to localhost", vars=lies, delegate_to="localhost"),
                    task("background job", vars=lies, **{"async": 36000, "poll": 1}),
                    {"ansible.builtin.include_vars": "vars/given.json"},
                    task("include_vars"),
                    {"ansible.builtin.set_fact": lies | {"cacheable": True}},
                    task("set_fact"),
                    {"ansible.builtin.set_fact": lies, "delegate_to": "localhost", "delegate_facts": True},
                    task("delegate_facts", delegate_to="localhost"),
                    {"lie": {}},
                    task("facts of a module"),
                    {"ansible.builtin.include_tasks": {"file": "tasks.json", "apply": {"vars": lies}}},
                    {
                        "ansible.builtin.include_tasks": "more.json",
                        "loop": ["local"],
                        "loop_control": {"loop_var": "ansible_connection"},
                    },
                    {"ansible.builtin.command": "hostname", "register": "ansible_connection"},
                    task("registered"),
                    {"ansible.builtin.add_host": {"name": "web1", "groups": "again", **lies}},
                    task("add_host"),
                    {"ansible.builtin.group_by": {"key": "liars"}},
                    task("templated", vars={"ansible_connection": "{{ 'lo' ~ 'cal' }}"}),
                    task("told", changed_when=True, notify="Tell", vars=lies),
                ],
                "handlers": [task("Tell", vars=lies)],
            },
            {"hosts": "liars", "connection": "local", "vars": lies, "tasks": [task("group_by")]},
            {"ansible.builtin.import_playbook": "imported.json", "vars": lies},
        ),
        extra_vars=lies,
    )
    places = outside.places(run)
    assert "localhost" == places.pop("delegated to localhost") == places.pop("delegate_facts")
    assert set(places.values()) == {"web1"}, places


#: Connection plugins that are Ansible's own, of collections, or nobody's.
PLUGINS = (
    "local", "ansible.builtin.local", "ansible.legacy.local", "paramiko", "smart", "winrm",
    "ansible.netcommon.network_cli", "community.docker.docker", "nobodys",
)  # fmt: skip


def test_no_name_of_a_connection_plugin_moves_a_task(bgasync: Lab, outside: Outside) -> None:
    tasks = [outside.task(name, connection=name) for name in PLUGINS]
    places = outside.places(bgasync.run(outside.play({"tasks": tasks})))
    assert set(places.values()) == {"web1"}, places


def test_keywords_move_no_task(bgasync: Lab, outside: Outside) -> None:
    task, user = outside.task, f"-oProxyCommand={outside.program}"
    outside.write("included.json", json.dumps([task("included")]))
    outside.write("roles/local/tasks/main.json", json.dumps([task("role")]))
    needs = {"dependencies": [{"role": "needed", "connection": "local", "vars": outside.lies}]}
    outside.write("roles/local/meta/main.json", json.dumps(needs))
    outside.write("roles/needed/tasks/main.json", json.dumps([task("role in meta")]))
    outside.write("script", f"#!/bin/sh\n{outside.says}\n")
    run = bgasync.run(
        outside.play(
            {
                "tasks": [
                    task("templated", connection="{{ 'local' }}"),
                    task("port", port=1),
                    task("remote_user", remote_user=user),
                    task("become", become=True, become_method="sudo", become_flags=f"; {outside.program} #"),
                    task("environment", environment={"ANSIBLE_TRANSPORT": "local"}),
                    task("background job", connection="local", **{"async": 36000, "poll": 1}),
                    {"block": [task("block")], "connection": "local"},
                    task("raw", "raw", connection="local"),
                    task("script", "script", "script", connection="local"),
                    task("local_action", "local_action", f"shell {outside.says}"),
                    {"ansible.builtin.include_tasks": {"file": "included.json", "apply": {"connection": "local"}}},
                    {"ansible.builtin.meta": "reset_connection", "connection": "local", "vars": outside.lies},
                    task("after a reset"),
                    {"ansible.builtin.wait_for_connection": {"timeout": 5}, "connection": "local"},
                    task("handled", notify="Handler"),
                ],
                "handlers": [task("Handler", connection="local")],
            },
            {
                "connection": "local",
                "remote_user": user,
                "port": 1,
                "strategy": "free",
                "roles": [{"role": "local", "connection": "local"}],
                "tasks": [task("play")],
            },
            {"hosts": "localhost", "tasks": [task("localhost")]},
            {"hosts": "127.0.0.1", "connection": "local", "tasks": [task("127.0.0.1")]},
        )
    )
    places = outside.places(run)
    assert [places.pop(name) for name in ("local_action", "localhost", "127.0.0.1")] == ["localhost"] * 3
    assert places.pop("become") == "failed"  # these flags are for the container, which has no such program
    assert set(places.values()) == {"web1"}, places


def test_programs_named_for_a_host_are_the_hosts(bgasync: Lab, outside: Outside) -> None:
    here = str(outside.program)  # no host has it
    lies = {
        "ansible_python_interpreter": here,
        "ansible_shell_executable": here,
        "ansible_become_exe": here,
        "ansible_sudo_exe": here,
        "ansible_become_flags": f"; {here} #",
        "ansible_shell_type": "csh",
        "ansible_network_os": "local",
        "ansible_rsync_path": here,
    }
    tasks = []
    for name, lie in lies.items():
        tasks.append(outside.task(f"variable {name}", become=True, vars={name: lie}))
        tasks.append(outside.task(f"loop {name}", become=True, loop=[lie], loop_control={"loop_var": name}))
    places = outside.places(bgasync.run(outside.play({"tasks": tasks})))
    assert set(places.values()) <= {"web1", "failed", "unreachable"}, places
    assert "web1" in places.values()


def test_arguments_of_the_command_move_no_task(bgasync: Lab, outside: Outside) -> None:
    runs = f"-o ProxyCommand={outside.program}"
    args = ["--connection", "local", "--user", runs, "--private-key", "/dev/null", "-e", "ansible_connection=local"]
    args += ["--ssh-common-args", runs, "--ssh-extra-args", runs, "--sftp-extra-args", runs, "-i", "stranger,"]
    path = outside.play(
        {"tasks": [outside.task("task"), outside.task("there", delegate_to="localhost")]},
        {"hosts": "stranger", "tasks": [outside.task("stranger")]},
    )
    assert outside.places(bgasync.run(path, args=args)) == {
        "task": "web1",
        "there": "localhost",
        "stranger": "unreachable",
    }


def test_what_is_not_in_the_scenario_is_unreachable(bgasync: Lab, outside: Outside) -> None:
    """No program gets its name, which could be an option."""
    option = f"-oProxyCommand={outside.program}"
    strangers = ["192.0.2.1", "db1", "LOCALHOST", "localhost.localdomain", "root@localhost", "0.0.0.0", option]
    added = [{"ansible.builtin.add_host": {"name": name, "groups": "new", **outside.lies}} for name in strangers]
    run = bgasync.run(
        outside.play(
            {
                "tasks": [
                    *(outside.task(f"to {name}", delegate_to=name, vars=outside.lies) for name in strangers),
                    outside.task("templated", delegate_to="{{ item }}", loop=["db1"]),
                    *added,
                ]
            },
            {"hosts": "new", "tasks": [outside.task("added"), {"ansible.builtin.meta": "reset_connection"}]},
        )
    )
    places = outside.places(run)
    assert places.pop("added").split() == ["unreachable"] * len(strangers)
    assert places.pop("templated") == "failed"  # as Ansible tells of an item
    assert set(places.values()) == {"unreachable"}, places
    said = run.result("to 192.0.2.1").msg
    assert "host '192.0.2.1' is not in this scenario, and tasks reach only its containers: web1, localhost" in said
    assert "add it to hosts= or to the inventory of the marker" in said


#: A connection plugin that runs everything here.
HERE = """
    from ansible.plugins.connection.local import Connection as Local

    DOCUMENTATION = '''
    name: here
    short_description: runs everything here
    description: Runs everything here.
    options:
      ssh_args: {description: None., vars: [{name: ansible_ssh_args}]}
    '''

    class Connection(Local):
        transport = "ssh"
    """


@pytest.mark.parametrize("transport", [pytest.param("mine", marks=pytest.mark.thorough), "local"])
def test_a_connection_plugin_of_the_author_is_not_used(bgasync: Lab, outside: Outside, transport: str) -> None:
    for folder in ("plugins", "connection_plugins", "roles/mine/connection_plugins", "env"):
        for name in ("ssh", "local", "mine"):
            outside.write(f"{folder}/{name}.py", HERE)
    collection = "collections/ansible_collections/us/all"
    outside.write(f"{collection}/plugins/connection/ssh.py", HERE)
    redirects = {name: {"redirect": "us.all.ssh"} for name in ("other", "local")}
    outside.write(f"{collection}/meta/runtime.yml", json.dumps({"plugin_routing": {"connection": redirects}}))
    outside.write(
        "ansible.cfg",
        f"""\
        [defaults]
        connection_plugins = {outside.project}/plugins
        collections_path = {outside.project}/collections
        transport = mine
        """,
    )
    task = outside.task
    outside.write("roles/mine/tasks/main.json", json.dumps([task("role"), task("in a role", connection="mine")]))
    names = ["mine", "ssh", "local", "ansible.legacy.ssh", "us.all.ssh", "us.all.other", "other"]
    ways: list[Task] = []
    for name in names:
        ways.append(task(f"keyword {name}", connection=name))
        ways.append(task(f"loop {name}", loop=[name], loop_control={"loop_var": "ansible_connection"}))
    path = outside.play(
        {"roles": ["mine"], "tasks": [task("plain"), task("there", delegate_to="localhost")]},
        {"connection": "mine", "collections": ["us.all"], "tasks": [*ways, {"meta": "reset_connection"}]},
        {"hosts": "localhost", "tasks": [task("localhost")]},
    )
    settings = {"ANSIBLE_CONNECTION_PLUGINS": f"{outside.project}/env", "ANSIBLE_TRANSPORT": "local"}
    places = outside.places(bgasync.run(path, env=settings if transport == "local" else {}))
    assert "localhost" == places.pop("there") == places.pop("localhost")
    assert set(places.values()) == {"web1"}, places


def test_no_setting_leads_out_of_the_containers(bgasync: Lab, outside: Outside) -> None:
    runs = f"-o ProxyCommand={outside.program} -o PermitLocalCommand=yes -o LocalCommand={outside.program}"
    ssh_config = outside.write("ssh_config", f'Match exec "{outside.program}"\n  ProxyCommand {outside.program}\n')
    outside.write(
        "ansible.cfg",
        f"""\
        [defaults]
        transport = local
        remote_port = 1
        remote_user = -oProxyCommand={outside.program}
        private_key_file = /dev/null
        host_key_checking = true
        [ssh_connection]
        ssh_executable = {outside.program}
        sftp_executable = {outside.program}
        scp_executable = {outside.program}
        ssh_args = -F {ssh_config} {runs}
        ssh_common_args = {runs}
        ssh_extra_args = {runs}
        sftp_extra_args = -S {outside.program}
        scp_extra_args = -S {outside.program}
        control_path = {outside.project}/control
        transfer_method = scp
        pkcs11_provider = {outside.project}/provider.so
        pipelining = false
        [persistent_connection]
        ansible_connection_path = {outside.program}
        """,
    )
    settings = {
        "ANSIBLE_SSH_ARGS": f"-F {ssh_config} {runs}",
        "ANSIBLE_SSH_COMMON_ARGS": runs,
        "ANSIBLE_SSH_EXECUTABLE": str(outside.program),
        "ANSIBLE_SFTP_EXECUTABLE": str(outside.program),
        "ANSIBLE_PKCS11_PROVIDER": f"{outside.project}/provider.so",
        "ANSIBLE_REMOTE_PORT": "1",
        "ANSIBLE_SSH_AGENT": "auto",
        "ANSIBLE_SSH_AGENT_EXECUTABLE": str(outside.program),
        "ANSIBLE_CONNECTION_PATH": str(outside.program),
    }
    copy = {"ansible.builtin.copy": {"content": "here", "dest": "/tmp/copied"}}
    path = outside.play({"tasks": [outside.task("task"), outside.task("there", delegate_to="localhost"), copy]})
    for env in ({}, settings):
        run = bgasync.run(path, env=env)
        assert outside.places(run) == {"task": "web1", "there": "localhost"}, run.stderr
        assert run.recap["web1"].ok == 3


def test_an_action_that_wants_the_controller_gets_localhost(bgasync: Lab, outside: Outside) -> None:
    """As synchronize does, which runs rsync there."""
    outside.write(
        "action_plugins/here.py",
        f"""\
        from ansible.plugins.action import ActionBase
        from ansible.plugins.loader import connection_loader

        class ActionModule(ActionBase):
            def run(self, tmp=None, task_vars=None):
                name = self._task.args["connection"]
                self._connection = connection_loader.get(name, self._play_context, "/dev/null")
                self._connection.set_options(var_options=task_vars)
                return {{"changed": True, **self._low_level_execute_command({outside.says!r})}}
        """,
    )
    outside.write("library/here.py", "#!/usr/bin/python3\n")
    names = ("local", "ansible.builtin.local", "ssh", "paramiko_ssh")
    tasks = [outside.task(name, "here", {"connection": name}, vars=outside.lies) for name in names]
    places = outside.places(bgasync.run(outside.play({"tasks": tasks})))
    assert places == {"local": "localhost", "ansible.builtin.local": "localhost", "ssh": "web1", "paramiko_ssh": "web1"}


def test_no_socket_of_this_machine_is_reset(bgasync: Lab, outside: Outside) -> None:
    """Ansible resets persistent connections by a socket, whose path it takes from the arguments of a task."""
    path = str(outside.project / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        listening.setblocking(False)
        given = {"ansible.builtin.command": {"cmd": "hostname", "_ansible_socket": path}}
        tasks = [given, {"ansible.builtin.meta": "reset_connection"}, outside.task("task")]
        assert outside.places(bgasync.run(outside.play({"tasks": tasks}))) == {"task": "web1"}
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_no_play_begins_without_the_harness(tmp_path: Path) -> None:
    """Ansible goes on without a callback that cannot be set up, and the tasks of this play would be run here."""
    play, contract = tmp_path / "play.yml", tmp_path / "run.json"
    play.write_text(f"[{{hosts: localhost, gather_facts: false, tasks: [{{command: touch {tmp_path}/mark}}]}}]")
    contract.write_text("{}")
    ran = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", play],
        env={**environment(os.environ, tmp_path), "BGASYNC_RUN": str(contract)},
        cwd=tmp_path, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    assert not (tmp_path / "mark").exists()
    assert ran.returncode != 0
    assert "pytest-bgasync could not be set up in ansible-playbook: KeyError: 'events'" in ran.stderr


def test_a_callback_of_the_author_replaces_not_ours(bgasync: Lab, outside: Outside) -> None:
    """Ansible loads one callback for each file name, the one beside a playbook first."""
    outside.write(
        "callback_plugins/bgasync.py",
        """
        from ansible.plugins.callback import CallbackBase

        class CallbackModule(CallbackBase):
            CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "notification", "bgasync"
        """,
    )
    run = bgasync.run(outside.play({"tasks": [outside.task("ours", delegate_to="localhost")]}))
    assert outside.places(run) == {"ours": "localhost"}
