"""A trained classifier's parts in, a folder of JSON, plain text and safetensors out, and back.

Nobody else knows the files.

    MODEL/
    ├── model.json            format, versions, settings, label names in order, calibration, how it was trained
    ├── vocabulary.txt        a count and a word a line, in the order of the ids
    ├── weights.safetensors   all that was learned; the vocabulary's n-grams and character n-grams; operating curves
    ├── README.md             the model card: what it is, how good it is, what it is not for
    └── SHA256SUMS            of the four above, as `sha256sum --check` reads it, and of itself in the last line

Nothing in it can run code. A file that differs from its sum by one bit is refused. No file has a date or a duration in
it: equal parts make equal bytes.
"""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from bywords.artifact.quantization import dequantize, quantize
from bywords.errors import ModelFolderError, SettingError
from bywords.files import check_folder, check_room, format_of, recover_folder, replacing_folder, write_errors
from bywords.io.archives import expanded
from bywords.models.base import StorageFormat
from bywords.text.vocabulary import MARKERS, Vocabulary
from bywords.validation import naming, parsed_json
from bywords.version import __version__

R = TypeVar("R")
FORMAT = "bywords-model/7"
MODEL, VOCABULARY, WEIGHTS, CARD = "model.json", "vocabulary.txt", "weights.safetensors", "README.md"
SUMS = "SHA256SUMS"
FILES = (MODEL, VOCABULARY, WEIGHTS, CARD)  # that SUMS has a line for
OWN = (SUMS, *FILES)
MOST_SAVES = 100  # while a folder is read
SEEN = ":seen"  # how the name of an array ends that lacks the rows of words that no text has: they are 0
MOST_UNSEEN = 1 << 26  # numbers in such rows: as many are made when a folder is read
VOCABULARY_ARRAYS, CURVE_ARRAYS = "vocabulary.", "operating_curves."  # how the names of their arrays begin
ADVICE = "Its sums are right, so it was written like this: get the model from elsewhere, or train it again."
MOST_SUMS = 4096  # bytes: it has five lines
OWN_SUM = b"# of the lines above: "  # a remark to `sha256sum --check`


@dataclass(frozen=True)
class FolderContents:
    """What a model folder holds.

    `description` is JSON values, with the settings under "config"; `arrays` may be of any shape and plain dtype.
    `forms` says which of them are stored smaller: those lie on the grid of their form already (`packing.unpack`).
    """

    description: Mapping[str, Any]
    vocabulary: Vocabulary
    arrays: Mapping[str, npt.NDArray[Any]]
    storage: Mapping[str, StorageFormat] = field(default_factory=dict)
    curves: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)  # of `OperatingCurves`
    libraries: Iterable[str] = ()  # that have trained it, beside numpy


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much a model has: words, n-grams, character n-grams, numbers learned, and the bytes of the files of these."""

    words: int
    ngrams: int
    char_ngrams: int
    numbers: int
    bytes: int


def write_folder(parts: FolderContents, folder: Path, *, card: str) -> None:
    """Write the folder beside its place, then let the two change places: a crash leaves an old model whole.

    `card` is the text of README.md. Files that somebody else put into an old model stay.
    Raises: ModelFolderError when the place cannot be written, is being written by somebody else, or holds something
    that is not a model.
    """
    check_writable(folder)
    with (
        write_errors(folder, error=ModelFolderError),
        replacing_folder(folder, own=OWN, error=ModelFolderError) as beside,
    ):
        for name, content in contents(parts, card=card):
            (beside / name).write_bytes(content)


def contents(parts: FolderContents, *, card: str) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each file, SHA256SUMS last."""
    from safetensors.numpy import save

    description = {"format": FORMAT, "versions": versions_of(parts.libraries), **parts.description}
    text = json.dumps(description, ensure_ascii=False, indent=1, allow_nan=False)
    others = {VOCABULARY_ARRAYS + name: array for name, array in parts.vocabulary.arrays().items()}
    others |= {CURVE_ARRAYS + name: array for name, array in parts.curves.items()}
    files = {
        MODEL: f"{text}\n".encode("utf-8", "backslashreplace"),
        VOCABULARY: parts.vocabulary.text(),
        WEIGHTS: save({**_of_seen(quantize(parts.arrays, parts.storage), parts.vocabulary), **others}),
        CARD: card.encode("utf-8", "backslashreplace"),
    }
    yield from files.items()
    yield SUMS, _sums({name: hashlib.sha256(content).hexdigest() for name, content in files.items()})


