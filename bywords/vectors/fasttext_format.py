"""Bytes in fastText's own format (.bin) → words, their vectors and those of character n-grams."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import polars as pl

from bywords.errors import VectorFileError
from bywords.io.streams import Input
from bywords.memory import check_memory
from bywords.vectors.subwords import LONGEST_NGRAM, Floats, Subwords

MAGIC = struct.pack("<i", 793712314)
BLOCK_BYTES = 1 << 24
SETTINGS = ("dimension", "window", "epochs", "min_count", "negative", "word_ngrams", "loss", "model", "buckets",
            "shortest", "longest", "update_rate")  # fmt: skip
NEWEST = 12  # the version of the format that fastText writes since 2017; 11 has no character n-grams in classifiers
SUPERVISED = 3
MOST_DIMENSIONS, MOST_WORDS, MOST_BUCKETS = 100_000, 100_000_000, 1 << 31
LONGEST_WORD = 1 << 16  # bytes


def is_fasttext(head: bytes) -> bool:
    """Whether a file that starts with these bytes is a model in fastText's own format."""
    return head.startswith(MAGIC)


def read_fasttext(
    head: bytes, file: Input, source: str, wanted: pl.Series | None
) -> tuple[pl.Series, Floats, Subwords | None]:
    """Read the input vectors of a model, supervised or not; labels and the output layer are passed over.

    A word's vector is the mean of its own row and those of its character n-grams, as fastText's `get_word_vector`
    gives it. With `wanted`, these words alone have rows; where there are n-grams, all of them, those too that the
    model has never seen. A word without characters that the file knows, such as one cut in two, is decoded with
    replacement signs.

    Returns: words, float32 (V, D), and the n-grams; None where the model has none.
    Raises: VectorFileError for models that are quantised (.ftz), and where the file is damaged or cut off.
    """
    reader = _Reader(head, file, source)
    settings = _read_settings(reader)
    names, n_words = _read_dictionary(reader)
    if reader.take("<?", "whether the model is quantised")[0]:
        raise VectorFileError(
            f"{source}: a quantised model of fastText's (.ftz), which has no whole vectors. Take its .bin or .vec file."
        )
    n_rows, dimension = reader.take("<qq", "the size of the matrix")
    n_buckets = n_rows - n_words
    if dimension != settings["dimension"] or not 0 <= n_buckets <= MOST_BUCKETS:
        raise VectorFileError(
            f"{source}: a matrix of {n_rows:,} rows of {dimension:,} numbers, expected rows for {n_words:,} words and "
            f"{settings['buckets']:,} n-grams of {settings['dimension']:,}. The file is damaged."
        )
    has_subwords = settings["longest"] > 0 and n_buckets > 0
    check_memory(
        4.0 * dimension * (n_words + n_buckets * has_subwords), f"{source}: its vectors",
        "Take its .vec file, or a model with fewer words.", error=VectorFileError,
    )  # fmt: skip
    rows = reader.matrix(n_words, dimension)
    subwords = None
    if has_subwords:
        subwords = Subwords(settings["shortest"], settings["longest"], reader.matrix(n_buckets, dimension))
    return (*_vectors(names, rows, subwords, wanted), subwords)


def _vectors(
    names: list[bytes], rows: Floats, subwords: Subwords | None, wanted: pl.Series | None
) -> tuple[pl.Series, Floats]:
    """The words, or those that are wanted, and their vectors."""
    own = np.arange(len(names), dtype=np.int64)
    if wanted is not None:
        index = {name: row for row, name in enumerate(names)}
        asked = [word.encode("utf-8", "replace") for word in wanted]
        names = [name for name in asked if name in index or subwords is not None]
        own = np.array([index.get(name, -1) for name in names], dtype=np.int64)
    words = pl.Series("word", [name.decode("utf-8", "replace") for name in names], dtype=pl.String)
    if subwords is None:
        return words, rows[own]
    if wanted is not None:  # a word that is new and too short for an n-gram has nothing
        has_any = subwords.has(words.to_list()) | (own >= 0)
        names, own = [names[index] for index in np.flatnonzero(has_any)], own[has_any]
        words = words.filter(pl.Series(has_any))
    return words, subwords.joined(names, own, rows)


