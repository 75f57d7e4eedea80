"""A fitted system and a number of bytes in; a smaller system that fits into them out, with what that cost.

Numbers are stored in 16 or 8 bits, and the rows that say least are left out: words, runs of words, pieces of words.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.artifact import model_folder
from bywords.artifact.quantization import Arrays, StorageFormat, dequantize, quantize
from bywords.errors import SettingError
from bywords.models.averaging import AveragingConfig
from bywords.models.ensemble import Ensemble, EnsembleConfig
from bywords.models.mean_vector import MeanVectorConfig
from bywords.models.tfidf_linear import TfidfConfig
from bywords.systems import FittedModel, SystemConfig, restore_model
from bywords.text.ragged import UNKNOWN, Ragged
from bywords.text.vocabulary import Vocabulary

Judge = Callable[[Vocabulary, FittedModel], float]
STORAGE_FORMATS: tuple[StorageFormat, ...] = ("float32", "float16", "int8")  # the most exact first
POWERS = (0.5, 1.0)  # of how often a row occurs, when it is weighed against how much it says
LEAST_ROWS = 100  # with fewer, there is nothing left to tell classes apart by
MANY_COLUMNS = 16  # from which on a scale for each row pays
FEW_NUMBERS = 1_000  # that are not worth storing smaller
ROUNDS = 6  # of finding how many rows fit
UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
ROW_ARRAYS = {  # of each kind of model, the arrays with one entry for each row of the vocabulary
    "TfidfConfig": ("weights", "idf"),
    "MeanVectorConfig": ("vectors", "idf"),
    "AveragingConfig": ("embedding.weight", "word_weight"),
    "LSTMConfig": ("embedding.weight",),
}


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """A system that was made smaller, as it will be after it is saved and loaded."""

    config: SystemConfig
    vocabulary: Vocabulary
    model: FittedModel
    storage: Mapping[str, StorageFormat]  # for `artifact.Parts`
    n_bytes: int  # of all files
    score: float  # by the judge
    score_before: float
    done: str  # how large it is, instead of how large, and how
    told: str  # the same with what it cost by the judge, one sentence


def parse_size(text: str) -> int:
    """2MB, 500 kB, 1.5 MB or a number of bytes → bytes, in steps of 1,000. Raises SettingError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?b)?", text.strip().lower())
    n_bytes = int(float(match[1]) * UNITS[match[2] or "b"]) if match else 0
    if n_bytes < 1:
        raise SettingError(f"the size is {text!r}, expected a number and a unit: 500kB, 2MB or 1.5 MB.")
    return n_bytes


def compress(
    config: SystemConfig,
    vocabulary: Vocabulary,
    model: FittedModel,
    budget_bytes: int,
    judge: Judge,
    *,
    other_bytes: int = 0,
    is_exclusive: bool = True,
) -> Compressed:
    """Make a system's folder at most `budget_bytes`, of which `other_bytes` are for files without words and weights.

    A few ways that fit are tried, and the one with the best score by `judge` is taken; of equals the first, which is
    the most exact. `is_exclusive` says that a document has one class, so that only differences between classes count,
    and that the score is the share that is right; else it is an F1.

    Raises: SettingError, with about the smallest size that there is, when it cannot be made so small.
    """
    arrays = model.arrays()
    score_before, bytes_before = judge(vocabulary, model), _size(vocabulary, arrays, {}) + other_bytes
    if bytes_before <= budget_bytes:
        done = f"{_shown(bytes_before)}, as it was: no more than {_shown(budget_bytes)}"
        return Compressed(
            config=config, vocabulary=vocabulary, model=model, storage={}, n_bytes=bytes_before, score=score_before,
            score_before=score_before, done=done, told=f"{done}.",
        )  # fmt: skip
    compressor = _Compressor(config, vocabulary, model, is_exclusive=is_exclusive)
    best: tuple[float, _Made] | None = None
    for made in compressor.that_fit(budget_bytes - other_bytes):
        score = judge(made.vocabulary, made.model)
        if best is None or score > best[0]:
            best = score, made
    if best is None:
        smallest = compressor.smallest() + other_bytes
        raise SettingError(
            f"the model cannot be made as small as {_shown(budget_bytes)}: about {_shown(smallest)} is the least. "
            "Allow more, or take a system with fewer words."
        )
    score, made = best
    n_bytes = made.n_bytes + other_bytes
    share = len(made.vocabulary) / len(vocabulary)
    cost = f"right on {score:.1%} of the validation documents instead of {score_before:.1%}"
    if not is_exclusive:
        cost = f"F1 {score:.3f} on the validation documents instead of {score_before:.3f}"
    done = f"{_shown(n_bytes)} instead of {_shown(bytes_before)}: {made.storage_format}, {share:.0%} of the rows"
    return Compressed(
        config=made.config, vocabulary=made.vocabulary, model=made.model, storage=made.storage, n_bytes=n_bytes,
        score=score, score_before=score_before, done=done, told=f"{done}; {cost}.",
    )  # fmt: skip


