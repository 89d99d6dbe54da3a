"""``bgasync run``: one playbook on fresh hosts, without a test."""

from __future__ import annotations

import os
import sys
import threading
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from pytest_bgasync.cli.commands.common import engine_option, image_option, narrator, note, project, say
from pytest_bgasync.config.marker import Spec, parse_marker
from pytest_bgasync.config.settings import KEEP, Settings
from pytest_bgasync.engine.image_transfer import Shelves
from pytest_bgasync.engine.images import Images
from pytest_bgasync.engine.ownership import make_folder, remove_folder
from pytest_bgasync.hosts.scenario import Scenario, Wanted
from pytest_bgasync.hosts.ssh import make_key
from pytest_bgasync.hosts.webhooks import Authority
from pytest_bgasync.jobs.findings import STRICT
from pytest_bgasync.reports.failure_sections import shortages
from pytest_bgasync.reports.terminal_summary import ANSI, counted, job_line, remarked, table
from pytest_bgasync.runs.accounting import Account, settle, waiting_for
from pytest_bgasync.runs.fork_client import Starter
from pytest_bgasync.runs.lab import Lab, Places, RunOptions
from pytest_bgasync.runs.process import StoppedRun
from pytest_bgasync.runs.running_playbook import Running
from pytest_bgasync.runs.setup import check_names, open_engine, payloads, wanted_for, with_inventory
from pytest_bgasync.util.clock import Clock
from pytest_bgasync.util.errors import UsageProblem
from pytest_bgasync.util.names import WEBHOOKS
from pytest_bgasync.util.playbook_files import check_playbook, find_playbook
from pytest_bgasync.util.progress import Narrator
from pytest_bgasync.util.text import number_of, printable

NAME = "run"
HELP = "run one playbook on fresh hosts, and tell what became of its background jobs"
#: Real seconds between two looks at what ansible-playbook has written.
OFTEN = 0.1
#: How many webhooks are listed.
REQUESTS = 20


