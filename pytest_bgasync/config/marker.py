"""What a test asks for with its marker, checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from pytest_bgasync.jobs.findings import STRICT
from pytest_bgasync.util.clock import checked_scale
from pytest_bgasync.util.errors import UsageProblem
from pytest_bgasync.util.names import MOST, host_name

ARGUMENTS = ("hosts", "image", "inventory", "services", "time_scale", "strict", "allow")
#: A name that Ansible takes, if with a warning, and that a play can say: these letters mean something in ``hosts``.
_GROUP = re.compile(r"[^\s,:\[\]{}*?!&~][^\s,:\[\]{}*?]*")


@dataclass(frozen=True)
class Spec:
    """A scenario: its hosts in order, its groups, and what replaces the configured defaults."""

    hosts: tuple[str, ...] = ("host1",)
    groups: Mapping[str, tuple[str, ...]] | None = None
    image: str | None = None
    time_scale: float | None = None
    strict: bool | None = None
    allow: frozenset[str] = frozenset()
    """Kinds of findings that do not fail the test."""
    services: tuple[str, ...] = ()
    inventory: str | None = None
    """The author's own inventory, whose hosts take the place of ``hosts``."""


def parse_marker(args: tuple[Any, ...], kwargs: Mapping[str, Any], *, who: str = "the bgasync marker") -> Spec:
    """Return what ``@pytest.mark.bgasync(...)``, or ``who`` else, asks for; raises UsageProblem."""
    if len(args) > 1:
        raise UsageProblem("the bgasync marker takes one positional argument, hosts; give the others by name")
    if args and "hosts" in kwargs:
        raise UsageProblem("the bgasync marker got hosts twice, by position and by name: give it once")
    for name in kwargs:
        if name not in ARGUMENTS:
            raise UsageProblem(f"the bgasync marker has no argument {name!r}; it takes: {', '.join(ARGUMENTS)}")
    inventory = kwargs.get("inventory")
    if inventory is not None:
        if not isinstance(inventory, str | PurePath) or not str(inventory).strip():
            raise UsageProblem(f"the bgasync marker's inventory is the path of an inventory, not {inventory!r}")
        if args or "hosts" in kwargs:
            raise UsageProblem("the bgasync marker has both hosts and inventory: the hosts of an inventory are its own")
        inventory = str(inventory)
    hosts, groups = _hosts(args[0] if args else kwargs.get("hosts", 1), who)
    image, scale = kwargs.get("image"), kwargs.get("time_scale")
    if image is not None and (not isinstance(image, str) or not image.strip()):
        raise UsageProblem(f"the bgasync marker's image is the name of an image or a folder, not {image!r}")
    if scale is not None:
        scale = checked_scale(scale, where="the bgasync marker's time_scale")
    strict = kwargs.get("strict")
    if strict is not None and not isinstance(strict, bool):
        raise UsageProblem(f"the bgasync marker's strict is True or False, not {strict!r}")
    services = _services(kwargs.get("services", ()))
    return Spec(hosts, groups, image, scale, strict, _allowed(kwargs.get("allow", ())), services, inventory)


def _services(wanted: Any) -> tuple[str, ...]:
    if isinstance(wanted, str) or not isinstance(wanted, Collection):
        raise UsageProblem(f"the bgasync marker's services is a list of names, such as ['webhooks'], not {wanted!r}")
    names = list(wanted)
    for name in names:
        if not isinstance(name, str) or not name:
            raise UsageProblem(f"the bgasync marker's services: {name!r} is no name of a service")
        if names.count(name) > 1:
            raise UsageProblem(f"the bgasync marker's services has {name!r} twice: each service runs once")
    return tuple(names)


def _allowed(kinds: Any) -> frozenset[str]:
    if isinstance(kinds, str) or not isinstance(kinds, Collection):
        raise UsageProblem(f"the bgasync marker's allow is a list of kinds, such as ('survivors',), not {kinds!r}")
    allowed = list(kinds)
    for kind in allowed:
        if kind not in STRICT:
            raise UsageProblem(f"the bgasync marker's allow: there is no kind {kind!r}; those are: {', '.join(STRICT)}")
    return frozenset(allowed)


def _hosts(wanted: Any, who: str) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]] | None]:
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        if wanted < 1:
            raise UsageProblem(f"{who} asks for {wanted} hosts: a scenario has at least one")
        if wanted > MOST:
            raise UsageProblem(f"{who} asks for {wanted} hosts: a scenario has at most {MOST}")
        return tuple(f"host{n}" for n in range(1, wanted + 1)), None
    if isinstance(wanted, Mapping):
        groups = {_group(group, who): _names(names, f"group {group!r}", who) for group, names in wanted.items()}
        hosts = tuple(dict.fromkeys(name for names in groups.values() for name in names))
        if len({name.lower() for name in hosts}) < len(hosts):
            raise UsageProblem(f"{who}'s groups write one host in two ways: {', '.join(hosts)}")
        for clash in {name.lower() for name in hosts} & {name.lower() for name in groups}:
            raise UsageProblem(f"{who} has a host and a group of the same name {clash!r}: rename one")
        if not hosts:
            raise UsageProblem("the bgasync marker asks for no hosts: a scenario has at least one")
        return hosts, groups
    if isinstance(wanted, Collection) and not isinstance(wanted, str | bytes):
        return _names(wanted, "hosts", who), None
    raise UsageProblem(
        f"{who}'s hosts is a count, a list of names, or a mapping from groups to lists of names, not {wanted!r}"
    )


def _names(wanted: Any, where: str, who: str) -> tuple[str, ...]:
    if isinstance(wanted, str) or not isinstance(wanted, Collection):
        raise UsageProblem(f"{who}'s {where} is a list of host names, not {wanted!r}")
    names = list(wanted)
    if not names:
        raise UsageProblem(f"{who}'s {where} is empty: a scenario has at least one host")
    seen: set[str] = set()
    for name in names:
        host_name(name, f"{who}'s {where}")
        if name.lower() in seen:
            raise UsageProblem(f"{who}'s {where} names {name!r} twice: each host has its own name")
        seen.add(name.lower())
    return tuple(names)


def _group(name: Any, who: str) -> str:
    if not isinstance(name, str) or not _GROUP.fullmatch(name) or name in ("all", "ungrouped", "localhost"):
        raise UsageProblem(
            f"{who}'s hosts: {name!r} is no name for a group: no play could name it"
            " (it is text without spaces and , : [ ] { } * ?, begins with none of ! & ~,"
            " and is not all, ungrouped or localhost)"
        )
    return name
