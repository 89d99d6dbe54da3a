"""What is the same for a test and for the command: the engine, and what a scenario is to be."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pytest_bgasync.config.marker import Spec
from pytest_bgasync.config.settings import Settings
from pytest_bgasync.engine.cleanup import sweep
from pytest_bgasync.engine.client import Engine, find
from pytest_bgasync.hosts.scenario import Wanted
from pytest_bgasync.hosts.services import Plan
from pytest_bgasync.runs.ansible import ansible_playbook, environment, project_folder
from pytest_bgasync.runs.fork_client import Starter
from pytest_bgasync.runs.inventory import find_inventory, hosts_of
from pytest_bgasync.util.errors import BgasyncError, UsageProblem
from pytest_bgasync.util.locks import cache_folder
from pytest_bgasync.util.names import LOCALHOST, WEBHOOKS
from pytest_bgasync.util.progress import Narrator


def open_engine(settings: Settings, narrator: Narrator) -> Engine:
    """Return the engine, rid of what dead runs had left, which ``narrator`` is told; raises BgasyncError."""
    ansible_playbook()
    with narrator.during("looking for the container engine"):
        engine = find(named=settings.engine, answer=settings.boot)
    try:
        for name in sweep(engine):
            narrator(f"removed what a dead run had left: {name}")
    except BaseException:
        engine.close()
        raise
    return engine


def payloads() -> Path:
    """Return the folder in which runs share what Ansible finds out about its modules; raises BgasyncError."""
    return cache_folder().absolute() / "payloads"


def prepare(starter: Starter, settings: Settings) -> None:
    """Let Ansible be imported as the first run will most likely want it, while hosts start; raises nothing."""
    with suppress(BgasyncError, OSError):  # the run tells
        cwd = project_folder(settings.playbooks, settings.root)
        starter.prepare(str(ansible_playbook()), environment(os.environ, cwd), cwd)


def with_inventory(spec: Spec, beside: Path, settings: Settings) -> Spec:
    """Return what is asked for, with the hosts of the author's inventory where that is named."""
    if spec.inventory is None:
        return spec
    path = find_inventory(spec.inventory, (beside, settings.root, settings.playbooks))
    # Read with the ansible.cfg that the playbooks have, as a run does.
    folders = [project_folder(folder, settings.root) for folder in (settings.playbooks, path.parent)]
    cwd = next((folder for folder in folders if (folder / "ansible.cfg").is_file()), settings.root)
    return replace(spec, inventory=str(path), hosts=hosts_of(path, os.environ, cwd))


def check_names(spec: Spec, plans: Sequence[Plan], settings: Settings) -> None:
    """Raise UsageProblem where one name would mean two containers."""
    where = {LOCALHOST: "localhost"} | {name.lower(): "a host of the test" for name in spec.hosts}
    others = [(name, f"a name of the service {plan.name!r}") for plan in plans for name in plan.names]
    if WEBHOOKS in spec.services:
        if not settings.webhook_hosts:
            raise UsageProblem("ini key bgasync_webhook_hosts is empty: list the names to which webhooks are sent")
        others += [(WEBHOOKS, "the receiver of webhooks")]
        others += [(name, "one of the ini key bgasync_webhook_hosts") for name in settings.webhook_hosts]
    for name, place in others:
        if (other := where.setdefault(name.lower(), place)) is not place or [n for n, _ in others].count(name) > 1:
            raise UsageProblem(f"the host name {name!r} is in two places: it is {other} and {place}; rename one")


def wanted_for(
    spec: Spec,
    image: Callable[..., str],
    services: Sequence[tuple[Plan, str]],
    folders: Sequence[Path],
    settings: Settings,
) -> Wanted:
    """Return what is to be up; ``image`` returns the name of an image of hosts, as ``Images.host_image`` does."""
    default = image(settings.image, folders=folders)
    own = default if spec.image is None else image(spec.image, folders=folders)
    return Wanted(
        hosts=[(name, own) for name in spec.hosts],
        localhost=default,
        services=services,
        helper=image(None) if spec.services else "",
        webhooks=settings.webhook_hosts if WEBHOOKS in spec.services else (),
        boot=settings.boot,
        late=spec.inventory is not None,
    )
