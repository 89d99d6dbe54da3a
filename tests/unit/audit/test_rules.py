"""What each rule of the audit finds, and the sound twin in which it finds nothing."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from pytest_bgasync.audit.rules import RULES

from .books import ASK, ASK_EACH, EACH, LAUNCH, ids, play


def launch(more: str) -> str:
    """Return a launch with more keywords."""
    return LAUNCH.replace("register: job", f"register: job, {more}")


def status(more: str, base: str = ASK) -> str:
    """Return a status with more keywords."""
    return base + "".join(f"  {line}\n" for line in more.splitlines())


def ask(old: str, new: str, base: str = ASK) -> str:
    """Return a status with something in the place of something else."""
    assert old in base
    return base.replace(old, new)


ROLLBACK = "- {name: Roll back, command: undo, when: %s}\n"
REPORT = "- {name: Report, debug: {msg: \"{{ 'well' if answer.rc == 0 else 'badly' }}\"}}\n"
NOT_ASKED = "- {name: Go on, debug: {msg: done}}\n"

#: For each rule playbooks with its fault only, and playbooks without any.
BAD: dict[str, dict[str, str]] = {
    "BGA001": {
        "become on the launch only": play(launch("become: true") + ASK),
        "become on the status only": play(LAUNCH + status("become: true")),
        "another become_user": play(launch("become_user: app") + ASK, "hosts: all\nbecome: true"),
        "become off for the status": play(LAUNCH + status("become: false"), "hosts: all\nbecome: true"),
        "in a block": play(f"- become: true\n  block:\n    {LAUNCH}" + ASK),
        "as a variable": play(launch("vars: {ansible_become: true}") + ASK),
        "in a loop": play(EACH.replace("loop:", "become: true, loop:") + ASK_EACH),
        "another login": play(launch("remote_user: one") + status("remote_user: two")),
    },
    "BGA004": {
        "poll": play(LAUNCH.replace("poll: 0", "poll: 5") + ASK),
        "the default of poll": play(LAUNCH.replace("poll: 0, ", "") + ASK),
        "in a loop": play(EACH.replace("poll: 0", "poll: 5") + ASK_EACH),
    },
    "BGA005": {
        "run_once": play(launch("run_once: true") + ASK),
        "of a block": play(f"- run_once: true\n  block:\n    {LAUNCH}" + ASK),
    },
    "BGA006": {
        "delegated": play(launch("delegate_to: backup1") + ASK),
        "local": play("- {local_action: command work, async: 600, poll: 0, register: job}\n" + ASK),
        "asked elsewhere": play(LAUNCH + status("delegate_to: localhost")),
        "two hosts": play(launch("delegate_to: one") + status("delegate_to: two")),
        "a host of a group": play(launch("delegate_to: \"{{ groups['db'][0] }}\"") + ASK),
    },
    "BGA007": {
        "a variable": play(launch("vars: {ansible_async_dir: /tmp/jobs}") + ASK),
        "the environment": play(launch("environment: {ANSIBLE_ASYNC_DIR: /tmp/jobs}") + ASK),
        "on the status": play(LAUNCH + status("vars: {ansible_async_dir: /tmp/jobs}")),
        "of a block": play(f"- vars: {{ansible_async_dir: /tmp/jobs}}\n  block:\n    {LAUNCH}" + ASK),
    },
    "BGA008": {
        "when": play(launch("when: wanted") + ASK),
        "never": play(launch("when: false") + ASK),
        "a default of the job id": play(
            launch("when: wanted") + ask("ansible_job_id }}", "ansible_job_id | default('') }}")
        ),
        "of a block": play(f"- when: wanted\n  block:\n    {LAUNCH}" + ASK),
        "items": play(EACH.replace("loop:", "when: item == 'a', loop:") + ASK_EACH),
        "half of the condition": play(launch("when: [wanted, allowed]") + status("when: wanted")),
    },
    "BGA009": {
        "too few retries": play(LAUNCH + ask("retries: 60", "retries: 5")),
        "the default of retries": play(LAUNCH + ask("  retries: 60\n", "")),
        "the default of delay": play(LAUNCH + ask("  delay: 10\n", "")),
        "a variable": play(LAUNCH + ask("60", '"{{ tries }}"'), "hosts: all\nvars: {tries: 5}"),
        "computed": play(
            LAUNCH.replace("600", "'{{ limit }}'") + ask("60", '"{{ (limit / 20) | int }}"'),
            "hosts: all\nvars: {limit: 600}",
        ),
        "retries without until": play(LAUNCH + ask("  until: answer is finished\n", "")),
        "in a loop": play(EACH + ask("60", "5", ASK_EACH)),
        "a default filter": play(
            LAUNCH + ask("60", '"{{ tries | default(5) }}"').replace("10", '"{{ pace | default(omit) }}"')
        ),
        "a ternary": play(LAUNCH.replace("600", '"{{ fast | ternary(120, 600) }}"') + ask("60", "5")),
        "check mode": play(LAUNCH.replace("600", '"{{ ansible_check_mode | ternary(0, 600) }}"') + ask("60", "5")),
        "either branch": play(LAUNCH + ask("60", '"{{ 5 if hurry else 10 }}"')),
        "a launch that may also wait": play(
            LAUNCH.replace("poll: 0", "poll: '{{ 0 if hurry else 15 }}'") + ask("60", "5")
        ),
        "no delay": play(LAUNCH + ask("60", "20").replace("delay: 10", "delay: 0")),
    },
    "BGA011": {
        "poll above async": play("- {command: work, async: 10, poll: 30}\n"),
        "as text": play("- {command: work, async: '10', poll: '30'}\n"),
        "the default of poll": play("- {command: work, async: 5}\n"),
    },
    "BGA012": {
        "no async": play("- {command: work, poll: 0}\n"),
        "async 0": play("- {command: work, async: 0, poll: 0}\n"),
    },
    "BGA015": {
        "not registered": play("- {command: work, async: 600, poll: 0}\n"),
        "not asked for": play(LAUNCH + NOT_ASKED),
        "cleaned up only": play(LAUNCH + "- async_status: {jid: '{{ job.ansible_job_id }}', mode: cleanup}\n"),
        "only shown": play(LAUNCH + "- {debug: {msg: '{{ job.ansible_job_id }}'}}\n"),
        "registered anew": play(LAUNCH + LAUNCH + ASK),
        "in a loop": play(EACH + NOT_ASKED),
        "in a handler": "- hosts: all\n  tasks: []\n  handlers:\n    - {command: work, async: 60, poll: 0}\n",
        "in a rescue": play("- block: [{ping: }]\n  rescue:\n    - {command: work, async: 60, poll: 0}\n"),
    },
    "BGA016": {
        "after failed_when": play(LAUNCH + status("failed_when: false") + ROLLBACK % "answer.rc == 0"),
        "finished first": play(
            LAUNCH + status("failed_when: false") + ROLLBACK % "answer is finished and answer.rc != 0"
        ),
        "after ignore_errors": play(LAUNCH + status("ignore_errors: true") + ROLLBACK % "answer.rc != 0"),
        "failed is no guard": play(
            LAUNCH + status("ignore_errors: true") + ROLLBACK % "answer is failed and answer.rc != 1"
        ),
        "succeeded is none after failed_when": play(
            LAUNCH + status("failed_when: false") + ROLLBACK % "answer is succeeded and answer.rc == 0"
        ),
        "of the launch": play(LAUNCH + ROLLBACK % "job.rc == 0" + ASK),
        "in a rescue": play(
            LAUNCH + "- block:\n" + "".join(f"    {line}\n" for line in ASK.splitlines()) + "  rescue:\n"
            "    - {command: undo, when: answer.rc != 0}\n"
        ),
        "in a template": play(LAUNCH + status("failed_when: false") + REPORT),
        "a key": play(LAUNCH + status("failed_when: false") + ROLLBACK % "\"answer['rc'] == 0\""),
        "in a list": play(LAUNCH + status("failed_when: false") + ROLLBACK % "[answer is finished, answer.rc == 0]"),
        "in the launch": play(launch("failed_when: job.rc != 0") + ASK),
        "in its until": play(LAUNCH + ask("answer is finished", "answer.rc == 0")),
        "of an item": play(
            EACH
            + status("ignore_errors: true", ASK_EACH)
            + "- {debug: {msg: '{{ item.rc }}'}, loop: '{{ answers.results }}'}\n"
        ),
        "of a task that polls": play(
            LAUNCH.replace("poll: 0", "poll: 5, ignore_errors: true") + ROLLBACK % "job.rc != 0"
        ),
        "after its state": play(LAUNCH + status("failed_when: false") + ROLLBACK % "answer.started or answer.rc == 7"),
        "in the until of a task that polls": play(
            "- {command: work, async: 60, poll: 5, register: job, until: job.rc == 0, retries: 3}\n"
        ),
    },
    "BGA017": {
        "a report": play(LAUNCH + ASK + REPORT),
        "a task": play(LAUNCH + ASK + ROLLBACK % "answer.rc != 0"),
        "with a default": play(LAUNCH + ASK + ROLLBACK % "answer.rc | default(1) != 0"),
        "failed": play(LAUNCH + ASK + ROLLBACK % "answer is failed"),
        "not succeeded": play(LAUNCH + ASK + ROLLBACK % "answer is not succeeded"),
        "the key failed": play(LAUNCH + ASK + ROLLBACK % "answer.failed"),
        "not finished": play(LAUNCH + ASK + ROLLBACK % "answer is not finished"),
        "of a loop": play(
            EACH
            + ASK_EACH
            + "- {debug: {msg: \"{{ 'well' if item.rc == 0 else 'badly' }}\"}, loop: '{{ answers.results }}'}\n"
        ),
        "the loop as a whole": play(EACH + ASK_EACH + ROLLBACK % "answers is failed"),
        "of several": play(LAUNCH + ASK + "- {debug: {msg: '{{ item.rc == 0 }}'}, loop: ['{{ answer }}']}\n"),
        "a statement": play(
            LAUNCH + ASK + "- {debug: {msg: '{% if answer.rc == 0 %}well{% else %}badly{% endif %}'}}\n"
        ),
        "a ternary": play(LAUNCH + ASK + "- {debug: {msg: \"{{ (answer.rc == 0) | ternary('well', 'badly') }}\"}}\n"),
        "behind it in its block": play(
            LAUNCH
            + "- block:\n"
            + "".join(f"    {line}\n" for line in ASK.splitlines())
            + "    - {command: undo, when: answer.rc != 0}\n  rescue: [{ping: }]\n"
        ),
        "a block": play(LAUNCH + ASK + "- block: [{command: undo}]\n  when: answer is failed\n"),
    },
    "BGA020": {
        "is false": play(LAUNCH + status("failed_when: false") + ROLLBACK % "answer.finished is false"),
        "is true": play(LAUNCH + ask("answer is finished", "answer.finished is true")),
        "sameas": play(LAUNCH + ask("answer is finished", "answer.finished is sameas(true)")),
        "a key": play(LAUNCH + ask("answer is finished", "answer['finished'] is true")),
        "of the launch": play(LAUNCH + ASK + ROLLBACK % "job.finished is false"),
        "a number": play(LAUNCH + ask("answer is finished", "answer.finished | int")),
        "an rc": play(LAUNCH + status("ignore_errors: true") + ROLLBACK % "answer.rc | default(1)"),
        "a job id": play(LAUNCH + ASK + ROLLBACK % "job.ansible_job_id"),
        "in a template": play(
            LAUNCH
            + status("failed_when: false")
            + "- {debug: {msg: \"{{ 'late' if answer.finished is false else 'done' }}\"}}\n"
        ),
        "in a loop": play(EACH + ask("answers is finished", "answers.finished is true", ASK_EACH)),
        "an rc before an and": play(
            LAUNCH + status("ignore_errors: true") + ROLLBACK % "answer.rc | default(1) and answer is finished"
        ),
    },
    "BGA022": {
        "no_log": play(launch("no_log: true") + ASK),
        "of a block": play(f"- no_log: true\n  block:\n    {LAUNCH}" + ASK),
    },
    "BGA030": {
        "an ampersand": play("- {shell: serve > /var/log/serve 2>&1 &}\n"),
        "followed by more": play("- shell: |\n    serve > /dev/null 2>&1 &\n    echo $!\n"),
        "a slip": play("- {shell: 'nohup serve > /dev/null 2&>1'}\n"),
        "cmd": play("- shell:\n    cmd: cd /srv && serve &\n"),
        "in a job": play("- {shell: serve &, async: 60, poll: 5}\n"),
        "in brackets": play("- {shell: '(cd /srv; serve) &'}\n"),
        "a template": play("- {shell: '{{ command }} --log \"{{ log }}\" &'}\n"),
    },
    "BGA037": {
        "copy": play("- {copy: {content: x, dest: /tmp/x}, async: 60, poll: 0}\n"),
        "template": play("- {ansible.builtin.template: {src: x, dest: /tmp/x}, async: 60, poll: 5}\n"),
        "script": play("- {script: x.sh, async: 60, poll: 0}\n"),
        "unarchive": play("- {unarchive: {src: x, dest: /tmp}, async: 60}\n"),
        "gather_facts": play("- {gather_facts: , async: 60}\n"),
        "include_tasks": play("- {include_tasks: '{{ which }}.yml', async: 60}\n"),
        "include_role": play("- {include_role: {name: '{{ which }}'}, async: 60}\n"),
        "reboot": play("- {reboot: , async: 60, poll: 0}\n"),
        "synchronize": play("- {ansible.posix.synchronize: {src: x, dest: /tmp}, async: 60, poll: 5}\n"),
        "k8s": play("- {kubernetes.core.k8s: {src: x}, async: 60, poll: 0, register: job}\n"),
    },
    "BGA039": {
        "a role": play("- {import_role: {name: no}, async: 60, poll: 0, register: job}\n"),
        "a file": play("- {ansible.builtin.import_tasks: no.yml, register: result}\n"),
    },
    "BGA040": {
        "a restart": play("- {shell: sleep 2 && reboot, async: 1, poll: 0}\n"),
        "minutes": play("- {shell: 'echo begin; sleep 2m; work', async: 100, poll: 20}\n"),
        "two sleeps": play("- {shell: 'sleep 20; work; sleep 20', async: 30, poll: 5}\n"),
        "a command": play("- {command: /bin/sleep 90, async: 60, poll: 5}\n"),
        "argv": play("- {command: {argv: [sleep, 90]}, async: 60, poll: 5}\n"),
        "another shell": play("- {command: bash -c 'sleep 90; work', async: 60, poll: 5}\n"),
        "either limit": play("- {shell: sleep 90, async: '{{ slow | ternary(60, 30) }}', poll: 5}\n"),
    },
    "BGA041": {
        "a message": play(LAUNCH + status("ignore_errors: true") + ROLLBACK % "answer.msg == 'Timeout exceeded'"),
        "a part": play(
            LAUNCH + status("ignore_errors: true") + ROLLBACK % "\"'Timeout exceeded' in answer.msg | default('')\""
        ),
        "a search": play(LAUNCH + status("failed_when: answer.msg is search('Timeout exceeded')")),
        "an own action": play(
            "- {my_job: {async: 60}, register: answer, ignore_errors: true}\n"
            + ROLLBACK % "answer.msg == 'Timeout exceeded'"
        ),
        "a filter": play(
            LAUNCH + status("ignore_errors: true") + ROLLBACK % "answer.msg | regex_search('Timeout exceeded')"
        ),
        "an assertion": play(
            LAUNCH + status("ignore_errors: true") + "- {assert: {that: answer.msg != 'Timeout exceeded'}}\n"
        ),
    },
}
SOUND: dict[str, dict[str, str]] = {
    "BGA001": {
        "both": play(launch("become: true") + status("become: true")),
        "the play": play(LAUNCH + ASK, "hosts: all\nbecome: true\nbecome_user: app"),
        "root by name": play(launch("become: true") + status("become: true\nbecome_user: root")),
        "root by login": play(launch("become: true") + ASK, "hosts: all\nremote_user: root"),
        "a user without become": play(launch("become_user: app") + ASK),
        "one variable": play(
            launch("become_user: '{{ owner }}'") + status('become_user: "{{ owner }}"'), "hosts: all\nbecome: true"
        ),
        "an unknown variable": play(launch("become: '{{ privileged }}'") + ASK),
        "a user that is left out": play(
            launch("become: true, become_user: \"{{ who | default(omit) }}\"") + status("become: true")
        ),
        "the default of a user": play(
            launch("become: true, become_user: \"{{ who | default('app') }}\"")
            + status("become: true\nbecome_user: app")
        ),
        "a shared folder": play(
            launch("become: true") + ASK, "hosts: all\nvars: {ansible_async_dir: /var/spool/jobs}"
        ),
    },
    "BGA004": {
        "poll 0": play(LAUNCH + ASK),
        "a switch": play(
            LAUNCH.replace("poll: 0", "poll: '{{ 0 if hurry else 15 }}'") + status("when: hurry"),
            "hosts: all\nvars: {hurry: false}",
        ),
        "unknown": play(LAUNCH.replace("poll: 0", "poll: '{{ interval }}'") + ASK),
        "read without asking": play(LAUNCH.replace("poll: 0", "poll: 5") + "- {debug: {var: job.rc}}\n"),
    },
    "BGA005": {
        "both": play(launch("run_once: true") + status("run_once: true")),
        "one host": play(launch("run_once: true") + ASK, "hosts: localhost"),
        "one at a time": play(launch("run_once: true") + ASK, "hosts: all\nserial: 1"),
        "one host by a condition": play(
            launch("run_once: true") + status("when: inventory_hostname == ansible_play_hosts[0]")
        ),
        "one delegate": play(launch("run_once: true, delegate_to: db1") + status("delegate_to: db1")),
    },
    "BGA006": {
        "both": play(launch("delegate_to: db1") + status("delegate_to: db1")),
        "to itself": play(launch("delegate_to: '{{ inventory_hostname }}'") + ASK),
        "at home": play(launch("delegate_to: localhost") + ASK, "hosts: localhost"),
        "unknown": play(launch("delegate_to: '{{ keeper }}'") + ASK),
        "the item": play(
            EACH.replace("loop:", "delegate_to: '{{ item }}', loop:")
            + status('delegate_to: "{{ item.item }}"', ASK_EACH)
        ),
    },
    "BGA007": {
        "both": play(LAUNCH + ASK, "hosts: all\nvars: {ansible_async_dir: /tmp/jobs}"),
        "the usual": play(launch("vars: {ansible_async_dir: ~/.ansible_async}") + ASK),
        "with a slash": play(
            launch("vars: {ansible_async_dir: /tmp/jobs/}") + status("vars: {ansible_async_dir: /tmp/jobs}")
        ),
        "unknown": play(launch("environment: '{{ proxy }}'") + ASK),
        "something else": play(launch("environment: {LANG: C}") + ASK),
    },
    "BGA008": {
        "both": play(launch("when: wanted") + status("when: wanted")),
        "not skipped": play(launch("when: wanted") + status("when: job is not skipped")),
        "defined": play(launch("when: wanted") + status("when: job.ansible_job_id is defined")),
        "more": play(launch("when: wanted") + status("when: [wanted, late]")),
        "in one block": play("- when: wanted\n  block:\n" + indent(LAUNCH + ASK, "    ")),
        "always": play(launch("when: true") + ASK),
        "items": play(
            EACH.replace("loop:", "when: item == 'a', loop:") + status("when: item is not skipped", ASK_EACH)
        ),
        "picked items": play(
            EACH.replace("loop:", "when: item == 'a', loop:")
            + ask("jobs.results", "jobs.results | selectattr('ansible_job_id', 'defined')", ASK_EACH)
        ),
        "something derived": play(launch("when: wanted") + status("when: pending")),
    },
    "BGA009": {
        "as long": play(LAUNCH + ASK),
        "longer": play(LAUNCH + ask("60", "90")),
        "unknown": play(LAUNCH + ask("60", '"{{ tries }}"')),
        "an unknown limit": play(LAUNCH.replace("600", "'{{ limit }}'") + ask("60", "5")),
        "set by a fact": play(
            "- set_fact: {tries: 900}\n" + LAUNCH + ask("60", '"{{ tries }}"'), "hosts: all\nvars: {tries: 5}"
        ),
        "after a pause": play(LAUNCH + "- pause: {minutes: 5}\n" + ask("60", "30")),
        "in two turns": play(
            LAUNCH + status("ignore_errors: true", ask("60", "30")) + ask("60", "30").replace("Ask", "Ask again")
        ),
        "a look": play(LAUNCH + "- async_status: {jid: '{{ job.ansible_job_id }}'}\n"),
        "one branch": play(LAUNCH + ask("60", '"{{ 5 if hurry else 60 }}"')),
        "many questions without a delay": play(LAUNCH + ask("60", "100000").replace("delay: 10", "delay: 0")),
        "a lookup": play(LAUNCH + ask("60", "\"{{ lookup('env', 'TRIES') | default(5) }}\"")),
        "the default of a variable that is set": play(
            LAUNCH + ask("60", '"{{ tries | default(5) }}"'), "hosts: all\nvars: {tries: 60}"
        ),
        "a long limit by a ternary": play(
            LAUNCH.replace("600", '"{{ fast | ternary(30, 600) }}"') + ask("60", "5")
        ),
    },
    "BGA011": {
        "below": play("- {command: work, async: 60, poll: 5}\n"),
        "equal": play("- {command: work, async: 60, poll: 60}\n"),
        "unknown": play("- {command: work, async: '{{ limit }}', poll: 30}\n"),
        "a limit above the default of poll": play("- {command: work, async: 60}\n"),
        "no limit": play("- {command: work}\n"),
    },
    "BGA012": {
        "unknown": play("- {command: work, async: '{{ limit }}', poll: 0}\n"),
        "neither": play("- {command: work}\n"),
        "foreground": play("- {command: work, poll: 5}\n"),
        "a limit that may be chosen": play("- {command: work, async: '{{ limit | default(0) }}', poll: 0}\n"),
    },
    "BGA015": {
        "asked": play(LAUNCH + ASK),
        "in a loop": play(EACH + ASK_EACH),
        "another variable": play(
            EACH + ask("item.ansible_job_id", "job.ansible_job_id", ASK_EACH) + "  loop_control: {loop_var: job}\n"
        ),
        "with_items": play(EACH + ask("loop:", "with_items:", ASK_EACH)),
        "mapped": play(
            EACH + ask("item.ansible_job_id", "item", ASK_EACH)
            .replace("jobs.results", "jobs.results | map(attribute='ansible_job_id')")
        ),
        "a list of jobs": play(LAUNCH + ask("jobs.results", "[job]", ASK_EACH)),
        "free form": play(LAUNCH + "- async_status: jid={{ job.ansible_job_id }}\n"),
        "by a fact": play(
            LAUNCH + "- set_fact: {number: '{{ job.ansible_job_id }}'}\n" + ask("job.ansible_job_id", "number")
        ),
        "handed on": play(LAUNCH + "- copy: {content: '{{ job.ansible_job_id }}', dest: /tmp/job}\n"),
        "another play": play(LAUNCH) + play(ASK),
        "another host": play(LAUNCH, "hosts: db1")
        + play(ask("job.ansible_job_id", "hostvars['db1'].job.ansible_job_id") + "  delegate_to: db1\n", "hosts: web"),
        "somewhere else": play(LAUNCH + "- include_tasks: '{{ which }}.yml'\n"),
        "a role that is not there": play(LAUNCH + "- include_role: {name: nowhere.at.all}\n"),
        "a handler": play(LAUNCH) + "  handlers:\n" + "".join(f"    {line}\n" for line in ASK.splitlines()),
        "a restart": play("- {shell: sleep 2 && reboot, async: 60, poll: 0}\n"),
        "unknown limit": play("- {command: work, async: '{{ limit }}', poll: 0}\n"),
        "named to an action of the author's own": play(LAUNCH + "- {await_job: {job: job, within: 60}}\n"),
        "never": play("- {command: work, async: 600, poll: 0, when: false}\n"),
        "never, by its block": play("- when: false\n  block:\n    - {command: work, async: 600, poll: 0}\n"),
    },
    "BGA016": {
        "a default": play(LAUNCH + status("failed_when: false") + ROLLBACK % "answer.rc | default(1) != 0"),
        "defined": play(LAUNCH + status("failed_when: false") + ROLLBACK % "answer.rc is defined and answer.rc == 0"),
        "not defined": play(
            LAUNCH + status("failed_when: false") + ROLLBACK % "answer.rc is not defined or answer.rc != 0"
        ),
        "in": play(LAUNCH + status("failed_when: false") + ROLLBACK % "\"'rc' in answer and answer.rc == 0\""),
        "in turn": play(
            LAUNCH + status("failed_when: false") + ROLLBACK % "[answer.rc is defined, answer.rc == 0]"
        ),
        "succeeded": play(LAUNCH + status("ignore_errors: true") + ROLLBACK % "answer is succeeded and answer.rc == 0"),
        "not failed": play(
            LAUNCH + status("ignore_errors: true") + ROLLBACK % "not answer is failed and answer.rc == 0"
        ),
        "no job": play("- {command: work, register: answer, ignore_errors: true}\n" + ROLLBACK % "answer.rc != 0"),
        "otherwise": play(
            LAUNCH + status("failed_when: false")
            + "- {debug: {msg: \"{{ answer.rc if answer.rc is defined else 'none' }}\"}}\n"
        ),
        "by a condition": play(
            LAUNCH + status("failed_when: false")
            + "- {debug: {msg: '{{ answer.rc }}'}, when: answer.rc is defined}\n"
        ),
        "required before": play(
            LAUNCH + status("failed_when: false") + "- assert: {that: answer.rc is defined}\n"
            + ROLLBACK % "answer.rc != 0"
        ),
        "never without": play(LAUNCH + ASK + "- {debug: {msg: '{{ answer.rc }}'}}\n"),
        "told by something else": play(
            LAUNCH + status("failed_when: false")
            + ROLLBACK % "\"'Timeout' not in answer.msg | default('') and answer.rc == 0\""
        ),
        "unknown": play(LAUNCH + status("ignore_errors: '{{ lenient }}'") + ROLLBACK % "answer.rc != 0"),
        "where an error is a failure": play(LAUNCH + status("failed_when: answer.rc != 0")),
        "until it is there": play(LAUNCH + ask("answer is finished", "answer.rc is defined")),
        "in the until of a task that polls": play(
            "- {command: work, async: 60, poll: 5, register: job, until: job.rc | default(1) == 0, retries: 3}\n"
        ),
        "in the until of a task in the foreground": play(
            "- {command: work, register: job, until: job.rc == 0, retries: 3}\n"
        ),
    },
    "BGA017": {
        "ignored": play(LAUNCH + status("ignore_errors: true") + ROLLBACK % "answer is failed"),
        "never failed": play(LAUNCH + status("failed_when: false") + ROLLBACK % "answer.rc | default(1) != 0"),
        "rescued": play(
            LAUNCH + "- block:\n" + "".join(f"    {line}\n" for line in ASK.splitlines())
            + "  rescue:\n    - {command: undo, when: answer is failed}\n"
        ),
        "always": play(
            LAUNCH + "- block:\n" + "".join(f"    {line}\n" for line in ASK.splitlines())
            + "  always:\n    - {command: undo, when: answer is failed}\n"
        ),
        "after a rescue": play(
            LAUNCH + "- block:\n" + "".join(f"    {line}\n" for line in ASK.splitlines())
            + "  rescue: [{ping: }]\n" + ROLLBACK % "answer is failed"
        ),
        "of the play": play(LAUNCH + ASK + ROLLBACK % "answer is failed", "hosts: all\nignore_errors: true"),
        "a success": play(LAUNCH + ASK + ROLLBACK % "answer.rc == 0"),
        "its output": play(LAUNCH + ASK + "- {debug: {msg: '{{ answer.rc }} {{ answer.stdout }}'}}\n"),
        "no job": play("- {command: work, register: answer}\n" + ROLLBACK % "answer is failed"),
        "something else": play(LAUNCH + ASK + ROLLBACK % "answer is failed or forced"),
        "its own condition": play(
            LAUNCH + status("failed_when: answer.rc | default(1) > 1") + ROLLBACK % "answer.rc | default(0) == 1"
        ),
        "of nothing": play(LAUNCH + ASK + "- {command: undo, loop: [], when: item is failed}\n"),
        "a look": play(
            LAUNCH + "- {async_status: {jid: '{{ job.ansible_job_id }}'}, register: answer}\n"
            + ROLLBACK % "answer.rc | default(1) != 0"
        ),
        "required": play(LAUNCH + ASK + "- assert: {that: answer.rc | default(-1) == 0}\n"),
    },
    "BGA020": {
        "the test": play(LAUNCH + ASK),
        "the key": play(LAUNCH + ask("answer is finished", "answer.finished")),
        "compared": play(LAUNCH + ask("answer is finished", "answer.finished == 1")),
        "made a bool": play(LAUNCH + ask("answer is finished", "answer.finished | bool")),
        "not": play(LAUNCH + status("failed_when: false") + ROLLBACK % "not answer.finished"),
        "no job": play("- {command: work, register: answer}\n" + ROLLBACK % "answer.finished is false"),
        "another key": play(LAUNCH + ASK + ROLLBACK % "answer.changed is true"),
        "a job id before an and": play(
            LAUNCH + ASK + ROLLBACK % "job.ansible_job_id and job.changed and (job.finished == 0)"
        ),
    },
    "BGA022": {
        "both": play(launch("no_log: true") + status("no_log: true")),
        "the play": play(LAUNCH + ASK, "hosts: all\nno_log: true"),
        "the status only": play(LAUNCH + status("no_log: true")),
        "unknown": play(launch("no_log: '{{ hidden }}'") + ASK),
        "unknown status": play(launch("no_log: true") + status("no_log: '{{ hidden }}'")),
    },
    "BGA030": {
        "nohup": play("- {shell: nohup serve > /var/log/serve 2>&1 &}\n"),
        "setsid": play("- {shell: 'cd /srv && sudo setsid serve > /dev/null 2>&1 &'}\n"),
        "and": play("- {shell: make && make install}\n"),
        "waited for": play("- shell: |\n    one &\n    two &\n    wait\n"),
        "quoted": play("- {shell: \"curl 'http://localhost/?a=1&b=2'\"}\n"),
        "a comment": play("- shell: |\n    work # here & now\n"),
        "redirected": play("- {shell: 'work &> /tmp/log; work >& /tmp/log; work 2>&1 | tee /tmp/log'}\n"),
        "no shell": play("- {command: work &}\n"),
        "arithmetic": play("- {shell: 'echo $(( 6 & 3 )) $(id)'}\n"),
        "a document": play("- shell: |\n    cat > /tmp/x <<'EOF'\n    serve &\n    EOF\n"),
        "another language": play("- {shell: 'print(6 & 3)', args: {executable: /usr/bin/python3}}\n"),
        "a template": play("- {shell: \"work {{ options | join(' & ') }}\"}\n"),
        "unclosed": play("- {shell: \"echo ' &\"}\n"),
        "a restart": play("- {shell: '(sleep 2; reboot) &'}\n"),
    },
    "BGA037": {
        "a command": play("- {command: work, async: 60, poll: 5}\n"),
        "no async": play("- {copy: {content: x, dest: /tmp/x}}\n"),
        "async 0": play("- {copy: {content: x, dest: /tmp/x}, async: 0}\n"),
        "another copy": play("- {win.files.copy: {dest: /tmp/x}, async: 60}\n"),
        "unknown": play("- {copy: {content: x, dest: /tmp/x}, async: '{{ limit }}'}\n"),
    },
    "BGA039": {
        "an include": play("- {include_tasks: no.yml, register: result}\n"),
        "on the tasks inside": play("- {import_tasks: no.yml}\n" + LAUNCH + ASK),
    },
    "BGA040": {
        "long enough": play("- {shell: sleep 2 && reboot, async: 60, poll: 0}\n"),
        "in the background": play("- {shell: '(sleep 5; reboot) &', async: 1, poll: 0}\n"),
        "under a condition": play("- {shell: 'test -f x && sleep 90', async: 60, poll: 5}\n"),
        "in a loop that may end": play("- {shell: 'until work; do sleep 90; done', async: 60, poll: 5}\n"),
        "otherwise": play("- {shell: 'work || sleep 90', async: 60, poll: 5}\n"),
        "a function": play("- {shell: 'late() { sleep 90; }; work', async: 60, poll: 5}\n"),
        "unknown": play("- {shell: 'sleep {{ pause }}', async: 60, poll: 5}\n"),
        "quoted": play("- {shell: \"echo 'sleep 90'\", async: 60, poll: 5}\n"),
        "no limit": play("- {shell: sleep 90}\n"),
        "one limit is enough": play("- {shell: sleep 90, async: '{{ slow | ternary(600, 30) }}', poll: 5}\n"),
    },
    "BGA041": {
        "without an rc": play(
            LAUNCH + status("ignore_errors: true") + ROLLBACK % "answer is failed and answer.rc is not defined"
        ),
        "said": play(LAUNCH + ASK + "- {fail: {msg: Timeout exceeded}, when: answer.changed}\n"),
        "another text": play(LAUNCH + status("ignore_errors: true") + ROLLBACK % "answer.msg == 'no'"),
        "said by default": play(
            LAUNCH + ASK + "- {debug: {msg: \"{{ answer.msg | default('Timeout exceeded') }}\"}}\n"
        ),
        "no job": play(
            "- {uri: {url: 'http://a'}, register: page, until: \"'Timeout exceeded' not in page.msg\"}\n"
            + ROLLBACK % "page.msg == 'Timeout exceeded'"
        ),
        "a task beside a job": play(
            LAUNCH + ASK + "- {uri: {url: 'http://a'}, register: page, failed_when: page.msg == 'Timeout exceeded'}\n"
        ),
    },
}  # fmt: skip


def cases(table: dict[str, dict[str, str]]) -> list[object]:
    """Return parameters of a test for each playbook."""
    return [
        pytest.param(rule, text, id=f"{rule} {name}") for rule, each in table.items() for name, text in each.items()
    ]


@pytest.mark.parametrize(("rule", "text"), cases(BAD))
def test_a_fault_is_found_and_nothing_else(tmp_path: Path, rule: str, text: str) -> None:
    assert set(ids(tmp_path, text)) == {rule}


@pytest.mark.parametrize(("rule", "text"), cases(SOUND))
def test_in_a_sound_playbook_nothing_is_found(tmp_path: Path, rule: str, text: str) -> None:
    assert ids(tmp_path, text) == [], rule


def test_each_rule_has_both() -> None:
    assert [*BAD] == [*SOUND] == [rule.ID for rule in RULES]
