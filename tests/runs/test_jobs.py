"""A run accounts for every background job, wherever in the playbook it was launched."""

from __future__ import annotations

import threading
import time

import pytest

from pytest_bgasync import Ambiguous, Lab, NotThere, Outcome

pytestmark = pytest.mark.bgasync(time_scale=0.01, strict=False)


def test_each_item_of_a_loop_is_a_job_of_its_own(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - name: Back up
      ansible.builtin.shell: "echo {{ item.name }}; exit {{ item.rc }}"
      loop: [{name: users, rc: 0}, {name: orders, rc: 4}, {name: stock, rc: 0}]
      loop_control: {label: "{{ item.name }}"}
      async: 6000
      poll: 0
      register: started
    - name: Collect
      ansible.builtin.async_status: {jid: "{{ item.ansible_job_id }}"}
      loop: "{{ started.results }}"
      loop_control: {label: "{{ item.item.name }}"}
      register: ended
      until: ended.finished | bool
      retries: 60
      delay: 5
      ignore_errors: true
""")
    assert [job.label for job in run.jobs] == ["users", "orders", "stock"]
    assert [job.outcome for job in run.jobs] == [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.SUCCEEDED]
    assert len({job.jid for job in run.jobs}) == 3
    assert all(job.collected and job.changed for job in run.jobs)
    orders = run.job("Back up", item={"name": "orders", "rc": 4})
    assert orders is run.job("Back up", item="orders")
    assert (orders.rc, orders.stdout) == (4, "orders")
    assert "non-zero return code" in orders.msg
    assert orders.results_file == f"/home/ansible/.ansible_async/{orders.jid}"
    assert list(run.jobs.where(outcome="failed")) == [orders]
    assert [result.status for result in run.results("Collect")] == ["changed", "failed", "changed"]
    assert run.result("Collect", item="orders").ignored
    with pytest.raises(Ambiguous, match="3 jobs fit 'Back up', say host= or item="):
        run.job("Back up")
    with pytest.raises(NotThere, match=r"(?s)no background job 'Backup'.*Back up.*orders"):
        run.job("Backup")


@pytest.mark.bgasync(hosts=["db1", "db2"], time_scale=0.01, strict=False)
def test_jobs_are_found_whoever_launched_them_and_wherever_their_files_are(bgasync: Lab) -> None:
    for host in bgasync.hosts.values():
        assert host.run("useradd --create-home app").rc == 0
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - name: As the connecting user
      ansible.builtin.command: id -un
      async: 6000
      poll: 0
    - name: As root
      ansible.builtin.command: id -un
      become: true
      async: 6000
      poll: 0
    - name: As an application
      ansible.builtin.command: id -un
      become: true
      become_user: app
      async: 6000
      poll: 0
    - name: In a folder of its own
      ansible.builtin.command: id -un
      vars: {ansible_async_dir: /tmp/jobs}
      async: 6000
      poll: 0
    - name: In a folder below the home
      ansible.builtin.command: id -un
      become: true
      vars: {ansible_async_dir: jobs}
      async: 6000
      poll: 0
    - name: In another home
      ansible.builtin.command: id -un
      environment: {HOME: /tmp/elsewhere}
      async: 6000
      poll: 0
    - name: On another host
      ansible.builtin.command: hostname
      delegate_to: db2
      run_once: true
      async: 6000
      poll: 0
""")
    for job in run.jobs:
        assert job.wait().outcome is Outcome.SUCCEEDED, job
        assert not job.collected

    def one(task: str) -> tuple[str, str | None, str]:
        job = run.job(task, host="db1")
        return job.user, job.results_file, job.stdout

    jids = {job.task: job.jid for job in run.jobs.where(host="db1")}
    expected = {
        "As the connecting user": ("ansible", "/home/ansible/.ansible_async/", "ansible"),
        "As root": ("root", "/root/.ansible_async/", "root"),
        "As an application": ("app", "/home/app/.ansible_async/", "app"),
        "In a folder of its own": ("ansible", "/tmp/jobs/", "ansible"),
        "In a folder below the home": ("root", "~ansible/jobs/", "root"),
        "In another home": ("ansible", "/tmp/elsewhere/.ansible_async/", "ansible"),
    }
    for task, (user, folder, stdout) in expected.items():
        assert one(task) == (user, f"{folder}{jids[task]}", stdout)
        assert run.job(task, host="db2").machine == "db2"
    delegated = run.job("On another host")
    assert (delegated.host, delegated.machine, delegated.stdout) == ("db1", "db2", "db2")
    assert [job.task for job in bgasync.hosts["db2"].jobs()][-1] == "On another host"


