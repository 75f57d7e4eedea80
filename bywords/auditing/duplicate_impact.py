"""Training and test documents and their duplicates → what the duplicates do to the accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bywords.auditing.label_errors import judges_for
from bywords.cluster import Holder, HolderHere
from bywords.data.corpus import Corpus
from bywords.data.duplicates import Across
from bywords.data.targets import Targets
from bywords.evaluation.metrics import wilson_interval
from bywords.evaluation.significance import paired_difference
from bywords.models.tfidf_linear import TfidfLinear
from bywords.records.audit import AccuracyOn, DuplicateImpact, Gain
from bywords.text.tokenizer import Tokens

Flags = npt.NDArray[np.bool_]


def duplicate_impact(
    train: Corpus,
    test: Corpus,
    tokens: Tokens,
    test_tokens: Tokens,
    across: Across,
    *,
    seed: int,
    holder: Holder | None = None,
) -> DuplicateImpact:
    """How often one system is right on all test documents, on those without a duplicate in training, on the others.

    `gain` is how much more often it is right on all of them than when it is trained without the duplicates of test
    documents, with a 95 % interval; None where there are none, or they are all the documents of a class. It is fitted
    where `holder` has the documents, by default by threads of this process.
    """
    holder, has_words = holder or HolderHere(), tokens.lengths > 0
    has_duplicate = across.test_has_exact | across.test_has_near
    chosen, kept = [has_words], has_words & ~across.train_has_any
    if has_duplicate.any() and np.array_equal(_present(train, kept), _present(train, has_words)):
        chosen.append(kept)
    held = holder.hold(_Both(tokens, train.labels, test_tokens, test.labels, len(train.label_names)))
    (system, is_right), *without = holder.map_held(_answered, ((held, each, seed) for each in chosen))
    gain = None
    for _, is_right_without in without:
        found = paired_difference(is_right.astype(np.float64), is_right_without.astype(np.float64))
        gain = Gain(difference=found.difference, interval=found.interval)
    return DuplicateImpact(
        system=system,
        all_documents=_accuracy_on(is_right),
        without_duplicates=_accuracy_on(is_right[~has_duplicate]),
        duplicates_only=_accuracy_on(is_right[has_duplicate]),
        gain=gain,
    )


@dataclass(frozen=True, eq=False)
class _Both:
    """The documents to learn from and those to test on, and the classes of each."""

    tokens: Tokens
    labels: npt.NDArray[np.int64]
    test_tokens: Tokens
    test_labels: npt.NDArray[np.int64]
    n_classes: int


def _answered(given: _Both, chosen: Flags, seed: int) -> tuple[str, Flags]:
    """A system trained on the chosen documents: its name, and whether its answer to each test document is the label."""
    rows = np.flatnonzero(chosen)
    learned = given.tokens.select(rows)
    vocabulary, (judge, *_) = judges_for(learned, given.n_classes)
    targets = Targets.of(given.labels[rows], given.n_classes)
    features = TfidfLinear.prepare(judge, vocabulary.encode(learned), vocabulary)
    model, _ = TfidfLinear.fit(judge, features, targets, vocabulary=vocabulary, seed=seed)
    answers = model.logits(vocabulary.encode(given.test_tokens)).argmax(axis=1)
    return judge.title, np.asarray(answers == given.test_labels)


def _present(corpus: Corpus, chosen: Flags) -> npt.NDArray[np.int64]:
    """The classes that the chosen documents have."""
    return np.unique(corpus.labels[chosen])


def _accuracy_on(is_right: Flags) -> AccuracyOn:
    n_documents = len(is_right)
    if not n_documents:
        return AccuracyOn(n_documents=0)
    accuracy = float(is_right.mean())
    return AccuracyOn(n_documents=n_documents, accuracy=accuracy, interval=wilson_interval(accuracy, n_documents))
