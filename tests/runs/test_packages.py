"""Modules that work with packages find on the default image what they need, although apt-get is a stub."""

from __future__ import annotations

from pytest_bgasync import Lab

PLAY = """
- hosts: all
  become: true
  gather_facts: false
  tasks:
    - {name: Upgrade, apt: {upgrade: dist}, async: 600, poll: 0, register: upgrade}
    - {name: Look, package_facts: {manager: apt}, async: 600, poll: 0, register: look}
    - name: Wait
      async_status: {jid: "{{ item }}"}
      loop: ["{{ upgrade.ansible_job_id }}", "{{ look.ansible_job_id }}"]
      register: answer
      until: answer is finished
      retries: 300
      delay: 1
    - {name: Remove, apt: {name: logrotate, state: absent}, async: 600, poll: 1}
    - {name: Say, debug: {msg: "{{ answer.results[1].ansible_facts.packages | length > 50 }}"}}
"""


def test_apt_and_package_facts_with_a_stubbed_apt_get(bgasync: Lab) -> None:
    bgasync.host.stub("apt-get", takes=1)
    run = bgasync.run_text(PLAY)
    assert run.ok, run.stdout
    assert {job.task: job.outcome for job in run.jobs} == dict.fromkeys(("Upgrade", "Look", "Remove"), "succeeded")
    assert str(run.result("Say").msg) == "True"
    words = [set(call.argv) for call in bgasync.host.calls("apt-get")]
    assert [{"dist-upgrade", "remove"} & each for each in words] == [{"dist-upgrade"}, {"remove"}]
    assert "logrotate" in words[1]
