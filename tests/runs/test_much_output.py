"""Results and files of any size: what matters of them is right, and pytest stays small."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from pytest_bgasync import JobDeadline, Lab, Outcome, PlaybookDeadline

pytestmark = pytest.mark.bgasync(strict=False)
#: A module that prints a result at once, without Ansible's run_command: its key, and its value as JSON.
TALK = """#!/usr/bin/python3
import json, sys  # WANT_JSON
with open(sys.argv[1]) as stream:
    size = json.load(stream)["size"]
sys.stdout.write('{"changed": true, "stdout": "begin')
for _ in range(size // 1000):
    sys.stdout.write("x" * 998 + "\\\\n")
sys.stdout.write('end", "rc": 3, "failed": true, "msg": "said"}')
"""


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """The folder of that module."""
    (tmp_path / "talk.py").write_text(TALK)
    return tmp_path


def peak() -> int:
    """Return the most memory in MiB that this process has had since it was asked last."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    Path("/proc/self/clear_refs").write_text("5")
    return int(found[1]) >> 10


def test_a_large_result_costs_pytest_nothing(bgasync: Lab, talk: Path) -> None:
    text = """
- hosts: all
  gather_facts: false
  tasks:
    - {name: Talk, talk: {size: SIZE}, async: 100, poll: 0, register: talk}
    - name: Collect
      async_status: {jid: "{{ talk.ansible_job_id }}"}
      register: found
      until: found.finished | bool
      retries: 50
      delay: 1
      ignore_errors: true
"""
    env = {"ANSIBLE_LIBRARY": str(talk)}
    bgasync.run_text(text.replace("SIZE", "1000"), env=env)
    before = peak()
    run = bgasync.run_text(text.replace("SIZE", "60000000"), env=env)
    job, result = run.job("Talk"), run.result("Collect")
    assert (job.outcome, job.rc, job.msg, job.collected) == (Outcome.FAILED, 3, "said", True)
    assert (result.status, result.rc, result.msg) == ("failed", 3, "said")
    for text in (job.stdout, result.stdout):
        assert text.startswith("beginxxx")
        assert text.endswith("\nend")
        count = re.search(r"\[\.\.\. ([\d,]+) characters cut by pytest-bgasync \.\.\.\]", text)
        assert count
        left = len(text) - len(count[0])
        assert left + int(count[1].replace(",", "")) == 60_000_000 // 1000 * 999 + len("beginend")
    assert "cut by pytest-bgasync" in run.stdout  # Ansible prints a failure whole
    assert peak() - before < 40


def test_a_small_result_is_whole_beside_a_large_one(bgasync: Lab, talk: Path) -> None:
    run = bgasync.run_text(
        """
- hosts: all
  gather_facts: false
  tasks:
    - {name: Large, talk: {size: 30000000}, async: 100, poll: 0}
    - {name: Small, talk: {size: 2000000}, async: 100, poll: 0}
""",
        env={"ANSIBLE_LIBRARY": str(talk)},
    )
    large, small = (job.wait() for job in run.jobs)
    assert (large.rc, len(large.stdout) < 200_000) == (3, True)
    assert (small.rc, len(small.stdout)) == (3, 2000 * 999 + len("beginend"))


@pytest.mark.parametrize("begins", ["", '{"started": 1, "text": "'])
def test_a_sparse_job_file_is_told_and_read_at_once(bgasync: Lab, begins: str) -> None:
    run = bgasync.run_text(f"""
- hosts: all
  gather_facts: false
  tasks:
    - {{name: Work, command: "true", async: 600, poll: 0, register: work}}
    - name: Put something else there
      shell: |
        until grep -q rc {{{{ work.results_file }}}}; do sleep 0.1; done
        printf '%s' '{begins}' >{{{{ work.results_file }}}}
        truncate --size 4T {{{{ work.results_file }}}}
""")
    began = time.monotonic()
    job = run.job("Work")
    assert job.wait().outcome is Outcome.LOST
    assert "its job file holds no result, but 4096.0 GiB that begin with " in job.msg
    assert f"{begins}\\x00\\x00" in job.msg
    assert time.monotonic() - began < 30


def test_a_running_job_stays_one_whatever_is_in_its_file(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks:
    - {name: Work, command: sleep 1000, async: 2000, poll: 0, register: work}
    - {name: Put something else there, command: "truncate --size 4T {{ work.results_file }}"}
""")
    assert run.job("Work").outcome is Outcome.RUNNING


def test_a_deadline_says_who_writes_much(bgasync: Lab) -> None:
    with pytest.raises(
        PlaybookDeadline, match=r"at its deadline of 25 s .* on host1 the command of 'Talk' has written"
    ) as told:
        bgasync.run_text(
            """
- hosts: all
  gather_facts: false
  tasks: [{name: Talk, shell: head --bytes 16000000 /dev/zero; sleep 1000}]
""",
            deadline=25,
        )
    assert re.search(r"has written \d+\.\d MiB, and Ansible's run_command gets slower", str(told.value))


@pytest.mark.parametrize("limit", [3, pytest.param(1000, marks=pytest.mark.thorough)])
def test_a_limit_holds_for_a_job_that_only_writes(bgasync: Lab, limit: int) -> None:
    run = bgasync.run_text(f"""
- hosts: all
  gather_facts: false
  tasks: [{{name: Talk, command: "yes", async: {limit}, poll: 0}}]
""")
    job = run.job("Talk")
    if limit == 3:
        assert job.wait().outcome is Outcome.TIMED_OUT
    else:
        with pytest.raises(JobDeadline, match=r"still running .*: its command has written \d+\.\d MiB, and Ansible's"):
            job.wait(within=15)


PYTHONS = {
    "nothing": "#!/bin/sh\n",
    "text": "#!/bin/sh\necho Python 3.11.2\n",
    "another shape": "#!/bin/sh\necho '[1, {\"now\": 3}]'\n",
    "missing keys": '#!/bin/sh\necho \'{"now": 3.0, "processes": []}\'\n',
    "a failure": "#!/bin/sh\necho no more memory >&2\nexit 137\n",
    "no end": "#!/bin/sh\nyes\n",
}


def test_a_python_that_talks_nonsense_is_told(bgasync: Lab) -> None:
    run = bgasync.run_text("""
- hosts: all
  gather_facts: false
  tasks: [{name: Work, command: sleep 1000, async: 2000, poll: 0}]
""")
    job = run.job("Work")
    assert bgasync.host.run("mv /usr/bin/python3 /usr/bin/real; cp --archive /usr/bin/real /tmp").rc == 0
    for name, text in PYTHONS.items():
        bgasync.host.put("/usr/bin/python3", text, mode=0o755)
        assert job.outcome is Outcome.UNREACHABLE, name
        assert re.match("host host1 could not say what runs on it: its /usr/bin/python3 ", job.msg), name
    assert bgasync.host.run("mv /usr/bin/real /usr/bin/python3").rc == 0
    assert job.outcome is Outcome.RUNNING
