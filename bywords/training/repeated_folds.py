"""Few labelled documents → how good a system is on new ones: each is held out in turn, several times.

Of 100 documents a part to test on has 20, by which a score is known to within 20 points. Held out in turn, all 100 say
how good models of four fifths of them are, each on what it has not seen.
Source: Kohavi (1995), "A Study of Cross-Validation and Bootstrap for Accuracy Estimation and Model Selection".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bywords.data.corpus import Corpus, Split
from bywords.data.groups import Together, groups_of
from bywords.data.label_sets import LabelSets
from bywords.data.labels import names_of
from bywords.data.splits import Rows, strata_of, stratified_folds
from bywords.data.targets import Targets
from bywords.errors import DataError
from bywords.evaluation.evaluation import (
    MOST_RANKED,
    AnyEvaluation,
    Evaluation,
    InTurn,
    KeptAnswers,
    ManyLabelsEvaluation,
)
from bywords.evaluation.metrics import document_f1
from bywords.evaluation.top_scores import TopScores
from bywords.fitted import FittedClassifier
from bywords.system_config import SystemConfig

N_FOLDS, N_REPEATS = 5, 2
LEAST_TEXTS = 3  # of a class: one to hold out, and two to learn from, of which one says when to stop
FEWEST_TESTED = 60  # documents of a part held out once: with fewer all are held out in turn
Fit = Callable[[Corpus], FittedClassifier]


def can_take_turns(corpus: Corpus, keep_together: Together) -> bool:
    """Whether models can be fitted to all but a fold: there is a class with texts enough, and another.

    Where documents have any number of labels, two texts or more have to have one of them, and two to lack it.
    """
    n_texts = _n_texts(corpus, keep_together)
    if not isinstance(corpus.labels, LabelSets):
        return _can_be_held_out(n_texts, LEAST_TEXTS)
    groups = groups_of(corpus.texts, keep_together)
    n_all = len(np.unique(groups))
    alike = np.unique(np.stack([strata_of(corpus.labels), groups]), axis=1)[0]  # held out together, a text once
    return np.bincount(alike, minlength=1).max() >= LEAST_TEXTS and any(1 < n < n_all - 1 for n in n_texts)


def can_only_be_fitted_whole(split: Split, keep_together: Together) -> bool:
    """Whether there are just texts enough to fit a model to all documents: what a division leaves cannot be learned."""
    whole, train = split.whole, split.train
    if whole.is_multilabel or max(train.counts()) > 1:
        return False
    return _can_be_held_out(_n_texts(whole, keep_together), LEAST_TEXTS - 1)


def _can_be_held_out(n_texts: list[int], least: int) -> bool:
    return max(n_texts) >= least and sum(n > 1 for n in n_texts) > 1


def _n_texts(corpus: Corpus, keep_together: Together) -> list[int]:
    """How many texts each class has that may be in different folds."""
    groups = groups_of(corpus.texts, keep_together)
    return [len(np.unique(groups[corpus.of_class(label)])) for label in range(len(corpus.label_names))]


def n_folds_of(corpus: Corpus, keep_together: Together) -> int:
    """In how many folds the documents are held out in turn: N_FOLDS, or as many as the largest class has texts."""
    return min(N_FOLDS, max(_n_texts(corpus, keep_together)))


def takes_turns(split: Split, keep_together: Together) -> bool:
    """Whether the part that was drawn to test on is too small to say anything, and all may be held out in turn."""
    return len(split.test) < FEWEST_TESTED and can_take_turns(split.whole, keep_together)


def fitted_to_all(config: SystemConfig) -> SystemConfig:
    """The same system, which learns from what it held out for itself too, for as many epochs as were best.

    Where all documents are held out in turn, none has to be kept from the model that is saved.
    """
    if config.training is None or config.training.refit:
        return config
    return replace(config, training=replace(config.training, refit=True))


def evaluate_in_turn(
    corpus: Corpus,
    fit: Fit,
    *,
    seed: int,
    keep_together: Together = "equal",
    n_repeats: int = N_REPEATS,
    on_fold: Callable[[int, int], None] = lambda number, n_folds: None,
    keep_interrupted: bool = False,
) -> tuple[Rows, AnyEvaluation]:
    """Fit to all folds but one and answer for that, for each of `n_folds_of` stratified folds, drawn `n_repeats` times.

    Texts of a group are never divided, and a class that one text alone has is always learned from; folds are stratified
    by the rarest of a document's labels. A label that a model has not learned it never gives. `on_fold` gets how
    many models are fitted, and how many there will be. With `keep_interrupted`, Ctrl-C leaves what those that are
    fitted have answered; without, or before the first has, it is raised.

    Returns: the rows that were held out, ascending int64 (N,), and the evaluation of the answers for them: of each the
    mean of the probabilities that `n_repeats` models gave it, none of which had seen it. Of any number of labels those
    are given for which it reaches the mean of these models' thresholds.
    Raises: DataError where no document could be held out.
    """
    answers, number, n_folds = list[tuple[int, Rows, AnyEvaluation]](), 0, n_folds_of(corpus, keep_together)
    folds = [(n, *fold) for n in range(n_repeats) for fold in folds_of(corpus, seed + n, keep_together)]
    try:
        for repeat, kept, held_out in folds:
            if len(held_out):
                answers.append((repeat, held_out, _asked(fit(corpus.select(kept)), corpus.select(held_out))))
            number += 1
            on_fold(number, len(folds))
    except KeyboardInterrupt:
        if not (keep_interrupted and answers):
            raise
    if not answers:
        raise DataError(f"{corpus.name}: no document can be held out: add documents of labels that have few.")
    in_turn = InTurn(n_folds=n_folds, n_repeats=n_repeats, n_done=number, agreement=0.0)
    return _joined(corpus, answers, in_turn)


def _asked(fitted: FittedClassifier, asked: Corpus) -> AnyEvaluation:
    """How a model of some documents answers for others; of any number of labels, among those that it has learned."""
    if not isinstance(asked.labels, LabelSets):
        return fitted.evaluate(asked.texts, asked.names())
    code_of = {name: code for code, name in enumerate(fitted.classes.tolist())}
    own = np.array([code_of.get(name, -1) for name in asked.label_names])
    known = asked.labels.renumbered(own, len(code_of))
    return fitted.evaluate(asked.texts, names_of(known, fitted.classes, "sets"))


def _joined(
    corpus: Corpus, answers: list[tuple[int, Rows, AnyEvaluation]], in_turn: InTurn
) -> tuple[Rows, AnyEvaluation]:
    """What the models of all folds, or as many as are done, have answered for the rows that were held out from them.

    Where some are not done, nothing is known of how much the division matters, and as much is assumed as may be.
    """
    code_of, true = {name: code for code, name in enumerate(corpus.label_names)}, corpus.labels
    tables = np.zeros((2, len(corpus), len(code_of)))  # calibrated, and as they were
    limits = np.zeros(tables.shape[1:])  # of many labels, from which each is given
    how_right = np.zeros((in_turn.n_repeats, len(corpus)))
    shares, is_nothing = np.zeros(len(corpus)), np.ones(len(corpus), dtype=np.bool_)
    n_answers = np.zeros(len(corpus), dtype=np.int64)
    for repeat, held_out, found in answers:
        assert found.uncalibrated is not None
        columns = np.array([code_of[name] for name in found.label_names])
        for table, part in zip(tables, (found.probabilities, found.uncalibrated), strict=True):
            table[np.ix_(held_out, columns)] += part
        if isinstance(found, ManyLabelsEvaluation) and isinstance(true, LabelSets):
            limits[held_out] += 1  # what a model has not learned it never gives
            limits[np.ix_(held_out, columns)] += found.thresholds - 1
            given = found.predicted.renumbered(columns, len(code_of))
            how_right[repeat, held_out] = document_f1(true[held_out], given)
        elif isinstance(found, Evaluation):
            how_right[repeat, held_out] = found.is_right
        shares[held_out] += found.in_vocabulary_share
        is_nothing[held_out] &= found.all_out_of_vocabulary
        n_answers[held_out] += 1
    rows = np.flatnonzero(n_answers == in_turn.n_repeats if in_turn.is_whole else n_answers)
    each = n_answers[rows, np.newaxis]
    tables, limits, shares = tables[:, rows] / each, limits[rows] / each, shares[rows] / n_answers[rows]
    if in_turn.is_whole:
        in_turn = replace(in_turn, agreement=agreement(how_right[:, rows]))
    names, known = tuple(corpus.label_names), (shares.astype(np.float32), is_nothing[rows])
    if not isinstance(true, LabelSets):
        codes = np.asarray(true, dtype=np.int64)[rows]
        return rows, Evaluation(names, codes, tables[0], *known, uncalibrated=tables[1], in_turn=in_turn)
    is_known = all(len(found.label_names) == len(names) for _, _, found in answers)  # of each label, what it was given
    return rows, ManyLabelsEvaluation(
        names, true[rows], LabelSets.of_table(tables[0] >= limits), tables[0] if is_known else None,
        limits.mean(axis=0), *known, uncalibrated=tables[1] if is_known else None,
        kept=None if is_known else KeptAnswers(TopScores.of_table(tables[0], MOST_RANKED)),
        n_by_label=corpus.counts(), n_learned=len(corpus), in_turn=in_turn,
    )  # fmt: skip


def folds_of(corpus: Corpus, seed: int, keep_together: Together) -> list[tuple[Rows, Rows]]:
    """Rows to learn from and to hold out, ascending int64, of each fold; a class's last text is never held out.

    Of any number of labels, nothing is held out from which what is left could not be learned.
    """
    groups = groups_of(corpus.texts, keep_together)
    folds = stratified_folds(strata_of(corpus.labels), n_folds_of(corpus, keep_together), seed, groups)
    return [_with_every_class(corpus, groups, *fold) for fold in folds]


def agreement(how_right: npt.NDArray[np.bool_] | npt.NDArray[np.float64]) -> float:
    """The mean correlation of rows of how right answers are, (R, N), 0 at least; 1 where a row has all alike.

    Of one row nothing is known, and it is 0.
    """
    if len(how_right) < 2:
        return 0.0
    if (how_right == how_right[:, :1]).all(axis=1).any():
        return 1.0
    found = np.atleast_2d(np.corrcoef(how_right.astype(np.float64)))
    return max(0.0, float(found[np.triu_indices(len(found), 1)].mean()))


def _with_every_class(corpus: Corpus, groups: npt.NDArray[np.int64], kept: Rows, held_out: Rows) -> tuple[Rows, Rows]:
    """A fold after what has the last texts of a class has gone back to the documents that are learned from."""
    is_kept, labels = np.isin(np.arange(len(corpus)), kept), corpus.labels
    if isinstance(labels, LabelSets):
        is_lost = labels.have_any(labels[is_kept].counts() == 0)
    else:
        is_lost = ~np.isin(labels, labels[kept])
    goes_back = np.isin(groups[held_out], groups[is_lost])
    kept, held_out = np.sort(np.concatenate([kept, held_out[goes_back]])), held_out[~goes_back]
    if isinstance(labels, LabelSets) and not _can_be_learned(labels[kept], groups[kept]):
        return np.arange(len(corpus)), held_out[:0]
    return kept, held_out


def _can_be_learned(labels: LabelSets, groups: npt.NDArray[np.int64]) -> bool:
    """Whether some documents have a label that others lack, and one can be held out when to stop is found out."""
    counts = labels.counts()
    return (
        bool(((counts > 0) & (counts < len(labels))).any())
        and Targets.of(labels, labels.n_labels, groups=groups).can_be_split()
    )
