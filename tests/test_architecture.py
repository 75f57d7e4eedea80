"""Imports go only down the list of rooms, and the rooms below the models start without torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bywords

PACKAGE = Path(bywords.__file__).parent

# A module may import those above it in this list, and none below. A package counts as one room.
ROOMS = [
    "version",
    "errors",
    "files",
    "checkpoint",
    "compiled",
    "words",
    "tokens",
    "spans",
    "ragged",
    "vocabulary",
    "word_counts",
    "bags",
    "stored",
    "splits",
    "targets",
    "corpus",
    "inputs",
    "delimited",
    "tables",
    "columns",
    "readers",
    "stored_corpus",
    "writers",
    "part_folder",
    "datasets",
    "word_profile",
    "run_record",
    "packing",
    "card",
    "vectors",
    "vector_stream",
    "vector_text",
    "vector_binary",
    "vector_files",
    "metrics",
    "significance",
    "corrections",
    "trust",
    "evaluation",
    "slices",
    "forecast",
    "calibration",
    "labels",
    "settings",
    "averages",
    "mean_vector",
    "tfidf",
    "blend",
    "search",
    "artifact",
    "models",
    "word2vec",
    "glove",
    "row_adagrad",
    "training_state",
    "training",
    "systems",
    "choice",
    "continuing",
    "shrink",
    "explain",
    "classifier",
    "audit",
    "claims",
    "compare",
    "curve",
    "report",
    "cli",
]
FIRST_WITH_TORCH = "models"


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a file imports anywhere, within functions too."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("bywords.")}
        elif isinstance(node, ast.ImportFrom) and node.module == "bywords":
            rooms |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bywords."):
            rooms.add(node.module.split(".")[1])
    return rooms


def sources() -> list[Path]:
    return sorted(
        path
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).name not in ("__init__.py", "__main__.py") or path.parent != PACKAGE
    )


def test_every_module_has_its_place_in_the_list():
    assert {room_of(path) for path in sources()} == set(ROOMS)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_go_down(path):
    room = room_of(path)
    allowed = {*ROOMS[: ROOMS.index(room)], room}
    assert imported_rooms(path) <= allowed


def test_rooms_before_the_models_and_the_command_line_start_without_torch():
    rooms = [*ROOMS[: ROOMS.index(FIRST_WITH_TORCH)], "report", "cli.main"]
    code = "\n".join(
        [
            "import sys",
            *(f"import bywords.{room}" for room in rooms),
            "heavy = {'torch', 'sklearn', 'gensim', 'matplotlib', 'numba', 'lightning_fabric'} & set(sys.modules)",
            "assert not heavy, heavy",
        ]
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_the_command_line_prints():
    for path in sources():
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert room_of(path) == "cli" or "print" not in calls, path
