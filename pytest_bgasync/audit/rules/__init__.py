"""What can be read off a playbook: each module is one entry of the catalogue, and its number is that of its id."""

from __future__ import annotations

from pytest_bgasync.audit.model import Rule
from pytest_bgasync.audit.rules import (
    asked_as_another_user,
    delegated,
    ends_with_session,
    finished_is_no_bool,
    gives_up,
    hidden_launch_only,
    import_drops_it,
    launched_once,
    limit_below_wait,
    never_reached,
    no_async_here,
    no_rc,
    nobody_asks,
    other_folder,
    poll_above_limit,
    poll_without_limit,
    polled_already,
    skipped_launch,
    timeout_by_its_text,
)

#: In the order of their ids.
RULES: tuple[Rule, ...] = (
    asked_as_another_user,
    polled_already,
    launched_once,
    delegated,
    other_folder,
    skipped_launch,
    gives_up,
    poll_above_limit,
    poll_without_limit,
    nobody_asks,
    no_rc,
    never_reached,
    finished_is_no_bool,
    hidden_launch_only,
    ends_with_session,
    no_async_here,
    import_drops_it,
    limit_below_wait,
    timeout_by_its_text,
)

#: Rules that find nothing in a task that has no job, asks for none and names no result of one; others see all tasks.
ABOUT_JOBS = frozenset({
    "BGA001", "BGA004", "BGA005", "BGA006", "BGA007", "BGA008", "BGA009", "BGA011", "BGA012", "BGA015", "BGA016",
    "BGA017", "BGA020", "BGA022", "BGA037", "BGA040",
})  # fmt: skip
