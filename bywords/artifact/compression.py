"""A fitted classifier and a number of bytes → a smaller one that fits into them, and what that cost.

Numbers are stored in 16 or 8 bits, and the rows that say least are left out: words, n-grams, character n-grams.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_arguments
from bywords.artifact import model_folder
from bywords.artifact.description import card_of, contents_of
from bywords.artifact.quantization import dequantize, quantize
from bywords.data.label_sets import Codes, LabelSets
from bywords.data.labels import Labels
from bywords.errors import SettingError
from bywords.evaluation.metrics import accuracy, label_f1
from bywords.fitted import FittedClassifier
from bywords.forks import cached_property
from bywords.models.base import FittedModel, ModelConfig, StorageFormat, restore_model
from bywords.text.inputs import Texts
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary

STORAGE_FORMATS: tuple[StorageFormat, ...] = ("float32", "float16", "int8")  # the most exact first
POWERS = (0.5, 1.0)  # of how often a row occurs, when it is weighed against how much it says
LEAST_ROWS = 100  # with fewer, there is nothing left to tell classes apart by
MANY_COLUMNS = 16  # with so many or more, a scale for each row pays
FEW_NUMBERS = 1_000  # that are not worth storing smaller
ROUNDS = 6  # of finding how many rows fit
UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """A classifier that was made smaller, as it will be after it is saved and loaded."""

    classifier: FittedClassifier
    n_bytes: int  # of all files
    score: float  # on the documents that judged
    score_before: float
    done: str  # how large it is, instead of how large, and how
    sentence: str  # the same with what it cost


def parse_size(text: str, option: str = "the size") -> int:
    """2MB, 500 kB, 1.5 MB or a number of bytes → bytes, in steps of 1,000.

    Raises: SettingError for anything else, with the name of what it was given for.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?b)?", text.strip().lower())
    n_bytes = float(match[1]) * UNITS[match[2] or "b"] if match else 0
    if not 1 <= n_bytes < float("inf"):
        raise SettingError(f"{option} is {text!r:.100}, expected a number and a unit: 500kB, 2MB or 1.5 MB.")
    return int(n_bytes)


@check_arguments
def compress(classifier: FittedClassifier, max_bytes: int, texts: Texts, labels: Labels) -> Compressed:
    """Make the folder of a classifier at most `max_bytes`; N labelled texts say which way costs least.

    A few ways that fit are tried, and the one with the best score is taken; of equals the first, which is the most
    exact. What the record has for the card must be there by then: it counts, and may change later by some numbers only.

    Raises: SettingError, with about the smallest size that there is, when it cannot be made so small.

    >>> from bywords import compress, load_classifier
    >>> compressed = compress(load_classifier("tickets-model"), 30_000, texts, labels)
    >>> compressed.classifier.predict(["the printer is on fire"]).labels.tolist()
    ['office']
    """
    tokens = classifier.tokenizer(texts)
    _, codes = classifier.true_codes(labels, len(tokens), part="validation")
    other_bytes = _bytes_of_other_files(classifier)
    score_before, bytes_before = _score(classifier, tokens, codes), _size(classifier) + other_bytes
    if bytes_before <= max_bytes:
        done = f"{_shown(bytes_before)}, as it was: no more than {_shown(max_bytes)}"
        return _with_sentence(classifier, bytes_before, score_before, score_before, done, f"{done}.")
    compressor = _Compressor(classifier)
    best: tuple[float, _Made] | None = None
    for made in compressor.that_fit(max_bytes - other_bytes):
        found = _score(made.classifier, tokens, codes)
        if best is None or found > best[0]:
            best = found, made
    if best is None:
        smallest = compressor.smallest() + other_bytes
        raise SettingError(
            f"the model cannot be made as small as {_shown(max_bytes)}: about {_shown(smallest)} is the least. Allow "
            "more, or take a system with fewer words."
        )
    found, made = best
    share = len(made.classifier.vocabulary) / len(classifier.vocabulary)
    cost = f"right on {found:.1%} of the validation documents instead of {score_before:.1%}"
    if classifier.is_multilabel:
        cost = f"F1 {found:.3f} on the validation documents instead of {score_before:.3f}"
    n_bytes = made.n_bytes + other_bytes
    done = f"{_shown(n_bytes)} instead of {_shown(bytes_before)}: {made.storage_format}, {share:.0%} of the rows"
    return _with_sentence(made.classifier, n_bytes, found, score_before, done, f"{done}; {cost}.")


def _with_sentence(
    classifier: FittedClassifier, n_bytes: int, found: float, before: float, done: str, sentence: str
) -> Compressed:
    record = replace(classifier.record, card=replace(classifier.record.card, reduction=sentence))
    return Compressed(
        classifier=replace(classifier, record=record), n_bytes=n_bytes, score=found, score_before=before, done=done,
        sentence=sentence,
    )  # fmt: skip


def _score(classifier: FittedClassifier, tokens: Tokens, codes: Codes) -> float:
    """The share that is right, or the F1 of all decisions together."""
    decided = classifier.decided(classifier.vocabulary.encode(tokens))
    if isinstance(codes, LabelSets) and isinstance(decided, LabelSets):
        return label_f1(codes, decided)["micro_f1"]
    return accuracy(codes, decided)


@dataclass(frozen=True)
class _Made:
    """One way to make it smaller; `n_bytes` is the size of vocabulary and weights."""

    storage_format: StorageFormat
    classifier: FittedClassifier
    n_bytes: int


