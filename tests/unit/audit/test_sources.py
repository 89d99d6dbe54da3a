"""What several playbooks share is read once, and a handler where a play can come to it for the sake of a job."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from pytest_bgasync.audit import sources as module
from pytest_bgasync.audit.job_graph import Plays
from pytest_bgasync.audit.loader import walk
from pytest_bgasync.audit.session import audit_all
from pytest_bgasync.audit.sources import Sources
from pytest_bgasync.audit.words import words
from pytest_bgasync.util.yaml_nodes import compose

from .books import ASK, LAUNCH, ids, play, write

FLUSH = "- {ping: , notify: Restart}\n- meta: flush_handlers\n"


def names(folder: Path, text: str, **files: str) -> Counter[str]:
    """Return how often each task of a playbook is read."""
    write(folder, {name.replace("__", "/") + ".yml": content for name, content in files.items()})
    site = write(folder, {"site.yml": text})
    return Counter(task.name for task in walk(site, Sources(folder)).tasks)


def test_files_of_several_playbooks_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[str] = Counter()
    compose_it = module._document

    def counted(path: Path) -> object:
        read[path.name] += 1
        return compose_it(path)

    monkeypatch.setattr(module, "_document", counted)
    text = play("- include_tasks: more.yml\n", "hosts: all\nroles: [one]")
    files = {f"p{number}.yml": text for number in range(20)}
    write(tmp_path, {**files, "more.yml": "- ping:\n", "roles/one/tasks/main.yml": "- ping:\n"})
    audit_all([tmp_path / name for name in files], tmp_path)
    assert read == Counter({**dict.fromkeys(files, 1), "more.yml": 1, "main.yml": 1})


def test_a_handler_without_a_job_is_read_once(tmp_path: Path) -> None:
    text = play(FLUSH * 10, "hosts: all\nroles: [one, two, three]") * 3
    roles = {f"roles__{name}__meta__main": "dependencies: [shared]\n" for name in ("one", "two", "three")}
    handlers = "- {name: Test, command: test, register: tested}\n- {name: Restart, ping: , when: tested.rc == 0}\n"
    found = names(tmp_path, text, roles__shared__handlers__main=handlers, **roles)
    assert (found["Test"], found["Restart"]) == (1, 1)


def test_a_handler_with_a_job_is_read_at_each_flush(tmp_path: Path) -> None:
    assert names(tmp_path, play(FLUSH * 3) + "  handlers:\n    " + LAUNCH)["Launch"] == 4


@pytest.mark.parametrize("named", ["job.rc == 0", "leads | bool"])
def test_a_handler_is_read_after_the_job_that_it_names(tmp_path: Path, named: str) -> None:
    """It may be named by a variable, too."""
    text = play(FLUSH * 2 + LAUNCH + FLUSH * 2, "hosts: all\nvars: {leads: '{{ job.rc == 0 }}'}")
    assert names(tmp_path, f"{text}  handlers:\n    - {{name: Restart, ping: , when: {named}}}\n")["Restart"] == 2


def test_a_handler_asks_for_a_job_of_a_later_flush(tmp_path: Path) -> None:
    """Between the flushes it is launched: a handler that was read before only would not know it."""
    asks = "  handlers:\n" + "".join(f"    {line}\n" for line in ASK.replace("60", "5").splitlines())
    assert ids(tmp_path, play(FLUSH + LAUNCH + FLUSH) + asks) == ["BGA009"]


def test_a_pause_in_a_handler_counts_at_each_flush(tmp_path: Path) -> None:
    handlers = "  handlers:\n    - {name: Restart, pause: {seconds: 300}}\n"
    short = ASK.replace("60", "30")
    assert ids(tmp_path, play(FLUSH + LAUNCH + FLUSH + short) + handlers) == []
    assert ids(tmp_path, play(FLUSH + LAUNCH + short) + handlers) == ["BGA009"]


@pytest.mark.parametrize(
    "task",
    [
        "{name: It, debug: {msg: '{{ job.rc }}'}}",
        "{name: It, debug: {msg: '{{ one }}'}}",
        "{name: It, debug: {msg: '{{ two }}'}}",
        "{name: It, debug: {msg: '{{ fallback }}'}}",
        "{name: It, ping: , poll: 5}",
        "{name: It, async_status: {jid: 1}}",
        "{name: It, block: [{name: It, ping: }], when: job is finished}",
        "{name: It, include_tasks: more.yml, loop: '{{ [job] }}'}",
    ],
)
def test_a_task_that_may_lead_to_a_job_concerns_it(tmp_path: Path, task: str) -> None:
    head = "hosts: all\nroles: [one]\nvars: {one: '{{ job }}', two: '{{ one.rc }}'}"
    more = {"more.yml": "- {name: It, debug: {msg: '{{ item }}'}}\n", "roles/one/tasks/main.yml": "[]\n"}
    more["roles/one/defaults/main.yml"] = "fallback: 1\n"
    more["group_vars/all.yml"] = "fallback: '{{ job }}'\n"
    site = write(tmp_path, {"site.yml": play(LAUNCH + "- {name: No, ping: }\n- " + task + "\n", head), **more})
    plays = Plays(walk(site, Sources(tmp_path)))
    found = {task.name for task in plays.tasks if plays.concerns_jobs(task)}
    assert found == {"Launch", "It"}


def test_words_of_aliases_end() -> None:
    """Each of thirty lists holds the one before it twice, which comes to a thousand million words."""
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30))
    document = compose(text)
    assert document is not None
    assert "x" in words(document)


def seconds(folder: Path, number: int) -> float:
    """Return the processor time of an audit of playbooks, of which each other one imports another."""
    files = {f"p{n}.yml": play("- ping:\n") for n in range(number // 2)}
    files |= {f"i{n}.yml": f"- import_playbook: p{n}.yml\n" for n in range(number // 2)}
    write(folder, files)
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        told = audit_all([folder / name for name in files], folder)
        best = min(best, time.process_time() - began)
        assert not any(one.fails for one in told.values())
    return best


def test_many_playbooks_that_import_others_take_a_moment(tmp_path: Path) -> None:
    """Four times as many take four times as long, and sixteen times if each is compared with each."""
    assert seconds(tmp_path / "many", 1200) < 8 * seconds(tmp_path / "few", 300)


def test_playbooks_that_import_each_other_are_both_read(tmp_path: Path) -> None:
    late = play(LAUNCH.replace("poll: 0", "poll: 900"))
    write(tmp_path, {"a.yml": late + "- import_playbook: b.yml\n", "b.yml": late + "- import_playbook: a.yml\n"})
    told = audit_all([tmp_path / "a.yml", tmp_path / "b.yml"], tmp_path)
    assert [[finding.id for finding in one.findings] for one in told.values()] == [["BGA011"], ["BGA011"]]


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    site = write(tmp_path, {"site.yml": play("- include_tasks: more.yml\n")})
    (tmp_path / "more.yml").write_bytes(b"- ping: \xff\n")
    told = audit_all([site], tmp_path)[site]
    assert told.fails
    assert "more.yml cannot be read: 'utf-8' codec can't decode" in told.unread[0]
