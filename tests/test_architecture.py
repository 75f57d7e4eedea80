"""Imports go only down the list of rooms; only the command line prints; nobody asks what kind of model it holds."""

import ast
from pathlib import Path

import pytest

import bywords
from bywords.models.base import MODELS

PACKAGE = Path(bywords.__file__).parent
# A room may import those above it in this list, and none below. A folder is one room.
ROOMS = [
    *("terminal", "version", "display", "errors", "memory", "validation", "annotations", "config", "locks", "files"),
    *("checkpoint", "extras", "forks", "records", "kernels", "text", "data", "cluster", "io", "vectors", "evaluation"),
    *("models", "system_config", "fitted", "explain", "training", "pytorch", "artifact", "systems", "classifier"),
    *("document_vectors", "experiments", "auditing", "report", "exporting", "serving", "labelling", "cli"),
]
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or not path.name.startswith("__"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    """Rooms that a file imports anywhere, within functions too."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("bywords."))
        elif isinstance(node, ast.ImportFrom) and node.module == "bywords":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bywords."):
            yield node.module.split(".")[1]


def calls(path, name):
    return [
        node
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def test_every_module_is_in_a_room_of_the_list():
    assert {room_of(path) for path in SOURCES} == set(ROOMS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_go_down(path):
    room = room_of(path)
    assert set(imported_rooms(path)) <= set(ROOMS[: ROOMS.index(room) + 1])


def test_only_the_command_line_prints():
    assert [path for path in SOURCES if room_of(path) != "cli" and calls(path, "print")] == []


def test_nobody_outside_the_models_asks_what_kind_of_model_it_holds():
    kinds = {base.__name__ for model in MODELS.values() for base in (*model.__mro__, *model.Config.__mro__)}
    kinds = {name for name in kinds if name != "object"} | {"SelectionConfig"}
    asked = [
        f"{path.relative_to(PACKAGE)}:{call.lineno}"
        for path in SOURCES
        if room_of(path) not in ("models", "systems")
        for call in calls(path, "isinstance")
        if kinds & {name.id for name in ast.walk(call.args[1]) if isinstance(name, ast.Name)}
    ]
    assert asked == []


def files_imported(path):
    """The files that a file imports when it is imported itself: not within functions, nor for types alone."""
    for node in TREES[path].body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bywords."):
            for alias in node.names:
                yield file_of(f"{node.module}.{alias.name}") or file_of(node.module)


def file_of(module):
    base = PACKAGE.joinpath(*module.split(".")[1:])
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path in TREES), None)


def test_no_module_imports_itself_by_way_of_others():
    done = set()

    def visit(path, way):
        assert path not in way, " imports ".join(str(step.relative_to(PACKAGE)) for step in [*way, path])
        if path not in done:
            for other in files_imported(path):
                visit(other, [*way, path])
            done.add(path)

    for path in SOURCES:
        visit(path, [])
