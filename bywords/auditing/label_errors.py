"""Tokens and one label each → the documents ranked by how likely their labels are wrong.

Each document is judged by models that have not seen it, nor any duplicate of it. What they say is compared with the
label that it has.
Source: Northcutt, Jiang, Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset Labels".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.cluster import Holder, HolderHere
from bywords.data.splits import stratified_folds
from bywords.data.targets import Targets
from bywords.evaluation.calibration import fit_calibration
from bywords.models.ensemble import fit_weights, weighed_sum
from bywords.models.tfidf_linear import TfidfConfig, TfidfFeatures, TfidfLinear
from bywords.systems import NB, NB_SVC, SVC
from bywords.text.bags import Floats
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


@dataclass(frozen=True, eq=False)
class ToJudge:
    """N documents whose labels can be judged where this is: their features, and what is held out in which fold."""

    labels: Indices  # (N,)
    judged: Indices  # of the documents, those M that are judged
    classes: Indices  # (C,), those that can be learned, in the order of `targets`
    targets: Targets  # of M documents
    vocabulary: Vocabulary
    judges: tuple[TfidfConfig, ...]
    features: dict[TfidfConfig, TfidfFeatures]  # of M documents, by the judge that reads them
    folds: list[tuple[Indices, Indices]]  # kept and held out, of the M


def find_label_errors(
    tokens: Tokens,
    labels: Indices,
    n_classes: int,
    groups: Indices,
    *,
    seed: int,
    on_step: Callable[[int, int], None] = lambda n_done, n_steps: None,
    holder: Holder | None = None,
) -> LabelRanking:
    """Rank N documents by the probability that cross-validated models give to their label, the smallest first.

    `labels` are int64 (N,), indices of K classes; documents of the same number in `groups`, int64 (N,), are
    duplicates, and judged by models that have seen none of them. Where fewer than two classes can be learned, no
    document is judged. `on_step` is called after each fold. The judges are fitted where `holder` has the documents, by
    default by threads of this process, to the same bits.

    Raises: HeldLostError where a machine of the holder is lost with them.
    """
    holder, given = holder or HolderHere(), to_judge(tokens, labels, n_classes, groups, seed)
    (found,) = judged_by(holder, [(len(given.folds), len(given.judges), holder.hold(given))], seed, on_step)
    return found


def to_judge(tokens: Tokens, labels: Indices, n_classes: int, groups: Indices, seed: int) -> ToJudge:
    """What `judged_by` asks for, of N documents; the arguments are those of `find_label_errors`.

    Words and their idf are counted over all documents; labels and weights are of the other folds alone.
    """
    is_judged = tokens.lengths > 0
    learnable = _texts_of_classes(labels[is_judged], groups[is_judged], n_classes) >= 2
    is_judged &= learnable[labels] & (learnable.sum() >= 2)
    judged, classes = np.flatnonzero(is_judged), np.flatnonzero(learnable)
    its, codes = tokens.select(judged), (np.cumsum(learnable) - 1)[labels[judged]]
    if not len(judged):
        no_targets = Targets.of(codes, max(len(classes), 1))
        return ToJudge(labels, judged, classes, no_targets, Vocabulary.of(its, VocabularyConfig()), (), {}, [])
    vocabulary, judges = judges_for(its, len(classes))
    documents = vocabulary.encode(its)
    features = {judge: TfidfLinear.prepare(judge, documents, vocabulary) for judge in judges}
    folds = stratified_folds(codes, N_FOLDS, seed, groups[judged])
    return ToJudge(labels, judged, classes, Targets.of(codes, len(classes)), vocabulary, judges, features, folds)


def judged_by(
    holder: Holder,
    parts: Sequence[tuple[int, int, Any]],
    seed: int,
    on_step: Callable[[int, int], None] = lambda n_done, n_steps: None,
) -> list[LabelRanking]:
    """The rankings of several `ToJudge`, which `holder` has: numbers of folds and of judges, and what stands for each.

    One fit of a judge to a fold is one task, whose answers stay where it was done. `on_step` is called after each fold.
    """
    fits = [
        (which, fold, judge)
        for which, (n_folds, n_judges, _) in enumerate(parts)
        for fold in range(n_folds)
        for judge in range(n_judges)
    ]
    n_folds, answers = sum(n_folds for n_folds, _, _ in parts), [list[Any]() for _ in parts]
    chunks = ((parts[which][2], fold, judge, seed) for which, fold, judge in fits)
    n_done = 0
    for (which, _, judge), (answer,) in zip(fits, holder.map_held(_answers, chunks, 1), strict=True):
        answers[which].append(answer)
        if judge == parts[which][1] - 1:
            n_done += 1
            on_step(n_done, n_folds)
    given = ((held, *its) for (_, _, held), its in zip(parts, answers, strict=True))
    return [found for (found,) in holder.map_held(_ranked, given)]


def _answers(given: ToJudge, fold: int, judge: int, seed: int) -> tuple[Floats]:
    """The logits that a judge gives the documents that are held out in a fold, float32 (H, C)."""
    kept, held_out = given.folds[fold]
    config = given.judges[judge]
    features = given.features[config]
    model, _ = TfidfLinear.fit(
        config, features.select(kept), given.targets.select(kept), vocabulary=given.vocabulary, seed=seed
    )  # fmt: skip
    return (model.logits_of(features.select(held_out)),)


def _ranked(given: ToJudge, *answers: Floats) -> tuple[LabelRanking]:
    """The ranking by the answers of each judge to each fold, those to a fold one after the other.

    The judges are an ensemble, whose weights and temperature are fitted to these answers.
    """
    labels, judged, n_judges = given.labels, given.judged, len(given.judges)
    suggested, confidence = labels.copy(), np.zeros(len(labels))
    is_flagged, is_judged = np.zeros(len(labels), dtype=bool), np.zeros(len(labels), dtype=bool)
    own = np.full(len(labels), np.inf)
    if len(judged):
        logits = [np.empty((len(judged), len(given.classes)), dtype=np.float32) for _ in given.judges]
        for fold, (_, held_out) in enumerate(given.folds):
            for its, answer in zip(logits, answers[fold * n_judges :], strict=False):
                its[held_out] = answer
        combined = weighed_sum(logits, fit_weights(logits, given.targets))
        probabilities = fit_calibration(combined, given.targets).probabilities(combined)
        codes, among = given.targets.codes, np.arange(len(judged))
        assert isinstance(codes, np.ndarray)
        said, is_flagged[judged] = confident_learning(codes, probabilities)
        own[judged], confidence[judged] = probabilities[among, codes], probabilities[among, said]
        suggested[judged], is_judged[judged] = given.classes[said], True
    return (LabelRanking(np.argsort(own, kind="stable"), suggested, confidence, is_flagged, is_judged, own),)


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


def _texts_of_classes(labels: Indices, groups: Indices, n_classes: int) -> Indices:
    """How many texts each class has, int64 (K,), duplicates of one another counted once."""
    pairs = np.unique(np.stack([labels, groups], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=n_classes).astype(np.int64, copy=False)
