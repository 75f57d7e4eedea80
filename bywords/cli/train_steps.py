"""A request → read → split → fit → evaluate → save → say it."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import typer

from bywords.cli.corrected import corrected_split, gain_of_corrections
from bywords.cli.failing import slices_in
from bywords.cli.options import command_to_resume
from bywords.cli.scores import commonest
from bywords.cli.screen import (
    ProgressLines,
    asked_again,
    columns_as_json,
    print_json,
    say,
    tell_aside,
    tell_columns,
    tell_notes,
    tell_skipped,
    working,
)
from bywords.cli.train_report import files_of, tell
from bywords.cli.train_request import TrainRequest

if TYPE_CHECKING:
    from bywords.artifact.compression import Compressed
    from bywords.cluster import Executor
    from bywords.data.corpus import Corpus, Split
    from bywords.evaluation.evaluation import AnyEvaluation
    from bywords.fitted import FittedClassifier
    from bywords.io.corrections import Corrected
    from bywords.io.on_disk import OnDiskCorpus, OnDiskSplit

Unfinished = Literal["test", "corrections", "size", "slices"]
MOST_JUDGING = 5_000  # documents that say which way to make a model smaller costs least


@dataclass(frozen=True, kw_only=True)
class Documents:
    """What was read: documents to train and to test on, and what was corrected of them."""

    split: Split
    remarks: list[str]  # on their labels
    is_drawn: bool  # the documents to test on were held out of the file
    corrections: Corrected | None
    unlabelled: list[str] | None  # texts without labels, none of them among the others


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A classifier that was trained, and what is known of it, which is all but `unfinished` where Ctrl-C came first."""

    fitted: FittedClassifier
    split: Split | OnDiskSplit
    evaluation: AnyEvaluation | None = None
    corrections: dict[str, Any] | None = None  # what they bring
    reduction: str | None = None  # what was made smaller, and what that cost
    slices: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    remarks: list[str] = dataclasses.field(default_factory=list)  # on the labels
    also_in_training: dict[str, Any] | None = None  # how many test texts are, and the scores without them
    n_folds: int = 0  # in which all documents are held out in turn
    unfinished: Unfinished | None = None  # what was not done any more, with what comes after it


def run(request: TrainRequest, *, as_json: bool) -> None:
    """Train what was requested, save it, and say how good it is.

    Ctrl-C while it trains keeps the best so far; while it is tested, the model and what is known of it until then: that
    ends with 130, as the test is not what was asked for. Where there is no model yet, how to go on is said.
    """
    from bywords.artifact.description import save_classifier
    from bywords.checkpoint import Checkpoint

    tell_notes(request.notes)
    train = _trained if request.on_disk is None else _trained_on_disk
    try:
        trained = train(request, as_json=as_json)
    except KeyboardInterrupt:
        how = "Nothing is kept: give --checkpoint FOLDER, and what is done stays there for --resume."
        if request.checkpoint is not None:
            how = f"Nothing was kept in {request.checkpoint} yet: to begin anew, give the same command."
            if request.checkpoint.exists():
                how = f"What was kept in {request.checkpoint} is there: {command_to_resume()}"
        tell_aside(f"Interrupted before there was a model. {how}")
        raise typer.Exit(130) from None
    try:
        save_classifier(trained.fitted, request.folder)
    except KeyboardInterrupt:  # one more would be needed to lose what was trained
        save_classifier(trained.fitted, request.folder)
    is_whole = trained.unfinished is None and not trained.fitted.record.history.interrupted
    if request.checkpoint is not None and is_whole:
        Checkpoint(request.checkpoint).finish()
    record = _record(request, trained)
    if as_json:
        print_json(record)
    else:
        asked = asked_again(trained.split.train.read_as, request.reading.options)
        data, resumes = [request.reading.data, *asked], request.checkpoint is not None
        tell(record, trained.evaluation, trained.split, data, resumes=resumes)
    if trained.unfinished is not None:
        raise typer.Exit(130)


