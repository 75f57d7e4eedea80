"""Labels as users have them → class names and codes, and back: one a document, or any number.

one         a class each: a list, an array or a column of strings, whole numbers or booleans
sets        a list, tuple or set of labels each
indicator   a table of 0 and 1, a column a label: (N, K), as scikit-learn has it; also as a list of 0 and 1 each
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.data.label_sets import Codes, LabelSets
from bywords.errors import DataError, SettingError, quoted
from bywords.text.ragged import ragged_positions
from bywords.validation import is_missing

LabelFormat = Literal["one", "sets", "indicator"]
Labels = Sequence[Any] | npt.NDArray[Any] | pl.Series
_SETS = (list, tuple, set, frozenset, np.ndarray, pl.Series)
_KINDS = {"U": "strings", "i": "whole numbers", "u": "whole numbers", "b": "booleans", "f": "numbers"}
_COLUMNS = 2  # an array of so many dimensions is a table
_ROWS = (list, tuple, np.ndarray, pl.Series)  # of a table; sets are none
_TRUTH = {"0": 0, "1": 1, "false": 0, "true": 1}
FLAGS = frozenset(_TRUTH)  # as files have them
_FLAGS = FLAGS | {0, 1}
LARGEST_WEIGHT = 1e9  # of those much larger, sums have no digits left for others
_RANGE = f"0 or more, and at most {LARGEST_WEIGHT:g}"


@dataclass(frozen=True, eq=False)
class GivenLabels:
    """Labels of N documents as they were given."""

    label_format: LabelFormat
    values: Any  # one: an array (N,); sets: of all labels one after the other (P,); indicator: LabelSets, K columns
    offsets: npt.NDArray[np.int64]  # sets: where each document's start, (N + 1,)
    columns: npt.NDArray[Any]  # indicator: the names of its columns, (K,)

    def __len__(self) -> int:
        return len(self.offsets) - 1 if self.label_format == "sets" else len(self.values)

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> GivenLabels:
        """Only these documents, in this order."""
        if self.label_format != "sets":
            return GivenLabels(self.label_format, self.values[rows], self.offsets, self.columns)
        positions, offsets = ragged_positions(self.offsets, rows)
        return GivenLabels(self.label_format, self.values[positions], offsets, self.columns)


def read_labels(labels: Any, *, part: str) -> GivenLabels:
    """Labels in any of the forms above, also pandas, polars and sparse ones; `part` says in messages what they are for.

    Raises: DataError, naming the first such document counted from 0, for a label that is missing or of a type that
    labels do not have.
    """
    none = np.zeros(0, dtype=np.int64)
    if hasattr(labels, "tocoo"):  # a sparse matrix
        return _read_sparse(labels, part)
    if isinstance(labels, str | bytes | set | frozenset | Mapping) or not hasattr(labels, "__len__"):
        raise DataError(f"expected a sequence of {part} labels, found {type(labels).__name__}: {labels!r:.200}.")
    if isinstance(labels, pl.Series) and isinstance(labels.dtype, pl.List | pl.Array):
        labels = labels.to_list()
    if np.ma.is_masked(labels):  # numpy's arrays go on with what is under the mask
        labels = np.array(labels.tolist(), dtype=object)
    columns = getattr(labels, "columns", None)
    flags = _flags_of_lists(labels)
    if columns is not None or (isinstance(labels, np.ndarray) and labels.ndim == _COLUMNS) or flags is not None:
        table = flags if flags is not None else np.asarray(labels.to_numpy() if columns is not None else labels)
        if table.shape[1] == 1:
            _warn_of_column()
            return read_labels(table[:, 0], part=part)
        _check_flags(table, part)
        names = np.arange(table.shape[1]) if columns is None else _array(list(columns), part)
        return GivenLabels("indicator", LabelSets.of_table(table), none, names)
    listed = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    are_sets = [isinstance(value, _SETS) for value in listed]
    if any(are_sets):
        if not all(are_sets):
            index = are_sets.index(False)
            raise DataError(
                f"the {part} label of document {index} (counted from 0) is {listed[index]!r}, expected a list of "
                "labels as others have."
            )
        return _read_sets([_members(value) for value in listed], part)
    dtype = getattr(labels, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "Uiub" and np.ndim(labels) == 1:
        if dtype.kind == "U":
            _check_strings(listed, part)
        return GivenLabels("one", np.asarray(labels), none, none)
    if np.ndim(listed) > 1:
        raise DataError(f"the {part} labels have {np.ndim(listed)} dimensions, expected one label a document.")
    return GivenLabels("one", _array(listed, part), none, none)


def classes_of(given: GivenLabels) -> npt.NDArray[Any]:
    """The names of the classes, sorted; of an indicator the names of its columns in their order. (K,)."""
    return given.columns if given.label_format == "indicator" else np.unique(given.values)


def codes_of(given: GivenLabels, classes: npt.NDArray[Any], label_format: LabelFormat, *, part: str) -> Codes:
    """What `Targets` take: the index of each label in `classes` int64 (N,), or those that each document has.

    Raises: DataError for a label that `classes` lack, and for labels of another form than `label_format`.
    """
    if (given.label_format == "one") != (label_format == "one"):
        expected = "one label a document" if label_format == "one" else "any number of labels a document"
        raise DataError(f"the model was fitted to {expected}, and the {part} labels are of another form.")
    if given.label_format == "indicator":
        new = np.argsort(_in_order(given.columns.tolist(), classes.tolist(), part))
        return given.values.renumbered(new, len(classes))
    if not len(classes):
        return LabelSets.of_pairs([], [], len(given), 0)
    in_order = np.argsort(classes, kind="stable")
    try:
        found = np.searchsorted(classes[in_order], given.values)
    except TypeError:  # numbers among names
        found = np.zeros(len(given.values), dtype=np.int64)
    indices = in_order[np.minimum(found, len(classes) - 1)].astype(np.int64)
    is_known = np.asarray(classes[indices] == given.values)
    if not is_known.all():
        first = int(np.argmin(is_known))
        document = first if label_format == "one" else int(np.searchsorted(given.offsets, first, side="right")) - 1
        raise DataError(
            f"the {part} label {given.values.tolist()[first]!r} of document {document} did not occur in training. "
            f"There are: {quoted(classes.tolist())}."
        )
    if given.label_format == "one":
        return indices
    rows = np.repeat(np.arange(len(given)), np.diff(given.offsets))
    return LabelSets.of_pairs(rows, indices, len(given), len(classes))


def are_known(given: GivenLabels, classes: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which documents have no label but those of `classes`, bool (N,); those of an indicator have no others."""
    if given.label_format == "indicator":
        return np.ones(len(given), dtype=bool)
    is_class = np.isin(given.values, classes)
    if given.label_format == "one":
        return is_class
    n_others = np.bincount(np.repeat(np.arange(len(given)), np.diff(given.offsets)), ~is_class, minlength=len(given))
    return np.asarray(n_others == 0)


