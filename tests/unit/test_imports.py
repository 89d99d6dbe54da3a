"""The direction of the imports: each module knows only what is below it."""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import pytest_bgasync

PACKAGE = Path(pytest_bgasync.__file__).parent
NAME = PACKAGE.name
#: Packages whose modules stand at one height: each imports what is below all of them, and the others.
PACKAGES = {"audit", "commands", "report", "rules", "sessions"}
MODULES = sorted({path.stem for path in PACKAGE.glob("*.py")} | PACKAGES)
MAY_IMPORT_PYTEST = {"plugin", "fixtures", "collect", "sessions"}


class Imports(ast.NodeVisitor):
    """Collects what a module imports when it runs, wherever in it; imports for types only do not count."""

    def __init__(self, path: Path) -> None:
        self.found: set[str] = set()
        self.visit(ast.parse(path.read_text(), str(path)))

    def visit_If(self, node: ast.If) -> None:
        test = node.test
        if "TYPE_CHECKING" in (getattr(test, "id", None), getattr(test, "attr", None)):
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found.update(alias.name for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, f"line {node.lineno}: imports are absolute here"
        assert node.module is not None
        self.found.update(f"{node.module}.{alias.name}" for alias in node.names)


def tops(path: Path) -> set[str]:
    """Return the top-level packages that a file imports."""
    return {name.partition(".")[0] for name in Imports(path).found}


def below(module: str) -> set[str]:
    """Return the modules of the package that one of them imports; ``__init__`` for the package's own names."""
    paths = files(module) if module in PACKAGES else [PACKAGE / f"{module}.py"]
    inner = [name.split(".")[1:] for path in paths for name in Imports(path).found if name.split(".")[0] == NAME]
    found = {parts[0] if parts and parts[0] in MODULES else "__init__" for parts in inner}
    return found - {module} if module in PACKAGES else found


def files(folder: str) -> list[Path]:
    return sorted((PACKAGE / folder).rglob("*.py"))


def test_only_the_plugin_and_what_it_is_made_of_know_pytest() -> None:
    """testinfra, which Host gives to tests, does not count: it is a library of its own."""
    paths = {path: path.stem for path in PACKAGE.glob("*.py")}
    paths |= {path: package for package in PACKAGES for path in files(package)}
    assert {name for path, name in paths.items() if {"pytest", "_pytest"} & tops(path)} <= MAY_IMPORT_PYTEST


def test_no_module_is_below_itself() -> None:
    try:
        order = list(TopologicalSorter({module: below(module) for module in MODULES}).static_order())
    except CycleError as error:
        pytest.fail(f"imports in a circle: {' -> '.join(error.args[1])}")
    assert sorted(order) == MODULES


def test_nothing_but_the_plugin_is_above_what_knows_pytest() -> None:
    above = {module for module in MODULES if below(module) & MAY_IMPORT_PYTEST}
    assert above <= {"plugin"}


def test_errors_and_clock_are_at_the_bottom() -> None:
    assert below("errors") == set()
    assert below("clock") == {"errors"}


@pytest.mark.parametrize("path", files("controller"), ids=lambda path: path.name)
def test_the_part_inside_ansible_playbook_knows_ansible_and_itself_only(path: Path) -> None:
    assert tops(path) <= sys.stdlib_module_names | {"ansible", "bgasync_controller"}


@pytest.mark.parametrize("path", files("guest"), ids=lambda path: path.name)
def test_the_part_on_the_hosts_knows_the_standard_library_only(path: Path) -> None:
    assert tops(path) <= sys.stdlib_module_names


def test_there_is_something_to_look_at() -> None:
    assert {"plugin", "errors", "clock", "jobs"} <= set(MODULES)
    assert len(files("controller")) >= 5
    assert len(files("guest")) >= 2
    assert "pytest" in tops(PACKAGE / "plugin.py")
    assert "jobs" in below("runs")
