"""Words and their vectors → rows for a vocabulary, coverage and nearest neighbours."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.annotations import check_arguments, check_fields
from bywords.checkpoint import Checkpoint
from bywords.display import shown_table
from bywords.errors import SettingError, VectorFileError
from bywords.extras import needed
from bywords.files import check_writable, replacing, sync, write_errors
from bywords.text.memory_mapped import MappedDocuments
from bywords.text.ragged import UNKNOWN, offsets_of
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary
from bywords.vectors.static_embeddings import StaticEmbeddings
from bywords.vectors.subwords import Subwords

OnEpoch = Callable[[int, int, float | None], None]  # epoch from 1, number of epochs, loss or None
OnPart = Callable[[int, int, str], None]  # part from 1, number of parts, what is done with them
WORDS, SUBWORDS = ".vocab", ".subwords.safetensors"  # the endings of what is beside a matrix
START_DEVIATION = 0.1  # of the start of words without a vector, where fewer than two words show what is usual


@dataclass(frozen=True)
class WordVectors:
    """V distinct words with D numbers each.

    `words` is a string Series (V,), `matrix` float32 (V, D) in the same order and may be a memory map;
    `name` says where they come from. No row is kept for padding or for the unknown word: `align` adds them. Where there
    are `subwords`, a word without a row has the vector of its character n-grams or of its pieces.
    Raises: VectorFileError when the two do not fit each other, or a word occurs twice.

    >>> import numpy as np
    >>> import polars as pl
    >>> from bywords import WordVectors
    >>> vectors = WordVectors(pl.Series(["fire", "smoke"]), np.eye(2, dtype=np.float32), name="two words")
    >>> len(vectors), vectors.dimension
    (2, 2)
    """

    words: pl.Series
    matrix: npt.NDArray[np.float32]
    name: str
    subwords: Subwords | StaticEmbeddings | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.matrix.ndim != 2 or self.matrix.dtype != np.float32:
            raise VectorFileError(
                f"vectors {self.name!r}: expected a float32 matrix (V, D), "
                f"found {self.matrix.dtype} {self.matrix.shape}."
            )
        if len(self.words) != len(self.matrix):
            raise VectorFileError(
                f"vectors {self.name!r}: {len(self.words)} words, but {len(self.matrix)} rows of numbers. "
                "Expected one row for each word."
            )
        if self.words.n_unique() != len(self.words):
            double = self.words.filter(self.words.is_duplicated())[0]
            raise VectorFileError(f"vectors {self.name!r}: the word {double!r} occurs twice. Keep one of its rows.")

    def __len__(self) -> int:
        return len(self.words)

    def __deepcopy__(self, memo: object) -> WordVectors:
        """Itself: nothing in it changes, and scikit-learn copies what an estimator is given."""
        return self

    @property
    def dimension(self) -> int:
        """D, the numbers of each word."""
        return int(self.matrix.shape[1])

    def check_dimension(self, dimension: int) -> None:
        """Raise SettingError when a model asks for another number of dimensions than these vectors have."""
        if dimension != self.dimension:
            raise SettingError(
                f"dimension is {dimension}, but the vectors {self.name!r} have {self.dimension}. "
                f"Set dimension to {self.dimension}, or take other vectors."
            )

    @check_arguments
    def align(self, vocabulary: Vocabulary, *, seed: int = 0) -> Aligned:
        """Put the rows into the order of the vocabulary's ids.

        A word is looked up as it is written, then in lower case. A word without a vector starts from a normal
        distribution, drawn from `seed`, with the mean and the standard deviation that the found rows have in each
        dimension. Padding and the unknown word are zeros: neither says anything until a model has learned it.
        """
        rows, is_exact = self._rows_of(vocabulary.words)
        n_others = len(vocabulary) - vocabulary.n_words  # n-grams and character n-grams have no vector
        rows, is_exact = np.append(rows, np.full(n_others, -1)), np.append(is_exact, np.zeros(n_others, dtype=bool))
        is_found, is_row = rows >= 0, rows >= 0
        matrix = np.zeros((len(vocabulary), self.dimension), dtype=np.float32)
        real = matrix[UNKNOWN + 1 :]  # a view: the rows of real words
        real[is_row] = self.matrix[rows[is_row]]
        if self.subwords is not None:
            missing = np.flatnonzero(~is_row[: len(vocabulary.words)])
            words = vocabulary.words.gather(missing).to_list()
            is_made = self.subwords.has(words)
            real[missing[is_made]] = self.subwords.vectors([words[index] for index in np.flatnonzero(is_made)])
            is_found[missing[is_made]] = True
        found = real[is_found]
        mean, deviation = np.float32(0.0), np.float32(START_DEVIATION)
        if len(found) > 1:
            mean, deviation = found.mean(axis=0), found.std(axis=0)
        generator = np.random.default_rng(seed)
        n_missing = int((~is_found).sum())
        real[~is_found] = mean + deviation * generator.standard_normal((n_missing, self.dimension), dtype=np.float32)

        has_vector = np.zeros(len(vocabulary), dtype=bool)
        has_vector[UNKNOWN + 1 :] = is_found
        n_tokens = int(vocabulary.counts.sum())
        coverage = Coverage(
            n_types=len(vocabulary.words),
            n_types_found=int(is_found.sum()),
            n_by_lower_case=int((is_row & ~is_exact).sum()),
            n_by_subwords=int((is_found & ~is_row).sum()),
            n_tokens=n_tokens,
            n_tokens_found=int(vocabulary.counts[has_vector[: vocabulary.n_words]].sum()),
        )
        return Aligned(matrix, has_vector, coverage)

    def __contains__(self, word: object) -> bool:
        """Whether a word, or its lower-case form, has a row."""
        return isinstance(word, str) and int(self._rows_of(_series([word]))[0][0]) >= 0

    @check_arguments
    def vector(self, word: str) -> npt.NDArray[np.float32]:
        """The vector of a word, float32 (D,): its row, that of its lower-case form, or that of its parts.

        Raises: SettingError, with words of like spelling, when it has none.

        >>> from bywords import load_vectors
        >>> load_vectors("vectors.txt").vector("fire").tolist()
        [1.0, 0.0, 1.0]
        """
        word = word.encode("utf-8", "replace").decode()
        row = int(self._rows_of(_series([word]))[0][0])
        if row >= 0:
            return np.array(self.matrix[row])
        if self.subwords is not None and self.subwords.has([word])[0]:
            return self.subwords.vectors([word])[0]
        raise SettingError(f"the vectors {self.name!r} have no word {word!r:.100}.{self._did_you_mean(word)}")

    @check_arguments
    def similarity(self, one: str, other: str) -> float:
        """The cosine of the angle between the vectors of two words, -1 to 1; 0 where one is all zeros.

        Raises: as `vector`.

        >>> from bywords import load_vectors
        >>> round(load_vectors("vectors.txt").similarity("fire", "printer"), 4)
        0.7071
        """
        return float(_unit(self.vector(one)) @ _unit(self.vector(other)))

    @check_arguments
    def nearest(self, word: str, n: int = 10) -> list[tuple[str, float]]:
        """The `n` words whose vectors have the greatest cosine with that of `word`, greatest first, without itself.

        Raises: as `vector`.
        """
        return self._nearest_to(self.vector(word), [word], n)

    @check_arguments
    def analogy(self, one: str, less: str, plus: str, n: int = 10) -> list[tuple[str, float]]:
        """The `n` words nearest to `one` - `less` + `plus`, each of length 1, by cosine, without these three.

        "king", "man", "woman" asks what is to woman as king is to man.
        Raises: as `vector`. Source: Mikolov, Yih, Zweig (2013), "Linguistic Regularities in Continuous Space Word
        Representations".

        >>> from bywords import load_vectors
        >>> load_vectors("vectors.txt").analogy("fire", "printer", "tyre", n=1)[0][0]
        'car'
        """
        wanted = _unit(self.vector(one)) - _unit(self.vector(less)) + _unit(self.vector(plus))
        return self._nearest_to(wanted, [one, less, plus], n)

    def _nearest_to(self, wanted: npt.NDArray[np.float32], without: Sequence[str], n: int) -> list[tuple[str, float]]:
        """The `n` words with the greatest cosine to a vector, but for those that are named."""
        lengths = np.linalg.norm(self.matrix, axis=1)
        scale = lengths * np.linalg.norm(wanted)
        cosines = np.divide(self.matrix @ wanted, scale, out=np.zeros_like(scale), where=scale > 0)
        named = self._rows_of(_series(without))[0]
        cosines[named[named >= 0]] = -np.inf
        n_left = len(self) - len(np.unique(named[named >= 0]))
        best = np.argsort(-cosines, kind="stable")[: max(0, min(n, n_left))]
        return list(zip(self.words.gather(best).to_list(), cosines[best].tolist(), strict=True))

    def _repr_html_(self) -> str:
        first = zip(self.words[:8], self.matrix[:8], strict=True)
        rows = [{"word": word, "numbers": _beginning(row)} for word, row in first]
        title = f"{self.name}: {len(self):,} words of {self.dimension} dimensions"
        return shown_table(title, rows, notes=[f"{len(self) - 8:,} more words."] if len(self) > 8 else [])

    @check_arguments
    def plot(self, words: Sequence[str] | None = None, axes: Any = None) -> Any:
        """Draw words, by default the first 50, by the first two principal components of their vectors; returns
        matplotlib's axes. What is near in many dimensions may be apart in two, and the other way round.

        Raises: as `vector`.
        """
        chosen = list(words) if words is not None else self.words[:50].to_list()
        rows = np.stack([self.vector(word) for word in chosen]) if chosen else np.zeros((0, self.dimension), np.float32)
        if len(chosen) < 2 or self.dimension < 2:
            raise SettingError(
                f"a map takes two words and two dimensions, and there are {len(chosen)} and {self.dimension}."
            )
        if axes is None:
            axes = needed("matplotlib.pyplot", what="to draw words").subplots()[1]
        centred = rows - rows.mean(axis=0)
        places = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        axes.scatter(*places.T, s=8)
        for word, place in zip(chosen, places, strict=True):
            axes.annotate(word, place, xytext=(3, 3), textcoords="offset points")
        axes.set(xlabel="first principal component", ylabel="second")
        return axes

    def save(self, path: Path) -> None:
        """Write the matrix to `path` (.npy) and, beside it, the words, one a line (.vocab), and where there are
        n-grams their vectors (.subwords.safetensors); `read_vectors` reads all. Of static embeddings the words are
        kept, and not their tokenizer.

        Raises: as `check_vectors_place`; VectorFileError when a word has a line end in it.
        """
        check_vectors_writable(path)
        if (broken := self.words.filter(self.words.str.contains("\n", literal=True))).len():
            raise VectorFileError(f"{path}: the word {broken[0]!r} has a line end in it, but is to be one line.")
        with write_errors(path), contextlib.ExitStack() as places:  # the last is exchanged first, the words last of all
            words = places.enter_context(replacing(path.with_suffix(WORDS)))
            matrix = places.enter_context(replacing(path))
            words.write_text("".join(f"{word}\n" for word in self.words), encoding="utf-8", newline="")
            with matrix.open("wb") as file:  # np.save would say nothing where the disk takes all but the last numbers
                numbers = np.ascontiguousarray(self.matrix)
                np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(numbers))
                file.write(numbers.data)
            written = [words, matrix]
            if isinstance(self.subwords, Subwords):
                written.append(places.enter_context(replacing(path.with_suffix(SUBWORDS))))
                self.subwords.save(written[-1])
            for each in written:
                sync(each)
            for other in (WORDS, SUBWORDS):  # a crash leaves none that are of another matrix
                path.with_suffix(other).unlink(missing_ok=True)

    def _rows_of(self, words: pl.Series) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """The row of each word, int64 (n,), -1 where it has none; whether it was found as it is written, bool (n,)."""
        rows = np.full(len(words), -1, dtype=np.int64)
        if len(self) and len(words):
            rows = self._exact_rows(words)
            is_exact = rows >= 0
            missing = np.flatnonzero(~is_exact)
            rows[missing] = self._exact_rows(words.gather(missing).str.to_lowercase())
            return rows, is_exact
        return rows, rows >= 0

    def _exact_rows(self, words: pl.Series) -> npt.NDArray[np.int64]:
        # The many words of the vectors are narrowed to the wanted ones first: a scan, not a table of them all.
        candidates = self.words.is_in(words.unique().implode()).arg_true()
        if not len(candidates):
            return np.full(len(words), -1, dtype=np.int64)
        known = self.words.gather(candidates)
        rows = words.replace_strict(known, candidates.cast(pl.Int64), default=-1, return_dtype=pl.Int64)
        return rows.to_numpy(writable=True)

    def _did_you_mean(self, word: str) -> str:
        is_alike = self.words.str.starts_with(word[:1]) & self.words.str.len_chars().is_between(
            max(len(word) - 2, 0), len(word) + 2
        )
        alike = difflib.get_close_matches(word, self.words.filter(is_alike).to_list(), n=3, cutoff=0.7)
        return f" Did you mean {' or '.join(map(repr, alike))}?" if alike else ""


def _series(words: Sequence[str]) -> pl.Series:
    return pl.Series(list(words), dtype=pl.String)


def _beginning(row: npt.NDArray[np.float32]) -> str:
    return ", ".join(f"{value:.2f}" for value in row[:6].tolist()) + (", …" if len(row) > 6 else "")


def _unit(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The vector with length 1; zeros as they are."""
    length = np.linalg.norm(vector)
    return vector / length if length > 0 else vector


