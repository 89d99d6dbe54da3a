"""--bgasync-audit: playbooks are collected, read and not run. No engine is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from .inner import assert_no_insides

ROOT = Path(__file__).parent.parent.parent

GOOD = """
- hosts: all
  tasks:
    - {name: Launch, command: work, async: 60, poll: 0, register: job}
    - name: Ask
      async_status: {jid: "{{ job.ansible_job_id }}"}
      register: answer
      until: answer is finished
      retries: 12
      delay: 5
"""
LATE = GOOD.replace("poll: 0", "poll: 90").replace("register: job", "register: other").split("    - name: Ask")[0]
LEFT = GOOD.split("    - name: Ask")[0]
#: The faults of a well-known text on background jobs, in words of our own.
NAIVE = """
- name: Migrate
  hosts: all
  tasks:
    - name: Launch
      ansible.builtin.command: migrate
      async: 3600
      poll: 0
      register: launched
    - name: Ask
      ansible.builtin.async_status: {jid: "{{ launched.ansible_job_id }}"}
      register: answer
      until: answer.finished
      retries: 240
      delay: 15
      failed_when: false
    - name: Tell of the success
      ansible.builtin.debug: {msg: migrated}
      when: answer.finished and answer.rc == 0
    - when: answer.finished is false or answer.rc | default(1) != 0
      block:
        - name: Undo
          ansible.builtin.command: undo
        - name: Call for help
          ansible.builtin.shell: curl https://hooks.example.com/help
          async: 30
          poll: 0
- name: Back up
  hosts: all
  tasks:
    - name: Dump
      ansible.builtin.command: dump {{ item }}
      loop: [one, two]
      async: 3600
      poll: 0
      register: dumps
    - name: Ask for each
      ansible.builtin.async_status: {jid: "{{ item.ansible_job_id }}"}
      register: answers
      until: answers.finished
      retries: 240
      delay: 15
      loop: "{{ dumps.results }}"
    - name: Tell of each
      ansible.builtin.debug:
        msg: "{{ item.item.item }}: {{ 'fine' if item.rc == 0 else 'broken' }}"
      loop: "{{ answers.results }}"
