"""A model folder → the parts of a classifier, each held against what it may be and against the others.

All that is loaded, and all that `info` looks at, goes through `validate`: what no training gives is refused before a
compiled loop sees it, whoever has made the sums.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from bywords.artifact.model_folder import (
    ADVICE,
    CURVE_ARRAYS,
    MODEL,
    VOCABULARY,
    VOCABULARY_ARRAYS,
    WEIGHTS,
    FolderContents,
    of_one_save,
    read_folder,
    sizes,
)
from bywords.config import typed
from bywords.data.columns import Columns
from bywords.data.hierarchy import Hierarchy
from bywords.data.labels import LabelFormat
from bywords.errors import ModelFolderError, SettingError, quoted
from bywords.evaluation.back_off import check_table
from bywords.evaluation.calibration import Calibration, restored
from bywords.evaluation.operating_points import OperatingCurves
from bywords.evaluation.reliability import Reliability
from bywords.fitted import CardRecord, FitSummary, History, SelectionSummary, TrainedOn
from bywords.models.base import Arrays, StorageFormat
from bywords.system_config import FitParameters, SystemConfig, setting_kinds
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import MARKERS, Vocabulary
from bywords.validation import check_unique, naming
from bywords.version import __version__

LABEL_DTYPE = r"[<>|](U\d{1,9}|[iu][1248]|b1|f[248])"
KIND_OF_LABELS = {"U": (str,), "i": (int,), "u": (int,), "b": (bool,), "f": (int, float)}
MOST_PADDING = 1 << 26  # bytes of labels in all, beyond what the longest needs


@dataclass(frozen=True, kw_only=True)
class Description:
    """What model.json says; other keys are not looked at."""

    versions: Mapping[str, str]
    system: str | SystemConfig
    parameters: FitParameters
    config: SystemConfig
    selection: SelectionSummary | None
    label_names: list[Any]
    label_dtype: str
    label_format: LabelFormat
    calibration: Mapping[str, Any]
    reliability: Reliability
    trained_on: Annotated[Mapping[str, Any], TrainedOn] | None
    columns: Columns | None = None
    summary: FitSummary
    history: History
    card: CardRecord
    fingerprint: str | None = None


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a classifier but its model, and the arrays of that."""

    description: Description
    vocabulary: Vocabulary
    arrays: Arrays
    storage: Mapping[str, StorageFormat]
    classes: npt.NDArray[Any]
    calibration: Calibration
    operating_curves: OperatingCurves


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What there is to say of a model folder without building the model. Sizes are bytes."""

    description: Mapping[str, Any]
    files: Mapping[str, int]
    arrays: Mapping[str, tuple[str, tuple[int, ...]]]  # dtype and shape as stored, of what the model has learned
    n_words: int
    n_by_vector: int  # of the words: those that no text of the training has
    n_ngrams: int
    n_char_ngrams: int


def read_parts(folder: Path) -> Parts:
    """Read a folder that `save_classifier` made. Raises ModelFolderError, naming file and field."""
    return _parts(folder, read_folder(folder))


@of_one_save
def look_at(folder: Path) -> Overview:
    """Check a folder and say what is in it. Raises ModelFolderError as `load_classifier` does."""
    from safetensors import safe_open

    contents = read_folder(folder)
    vocabulary = _parts(folder, contents).vocabulary
    with safe_open(folder / WEIGHTS, "numpy") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
        stored = {name: (one.get_dtype(), tuple(one.get_shape())) for name, one in slices.items()}
    return Overview(
        description=contents.description,
        files=sizes(folder),
        arrays={name: one for name, one in stored.items() if not name.startswith((VOCABULARY_ARRAYS, CURVE_ARRAYS))},
        n_words=vocabulary.n_words - len(MARKERS),
        n_by_vector=int(vocabulary.is_unseen.sum()),
        n_ngrams=len(vocabulary.ngrams),
        n_char_ngrams=len(vocabulary.char_ngrams),
    )


def _parts(folder: Path, contents: FolderContents) -> Parts:
    _check_registered(folder, contents.description)
    with naming(folder / MODEL, error=ModelFolderError, advice=ADVICE):
        found = described(contents.description)
        classes = _classes(found.label_names, found.label_dtype)
        calibration = restored(found.calibration, len(classes), is_multilabel=found.label_format != "one")
        Tokenizer(found.config.tokenizer)  # raises for a pattern that is none
        n_by_label, n_most = found.summary.n_by_label, found.summary.n_documents
        if len(n_by_label) not in (0, len(classes)) or not all(0 <= count <= n_most for count in n_by_label):
            raise SettingError(f"the summary: n_by_label is not a number from 0 to {n_most:,} for each label")
        if (n_counts := len(found.reliability.profile.labels)) not in (0, len(classes)):
            raise SettingError(
                f"the profile: labels has {n_counts:,} counts, expected one for each of {len(classes):,}"
            )
    vocabulary = contents.vocabulary
    vocabulary.config = found.config.vocabulary
    validate(folder, found, vocabulary, contents.arrays, len(classes))
    with naming(f"{folder / WEIGHTS}: operating curves", error=ModelFolderError, advice=ADVICE):
        curves = OperatingCurves.restored(
            contents.curves, found.reliability.n_documents, len(classes), is_multilabel=found.label_format != "one"
        )
    return Parts(found, vocabulary, contents.arrays, contents.storage, classes, calibration, curves)


def validate(folder: Path, found: Description, vocabulary: Vocabulary, arrays: Arrays, n_classes: int) -> None:
    """Hold the parts of a classifier against each other. Raises ModelFolderError, naming file and field."""
    with naming(folder / VOCABULARY, error=ModelFolderError, advice=ADVICE):
        vocabulary.validate_words()
    with naming(folder / WEIGHTS, error=ModelFolderError, advice=ADVICE):
        vocabulary.validate_ngrams()
        vocabulary.validate_char_ngrams()
    with misfits_named(folder, found.versions):
        found.config.model.validate(arrays, vocabulary, n_classes)
        if (separator := found.parameters.label_hierarchy) is not None:
            check_table(found.reliability.back_off, Hierarchy.of(found.label_names, separator).depth)
        fields_read = () if found.columns is None or found.columns.is_one_text else found.columns.text
        if found.config.tokenizer.fields != fields_read:
            raise SettingError(
                f"the tokenizer reads the fields {quoted(found.config.tokenizer.fields)}, and the text columns are "
                f"{quoted(fields_read)}"
            )
        if found.columns is not None and found.columns.tokens and not found.config.tokenizer.is_given:
            raise SettingError("its documents are lists of tokens, and its tokenizer cuts texts")


def misfits_named(folder: Path, versions: Mapping[str, str]) -> AbstractContextManager[None]:
    """Whatever fails within, as a ModelFolderError that says by which version the folder was written."""
    return naming(
        f"{folder}: whole, but its settings and weights do not fit this version",
        error=ModelFolderError,
        advice=f"It was written by bywords {versions.get('bywords')}, this is {__version__}.",
    )


def described(plain: Mapping[str, Any]) -> Description:
    """What model.json says, each value of its type. Raises SettingError, naming the key."""
    known = {field.name for field in fields(Description)}
    values = {key: value for key, value in plain.items() if key in known}
    for key in ("config", "system"):
        values[key] = _with_older_default(values.get(key))
    if isinstance(parameters := values.get("parameters"), dict):
        values["parameters"] = {**parameters, "class_weight": _weights(parameters.get("class_weight"))}
    return typed(Description, values, where="", kinds=setting_kinds())


def _with_older_default(plain: Any) -> Any:
    """Settings that were saved before texts were normalised have it off, and read them as they did."""
    if not isinstance(plain, dict) or not isinstance(plain.get("tokenizer"), dict):
        return plain
    return {**plain, "tokenizer": {"normalize": False, **plain["tokenizer"]}}


def _check_registered(folder: Path, plain: Mapping[str, Any]) -> None:
    """Raise ModelFolderError where a model of the settings, or a member or candidate, is none that is known."""
    settings = (plain.get(key) for key in ("config", "system"))
    models = [one.get("model") for one in settings if isinstance(one, Mapping)]
    if unknown := sorted(set(_kinds_in(models)) - setting_kinds().keys()):
        raise ModelFolderError(
            f"{folder}: there is no model with the settings {quoted(unknown)}. Import the code that defines it and add "
            "it with bywords.register_model before the folder is loaded."
        )


def _kinds_in(plain: Any) -> Iterator[str]:
    """The names of the classes of nested settings."""
    if isinstance(plain, Mapping):
        yield str(plain.get("kind"))
        yield from _kinds_in(list(plain.values()))
    elif isinstance(plain, list):
        for part in plain:
            yield from _kinds_in(part)


def _weights(plain: Any) -> Any:
    """Weights by label, which are pairs in JSON, as a mapping."""
    if not isinstance(plain, list):
        return plain
    pairs = typed(list[tuple[str | bool | int | float, float]], plain, where="parameters.class_weight")
    return dict(pairs)


def _classes(names: list[Any], written: str) -> npt.NDArray[Any]:
    """The labels (K,), of the dtype in which they were given. Raises SettingError where they are of another."""
    if not re.fullmatch(LABEL_DTYPE, written):
        raise SettingError(f"label_dtype is {written!r:.60}, expected that of strings or numbers, as in '<U5'")
    kinds = KIND_OF_LABELS[written[1]]
    if not names or not all(type(name) in kinds for name in names):
        raise SettingError(f"label_names are {names!r:.100}, expected one or more of the type {written}")
    longest = max(map(len, names)) if written[1] == "U" else 0
    if written[1] == "U" and 4 * len(names) * (int(written[2:]) - longest) > MOST_PADDING:
        raise SettingError(f"label_dtype is {written}, and the longest label has {longest} signs")
    classes = np.array(names, dtype=written)
    if classes.tolist() != names:
        raise SettingError(f"label_names are not what {written} has room for")
    check_unique("label_names", names)
    return classes