def _trained(request: TrainRequest, *, as_json: bool) -> Trained:
    """Read → split → fit → evaluate, with all documents in memory."""
    documents = _read(request, as_json=as_json)
    for remark in documents.remarks if not as_json else ():
        say(remark)
    split = documents.split
    if documents.is_drawn and _takes_turns(request, split):
        return _trained_in_turn(request, documents)
    learn_test = documents.is_drawn and not request.keep_test_out
    tested, fitted = _fitted(request, split, documents.unlabelled, learn_test=learn_test)
    trained = Trained(fitted=fitted or tested, split=split, remarks=documents.remarks, unfinished="test")
    as_in_file = split if documents.corrections is None else documents.corrections.before
    with suppress(KeyboardInterrupt):  # what there is until then is kept
        evaluation = tested.evaluate(split.test.texts, _labels(split.test, tested))
        also = None if documents.is_drawn else _also_in_training(tested, split)
        trained = replace(trained, evaluation=evaluation, also_in_training=also, unfinished="corrections")
        trained = replace(trained, corrections=_gain(request, tested, documents), unfinished="slices")
        if request.max_bytes is not None:  # the card is a part of the size
            trained = replace(trained, unfinished="size")
            with working("making it smaller"):
                if fitted is not None:
                    fitted = _with_card(request, replace(trained, fitted=fitted), as_in_file)
                    fitted = _compress(fitted, split.train, request.max_bytes).classifier
                tested = _with_card(request, replace(trained, fitted=tested), as_in_file)
                tested, evaluation, reduction = _compressed(tested, evaluation, split, request.max_bytes)
                also = None if also is None else _also_in_training(tested, split)
            trained = replace(
                trained, fitted=fitted or tested, evaluation=evaluation, also_in_training=also, reduction=reduction,
                unfinished="slices",
            )  # fmt: skip
        with working("looking where it fails"):
            trained = replace(trained, slices=slices_in(tested, evaluation, split.test), unfinished=None)
    return replace(trained, fitted=_with_card(request, trained, as_in_file))


def _takes_turns(request: TrainRequest, split: Split) -> bool:
    """Whether all documents are held out in turn, as the part that would be is too small to say how good a model is.

    Or too few are left to learn from: then the model is not tested.

    What needs one model that was tested, goes on from one, or fits until a time is over keeps the part.
    """
    from bywords.training.repeated_folds import can_only_be_fitted_whole, takes_turns

    together = request.reading.keep_together
    if request.keep_test_out:
        return False
    parameters = request.parameters
    others = request.before, request.labels, request.max_bytes, parameters.label_hierarchy, parameters.budget_seconds
    if any(one is not None for one in others) or request.config.model.is_ranked(len(split.train.label_names)):
        return False
    return takes_turns(split, together) or can_only_be_fitted_whole(split, together)


def _trained_in_turn(request: TrainRequest, documents: Documents) -> Trained:
    """Fit the system to all documents, and hold them out in turn to see how good it is: no part is left to test on."""
    from bywords.data.corpus import Split
    from bywords.training.fit import fit_classifier
    from bywords.training.repeated_folds import can_take_turns, evaluate_in_turn, fitted_to_all, n_folds_of

    together = request.reading.keep_together
    request = replace(request, config=fitted_to_all(request.config))
    whole, n_dropped = documents.split.whole, documents.split.n_dropped_train + documents.split.n_dropped_test

    def fit(part: Corpus) -> FittedClassifier:
        fitted = fit_classifier(
            request.config, part.texts, part.names(), parameters=request.parameters, columns=part.read_as,
            unlabelled=documents.unlabelled,
        )  # fmt: skip
        if fitted.record.history.interrupted:
            raise KeyboardInterrupt
        return fitted

    split = Split(whole, whole, n_dropped, 0)
    fitted, _ = _fitted(request, split, documents.unlabelled, learn_test=False)
    trained = Trained(
        fitted=fitted, split=split, remarks=documents.remarks, n_folds=n_folds_of(whole, together), unfinished="test"
    )
    if not can_take_turns(whole, together):
        trained = replace(trained, unfinished=None)
        return replace(trained, fitted=_with_card(request, trained, split))
    with suppress(KeyboardInterrupt):  # what there is until then is kept
        if fitted.record.history.interrupted:
            raise KeyboardInterrupt
        progress = ProgressLines()
        progress.start("models of some of the documents, to answer for the others")
        try:
            rows, evaluation = evaluate_in_turn(
                whole, fit, seed=request.reading.seed, keep_together=together,
                on_fold=progress.fold, keep_interrupted=True,
            )  # fmt: skip
        finally:
            progress.end()
        tested = whole.select(rows)
        trained = replace(trained, evaluation=evaluation, split=Split(whole, tested, n_dropped, 0))
        if evaluation.in_turn is not None and evaluation.in_turn.is_whole:
            with working("looking where it fails"):
                slices = slices_in(fitted, evaluation, tested)
            trained = replace(trained, slices=slices, unfinished=None)
    return replace(trained, fitted=_with_card(request, trained, split))


