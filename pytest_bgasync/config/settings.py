"""The settings of a session, read once from options and ini keys and checked."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from docker.utils import parse_bytes

from pytest_bgasync.util.clock import checked_scale
from pytest_bgasync.util.errors import UsageProblem
from pytest_bgasync.util.names import host_name

#: What pytest's own ini keys take for true and false.
_BOOLEANS = {**dict.fromkeys(("true", "yes", "on", "1"), True), **dict.fromkeys(("false", "no", "off", "0"), False)}
#: How an engine can be reached.
SCHEMES = ("unix", "tcp", "http", "https", "ssh")
#: Whose hosts can stay: those of no test, of failed ones, of all.
KEEP = ("never", "failed", "always")
#: The options that name a file.
FILES = ("--bgasync-cov-json", "--bgasync-ledger", "--bgasync-report", "--bgasync-baseline")
LEAST_MEMORY = 64 * 1024 * 1024


@dataclass(frozen=True)
class IniKey:
    """What the help says of an ini key, and its value where nobody sets it: a list where it takes several words."""

    help: str
    default: str | list[str] = ""

    @property
    def type(self) -> Literal["string", "args"]:
        """What it takes, as pytest calls that."""
        return "args" if isinstance(self.default, list) else "string"


#: Those of pytest and of the command.
INI_KEYS: Mapping[str, IniKey] = {
    "bgasync_strict": IniKey("whether what runs do with background jobs fails a test", "true"),
    "bgasync_image": IniKey("image of the hosts: a name, or a folder with a Dockerfile"),
    "bgasync_time_scale": IniKey("real seconds for one playbook second", "1"),
    "bgasync_playbooks": IniKey("folder where playbooks are looked for first", "playbooks"),
    "bgasync_webhook_hosts": IniKey("host names for which webhooks are received", ["hooks.example.com"]),
    "bgasync_deadline": IniKey("real seconds after which a run is stopped", "600"),
    "bgasync_baseline_durations": IniKey("how many times longer than in the baseline jobs and runs may take"),
    "bgasync_boot": IniKey("real seconds in which a host that was started answers", "60"),
    "bgasync_memory": IniKey("memory that one host may use", "1g"),
    "bgasync_audit_ignore": IniKey("rules that --bgasync-audit leaves out: BGA015, or BGA016:roles/legacy/*", []),
    "bgasync_pids": IniKey("number of processes that one host may have", "1024"),
}


@dataclass(frozen=True)
class Limits:
    """What one container may use: ``memory`` as the engine writes it ("1g"), and a number of processes."""

    memory: str = "1g"
    pids: int = 1024


@dataclass(frozen=True)
class Settings:
    """What holds for all tests unless their marker says otherwise.

    ``deadline`` of a run and ``boot``, in which a host must answer, are in real seconds;
    ``playbooks`` is the folder where playbooks are looked for first.
    """

    root: Path
    playbooks: Path
    image: str | None
    time_scale: float
    deadline: float
    boot: float
    limits: Limits
    strict: bool
    webhook_hosts: tuple[str, ...] = ()
    """The host names for which webhooks are received."""
    engine: str | None = None
    """The address or docker context of the engine to use; None to look for one."""
    other_engines: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """Those of other workers: the ones that were named before it, and after it."""
    ahead: bool = True
    """Whether the hosts of the next test start while one runs."""
    fork: bool = True
    """Whether runs are forked from a process that has imported Ansible."""
    keep: str = KEEP[0]
    """Whose hosts stay: one of KEEP."""
    cover: bool = False
    """Whether to tell which tasks have run."""
    cover_json: Path | None = None
    cover_least: float | None = None
    """How many of a hundred tasks must have run."""
    audit: bool = False
    """Whether playbooks are read and told what is wrong with them."""
    audit_ignore: tuple[str, ...] = ()
    """The rules that are left out of that, as the ini key has them."""
    ledger: Path | None = None
    """Where to write what the runs of tests did."""
    report: Path | None = None
    """Where to write a page that shows it."""
    baseline: Path | None = None
    """The file that says what they do."""
    update_baseline: bool = False
    """Whether to write that file, instead of comparing with it."""
    baseline_durations: float | None = None
    """How many times longer or shorter than in the baseline something may take; None where that is not looked at."""

    @property
    def asks_what_ran(self) -> bool:
        """Whether anybody asks which tasks have run."""
        return self.cover or self.baseline is not None

    @property
    def keeps_records(self) -> bool:
        """Whether anybody asks what the runs of tests did."""
        return any(path is not None for path in (self.ledger, self.report, self.baseline))


def parse_settings(
    *,
    root: Path,
    playbooks: str,
    image: str | None,
    time_scale: str,
    deadline: str,
    boot: str,
    memory: str,
    pids: str,
    strict: str,
    webhook_hosts: Sequence[str] = (),
    engines: Sequence[str] = (),
    worker: int = 0,
    ahead: bool = True,
    fork: bool = True,
    keep: str = KEEP[0],
    cover: bool = False,
    cover_json: str | None = None,
    cover_least: str | None = None,
    audit: bool = False,
    audit_ignore: Sequence[str] = (),
    ledger: str | None = None,
    report: str | None = None,
    baseline: str | None = None,
    update_baseline: bool = False,
    baseline_durations: str = "",
) -> Settings:
    """Return the settings; raises UsageProblem.

    ``worker`` is the number of this worker of xdist, 0 without xdist.
    """
    if not re.fullmatch(r"\d+[kmg]", memory, re.IGNORECASE | re.ASCII) or parse_bytes(memory) < LEAST_MEMORY:
        raise UsageProblem(
            f"ini key bgasync_memory: {memory!r} is no amount of memory from 64m on: write for example 512m or 1g"
        )
    if not re.fullmatch(r"\d+", pids, re.ASCII) or int(pids) < 16:
        raise UsageProblem(f"ini key bgasync_pids: {pids!r} is no number of processes from 16 on")
    if strict.lower() not in _BOOLEANS:
        raise UsageProblem(f"ini key bgasync_strict: {strict!r} is neither true nor false")
    if update_baseline and not baseline:
        raise UsageProblem("--bgasync-update-baseline: name the file to write with --bgasync-baseline FILE")
    for engine in engines:
        scheme, separator, rest = engine.partition("://")
        if separator and scheme == "ssh" and ":" in rest.rpartition("@")[0]:
            raise UsageProblem("--bgasync-engine: ssh takes no password there, leave it out and let it use a key")
        context = not separator and re.fullmatch(r"[\w.+-]+", engine, re.ASCII)
        if not context and not (separator and scheme in SCHEMES and rest and _has_a_possible_port(engine)):
            raise UsageProblem(
                f"--bgasync-engine: {engine!r} is no address of an engine: write for example"
                " unix:///var/run/docker.sock, tcp://farm1:2376, ssh://me@farm1 or the name of a docker context"
            )
    distinct = list(dict.fromkeys(engines))
    own = engines[worker % len(engines)] if engines else None
    place = distinct.index(own) if own else 0
    files = {
        option: _file(option, value, written=option != "--bgasync-baseline" or update_baseline)
        for option, value in zip(FILES, (cover_json, ledger, report, baseline), strict=True)
    }
    _see_that_they_differ(files)
    return Settings(
        root=root,
        playbooks=root / playbooks,
        image=image or None,
        time_scale=checked_scale(time_scale, where="--bgasync-time-scale or the ini key bgasync_time_scale"),
        deadline=_seconds("bgasync_deadline", deadline),
        boot=_seconds("bgasync_boot", boot),
        limits=Limits(memory, int(pids)),
        strict=_BOOLEANS[strict.lower()],
        webhook_hosts=_names("bgasync_webhook_hosts", webhook_hosts),
        engine=own,
        other_engines=(tuple(distinct[:place]), tuple(distinct[place + 1 :])),
        ahead=ahead,
        fork=fork,
        keep=keep,
        cover=cover or cover_json is not None or cover_least is not None,
        cover_json=files["--bgasync-cov-json"],
        cover_least=_percent(cover_least) if cover_least is not None else None,
        audit=audit,
        audit_ignore=tuple(audit_ignore),
        ledger=files["--bgasync-ledger"],
        report=files["--bgasync-report"],
        baseline=files["--bgasync-baseline"],
        update_baseline=update_baseline,
        baseline_durations=_ratio(baseline_durations) if baseline_durations else None,
    )


def _names(key: str, values: Sequence[str]) -> tuple[str, ...]:
    names = [host_name(name, f"ini key {key}") for value in values for name in value.replace(",", " ").split()]
    if len({name.lower() for name in names}) < len(names):
        raise UsageProblem(f"ini key {key} has a name twice: {', '.join(names)}")
    return tuple(names)


def _has_a_possible_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _file(option: str, value: str | None, *, written: bool = True) -> Path | None:
    """Return the file that an option names, which can be there, or be written if it is to be; None without one."""
    if not value:
        return None
    path = Path(value).absolute()
    if not path.parent.is_dir():
        raise UsageProblem(f"{option}: there is no folder {path.parent}")
    if path.is_dir():
        raise UsageProblem(f"{option}: {path} is a folder, name a file")
    if written and not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageProblem(f"{option}: {path} cannot be written: name a file that you may write")
    return path


def see_that_none_leads_away(words: Sequence[str], here: Path) -> None:
    """Raise UsageProblem if a file outside of ``here`` is an argument of its own, for a session without an ini file.

    pytest does not know yet that it belongs to an option of ours when it looks for its rootdir, and takes it for tests.
    """
    for option, value in pairwise(words):
        if option in FILES and (path := here / value).exists() and not path.resolve().is_relative_to(here.resolve()):
            raise UsageProblem(f"{option}: write {option}={value}, or pytest looks for its ini file above {path}, too")


def _see_that_they_differ(files: Mapping[str, Path | None]) -> None:
    """Raise UsageProblem if two options name the same file: what is written last would replace the other."""
    options: dict[Path, str] = {}
    for option, path in files.items():
        if path and (other := options.setdefault(path.resolve(), option)) != option:
            raise UsageProblem(f"{other} and {option} name the same file, {path}: give each its own")


def _ratio(value: str) -> float:
    try:
        ratio = float(value)
    except ValueError:
        ratio = 0
    if not 1 <= ratio < math.inf:
        raise UsageProblem(
            f"ini key bgasync_baseline_durations: {value!r} is no number from 1 on (1.5 lets a job take half as long"
            " again as in the baseline)"
        )
    return ratio


def _percent(value: str) -> float:
    try:
        percent = float(value)
    except ValueError:
        percent = -1
    if not 0 <= percent <= 100:
        raise UsageProblem(f"--bgasync-cov-fail-under: {value!r} is no number from 0 to 100")
    return percent


def _seconds(key: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0
    if not 0 < seconds < math.inf:
        raise UsageProblem(f"ini key {key}: {value!r} is no number of real seconds above 0")
    return seconds
