"""A request → read → split → fit → evaluate → save → say it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bywords.cli.corrected import corrected_split, gain_of_corrections
from bywords.cli.failing import slices_in
from bywords.cli.screen import ProgressLines, print_json, tell_notes, working
from bywords.cli.train_report import files_of, tell
from bywords.cli.train_request import TrainRequest

if TYPE_CHECKING:
    from bywords.data.corpus import Corpus, Split
    from bywords.evaluation.evaluation import AnyEvaluation
    from bywords.fitted import FittedClassifier
    from bywords.io.corrections import Corrected
    from bywords.io.on_disk import OnDiskCorpus, OnDiskSplit

MOST_JUDGING = 5_000  # documents that say which way to make a model smaller costs least


@dataclass(frozen=True, kw_only=True)
class Documents:
    """What was read: documents to train and to test on, and what was corrected of them."""

    split: Split
    corrections: Corrected | None


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A classifier that was trained, its test, and the documents of both."""

    fitted: FittedClassifier
    evaluation: AnyEvaluation
    split: Split | OnDiskSplit
    corrections: dict[str, Any] | None = None  # what they bring
    reduction: str | None = None  # what was made smaller, and what that cost


def run(request: TrainRequest, *, as_json: bool) -> None:
    """Train what was requested, save it, and say how good it is; Ctrl-C while it trains keeps the best so far."""
    from bywords.artifact.description import save_classifier
    from bywords.checkpoint import Checkpoint

    trained = _trained(request) if request.on_disk is None else _trained_on_disk(request)
    save_classifier(trained.fitted, request.folder)
    if request.checkpoint is not None and not trained.fitted.record.history.interrupted:
        Checkpoint(request.checkpoint).finish()
    record = _record(request, trained)
    if as_json:
        print_json(record)
    else:
        tell(record, trained.evaluation, trained.split, request.reading.data)


def _trained(request: TrainRequest) -> Trained:
    """Read → split → fit → evaluate, with all documents in memory."""
    documents = _read(request)
    split = documents.split
    fitted = _fitted(request, split)
    evaluation = fitted.evaluate(split.test.texts, _labels(split.test, fitted))
    corrections = _gain(request, fitted, documents.corrections)
    as_in_file = split if documents.corrections is None else documents.corrections.before
    fitted, reduction = _with_card(request, fitted, evaluation, split, as_in_file), None
    if request.max_bytes is not None:
        with working("making it smaller"):
            fitted, evaluation, reduction = _compressed(fitted, evaluation, split, request.max_bytes)
        fitted = _with_card(request, fitted, evaluation, split, as_in_file, reduction)
    return Trained(fitted=fitted, evaluation=evaluation, split=split, corrections=corrections, reduction=reduction)


def _trained_on_disk(request: TrainRequest) -> Trained:
    """The same with documents in files."""
    corpus = _stored(request)
    fitted = _fitted_on_disk(request, corpus)
    evaluation = fitted.evaluate_on_disk(corpus.test)
    fitted = _with_card(request, fitted, evaluation, corpus.facts, corpus.facts)
    return Trained(fitted=fitted, evaluation=evaluation, split=corpus.facts)


def _read(request: TrainRequest) -> Documents:
    """Read the files, hold out what is to test on, and correct labels where there are corrections."""
    from bywords.data.corpus import Split, check_trainable, labelled_as
    from bywords.io.datasets import divided, read_parts
    from bywords.text.tokenizer import Tokenizer

    reading = request.reading
    with working(f"reading {reading.data}"):
        corpus, own_test = read_parts(reading.data, reading.options, test=reading.test)
        tell_notes([*corpus.notes, *(() if own_test is None else own_test.notes)])
        if own_test is None:
            split = divided(corpus, test_share=reading.test_share, seed=reading.seed)
        else:
            split = Split(corpus, own_test)
        if request.before is not None:
            many = request.before.is_multilabel
            split = Split(labelled_as(split.train, multilabel=many), labelled_as(split.test, multilabel=many))
        tokenizer, corrections = Tokenizer(request.config.tokenizer), None
        if request.labels is not None:
            corrections = corrected_split(request.labels, split, is_drawn=own_test is None, tokenizer=tokenizer)
            split = corrections.split
        split = split.drop_empty(tokenizer)
        check_trainable(split.train)
    return Documents(split=split, corrections=corrections)


def _fitted(request: TrainRequest, split: Split) -> FittedClassifier:
    """Fit to the training documents, or continue with them."""
    from bywords.systems import default_candidates
    from bywords.training.fit import fit_classifier
    from bywords.training.incremental import continue_fit

    progress = ProgressLines()
    progress.start(request.shown)
    kept: dict[str, Any] = {"checkpoint": request.checkpoint, "resume": request.resume}
    kept |= {"parameters": request.parameters, "callback": progress}
    if request.before is not None:
        labels = _labels(split.train, request.before)
        candidates = default_candidates(request.config)
        fitted = continue_fit(request.before, split.train.texts, labels, candidates=candidates, **kept)
    else:
        texts, labels = split.train.texts, split.train.names()
        fitted = fit_classifier(request.config, texts, labels, system=request.system, **kept)
    progress.end()
    return fitted


def _stored(request: TrainRequest) -> OnDiskCorpus:
    """Write the documents into files, unless they are there already."""
    from bywords.io.on_disk import Source, corpus_on_disk
    from bywords.systems import able_to_train_on_disk
    from bywords.training.on_disk import check_can_train_on_disk

    assert request.on_disk is not None
    check_can_train_on_disk(request.config, request.shown, able_to_train_on_disk())
    reading = request.reading
    source = Source(
        data=reading.data, test=reading.test, reading=reading.options, test_share=reading.test_share, seed=reading.seed,
        validation_share=request.parameters.validation_share,
    )  # fmt: skip
    progress = ProgressLines()
    progress.start(request.shown)
    config = request.config
    return corpus_on_disk(source, request.on_disk, config.tokenizer, config.vocabulary, on_block=progress.block)