def _read_settings(reader: _Reader) -> dict[str, int]:
    """The settings that the model was trained with. Raises VectorFileError for what cannot be."""
    reader.take("<i", "the first number")
    (version,) = reader.take("<i", "the version")
    if not 0 < version <= NEWEST:
        raise VectorFileError(
            f"{reader.source}: version {version} of fastText's format, expected at most {NEWEST}. Write its vectors as "
            ".vec with fastText itself."
        )
    found = dict(zip(SETTINGS, reader.take("<12i", "the settings"), strict=True))
    reader.take("<d", "the settings")
    if version == 11 and found["model"] == SUPERVISED:
        found["longest"] = 0
    is_possible = 0 < found["dimension"] <= MOST_DIMENSIONS and 0 <= found["buckets"] <= MOST_BUCKETS
    if not is_possible or not 0 <= found["shortest"] <= max(found["longest"], found["shortest"]) <= LONGEST_NGRAM:
        raise VectorFileError(f"{reader.source}: settings that no model has: {found}. The file is damaged.")
    return found


def _read_dictionary(reader: _Reader) -> tuple[list[bytes], int]:
    """The words, most frequent first, without the labels behind them; and how many they are."""
    n_entries, n_words, n_labels, _, n_pruned = reader.take("<iiiqq", "the sizes of the dictionary")
    if not 0 <= n_words <= MOST_WORDS or n_entries != n_words + n_labels or n_labels < 0:
        raise VectorFileError(
            f"{reader.source}: a dictionary of {n_entries:,} entries, {n_words:,} words and {n_labels:,} labels. The "
            "file is damaged."
        )
    entries = [reader.entry(index) for index in range(n_entries)]
    if any(kind != (index >= n_words) for index, (_, kind) in enumerate(entries)):
        raise VectorFileError(f"{reader.source}: labels among the words of the dictionary. The file is damaged.")
    if n_pruned > 0:
        raise VectorFileError(
            f"{reader.source}: a model of fastText's whose n-grams were pruned (.ftz). Take its .bin or .vec file."
        )
    return [word for word, _ in entries[:n_words]], n_words


@dataclass
class _Reader:
    """The bytes of a file, in the order in which they are taken."""

    data: bytes
    file: Input
    source: str
    position: int = 0
    n_before: int = 0  # bytes that are no more in `data`

    def take(self, form: str, what: str) -> tuple[int, ...]:
        """The next numbers. Raises VectorFileError, naming the byte, where the file ends before."""
        start = self._have(struct.calcsize(form), what)
        self.position = start + struct.calcsize(form)
        return struct.unpack_from(form, self.data, start)

    def entry(self, index: int) -> tuple[bytes, int]:
        """The next entry of the dictionary: a word, and whether it is a label."""
        while (end := self.data.find(b"\0", self.position)) < 0:
            if len(self.data) - self.position > LONGEST_WORD:
                raise VectorFileError(
                    f"{self._here()}: a word of more than {LONGEST_WORD:,} bytes. The file is damaged."
                )
            self._have(len(self.data) - self.position + 1, f"the entry {index} of the dictionary")
        word = self.data[self.position : end]
        self.position = end + 1
        _, kind = self.take("<qb", f"the entry {index} of the dictionary")
        return word, kind

    def matrix(self, n_rows: int, dimension: int) -> Floats:
        """The next rows. Raises VectorFileError where the file ends before, or numbers are not finite."""
        found = np.empty((n_rows, dimension), dtype=np.float32)
        flat = found.reshape(-1).view(np.uint8)
        n_done = 0
        while n_done < len(flat):
            start = self._have(1, f"the vectors, of which {n_done // (4 * dimension):,} of {n_rows:,} are there")
            part = self.data[start : start + len(flat) - n_done]
            flat[n_done : n_done + len(part)] = np.frombuffer(part, dtype=np.uint8)
            n_done, self.position = n_done + len(part), start + len(part)
        if not np.isfinite(found).all():
            raise VectorFileError(f"{self.source}: vectors whose numbers are not all finite. The file is damaged.")
        return found

    def _have(self, n_bytes: int, what: str) -> int:
        """Where the next bytes start, once so many of them are there."""
        while len(self.data) - self.position < n_bytes:
            block = self.file.read(BLOCK_BYTES, location=self._here())
            if not block:
                raise VectorFileError(
                    f"{self._here()}: the file ends before {what}. It may be cut off: compare its size with the source."
                )
            self.n_before += self.position
            self.data, self.position = self.data[self.position :] + block, 0
        return self.position

    def _here(self) -> str:
        return f"{self.source}, byte {self.n_before + self.position}"