"""


def write(pytester: pytest.Pytester, **files: str) -> None:
    for name, text in files.items():
        path = pytester.path / f"{name.replace('__', '/')}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run(pytester: pytest.Pytester, *args: str) -> tuple[int, str]:
    """Return the exit status and the output."""
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--bgasync-audit", *args)
    output = result.stdout.str() + result.stderr.str()
    assert_no_insides(output)
    return int(result.ret), output


def test_the_playbooks_of_the_folder_are_items(pytester: pytest.Pytester) -> None:
    write(pytester, playbooks__good=GOOD, playbooks__late=LATE, playbooks__left=LEFT, playbooks__vars="a: 1\n")
    rc, output = run(pytester, "-v")
    assert rc == 1
    for line in (
        "playbooks/good.yml::audit PASSED",
        "playbooks/late.yml::audit FAILED",
        "playbooks/left.yml::audit PASSED",
    ):
        assert line in output
    assert "vars.yml" not in output
    assert (
        "playbooks/late.yml:4:48: BGA011 error: task 'Launch' has async: 60 and asks only after poll: 90 s."
        " Cure: make poll a small part of async" in output
    )
    assert "playbooks/left.yml:4:7: BGA015 warning: task 'Launch' launches a job, and no status asks for job." in output


@pytest.mark.parametrize("workers", ["0", "2"])
def test_without_arguments_tests_and_playbooks_are_collected(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makeini("[pytest]\ntestpaths = tests")
    write(pytester, playbooks__late=LATE, playbooks__left=LEFT, tests__late=LATE)
    (pytester.path / "tests/test_one.py").write_text("def test_one(): pass")
    rc, output = run(pytester, "-rN", "-n", workers)
    assert rc == 1
    assert "1 failed, 2 passed" in output
    assert output.count("BGA011 error") == 1
    assert output.count("BGA015 warning") == 1


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_is_named_is_audited_and_nothing_else(pytester: pytest.Pytester, workers: str) -> None:
    write(pytester, playbooks__late=LATE, site=GOOD, deploy__one=GOOD, deploy__more__two=LATE)
    rc, output = run(pytester, "-n", workers, "site.yml", "deploy")
    assert rc == 0
    assert "2 passed" in output


def test_a_folder_of_tests_leaves_the_folder_of_playbooks_in(pytester: pytest.Pytester) -> None:
    write(pytester, playbooks__good=GOOD)
    pytester.mkdir("tests").joinpath("test_one.py").write_text("def test_one(): pass")
    rc, output = run(pytester, "tests")
    assert rc == 0
    assert "2 passed" in output


def test_one_item_can_be_chosen(pytester: pytest.Pytester) -> None:
    write(pytester, playbooks__good=GOOD, playbooks__late=LATE)
    rc, output = run(pytester, "playbooks/good.yml::audit")
    assert rc == 0
    assert "1 passed" in output


def test_without_the_option_no_playbook_is_collected(pytester: pytest.Pytester) -> None:
    write(pytester, playbooks__late=LATE)
    result = pytester.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result = pytester.runpytest_subprocess("playbooks/late.yml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_faults_of_a_well_known_text_are_found_and_nothing_else(pytester: pytest.Pytester) -> None:
    write(pytester, site=NAIVE)
    rc, output = run(pytester, "site.yml", "-rN")
    assert rc == 1
    found = [line.split()[:3] for line in output.splitlines() if line.startswith("site.yml:")]
    assert found == [
        ["site.yml:19:7:", "BGA016", "error:"],
        ["site.yml:20:7:", "BGA020", "error:"],
        ["site.yml:24:11:", "BGA015", "warning:"],
        ["site.yml:46:14:", "BGA017", "error:"],
    ]


def test_the_playbooks_of_the_project_have_no_fault(pytester: pytest.Pytester) -> None:
    rc, output = run(pytester, str(ROOT / "playbooks"))
    assert rc == 0
    assert f"{len(list((ROOT / 'playbooks').glob('*.yml')))} passed" in output
    assert "BGA0" not in output


def test_a_fault_of_a_role_is_told_once_at_its_own_place(pytester: pytest.Pytester) -> None:
    role = "- hosts: all\n  roles: [one]\n"
    write(
        pytester, playbooks__a=role, playbooks__b=role, playbooks__roles__one__tasks__main="- {command: x, poll: 0}\n"
    )
    rc, output = run(pytester, "-rN")
    assert rc == 1
    assert "1 failed, 1 passed" in output
    assert output.count("BGA012") == 1
    assert "playbooks/roles/one/tasks/main.yml:1:16: BGA012 error" in output
    rc, output = run(pytester, "-rN", "playbooks/b.yml")
    assert output.count("BGA012") == 1


def test_a_playbook_that_another_one_imports_is_judged_with_what_comes_before_it(pytester: pytest.Pytester) -> None:
    head, ask = GOOD.split("    - name: Ask")
    write(
        pytester,
        playbooks__ask="- hosts: all\n  tasks:\n    - name: Ask" + ask,
        playbooks__launch=head,
        playbooks__site="- import_playbook: launch.yml\n- import_playbook: ask.yml\n",
    )
    rc, output = run(pytester)
    assert rc == 0
    assert "BGA" not in output


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- hosts: [all\n", "playbook site.yml line 2, column 1 is not YAML: "),
        ("a: 1\n", "playbook site.yml has no play"),
        ("", "playbook site.yml is empty"),
        ("- command: x\n", "playbook site.yml line 1: this entry is no play"),
        ("$ANSIBLE_VAULT;1.1;AES256\n61\n", "playbook site.yml is encrypted: decrypt it for the audit"),
        ("- &a\n  hosts: all\n  tasks: [*a]\n", "playbook site.yml line 1 cannot be read"),
    ],
)
def test_a_file_that_is_no_playbook_fails_its_item_in_one_sentence(
    pytester: pytest.Pytester, text: str, sentence: str
) -> None:
    write(pytester, site=text, good=GOOD)
    rc, output = run(pytester, "site.yml", "good.yml", "-rN")
    assert rc == 1
    assert "1 failed, 1 passed" in output
    assert output.count(sentence) == 1, output


def test_a_broken_file_in_the_folder_is_not_passed_over(pytester: pytest.Pytester) -> None:
    write(pytester, playbooks__broken="- hosts: [\n", playbooks__good=GOOD)
    rc, output = run(pytester)
    assert rc == 1
    assert "1 failed, 1 passed" in output


#: Jinja warns of the escape that no Python string has.
ESCAPE = GOOD.replace("answer is finished", "answer is finished and 'a\\d' not in answer.stdout")


@pytest.mark.parametrize("how", ["", "-W error", "PYTHONWARNINGS", "filterwarnings"])
def test_a_warning_of_a_library_is_told(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """A warning that is an error makes Jinja give up a template, and whatever is wrong there."""
    late = ESCAPE.replace("retries: 12", "retries: 2")
    write(pytester, playbooks__late=late, playbooks__warned=ESCAPE.replace("'a", "'b"))
    if how == "PYTHONWARNINGS":
        monkeypatch.setenv(how, "error")
    elif how == "filterwarnings":
        pytester.makeini("[pytest]\nfilterwarnings = error")
    rc, output = run(pytester, "-rN", *(how.split() if how.startswith("-") else ()))
    assert rc == 1
    assert "1 failed, 1 passed" in output
    assert "playbooks/late.yml:9:7: BGA009 error" in output
    for name in ("late", "warned"):
        assert output.count(f"playbooks/{name}.yml: DeprecationWarning of a library: ") == 1, output


def test_a_playbook_in_a_package_is_only_a_file(pytester: pytest.Pytester) -> None:
    """A package that cannot be imported is an error of its tests, not of playbooks that lie in it."""
    write(pytester, app__site=GOOD, app__deploy__site=LATE)
    for folder in ("app", "app/deploy"):
        (pytester.path / folder / "__init__.py").write_text("import no_such_module")
    rc, output = run(pytester, "-v", "app/site.yml", "app/deploy/site.yml")
    assert rc == 1
    assert "app/site.yml::audit PASSED" in output
    assert "app/deploy/site.yml::audit FAILED" in output
    assert "no_such_module" not in output
    assert run(pytester, "app/site.yml::audit")[0] == 0
    assert run(pytester, "app")[0] == 0


def test_a_playbook_ends_no_fixture_of_a_package(pytester: pytest.Pytester) -> None:
    write(pytester, app__middle=GOOD)
    for name in ("__init__", "test_a", "test_z"):
        test = "" if name == "__init__" else "def test_one(shared): pass"
        (pytester.path / f"app/{name}.py").write_text(test)
    (pytester.path / "app/conftest.py").write_text(
        "import pytest\n@pytest.fixture(scope='package')\ndef shared():\n    print('MADE')\n    yield\n"
    )
    rc, output = run(pytester, "-s", "app")
    assert rc == 0
    assert "3 passed" in output
    assert output.count("MADE") == 1


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("more", "- {a: [\n", "more.yml cannot be read: line 2"),
        ("more", "$ANSIBLE_VAULT;1.1;AES256\n61\n", "more.yml cannot be read: it is encrypted"),
        ("roles/one/tasks/main", "- {a: [\n", "main.yml cannot be read: line 2"),
        ("roles/one/handlers/main", "a: [\n", "main.yml cannot be read: line 2"),
        ("roles/one/meta/main", "a: [\n", "main.yml cannot be read: line 2"),
        ("other", "- hosts: [\n", "other.yml cannot be read: line 2"),
    ],
)
def test_what_cannot_be_read_is_told(pytester: pytest.Pytester, file: str, content: str, sentence: str) -> None:
    site = "- hosts: all\n  roles: [one]\n  tasks:\n    - include_tasks: more.yml\n- import_playbook: other.yml\n"
    sound = {"more": "[]\n", "roles/one/tasks/main": "[]\n", "other": GOOD}
    write(pytester, site=site, **{**sound, file: content})
    rc, output = run(pytester, "site.yml", "-rN")
    assert rc == 1
    assert "1 failed" in output
    line = {"more": "4:7", "other": "5:3"}.get(file, "2:11")
    assert output.count(f"site.yml:{line}: error: ") == 1, output
    assert sentence in output


VARIABLES = "- hosts: all\n  vars_files: [more.yml]\n  roles: [one]\n"


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("more", "site.yml:2:16"),
        ("roles/one/defaults/main", "site.yml:3:11"),
        ("roles/one/vars/main", "site.yml:3:11"),
        ("group_vars/all", "group_vars/all.yml:1:1"),
        ("host_vars/db1/limits", "host_vars/db1/limits.yml:1:1"),
    ],
)
def test_variables_that_cannot_be_read_are_told(pytester: pytest.Pytester, file: str, line: str) -> None:
    write(pytester, site=VARIABLES, **{"more": "a: 1\n", "roles/one/tasks/main": "[]\n", file: "a: [\n"})
    rc, output = run(pytester, "site.yml", "-rN")
    assert rc == 1
    assert output.count(f"{line}: error: {pytester.path / file}.yml cannot be read: line 2: ") == 1, output
    write(pytester, **{file: "- a\n"})
    assert "cannot be read: it is no mapping of variables" in run(pytester, "site.yml", "-rN")[1]
    write(pytester, **{file: "$ANSIBLE_VAULT;1.1;AES256\n61\n"})  # what is in it is not known, as in any variable
    assert run(pytester, "site.yml", "-rN")[0] == 0


def test_what_ansible_does_not_read_in_group_vars_is_no_error(pytester: pytest.Pytester) -> None:
    write(pytester, site=GOOD)
    pytester.mkdir("group_vars")
    for name in (".gitkeep", ".all.yml.swp", "all.yml~", "README", "README.md"):
        (pytester.path / "group_vars" / name).write_text("a: [\n")
    assert run(pytester, "site.yml")[0] == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- import_playbook: no.yml\n", "site.yml:1:3: error: playbook "),
        ("- hosts: all\n  tasks:\n    - import_tasks: no.yml\n", "site.yml:3:7: error: file no.yml is not there"),
        (
            "- hosts: all\n  tasks:\n    - import_role: {name: one, tasks_from: no}\n",
            "site.yml:3:7: error: file no of role one is not there",
        ),
        ("- hosts: all\n  tasks:\n    - import_role: {name: no}\n", "site.yml:3:7: error: role no is not there"),
        ("- hosts: all\n  roles: [no]\n", "site.yml:2:11: error: role no is not there"),
        ("- hosts: all\n  roles: [two]\n", "roles/two/meta/main.yml:1:16: error: role no is not there"),
    ],
)
def test_what_is_imported_and_missing_is_told(pytester: pytest.Pytester, text: str, sentence: str) -> None:
    roles = {"roles__one__tasks__main": "[]\n", "roles__two__meta__main": "dependencies: [no]\n"}
    write(pytester, site=text, **roles)
    rc, output = run(pytester, "site.yml", "-rN")
    assert rc == 1
    assert output.count(sentence) == 1, output


@pytest.mark.parametrize(
    "text",
    [
        "- import_playbook: '{{ no }}.yml'\n",
        "- hosts: all\n  vars_files: ['{{ no }}.yml', [no.yml, other.yml]]\n",
        "- hosts: all\n  vars_files: [one.yml]\n",
        "- hosts: all\n  roles: ['{{ no }}']\n",
        "- hosts: all\n  tasks:\n    - include_tasks: no.yml\n    - include_role: {name: no}\n",
    ],
)
def test_what_ansible_may_find_is_no_error(pytester: pytest.Pytester, text: str) -> None:
    write(pytester, site=text, vars__one="a: 1\n")
    rc, output = run(pytester, "site.yml")
    assert rc == 0
    assert "not there" not in output


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("- hosts: all\n  roles: [my.own.one]\n", "site.yml:2:11: role my.own.one"),
        ("- hosts: all\n  roles: [my.one]\n", "site.yml:2:11: role my.one"),
        ("- hosts: all\n  roles: [wanted]\n", "site.yml:2:11: role wanted"),
        ("- hosts: all\n  roles: [fetched]\n", "site.yml:2:11: role fetched"),
        ("- hosts: all\n  roles: [galaxy/wanted]\n", "site.yml:2:11: role galaxy/wanted"),
        ("- hosts: all\n  tasks:\n    - import_role: {name: my.own.one}\n", "site.yml:3:7: role my.own.one"),
        ("- import_playbook: my.own.site\n", "site.yml:1:3: playbook my.own.site"),
    ],
)
def test_what_is_not_installed_is_told_and_fails_nothing(pytester: pytest.Pytester, text: str, what: str) -> None:
    """It is, as a rule, installed by ansible-galaxy later than the audit runs."""
    wanted = "roles: [{name: wanted, src: someone.else}, {src: 'https://example.com/them/fetched.git'}]\n"
    write(pytester, site=text, requirements=wanted)
    rc, output = run(pytester, "site.yml")
    assert rc == 0
    assert output.count(f"{what} is not installed here and was not read") == 1, output


def test_missing_variables_are_told_and_fail_nothing(pytester: pytest.Pytester) -> None:
    """A file of secrets is seldom there where a repository is audited."""
    write(pytester, site="- hosts: all\n  vars_files: [no.yml]\n")
    rc, output = run(pytester, "site.yml")
    assert rc == 0
    assert "site.yml:2:16: file no.yml of vars_files is not here, so what it sets is not known" in output, output


def test_a_broken_include_leaves_the_rest_of_a_playbook(pytester: pytest.Pytester) -> None:
    write(pytester, site=LATE + "    - include_tasks: more.yml\n", more="- {a: [\n")
    rc, output = run(pytester, "site.yml", "-rN")
    assert rc == 1
    assert "BGA011 error" in output
    assert "more.yml cannot be read" in output


def test_reading_that_stops_at_a_limit_is_told(pytester: pytest.Pytester) -> None:
    """Each of seven files includes the next one ten times, which comes to ten million tasks."""
    for number in range(7):
        write(pytester, **{f"more{number}": f"- include_tasks: more{number + 1}.yml\n" * 10})
    write(pytester, site="- hosts: all\n  tasks:\n    - include_tasks: more0.yml\n", more7="- ping:\n")
    rc, output = run(pytester, "site.yml", "-rN")
    assert rc == 1
    assert output.count("reading stopped here, after ") == 1


@pytest.mark.parametrize("deep", [80, 300])
def test_includes_that_go_too_deep_are_told(pytester: pytest.Pytester, deep: int) -> None:
    for number in range(deep):
        write(pytester, **{f"more{number}": f"- include_tasks: more{number + 1}.yml\n"})
    late = "- {name: Launch, command: x, async: 1, poll: 5}\n"
    write(pytester, site="- hosts: all\n  tasks:\n    - include_tasks: more0.yml\n", **{f"more{deep}": late})
    rc, output = run(pytester, "site.yml", "-rN")
    assert rc == 1
    assert ("BGA011" in output) == (deep == 80)
    assert output.count("includes are nested more than 100 deep") == (deep == 300)


def test_blocks_that_go_too_deep_are_told(pytester: pytest.Pytester) -> None:
    text = "- hosts: all\n  tasks:\n" + "".join(f"{' ' * (4 + 4 * n)}- block:\n" for n in range(400))
    write(pytester, site=text + f"{' ' * 1604}- ping:\n", good=GOOD)
    rc, output = run(pytester, "site.yml", "good.yml", "-rN")
    assert rc == 1
    assert "1 failed, 1 passed" in output
    assert "playbook site.yml" in output
    assert "nested too deep" in output
    assert "report it" not in output


def test_where_there_is_nothing_to_audit_a_sentence_says_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one(): pass")
    rc, output = run(pytester)
    assert rc == pytest.ExitCode.USAGE_ERROR
    assert f"--bgasync-audit: there is no playbook in {pytester.path / 'playbooks'}: name playbooks" in output


@pytest.mark.parametrize("workers", ["0", "2"])
def test_rules_are_left_out_everywhere_or_in_some_files(pytester: pytest.Pytester, workers: str) -> None:
    write(pytester, playbooks__late=LATE, playbooks__later=LATE)
    pytester.makeini("[pytest]\nbgasync_audit_ignore = BGA011:playbooks/late.* BGA015")
    rc, output = run(pytester, "-rN", "-n", workers)
    assert rc == 1
    assert "1 failed, 1 passed" in output
    assert "playbooks/later.yml:4:48: BGA011" in output
    assert "BGA015 leaves nothing out: remove it" in output
    pytester.makeini("[pytest]\nbgasync_audit_ignore = BGA011, BGA030")
    rc, output = run(pytester, "-n", workers)
    assert rc == 0
    assert "ini key bgasync_audit_ignore: BGA030 leaves nothing out: remove it" in output
    assert output.count("leaves nothing out") == 1
    rc, output = run(pytester, "playbooks/late.yml", "-n", workers)
    assert rc == 0
    assert "leaves nothing out" not in output  # it may be for what is not audited here


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("BGA999", "ini key bgasync_audit_ignore: 'BGA999' is no rule; write an id"),
        ("everything", "ini key bgasync_audit_ignore: 'everything' is no rule"),
        ("BGA015:", "ini key bgasync_audit_ignore: 'BGA015:' names no files behind its colon"),
    ],
)
def test_an_unknown_id_is_refused(pytester: pytest.Pytester, value: str, sentence: str) -> None:
    write(pytester, playbooks__good=GOOD)
    pytester.makeini(f"[pytest]\nbgasync_audit_ignore = {value}")
    rc, output = run(pytester)
    assert rc == pytest.ExitCode.USAGE_ERROR
    assert sentence in output


def test_a_crash_of_a_rule_is_an_error_with_its_id_and_the_place(pytester: pytest.Pytester) -> None:
    write(pytester, playbooks__good=GOOD)
    pytester.makeconftest(
        """
        from pytest_bgasync.audit.rules import RULES

        def crash(task, plays):
            raise ZeroDivisionError("by nothing")

        RULES[0].find = crash
        """
    )
    rc, output = run(pytester, "-rN")
    assert rc == 1
    assert "playbooks/good.yml:4:7: BGA001 error: the rule crashed at task 'Launch' with ZeroDivisionError" in output


def test_a_crash_outside_of_a_rule_fails_the_item_and_no_other(pytester: pytest.Pytester) -> None:
    write(pytester, playbooks__bad=GOOD.replace("Launch", "Break"), playbooks__good=GOOD)
    pytester.makeconftest(
        """
        from pytest_bgasync.audit import runner

        walk = runner.walk

        def crash(path, root):
            return walk(path, root) if path.name == "good.yml" else 1 / 0

        runner.walk = crash
        """
    )
    rc, output = run(pytester, "-rN")
    assert rc == 1
    assert "1 failed, 1 passed" in output
    assert "the audit of playbook playbooks/bad.yml crashed with ZeroDivisionError" in output


def test_a_hundred_playbooks_take_a_few_seconds(pytester: pytest.Pytester) -> None:
    """No time is asserted here: pytest says it, and the figure is in docs/audit.md."""
    write(pytester, **{f"playbooks__p{number}": GOOD * 3 for number in range(100)})
    rc, output = run(pytester, "-q")
    assert rc == 0
    assert "100 passed" in output