def _of_seen(packed: Mapping[str, npt.NDArray[Any]], vocabulary: Vocabulary) -> dict[str, npt.NDArray[Any]]:
    """Arrays without the rows of words that were counted 0, where those have nothing but zeros."""
    unseen, found, n_numbers = _unseen(vocabulary), dict[str, npt.NDArray[Any]](), 0
    for name, array in packed.items():
        n_more = len(unseen) * int(np.prod(array.shape[1:]))
        has_them = array.ndim and len(unseen) and unseen[-1] < len(array) and n_numbers + n_more <= MOST_UNSEEN
        if has_them and not array[unseen].tobytes().strip(b"\0"):
            name, array, n_numbers = name + SEEN, np.delete(array, unseen, axis=0), n_numbers + n_more
        found[name] = array
    return found


def _with_unseen(packed: Mapping[str, npt.NDArray[Any]], vocabulary: Vocabulary) -> dict[str, npt.NDArray[Any]]:
    """The arrays of which `_of_seen` made these. Raises SettingError for what it cannot have made."""
    unseen, found, n_numbers = _unseen(vocabulary), dict[str, npt.NDArray[Any]](), 0
    for name, array in packed.items():
        plain = name.removesuffix(SEEN)
        if plain in found or (plain != name and plain in packed):
            raise SettingError(f"there are two arrays of {plain!r}")
        found[plain] = array
        if plain == name:
            continue
        n_rows = len(array) + len(unseen) if array.ndim else 0
        if not len(unseen) or n_rows <= unseen[-1]:
            raise SettingError(f"the array {name!r} has no rows that fit to those of the vocabulary")
        n_numbers += len(unseen) * int(np.prod(array.shape[1:]))
        if n_numbers > MOST_UNSEEN:
            raise SettingError(f"the array {name!r} would have more than {MOST_UNSEEN:,} numbers that are 0")
        found[plain] = np.zeros((n_rows, *array.shape[1:]), dtype=array.dtype)
        found[plain][np.delete(np.arange(n_rows), unseen)] = array
    return found


def _unseen(vocabulary: Vocabulary) -> npt.NDArray[np.int64]:
    """The rows of words that were counted 0, int64 (n,)."""
    return np.flatnonzero(vocabulary.counts[len(MARKERS) :] == 0) + len(MARKERS)


def of_one_save(read: Callable[[Path], R]) -> Callable[[Path], R]:
    """A decorator: what reads a folder does it once more where another process has saved it anew meanwhile."""

    @functools.wraps(read)
    def steadily(folder: Path) -> R:
        for _ in range(MOST_SAVES):
            before = _bytes_of_sums(folder)
            try:
                found = read(folder)
            except Exception:
                if _bytes_of_sums(folder) == before:
                    raise
                continue
            if _bytes_of_sums(folder) == before:
                return found
        raise ModelFolderError(f"{folder}: is saved again and again while it is read. Wait until that has ended.")

    return steadily


def _bytes_of_sums(folder: Path) -> bytes | None:
    try:
        return (folder / SUMS).read_bytes()
    except (OSError, ValueError):  # a path that cannot be, which the reader says
        return None


