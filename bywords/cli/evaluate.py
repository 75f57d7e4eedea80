"""`bywords evaluate MODEL DATA`: how good a saved model is on labelled texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bywords.cli import at_least as wishes
from bywords.cli import options
from bywords.cli.failing import slices_in, tell_examples, tell_slices
from bywords.cli.scores import commonest, tell_back_off, tell_classes, tell_scores
from bywords.cli.screen import columns_as_json, print_json, say, tell_columns, tell_read, working
from bywords.errors import DataError, SettingError
from bywords.io.read_options import ReadOptions

if TYPE_CHECKING:
    from bywords.data.corpus import Corpus, Split
    from bywords.evaluation.back_off import BackOff
    from bywords.evaluation.evaluation import AnyEvaluation
    from bywords.fitted import FittedClassifier
    from bywords.io.read_options import BadRows


@options.reads_labelled
def evaluate(
    model: options.Model,
    data: options.Data,
    reading: ReadOptions = options.DEFAULT_READING,
    slice_by: options.SliceBy = None,
    examples: Annotated[
        int, typer.Option(help="Show so many documents of each of the commonest mistakes, the surest first.", min=0)
    ] = 0,
    min_confidence: options.MinConfidence = None,
    abstain: options.Abstain = None,
    at_least: wishes.Option = None,
    on: options.On = None,
    as_json: options.AsJson = False,
) -> None:
    """Compare a model's answers with the labels of all documents of a file, or of the test part of a data set."""
    from bywords.artifact.description import load_classifier

    classifier = load_classifier(model)
    points = wishes.operating_points(classifier, at_least)
    back_off = options.back_off(classifier, min_confidence, abstain)
    if back_off is not None:
        wishes.refuse_beside_back_off(points)
    least = options.least_confidence(classifier, min_confidence, abstain) if back_off is None else None
    classifier = classifier.with_points(points)
    if examples and classifier.is_multilabel:
        raise SettingError(
            "the model gives any number of labels, so that none is taken for another: leave out --examples."
        )
    reading = dataclasses.replace(
        reading, columns=tuple(slice_by or ()), contract=classifier.record.columns,
        given=classifier.tokenizer.config.is_given,
        label_hierarchy=_hierarchy(classifier, reading.label_hierarchy),
    )  # fmt: skip
    with working(f"reading {data}"):
        corpus, n_seen = _read(data, classifier, reading)
    try:
        corpus, labels = _as_the_model_has_them(corpus, classifier, reading.bad_rows)
    finally:
        tell_read(corpus)
        if not as_json:
            tell_columns(corpus)
    with options.workers(on) as workers, working(f"evaluating {len(corpus):,} documents"):
        evaluation = classifier.evaluate(corpus.texts, labels, workers=workers)
        slices = slices_in(classifier, evaluation, corpus)
        confusions = evaluation.confusion_examples(corpus.shown_texts(), corpus.rows, examples=examples or 3)
    answered = _answered(classifier, evaluation, back_off if back_off is not None else least)
    if as_json:
        more: dict[str, Any] = {"columns": columns_as_json(corpus.read_as), "commonest": commonest(evaluation)}
        more |= {"n_seen_in_training": n_seen} if n_seen else {}
        more |= {} if answered is None else {"answered": answered}
        more |= {"at_least": wishes.kept(points, evaluation)} if points else {}
        print_json({**evaluation.summary(), "hardest_confusions": confusions, "slices": slices, **more})
        return
    _tell(evaluation, len(corpus), n_seen, answered)
    if points:
        wishes.tell_kept(points, evaluation, classifier)
    tell_slices(slices, n=5)
    if examples:
        tell_examples(confusions)


def _tell(evaluation: AnyEvaluation, n_documents: int, n_seen: int, answered: dict[str, Any] | None) -> None:
    """The scores, and what has to be known to trust them."""
    if n_seen:
        say(
            f"The model has learned from {n_seen:,} of these documents, so it does better on them than on others. What "
            "it was tested on when it was trained is in its README.md."
        )
    tell_scores(evaluation, "documents")
    if answered is not None and "levels" in answered:
        tell_back_off(answered)
    elif answered is not None:
        low, high = answered["interval"]
        right = (
            "" if answered["accuracy"] is None else f": right on {answered['accuracy']:.1%} ({low:.1%} to {high:.1%})"
        )
        say(
            f"Answers that are at least {answered['min_confidence']:.1%} sure, for texts like those of the training: "
            f"{answered['n_documents']:,} documents, {answered['coverage']:.1%} of all{right}."
        )
    n_unknown = int(evaluation.all_out_of_vocabulary.sum())
    if n_unknown:
        say(
            f"In {n_unknown:,} of the {n_documents:,} documents no word was known: those answers say nothing about the "
            "text."
        )
    say()
    tell_classes(evaluation)
    say()