def _trained_on_disk(request: TrainRequest, *, as_json: bool) -> Trained:
    """The same with documents in files. What is held out of them stays so: it would have to be read once more."""
    from bywords.cli.options import workers
    from bywords.evaluation.slices import find_slices
    from bywords.systems import able_to_train_on_disk
    from bywords.training.on_disk import check_can_train_on_disk

    check_can_train_on_disk(request.config, request.shown, able_to_train_on_disk())
    with workers(request.on) as elsewhere:
        corpus = _stored(request, elsewhere)
        remarks = _remarks_on(corpus, request, as_json=as_json)
        fitted = _fitted_on_disk(request, corpus, elsewhere)
    trained = Trained(fitted=fitted, split=corpus.facts, remarks=remarks, unfinished="test")
    with suppress(KeyboardInterrupt):  # what there is until then is kept
        evaluation = fitted.evaluate_on_disk(corpus.test)
        trained = replace(trained, evaluation=evaluation, slices=find_slices(evaluation), unfinished=None)
    return replace(trained, fitted=_with_card(request, trained, corpus.facts))


def _remarks_on(corpus: OnDiskCorpus, request: TrainRequest, *, as_json: bool) -> list[str]:
    """What there is to say of the labels of documents in files: said, unless the answer is JSON."""
    import numpy as np

    from bywords.data.label_names import remarks_on_counts

    read = [corpus.facts.train] if request.reading.test is not None else [corpus.facts.train, corpus.facts.test]
    counts = np.sum([part.counts() for part in read], axis=0)
    are_paths = request.parameters.label_hierarchy is not None
    by_label = dict(zip(corpus.label_names, counts.tolist(), strict=True))
    remarks = [
        *corpus.facts.train.remarks,
        *remarks_on_counts(by_label, is_multilabel=corpus.is_multilabel, are_paths=are_paths),
    ]
    if not as_json:
        tell_columns(corpus.facts.train, corpus.facts.test)
        for remark in remarks:
            say(remark)
    return remarks


def _read(request: TrainRequest, *, as_json: bool) -> Documents:
    """Read the files, hold out what is to test on, and correct labels where there are corrections."""
    from bywords.data.corpus import Split, check_trainable, labelled_as
    from bywords.data.label_names import remarks_on_labels
    from bywords.io.datasets import divided, read_parts
    from bywords.text.tokenizer import Tokenizer

    reading = request.reading
    with working(f"reading {reading.data}"):
        of_model: dict[str, Any] = {}
        if (before := request.before) is not None:
            of_model = {"contract": before.record.columns, "given": before.tokenizer.config.is_given}
        unseen = request.parameters.unseen_labels
        corpus, own_test = read_parts(
            reading.data, reading.options, test=reading.test, unseen_labels=unseen, **of_model
        )
    tell_notes([*corpus.notes, *(() if own_test is None else own_test.notes)])
    if not as_json:
        tell_columns(corpus)
    with working("holding out what is to test on"):
        if own_test is None:
            split = divided(
                corpus, test_share=reading.test_share, seed=reading.seed, keep_together=reading.keep_together
            )
        else:
            split = Split(corpus, own_test)
        if request.before is not None:
            many = request.before.is_multilabel
            split = Split(labelled_as(split.train, multilabel=many), labelled_as(split.test, multilabel=many))
        tokenizer, corrections = Tokenizer(corpus.tokenizer_config(request.config.tokenizer)), None
        if request.labels is not None:
            corrections = corrected_split(request.labels, split, is_drawn=own_test is None, tokenizer=tokenizer)
            split = corrections.split
        split = split.drop_empty(tokenizer, unseen=unseen)
        check_trainable(split.train)
    return Documents(
        split=split, remarks=remarks_on_labels(corpus), is_drawn=own_test is None, corrections=corrections,
        unlabelled=_read_unlabelled(request, [corpus] if own_test is None else [corpus, own_test]),
    )  # fmt: skip


