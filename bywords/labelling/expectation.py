"""What a model says of texts without labels → naive Bayes of all texts, which knows words that no labelled text has.

Each text without a label counts in part for each class, as likely as it has it. What naive Bayes then says of the texts
is added to what the model says, and they count anew by both.
Sources: Nigam, McCallum, Thrun, Mitchell (2000), "Text Classification from Labeled and Unlabeled Documents using EM";
Nigam, Ghani (2000), "Analyzing the Effectiveness and Applicability of Co-training", for two models in turn; Rennie et
al. (2003), "Tackling the Poor Assumptions of Naive Bayes Text Classifiers", for the complement.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Targets
from bywords.evaluation.metrics import softmax
from bywords.kernels.class_sums import class_sums
from bywords.text.bags import Bags, Floats

N_ROUNDS = 3
SHARE = 0.7  # how much what naive Bayes says spreads beside what the model says
PRIOR = 0.5  # of the log-odds of classes: the model has them too
SMOOTHING = 0.3  # of each word in each class, beside the weights of words in a text, which have length 1
LEAST_COMMON = 1e-4  # share of the texts that a class is taken to have

Logits = npt.NDArray[np.float64]


def naive_bayes_of_all(bags: Bags, logits: Logits, targets: Targets) -> tuple[Floats, Floats]:
    """Weights float32 (V, K) and a bias (K,) to add to the logits (N, K) that a model gives to N texts.

    The first n of the texts have a label each, the `targets` (n,). The classes count as if they had equally many texts,
    since what is guessed of rare ones would drown in frequent ones. Where no text has a word, the weights are 0.
    """
    n_texts, n_classes = logits.shape
    documents = np.repeat(np.arange(n_texts), n_classes)
    classes = np.tile(np.arange(n_classes), n_texts)
    shape, known = (bags.n_rows, n_classes), targets.one_hot()
    spread = (logits - logits.mean(axis=1, keepdims=True)).std()
    together, divisor = logits, 1.0
    for _ in range(N_ROUNDS):
        has = softmax(together / divisor)
        has[: len(known)] = known
        common = has.mean(axis=0)
        counts = (has / np.maximum(common * n_classes, LEAST_COMMON)).astype(np.float32)
        of_class = class_sums(bags.ids, bags.offsets, documents, classes, counts.ravel(), bags.weights, shape)
        weights = _rarities_elsewhere(of_class)
        says = bags.times(weights)
        scale = SHARE * spread / max(float(says.std()), LEAST_COMMON)
        bias = PRIOR * np.log(common + LEAST_COMMON) - scale * says.mean(axis=0)
        together, divisor = logits + scale * says + bias, 1 + SHARE
    return (scale * weights).astype(np.float32), bias.astype(np.float32)


def _rarities_elsewhere(of_class: npt.NDArray[np.float64]) -> Floats:
    """How rare each word is in all other classes together, beside the mean of the classes: float32 (V, K)."""
    total = of_class.sum(axis=1)
    is_word = total > 0
    others = total[is_word, np.newaxis] + SMOOTHING - of_class[is_word]
    rarities = -np.log(others / others.sum(axis=0))
    weights = np.zeros(of_class.shape, dtype=np.float32)
    weights[is_word] = rarities - rarities.mean(axis=1, keepdims=True)
    return weights