def check_vectors_writable(path: Path) -> None:
    """Raise VectorFileError when `path` does not end in .npy, SettingError when it cannot be written there.

    A file of words without a matrix beside it is somebody else's.
    """
    if path.suffix != ".npy":
        raise VectorFileError(f"{path}: expected a file name that ends in .npy.")
    check_writable(path)
    for beside in (path.with_suffix(WORDS), path.with_suffix(SUBWORDS)):
        check_writable(beside)
        if beside.exists() and not path.exists():
            raise SettingError(f"{beside}: is there already, and has no vectors beside it. Choose another name.")


@dataclass(frozen=True)
class Aligned:
    """Vectors in the order of a vocabulary's ids: what an embedding starts from.

    `matrix` is float32 (V, D); `has_vector` is bool (V,), false for padding, the unknown word and words
    that only got a start.
    """

    matrix: npt.NDArray[np.float32]
    has_vector: npt.NDArray[np.bool_]
    coverage: Coverage


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How much of a vocabulary has a vector. A type is a distinct word, a token each time that it occurs."""

    n_types: int
    n_types_found: int
    n_by_lower_case: int  # of those found, the ones found only by their lower-case form
    n_by_subwords: int = 0  # of those found, the ones that only have a vector of their character n-grams
    n_tokens: int  # all that were counted, those outside of the vocabulary too
    n_tokens_found: int

    @property
    def share_of_types(self) -> float:
        """From 0 to 1; NaN for an empty vocabulary."""
        return self.n_types_found / self.n_types if self.n_types else float("nan")

    @property
    def share_of_tokens(self) -> float:
        """From 0 to 1; NaN where nothing was counted. Words outside of the vocabulary count as not found."""
        return self.n_tokens_found / self.n_tokens if self.n_tokens else float("nan")


class TrainingOptions(TypedDict, total=False):
    """How word vectors are trained: seed, the checkpoint to resume from, and what is called after each epoch, after
    each part of documents in files, and with what there is when Ctrl-C comes behind the first epoch, which goes on.
    """

    seed: int
    checkpoint: Checkpoint
    on_epoch: OnEpoch | None
    on_part: OnPart
    on_interrupt: Callable[[WordVectors], None] | None


def word_ids(
    tokens: Tokens | MappedDocuments, vocabulary: Vocabulary
) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]]:
    """The ids of the words of some documents at a time, int32 (T,), 1 where there is none; and offsets, int64 (N + 1,).

    All at once of tokens; of documents in files those of a stretch, as they are there: cut off at the longest length,
    and without words that have no id unless the vocabulary keeps them.
    """
    if isinstance(tokens, Tokens):
        yield vocabulary.token_ids(tokens), tokens.offsets
        return
    for documents in tokens.batches(len(tokens)):
        is_word = documents.ids < vocabulary.n_words  # and no n-gram
        yield documents.ids[is_word], offsets_of(np.add.reduceat(is_word, documents.offsets[:-1], dtype=np.int64))


class VectorsConfig:
    """Where the word vectors of a system come from: the base of small frozen settings that can get them."""

    is_pretrained: ClassVar[bool] = False  # somebody trained them before, on other texts
    reads_files: ClassVar[bool] = False  # whether what they are made for may be documents in files
    counts_gaps: ClassVar[bool] = False  # whether they are trained by how far words are apart, words without a row too
    library: ClassVar[str | None] = None  # the package that trains them, beside numpy

    def vectors_for(
        self, tokens: Tokens | MappedDocuments, vocabulary: Vocabulary, **how: Unpack[TrainingOptions]
    ) -> WordVectors:
        """Vectors for the words of the vocabulary, read or trained on `tokens`; see `reads_files`."""
        raise NotImplementedError