def _read_unlabelled(request: TrainRequest, corpora: list[Corpus]) -> list[str] | None:
    """The texts without labels that none of the documents equals, so that none is learned from before it is tested."""
    from bywords.cli.options import files_of
    from bywords.errors import DataError
    from bywords.io.readers import read_blocks, skipped_rows
    from bywords.training.unlabelled import are_apart

    if request.unlabelled is None:
        return None
    options, skipped, texts = request.reading.options, skipped_rows(request.reading.options.bad_rows), list[str]()
    named: dict[str, Any] = {"encoding": options.encoding, "label_prefix": options.label_prefix, "skipped": skipped}
    with working(f"reading {request.unlabelled}"):
        for path in files_of(request.unlabelled):
            for block in read_blocks(
                path, contract=corpora[0].read_as, given=request.config.tokenizer.is_given, **named
            ):
                tell_notes(block.notes)
                texts += block.texts.to_list()
        is_apart = are_apart(texts, [corpus.texts for corpus in corpora], request.reading.keep_together)
    if skipped is not None:
        tell_skipped(skipped.count, skipped.first)
    kept = [text for text, apart in zip(texts, is_apart.tolist(), strict=True) if apart]
    if not kept:
        raise DataError(
            f"{request.unlabelled}: none of its {len(texts):,} texts differs from all documents of {corpora[0].name}: "
            "leave out --unlabelled, or give other texts."
        )
    if (n_out := len(texts) - len(kept)) > 0:
        tell_aside(
            f"{request.unlabelled}: of its {len(texts):,} texts {n_out:,} equal documents with a label, "
            "and were left out."
        )
    return kept


def _fitted(
    request: TrainRequest, split: Split, unlabelled: list[str] | None, *, learn_test: bool
) -> tuple[FittedClassifier, FittedClassifier | None]:
    """Fit to the training documents, or continue with them; and then to those of the test too, or None."""
    from bywords.systems import default_candidates
    from bywords.training.fit import fit_classifier
    from bywords.training.incremental import continue_fit

    progress = ProgressLines()
    progress.start(request.shown)
    kept: dict[str, Any] = {"checkpoint": request.checkpoint, "resume": request.resume}
    tested: list[FittedClassifier] = []
    kept |= {"parameters": request.parameters, "callback": progress, "on_fitted": tested.append}
    if request.before is not None:
        labels = _labels(split.train, request.before)
        test = (split.test.texts, _labels(split.test, request.before)) if learn_test else None
        candidates = default_candidates(request.config)
        fitted = continue_fit(request.before, split.train.texts, labels, candidates=candidates, test=test, **kept)
    else:
        texts, labels = split.train.texts, split.train.names()
        test = (split.test.texts, split.test.names()) if learn_test else None
        columns = split.train.read_as
        fitted = fit_classifier(
            request.config, texts, labels, system=request.system, test=test, unlabelled=unlabelled, columns=columns,
            **kept,
        )  # fmt: skip
    progress.end()
    has_learned = fitted.record.summary.n_learned_after > 0
    return (tested[0], fitted) if has_learned else (fitted, None)


