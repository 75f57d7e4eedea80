"""Training and test documents and their duplicates → what the duplicates do to the accuracy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.auditing.label_errors import judges_for
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
    train: Corpus, test: Corpus, tokens: Tokens, test_tokens: Tokens, across: Across, *, seed: int
) -> DuplicateImpact:
    """How often one system is right on all test documents, on those without a duplicate in training, on the others.

    `gain` is how much more often it is right on all of them than when it is trained without the duplicates of test
    documents, with a 95 % interval; None where there are none, or they are all the documents of a class.
    """
    has_words = tokens.lengths > 0
    system, is_right = _answered(train, test, tokens, test_tokens, has_words, seed)
    has_duplicate = across.test_has_exact | across.test_has_near
    gain = None
    kept = has_words & ~across.train_has_any
    if has_duplicate.any() and np.array_equal(_present(train, kept), _present(train, has_words)):
        _, is_right_without = _answered(train, test, tokens, test_tokens, kept, seed)
        found = paired_difference(is_right.astype(np.float64), is_right_without.astype(np.float64))
        gain = Gain(difference=found.difference, interval=found.interval)
    return DuplicateImpact(
        system=system,
        all_documents=_accuracy_on(is_right),
        without_duplicates=_accuracy_on(is_right[~has_duplicate]),
        duplicates_only=_accuracy_on(is_right[has_duplicate]),
        gain=gain,
    )


def _answered(
    train: Corpus, test: Corpus, tokens: Tokens, test_tokens: Tokens, chosen: Flags, seed: int
) -> tuple[str, Flags]:
    """A system trained on the chosen documents: its name, and whether its answer to each test document is the label."""
    rows = np.flatnonzero(chosen)
    learned, n_classes = tokens.select(rows), len(train.label_names)
    vocabulary, (judge, *_) = judges_for(learned, n_classes)
    targets = Targets.of(train.labels[rows], n_classes)
    features = TfidfLinear.prepare(judge, vocabulary.encode(learned), vocabulary)
    model, _ = TfidfLinear.fit(judge, features, targets, vocabulary=vocabulary, seed=seed)
    answers = model.logits(vocabulary.encode(test_tokens)).argmax(axis=1)
    return judge.title, np.asarray(answers == test.labels)


def _present(corpus: Corpus, chosen: Flags) -> npt.NDArray[np.int64]:
    """The classes that the chosen documents have."""
    return np.unique(corpus.labels[chosen])


def _accuracy_on(is_right: Flags) -> AccuracyOn:
    n_documents = len(is_right)
    if not n_documents:
        return AccuracyOn(n_documents=0)
    accuracy = float(is_right.mean())
    return AccuracyOn(n_documents=n_documents, accuracy=accuracy, interval=wilson_interval(accuracy, n_documents))
