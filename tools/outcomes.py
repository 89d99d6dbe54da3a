"""Writes docs/outcomes.md: what the playbooks do for each way in which a background job can end: make outcomes.

Options of pytest run a part (make outcomes ONLY="-k naive_loop"); the cells of the others are kept in
docs/outcomes.json.

Each test plays one playbook while every_outcome ends the jobs of one task; what the play did is a cell
of the table. A test fails where one of our playbooks neither rolls back nor reports.
"""

from __future__ import annotations

import json
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_bgasync import Lab, Outcome, Run
from pytest_bgasync.config.outcome_marker import ENDS
from pytest_bgasync.hosts.services import Registry
from pytest_bgasync.jobs.findings import Finding

ROOT = Path(__file__).parent.parent
RAW = ROOT / "docs/outcomes.json"
DATABASE = pytest.mark.bgasync(hosts=["db1"], image="fixtures/database", time_scale=0.02, strict=False)
APPLICATION = pytest.mark.bgasync(
    hosts={"app_servers": ["app1"]}, image="fixtures/application", services=["webhooks"], time_scale=0.02, strict=False
)
BALANCED = pytest.mark.bgasync(**{**APPLICATION.kwargs, "services": ["lb.example.com"]})
# Short limits need a larger scale, or the play would give up before their floor has passed.
SLOWER = pytest.mark.bgasync(**{**APPLICATION.kwargs, "time_scale": 0.5})
NAIVE = "tests/scenarios/naive_"
HEAD = """\
# Every way a job can end, in every scenario

What each playbook does when a background job of it succeeds, fails, times out, is lost, or its host goes away:
each cell is a run of the playbook in which `every_outcome` did that to the real job. Written by `make outcomes`.

*rolled back*, *reported*: the playbook's task for it ran. *play fails*: `ansible-playbook` ended with an error.
*n uncollected*, *n swallowed*: what the harness finds in the run; a job that was lost or whose host went away
counts only where nobody would have asked for it. **Lost**: the playbook neither rolled back nor reported; where it
has no task for either, it succeeded. Of a host that went away Ansible itself tells, which is enough where there is
nothing to roll back. `nohup_tasks.yml` is not here: what it starts is no background job of Ansible.

"""
OURS = """\
## Our playbooks

The jobs of `fire_and_forget.yml` are left behind on purpose and its play knows of none of them. There it is the
harness that reports: unless a test declares such a job with the `fire_and_forget` marker it is uncollected, and
where the test does, the job must end as declared.
"""
THEIRS = """\
## The usual naive forms

The same scenarios as they are often written (`tests/scenarios/naive_*.yml`). For the playbooks that are not listed
the usual form treats the ways in which a job ends as ours does. Nor listed are the jobs that nobody asks for,
the alert of `naive_error_handling.yml` and the deployment of `naive_rolling_early.yml`: the play goes on whatever
becomes of them, and the harness tells of them as uncollected.
"""


@dataclass(frozen=True)
class Case:
    """A task with background jobs; ``undo`` and ``report`` are the playbook's tasks for a job that ended badly."""

    playbook: str
    task: str
    hosts: pytest.MarkDecorator
    undo: str | None = None
    report: str | None = None
    item: str | None = None
    forgotten: bool = False
    prepare: Callable[[Lab], None] | None = None

    @property
    def ours(self) -> bool:
        return not self.playbook.startswith(NAIVE)


@pytest.fixture(scope="session", autouse=True)
def balancer(bgasync_service: Registry) -> None:
    bgasync_service("lb.example.com", "fixtures/balancer", environment={"SERVERS": "app1"}, ready=80)


def _migration_fails(lab: Lab) -> None:
    lab.hosts["app1"].stub("/opt/myapp/bin/data-migration", rc=3)


_MIGRATION = "background_error_handling.yml"
CASES = [
    Case("basic_async.yml", "Start the backup", DATABASE),
    *(
        Case("fire_and_forget.yml", task, APPLICATION, forgotten=True)
        for task in ("Rotate the logs", "Send the notification", "Warm the cache")
    ),
    *(
        Case("multiple_background.yml", task, DATABASE, report="Report the backups")
        for task in ("Start the database backup", "Start the file backup", "Start the log archive")
    ),
    Case("background_loop.yml", "Start the backups", DATABASE, report="Report the backups", item="orders_db"),
    Case("background_services.yml", "Start the server", SLOWER),
    Case(_MIGRATION, "Start the migration", APPLICATION, undo="Run rollback", report="Report the failure"),
    Case(_MIGRATION, "Alert the team", SLOWER, undo="Run rollback", prepare=_migration_fails),
    Case("rolling_update.yml", "Deploy the version", BALANCED),
    *(
        Case(f"{NAIVE}multiple.yml", task, DATABASE, report="Say how each of them went")
        for task in ("Launch the dump", "Launch the archive of the files", "Launch the archive of the logs")
    ),
    Case(f"{NAIVE}loop.yml", "Launch a dump", DATABASE, report="Say how each of them went", item="orders_db"),
    Case(f"{NAIVE}services.yml", "Launch the server", SLOWER),
    Case(f"{NAIVE}error_handling.yml", "Launch the migration", APPLICATION, undo="Undo the migration"),
]