def _stored(request: TrainRequest, workers: Executor | None) -> OnDiskCorpus:
    """Write the documents into files, unless they are there already."""
    from bywords.io.on_disk import Source, corpus_on_disk
    from bywords.training.on_disk import as_on_disk

    assert request.on_disk is not None
    reading = request.reading
    source = Source(
        data=reading.data, test=reading.test, reading=reading.options, test_share=reading.test_share,
        keep_together=reading.keep_together, seed=reading.seed,
        validation_share=request.parameters.validation_share,
    )  # fmt: skip
    progress = ProgressLines()
    progress.start(request.shown)
    config = as_on_disk(request.config)
    corpus = corpus_on_disk(
        source, request.on_disk, config.tokenizer, config.vocabulary, on_block=progress.block, tell=tell_aside,
        workers=workers,
    )  # fmt: skip
    progress.end()
    return corpus


def _fitted_on_disk(request: TrainRequest, corpus: OnDiskCorpus, workers: Executor | None) -> FittedClassifier:
    """Fit to documents in files."""
    from bywords.systems import able_to_train_on_disk
    from bywords.training.on_disk import fit_on_disk

    progress = ProgressLines()
    progress.start(request.shown)
    fitted = fit_on_disk(
        request.config, corpus, system=request.system, parameters=request.parameters, able=able_to_train_on_disk(),
        callback=progress, checkpoint=request.checkpoint, resume=request.resume, workers=workers,
    )  # fmt: skip
    progress.end()
    return fitted


def _gain(request: TrainRequest, fitted: FittedClassifier, documents: Documents) -> dict[str, Any] | None:
    """What corrected labels bring, against a classifier that learned the labels as they were."""
    from bywords.training.fit import fit_classifier

    corrections = documents.corrections
    if corrections is None:
        return None
    progress = ProgressLines()
    progress.start("the labels as they were")
    before = corrections.before.train
    as_they_were = fit_classifier(
        request.config, before.texts, before.names(), parameters=request.parameters, columns=before.read_as,
        unlabelled=documents.unlabelled, callback=progress,
    )  # fmt: skip
    progress.end()
    return gain_of_corrections(fitted, as_they_were, corrections)


def _labels(corpus: Corpus, fitted: FittedClassifier) -> Any:
    """The labels of a file, as the classifier has them: it may have learned numbers in Python."""
    from bywords.data.labels import in_type_of

    return corpus.names() if corpus.is_multilabel else in_type_of(corpus.names(), fitted.classes)


def _compress(fitted: FittedClassifier, train: Corpus, max_bytes: int) -> Compressed:
    """The smaller model. Training documents say which way costs least, so that the test part stays unseen."""
    import numpy as np

    from bywords.artifact.compression import compress

    judging = train.select(np.linspace(0, len(train) - 1, min(len(train), MOST_JUDGING)).astype(int))
    return compress(fitted, max_bytes, judging.texts, _labels(judging, fitted))


def _also_in_training(tested: FittedClassifier, split: Split) -> dict[str, Any] | None:
    """How many documents of a test file are among those of training, and the scores without them; None for none."""
    import numpy as np

    from bywords.data.groups import is_also_in

    is_there = is_also_in(split.test.texts, split.train.texts)
    if not is_there.any():
        return None
    others = split.test.select(np.flatnonzero(~is_there))
    scores = tested.evaluate(others.texts, _labels(others, tested)).summary() if len(others) else None
    return {"n_documents": int(is_there.sum()), "without_them": scores}


def _compressed(
    fitted: FittedClassifier, whole: AnyEvaluation, split: Split, max_bytes: int
) -> tuple[FittedClassifier, AnyEvaluation, str]:
    """The smaller model, its scores, and what was done and cost, by the test part."""
    compressed = _compress(fitted, split.train, max_bytes)
    smaller = compressed.classifier
    if smaller.model is fitted.model:  # it was small enough
        return smaller, whole, compressed.sentence
    evaluation = smaller.evaluate(split.test.texts, _labels(split.test, smaller))
    if whole.is_multilabel:
        now, before = (f"{one.summary()['micro_f1']:.3f}" for one in (evaluation, whole))
        cost = f"micro F1 {now} on the test documents instead of {before}."
    else:
        cost = f"right on {evaluation.accuracy:.1%} of the test documents, not {whole.accuracy:.1%}."
    return smaller, evaluation, f"{compressed.done}; {cost}"


