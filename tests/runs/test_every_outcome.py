"""every_outcome: each way a job can end, brought about on the real job."""

from __future__ import annotations

import pytest

from pytest_bgasync import Lab, Outcome

pytestmark = pytest.mark.bgasync(time_scale=0.05)

COLLECTED = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command: %s
      environment: {LC_ALL: xx_XX.UTF-8}  # the module asks which locales there are before it begins
      async: 60
      poll: 0
      register: job
    - block:
        - name: Ask
          ansible.builtin.async_status: {jid: "{{ job.ansible_job_id }}"}
          register: answer
          until: answer is finished
          retries: "{{ retries | default(75) }}"
          delay: 4
        - name: Report success
          ansible.builtin.command: touch /tmp/good
      rescue:
        - name: Report failure
          ansible.builtin.command: touch /tmp/bad
"""


@pytest.mark.every_outcome("Work")
def test_a_job_that_is_asked_for(bgasync: Lab, bgasync_outcome: Outcome) -> None:
    bgasync.host.stub("work")
    # A lost job is asked for until the play gives up.
    run = bgasync.run_text(COLLECTED % "work", extra_vars={"retries": 3 if bgasync_outcome == "lost" else 75})
    job = run.job("Work")
    assert job.outcome is bgasync_outcome
    assert run.ran("Report success") == (bgasync_outcome == "succeeded")
    if bgasync_outcome != "unreachable":
        assert run.ran("Report failure") == (bgasync_outcome != "succeeded")
        assert len(bgasync.host.calls("work")) == 1
    else:
        assert run.result("Ask").status == "unreachable"
    if bgasync_outcome == "failed":
        assert job.rc == 1
    assert job.collected == (bgasync_outcome not in ("lost", "unreachable"))


@pytest.mark.every_outcome("Work")
@pytest.mark.parametrize(
    "module", ["command: 'true'", pytest.param("file: {path: /tmp/x, state: touch}", marks=pytest.mark.thorough)]
)
def test_a_job_whose_task_waits_for_it(bgasync: Lab, bgasync_outcome: Outcome, module: str) -> None:
    play = f"""
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.{module}
      async: 20
      poll: 2
    - name: After
      ansible.builtin.command: touch /tmp/after
"""
    run = bgasync.run_text(play)
    assert run.job("Work").outcome is bgasync_outcome
    assert run.ran("After") == (bgasync_outcome == "succeeded")


LOOP = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command: "true"
      async: 60
      poll: 0
      loop: [a, b]
      register: jobs
    - name: Ask
      ansible.builtin.async_status: {jid: "{{ item.ansible_job_id }}"}
      register: answer
      until: answer is finished
      retries: 25
      delay: 4
      loop: "{{ jobs.results }}"
      ignore_errors: true
"""


@pytest.mark.bgasync(hosts=2)
@pytest.mark.every_outcome("Work", ["failed", "timed_out"], host="host2", item="b")
def test_the_jobs_of_one_host_and_item_only(bgasync: Lab, bgasync_outcome: Outcome) -> None:
    run = bgasync.run_text(LOOP)
    assert run.job("Work", host="host2", item="b").outcome is bgasync_outcome
    assert len(run.jobs.where(outcome="succeeded")) == 3


LABELLED = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command: sh -c "exit {{ item.status }}"
      async: 60
      poll: 0
      loop: [{name: a, status: 0}, {name: b, status: 0}]
      loop_control: {label: "the {{ item.name }}"}
      register: jobs
      no_log: %s
"""


@pytest.mark.bgasync(strict=False)
@pytest.mark.every_outcome("Work", ["failed", "lost"], item="the b")
@pytest.mark.parametrize("no_log", [False, True])
def test_an_item_is_known_by_its_label_and_where_no_log_hides_it(
    bgasync: Lab, bgasync_outcome: Outcome, no_log: bool
) -> None:
    first, second = bgasync.run_text(LABELLED % no_log).jobs
    first.wait()
    assert (first.outcome, second.outcome) == ("succeeded", bgasync_outcome)
    assert (second.label, second.no_log) == (None if no_log else "the b", no_log)


@pytest.mark.every_outcome("Work", ["failed", "unreachable"])
@pytest.mark.fire_and_forget("Work")
def test_a_job_that_is_left_behind_on_purpose(bgasync: Lab, bgasync_outcome: Outcome) -> None:
    play = LOOP.partition("    - name: Ask")[0]
    assert {job.outcome for job in bgasync.run_text(play).jobs} == {bgasync_outcome}


@pytest.mark.every_outcome("Work", ["failed"])
def test_a_command_that_goes_on_is_killed(bgasync: Lab) -> None:
    bgasync.host.stub("work", takes=60)
    job = bgasync.run_text(COLLECTED % "work").job("Work")
    assert (job.outcome, job.rc) == ("failed", -9)
    assert len(bgasync.host.calls("work")) == 1


@pytest.mark.bgasync(time_scale=1)
@pytest.mark.every_outcome("Work", outcomes=("succeeded", "unreachable"))
@pytest.mark.fire_and_forget("Report success", count=(0, 1))
def test_a_declaration_of_what_only_some_outcomes_launch(bgasync: Lab, bgasync_outcome: Outcome) -> None:
    run = bgasync.run_text(
        (COLLECTED % "'true'").replace("touch /tmp/good", "touch /tmp/good\n          async: 60\n          poll: 0")
    )
    assert len(run.jobs.where(task="Report success")) == (bgasync_outcome == "succeeded")
