"""A file of labelled documents of any size → their labels in memory, and their texts in files, to read some of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.data.corpus import Corpus, labelled_as, sorted_names
from bywords.data.hierarchy import check_paths
from bywords.data.label_names import of_each_kind
from bywords.data.label_sets import LabelSets
from bywords.errors import DataError
from bywords.io.corpus_record import OnBlock
from bywords.io.datasets import with_known_labels
from bywords.io.read_options import ReadOptions
from bywords.io.readers import read_labelled_blocks, skipped_rows

FILE_BYTES = 1 << 22  # of texts, about, that are written at a time

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TextsOnDisk:
    """N documents in `n_parts` parts, which were drawn: each is as good a sample as any."""

    labelled: Corpus  # all of them, with empty texts
    part_of: npt.NDArray[np.int32]  # (N,)
    folder: Path
    n_parts: int

    def __len__(self) -> int:
        return len(self.labelled)

    def part(self, number: int) -> tuple[Corpus, Indices]:
        """The documents of a part with their texts, and their indices among all, int64, ascending."""
        return self.some(np.flatnonzero(self.part_of == number))

    def some(self, documents: Indices) -> tuple[Corpus, Indices]:
        """These documents, ascending, with their texts; and their indices."""
        asked = pl.DataFrame({"document": documents})
        names = [f"{number}-*" for number in np.unique(self.part_of[documents]).tolist()]
        files = [path for name in names for path in sorted(self.folder.glob(name))]
        found = [pl.read_ipc(path).join(asked, on="document", how="semi") for path in files]
        texts = pl.concat([pl.DataFrame(schema={"document": pl.Int64, "text": pl.String}), *found]).sort("document")
        return dataclasses.replace(self.labelled.select(documents), texts=texts["text"]), documents


def texts_on_disk(
    path: str,
    options: ReadOptions,
    folder: Path,
    *,
    n_parts: int,
    generator: np.random.Generator,
    like: Corpus | None = None,
    on_texts: Callable[[Iterator[pl.Series]], None],
    on_block: OnBlock,
) -> TextsOnDisk:
    """Read a file once, and write its texts into `folder`, which is empty. `on_texts` takes them, some at a time, to
    their end.

    A test file is read `like` its training documents: their columns, and no labels but theirs. `on_block` gets what is
    done, how many documents are, and what share of all (None where that is not known).

    Raises: as `read_parts`.
    """
    folder.mkdir()
    skipped, writer, blocks = skipped_rows(options.bad_rows), _Writer(folder), _Labels()
    if like is not None and like.read_as is not None:
        options = dataclasses.replace(options, text=None, label=None, side=(), contract=like.read_as)
    parts = [np.zeros(0, dtype=np.int32)]

    def read() -> Iterator[pl.Series]:
        for block in read_labelled_blocks(Path(path), options, skipped=skipped):
            corpus = block.corpus
            if like is not None:
                corpus = labelled_as(corpus, multilabel=like.is_multilabel)
                corpus = with_known_labels(corpus, like.label_names, bad_rows=options.bad_rows)
            parts.append(generator.integers(n_parts, size=len(corpus), dtype=np.int32))
            writer.write(corpus.texts, parts[-1], blocks.n_documents)
            blocks.add(corpus)
            on_block(f"reading {path}", blocks.n_documents, block.share_read)
            yield corpus.texts_alone().texts

    on_texts(read())
    writer.flush()
    labelled = blocks.labelled(() if like is None else like.label_names)
    if skipped is not None:
        n_skipped, first = labelled.n_skipped + skipped.count, skipped.first or labelled.first_skipped
        labelled = dataclasses.replace(labelled, n_skipped=n_skipped, first_skipped=first)
    check_paths(labelled)
    return TextsOnDisk(labelled, np.concatenate(parts), folder, n_parts)


class _Labels:
    """The labels of documents that come some at a time."""

    def __init__(self) -> None:
        self.n_documents = 0
        self._first: Corpus | None = None
        self._numbers: dict[str, int] = {}
        self._documents, self._labels, self._rows = list[Indices](), list[Indices](), list[Indices]()
        self._is_multilabel, self._remarks, self._skipped = False, list[str](), (0, "")

    def add(self, corpus: Corpus) -> None:
        self._first = self._first or dataclasses.replace(corpus.select([]), remarks=())
        documents, labels = corpus.label_pairs()
        numbers = [self._numbers.setdefault(name, len(self._numbers)) for name in corpus.label_names]
        self._documents.append(self.n_documents + documents)
        self._labels.append(np.array(numbers, dtype=np.int64)[labels])
        self._rows.append(corpus.rows)
        self._is_multilabel |= corpus.is_multilabel
        self._remarks = of_each_kind([*self._remarks, *corpus.remarks])
        self._skipped = self._skipped[0] + corpus.n_skipped, self._skipped[1] or corpus.first_skipped
        self.n_documents += len(corpus)

    def labelled(self, label_names: tuple[str, ...]) -> Corpus:
        """All documents without their texts. `label_names` are those that there may be, where that is known."""
        if self._first is None:
            raise DataError("there are no documents: there is nothing to look at.")
        names, documents = label_names or sorted_names(self._numbers), np.concatenate(self._documents)
        places = {name: index for index, name in enumerate(names)}
        table = np.array([places[name] for name in self._numbers], dtype=np.int64)
        labels: Any = table[np.concatenate(self._labels)]
        if self._is_multilabel:
            labels = LabelSets.of_pairs(documents, labels, self.n_documents, len(names))
        return dataclasses.replace(
            self._first, texts=pl.repeat("", self.n_documents, dtype=pl.String, eager=True).rename("text"),
            labels=labels, label_names=names, rows=np.concatenate(self._rows), remarks=tuple(self._remarks),
            n_skipped=self._skipped[0], first_skipped=self._skipped[1], columns=None,
        )  # fmt: skip


class _Writer:
    """Writes the texts of each part into files of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._n_files = folder, 0
        self._waiting: dict[int, list[pl.DataFrame]] = {}
        self._n_bytes: dict[int, int] = {}

    def write(self, texts: pl.Series, parts: npt.NDArray[np.int32], first: int) -> None:
        """Texts, the part of each, and the index of the first of them."""
        table = pl.DataFrame({"document": first + np.arange(len(texts)), "text": texts, "part": parts})
        for (part,), its in table.group_by("part", maintain_order=True):
            assert isinstance(part, int)
            self._waiting.setdefault(part, []).append(its.drop("part"))
            self._n_bytes[part] = self._n_bytes.get(part, 0) + int(its["text"].str.len_bytes().sum())
            if self._n_bytes[part] > FILE_BYTES:
                self._write(part)

    def flush(self) -> None:
        for part in list(self._waiting):
            self._write(part)

    def _write(self, part: int) -> None:
        self._n_files += 1
        pl.concat(self._waiting.pop(part)).write_ipc(self._folder / f"{part}-{self._n_files:06}", compression="lz4")
        self._n_bytes[part] = 0
