"""The labelled texts of a block, cut into tokens ⇄ a file: what the passes behind the first read instead of the texts.

It holds two bytes a token, where a block has no more words than that tells apart, and the words once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.cluster.values import read_value, write_value
from bywords.data.corpus import Corpus
from bywords.errors import SettingError
from bywords.text.tokenizer import Tokenizer, Tokens
from bywords.text.word_table import Words

MOST_NARROW = 1 << 16  # words that are told apart by two bytes


@dataclass(frozen=True, eq=False)
class CutTexts:
    """N labelled documents whose texts are cut."""

    labelled: Corpus  # with empty texts, and the label names of these documents alone
    tokens: Tokens
    digests: npt.NDArray[np.uint8]  # (N, 32), the SHA-256 of each text

    @classmethod
    def of(cls, tokenizer: Tokenizer, corpus: Corpus) -> CutTexts:
        """Cut the texts of a corpus. Raises: DataError as the tokenizer."""
        digests = b"".join(hashlib.sha256(text.encode()).digest() for text in corpus.texts.to_list())
        labelled = Corpus(
            corpus.name, _empty_texts(len(corpus)), corpus.labels, corpus.label_names, corpus.rows,
            remarks=corpus.remarks,
        )  # fmt: skip
        return cls(labelled, tokenizer(corpus.texts), np.frombuffer(digests, dtype=np.uint8).reshape(-1, 32))

    def __len__(self) -> int:
        return len(self.digests)

    def keep(self, path: Path) -> None:
        """Write it, whole or not at all; not where there is no such folder, nor where it cannot be written."""
        beside = path.with_name(f"{path.name}-{os.getpid()}")
        codes, words, its = self.tokens.codes, self.tokens.words, self.labelled
        narrow = codes.astype(np.uint16) if len(words) <= MOST_NARROW else codes
        value = (
            narrow,
            self.tokens.offsets,
            words.data,
            words.starts,
            its.labels,
            its.label_names,
            its.rows,
            self.digests,
        )
        with contextlib.suppress(OSError, SettingError):
            if path.parent.is_dir():
                try:
                    write_value(beside, (its.name, *value))
                    beside.replace(path)
                finally:
                    beside.unlink(missing_ok=True)


def kept(path: Path) -> CutTexts:
    """What was kept. Raises: OSError where it was not, or is not to be seen from here."""
    name, codes, offsets, data, starts, labels, label_names, rows, digests = read_value(path)
    tokens = Tokens(codes.astype(np.int32), Words(data, starts), offsets)
    return CutTexts(Corpus(name, _empty_texts(len(rows)), labels, label_names, rows), tokens, digests)


def _empty_texts(n_documents: int) -> pl.Series:
    return pl.repeat("", n_documents, dtype=pl.String, eager=True).rename("text")
