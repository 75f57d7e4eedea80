"""The 26 parts of the lab that bywords grew out of, the figures that it was published with, and its corpus."""

from __future__ import annotations

from typing import NamedTuple

CORPUS, INSTEAD = "20newsgroups-6", "imdb"  # and what stands in where it cannot be had


class Part(NamedTuple):
    """A part of the lab."""

    name: str
    published: str  # its figures as they were published; on 20 Newsgroups in six groups


PARTS = {
    1: Part("20 Newsgroups, headers, footers and quotes removed", "20 classes"),
    2: Part("the 20 groups in 6", "6 classes"),
    3: Part("documents without words", "dropped, not counted"),
    4: Part("vocabulary by frequency", "161,713 word types"),
    5: Part("Zipf's law", "a picture"),
    6: Part("coverage", "5,000 words .85, 10,000 .89, 20,000 .93, 50,000 .96, 100,000 .98 of the corpus"),
    7: Part("validation part", "20 % of the training part"),
    8: Part("GloVe", "explained, not trained"),
    9: Part("pre-trained GloVe cut to the vocabulary", "matrix (10,001, 300)"),
    10: Part("word2vec", "explained"),
    11: Part("word2vec trained on the corpus", "matrix (10,001, 300)"),
    12: Part("document vector by any function of its word vectors", "mean"),
    13: Part("logistic regression on document vectors", "validation: GloVe 72.7 %, word2vec 61.8 %"),
    14: Part("why GloVe is ahead, and what would be fair", "asked"),
    15: Part("tensors, autograd, a linear layer, SGD", "a tour"),
    16: Part("Dataset and DataLoader on five sentences", "a tour"),
    17: Part("three parts by proportions", "a function"),
    18: Part("documents as padded batches", "a batch of (200, 200)"),
    19: Part("averaging model from scratch", "validation 77.66 %, test 74.29 %"),
    20: Part("loop, early stopping, loss curve", "last epoch's weights kept"),
    21: Part("averaging model started from GloVe and tuned", "validation 80.00 %, test 77.56 %"),
    22: Part("the same with GloVe frozen", "validation 56.70 %, test 56.08 %"),
    23: Part("analysis of tuned and frozen", "asked"),
    24: Part("LSTM, last state", "test 27.05 %"),
    25: Part("what happens with the LSTM", "asked"),
    26: Part("the same on IMDB reviews", "named"),
}
