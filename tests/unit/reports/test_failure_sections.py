"""What the report of a failed test shows of its runs."""

from __future__ import annotations

from pathlib import Path

from pytest_bgasync.hosts.machine import Machine
from pytest_bgasync.jobs.events import Event
from pytest_bgasync.reports.failure_sections import OUTPUT, TASKS, sections, shortages
from pytest_bgasync.runs.run import Run
from tests.unit.made import CLOCK, FakeHost, host_started, job_file, job_launched, result, run_of, task_started


def run(folder: Path, *more: Event, stdout: str = "", host: FakeHost | None = None) -> Run:
    folder.mkdir(exist_ok=True)
    (folder / "stdout").write_text(stdout)
    return run_of([task_started(), host_started(), *more], folder, host or FakeHost())


def shown(*runs: Run, said: str = "") -> dict[str, str]:
    found = sections(runs, CLOCK, said)
    assert len(dict(found)) == len(found), "a title is there twice"
    return dict(found)


def test_the_tasks_of_each_host_are_shown_and_hosts_with_the_same_path_together(tmp_path: Path) -> None:
    second = [task_started("Check", "t2"), *(host_started(host, "t2") for host in ("host1", "host2"))]
    events = [host_started("host2"), result(), result(host="host2"), *second]
    ends = [result(task_id="t2", task="Check", status="failed"), result(task_id="t2", host="host2", status="failed")]
    assert shown(run(tmp_path, *events, *ends)) == {
        "tasks of site.yml, which ended with 0": "host1, host2: Start it > Check (failed)"
    }


def test_a_playbook_that_was_given_as_text_is_called_so(tmp_path: Path) -> None:
    one = run(tmp_path, result(), stdout="PLAY RECAP\n")
    one.source = None
    assert list(shown(one)) == [
        "tasks of (a playbook given as text), which ended with 0",
        "output of ansible-playbook (a playbook given as text)",
    ]


def test_of_a_long_path_the_end_is_shown(tmp_path: Path) -> None:
    events = []
    for number in range(TASKS + 4):
        events += [task_started(f"Task {number}", f"n{number}"), host_started(task_id=f"n{number}")]
        events.append(result(task_id=f"n{number}", task=f"Task {number}"))
    (text,) = shown(run(tmp_path, result(), *events)).values()
    assert text.startswith("host1: 5 tasks > Task 4 > ")
    assert text.endswith(f"> Task {TASKS + 3}")


def test_a_job_that_did_not_succeed_is_shown_with_what_it_wrote_unless_that_is_said_already(tmp_path: Path) -> None:
    title = "background jobs that did not succeed"
    data = {"rc": 3, "failed": True, "stderr": "no space left"}
    host = FakeHost({"/root/.ansible_async/j1.1": job_file(data)})
    bad = run(tmp_path / "bad", job_launched(), result(), host=host)
    text = shown(bad)[title]
    assert "job 'Start it' on host1 (j1.1)" in text
    assert "rc 3" in text
    assert "| no space left" in text
    assert title not in shown(bad, said="outcome failed, rc 3, JID j1.1")
    good = FakeHost({"/root/.ansible_async/j1.1": job_file({"rc": 0})})
    assert title not in shown(run(tmp_path / "good", job_launched(), result(), host=good))


def test_what_a_job_with_no_log_wrote_is_not_shown(tmp_path: Path) -> None:
    host = FakeHost({"/root/.ansible_async/j1.1": job_file({"rc": 3, "failed": True, "stderr": "secret"})})
    found = shown(run(tmp_path, job_launched(no_log=True), result(), host=host))
    assert "rc hidden" in found["background jobs that did not succeed"]
    assert "secret" not in str(found)


def test_showing_asks_no_host(tmp_path: Path) -> None:
    host = FakeHost()
    one = run(tmp_path, job_launched(), result(), host=host)
    asked = host.asked
    shown(one)
    assert host.asked == asked


def test_the_end_of_ansible_s_output_of_the_last_run_is_shown_unless_it_is_said_already(tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(OUTPUT + 5)]
    runs = [run(tmp_path / "one", stdout="first"), run(tmp_path / "two", stdout="\n\n".join(lines))]
    title = f"output of ansible-playbook site.yml (the last {OUTPUT} of {OUTPUT + 5} lines)"
    found = sections(runs, CLOCK, "")
    assert [text for name, text in found if name == title] == ["\n".join(lines[5:])]
    assert "first" not in str(found)
    assert title not in dict(sections(runs, CLOCK, f"AssertionError: {' '.join(lines)}"))


def test_a_test_without_runs_has_none() -> None:
    assert sections([], CLOCK, "") == []


def test_a_container_whose_memory_ran_out_is_named() -> None:
    class FakeMachine(Machine):
        def __init__(self, name: str, said: str) -> None:
            self.name, self.said = name, said

        @property
        def shortage(self) -> str:
            return self.said

    one, two = FakeMachine("one", ""), FakeMachine("two", "memory ran out")
    assert shortages([one, two]) == [("memory", "two: memory ran out")]
    assert shortages([one]) == shortages([]) == []