def test_jobs_in_roles_blocks_includes_and_handlers(bgasync: Lab) -> None:
    run = bgasync.run_text("- {hosts: all, gather_facts: false, roles: [backup]}")
    assert run.ok
    assert [job.task for job in run.jobs] == [
        "Dump in the role",
        "Dump in an included block",
        "Dump again in the rescue",
        "Compress in a handler",
    ]
    assert run.job("backup : Dump in the role") is run.job("Dump in the role")
    assert run.job("Dump in an included block").outcome is Outcome.FAILED
    assert run.job("Dump again in the rescue").outcome is Outcome.SUCCEEDED
    assert run.recap["host1"].rescued == 1
    assert run.path("host1")[-1] == "Compress in a handler"


def test_a_polled_job_is_read_from_what_the_play_was_told(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - name: Sound
      ansible.builtin.shell: echo done; sleep 4
      async: 6000
      poll: 10
    - name: Broken
      ansible.builtin.shell: echo broken >&2; exit 7
      async: 6000
      poll: 10
      failed_when: false
    - name: Silenced, and of a module without rc
      ansible.builtin.stat: {path: /, get_checksum: false, follow: nonsense}
      async: 6000
      poll: 10
      ignore_errors: true
""")
    sound, broken, silenced = run.jobs
    assert (sound.outcome, sound.rc, sound.stdout) == (Outcome.SUCCEEDED, 0, "done")
    assert (broken.outcome, broken.rc, broken.stderr) == (Outcome.FAILED, 7, "broken")
    assert (silenced.outcome, silenced.rc) == (Outcome.FAILED, None)
    assert sound.polls[-1].finished
    assert not sound.polls[0].finished
    assert all(job.collected for job in run.jobs)


@pytest.mark.parametrize("poll", [0, 1])
def test_a_job_over_its_limit_has_timed_out_however_the_play_hears_of_it(bgasync: Lab, poll: int) -> None:
    run = bgasync.run_text(
        f"""
- hosts: all
  gather_facts: false
  tasks:
    - name: Endless
      ansible.builtin.command: sleep 1000
      async: 6000
      poll: {poll}
""",
        limits={"Endless": 2},
    )
    job = run.job("Endless").wait()
    assert job.outcome is Outcome.TIMED_OUT
    assert job.rc is None
    assert (job.limit, job.limit_wall) == (200, 2)
    assert job.collected == (poll > 0)
    assert 2 <= job.elapsed * 0.01 < 20


def test_a_task_with_until_launches_a_job_at_each_try(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - name: Try
      ansible.builtin.shell: echo tried; exit 1
      async: 6000
      poll: 1
      register: tried
      until: tried is succeeded
      retries: 2
      delay: 1
      ignore_errors: true
""")
    assert [job.outcome for job in run.jobs] == [Outcome.FAILED] * 3
    assert [job.rc for job in run.jobs] == [1] * 3
    assert [job.stdout for job in run.jobs] == ["tried"] * 3
    assert run.result("Try").attempts == 2  # what Ansible counts once it has given up
    assert "relaunched" not in {finding.kind for finding in run.findings}


def test_a_job_whose_file_was_cleaned_up_is_judged_by_what_the_play_was_told(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.shell: echo worked; exit 5
      async: 6000
      poll: 0
      register: work
    - name: Collect
      ansible.builtin.async_status: {jid: "{{ work.ansible_job_id }}"}
      register: ended
      until: ended.finished | bool
      retries: 60
      delay: 5
      failed_when: false
    - name: Clean up
      ansible.builtin.async_status: {jid: "{{ work.ansible_job_id }}", mode: cleanup}
""")
    job = run.job("Work")
    assert bgasync.host.run(["test", "-e", str(job.results_file)]).rc == 1
    assert (job.outcome, job.rc, job.stdout) == (Outcome.FAILED, 5, "worked")


def test_a_job_is_unreachable_while_its_host_does_not_answer(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command: sleep 30
      async: 6000
      poll: 0
""")
    job = run.job("Work")
    assert job.outcome == "running"
    assert job.finished_at is None
    bgasync.host.container.pause()
    try:
        assert job.outcome == "unreachable"
        assert "host1" in job.msg
    finally:
        bgasync.host.container.unpause()
    assert job.outcome == "running"