def _fitted_on_disk(request: TrainRequest, corpus: OnDiskCorpus) -> FittedClassifier:
    """Fit to documents in files."""
    from bywords.systems import able_to_train_on_disk
    from bywords.training.on_disk import fit_on_disk

    progress = ProgressLines()
    progress.start(request.shown)
    fitted = fit_on_disk(
        request.config, corpus, system=request.system, parameters=request.parameters, able=able_to_train_on_disk(),
        callback=progress, checkpoint=request.checkpoint, resume=request.resume,
    )  # fmt: skip
    progress.end()
    return fitted


def _gain(request: TrainRequest, fitted: FittedClassifier, corrections: Corrected | None) -> dict[str, Any] | None:
    """What corrected labels bring, against a classifier that learned the labels as they were."""
    from bywords.training.fit import fit_classifier

    if corrections is None:
        return None
    progress = ProgressLines()
    progress.start("the labels as they were")
    before = corrections.before.train
    as_they_were = fit_classifier(
        request.config, before.texts, before.names(), parameters=request.parameters, callback=progress
    )
    progress.end()
    return gain_of_corrections(fitted, as_they_were, corrections)


def _labels(corpus: Corpus, fitted: FittedClassifier) -> Any:
    """The labels of a file, as the classifier has them: it may have learned numbers in Python."""
    from bywords.data.labels import in_type_of

    return corpus.names() if corpus.is_multilabel else in_type_of(corpus.names(), fitted.classes)


def _compressed(
    fitted: FittedClassifier, whole: AnyEvaluation, split: Split, max_bytes: int
) -> tuple[FittedClassifier, AnyEvaluation, str]:
    """The smaller model, its scores, and what was done and cost, by the test part.

    Training documents say which way costs least, so that the test part stays unseen.
    """
    import numpy as np

    from bywords.artifact.compression import compress

    judging = split.train.select(np.linspace(0, len(split.train) - 1, min(len(split.train), MOST_JUDGING)).astype(int))
    compressed = compress(fitted, max_bytes, judging.texts, _labels(judging, fitted))
    smaller = compressed.classifier
    if not smaller.storage:
        return smaller, whole, compressed.sentence
    evaluation = smaller.evaluate(split.test.texts, _labels(split.test, smaller))
    if whole.is_multilabel:
        now, before = (f"{one.summary()['micro_f1']:.3f}" for one in (evaluation, whole))
        cost = f"micro F1 {now} on the test documents instead of {before}."
    else:
        cost = f"right on {evaluation.accuracy:.1%} of the test documents, not {whole.accuracy:.1%}."
    return smaller, evaluation, f"{compressed.done}; {cost}"


def _with_card(
    request: TrainRequest,
    fitted: FittedClassifier,
    evaluation: AnyEvaluation,
    split: Split | OnDiskSplit,
    as_in_file: Split | OnDiskSplit,
    reduction: str | None = None,
) -> FittedClassifier:
    """The classifier with what its card says of its documents and its test. The fingerprint is of the file's labels."""
    from bywords.fitted import CardRecord, DataSummary

    counts = dict(zip(split.train.label_names, split.train.counts().tolist(), strict=True))
    data = DataSummary(
        name=request.reading.data, test=request.reading.test, n_documents=len(split.train),
        fingerprint=as_in_file.train.fingerprint, dropped=split.n_dropped_train, skipped=split.train.n_skipped,
        classes={str(label): counts.get(str(label), 0) for label in fitted.classes.tolist()},
    )  # fmt: skip
    card = CardRecord(
        system=request.shown, data=data, test=evaluation.summary(),
        hardest_confusions=evaluation.hardest_confusions(), reduction=reduction,
    )  # fmt: skip
    record = replace(fitted.record, card=card, trained_on=request.reading.trained_on)
    return replace(fitted, record=record)


def _slices(trained: Trained) -> list[dict[str, Any]]:
    from bywords.evaluation.slices import find_slices
    from bywords.io.on_disk import OnDiskSplit

    if isinstance(trained.split, OnDiskSplit):
        return find_slices(trained.evaluation)
    with working("looking where it fails"):
        return slices_in(trained.fitted, trained.evaluation, trained.split.test)


def _record(request: TrainRequest, trained: Trained) -> dict[str, Any]:
    """What `--json` prints."""
    from bywords.artifact.model_folder import size_bytes

    split, record, summary = trained.split, trained.fitted.record, trained.fitted.record.summary
    return {
        "model": str(request.folder),
        "system": request.shown,
        "size_bytes": size_bytes(request.folder),
        "fit_seconds": record.seconds,
        "n_train": summary.n_train,
        "n_valid": summary.n_valid,
        "n_test": len(split.test),
        "dropped": {"train": split.n_dropped_train, "test": split.n_dropped_test},
        "skipped": {corpus.name: corpus.n_skipped for corpus in files_of(split)},
        "before": summary.n_before,
        "new_words": summary.n_new_words,
        "new_classes": summary.new_classes,
        "kept_classes": summary.kept_classes,
        "valid_accuracy": summary.valid_accuracy,
        "selection": None if record.selection is None else dataclasses.asdict(record.selection),
        "interrupted": record.history.interrupted,
        "epochs": len(record.history.epochs),
        "best_epoch": record.history.best_epoch or None,
        "test": trained.evaluation.summary(),
        "hardest_confusions": trained.evaluation.hardest_confusions(),
        "reduction": trained.reduction,
        "corrections": trained.corrections,
        "slices": _slices(trained),
    }
