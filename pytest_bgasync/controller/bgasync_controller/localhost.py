"""Puts the implicit localhost into its container: no task runs on the controller's machine."""

from __future__ import annotations

from typing import Any

from ansible.inventory.data import InventoryData


def install(variables: dict[str, Any]) -> None:
    create = InventoryData._create_implicit_localhost

    def _create_implicit_localhost(self: Any, pattern: str) -> Any:
        host = create(self, pattern)
        move(host, variables)
        return host

    InventoryData._create_implicit_localhost = _create_implicit_localhost


def move(localhost: Any, variables: dict[str, Any]) -> None:
    """Give localhost the connection of its container; None, if there is no localhost yet, is fine."""
    # Needed beside install(): --limit localhost makes the host before any callback is loaded.
    if localhost is not None:
        for variable, value in variables.items():
            localhost.set_variable(variable, value)