@dataclass(frozen=True)
class _Made:
    """One way to make it smaller; `n_bytes` is the size of vocabulary and weights."""

    storage_format: StorageFormat
    config: SystemConfig
    vocabulary: Vocabulary
    model: FittedModel
    storage: Mapping[str, StorageFormat]
    n_bytes: int


class _Compressor:
    """A system taken apart: which of its arrays have rows, how much each row says, and what it costs."""

    def __init__(self, config: SystemConfig, vocabulary: Vocabulary, model: FittedModel, *, is_exclusive: bool) -> None:
        self.config, self.vocabulary = config, vocabulary
        self.n_classes = model.logits(Ragged.of([[]])).shape[1]
        self.members = _members(config)
        self.arrays = dict(model.arrays())
        if is_exclusive:
            for start, member in self.members.items():
                if isinstance(member, TfidfConfig):
                    self.arrays[f"{start}weights"] = _centred(self.arrays[f"{start}weights"])
        self.row_arrays = [
            start + name for start, member in self.members.items() for name in ROW_ARRAYS[type(member).__name__]
        ]
        self.n_useful = max(len(self.arrays[name]) for name in self.row_arrays)  # no member sees the rows behind

    def that_fit(self, room: int) -> Iterator[_Made]:
        """Ways that need at most `room` bytes; all rows in the most exact form, or fewer, by different measures."""
        everything = np.arange(self.n_useful)
        for storage_format in STORAGE_FORMATS:
            whole = self.make(everything, storage_format)
            if whole.n_bytes <= room:
                yield whole
                return
            if storage_format != "float32":
                for power in POWERS:
                    yield from self._largest(self._order(storage_format, power), storage_format, room)

    def smallest(self) -> int:
        """The size with LEAST_ROWS rows in the least exact form."""
        return self.make(self._order(STORAGE_FORMATS[-1], POWERS[0])[:LEAST_ROWS], STORAGE_FORMATS[-1]).n_bytes

    def make(self, rows: npt.NDArray[np.int64], storage_format: StorageFormat) -> _Made:
        """Only these rows, stored in `form`."""
        is_kept = np.zeros(len(self.vocabulary), dtype=bool)
        is_kept[rows] = True
        smaller, old = self.vocabulary.keep_rows(is_kept)
        arrays = dict(self.arrays)
        for name in self.row_arrays:
            arrays[name] = arrays[name][old[old < len(arrays[name])]]
        model = restore_model(self.config, arrays, vocabulary=smaller, n_classes=self.n_classes)
        config = self.config
        if isinstance(model, Ensemble):  # members that differed in rows that are gone have become one
            config = replace(config, model=model.config)
        storage = self._storage(config, model.arrays(), storage_format)
        on_grid, storage = dequantize(quantize(model.arrays(), storage))
        model = restore_model(config, on_grid, vocabulary=smaller, n_classes=self.n_classes)
        return _Made(storage_format, config, smaller, model, storage, _size(smaller, on_grid, storage))

    def _largest(self, order: npt.NDArray[np.int64], storage_format: StorageFormat, room: int) -> Iterator[_Made]:
        """As many of the first rows of `order` as fit into `room`, unless that is next to none."""
        n_rows = min(LEAST_ROWS, len(order))
        made = self.make(order[:n_rows], storage_format)
        if made.n_bytes > room:
            return
        largest, costs = made, np.cumsum(self._costs(storage_format)[order])
        for _ in range(ROUNDS):  # what a row costs is known about; what all cost, exactly
            aim = costs[n_rows - 1] + room - made.n_bytes
            before, n_rows = n_rows, max(int(np.searchsorted(costs, aim, side="right")), 1)
            if n_rows == before:
                break
            made = self.make(order[:n_rows], storage_format)
            if largest.n_bytes < made.n_bytes <= room:
                largest = made
        yield largest

    def _order(self, storage_format: StorageFormat, power: float) -> npt.NDArray[np.int64]:
        """The rows that some member sees, int64 (U,): what says most for its bytes first, parts before their runs."""
        impact = np.zeros(len(self.vocabulary))
        impact[: self.n_useful] = self._says(power) / self._costs(storage_format)
        first, last = self.vocabulary.n_words, self.vocabulary.n_rows("ngrams")
        before = None
        while before is None or not np.array_equal(before, impact):  # a run may be part of a run
            before = impact.copy()
            np.maximum.at(impact, self.vocabulary.ngrams, impact[first:last, np.newaxis])
        return np.argsort(-impact[: self.n_useful], kind="stable")

    def _says(self, power: float) -> npt.NDArray[np.float64]:
        """How much each row moves the answers, float64 (U,): how far it tells classes apart, times how often it occurs.

        How often is taken from the idf, which knows it of runs and pieces too, else from the words' counts.
        """
        counts = np.ones(len(self.vocabulary))
        counts[: self.vocabulary.n_words] = np.maximum(self.vocabulary.counts, 1)
        together = np.zeros(self.n_useful)
        for start, member in self.members.items():
            own = {name.removeprefix(start): array for name, array in self.arrays.items() if name.startswith(start)}
            strength = _strength(member, own)
            idf = own.get("idf", own.get("word_weight"))
            often = counts[: len(strength)] / counts.max()
            if idf is not None and np.ptp(idf) > 0:
                often = np.exp(1 - idf.astype(np.float64))
                strength = strength * idf
            together[: len(strength)] += strength * often**power
        return together

    def _costs(self, storage_format: StorageFormat) -> npt.NDArray[np.float64]:
        """About how many bytes each row takes, float64 (U,)."""
        costs = self._costs_of_vocabulary.astype(np.float64)
        storage = self._storage(self.config, self.arrays, storage_format)
        for name in self.row_arrays:
            array = self.arrays[name]
            packed = quantize({name: array[:1]}, {name: storage.get(name, "float32")})
            is_by_row = storage.get(name) == "int8-rows"
            costs[: len(array)] += sum(a.nbytes for key, a in packed.items() if is_by_row or not key.endswith(":scale"))
        return costs

    @functools.cached_property
    def _costs_of_vocabulary(self) -> npt.NDArray[np.int64]:
        vocabulary = self.vocabulary
        lines = np.array([len(line) + 1 for line in vocabulary.text().split(b"\n")[:-1]])
        of_ngrams = np.full(len(vocabulary.ngrams), vocabulary.arrays()["ngrams"].itemsize * 2)
        return np.concatenate([lines, of_ngrams, np.diff(vocabulary.char_ngrams.starts) + 1])[: self.n_useful]

    def _storage(
        self, config: SystemConfig, arrays: Mapping[str, npt.NDArray[Any]], storage_format: StorageFormat
    ) -> dict[str, StorageFormat]:
        """How each array is stored: in 8 bits, where it is asked for, what has rows; in 16 what has none."""
        if storage_format == "float32":
            return {}
        storage: dict[str, StorageFormat] = {
            name: "float16" for name, array in arrays.items() if array.size >= FEW_NUMBERS
        }
        for start, member in _members(config).items() if storage_format == "int8" else ():
            for name in ROW_ARRAYS[type(member).__name__]:
                array = arrays[start + name]
                is_wide = array.ndim == 2 and array.shape[1] >= MANY_COLUMNS
                storage[start + name] = "int8-rows" if is_wide else "int8"
        return storage