def cell(case: Case, run: Run, outcome: Outcome) -> tuple[str, bool]:
    """Return what the play did and what the harness finds, and whether nobody would know of the job."""
    did = []
    if case.undo and _done(run, case.undo):
        did.append("rolled back")
    if case.report and _done(run, case.report):
        did.append("reported")
    away = any(recap.unreachable for recap in run.recap.values())
    told = bool(did) or (not case.undo and (away or (not case.report and not run.ok)))
    did.append("play succeeds" if run.ok else "play fails: host unreachable" if away else "play fails")
    asked = outcome in (Outcome.LOST, Outcome.UNREACHABLE) and not case.forgotten
    found = Counter(
        finding.kind for finding in run.findings
        if finding.kind in ("uncollected", "swallowed") and not (asked and _is_of(case, finding))
    )  # fmt: skip
    did += [f"{number} {kind}" for kind, number in sorted(found.items())]
    if case.forgotten:
        told = found["uncollected"] > 0
    return ", ".join(did), outcome is not Outcome.SUCCEEDED and not told


def _done(run: Run, task: str) -> bool:
    """Say whether a task did what it is for."""
    return any(result.status in ("ok", "changed") for result in run.results(task))


def _is_of(case: Case, finding: Finding) -> bool:
    return finding.task == case.task and (case.item is None or finding.job is None or finding.job.item == case.item)


def _test(case: Case) -> Callable[..., None]:
    @case.hosts
    @pytest.mark.every_outcome(case.task, **({} if case.item is None else {"item": case.item}))
    def test(bgasync: Lab, bgasync_outcome: Outcome, record_property: Callable[[str, object], None]) -> None:
        if case.prepare:
            case.prepare(bgasync)
        playbook = ROOT / case.playbook if not case.ours else case.playbook
        run = bgasync.run(playbook, extra_vars={"app_version": "2.0"})
        job = run.job(case.task, item=case.item)
        job.wait()
        assert job.outcome is bgasync_outcome, f"{job.msg}\n{run.stdout}"
        text, lost = cell(case, run, bgasync_outcome)
        for name, value in ("case", CASES.index(case)), ("outcome", bgasync_outcome), ("did", text), ("lost", lost):
            record_property(name, str(value))
        assert not (case.ours and lost), text

    return test


for number, case in enumerate(CASES):
    globals()[f"test_{number}_{Path(case.playbook).stem}"] = _test(case)


def table(cells: Mapping[str, str], *, ours: bool) -> Iterator[str]:
    """Yield the lines of the table of our playbooks, or of the naive ones."""
    yield f"| playbook | job | {' | '.join(ENDS)} |"
    yield "|---" * (2 + len(ENDS)) + "|"
    for case in CASES:
        if case.ours == ours:
            job = case.task if case.item is None else f"{case.task} ({case.item})"
            did = [cells[key(case, outcome)] for outcome in ENDS]
            yield f"| {Path(case.playbook).name} | {job} | {' | '.join(did)} |"


def key(case: Case, outcome: str) -> str:
    """Return what a cell is called where all are kept."""
    return " / ".join([Path(case.playbook).stem, case.task, *([case.item] if case.item else []), outcome])


def read(file: Path) -> dict[str, str]:
    """Return the cells that the tests have recorded in a JUnit file."""
    cells = {}
    for properties in ET.parse(file).iter("properties"):
        of = {entry.get("name"): entry.get("value", "") for entry in properties}
        if "did" in of:
            said = ("**Lost**: " if of["lost"] == "True" else "") + of["did"]
            cells[key(CASES[int(of["case"])], of["outcome"])] = said
    return cells


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "outcomes.xml"
        # A job that is lost is asked for as often as the playbook says, which takes long on a busy machine.
        options = ["-n", "3", "--dist", "worksteal", f"--junitxml={file}", "-o", "bgasync_deadline=1800"]
        code = pytest.main([__file__, *options, *sys.argv[1:]])
        cells = (json.loads(RAW.read_text()) if RAW.exists() else {}) | read(file)
    RAW.write_text(json.dumps(cells, indent=1, sort_keys=True) + "\n")
    if code != pytest.ExitCode.OK:
        return int(code)
    lost = sum(text.startswith("**Lost**") for text in cells.values())
    parts = [HEAD + OURS, *table(cells, ours=True), "", THEIRS, *table(cells, ours=False), ""]
    parts.append(f"They lose {lost} of {sum(not case.ours for case in CASES) * len(ENDS)} cells.")
    (ROOT / "docs/outcomes.md").write_text("\n".join(parts) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
