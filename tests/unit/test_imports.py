"""The direction of imports: rooms stand on floors, and no import leads back up."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import pytest_bgasync

PACKAGE = Path(pytest_bgasync.__file__).parent
NAME = PACKAGE.name
#: The rooms of each floor, from the ground up: a room may import the rooms below its floor, and its own modules.
FLOORS = [
    {"remote", "util"},
    {"audit", "engine", "jobs"},
    {"config"},
    {"hosts"},
    {"runs"},
    {"reports"},
    {"plugin"},
    {"cli"},
]
ROOMS = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
#: What runs elsewhere, and so has rules of its own.
ELSEWHERE = PACKAGE / "remote"


class Imports(ast.NodeVisitor):
    """Collects what a module imports when it runs; imports for types only do not count."""

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


def dotted(path: Path) -> str:
    """Return the name of a module or package, as it is imported."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    dotted(path): path
    for path in PACKAGE.rglob("*.py")
    if ELSEWHERE not in path.parents[:-1] or path.parent == ELSEWHERE
}


def imported(module: str) -> Iterator[str]:
    """Yield the modules of the package that one of them imports."""
    for name in Imports(MODULES[module]).found:
        while name not in MODULES and "." in name:
            name = name.rpartition(".")[0]
        if name in MODULES and name != module:
            yield name


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def tops(path: Path) -> set[str]:
    """Return the top-level packages that a file imports."""
    return {name.partition(".")[0] for name in Imports(path).found}


def loaded_by(module: str) -> set[str]:
    """Return the modules that are there once a new process has imported one."""
    script = f"import sys; before = set(sys.modules); import {module}; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_every_room_has_a_floor() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == ROOMS.keys()
    assert sorted(path.name for path in PACKAGE.iterdir() if path.is_file()) == ["__init__.py", "py.typed"]


def test_no_import_leads_up_a_floor() -> None:
    above = [
        f"{module} imports {other}"
        for module in MODULES
        for other in imported(module)
        if room(module) and room(other) != room(module) and ROOMS.get(room(other), 99) >= ROOMS[room(module)]
    ]
    assert above == []


def test_no_module_imports_itself_through_others() -> None:
    try:
        order = list(TopologicalSorter({module: set(imported(module)) for module in MODULES}).static_order())
    except CycleError as error:
        pytest.fail(f"imports in a circle: {' -> '.join(error.args[1])}")
    assert sorted(order) == sorted(MODULES)


def test_only_the_plugin_knows_pytest() -> None:
    """testinfra, which Host gives to tests, does not count: it is a library of its own."""
    knowing = {room(module) for module, path in MODULES.items() if {"pytest", "_pytest"} & tops(path)}
    assert knowing == {"plugin"}


@pytest.mark.parametrize("module", ["audit", "audit.rules", "reports.html.page", "jobs.verdict", "config.marker"])
def test_pure_parts_load_no_engine_and_no_pytest(module: str) -> None:
    loaded = {name.partition(".")[0] for name in loaded_by(f"{NAME}.{module}")}
    assert not loaded & {"docker", "pytest", "_pytest", "testinfra", "requests"}


@pytest.mark.parametrize("path", sorted((ELSEWHERE / "controller").rglob("*.py")), ids=lambda path: path.name)
def test_the_controller_part_knows_only_ansible(path: Path) -> None:
    assert tops(path) <= sys.stdlib_module_names | {"ansible", "bgasync_controller"}


@pytest.mark.parametrize("path", sorted((ELSEWHERE / "host").rglob("*.py")), ids=lambda path: path.name)
def test_the_host_part_knows_only_python(path: Path) -> None:
    assert tops(path) <= sys.stdlib_module_names


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 100
    assert "pytest_bgasync.jobs.verdict" in set(imported("pytest_bgasync.runs.run"))
    assert "pytest" in tops(PACKAGE / "plugin/hooks.py")
    assert len(list((ELSEWHERE / "controller").rglob("*.py"))) >= 5
    assert len(list((ELSEWHERE / "host").rglob("*.py"))) >= 2
