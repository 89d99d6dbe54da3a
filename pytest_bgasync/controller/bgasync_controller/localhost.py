"""Puts the implicit localhost into its container: no task runs on the controller's machine."""

from __future__ import annotations

from typing import Any

from ansible.inventory.data import InventoryData


def install(variables: dict[str, Any]) -> None:
    create = InventoryData._create_implicit_localhost

    def _create_implicit_localhost(self: Any, pattern: str) -> Any:
        host = create(self, pattern)
        for variable, value in variables.items():
            host.set_variable(variable, value)
        return host

    InventoryData._create_implicit_localhost = _create_implicit_localhost
