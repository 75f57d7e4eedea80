"""Tokens and one label each → the documents ranked by how likely their labels are wrong.

Each document is judged by models that have not seen it, nor any duplicate of it. What they say is compared with the
label that it has.
Source: Northcutt, Jiang, Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset Labels".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bywords.data.splits import stratified_folds
from bywords.data.targets import Targets
from bywords.evaluation.calibration import fit_calibration
from bywords.models.ensemble import fit_weights, weighed_sum
from bywords.models.tfidf_linear import TfidfConfig, TfidfLinear
from bywords.systems import NB, NB_SVC, SVC
from bywords.text.threads import in_threads
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.training.workbench import MOST_NUMBERS

N_FOLDS = 5
JUDGES: tuple[TfidfConfig, ...] = (NB_SVC, replace(SVC, features="ngrams"), NB)  # an ensemble ranks better

Indices = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LabelRanking:
    """What N documents' labels look like to models that have not seen them.

    A document is not judged that has no words, and one whose class has no other text: it comes last, with its own
    label and no confidence.
    """

    order: Indices  # (N,): all documents, the likeliest error first
    suggested: Indices  # (N,): the class that the models would give; the label where they agree with it
    confidence: Scores  # (N,): how sure they are of it, 0 to 1
    is_flagged: Flags  # (N,): another class is likelier than it is on average for its own documents
    is_judged: Flags  # (N,)
    own: Scores  # (N,): the probability of its own label, by which it is ranked; infinite where it is not judged


def find_label_errors(
    tokens: Tokens,
    labels: Indices,
    n_classes: int,
    groups: Indices,
    *,
    seed: int,
    on_step: Callable[[int, int], None] = lambda n_done, n_steps: None,
) -> LabelRanking:
    """Rank N documents by the probability that cross-validated models give to their label, the smallest first.

    `labels` are int64 (N,), indices of K classes; documents of the same number in `groups`, int64 (N,), are
    duplicates, and judged by models that have seen none of them. Where fewer than two classes can be learned, no
    document is judged. `on_step` is called after each fold.
    """
    is_judged = tokens.lengths > 0
    learnable = _texts_of_classes(labels[is_judged], groups[is_judged], n_classes) >= 2
    is_judged &= learnable[labels]
    suggested, confidence = labels.copy(), np.zeros(len(labels))
    is_flagged, own = np.zeros(len(labels), dtype=bool), np.full(len(labels), np.inf)
    if learnable.sum() >= 2:
        judged = np.flatnonzero(is_judged)
        classes = np.flatnonzero(learnable)
        codes = (np.cumsum(learnable) - 1)[labels[judged]]
        probabilities = _out_of_fold(tokens.select(judged), codes, len(classes), groups[judged], seed, on_step)
        own[judged] = probabilities[np.arange(len(judged)), codes]
        said, is_flagged[judged] = confident_learning(codes, probabilities)
        suggested[judged] = classes[said]
        confidence[judged] = probabilities[np.arange(len(judged)), said]
    else:
        is_judged[:] = False
    return LabelRanking(np.argsort(own, kind="stable"), suggested, confidence, is_flagged, is_judged, own)


def confident_learning(labels: Indices, probabilities: Scores) -> tuple[Indices, Flags]:
    """The class that each document seems to be of, int64 (N,), and whether its label is flagged, bool (N,).

    `labels` are int64 (N,); `probabilities` (N, K), of models that have not seen the document. A document counts for
    a class when the class's probability is at least what it is on average where the label is that class (equation 2);
    for the likeliest of several (equation 1). Where that is another class than its label, the label is flagged: it is
    off the diagonal of the confident joint, the second of the paper's five ways to choose. A class without documents
    takes none. Where no class is confident, or the one that is is the label, the likeliest class is the answer.
    """
    n_documents, n_classes = probabilities.shape
    one_hot = labels[:, np.newaxis] == np.arange(n_classes)
    counts = one_hot.sum(axis=0)
    thresholds = np.where(counts > 0, (probabilities * one_hot).sum(axis=0) / np.maximum(counts, 1), np.inf)
    confident = np.where(probabilities >= thresholds, probabilities, -1)
    best = confident.argmax(axis=1)
    is_flagged = (confident[np.arange(n_documents), best] >= 0) & (best != labels)
    return np.where(is_flagged, best, probabilities.argmax(axis=1)), is_flagged


def judges_for(tokens: Tokens, n_classes: int) -> tuple[Vocabulary, tuple[TfidfConfig, ...]]:
    """The words that judges of K classes know, and the judges; of very many classes fewer words, and no n-grams."""
    most = max(1, MOST_NUMBERS // n_classes)
    vocabulary = Vocabulary.of(tokens, VocabularyConfig(ngrams=2, max_size=most))
    if vocabulary.n_rows("ngrams") <= most:
        return vocabulary, JUDGES
    return vocabulary, tuple(replace(judge, features="words") for judge in JUDGES)


def _out_of_fold(
    tokens: Tokens, codes: Indices, n_classes: int, groups: Indices, seed: int, on_step: Callable[[int, int], None]
) -> Scores:
    """The probabilities, float64 (N, K), that an ensemble of the judges gives each document when it has not seen it.

    Words and their idf are counted over all documents; labels and weights are of the other folds alone. The weights of
    the judges, and their temperature, are fitted to these answers.
    """
    vocabulary, judges = judges_for(tokens, n_classes)
    documents, targets = vocabulary.encode(tokens), Targets.of(codes, n_classes)
    features = {judge: TfidfLinear.prepare(judge, documents, vocabulary) for judge in judges}
    logits = [np.empty((len(tokens), n_classes), dtype=np.float32) for _ in judges]

    def answer(fold: tuple[Indices, Indices]) -> None:
        kept, held_out = fold
        for judge, answers in zip(judges, logits, strict=True):
            some = features[judge].select(kept)
            model, _ = TfidfLinear.fit(judge, some, targets.select(kept), vocabulary=vocabulary, seed=seed)
            answers[held_out] = model.logits_of(features[judge].select(held_out))

    folds = stratified_folds(codes, N_FOLDS, seed, groups)
    for n_done, _ in enumerate(in_threads(answer, folds), start=1):
        on_step(n_done, len(folds))
    combined = weighed_sum(logits, fit_weights(logits, targets))
    return fit_calibration(combined, targets).probabilities(combined)


def _texts_of_classes(labels: Indices, groups: Indices, n_classes: int) -> Indices:
    """How many texts each class has, int64 (K,), duplicates of one another counted once."""
    pairs = np.unique(np.stack([labels, groups], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=n_classes).astype(np.int64, copy=False)
