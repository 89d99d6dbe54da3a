"""What belongs to the author is respected: configuration, roles, variables, vault, plugins; and left as it was."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROJECT = {
    "ansible.cfg": """
        [defaults]
        roles_path = shared/roles
        callback_plugins = plugins
        vault_password_file = vault-password
        filter_plugins = filters
        """,
    "vault-password": "open sesame",
    "plugins/theirs.py": """
        from ansible.plugins.callback import CallbackBase

        class CallbackModule(CallbackBase):
            CALLBACK_VERSION = 2.0
            CALLBACK_TYPE = "notification"
            CALLBACK_NAME = "theirs"

            def v2_playbook_on_start(self, playbook):
                self._display.display("their callback was here")
        """,
    "filters/shout.py": """
        class FilterModule:
            def filters(self):
                return {"shout": lambda text: text.upper()}
        """,
    "shared/roles/greet/tasks/main.yml": """
        - name: Greet
          ansible.builtin.debug: {msg: "{{ greeting | shout }} {{ password }}"}
        """,
    "playbooks/group_vars/all.yml": "greeting: hello",
    "playbooks/group_vars/app/vars.yml": "of_group: app",
    "playbooks/host_vars/web1.yml": "of_host: web1",
    "playbooks/site.yml": """
        - hosts: app
          gather_facts: false
          vars_files: [secrets.yml]
          roles: [greet]
          tasks:
            - name: Variables
              ansible.builtin.debug: {msg: "{{ of_group }} {{ of_host }} {{ given | default('') }} {{ from_env }}"}
              vars: {from_env: "{{ lookup('env', 'FROM_ENV') }}"}
              tags: [variables]
        """,
    "tests/test_site.py": """
        import pytest

        @pytest.mark.bgasync(hosts={"app": ["web1"]})
        def test_site(bgasync):
            run = bgasync.run("site.yml")
            assert run.ok, run.stdout + run.stderr
            assert run.result("Greet").msg == "HELLO xyzzy"
            assert run.result("Variables").msg.split() == ["app", "web1"]
            assert "their callback was here" in run.stdout

            text = bgasync.run_text(
                "- {hosts: app, gather_facts: false, vars_files: [secrets.yml], roles: [greet]}"
            )
            assert text.result("Greet").msg == "HELLO xyzzy"

            large = "x" * 200_000  # more than one argument of a command can be
            given = {"given": "a b", "large": large}
            run = bgasync.run("site.yml", extra_vars=given, tags=["variables"], env={"FROM_ENV": "env"}, args=["-v"])
            assert run.result("Variables").msg == "app web1 a b env"
            assert not run.ran("Greet")
            assert not bgasync.run("site.yml", skip_tags="variables").ran("Variables")
            assert bgasync.run("site.yml", check=True).ok
        """,
}


def test_a_project_of_the_authors_works_as_it_is_and_stays_as_it_was(pytester: pytest.Pytester) -> None:
    project = pytester.mkdir("project")
    for name, content in PROJECT.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content).lstrip())
    (project / "pytest.ini").write_text("[pytest]\n")
    (project / "playbooks/secrets.yml").write_text("password: xyzzy\n")
    vault = Path(sys.executable).parent / "ansible-vault"
    subprocess.run([vault, "encrypt", "playbooks/secrets.yml"], cwd=project, check=True, capture_output=True)
    before = contents(project)

    run = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--rootdir", project, project)

    run.assert_outcomes(passed=1)
    after = contents(project)
    stray = {path for path in after.keys() - before.keys() if path.parent != project / "tests/__pycache__"}
    assert stray == set()
    assert {path: after[path] for path in before} == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
