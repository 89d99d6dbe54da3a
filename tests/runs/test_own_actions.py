"""Every status, clean-up and look counts, whichever task, action plugin or module asks for it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from pytest_bgasync import Lab, Outcome
from pytest_bgasync.runs.run import Run

pytestmark = pytest.mark.bgasync(time_scale=0.2, strict=False)

#: What the author's own actions have in common: they ask by themselves, and never run Ansible's async_status action.
ASKS = '''
    """An action of the author's own."""
    import time

    from ansible.plugins.action import ActionBase


    class Asks(ActionBase):
        def ask(self, jid, mode="status"):
            folder = self.get_shell_option("async_dir", default="~/.ansible_async")
            args = {"jid": jid, "mode": mode, "_async_dir": folder}
            return self._execute_module("ansible.legacy.async_status", args, task_vars=self.known)

        def wait(self, jid):
            answer = self.ask(jid)
            while not answer.get("finished"):
                time.sleep(0.2)
                answer = self.ask(jid)
            return answer
'''
WAIT = """
    class ActionModule(Asks):
        def run(self, tmp=None, task_vars=None):
            self.known = task_vars
            jid = self._task.args["job"]
            answer = self.wait(jid)
            if self._task.args.get("tidy"):
                self.ask(jid, "cleanup")
            return {"changed": False, "summary": "it ended with %s" % answer.get("rc")}
"""
ASK_ONCE = """
    class ActionModule(Asks):
        def run(self, tmp=None, task_vars=None):
            self.known = task_vars
            return {"seen": bool(self.ask(self._task.args["job"]).get("finished"))}
"""
IN_ONE = """
    class ActionModule(Asks):
        def run(self, tmp=None, task_vars=None):
            self.known = task_vars
            task = self._task.copy()
            task.async_val, task.args = 600, {"_raw_params": self._task.args["command"]}
            command = self._shared_loader_obj.action_loader.get(
                "ansible.legacy.command", task=task, connection=self._connection, play_context=self._play_context,
                loader=self._loader, templar=self._templar, shared_loader_obj=self._shared_loader_obj,
            )
            jid = command.run(task_vars=task_vars)["ansible_job_id"]
            if self._task.args.get("forget"):
                return {"changed": True}
            answer = self.wait(jid)
            self.ask(jid, "cleanup")
            return {"changed": True, "summary": "it ended with %s" % answer.get("rc")}
"""
#: A module that reads the job file itself, found by another name of it.
BY_ALIAS = """
    #!/usr/bin/python3
    import json, os
    from ansible.module_utils.basic import AnsibleModule

    module = AnsibleModule({"alias": {}, "tidy": {"type": "bool"}})
    path = os.readlink(module.params["alias"])
    with open(path) as stream:
        answer = json.load(stream)
    answer.update(ansible_job_id=os.path.basename(path), finished="started" not in answer)
    if module.params["tidy"] and answer["finished"]:
        os.unlink(path)
    module.exit_json(**answer)
"""
LAUNCH = "- {name: Launch, shell: 'echo hello; exit %s', async: 600, poll: 0, register: job}\n"
UNTIL = "register: answer, until: answer.finished | bool, retries: 60, delay: 1"


@pytest.fixture
def play(bgasync: Lab, tmp_path: Path) -> object:
    for name, text in {"wait": WAIT, "ask_once": ASK_ONCE, "in_one": IN_ONE}.items():
        path = tmp_path / "action_plugins" / f"own_{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(ASKS) + textwrap.dedent(text))
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "by_alias.py").write_text(textwrap.dedent(BY_ALIAS).lstrip())

    def played(tasks: str) -> Run:
        playbook = tmp_path / "site.yml"
        playbook.write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{textwrap.indent(tasks, '    ')}")
        return bgasync.run(playbook)

    return played


def uncollected(run: Run) -> str:
    (finding,) = [finding for finding in run.findings if finding.kind == "uncollected"]
    return finding.what


@pytest.mark.parametrize("rc", [0, 3])
@pytest.mark.parametrize("tidy", [False, True], ids=["left", "tidied"])
def test_an_action_of_ones_own_collects(play, rc: int, tidy: bool) -> None:  # type: ignore[no-untyped-def]
    run = play(LAUNCH % rc + f"- {{name: Wait, own_wait: {{job: '{{{{ job.ansible_job_id }}}}', tidy: {tidy}}}}}\n")
    assert run.result("Wait").data["summary"] == f"it ended with {rc}"
    (job,) = run.jobs
    assert job.outcome is (Outcome.FAILED if rc else Outcome.SUCCEEDED)
    assert (job.rc, job.stdout, job.collected) == (rc, "hello", True)
    assert [poll.finished for poll in job.polls][-1:] == [True]
    assert {finding.kind for finding in run.findings} == (set() if tidy else {"left_behind"})


def test_an_action_may_launch_ask_and_tidy_up(play) -> None:  # type: ignore[no-untyped-def]
    run = play("- {name: All in one, own_in_one: {command: echo hello}}\n")
    assert run.ok
    (job,) = run.jobs
    assert (job.task, job.outcome, job.rc, job.stdout) == ("All in one", Outcome.SUCCEEDED, 0, "hello")
    assert job.collected
    assert job.poll == 0  # it is the action that waits, and not Ansible
    assert not run.findings


def test_an_action_that_forgets_its_job_leaves_it(play) -> None:  # type: ignore[no-untyped-def]
    run = play("- {name: All in one, own_in_one: {command: echo hello, forget: true}}\n")
    assert run.job("All in one").wait().outcome is Outcome.SUCCEEDED
    assert uncollected(run).endswith("no task asked for it")
    assert "gave_up" not in {finding.kind for finding in run.findings}


def test_a_status_that_did_not_see_the_end_is_told(play) -> None:  # type: ignore[no-untyped-def]
    launch = LAUNCH.replace("echo hello", "sleep 5") % 0
    run = play(launch + "- {name: Ask, own_ask_once: {job: '{{ job.ansible_job_id }}'}}\n")
    assert run.job("Launch").wait().outcome is Outcome.SUCCEEDED
    assert uncollected(run).endswith("the play asked 1 times and was never told that it has ended")


def test_ansibles_own_ways_count_once(play) -> None:  # type: ignore[no-untyped-def]
    run = play(
        LAUNCH % 0
        + f"- {{name: Ask, async_status: {{jid: '{{{{ job.ansible_job_id }}}}'}}, {UNTIL}}}\n"
        + "- {name: Tidy, async_status: {jid: '{{ job.ansible_job_id }}', mode: cleanup}}\n"
        + "- {name: Wait, command: echo bye, async: 600, poll: 1}\n"
    )
    assert run.ok
    assert run.job("Launch").polls[-1].finished
    assert len(run.job("Launch").polls) == run.result("Ask").attempts
    assert [poll.finished for poll in run.job("Wait").polls].count(True) == 1
    kinds = [event["event"] for event in run.events]
    assert kinds.count("job_erased") == 2
    assert "job_looked_at" not in kinds
    assert not run.findings


@pytest.mark.parametrize(
    ("look", "how"),
    [
        ("slurp: {src: '{{ job.results_file }}'}", "looked at its job file with slurp"),
        ("raw: cat {{ job.results_file }}", "looked at its job file with raw"),
        ("ansible.builtin.command: cat {{ job.results_file }}", "looked at its job file with ansible.builtin.command"),
        ("shell: |\n    cd ~/.ansible_async\n    cat {{ job.ansible_job_id }}", "was given its job id for shell"),
    ],
    ids=["slurp", "raw", "command", "shell"],
)
def test_a_look_at_the_job_file_collects_nothing(play, look: str, how: str) -> None:  # type: ignore[no-untyped-def]
    run = play(LAUNCH % 0 + f"- name: Look\n  {look}\n")
    assert run.ok
    (job,) = run.jobs
    assert (job.wait().outcome, job.rc, job.collected) == (Outcome.SUCCEEDED, 0, False)
    what = f"nobody collected the result of job 'Launch' on host1 ({job.jid}): task 'Look' {how}, which does not count"
    assert uncollected(run) == f"{what} as collecting it"


@pytest.mark.parametrize("tidy", [False, True], ids=["left", "tidied"])
def test_a_module_that_reads_the_job_file_looks(play, tidy: bool) -> None:  # type: ignore[no-untyped-def]
    """It is no status, but what it said of the end of a job is believed where the job file has gone since."""
    run = play(
        LAUNCH % 0
        + "- {file: {state: link, path: ~/latest, src: '{{ job.results_file }}'}}\n"
        + f"- {{name: Look, by_alias: {{alias: /home/ansible/latest, tidy: {tidy}}}, {UNTIL}}}\n"
    )
    assert run.ok
    (job,) = run.jobs
    assert (job.wait().outcome, job.rc, job.stdout, job.collected) == (Outcome.SUCCEEDED, 0, "hello", False)
    assert uncollected(run).endswith(
        "'Look' looked at its job file with by_alias, which does not count as collecting it"
    )


def test_what_has_no_log_is_not_written_down(play) -> None:  # type: ignore[no-untyped-def]
    run = play(
        LAUNCH.replace("hello", "secret") % 0
        + "- {name: Wait, own_wait: {job: '{{ job.ansible_job_id }}', tidy: true}, no_log: true}\n"
    )
    (job,) = run.jobs
    assert (job.outcome, job.collected) == (Outcome.SUCCEEDED, True)
    assert "secret" not in str(job.data) + job.stdout
    polls = [event for event in run.events if event["event"] == "job_polled"]
    assert all(event["data"] is None for event in polls)
