"""Small playbooks for the tests of the audit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent, indent

from pytest_bgasync.audit.runner import look

LAUNCH = "- {name: Launch, command: work, async: 600, poll: 0, register: job}\n"
ASK = """\
- name: Ask
  async_status: {jid: "{{ job.ansible_job_id }}"}
  register: answer
  until: answer is finished
  retries: 60
  delay: 10
"""
EACH = "- {name: Launch, command: 'work {{ item }}', loop: [a, b], async: 600, poll: 0, register: jobs}\n"
ASK_EACH = """\
- name: Ask
  async_status: {jid: "{{ item.ansible_job_id }}"}
  loop: "{{ jobs.results }}"
  register: answers
  until: answers is finished
  retries: 60
  delay: 10
"""


def play(tasks: str, head: str = "hosts: all") -> str:
    """Return a play with these tasks."""
    return f"- {indent(dedent(head).strip(), '  ').strip()}\n  tasks:\n{indent(dedent(tasks), '    ')}"


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files; returns the path of ``site.yml``."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text) if text.startswith("\n") else text)
    return folder / "site.yml"


def found(folder: Path, text: str, **files: str) -> list[str]:
    """Return what is found in a playbook, as ``line:id``; other files are named by their name, too."""
    others = {name.replace("__", "/") + ".yml": content for name, content in files.items()}
    site = write(folder, {"site.yml": text, **others})
    return [
        ("" if f.place.file == site else f"{f.place.file.relative_to(folder)}:") + f"{f.place.line}:{f.id}"
        for f in look(site, folder).findings
    ]


def ids(folder: Path, text: str, **files: str) -> list[str]:
    """Return the ids of what is found."""
    return [one.rpartition(":")[2] for one in found(folder, text, **files)]