def _with_card(request: TrainRequest, trained: Trained, as_in_file: Split | OnDiskSplit) -> FittedClassifier:
    """The classifier with what its card says of its documents and its test. The fingerprint is of the file's labels."""
    from bywords.data.corpus import Split
    from bywords.fitted import CardRecord, DataSummary

    fitted, evaluation, split = trained.fitted, trained.evaluation, trained.split
    learned, in_file, dropped = split.train, as_in_file.train, split.n_dropped_train
    if isinstance(split, Split) and isinstance(as_in_file, Split) and fitted.record.summary.n_learned_after:
        learned, in_file, dropped = split.whole, as_in_file.whole, dropped + split.n_dropped_test
    counts = dict(zip(learned.label_names, learned.counts().tolist(), strict=True))
    data = DataSummary(
        name=request.reading.data, test=request.reading.test, n_documents=len(learned),
        fingerprint=in_file.fingerprint, dropped=dropped, skipped=learned.n_skipped,
        classes={str(label): counts.get(str(label), 0) for label in fitted.classes.tolist()},
    )  # fmt: skip
    card = CardRecord(
        system=request.shown, data=data, test=None if evaluation is None else evaluation.summary(),
        also_in_training=trained.also_in_training, reduction=trained.reduction,
        hardest_confusions=() if evaluation is None else evaluation.hardest_confusions(),
    )  # fmt: skip
    trained_on = request.reading.trained_on
    if trained.n_folds:
        trained_on |= {"n_folds": trained.n_folds}
    record = replace(fitted.record, card=card, trained_on=trained_on)
    return replace(fitted, record=record)


def _record(request: TrainRequest, trained: Trained) -> dict[str, Any]:
    """What `--json` prints."""
    from bywords.artifact.model_folder import size_bytes
    from bywords.data.corpus import Split

    split, record, summary = trained.split, trained.fitted.record, trained.fitted.record.summary
    evaluation = trained.evaluation
    return {
        "model": str(request.folder),
        "columns": columns_as_json(trained.fitted.record.columns),
        "system": request.shown,
        "size_bytes": size_bytes(request.folder),
        "fit_seconds": record.seconds,
        "n_train": summary.n_train,
        "n_valid": summary.n_valid,
        "n_test": 0 if trained.n_folds else len(split.test),  # of a part that was not learned with the rest
        "n_different_test": split.test.n_different if isinstance(split, Split) and evaluation is not None else None,
        "n_learned_after": summary.n_learned_after,
        "label_remarks": trained.remarks,
        "notes": list(record.notes),
        "test_also_in_training": trained.also_in_training,
        "dropped": {"train": split.n_dropped_train, "test": split.n_dropped_test},
        "skipped": {corpus.name: corpus.n_skipped for corpus in files_of(split)},
        "before": summary.n_before,
        "new_words": summary.n_new_words,
        "new_classes": summary.new_classes,
        "kept_classes": summary.kept_classes,
        "named_classes": summary.named_classes,
        "valid_accuracy": summary.valid_accuracy,
        "selection": None if record.selection is None else dataclasses.asdict(record.selection),
        "interrupted": record.history.interrupted,
        "unfinished": trained.unfinished,
        "epochs": len(record.history.epochs),
        "best_epoch": record.history.best_epoch or None,
        "test": None if evaluation is None else evaluation.summary(),
        "commonest": None if evaluation is None else commonest(evaluation),
        "hardest_confusions": [] if evaluation is None else evaluation.hardest_confusions(),
        "reduction": trained.reduction,
        "corrections": trained.corrections,
        "slices": trained.slices,
    }
