"""What the tests of the catalogue have in common: each runs a small playbook with a fault, then its sound twin."""

from __future__ import annotations

from textwrap import indent

from pytest_bgasync import Lab, Run
from pytest_bgasync.util.clock import Deadline

#: A status task that waits for the job registered as ``job``.
ASK = """
- name: Ask
  async_status: {jid: "{{ job.ansible_job_id }}"}
  register: answer
  until: answer is finished
  retries: 40
  delay: 1
"""


def play(bgasync: Lab, tasks: str, head: str = "", **options: object) -> Run:
    """Run these tasks on all hosts."""
    text = f"- hosts: all\n  gather_facts: false\n{indent(head, '  ')}\n  tasks:\n{indent(tasks, '    ')}"
    return bgasync.run_text(text, **options)  # type: ignore[arg-type]  # options as a test writes them


def found(run: Run) -> dict[str, str]:
    """Return what the harness says of a run, by kind; that job files are left behind is entry 28's alone."""
    # What a playbook fires last may need a moment to end.
    Deadline(2).wait_for(lambda: not run.jobs.where(outcome="running"), every=0.2)
    return {finding.kind: finding.what for finding in run.findings if finding.kind != "left_behind"}
