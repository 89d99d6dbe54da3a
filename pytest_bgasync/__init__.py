"""pytest-bgasync: test what Ansible playbooks do with background jobs."""

from pytest_bgasync.engine.client import Engine
from pytest_bgasync.hosts.host import Host
from pytest_bgasync.hosts.machine import CommandResult
from pytest_bgasync.hosts.services import Service
from pytest_bgasync.hosts.stubs import Call
from pytest_bgasync.hosts.traffic import Traffic
from pytest_bgasync.hosts.webhooks import Request, Webhooks
from pytest_bgasync.jobs.findings import Finding
from pytest_bgasync.jobs.job import Job, Jobs
from pytest_bgasync.jobs.launches import Poll
from pytest_bgasync.jobs.outcome import Outcome
from pytest_bgasync.jobs.task_results import Recap, TaskResult
from pytest_bgasync.jobs.verdict import Process
from pytest_bgasync.runs.lab import Lab
from pytest_bgasync.runs.process import LateHostError, LocalhostProblem, PlaybookDeadline, PlaybookKilled, StoppedRun
from pytest_bgasync.runs.run import Run
from pytest_bgasync.runs.running_playbook import Running
from pytest_bgasync.util.errors import (
    Ambiguous,
    AnsibleProblem,
    BgasyncError,
    CommandDeadline,
    EngineNotFound,
    EngineRefused,
    HostProblem,
    ImageProblem,
    JobDeadline,
    NotRunning,
    NotThere,
    PlaybookProblem,
    UsageProblem,
    WebhookDeadline,
)

__all__ = [
    "Ambiguous",
    "AnsibleProblem",
    "BgasyncError",
    "Call",
    "CommandDeadline",
    "CommandResult",
    "Engine",
    "EngineNotFound",
    "EngineRefused",
    "Finding",
    "Host",
    "HostProblem",
    "ImageProblem",
    "Job",
    "JobDeadline",
    "Jobs",
    "Lab",
    "LateHostError",
    "LocalhostProblem",
    "NotRunning",
    "NotThere",
    "Outcome",
    "PlaybookDeadline",
    "PlaybookKilled",
    "PlaybookProblem",
    "Poll",
    "Process",
    "Recap",
    "Request",
    "Run",
    "Running",
    "Service",
    "StoppedRun",
    "TaskResult",
    "Traffic",
    "UsageProblem",
    "WebhookDeadline",
    "Webhooks",
]