@pytest.mark.bgasync(time_scale=0.01, strict=True)
@pytest.mark.fire_and_forget("Work")
def test_a_declared_job_is_watched_on_although_its_host_does_not_answer_for_a_moment(bgasync: Lab) -> None:
    bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks: [{name: Work, ansible.builtin.command: sleep 4, async: 6000, poll: 0}]
""")
    container = bgasync.host.container
    container.pause()
    threading.Timer(1.5, container.unpause).start()


def test_check_mode_changes_nothing(bgasync: Lab) -> None:
    """2.16 refuses async in check mode; later releases launch a job whose module only looks."""
    run = bgasync.run_text(
        """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command: touch /tmp/changed
      async: 6000
      poll: 0
""",
        check=True,
    )
    assert [job.wait().changed for job in run.jobs] == ([] if run.ansible_version.startswith("2.16") else [False])
    assert not bgasync.host.testinfra.file("/tmp/changed").exists


@pytest.mark.bgasync(hosts=3, time_scale=0.01, strict=False)
@pytest.mark.parametrize("strategy", ["linear", "free", "host_pinned"])
def test_every_strategy(bgasync: Lab, strategy: str) -> None:
    run = bgasync.run_text(f"""
- hosts: all
  gather_facts: false
  strategy: {strategy}
  tasks:
    - name: Work
      ansible.builtin.command: hostname
      async: 6000
      poll: 1
""")
    assert sorted((job.host, job.stdout) for job in run.jobs) == [(f"host{n}", f"host{n}") for n in (1, 2, 3)]
    assert run.job("Work", host="host2").outcome is Outcome.SUCCEEDED


def test_a_task_that_the_playbook_does_not_have_is_no_task_that_did_not_run(bgasync: Lab) -> None:
    play = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Fail
      ansible.builtin.fail:
    - name: Not reached
      block:
        - name: In a block
          ansible.builtin.debug:
      rescue:
        - name: In a rescue
          ansible.builtin.debug:
  handlers:
    - name: A handler
      ansible.builtin.debug:
"""
    run = bgasync.run_text(play)
    assert run.ran("Fail")
    assert not run.ran("In a block")
    assert not run.ran("In a rescue")
    assert not run.ran("A handler")
    assert run.results("In a block") == []
    for ask in (run.ran, run.results, run.result):
        with pytest.raises(NotThere, match=r"(?s)the playbook has no task 'Misspelt'; it has:.*In a rescue"):
            ask("Misspelt")
    roles = bgasync.run_text("- {hosts: all, gather_facts: false, roles: [backup]}")
    assert not roles.ran("May come with an include")


def test_a_job_may_write_very_much(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - name: Talk
      ansible.builtin.shell: head -c 9000000 /dev/zero | base64 --wrap 0
      async: 6000
      poll: 0
""")
    job = run.job("Talk").wait()
    assert (job.outcome, len(job.stdout)) == (Outcome.SUCCEEDED, 12_000_000)


def test_a_host_that_is_not_there_is_named_with_those_that_are(bgasync: Lab) -> None:
    with pytest.raises(NotThere, match=r"there is no host 'db1'; there are: \n  - host1"):
        bgasync.hosts["db1"]
    run = bgasync.run_text("- {hosts: all, gather_facts: false, tasks: [{ansible.builtin.command: 'true'}]}")
    with pytest.raises(NotThere, match="there is no host 'db1'"):
        run.recap["db1"]


def test_one_play_of_several_that_matches_no_host_is_remarked(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks: [{ansible.builtin.command: "true"}]
- name: Set the database up
  hosts: dbservres
  tasks: []
""")
    assert run.ok
    assert [str(finding) for finding in run.findings] == [
        "unmatched: play 'Set the database up' (hosts: dbservres) matches no host of the scenario"
    ]


def test_a_waiting_task_whose_host_is_gone_does_not_hold_the_run(bgasync: Lab) -> None:
    bgasync.host.container.stop()
    began = time.monotonic()
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks: [{name: Wait, ansible.builtin.command: "true", async: 600, poll: 5}]
""")
    assert run.job("Wait").outcome is Outcome.UNREACHABLE
    assert not run.findings
    assert time.monotonic() - began < 60  # and not as long as the deadline of the run
