"""Bags and targets → the weights of naive Bayes: complement naive Bayes, and the log-count ratios of NB-SVM."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Rows, Targets
from bywords.evaluation.calibration import fit_temperature
from bywords.models.bags_in_parts import BagsInParts
from bywords.text.bags import Bags, Floats
from bywords.text.ragged import UNKNOWN
from bywords.text.stored_bags import StoredBags

LEAST_WEIGHT = 1e-6  # of a class, of what it would count without weights: one of 0 would have odds of nothing


def naive_bayes(
    bags: Bags | StoredBags | BagsInParts,
    targets: Targets,
    *,
    smoothing: float,
    rows: Rows | None = None,
    is_unseen: npt.NDArray[np.bool_] | None = None,
) -> tuple[Floats, Floats]:
    """Complement naive Bayes: how rare a word is in all other classes together. Float32 (V, K), and (K,).

    The targets are those of `rows` of the bags, of all where they are not given. Ids that are true in `is_unseen`, bool
    (V,), are no features and have 0.

    It knows nothing of how common a class is: the (K,) are 0 unless classes are weighed, then `_odds_of_weights`.

    Without its mean over the classes, which changes no probability: rare words are rare everywhere, and sums of such
    large numbers would round off what tells the classes apart.
    Where documents have any number of labels, each label is told from its absence: how common a word is with it counts
    as well, since what lacks one label may have another.
    Source: Rennie et al. (2003), "Tackling the Poor Assumptions of Naive Bayes Text Classifiers", section 3.1.
    """
    rows = np.arange(len(bags)) if rows is None else rows
    of_class, total = _class_sums(bags, targets, rows)
    others = total[:, np.newaxis] - of_class + smoothing
    weights = -_log_shares(others, is_unseen)
    if targets.is_multilabel:
        weights += _log_shares(of_class + smoothing, is_unseen)
    else:
        weights -= weights.mean(axis=1, keepdims=True)
    weights += 0.0  # no zeros with a sign
    return weights.astype(np.float32), _odds_of_weights(bags, targets, smoothing, rows, is_unseen)


def _odds_of_weights(
    bags: Bags | StoredBags | BagsInParts,
    targets: Targets,
    smoothing: float,
    rows: Rows,
    is_unseen: npt.NDArray[np.bool_] | None,
) -> Floats:
    """What is added to the logit of each class because its documents count more or less than one each, float32 (K,).

    A class whose documents count w has w times the odds that it had. So the logarithm of w, on the scale of the logits:
    times the temperature at which those of one half of the documents are probabilities for the other.
    """
    if targets.class_weights is None:
        return np.zeros(targets.n_classes, dtype=np.float32)
    equal = Targets.of(targets.codes, targets.n_classes)
    logits = np.zeros((len(targets), targets.n_classes), dtype=np.float32)
    for kept, held_out in equal.folds(2, 0):
        weights, _ = naive_bayes(bags, equal.select(kept), smoothing=smoothing, rows=rows[kept], is_unseen=is_unseen)
        logits[held_out] = bags.products(rows[held_out], weights)
    counted = np.log(np.maximum(targets.class_weights, LEAST_WEIGHT))
    return (fit_temperature(logits, equal) * (counted - counted.mean())).astype(np.float32)


def count_ratios(
    bags: Bags | StoredBags | BagsInParts,
    targets: Targets,
    *,
    rows: Rows | None = None,
    is_unseen: npt.NDArray[np.bool_] | None = None,
) -> Floats:
    """How much a word tells of each class: the size of its log-count ratio, float32 (V, K), 1 on average.

    The targets are those of `rows` of the bags, of all where they are not given. Ids that are true in `is_unseen`, bool
    (V,), are no features. For two classes there is one column:
    it is the same for both.
    Source: Wang and Manning (2012), "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification".
    """
    sums, total = _class_sums(bags, targets, np.arange(len(bags)) if rows is None else rows, is_presence=True)
    sums[UNKNOWN], total[UNKNOWN] = 0, 0
    if targets.is_binary:
        sums = np.ascontiguousarray(sums[:, 1:])
    in_class = np.einsum("vk->k", sums)
    n_features = len(sums) - (0 if is_unseen is None else int(is_unseen.sum()))
    share_of_all = (in_class + n_features) / (total.sum() - in_class + n_features)
    ratios = sums.astype(np.float32)  # what follows is in place: there may be many words and many classes
    others = total.astype(np.float32)[:, np.newaxis] - ratios
    ratios += np.float32(1)
    others += np.float32(1)
    others *= share_of_all.astype(np.float32)
    ratios /= others
    np.log(ratios, out=ratios)
    np.abs(ratios, out=ratios)
    if is_unseen is not None:
        ratios[is_unseen] = 0
    ratios /= (ratios.sum(dtype=np.float64) / (n_features * ratios.shape[1])).astype(np.float32)
    return ratios


def _class_sums(
    bags: Bags | StoredBags | BagsInParts,
    targets: Targets,
    rows: Rows,
    *,
    is_presence: bool = False,
    is_weighed: bool | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The weights of each id summed over the documents of each class, float64 (V, K), and over all, (V,).

    With `is_presence` all ids of a document weigh 1. Weights of classes play no part: were a class of many words in
    all, because its documents count much, smoothing would speak against it. `is_weighed` is what the targets say,
    where they are not a part of others.
    """
    from bywords.kernels.class_sums import class_sums

    is_weighed = targets.is_weighed if is_weighed is None else is_weighed
    shape = bags.n_rows, targets.n_classes
    table, total = np.zeros(shape), np.zeros(bags.n_rows)
    if isinstance(bags, BagsInParts):
        chunks = ((held, targets.select(at), chosen, is_presence, is_weighed) for held, at, chosen in bags.among(rows))
        for its_table, its_total in bags.holder.map_held(_sums_of_part, chunks):
            table += its_table
            total += its_total
        return table, total
    counts = targets.document_weights if is_weighed else np.ones(len(targets), dtype=np.float32)
    for at, its, chosen in bags.blocks(rows):
        weights = None if is_presence else its.weights
        places, labels = (targets if isinstance(at, slice) else targets.select(at)).pairs()
        its_counts = counts[at]
        table += class_sums(its.ids, its.offsets, chosen[places], labels, its_counts[places], weights, shape)
        if targets.is_multilabel:
            none = np.zeros(len(chosen), dtype=np.int64)
            total += class_sums(its.ids, its.offsets, chosen, none, its_counts, weights, (bags.n_rows, 1))[:, 0]
    # several times as fast as a sum, for few classes
    return table, total if targets.is_multilabel else np.einsum("vk->v", table)


def _sums_of_part(
    bags: Bags, targets: Targets, rows: Rows, is_presence: bool, is_weighed: bool
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return _class_sums(bags, targets, rows, is_presence=is_presence, is_weighed=is_weighed)


def _log_shares(counts: npt.NDArray[np.float64], is_unseen: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.float64]:
    """The logarithm of the share of each word in each class, float64 (V, K).

    Padding, the unknown word and words never seen are no features, and have 0: they would share in the smoothing.
    """
    logs = np.zeros_like(counts)
    is_real = np.arange(len(counts)) > UNKNOWN
    if is_unseen is not None:
        is_real &= ~is_unseen
    real = counts[is_real]
    logs[is_real] = np.log(real / real.sum(axis=0))
    return logs