@of_one_save
def read_folder(folder: Path) -> FolderContents:
    """Read and check a folder that `write_folder` made.

    Raises: ModelFolderError, naming the file, when one is missing or damaged, the format is another, or a file holds
    what no model has: a number that is none, an id of a row that is not there, parts of different lengths.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    description = _checked(folder)
    with naming(folder / WEIGHTS, error=ModelFolderError, advice=ADVICE):
        try:
            packed = load_file(folder / WEIGHTS)
        except SafetensorError as error:
            raise SettingError(f"it cannot be read: {error}") from error
        of_vocabulary, curves = (
            {name.removeprefix(start): packed.pop(name) for name in list(packed) if name.startswith(start)}
            for start in (VOCABULARY_ARRAYS, CURVE_ARRAYS)
        )
        vocabulary = Vocabulary.load(folder / VOCABULARY, arrays=of_vocabulary)
        arrays, storage = dequantize(_with_unseen(packed, vocabulary))
    return FolderContents(description, vocabulary, arrays, storage, curves)


def check_writable(folder: Path) -> None:
    """Raise ModelFolderError when a model cannot be written there, before anything has been trained.

    What is there already has to be a model, if only by the format in its model.json: one that is damaged is replaced.
    """
    if not folder.is_file():
        check_folder(folder, error=ModelFolderError)
    if folder.exists() and not (folder.is_dir() and _is_model(folder)):
        why = f": no {MODEL} says so" if folder.is_dir() else ""
        raise ModelFolderError(
            f"{folder}: there is something already, and it is not a model{why}. Choose another folder."
        )
    for name in OWN:
        if (folder / name).is_symlink():
            raise ModelFolderError(
                f"{folder / name} is a link to {(folder / name).readlink()}, which a new model would cut. Choose "
                "another folder, or put the file itself there."
            )
    old = sum((folder / name).stat().st_size for name in OWN if (folder / name).is_file())
    check_room(folder, old, error=ModelFolderError)


def _is_model(folder: Path) -> bool:
    """Whether a folder is empty or holds a model of any format, whole or not."""
    _recover(folder)
    if format_of(folder / MODEL) == FORMAT.partition("/")[0]:
        return True
    return all(path.name.startswith(".bywords-") for path in folder.iterdir())  # left by a save that was killed


def sizes(folder: Path) -> dict[str, int]:
    """The size of each file of a model, bytes; of files that are not its own there is nothing to say."""
    return {name: (folder / name).stat().st_size for name in OWN}


def size_bytes(folder: Path) -> int:
    """The size of all files of a model."""
    return sum(sizes(folder).values())


def extent(parts: FolderContents) -> Extent:
    """How much there is, for the card."""
    vocabulary = parts.vocabulary
    own = sum(len(content) for name, content in contents(parts, card="") if name in (VOCABULARY, WEIGHTS))
    return Extent(
        words=vocabulary.n_words - len(MARKERS),
        ngrams=len(vocabulary.ngrams),
        char_ngrams=len(vocabulary.char_ngrams),
        numbers=sum(array.size for array in parts.arrays.values()),
        bytes=own,
    )


def versions_of(libraries: Iterable[str]) -> dict[str, str]:
    """The versions of Python, of this package, of numpy, and of these libraries. Nothing is imported."""
    from importlib.metadata import version

    own = {"bywords": __version__, "python": platform.python_version()}
    return {**own, **{name: version(name) for name in ["numpy", *sorted(set(libraries))]}}


def _sums(found: Mapping[str, str]) -> bytes:
    lines = "".join(f"{found[name]}  {name}\n" for name in FILES).encode()
    return lines + OWN_SUM + hashlib.sha256(lines).hexdigest().encode() + b"\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(folder: Path) -> dict[str, Any]:
    """What model.json says, after every file has been held against its sum."""
    expanded(folder, error=ModelFolderError)
    _recover(folder)
    if folder.is_file():
        raise ModelFolderError(f"{folder} is a file, expected the folder of a model: the one named when training.")
    if not folder.is_dir():
        raise ModelFolderError(f"{folder}: there is no such folder. Give the one that was named when training.")
    try:
        _check_there(folder, SUMS)
        _check_there(folder, MODEL)
        with (folder / SUMS).open("rb") as file:
            expected = file.read(MOST_SUMS)
        model = (folder / MODEL).read_bytes()
        is_whole = hashlib.sha256(model).hexdigest().encode() + b"  " in expected
        with naming(folder / MODEL, error=ModelFolderError, advice=ADVICE):
            description = parsed_json(model) if is_whole else {}  # another format may have other files: look first
        if is_whole and description.get("format") != FORMAT:
            raise ModelFolderError(
                f"{folder / MODEL}: expected the format {FORMAT}, found {description.get('format')!r}. "
                "Train it again with this version, or load it with the version that wrote it."
            )
        lines, _, own_sum = expected.partition(OWN_SUM)
        if own_sum != hashlib.sha256(lines).hexdigest().encode() + b"\n":
            raise ModelFolderError(f"{folder / SUMS} is damaged. Copy the model again from its source.")
        for name in FILES:
            _check_there(folder, name)
            if f"{_sha256(folder / name)}  {name}\n".encode() not in lines.splitlines(keepends=True):
                raise ModelFolderError(
                    f"{folder / name} is damaged: its SHA-256 is not the one in {SUMS}. Copy it again."
                )
    except OSError as error:
        raise ModelFolderError(f"{folder}: cannot be read: {error.strerror}.") from error
    return description


def _recover(folder: Path) -> None:
    """End a save that was killed while it moved the files of a new model, which is whole, to their places; say so."""
    advice = "A save was cut off there, and whoever may write to it can end it."
    with write_errors(folder, advice, error=ModelFolderError):
        if recover_folder(folder, OWN):
            warnings.warn(f"{folder}: a save was cut off there; the new model was whole and is in place.", stacklevel=4)


def _check_there(folder: Path, name: str) -> None:
    if not (folder / name).is_file():
        raise ModelFolderError(f"{folder / name} is missing: the folder is not a model, or not all of it was copied.")
