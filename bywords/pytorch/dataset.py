"""Texts and labels → a data set of ids for PyTorch, and batches of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from bywords.data.labels import Labels, classes_of, codes_of, read_labels
from bywords.errors import DataError, SettingError, check_kind, shown
from bywords.models.modules.batches import NO_LABEL, PaddedBatch, RaggedBatch, padded_batch
from bywords.text.custom_tokens import TokenFunction
from bywords.text.inputs import Texts
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary

Item = tuple[Tensor, int]


class TextDataset(Dataset[Item]):
    """N documents as ids with the number of their class: item i is (ids int64 (L,), label).

    The `vocabulary` is counted from these texts where none is given; those to choose or test on are given that of the
    training texts, and its `classes`. Words that it does not have are left out; a document of which nothing is known
    is one unknown word, id 1. No document contains id 0, which is padding. Of more than `max_length` tokens the first
    count. Without `labels` each label is -1. `tokenizer` is what `Tokenizer` takes: a function, say, or "given" where
    texts are lists of tokens.
    Raises: DataError for texts or labels that are none, and for a label that is not among the classes.

    >>> from bywords import TextDataset, collate_padded
    >>> train = TextDataset(["the printer is on fire", "a flat tyre"], ["office", "garage"])
    >>> len(train), train.classes.tolist(), len(train.vocabulary)
    (2, ['garage', 'office'], 10)
    >>> test = TextDataset(["a fire"], ["office"], train.vocabulary, classes=train.classes)
    >>> batch = collate_padded([train[0], test[0]])
    >>> tuple(batch.ids.shape), batch.lengths.tolist(), batch.labels.tolist()
    ((2, 5), [5, 2], [1, 1])
    """

    def __init__(
        self,
        texts: Texts,
        labels: Labels | None = None,
        vocabulary: Vocabulary | None = None,
        *,
        max_length: int | None = None,
        classes: Sequence[Any] | npt.NDArray[Any] | None = None,
        tokenizer: Tokenizer | TokenFunction | str | None = None,
    ) -> None:
        if max_length is not None and (not isinstance(max_length, int) or max_length < 1):
            raise SettingError(f"max_length is {shown(max_length)}, expected a whole number of tokens, 1 or more.")
        vocabularies = "a Vocabulary, as in Vocabulary.of(Tokenizer()(texts)) or the one of the training part"
        check_kind("vocabulary", vocabulary, (Vocabulary, type(None)), vocabularies)
        tokens = Tokenizer(tokenizer)(texts)
        self.vocabulary = vocabulary if vocabulary is not None else Vocabulary.of(tokens)
        self.classes: npt.NDArray[Any] = np.zeros(0, dtype=np.str_) if classes is None else np.asarray(classes)
        self.labels = torch.full((len(tokens),), NO_LABEL)
        if labels is not None:
            given = read_labels(labels, part="training" if classes is None else "new")
            if given.label_format != "one":
                raise DataError(
                    "TextDataset holds one label a document: give each document one, as a list of N labels."
                )
            if len(given) != len(tokens):
                raise DataError(f"{len(tokens)} texts and {len(given)} labels: expected as many.")
            self.classes = classes_of(given) if classes is None else self.classes
            codes = codes_of(given, self.classes, "one", part="new")
            self.labels = torch.from_numpy(np.asarray(codes, dtype=np.int64))
        documents = self.vocabulary.encode(tokens)
        self._ids, self._offsets = torch.from_numpy(documents.ids.astype(np.int64)), documents.offsets.tolist()
        self._longest = max_length or len(self._ids)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Item:
        index = range(len(self))[index]  # raises IndexError, so that a loop over all ends
        start, stop = self._offsets[index], self._offsets[index + 1]
        return self._ids[start : min(stop, start + self._longest)], int(self.labels[index])


def collate_padded(items: Sequence[Item]) -> PaddedBatch:
    """Items of a `TextDataset` → one batch, padded; for `torch.utils.data.DataLoader(collate_fn=…)`.

    >>> from torch.utils.data import DataLoader
    >>> from bywords import TextDataset, collate_padded
    >>> loader = DataLoader(TextDataset(texts, labels), batch_size=2, shuffle=True, collate_fn=collate_padded)
    >>> next(iter(loader)).is_token.dtype
    torch.bool
    """
    return padded_batch([ids for ids, _ in items], torch.tensor([label for _, label in items]))


def collate_ragged(items: Sequence[Item]) -> RaggedBatch:
    """Items of a `TextDataset` → one batch without padding.

    >>> from bywords import TextDataset, collate_ragged
    >>> collate_ragged([(TextDataset(["a b c"])[0][0], 0), (TextDataset(["a"])[0][0], 1)]).offsets.tolist()
    [0, 3, 4]
    """
    ids, labels = [ids for ids, _ in items], [label for _, label in items]
    lengths = torch.tensor([0, *(len(each) for each in ids)])
    return RaggedBatch(torch.cat(ids), lengths.cumsum(0), torch.tensor(labels))