def options(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = (
        "Exit status: that of ansible-playbook; 1 if that is 0 and its background jobs are not accounted for, or if it"
        " could not be run; 2 for what cannot be meant (Ansible's own 2 says that a host failed)."
    )
    parser.add_argument("playbook", metavar="PLAYBOOK", help="looked for here, then where tests look for it")
    hosts = parser.add_argument_group("hosts")
    hosts.add_argument(
        "--hosts", metavar="HOSTS", action="append", default=[],
        help="a number, names (web1,web2), or a group with names (web=web1,web2; may be repeated) (default: 1)",
    )  # fmt: skip
    hosts.add_argument("--inventory", "-i", metavar="PATH", help="an inventory of yours whose hosts they are")
    image_option(hosts)  # type: ignore[arg-type]  # a group adds options as a parser does
    hosts.add_argument(
        "--service", metavar="NAME", action="append", default=[], choices=[WEBHOOKS],
        help="a helper beside them: webhooks, which receives what is sent to the names in bgasync_webhook_hosts",
    )  # fmt: skip
    engine_option(hosts)  # type: ignore[arg-type]
    hosts.add_argument(
        "--keep", "--bgasync-keep", choices=KEEP, default=KEEP[0],
        help="let the hosts stay: never, when the exit status is not 0, or always (default: never)",
    )  # fmt: skip
    ansible = parser.add_argument_group("as ansible-playbook has them")
    ansible.add_argument("--extra-vars", "-e", metavar="VARS", action="append", default=[])
    ansible.add_argument("--limit", "-l", metavar="PATTERN")
    ansible.add_argument("--tags", "-t", metavar="TAGS")
    ansible.add_argument("--skip-tags", metavar="TAGS")
    ansible.add_argument("--check", "-C", action="store_true")
    ansible.add_argument("--verbose", "-v", action="count", default=0)
    how = parser.add_argument_group("how it is run")
    how.add_argument(
        "--time-scale", "--bgasync-time-scale", metavar="F", help="real seconds for one playbook second, at most 1"
    )
    how.add_argument("--deadline", metavar="SECONDS", type=_seconds, help="real seconds after which it is stopped")
    how.add_argument(
        "--no-strict", "--bgasync-no-strict", action="store_true",
        help="let what it does with background jobs not change the exit status",
    )  # fmt: skip


def work(chosen: Namespace) -> int:
    """Run it."""
    settings = project().settings(
        image=chosen.image,
        time_scale=chosen.time_scale,
        deadline=chosen.deadline,
        engines=chosen.engines,
        strict="false" if chosen.no_strict else None,
    )
    here = Path.cwd()
    places = Places(here, settings.playbooks, settings.root)
    check_playbook(find_playbook(chosen.playbook, places.folders))
    spec = with_inventory(_spec(chosen), here, settings)
    check_names(spec, [], settings)
    tell, clock = narrator(), Clock(settings.time_scale)
    with ExitStack() as stack:
        scenario = stack.enter_context(_scenario(spec, settings, (here, settings.root), tell))
        # Ansible says itself how far it has come, and one run is not worth a server to fork it from.
        starter = stack.enter_context(closing(Starter(note, forks=False)))
        lab = Lab(scenario, spec, places, clock, settings.deadline, starter, Narrator(), payloads=payloads())
        scenario.open(clock, lambda: lab.jobs, f"bgasync run {chosen.playbook}")
        running = lab.start(chosen.playbook, **_run_options(chosen))
        problem = _watched(running)
        rc = lab.runs[-1].rc
        with tell.during(lambda: waiting_for(lab.jobs)):
            account = settle(lab.runs, clock, [], STRICT if settings.strict else (), patient=problem is None)
            short = shortages([*lab.machines.values(), *lab.services.values()]) if rc or problem else []
            lab.close()
        _tell(lab, account)
        if problem is not None:
            note(str(problem))
        for _, text in short:
            note(text)
        status = rc if rc > 0 else int(rc < 0 or problem is not None or bool(account.faults))
        if chosen.keep == "always" or (chosen.keep == "failed" and status):
            for line in lab.keep():
                say(line)
    return status


def _spec(chosen: Namespace) -> Spec:
    """Return what the options ask for; raises UsageProblem."""
    asked: dict[str, Any] = {"services": tuple(dict.fromkeys(chosen.service))}
    if chosen.inventory is not None and chosen.hosts:
        raise UsageProblem("--hosts and --inventory exclude each other: the hosts of an inventory are its own")
    if chosen.inventory is not None:
        asked["inventory"] = chosen.inventory
    elif chosen.hosts:
        asked["hosts"] = parse_hosts(chosen.hosts)
    return parse_marker((), asked, who="the command line")


def parse_hosts(words: Sequence[str]) -> int | list[str] | dict[str, list[str]]:
    """Return what --hosts asks for, as the marker's hosts has it; raises UsageProblem."""
    if len(words) == 1 and words[0].isascii() and words[0].isdecimal():
        return int(words[0])
    groups = [word for word in words if "=" in word]
    if groups and len(groups) < len(words):
        raise UsageProblem("--hosts is a number, names, or groups with their names: not names beside groups")
    if not groups:
        return [name for word in words for name in word.split(",")]
    found: dict[str, list[str]] = {}
    for word in groups:
        group, _, names = word.partition("=")
        found.setdefault(group, []).extend(names.split(","))
    return found


@contextmanager
def _scenario(spec: Spec, settings: Settings, folders: Sequence[Path], tell: Narrator) -> Iterator[Scenario]:
    """Give the hosts, up; they go with the block unless they are kept."""
    with ExitStack() as stack:
        engine = stack.enter_context(closing(open_engine(settings, tell)))
        keys = make_folder()
        stack.callback(remove_folder, keys)
        key = make_key(keys)
        shelves = stack.enter_context(closing(Shelves(*settings.other_engines, answer=settings.boot)))
        images = Images(engine, tell, shelves)
        with tell.during("getting the images"):
            wanted: Wanted = wanted_for(spec, images.host_image, [], folders, settings)
        scenario = Scenario(engine, key, settings.limits, Authority(), wanted)
        stack.enter_context(closing(scenario))
        with tell.during(wanted.starting):
            scenario.up()
        yield scenario


def _run_options(chosen: Namespace) -> RunOptions:
    args = [word for given in chosen.extra_vars for word in ("--extra-vars", given)]
    if chosen.verbose:
        args.append("-" + "v" * chosen.verbose)
    return {
        "limit": chosen.limit,
        "tags": chosen.tags,
        "skip_tags": chosen.skip_tags,
        "check": chosen.check,
        "args": args,
        "env": _colour(),
    }


def _colour() -> Mapping[str, str]:
    plain = os.environ.keys() & {"NO_COLOR", "ANSIBLE_NOCOLOR", "ANSIBLE_FORCE_COLOR"}
    return {"ANSIBLE_FORCE_COLOR": "true"} if sys.stdout.isatty() and not plain else {}


def _watched(running: Running) -> StoppedRun | None:
    """Show what Ansible writes until it has ended; return what stopped it, None if it came to its own end."""
    over = threading.Event()
    showing = threading.Thread(target=_show, args=[running.outputs, over], daemon=True)
    showing.start()
    try:
        running.wait()
    except StoppedRun as stopped:
        return stopped
    finally:
        over.set()
        showing.join()
    return None


def _show(files: tuple[Path, Path], over: threading.Event) -> None:
    """Copy what is written to two files to standard output and error, until it is over."""
    with files[0].open("rb") as out, files[1].open("rb") as err:
        last = False
        while not last:
            last = over.wait(OFTEN)
            for source, target in ((out, sys.stdout.buffer), (err, sys.stderr.buffer)):
                try:
                    target.write(source.read())
                    target.flush()
                except OSError:  # nobody reads any more: who asked for the run will see that
                    return


def _tell(lab: Lab, account: Account) -> None:
    """Say what became of the jobs, and what is wrong with that."""
    colours = ANSI if sys.stdout.isatty() and "NO_COLOR" not in os.environ else {}
    lines = [job_line(job, lab.time_scale) for job in lab.jobs]
    for line, row in zip(lines, table(lines), strict=True):
        begin, end = colours.get(line["outcome"], ("", ""))
        outcome = len(line["outcome"])
        say(f"{begin}{row[:outcome]}{end}{row[outcome:]}")
    say(counted(lines, len(account.remarks), shown=len(account.remarks)))
    if WEBHOOKS in lab.services:
        requests = lab.webhooks.requests
        say(number_of(len(requests), "webhook"))
        for request in requests[-REQUESTS:]:
            say(printable(f"  {request}"))
    for text in [*account.faults, *remarked(account.remarks, cures=True)]:
        say(text)


def _seconds(text: str) -> str:
    """Return what the ini key bgasync_deadline may be; as argparse wants it."""
    try:
        if 0 < float(text) < float("inf"):
            return text
    except ValueError:
        pass
    raise ArgumentTypeError(f"{text!r} is no number of real seconds above 0")