def in_type_of(names: npt.NDArray[Any], classes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels as words of a file, str (N,), in the type of `classes`: those of a model that was given numbers, say.

    Words that are none of that type stay words. True may be written true.
    """
    if classes.dtype.kind == "b":
        known = {"true": True, "false": False, "1": True, "0": False}
        folded = [name.lower() for name in names.tolist()]
        return np.array([known[name] for name in folded]) if set(folded) <= set(known) else names
    try:
        return names.astype(classes.dtype) if classes.dtype.kind in "iuf" else names
    except ValueError:
        return names


def names_of(codes: Codes, classes: npt.NDArray[Any], label_format: LabelFormat) -> npt.NDArray[Any]:
    """Codes back in the form in which labels were given.

    one: (N,) of the dtype of `classes`; sets: object (N,), a tuple of labels each; indicator: int64 (N, K).
    """
    if not isinstance(codes, LabelSets):
        return classes[codes]
    if label_format == "indicator":
        return codes.table().astype(np.int64)
    listed = classes.tolist()
    sets = np.empty(len(codes), dtype=object)
    for index, its in enumerate(codes.lists()):
        sets[index] = tuple([listed[k] for k in its])
    return sets


def weights_of(
    class_weight: Any, given: GivenLabels, classes: npt.NDArray[Any], sample_weight: npt.ArrayLike | None
) -> npt.NDArray[np.float64]:
    """What each document counts, float64 (N,): its own weight times that of its class.

    `class_weight` is None, "balanced" (each class counts the same: N / (K * its documents)), or a weight by label.
    Raises: SettingError for weights that are not numbers of 0 or more, one for each document, unknown labels,
    and weights of classes where documents have any number of them.
    """
    weights = np.ones(len(given))
    if sample_weight is not None:
        try:
            weights = np.array(sample_weight, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise SettingError(
                f"sample_weight is {sample_weight!r:.100}, expected one number for each of {len(given)} documents."
            ) from error
        if weights.ndim == 0:
            weights = np.full(len(given), float(weights))
        if weights.shape != (len(given),):
            raise SettingError(
                f"sample_weight has the shape {weights.shape}, expected one weight for each of {len(given)} documents. "
                f"sample_weight.shape == {weights.shape}, expected ({len(given)},)!"
            )
        is_wrong = ~((weights >= 0) & (weights <= LARGEST_WEIGHT))
        if is_wrong.any():
            index = int(is_wrong.argmax())
            raise SettingError(f"sample_weight {index} is {weights[index]}, expected a number of {_RANGE}.")
    if class_weight is None:
        return weights
    if given.label_format != "one":
        raise SettingError(
            "class_weight is for one label a document. With any number of labels, a threshold is tuned for each."
        )
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise SettingError(f"class_weight is {class_weight!r}, expected 'balanced' or a weight for each label.")
        _, inverse, counts = np.unique(given.values, return_inverse=True, return_counts=True)
        return weights * (len(given) / (len(counts) * counts))[inverse]
    if not hasattr(class_weight, "items"):  # of pandas, a column has them too
        raise SettingError(
            f"class_weight is {class_weight!r:.100}, expected 'balanced' or a weight for each label, as in "
            f"{{{classes.tolist()[0]!r}: 2}}."
        )
    by_label = dict(class_weight.items())
    for label, weight in by_label.items():
        if is_missing(label) or label not in classes.tolist():
            raise SettingError(f"class_weight names the label {label!r}. There are: {quoted(classes.tolist())}.")
        if not isinstance(weight, float | int | np.number) or not 0 <= weight <= LARGEST_WEIGHT:
            raise SettingError(f"class_weight of {label!r} is {weight!r}, expected a number of {_RANGE}.")
    weights = weights * np.array([by_label.get(label, 1.0) for label in given.values.tolist()])
    if len(weights) and not weights.any():
        raise SettingError("class_weight gives every document the weight zero: there is nothing to learn from.")
    return weights


def _in_order(columns: list[Any], classes: list[Any], part: str) -> list[int]:
    """The column of each class: by its name, or in order where either has numbers instead of names."""
    unnamed = list(range(len(classes)))
    if len(columns) != len(classes):
        raise DataError(f"the {part} labels have {len(columns)} columns, expected {len(classes)}.")
    if columns == unnamed or classes == unnamed:
        return unnamed
    for name in columns:
        if name not in classes:
            raise DataError(f"the {part} labels have a column {name!r}. The labels are {quoted(classes)}.")
    if len(set(columns)) < len(columns):
        raise DataError(f"the {part} labels have two columns of one name. Give each label one column.")
    return [columns.index(name) for name in classes]


def _array(values: Sequence[Any], part: str) -> npt.NDArray[Any]:
    """One-dimensional, of strings, whole numbers or booleans; or the error that says where one is something else."""
    for index, value in enumerate(values):
        if is_missing(value):
            raise DataError(
                f"the {part} label of document {index} (counted from 0) is missing: {value!r}. Give it a label, or "
                "leave the document out."
            )
    if not len(values):
        return np.zeros(0, dtype=np.str_)
    array = np.array([value.item() if isinstance(value, np.generic) else value for value in values])
    kinds = {type(value.item() if isinstance(value, np.generic) else value) for value in values}
    if len(kinds) > 1 and kinds != {int, float}:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise DataError(f"the {part} labels are of several types, {names}: expected one. Make strings of all.")
    if array.ndim != 1 or array.dtype.kind not in _KINDS:
        raise DataError(
            f"Unknown label type: the {part} labels are {next(iter(kinds)).__name__}, expected strings, whole numbers "
            "or booleans."
        )
    if array.dtype.kind == "f" and (array != np.floor(array)).any():
        index = int((array != np.floor(array)).argmax())
        raise DataError(
            f"Unknown label type: continuous. The {part} label of document {index} (counted from 0) is {array[index]}, "
            "which is an amount, not a class. If it is the name of a class, make a string of it."
        )
    if array.dtype.kind == "U":
        _check_strings(values, part)
    return array


def _check_strings(values: Sequence[str], part: str) -> None:
    """Raise DataError, naming the first document, for a label that cannot be written down."""
    for value in dict.fromkeys(values):
        if value.endswith("\0"):
            what = "ends in a zero byte."
        elif value != value.encode("utf-8", "replace").decode():
            what = "has half of a surrogate pair in it, which is no character. Correct it."
        else:
            continue
        index = list(values).index(value)
        raise DataError(f"the {part} label of document {index} (counted from 0), {value!r}, {what}")


def _read_sets(sets: Sequence[Sequence[Any]], part: str) -> GivenLabels:
    flat = [label for labels in sets for label in labels]
    indices = [index for index, labels in enumerate(sets) for _ in labels]
    try:
        values = _array(flat, part)
    except DataError:
        for index, label in zip(indices, flat, strict=True):  # so that the document is named, not the index among all
            if is_missing(label):
                raise DataError(
                    f"the {part} labels of document {index} (counted from 0) have one that is missing: {label!r}."
                ) from None
        raise
    return GivenLabels("sets", values, np.cumsum([0, *map(len, sets)]), np.zeros(0))


def _members(value: Any) -> list[Any]:
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    return list(value.tolist() if hasattr(value, "tolist") else value)


def flags_in(rows: Sequence[Sequence[Any]]) -> npt.NDArray[np.int64] | None:
    """A table (N, K) of lists that are all as long as each other, 2 or more, and hold 0 and 1 only; else None.

    As sets of labels they would say the same of every document.
    Raises: DataError where they are of different lengths and one has a 0 or a 1 twice, as no set of labels has.
    """
    width = len(rows[0]) if rows else 0
    if any(len(set(row) - _FLAGS) for row in rows):
        return None
    other = next((row for row in rows if len(row) != width), None)
    if other is not None and any(len(set(row)) < len(row) for row in rows):
        raise DataError(
            f"a table of labels as lists of 0 and 1 has {list(rows[0])} and {list(other)}: expected lists of one "
            "length, a 0 or a 1 for each label, or the names of the labels."
        )
    if width < _COLUMNS or other is not None:
        return None
    return np.array([[_TRUTH[flag] if isinstance(flag, str) else int(flag) for flag in row] for row in rows])


def _flags_of_lists(labels: Any) -> npt.NDArray[np.int64] | None:
    """The table of 0 and 1 that a list of lists, of arrays or of columns is; None for anything else, sets of labels."""
    if hasattr(labels, "columns") or (isinstance(labels, np.ndarray) and labels.dtype != object):
        return None
    listed = labels.tolist() if hasattr(labels, "tolist") else labels
    if not isinstance(listed, list | tuple) or not all(isinstance(row, _ROWS) and np.ndim(row) == 1 for row in listed):
        return None
    return flags_in([_members(row) for row in listed])


def _read_sparse(matrix: Any, part: str) -> GivenLabels:
    """A table of 0 and 1 that is a sparse matrix of scipy, (N, K), without making a table of it."""
    found = matrix.tocoo()
    n_documents, n_labels = found.shape
    if n_labels == 1:
        return read_labels(matrix.toarray(), part=part)
    _check_flags(found.data[np.newaxis], part)
    has = found.data != 0
    sets = LabelSets.of_pairs(found.row[has], found.col[has], n_documents, n_labels)
    return GivenLabels("indicator", sets, np.zeros(0, dtype=np.int64), np.arange(n_labels))


def _check_flags(table: npt.NDArray[Any], part: str) -> None:
    if table.dtype.kind not in "biufO":
        raise DataError(f"a table of {part} labels holds {table.dtype}, expected 0 and 1, a column for each label.")
    if table.dtype == object:
        is_wrong = np.frompyfunc(lambda value: is_missing(value) or value not in (0, 1), 1, 1)(table).astype(bool)
    else:
        is_wrong = (table != 0) & (table != 1)
    if is_wrong.any():
        row, column = np.argwhere(is_wrong)[0].tolist()
        raise DataError(
            f"Unknown label type: the table of {part} labels has {table[row, column]} in row {row}, column {column} "
            "(counted from 0), expected 0 or 1."
        )


def _warn_of_column() -> None:
    import warnings

    from sklearn.exceptions import DataConversionWarning

    warnings.warn(
        "A column-vector y was passed when a 1d array was expected: its one column is taken.",
        DataConversionWarning,
        stacklevel=2,
    )
