"""Everything that can be said to be wrong, each as one sentence with its cure."""

from __future__ import annotations


class BgasyncError(Exception):
    """Base of all errors of the harness. Its text is the whole explanation."""


class UsageProblem(BgasyncError):
    """A marker, option or ini value that cannot be meant."""


class EngineNotFound(BgasyncError):
    """No container engine answers, and none could be started."""


class EngineMissing(EngineNotFound):
    """No container engine answers, and none is installed."""


class EngineRefused(EngineNotFound):
    """A container engine is there, but does not let this user in."""


class EngineTimeout(EngineNotFound):
    """A container engine has stopped answering, for the rest of the session."""


class ImageProblem(BgasyncError):
    """An image does not exist, cannot be built or lacks what a host needs."""


class HostProblem(BgasyncError):
    """A host did not come up, or did not do what the harness asked of it."""


class CommandDeadline(HostProblem):
    """A command on a host did not end within its limit."""


class OutputLimitError(HostProblem):
    """A command on a host wrote more than the harness reads."""


class AnsibleProblem(BgasyncError):
    """ansible-core or the ssh client is missing or unsuitable."""


class PlaybookProblem(BgasyncError):
    """A playbook that is not there or that ansible-playbook cannot run."""


class JobDeadline(BgasyncError):
    """A background job was still running when the wait for it was over."""


class WebhookDeadline(BgasyncError):
    """The webhooks that a test waited for did not come in time."""


class NotRunning(BgasyncError):
    """Something was to be done to a background job that has ended."""


class NotThere(BgasyncError, LookupError):
    """What was asked for is not there; the text lists what is."""


class Ambiguous(BgasyncError, LookupError):
    """More than one thing fits; the text lists them."""