def _answered(
    classifier: FittedClassifier, evaluation: AnyEvaluation, by: BackOff | float | None
) -> dict[str, Any] | None:
    """How good the answers are that are sure enough; None where a text has any number of labels."""
    from bywords.evaluation.evaluation import Evaluation

    if not isinstance(evaluation, Evaluation) or by is None:
        return None
    share, is_nothing = evaluation.in_vocabulary_share, evaluation.all_out_of_vocabulary
    is_other = classifier.reliability.is_out_of_distribution(share, is_nothing)
    if isinstance(by, float | int):
        return evaluation.answered(by, is_other)
    return by.scores(evaluation.labels, evaluation.probabilities, is_other)


def _hierarchy(classifier: FittedClassifier, asked: str | None) -> str | None:
    """What separates the levels of the model's labels. Raises SettingError where another is asked for."""
    its = classifier.record.parameters.label_hierarchy
    if asked not in (None, its):
        is_so = "are no paths" if its is None else f"are paths separated by {its!r}"
        raise SettingError(f"--label-hierarchy {asked}: the labels of the model {is_so}. Leave it out.")
    return its


def _read(data: str, classifier: FittedClassifier, reading: ReadOptions) -> tuple[Corpus, int]:
    """The documents to evaluate, and how many of them the model has learned from."""
    from bywords.data.corpus import renamed
    from bywords.data.label_names import parsed_mapping
    from bywords.io.datasets import DATASETS, read_files

    if data in DATASETS:
        return _unseen(data, classifier, reading), 0
    corpus = read_files(data, reading)
    corpus = renamed(corpus, parsed_mapping(reading.map_label, corpus.label_names, hierarchy=reading.label_hierarchy))
    corpus = _renamed_as(corpus, classifier)
    return corpus, _n_seen(corpus, data, classifier)


def _as_the_model_has_them(corpus: Corpus, classifier: FittedClassifier, bad_rows: BadRows) -> tuple[Corpus, Any]:
    """The corpus with the model's classes, and its labels in their type."""
    from bywords.data.corpus import labelled_as
    from bywords.data.labels import names_of
    from bywords.io.datasets import with_known_labels

    corpus = labelled_as(corpus, multilabel=classifier.is_multilabel)
    words = tuple(map(str, classifier.classes))
    if classifier.classes.dtype.kind == "b" and not set(corpus.label_names) <= set(words):
        words = tuple(word.lower() for word in words)  # as JSON and Parquet have them
    corpus = with_known_labels(corpus, words, bad_rows=bad_rows)
    return corpus, names_of(corpus.labels, classifier.classes, "sets" if corpus.is_multilabel else "one")


def _n_seen(corpus: Corpus, data: str, classifier: FittedClassifier) -> int:
    """How many documents of a file the model has learned from; 0 where it is another file, or has changed."""
    from bywords.data.corpus import drop_empty

    trained_on = classifier.record.trained_on or {}
    if Path(str(trained_on.get("data"))).resolve() != Path(data).resolve():
        return 0
    if trained_on["test"] is None and not _has_learned_all(classifier):
        corpus = _divided_as(corpus, trained_on).train
    learned, _ = drop_empty(corpus, classifier.tokenizer)
    found = classifier.record.card.data
    is_same = found is not None and learned.fingerprint == found.fingerprint
    return len(learned) if is_same else 0


def _renamed_as(corpus: Corpus, classifier: FittedClassifier) -> Corpus:
    """The corpus with the names that the model's labels were given when it was trained."""
    from bywords.data.corpus import renamed, with_unseen_labels
    from bywords.data.label_names import asked_of, parsed_mapping

    options = (classifier.record.trained_on or {}).get("map_label") or ()
    names, separator = corpus.label_names, classifier.record.parameters.label_hierarchy
    mapping = parsed_mapping(asked_of(options, names, hierarchy=separator), names, hierarchy=separator)
    return with_unseen_labels(renamed(corpus, mapping), classifier.record.parameters.unseen_labels)


def _has_learned_all(classifier: FittedClassifier) -> bool:
    """Whether what was held out has been learned since, or was held out from other models only."""
    trained_on = classifier.record.trained_on or {}
    return bool(classifier.record.summary.n_learned_after or trained_on.get("n_folds"))


def _divided_as(corpus: Corpus, trained_on: Mapping[str, Any]) -> Split:
    """The parts in which a corpus was trained and tested on."""
    from bywords.io.datasets import divided

    how = {name: trained_on[name] for name in ("test_share", "keep_together", "seed") if name in trained_on}
    return divided(corpus, **how)


def _unseen(data: str, classifier: FittedClassifier, reading: ReadOptions) -> Corpus:
    """The test part of a data set: its own, or the share that was held out when the model was trained on it.

    Of a data set without a test part that the model was not trained on, all documents are unseen.
    """
    from bywords.io.datasets import read_parts

    trained_on = classifier.record.trained_on or {}
    from_it = trained_on.get("data") == data
    if from_it and (trained_on["test"] is not None or _has_learned_all(classifier)):
        raise DataError(
            f"the model has learned from all of {data}, so none of it is left to test on. Its README.md has the scores "
            "from before it had. Give a file with other documents."
        )
    corpus, own_test = read_parts(data, reading)
    if own_test is not None:
        return own_test
    corpus = _renamed_as(corpus, classifier)
    return _divided_as(corpus, trained_on).test if from_it else corpus
