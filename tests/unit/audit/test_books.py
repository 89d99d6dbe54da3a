"""What a playbook comes to: roles, includes, blocks, variables, noqa; and what is odd."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.model import Fault, Severity, Task
from pytest_bgasync.audit.runner import look
from pytest_bgasync.util.yaml_nodes import NotYaml

from .books import ASK, ASK_EACH, EACH, LAUNCH, found, ids, play, write

BARE = "- {command: work, async: 60, poll: 0}\n"
SHORT = ASK.replace("60", "5")


def test_a_finding_stands_where_its_keyword_does(tmp_path: Path) -> None:
    site = write(tmp_path, {"site.yml": play("- name: Work\n  command: work\n  async: 10\n  poll:   30\n")})
    (finding,) = look(site, tmp_path).findings
    assert (finding.place.file, finding.place.line, finding.place.column) == (site, 6, 7)
    assert (finding.id, finding.severity) == ("BGA011", Severity.ERROR)
    assert finding.problem == "task 'Work' has async: 10 and asks only after poll: 30 s"
    assert finding.cure == "make poll a small part of async"


@pytest.mark.parametrize(
    "head",
    [
        "hosts: all\nroles: [one]",
        "hosts: all\nroles: [{role: one, become: true}]",
        "hosts: all\nroles: [{name: one, when: wanted}]",
    ],
)
def test_the_tasks_of_a_role_are_read_at_their_own_place(tmp_path: Path, head: str) -> None:
    assert found(tmp_path, play("[]", head), roles__one__tasks__main=BARE) == ["roles/one/tasks/main.yml:1:BGA015"]


@pytest.mark.parametrize(
    ("how", "faults"),
    [
        ("import_role: {name: one}", []),
        ("include_role: {name: one, public: true}", []),
        ("include_role: {name: one}", ["BGA007"]),
    ],
)
def test_variables_of_a_role_hold_for_the_play_unless_it_is_included(
    tmp_path: Path, how: str, faults: list[str]
) -> None:
    files = {"roles__one__tasks__main": LAUNCH, "roles__one__vars__main": "ansible_async_dir: /var/jobs\n"}
    assert ids(tmp_path, play(f"- {how}\n" + ASK), **files) == faults


@pytest.mark.parametrize(
    "how", ["import_role: {name: one}", "include_role: name=one", "ansible.builtin.include_role: {name: one}"]
)
def test_the_tasks_of_a_role_that_is_included_are_read(tmp_path: Path, how: str) -> None:
    assert found(tmp_path, play(f"- {how}\n"), roles__one__tasks__main=BARE) == ["roles/one/tasks/main.yml:1:BGA015"]


def test_dependencies_other_files_and_handlers_of_a_role_are_read(tmp_path: Path) -> None:
    assert found(
        tmp_path,
        play("- include_role: {name: one, tasks_from: other}\n- import_role: {name: two}\n"),
        roles__one__tasks__other=BARE,
        roles__two__meta__main="dependencies: [three, {role: four}]\n",
        roles__three__tasks__main=BARE,
        roles__four__handlers__main=BARE,
    ) == [
        "roles/four/handlers/main.yml:1:BGA015",
        "roles/one/tasks/other.yml:1:BGA015",
        "roles/three/tasks/main.yml:1:BGA015",
    ]


def test_handlers_come_where_they_are_flushed(tmp_path: Path) -> None:
    handlers = "  handlers:\n    " + LAUNCH
    text = "- {ping: , notify: Launch}\n- meta: flush_handlers\n" + ASK
    assert ids(tmp_path, play(text) + handlers) == []
    assert ids(tmp_path, play(text + "  become: true\n") + handlers) == ["BGA001"]


def test_a_role_used_twice_is_told_once(tmp_path: Path) -> None:
    twice = play("[]\n", "hosts: all\nroles: [one, one]") + play("- import_role: {name: one}\n")
    assert len(found(tmp_path, twice, roles__one__tasks__main=BARE)) == 1


def test_files_of_tasks_are_followed_from_where_they_are(tmp_path: Path) -> None:
    assert found(
        tmp_path,
        play("- include_tasks: parts/one.yml\n- import_tasks: {file: parts/two.yml}\n"),
        parts__one="- include_tasks: three.yml\n",
        parts__two=BARE,
        parts__three=BARE,
    ) == ["parts/three.yml:1:BGA015", "parts/two.yml:1:BGA015"]


def test_a_role_finds_its_files_beside_its_tasks(tmp_path: Path) -> None:
    main = "- block:\n    - include_tasks: deeper/more.yml\n"
    files = {"roles__one__tasks__main": main, "roles__one__tasks__deeper__more": "- import_tasks: last.yml\n"}
    where = found(tmp_path, play("[]", "hosts: all\nroles: [one]"), **files, roles__one__tasks__last=BARE)
    assert where == ["roles/one/tasks/last.yml:1:BGA015"]


def test_a_launch_in_a_role_is_asked_for_in_the_play(tmp_path: Path) -> None:
    head = "hosts: all\nroles: [one]"
    assert ids(tmp_path, play(ASK, head), roles__one__tasks__main=LAUNCH) == []
    assert ids(tmp_path, play(ASK, head), roles__one__tasks__main=LAUNCH.replace("poll", "become: true, poll")) == [
        "BGA001"
    ]


def test_what_an_import_says_is_in_force_inside_and_what_an_include_says_is_not(tmp_path: Path) -> None:
    more = LAUNCH + ASK
    assert ids(tmp_path, play(f"- {{import_tasks: more.yml, become: true}}\n{ASK}"), more=more) == ["BGA001"]
    assert ids(tmp_path, play(f"- {{include_tasks: more.yml, become: true}}\n{ASK}"), more=more) == []
    applied = "- include_tasks: {file: more.yml, apply: {become: true}}\n"
    assert ids(tmp_path, play(applied + ASK), more=more) == ["BGA001"]


def test_a_condition_of_an_include_is_one_of_its_tasks(tmp_path: Path) -> None:
    assert ids(tmp_path, play("- {include_tasks: more.yml, when: wanted}\n" + ASK), more=LAUNCH) == ["BGA008"]
    assert ids(tmp_path, play("- {include_tasks: more.yml, when: wanted}\n"), more=LAUNCH + ASK) == []


def test_a_variable_of_an_include_leads_to_the_job(tmp_path: Path) -> None:
    include = "- {include_tasks: wait.yml, vars: {waited: '{{ job }}'}}\n"
    wait = SHORT.replace("job.ansible", "waited.ansible")
    assert found(tmp_path, play(LAUNCH + include), wait=wait) == ["wait.yml:5:BGA009"]


def test_an_include_in_a_loop_asks_for_each_item(tmp_path: Path) -> None:
    include = "- {include_tasks: wait.yml, loop: '{{ jobs.results }}', loop_control: {loop_var: one}}\n"
    wait = SHORT.replace("job.ansible", "one.ansible")
    assert found(tmp_path, play(EACH + include), wait=wait) == ["wait.yml:5:BGA009"]


@pytest.mark.parametrize(
    "tasks",
    [
        "- include_tasks: '{{ playbook_dir }}/parts/one.yml'\n",
        "- import_tasks: '{{playbook_dir}}/parts/one.yml'\n",
        "- import_role: {name: '{{ playbook_dir }}/far/two'}\n",
        "- include_role: {name: far/two}\n",
        "- include_role: {name: ./far/two}\n",
    ],
)
def test_what_is_named_by_a_path_is_read(tmp_path: Path, tasks: str) -> None:
    files = {"parts__one": BARE, "far__two__tasks__main": BARE}
    assert ids(tmp_path, play(tasks), **files) == ["BGA015"]


def test_the_folder_of_the_playbook_can_be_a_role(tmp_path: Path) -> None:
    text = play("[]", "hosts: all\nroles: [{role: '{{ playbook_dir }}'}]")
    assert found(tmp_path, text, tasks__main=BARE, defaults__main="limit: 60\n") == ["tasks/main.yml:1:BGA015"]


def test_the_folder_of_a_role_leads_to_its_files(tmp_path: Path) -> None:
    main = "- include_tasks: '{{ role_path }}/tasks/more.yml'\n- import_tasks: '{{ role_path }}/{{ role_name }}.yml'\n"
    role = {"roles__one__tasks__main": main, "roles__one__tasks__more": BARE, "roles__one__one": BARE}
    assert found(tmp_path, play("[]", "hosts: all\nroles: [one]"), **role) == [
        "roles/one/one.yml:1:BGA015",
        "roles/one/tasks/more.yml:1:BGA015",
    ]


def test_handlers_named_by_a_path_are_read(tmp_path: Path) -> None:
    handlers = (
        "  handlers:\n    - import_tasks: '{{ playbook_dir }}/handlers/one.yml'\n    - import_tasks: more/two.yml\n"
    )
    text = play("- {ping: , notify: Work}\n") + handlers
    assert found(tmp_path, text, handlers__one=BARE, more__two=BARE) == [
        "handlers/one.yml:1:BGA015",
        "more/two.yml:1:BGA015",
    ]


def test_playbooks_and_variables_by_a_path(tmp_path: Path) -> None:
    other = play(
        LAUNCH.replace("600", "'{{ limit }}'") + SHORT, "hosts: all\nvars_files: ['{{ playbook_dir }}/more/vars.yml']"
    )
    text = "- import_playbook: '{{ playbook_dir }}/more/other.yml'\n"
    assert ids(tmp_path, text, more__other=other, more__vars="limit: 600\n") == ["BGA009"]


def test_what_cannot_be_followed_may_ask(tmp_path: Path) -> None:
    for tail in (
        "- include_tasks: '{{ which }}.yml'\n",
        "- import_role: {name: far.away.role}\n",
        "- include_tasks: no.yml\n",
    ):
        assert ids(tmp_path, play(LAUNCH + tail)) == []
        assert ids(tmp_path, play(tail + LAUNCH)) == ["BGA015"]


@pytest.mark.parametrize("content", ["$ANSIBLE_VAULT;1.1;AES256\n61\n", "- {a: [\n"])
def test_what_is_encrypted_or_broken_may_ask(tmp_path: Path, content: str) -> None:
    assert ids(tmp_path, play(LAUNCH + "- include_tasks: more.yml\n"), more=content) == []
    assert ids(tmp_path, play(LAUNCH) + "- import_playbook: more.yml\n", more=content) == []
    role = play(LAUNCH, "hosts: all\nroles: [one]")
    assert ids(tmp_path, role, roles__one__tasks__main="- ping:\n", roles__one__handlers__main=content) == []


def test_what_is_empty_asks_nothing(tmp_path: Path) -> None:
    text = play(LAUNCH + "- include_tasks: more.yml\n", "hosts: all\nroles: [one]")
    others = {"more": "# later\n", "roles__one__tasks__main": "", "roles__one__handlers__main": ""}
    assert ids(tmp_path, text, **others) == ["BGA015"]


@pytest.mark.parametrize("jid", ["{{ number }}", "{{ job.ansible_job_id }"])
def test_a_job_id_that_is_not_known_may_be_that_of_any_job(tmp_path: Path, jid: str) -> None:
    assert ids(tmp_path, play(LAUNCH + f"- async_status: {{jid: '{jid}'}}\n")) == []


@pytest.mark.parametrize(
    "files",
    [
        {"site.yml": play("- include_tasks: one.yml\n"), "one.yml": BARE + "- include_tasks: one.yml\n"},
        {
            "site.yml": play("- import_tasks: one.yml\n"),
            "one.yml": BARE + "- import_tasks: two.yml\n",
            "two.yml": "- import_tasks: one.yml\n",
        },
        {"site.yml": "- import_playbook: one.yml\n", "one.yml": "- import_playbook: site.yml\n" + play(BARE)},
        {
            "site.yml": play("[]", "hosts: all\nroles: [one]"),
            "roles/one/tasks/main.yml": BARE + "- include_role: {name: one}\n",
            "roles/one/meta/main.yml": "dependencies: [one]\n",
        },
    ],
)
def test_what_includes_itself_is_read_once(tmp_path: Path, files: dict[str, str]) -> None:
    assert [finding.id for finding in look(write(tmp_path, files), tmp_path).findings] == ["BGA015"]


def test_a_playbook_that_is_imported_is_read_and_named(tmp_path: Path) -> None:
    site = write(tmp_path, {"site.yml": "- import_playbook: other.yml\n" + play(ASK), "other.yml": play(LAUNCH)})
    audit = look(site, tmp_path)
    assert audit.findings == []
    assert audit.imported == {(tmp_path / "other.yml").resolve()}


def test_roles_are_found_where_ansible_cfg_says(tmp_path: Path) -> None:
    write(tmp_path, {"ansible.cfg": "[defaults]\nroles_path = library:more\n", "more/one/tasks/main.yml": BARE})
    assert ids(tmp_path, play("[]", "hosts: all\nroles: [one]")) == ["BGA015"]


def test_roles_of_an_imported_playbook_are_beside_it(tmp_path: Path) -> None:
    inner = {"more__other": play("[]", "hosts: all\nroles: [one]"), "more__roles__one__tasks__main": BARE}
    where = found(tmp_path, "- import_playbook: more/other.yml\n", **inner)
    assert where == ["more/roles/one/tasks/main.yml:1:BGA015"]


def test_a_role_is_found_by_steps_up(tmp_path: Path) -> None:
    """They count from folders of roles that are not there, too."""
    role = {"other__one__tasks__main": BARE}
    assert ids(tmp_path, play("[]", "hosts: all\nroles: [../other/one]"), **role) == ["BGA015"]


def test_roles_of_a_collection_beside_the_playbook_are_found(tmp_path: Path) -> None:
    write(tmp_path, {"collections/ansible_collections/my/own/roles/one/tasks/main.yml": BARE})
    assert ids(tmp_path, play("[]", "hosts: all\nroles: [my.own.one]")) == ["BGA015"]


def test_numbers_come_from_all_variables_that_are_written_down(tmp_path: Path) -> None:
    text = LAUNCH.replace("600", "'{{ limit }}'") + SHORT
    known = ["BGA009"]
    assert ids(tmp_path, play(text)) == []
    assert ids(tmp_path, play(text, "hosts: all\nvars: {limit: 600}")) == known
    assert ids(tmp_path, play(text, "hosts: all\nvars: {limit: '{{ base * 6 }}', base: 100}")) == known
    assert ids(tmp_path, play(text, "hosts: all\nvars_files: [more.yml]"), more="limit: 600\n") == known
    assert ids(tmp_path, play(text, "hosts: all\nvars_files: ['{{ which }}.yml']\nvars: {limit: 600}")) == []
    assert ids(tmp_path, play("- include_vars: more.yml\n" + text, "hosts: all\nvars: {limit: 600}")) == []
    prompted = "hosts: all\nvars: {limit: 600}\nvars_prompt: [{name: limit}]"
    assert ids(tmp_path, play(text, prompted)) == []
    assert ids(tmp_path, play(text, "hosts: all\nvars: {limit: '{{ limit }}'}")) == []


def test_variables_of_roles_and_of_the_inventory(tmp_path: Path) -> None:
    text = LAUNCH.replace("600", "'{{ limit }}'") + SHORT
    roles = play("[]", "hosts: all\nroles: [one]")
    role = {"roles__one__tasks__main": text}
    assert ids(tmp_path, roles, **role, roles__one__defaults__main="limit: 600\n") == ["BGA009"]
    assert ids(tmp_path, roles, **role, group_vars__db="limit: 50\n") == []  # for some hosts another
    assert ids(tmp_path, roles, **role, roles__one__vars__main="limit: 600\n") == ["BGA009"]  # comes before that
    (tmp_path / "group_vars/db.yml").unlink()
    (tmp_path / "roles/one/vars/main.yml").unlink()
    (tmp_path / "roles/one/defaults/main.yml").unlink()
    assert ids(tmp_path, roles, **role, group_vars__all="limit: 600\n") == ["BGA009"]
    assert ids(tmp_path, roles, **role, host_vars__db1="limit: 50\n") == []


def test_defaults_of_roles_with_filters(tmp_path: Path) -> None:
    """As long as nobody sets the variable, its default counts."""
    text = LAUNCH + ASK.replace("60", "'{{ one_tries }}'").replace("10", "'{{ one_delay }}'")
    roles = play("[]", "hosts: all\nroles: [one]")
    defaults = 'one_tries: "{{ tries | default(30) }}"\none_delay: "{{ pace | default(1) | int }}"\n'
    role = {"roles__one__tasks__main": text, "roles__one__defaults__main": defaults}
    assert found(tmp_path, roles, **role) == ["roles/one/tasks/main.yml:6:BGA009"]
    assert ids(tmp_path, roles.replace("roles", "vars: {tries: 600}\n  roles"), **role) == []
    assert ids(tmp_path, roles, **role, group_vars__db="tries: 600\n") == []
    empty = {**role, "roles__one__vars__main": "---\n# nothing\n"}
    (tmp_path / "group_vars/db.yml").unlink()
    assert ids(tmp_path, roles, **empty) == ["BGA009"]
    assert ids(tmp_path, play("- include_vars: more.yml\n", "hosts: all\nroles: [one]"), **role) == []


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("hosts", "[all:vars]\ntries=600\n"),
        ("hosts.ini", "db1 tries=600\n"),
        ("inventory/hosts.yml", "all: {vars: {tries: 600}}\n"),
        ("inventories/live/hosts", "[all:vars]\ntries = 600\n"),
        ("inventory.py", 'print(\'{"all": {"vars": {"tries": 600}}}\')\n'),
        ("places/live", "[all:vars]\ntries=600\n"),
        ("hosts", "$ANSIBLE_VAULT;1.1;AES256\n61\n"),
        ("hosts", "# much\n" * 200_000),
    ],
)
def test_what_an_inventory_may_set_is_not_known(tmp_path: Path, file: str, content: str) -> None:
    text = play(LAUNCH + ASK.replace("60", "'{{ tries | default(5) }}'"))
    write(tmp_path, {file: "[all]\ndb1\n", "ansible.cfg": "[defaults]\ninventory = places/live\n"})
    assert ids(tmp_path, text) == ["BGA009"]
    write(tmp_path, {file: content})
    assert ids(tmp_path, text) == []
    assert ids(tmp_path, text.replace("hosts: all", "hosts: all\n  vars: {tries: 5}")) == ["BGA009"]


def test_many_files_of_an_inventory_leave_all_unknown(tmp_path: Path) -> None:
    text = play(LAUNCH + ASK.replace("60", "'{{ tries | default(5) }}'"))
    write(tmp_path, {f"inventory/h{number}": "db1\n" for number in range(200)})
    assert ids(tmp_path, text) == ["BGA009"]
    write(tmp_path, {"inventory/last": "db1\n"})
    assert ids(tmp_path, text) == []


def test_other_files_of_variables_of_a_role_are_read(tmp_path: Path) -> None:
    text = play("- include_role: {name: one, defaults_from: long.yml}\n")
    role = {
        "roles__one__tasks__main": LAUNCH.replace("600", "'{{ limit }}'") + SHORT,
        "roles__one__defaults__main": "limit: 40\n",
        "roles__one__defaults__long": "limit: 600\n",
    }
    assert ids(tmp_path, text, **role) == ["BGA009"]
    assert ids(tmp_path, text.replace("long.yml", "'{{ which }}'"), **role) == []
    assert ids(tmp_path, text.replace(", defaults_from: long.yml", ""), **role) == []


def test_variables_in_a_folder_of_a_role_are_not_known(tmp_path: Path) -> None:
    text = play("[]", "hosts: all\nroles: [one]\nvars: {limit: 600}")
    role = {"roles__one__tasks__main": LAUNCH.replace("600", "'{{ limit }}'") + SHORT}
    assert ids(tmp_path, text, **role) == ["BGA009"]
    assert ids(tmp_path, text, **role, roles__one__vars__main__limits="limit: 50\n") == []


@pytest.mark.parametrize("content", ["$ANSIBLE_VAULT;1.1;AES256\n61\n", "{a: [\n"])
def test_what_cannot_be_read_in_the_inventory_may_set_what_a_role_has_by_default(tmp_path: Path, content: str) -> None:
    tasks = LAUNCH.replace("600", "'{{ limit }}'") + SHORT
    text = play("[]", "hosts: all\nroles: [one]")
    role = {"roles__one__tasks__main": tasks, "roles__one__defaults__main": "limit: 600\n"}
    assert ids(tmp_path, text, **role) == ["BGA009"]
    assert ids(tmp_path, text, **role, group_vars__db__vault=content) == []
    assert ids(tmp_path, text, **role, roles__one__vars__main="limit: 600\n") == ["BGA009"]


def test_a_become_of_the_inventory_is_that_of_both_tasks(tmp_path: Path) -> None:
    text = play(LAUNCH.replace("poll", "become: true, poll") + ASK)
    assert ids(tmp_path, text, inventory__group_vars__all="ansible_become: true\n") == []


@pytest.mark.parametrize("where", ["where", "where/hosts"])
def test_the_inventory_that_ansible_cfg_names_counts(tmp_path: Path, where: str) -> None:
    write(tmp_path, {"ansible.cfg": f"[defaults]\ninventory = {where}\n", "where/hosts": "one\n"})
    text = play(LAUNCH.replace("poll", "become: true, poll") + ASK)
    assert ids(tmp_path, text, where__group_vars__all="ansible_become: true\n") == []


def test_an_ansible_cfg_with_an_error_is_no_crash(tmp_path: Path) -> None:
    write(tmp_path, {"ansible.cfg": "[defaults]\nroles_path = ~nobody.at.all/roles\nforks\n"})
    assert ids(tmp_path, play(LAUNCH, "hosts: all\nroles: [one]")) == ["BGA015"]


@pytest.mark.parametrize(
    ("task", "count"),
    [
        ("- name: Work  # noqa: BGA015\n  command: work\n  async: 60\n  poll: 0\n", 0),
        ("- name: Work  # noqa\n  command: work\n  async: 60\n  poll: 0\n", 0),
        ("- name: Work  # NOQA BGA016, BGA015\n  command: work\n  async: 60\n  poll: 0\n", 0),
        ("- name: Work  # noqa: BGA016\n  command: work\n  async: 60\n  poll: 0\n", 1),
        ("- name: Work  # noqa: no-changed-when\n  command: work\n  async: 60\n  poll: 0\n", 1),
        ("- name: Work  # nothing: BGA015\n  command: work\n  async: 60\n  poll: 0\n", 1),
        ("- name: 'Work # noqa'\n  command: work\n  async: 60\n  poll: 0\n", 1),
        ("- name: Work\n  command: work  # noqa: BGA015\n  async: 60\n  poll: 0\n", 1),
        ("- name: Work\n  command: work\n  async: 10\n  poll: 30  # noqa: BGA011\n", 0),
        ("- name: Work  # noqa: BGA011\n  command: work\n  async: 10\n  poll: 30\n", 0),
        ("- {command: work, async: 60, poll: 0}  # noqa: BGA015\n", 0),
        ("- name: Work  # it is meant # noqa: BGA015\n  command: work\n  async: 60\n  poll: 0\n", 0),
        ("- shell: |  # noqa: BGA030\n    work &\n", 0),
        ("- shell: |  # more\n    work &  # noqa: BGA030\n", 1),
        ("# noqa: BGA015\n- {command: work, async: 60, poll: 0}\n", 1),
    ],
)
def test_noqa_stands_on_the_first_line_of_the_task_or_on_that_of_the_finding(
    tmp_path: Path, task: str, count: int
) -> None:
    assert len(ids(tmp_path, play(task))) == count


def test_names_of_tags_aliases_and_merged_keys_are_read(tmp_path: Path) -> None:
    assert ids(
        tmp_path,
        "- hosts: all\n  vars:\n    secret: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      61\n"
        "    text: !unsafe '{{ x }}'\n"
        "    base: &base {async: 600, poll: 0}\n"
        "  tasks:\n    - {<<: *base, command: one}\n    - &two {<<: *base, command: two, async: !vault x}\n"
        "    - *two\n",
    ) == ["BGA015"]


def test_yaml_without_an_end_and_what_is_no_yaml_raise(tmp_path: Path) -> None:
    for text in ("- &a\n  hosts: all\n  tasks: [*a]\n", "- {a: [}\n", "[" * 2000):
        with pytest.raises(NotYaml):
            look(write(tmp_path, {"site.yml": text}), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 3\n",
        "- [x]\n",
        "- hosts: all\n  tasks: text\n",
        "- hosts: [all]\n  tasks:\n    - 3\n    - {}\n    - [a]\n    - {name: x}\n    - {command: }\n"
        "    - {block: 3}\n",
        "- hosts: all\n  roles: [3, {}, {role: }, '{{ x }}']\n  vars_files: [[a], 3]\n  vars_prompt: [x]\n"
        "  vars: [a]\n",
        play("- {command: x, async: [1], poll: {a: 1}, when: {a: 1}, register: [x], vars: 3, loop_control: 3}\n"),
        play("- {async_status: , until: '{{', retries: x, delay: []}\n"),
        play("- {async_status: {jid: '{{ item.x }}'}, loop: '{{ item }}'}\n"),
        play("- {command: x, register: job, async: 5, poll: 0, when: '{{ ('}\n" + ASK),
        play("- {shell: \"x ' &\", async: 1, poll: 0}\n- {shell: 'x <<', poll: 1}\n- {shell: '$(', poll: 1}\n"),
        play("- {async_status: {jid: '{{ job.ansible_job_id }}'}, register: job}\n" * 2),
        play(
            "- {include_tasks: {file: [x]}}\n- {include_role: }\n- {import_tasks: }\n- {action: }\n"
            "- {action: {module: }}\n"
        ),
        play(f"- include_tasks: {'x' * 300}\n- include_role: {{name: {'x' * 300}}}\n"),
        play("- {set_fact: , vars: {a: '{{ a }}'}}\n- {command: x, async: '{{ a ** 9 ** 9 ** 9 }}', poll: 0}\n"),
    ],
)
def test_what_is_odd_is_no_crash(tmp_path: Path, text: str) -> None:
    site = write(tmp_path, {"site.yml": text})
    assert [finding for finding in look(site, tmp_path).findings if "crashed" in finding.problem] == []


def test_a_rule_that_crashes_is_an_error_with_its_id_and_the_place(tmp_path: Path) -> None:
    def crash(task: Task, _: Plays) -> Iterator[Fault]:
        yield task.fault("one")
        raise ZeroDivisionError("by nothing")

    rule = SimpleNamespace(ID="BGA999", SEVERITY=Severity.WARNING, PROBLEM="", CURE="cure", find=crash)
    site = write(tmp_path, {"site.yml": play("- name: Work\n  ping:\n- name: More  # noqa\n  ping:\n")})
    findings = look(site, tmp_path, [rule]).findings
    assert [(f.place.line, f.id, f.severity) for f in findings] == [
        (3, "BGA999", "warning"), (3, "BGA999", "error"), (5, "BGA999", "error"),
    ]  # fmt: skip
    assert findings[1].problem == "the rule crashed at task 'Work' with ZeroDivisionError: by nothing"
    assert "report it" in findings[1].cure


def test_registers_of_branches_are_all_possible(tmp_path: Path) -> None:
    lines = "".join(f"    {line}\n" for line in LAUNCH.splitlines())
    other = lines.replace("poll", "become: true, poll")
    both = f"- block:\n{lines}  rescue:\n{other}"
    assert ids(tmp_path, play(both + ASK)) == []  # asked for by one of the two users at least
    assert ids(tmp_path, play(f"- block:\n{other}  rescue:\n{other}" + ASK)) == ["BGA001"]


def test_a_status_is_about_the_launch_that_registered_last(tmp_path: Path) -> None:
    first, second = LAUNCH.replace("600", "9000"), LAUNCH
    assert ids(tmp_path, play(first + ASK.replace("60", "900") + second + ASK)) == []
    assert ids(tmp_path, play(first + second + ASK)) == ["BGA015"]


def test_a_second_status_by_the_result_of_the_first_is_about_the_same_job(tmp_path: Path) -> None:
    first = ASK.replace("60", "5") + "  ignore_errors: true\n"
    again = ASK.replace("job.ansible_job_id", "answer.ansible_job_id").replace("60", "10")
    assert ids(tmp_path, play(LAUNCH + first + again)) == ["BGA009"]
    assert ids(tmp_path, play(LAUNCH + first + again.replace("10", "55", 1))) == []


def test_a_loop_of_statuses_over_a_loop_of_launches(tmp_path: Path) -> None:
    late = EACH.replace("poll", "when: item == 'a', become: true, poll")
    assert ids(tmp_path, play(late + ASK_EACH.replace("60", "5"))) == ["BGA001", "BGA008", "BGA009"]


def test_a_big_playbook_takes_a_moment(tmp_path: Path) -> None:
    """Far below what would be quadratic, on a busy machine too."""
    pair = (LAUNCH + ASK).replace("job", "jobN").replace("ansible_jobN", "ansible_job")
    tasks = "".join(pair.replace("jobN", f"job{number}") for number in range(1000))
    site = write(tmp_path, {"site.yml": play(tasks)})
    began = time.monotonic()
    assert look(site, tmp_path).findings == []
    assert time.monotonic() - began < 30


def test_what_ansible_cfg_says_is_in_force(tmp_path: Path) -> None:
    text = play(LAUNCH.replace("poll", "become: true, poll") + ASK)
    assert ids(tmp_path, text) == ["BGA001"]
    write(tmp_path, {"ansible.cfg": "[privilege_escalation]\nbecome = True\n"})
    assert ids(tmp_path, text) == []
    assert ids(tmp_path, play(LAUNCH + ASK + "  become: false\n")) == ["BGA001"]
    write(tmp_path, {"ansible.cfg": "[defaults]\nasync_dir = /var/spool/jobs\npoll_interval = 0\n"})
    assert ids(tmp_path, text) == []
    assert ids(tmp_path, play(LAUNCH.replace("poll: 0, ", "") + ASK)) == []


def test_files_of_variables_that_are_encrypted_leave_all_unknown(tmp_path: Path) -> None:
    text = play(
        LAUNCH.replace("600", "'{{ limit }}'") + SHORT, "hosts: all\nvars: {limit: 600}\nvars_files: [more.yml]"
    )
    assert ids(tmp_path, text, more="$ANSIBLE_VAULT;1.1;AES256\n61\n") == []
    assert ids(tmp_path, text, more="# nothing\n") == ["BGA009"]
