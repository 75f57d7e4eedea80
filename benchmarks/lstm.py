"""How long does a training step of the LSTM take, against PyTorch's own on packed and on padded batches?

The same network, the same documents (20 Newsgroups in six classes, cut at 200 words) and the same weights' shapes for
all three: ours on packed batches of documents of like length, `torch.nn.LSTM` on the same packed batches, and
`torch.nn.LSTM` as the lab has it, on batches in any order that are padded to 200 words. Claims: ours takes at most half
of PyTorch's packed, and at most 0.4 of PyTorch's padded. Where there is no 20 Newsgroups the documents are reviews of
imdb, most of which are longer than 200 words: there is little padding to save, and no claim against padded batches.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

import numpy as np
import numpy.typing as npt
import torch
from measure import median_seconds, write_result
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from bywords.io.datasets import is_available, load_dataset
from bywords.models.modules.lstm import PackedLSTM, packed_positions
from bywords.text.ragged import Ragged, like_length_rows
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig

N_DOCUMENTS, BATCH_SIZE, LENGTH, DIMENSION, HIDDEN = 512, 64, 200, 100, 64


def main() -> None:
    """Time one pass over the documents, forward and backward, and assert the claim."""
    dataset = "20newsgroups-6" if is_available("20newsgroups-6") else "imdb"
    documents = encoded(dataset)
    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(int(documents.ids.max()) + 1, DIMENSION, generator=generator)
    ours = PackedLSTM(DIMENSION, HIDDEN, 2, generator)
    peer = nn.LSTM(DIMENSION, HIDDEN, bidirectional=True)
    like_length = like_length_rows(documents.lengths, BATCH_SIZE, np.random.default_rng(0))
    any_order = np.array_split(np.random.default_rng(0).permutation(len(documents)), len(like_length))

    def run_ours() -> None:
        for rows in like_length:
            positions, sizes = positions_of(documents, rows, n_directions=2)
            ours(inputs_of(documents, positions, embedding), sizes).sum().backward()

    def run_packed() -> None:
        for rows in like_length:
            positions, sizes = positions_of(documents, rows, n_directions=1)
            packed = PackedSequence(inputs_of(documents, positions, embedding)[0], sizes)
            peer(packed)[0].data.sum().backward()

    def run_padded() -> None:
        for rows in any_order:
            peer(padded(documents, rows, embedding))[0].sum().backward()

    seconds = median_seconds({"ours": run_ours, "torch packed": run_packed, "torch padded": run_padded})
    n_words = int(documents.lengths.sum())
    for name, value in seconds.items():
        share = seconds["ours"] / value
        print(f"{name:14} {value:6.2f} s  {value / n_words * 1e6:6.1f} µs a word  ours: {share:.2f} of it")
    ratios = {name: seconds["ours"] / value for name, value in seconds.items() if name != "ours"}
    write_result(
        "lstm",
        {
            "dataset": dataset,
            "seconds": seconds,
            "ours_as_share_of": ratios,
            "n_documents": len(documents),
            "n_words": n_words,
            "n_padded_words": LENGTH * len(documents),
        },
    )
    assert ratios["torch packed"] <= 0.5, ratios
    assert dataset == "imdb" or ratios["torch padded"] <= 0.4, ratios


def encoded(dataset: str) -> Ragged:
    """The first documents of a data set's training part, cut at LENGTH words."""
    tokens = Tokenizer()(load_dataset(dataset).train.texts.head(N_DOCUMENTS))
    return Vocabulary.of(tokens, VocabularyConfig(min_count=2, max_length=LENGTH)).encode(tokens)


def positions_of(documents: Ragged, rows: npt.NDArray[np.int64], *, n_directions: int) -> tuple[Tensor, Tensor]:
    """Where the words of a batch stand in the documents' ids, longest document first."""
    lengths, order = torch.from_numpy(documents.lengths[rows]).sort(descending=True)
    starts = torch.from_numpy(documents.offsets[:-1][rows])[order]
    return packed_positions(starts, lengths, n_directions=n_directions)


def inputs_of(documents: Ragged, positions: Tensor, embedding: Tensor) -> Tensor:
    """Word vectors (R, T, D) that take a gradient, as those of a tuned embedding do."""
    return embedding[torch.from_numpy(documents.ids)[positions]].requires_grad_()


def padded(documents: Ragged, rows: npt.NDArray[np.int64], embedding: Tensor) -> Tensor:
    """Word vectors (L, N, D), every document padded to LENGTH words."""
    batch = documents.select(rows)
    ids = torch.zeros(LENGTH, len(batch), dtype=torch.int64)
    for index, (start, stop) in enumerate(zip(batch.offsets[:-1], batch.offsets[1:], strict=True)):
        ids[: stop - start, index] = torch.from_numpy(batch.ids[start:stop])
    return embedding[ids].requires_grad_()


if __name__ == "__main__":
    main()