def _members(config: SystemConfig) -> dict[str, Any]:
    """The settings of each model, by how the names of its arrays begin."""
    if isinstance(config.model, EnsembleConfig):
        return {f"{index}.": member for index, member in enumerate(config.model.members)}
    return {"": config.model}


def _strength(member: Any, arrays: Arrays) -> npt.NDArray[np.float64]:
    """How far each row tells classes apart, float64 (V,); 1 where the order of the words matters."""
    if isinstance(member, TfidfConfig):
        table = arrays["weights"]
    elif isinstance(member, MeanVectorConfig):
        table = arrays["vectors"] @ arrays["weights"]
    elif isinstance(member, AveragingConfig):
        table = arrays["embedding.weight"]
        if not member.hidden_layers:
            table = table @ arrays["output.weight"].T
    else:
        return np.ones(len(arrays["embedding.weight"]))
    is_of_classes = not (isinstance(member, AveragingConfig) and member.hidden_layers)
    strength: npt.NDArray[np.float64] = np.linalg.norm(_centred(table) if is_of_classes else table, axis=1)
    strength[: UNKNOWN + 1] = 0
    return strength


def _centred(table: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Weights (V, K) without what is common to all classes, which changes no probability of classes that exclude."""
    if table.shape[1] == 2:
        half = (table[:, 1:] - table[:, :1]) / np.float32(2)
        return np.concatenate([-half, half], axis=1)
    return table - table.mean(axis=1, keepdims=True)


def _size(vocabulary: Vocabulary, arrays: Mapping[str, npt.NDArray[Any]], storage: Mapping[str, StorageFormat]) -> int:
    return model_folder.extent(model_folder.Parts({}, vocabulary, arrays, storage))["bytes"]


def _shown(n_bytes: int) -> str:
    """2.0 MB, 512 kB."""
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 999_500 else f"{n_bytes / 1e3:.0f} kB"