class _Compressor:
    """A classifier taken apart: which of its arrays have rows, how much each row says, and what it costs."""

    def __init__(self, classifier: FittedClassifier) -> None:
        self.classifier, self.vocabulary = classifier, classifier.vocabulary
        self.model = classifier.model if classifier.is_multilabel else classifier.model.centred()
        self.arrays = self.model.arrays()
        self.row_arrays = _row_arrays(self.model)
        self.n_useful = max(len(self.arrays[name]) for name in self.row_arrays)  # no member sees the rows behind

    def that_fit(self, room: int) -> Iterator[_Made]:
        """Ways that need at most `room` bytes; all rows in the most exact format, or fewer, by different orders."""
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
        """Only these rows, stored in `storage_format`."""
        is_kept = np.zeros(len(self.vocabulary), dtype=bool)
        is_kept[rows] = True
        smaller, old = self.vocabulary.keep_rows(is_kept)
        # Members that differed in rows that are gone are one.
        model = self._restored(self.model.config, self.model.arrays_of_rows(old), smaller)
        on_grid, storage = dequantize(quantize(model.arrays(), self._storage(model, storage_format)))
        model = self._restored(model.config, on_grid, smaller)
        record = self.classifier.record
        record = replace(record, config=replace(record.config, model=model.config))
        made = replace(self.classifier, vocabulary=smaller, model=model, storage=storage, record=record)
        return _Made(storage_format, made, _size(made))

    def _restored(
        self, config: ModelConfig, arrays: dict[str, npt.NDArray[Any]], vocabulary: Vocabulary
    ) -> FittedModel:
        return restore_model(config, arrays, vocabulary=vocabulary, n_classes=len(self.classifier.classes))

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
        """The rows that some member sees, int64 (U,): what says most for its bytes first, words before n-grams."""
        value = np.zeros(len(self.vocabulary))
        value[: self.n_useful] = self._says(power) / self._costs(storage_format)
        first, last = self.vocabulary.n_words, self.vocabulary.n_rows("ngrams")
        before = None
        while before is None or not np.array_equal(before, value):  # an n-gram may be part of a longer one
            before = value.copy()
            np.maximum.at(value, self.vocabulary.ngrams, value[first:last, np.newaxis])
        return np.argsort(-value[: self.n_useful], kind="stable")

    def _says(self, power: float) -> npt.NDArray[np.float64]:
        """How much each row moves the answers, float64 (U,): how far it tells classes apart, times how often it occurs.

        How often is taken from the idf, which knows it of n-grams too, else from the words' counts.
        """
        counts = np.ones(len(self.vocabulary))
        counts[: self.vocabulary.n_words] = np.maximum(self.vocabulary.counts, 1)
        together = np.zeros(self.n_useful)
        for member in self.model.members.values():
            strength, idf = member.row_strength(), member.idf
            often = counts[: len(strength)] / counts.max()
            if idf is not None and np.ptp(idf) > 0:
                often = np.exp(1 - idf.astype(np.float64))
                strength = strength * idf
            together[: len(strength)] += strength * often**power
        return together

    def _costs(self, storage_format: StorageFormat) -> npt.NDArray[np.float64]:
        """About how many bytes each row takes, float64 (U,)."""
        costs = self._costs_of_vocabulary.astype(np.float64)
        storage = self._storage(self.model, storage_format)
        for name in self.row_arrays:
            array = self.arrays[name]
            stored = quantize({name: array[:1]}, {name: storage.get(name, "float32")})
            is_by_row = storage.get(name) == "int8-rows"
            costs[: len(array)] += sum(a.nbytes for key, a in stored.items() if is_by_row or not key.endswith(":scale"))
        for member in self.model.members.values():
            weights = member.weights_of_rows()
            costs[: len(weights)] += weights * (4 + (4 if storage_format == "float32" else 2))
        return costs

    @cached_property
    def _costs_of_vocabulary(self) -> npt.NDArray[np.int64]:
        vocabulary = self.vocabulary
        lines = np.array([len(line) + 1 for line in vocabulary.text().split(b"\n")[:-1]])
        of_ngrams = np.full(len(vocabulary.ngrams), vocabulary.arrays()["ngrams"].itemsize * 2)
        return np.concatenate([lines, of_ngrams, np.diff(vocabulary.char_ngrams.starts) + 1])[: self.n_useful]

    def _storage(self, model: FittedModel, storage_format: StorageFormat) -> Mapping[str, StorageFormat]:
        """How each array is stored: in 8 bits, where it is asked for, what has rows; in 16 what has none."""
        if storage_format == "float32":
            return {}
        arrays = model.arrays()
        storage: dict[str, StorageFormat] = {
            name: "float16" for name, array in arrays.items() if array.size >= FEW_NUMBERS and array.dtype.kind == "f"
        }
        for name in _row_arrays(model) if storage_format == "int8" else ():
            is_wide = arrays[name].ndim == 2 and arrays[name].shape[1] >= MANY_COLUMNS
            storage[name] = "int8-rows" if is_wide else "int8"
        return storage


def _row_arrays(model: FittedModel) -> list[str]:
    """The names of all arrays with an entry for each row of the vocabulary."""
    return [prefix + name for prefix, member in model.members.items() for name in member.row_arrays]


def _size(classifier: FittedClassifier) -> int:
    return model_folder.extent(contents_of(classifier)).bytes


def _bytes_of_other_files(classifier: FittedClassifier) -> int:
    """Of those without words and weights, with room for what it cost, and for digits."""
    contents = contents_of(classifier)
    files = model_folder.contents(contents, card=card_of(classifier, contents))
    known = sum(len(content) for name, content in files if name not in (model_folder.VOCABULARY, model_folder.WEIGHTS))
    return known + 1_500 + 64 * len(classifier.classes)


def _shown(n_bytes: int) -> str:
    """2.0 MB, 512 kB."""
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 999_500 else f"{n_bytes / 1e3:.0f} kB"
