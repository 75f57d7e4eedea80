"""Imports go only down the list of rooms, no other room asks what kind of model it holds, and only `cli` prints."""

import ast
from pathlib import Path

import pytest

import bywords
from bywords.models.averaging import Averaging
from bywords.models.base import MODELS

PACKAGE = Path(bywords.__file__).parent

# A module may import those of the rooms above it in this list, and of its own, and none below.
ROOMS = [
    "version", "errors", "config", "files", "checkpoint", "extras", "records", "kernels", "text", "data", "io",
    "vectors", "evaluation", "models", "system_config", "fitted", "explain", "training", "artifact", "systems",
    "classifier", "experiments", "audit", "report", "cli",
]  # fmt: skip
SOURCES = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.parent != PACKAGE or path.name not in ("__init__.py", "__main__.py")
}
each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(nodes) -> set[str]:
    """The rooms that imports name."""
    names = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("bywords.")} - {"__version__"}


def test_every_module_is_in_a_room_of_the_list():
    assert {room_of(path) for path in SOURCES} == set(ROOMS)


@each_source
def test_imports_only_go_down_within_functions_too(path):
    room = room_of(path)
    assert imported(ast.walk(SOURCES[path])) <= {*ROOMS[: ROOMS.index(room)], room}


def test_no_module_imports_itself_by_way_of_others():
    arrows = {path: modules_imported(path) for path in SOURCES}
    done: set[Path] = set()

    def visit(path, way):
        assert path not in way, " imports ".join(str(step.relative_to(PACKAGE)) for step in [*way, path])
        if path not in done:
            for other in arrows[path]:
                visit(other, [*way, path])
            done.add(path)

    for path in SOURCES:
        visit(path, [])


def modules_imported(path: Path) -> set[Path]:
    """The files that a file imports when it is imported itself: not within functions, nor for types alone."""
    found = set()
    for node in SOURCES[path].body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bywords"):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(file_of(name) or file_of(node.module))
    return found - {None}


def file_of(module: str) -> Path | None:
    """The file of a module or of a folder with modules."""
    base = PACKAGE.joinpath(*module.split(".")[1:])
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path in SOURCES), None)


def test_no_module_outside_of_the_models_asks_what_kind_of_model_it_holds():
    asked = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path, tree in SOURCES.items()
        if room_of(path) not in ("models", "systems")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("isinstance", "issubclass")
        if names_in(node.args[1]) & names_of_models()
    }
    assert not asked


def names_of_models() -> set[str]:
    """Of all models, of their settings, and of the classes that they are made of."""
    models = {base for model in MODELS.values() for base in model.__mro__[:-1]}
    settings = {base for model in MODELS.values() for base in model.Config.__mro__[:-1]}
    return {kind.__name__ for kind in models | settings}


def names_in(node: ast.expr) -> set[str]:
    """The names of classes, in a tuple or a union, with or without their modules."""
    return {getattr(part, "id", None) or getattr(part, "attr", "") for part in ast.walk(node)}


def test_the_names_of_models_are_those_of_classes_and_settings():
    assert {
        "Averaging",
        "AveragingConfig",
        "NeuralModel",
        "LinearModel",
        "FittedModel",
        "ModelConfig",
    } <= names_of_models()
    assert names_in(ast.parse("isinstance(x, (models.LSTM, Averaging | int))").body[0].value.args[1]) >= {
        "LSTM",
        Averaging.__name__,
    }


@each_source
def test_only_the_command_line_prints(path):
    calls = {getattr(node.func, "id", "") for node in ast.walk(SOURCES[path]) if isinstance(node, ast.Call)}
    assert room_of(path) == "cli" or "print" not in calls
