"""Actions that refuse async, and actions that never launch a job."""

from __future__ import annotations

#: Actions of Ansible that fail when they are given async; ``reboot`` from ansible-core 2.17 on.
_OWN = frozenset({
    "add_host", "assemble", "assert", "async_status", "copy", "debug", "fail", "fetch", "gather_facts", "group_by",
    "include_role", "include_tasks", "include_vars", "pause", "raw", "reboot", "script", "set_fact", "set_stats",
    "template", "unarchive", "validate_argument_spec", "wait_for_connection",
})  # fmt: skip
#: Actions of collections that fail, too.
_COLLECTIONS = {
    "ansible.posix": ("patch", "synchronize"),
    "ansible.windows": ("win_copy", "win_template"),
    "kubernetes.core": (
        "helm", "helm_info", "helm_plugin", "helm_plugin_info", "helm_repository", "k8s", "k8s_cluster_info", "k8s_cp",
        "k8s_drain", "k8s_exec", "k8s_info", "k8s_log", "k8s_rollback", "k8s_scale", "k8s_service",
    ),
}  # fmt: skip
#: Actions that fail when they are given async.
NO_ASYNC = (
    _OWN
    | {name for names in _COLLECTIONS.values() for name in names}
    | {f"{collection}.{name}" for collection, names in _COLLECTIONS.items() for name in names}
)
#: Actions that accept async and work in the foreground, or for which Ansible drops it without a word.
_FOREGROUND = {"import_role", "import_tasks", "meta", "shutdown", "community.general.shutdown", "win_reboot"}
#: Actions that never have a job.
NO_JOB = NO_ASYNC | _FOREGROUND | {"ansible.windows.win_reboot"}
