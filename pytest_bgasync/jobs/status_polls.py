"""What each ``async_status`` task asked and what became of the answer: a pure fold over the events of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pytest_bgasync.jobs.events import Event
from pytest_bgasync.util.text import text

ACTIONS = ("async_status", "ansible.builtin.async_status", "ansible.legacy.async_status")


@dataclass(frozen=True)
class Status:
    """A status task that has ended on one host, for one item where it has a loop.

    ``jid`` is None where it asked for no job. ``finished`` says for each time it asked what it was
    told, ``found`` whether it found the job the last time. ``fine`` says that the play takes it for a
    success or passes over its failure, ``hidden`` that its answer is not shown because of no_log.
    """

    task: str
    host: str
    label: str | None
    jid: str | None
    finished: tuple[bool, ...]
    found: bool
    status: str
    fine: bool
    hidden: bool
    msg: str

    @property
    def told(self) -> bool:
        """False where no_log hides which job was asked for, or that none was."""
        return self.jid is not None or not self.hidden


def fold(events: Iterable[Event]) -> list[Status]:
    """Return the status tasks in the order in which they ended."""
    statuses: list[Status] = []
    asking: set[str] = set()
    erased: set[tuple[str, str]] = set()
    itemized: set[tuple[str, str]] = set()
    polls: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        kind = event["event"]
        if kind == "task_started":
            if event["action"] in ACTIONS and not event["cleanup"]:
                asking.add(event["task_id"])
        elif kind in ("job_polled", "job_erased", "item_result", "task_result"):
            where = (event["task_id"], event["host"])
            if kind == "job_polled":
                polls.setdefault(where, []).append(event)
            elif kind == "job_erased":
                erased.add(where)
            elif kind == "item_result":
                itemized.add(where)
            leaf = kind == "item_result" or (kind == "task_result" and where not in itemized and not event["loop"])
            if leaf and event["task_id"] in asking and where not in erased and event["status"] != "skipped":
                statuses.append(_status(event, polls.get(where, [])))
            if kind == "task_result":  # a handler may come here again
                for places in (erased, itemized):
                    places.discard(where)
                polls.pop(where, None)
    return statuses


def _status(event: Event, polls: list[Event]) -> Status:
    """Take the polls that belong to a result, by the job it names, or all where it names none."""
    data = event["data"]
    jid = data.get("ansible_job_id") or None
    own = [poll for poll in polls if jid is None or poll["jid"] == str(jid)]
    for poll in own:
        polls.remove(poll)
    # Of a loop that no_log hides all polls come with the first item: one that was not found speaks for it.
    last_of_each = {poll["jid"]: poll for poll in own}.values()
    last = next((poll for poll in last_of_each if not poll["found"]), own[-1] if own else None)
    return Status(
        task=event["task"],
        host=event["host"],
        label=event.get("label"),
        jid=last["jid"] if last else None,
        finished=tuple(poll["finished"] and poll["found"] for poll in own),
        found=last is not None and last["found"],
        status=event["status"],
        fine=event["status"] in ("ok", "changed") or event["ignored"],
        hidden=event["hidden"],
        msg=text(data.get("msg")),
    )
