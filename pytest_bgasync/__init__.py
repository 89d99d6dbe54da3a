"""pytest-bgasync: test what Ansible playbooks do with background jobs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from pytest_bgasync.runs.process import (
        LateHostError,
        LocalhostProblem,
        PlaybookDeadline,
        PlaybookKilled,
        StoppedRun,
    )
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

#: Where each public name is defined. A name is imported when it is first used: importing the audit loads no engine.
_MODULES = {
    "Ambiguous": "pytest_bgasync.util.errors",
    "AnsibleProblem": "pytest_bgasync.util.errors",
    "BgasyncError": "pytest_bgasync.util.errors",
    "Call": "pytest_bgasync.hosts.stubs",
    "CommandDeadline": "pytest_bgasync.util.errors",
    "CommandResult": "pytest_bgasync.hosts.machine",
    "Engine": "pytest_bgasync.engine.client",
    "EngineNotFound": "pytest_bgasync.util.errors",
    "EngineRefused": "pytest_bgasync.util.errors",
    "Finding": "pytest_bgasync.jobs.findings",
    "Host": "pytest_bgasync.hosts.host",
    "HostProblem": "pytest_bgasync.util.errors",
    "ImageProblem": "pytest_bgasync.util.errors",
    "Job": "pytest_bgasync.jobs.job",
    "JobDeadline": "pytest_bgasync.util.errors",
    "Jobs": "pytest_bgasync.jobs.job",
    "Lab": "pytest_bgasync.runs.lab",
    "LateHostError": "pytest_bgasync.runs.process",
    "LocalhostProblem": "pytest_bgasync.runs.process",
    "NotRunning": "pytest_bgasync.util.errors",
    "NotThere": "pytest_bgasync.util.errors",
    "Outcome": "pytest_bgasync.jobs.outcome",
    "PlaybookDeadline": "pytest_bgasync.runs.process",
    "PlaybookKilled": "pytest_bgasync.runs.process",
    "PlaybookProblem": "pytest_bgasync.util.errors",
    "Poll": "pytest_bgasync.jobs.launches",
    "Process": "pytest_bgasync.jobs.verdict",
    "Recap": "pytest_bgasync.jobs.task_results",
    "Request": "pytest_bgasync.hosts.webhooks",
    "Run": "pytest_bgasync.runs.run",
    "Running": "pytest_bgasync.runs.running_playbook",
    "Service": "pytest_bgasync.hosts.services",
    "StoppedRun": "pytest_bgasync.runs.process",
    "TaskResult": "pytest_bgasync.jobs.task_results",
    "Traffic": "pytest_bgasync.hosts.traffic",
    "UsageProblem": "pytest_bgasync.util.errors",
    "WebhookDeadline": "pytest_bgasync.util.errors",
    "Webhooks": "pytest_bgasync.hosts.webhooks",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
