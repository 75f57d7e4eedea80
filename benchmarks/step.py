"""What does a training step cost when pairs of words multiply the vocabulary's rows?

`dan` on imdb, an epoch on words alone and on words and pairs of words. A document has more ids with pairs, so batches
have fewer documents: a step reads about IDS_A_BATCH ids in both, and the time is given for each id that is read.
Claims: with pairs it is at most 2.5 times as much, for rows that no cache holds; and on words alone a fourth of what it
is with PyTorch's own embedding bag and dense Adam, whose step changes every row. Medians of five runs in turn.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; see bywords/cli/main.py

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name under which everybody knows it)
from measure import median_seconds, write_result

from bywords.evaluation.metrics import Labels
from bywords.io.datasets import load_dataset
from bywords.models.averaging import AveragingConfig
from bywords.models.modules.averaging import AveragingModule, SumOfRows
from bywords.text.bags import Bags
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.training.sparse_adagrad import SparseAdagrad

sum_of_rows: Callable[..., torch.Tensor] = SumOfRows.apply
N_DOCUMENTS, IDS_A_BATCH, DIMENSION = 6_400, 10_000, 64


def main() -> None:
    """Time the epochs, and assert the claim."""
    corpus = load_dataset("imdb").train
    tokens, labels = Tokenizer()(corpus.texts.to_list()), corpus.labels[:N_DOCUMENTS]
    candidates: dict[str, Callable[[], None]] = {}
    n_rows, n_ids = {}, {}
    for name, ngrams in (("words", 1), ("words and pairs", 2)):
        vocabulary = Vocabulary.of(tokens, VocabularyConfig(ngrams=ngrams, ngram_min_count=2))
        documents = vocabulary.encode(tokens.select(np.arange(N_DOCUMENTS)))
        config = AveragingConfig(dimension=DIMENSION, weighting="log-tfidf", hidden_layers=1)
        generator = torch.Generator().manual_seed(0)
        model = AveragingModule(config, n_words=len(vocabulary), n_classes=2, generator=generator)
        bags = model.weigh(documents)
        n_rows[name], n_ids[name] = len(vocabulary), len(bags.ids)
        candidates[name] = partial(epoch, model, bags, labels, is_dense=False)
        if ngrams == 1:  # with pairs, dense steps take minutes
            candidates[f"{name}, dense"] = partial(epoch, model, bags, labels, is_dense=True)
    seconds = median_seconds(candidates)
    nanoseconds = {}
    for name, value in seconds.items():
        kind = name.removesuffix(", dense")
        nanoseconds[name] = value / n_ids[kind] * 1e9
        print(f"{name:24} {n_rows[kind]:9,} rows  {value:6.2f} s an epoch  {nanoseconds[name]:7.0f} ns an id")
    ratio = nanoseconds["words and pairs"] / nanoseconds["words"]
    print(f"{n_rows['words and pairs'] / n_rows['words']:.1f} times the rows: an id costs {ratio:.2f} times as much")
    write_result("step", {"seconds": seconds, "nanoseconds_an_id": nanoseconds, "n_rows": n_rows, "ratio": ratio})
    assert ratio <= 2.5, ratio
    assert nanoseconds["words"] <= nanoseconds["words, dense"] / 4, nanoseconds


def epoch(model: AveragingModule, bags: Bags, labels: Labels, *, is_dense: bool) -> None:
    """One pass over the documents: forward, backward and a step for each batch."""
    rows = torch.nn.EmbeddingBag.from_pretrained(
        model.embedding.weight.detach(), freeze=False, mode="sum", include_last_offset=True
    )
    optimizer: torch.optim.Optimizer = SparseAdagrad([model.embedding.weight], lr=1e-4)
    if is_dense:
        optimizer = torch.optim.Adam([rows.weight], lr=1e-4, fused=True)
    index_of = np.full(len(rows.weight), -1, dtype=np.int32)
    batch_size = IDS_A_BATCH * len(bags) // len(bags.ids)
    for start in range(0, len(bags), batch_size):
        batch = bags.select(np.arange(start, min(start + batch_size, len(bags))))
        if is_dense:
            ids, offsets = torch.from_numpy(batch.ids.astype(np.int64)), torch.from_numpy(batch.offsets)
            sums = rows(ids, offsets, per_sample_weights=torch.from_numpy(batch.weights))
        else:
            sums = sum_of_rows(model.embedding.weight, batch, batch.weights, index_of, True)
        loss = F.cross_entropy(model.output(sums.relu()), torch.from_numpy(labels[start : start + batch_size]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main()
