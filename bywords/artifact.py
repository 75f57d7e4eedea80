"""A trained classifier's parts in, a folder of JSON, plain text and safetensors out, and back.

Nobody else knows the files.

    MODEL/
    ├── model.json            format version, settings, label names in order, temperature, how it was trained
    ├── vocabulary.txt        a count and a word a line, in the order of the ids
    ├── weights.safetensors   all that was learned; the vocabulary's runs and pieces of words, if it has any
    └── SHA256SUMS            of the three above, as `sha256sum --check` reads it

Nothing in it can run code. A file that differs from its sum by one bit is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.errors import ModelFolderError
from bywords.vocabulary import Vocabulary

FORMAT = "bywords-model/2"
MODEL, VOCABULARY, WEIGHTS, SUMS = "model.json", "vocabulary.txt", "weights.safetensors", "SHA256SUMS"
VOCABULARY_ARRAYS = "vocabulary."  # how the names of its arrays begin


@dataclass(frozen=True)
class Parts:
    """What a model folder holds. `description` is JSON values; `arrays` may be of any shape and plain dtype."""

    description: Mapping[str, Any]
    vocabulary: Vocabulary
    arrays: Mapping[str, npt.NDArray[Any]]


def write_folder(parts: Parts, folder: Path) -> None:
    """Write the folder beside its place, then rename it: a crash leaves an old model whole.

    Raises: ModelFolderError when the place cannot be written, or holds something that is not a model.
    """
    from safetensors.numpy import save_file

    check_place(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise ModelFolderError(f"{folder}: cannot be written: {error.strerror}. Choose another place.") from error
    try:
        beside.chmod(0o755)
        description = {"format": FORMAT, **parts.description}
        text = json.dumps(description, ensure_ascii=False, indent=1, allow_nan=False)
        (beside / MODEL).write_text(text + "\n", encoding="utf-8", newline="")
        parts.vocabulary.save(beside / VOCABULARY)
        arrays = {**parts.arrays, **{VOCABULARY_ARRAYS + name: a for name, a in parts.vocabulary.arrays().items()}}
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, beside / WEIGHTS)
        (beside / SUMS).write_bytes(_sums(beside))
        _replace_folder(beside, folder)
    except OSError as error:
        raise ModelFolderError(f"{folder}: cannot be written: {error.strerror}. Choose another place.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def read_folder(folder: Path) -> Parts:
    """Read and check a folder that `write_folder` made.

    Raises: ModelFolderError, naming the file, when one is missing or damaged, or the format is another.
    """
    from safetensors.numpy import load_file

    if not folder.is_dir():
        raise ModelFolderError(f"{folder}: there is no such folder. Give the one that was named when training.")
    _check_sums(folder)
    description = json.loads((folder / MODEL).read_text(encoding="utf-8"))
    if description.get("format") != FORMAT:
        raise ModelFolderError(
            f"{folder / MODEL}: expected the format {FORMAT}, found {description.get('format')!r}. "
            "Train it again with this version, or load it with the version that wrote it."
        )
    arrays = load_file(folder / WEIGHTS)
    its_own = [name for name in arrays if name.startswith(VOCABULARY_ARRAYS)]
    of_vocabulary = {name.removeprefix(VOCABULARY_ARRAYS): arrays.pop(name) for name in its_own}
    return Parts(description, Vocabulary.load(folder / VOCABULARY, arrays=of_vocabulary), arrays)


def check_place(folder: Path) -> None:
    """Raise ModelFolderError when a model cannot be written there, before anything has been trained."""
    if folder.exists() and not (folder / SUMS).exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ModelFolderError(f"{folder}: there is something already, and it is not a model. Choose another place.")
    existing = next(parent for parent in folder.absolute().parents if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise ModelFolderError(f"{folder}: cannot be written: {existing} takes no files. Choose another place.")


def size_bytes(folder: Path) -> int:
    """The size of all files of a model."""
    return sum(path.stat().st_size for path in folder.iterdir())


def _sums(folder: Path) -> bytes:
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in (MODEL, VOCABULARY, WEIGHTS)]
    return "".join(lines).encode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_sums(folder: Path) -> None:
    for name in (SUMS, MODEL, VOCABULARY, WEIGHTS):
        if not (folder / name).is_file():
            raise ModelFolderError(
                f"{folder / name} is missing: the folder is not a model, or not all of it was copied."
            )
    try:
        found = _sums(folder).splitlines()
        expected = (folder / SUMS).read_bytes()
    except OSError as error:
        raise ModelFolderError(f"{folder}: cannot be read: {error.strerror}.") from error
    for line, name in zip(found, (MODEL, VOCABULARY, WEIGHTS), strict=True):
        if line not in expected.split(b"\n"):
            raise ModelFolderError(f"{folder / name} is damaged: its SHA-256 is not the one in {SUMS}. Copy it again.")
    if b"\n".join(found) + b"\n" != expected:
        raise ModelFolderError(f"{folder / SUMS} is damaged. Copy the model again from its source.")


def _replace_folder(new: Path, folder: Path) -> None:
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
        folder.rename(old / folder.name)
        new.rename(folder)
        shutil.rmtree(old)
    else:
        new.rename(folder)
