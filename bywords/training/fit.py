"""Texts and labels → a `FittedClassifier`: read, held out, fitted, calibrated."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_arguments
from bywords.checkpoint import Checkpoint
from bywords.data.columns import Columns
from bywords.data.groups import groups_of
from bywords.data.hierarchy import Hierarchy
from bywords.data.label_names import warn_of_alike
from bywords.data.labels import GivenLabels, LabelFormat, Labels, classes_of, codes_of, read_labels, weights_of
from bywords.data.splits import TOO_FEW
from bywords.data.targets import Rows, Targets
from bywords.errors import DataError, SettingError, quoted
from bywords.evaluation.back_off import back_off_table
from bywords.evaluation.calibration import fit_calibration
from bywords.evaluation.metrics import Metric, are_right, check_metric, score
from bywords.evaluation.operating_points import OperatingCurves
from bywords.evaluation.profile import Profile
from bywords.evaluation.reliability import Reliability, floor_of, in_vocabulary_share_elsewhere
from bywords.evaluation.top_scores import TopScores
from bywords.fitted import N_FOUND, FitSummary, FittedClassifier, SelectionSummary, TrainingRecord, documents_of
from bywords.forks import check_polars
from bywords.locks import while_locked
from bywords.memory import check_memory
from bywords.models.base import model_class
from bywords.models.static_vectors import StaticVectorsConfig, words_of_names
from bywords.system_config import FitParameters, SystemConfig
from bywords.text.bags import Floats
from bywords.text.inputs import Texts, as_list, checked_column, warn_of_other_order
from bywords.text.tokenizer import Tokenizer, TokenizerConfig, Tokens
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.training.callback import Callback
from bywords.training.fields import with_fields
from bywords.training.model_selection import SelectionResult, select_model
from bywords.training.named_classes import NamedClasses, trust_in_names, with_named_classes
from bywords.training.resume import checkpoint_of, run_of
from bywords.training.system import SystemFit, fit_system, vectors_summary
from bywords.training.unlabelled import Unlabelled, check_can_use, read_unlabelled, with_unlabelled
from bywords.training.workbench import MOST_NUMBERS


@dataclass(frozen=True)
class Documents:
    """Documents that have tokens and count: N of them, and how many have no tokens."""

    tokens: Tokens
    labels: GivenLabels
    weights: npt.NDArray[np.float64] | None  # (N,), what each counts; None where all count the same
    n_dropped: int
    groups: npt.NDArray[np.int64]  # (N,), the same number where texts are equal

    def targets(
        self, classes: npt.NDArray[Any], label_format: LabelFormat, parameters: FitParameters, *, part: str
    ) -> Targets:
        """What is to be learned of them, weighed by class too. Raises DataError for a label that is not a class."""
        codes = codes_of(self.labels, classes, label_format, part=part)
        weights = weights_of(parameters.class_weight, self.labels, classes, self.weights)
        by_class = None
        if parameters.class_weight is not None:
            by_class = np.ones(len(classes))
            by_class[cast(npt.NDArray[np.int64], codes)] = weights_of(
                parameters.class_weight, self.labels, classes, None
            )
        return Targets.of(codes, len(classes), weights=weights, groups=self.groups, class_weights=by_class)


COPIES = (
    "No class has two different texts: what was held out are copies of what was learned, so that the validation "
    "accuracy and the probabilities say nothing of texts that are new."
)
OF_NO_USE = "texts without labels were read and not used: there was nothing to select that they could have helped."
BYTES_PER_SCORE = 20  # a logit, and a probability before and after calibration
BYTES_PER_WEIGHT = 4
MANY_LABELS = 200  # of which a document may have any number: to try several models on each label takes minutes
Part = tuple[Tokens, Targets]
# Fits the same once more to other documents: all of before, then more.
Again = Callable[[Part, Callback, Checkpoint], tuple[SystemConfig, SystemFit]]


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """A system that was fitted, and the answers for documents held out from before it was fitted to all."""

    config: SystemConfig
    fit: SystemFit
    logits: Floats | TopScores  # (N, K), or the best of a model that `is_ranked`
    targets: Targets  # (N,)
    n_train: int
    n_valid: int
    selection: SelectionSummary | None = None


@dataclass(frozen=True, kw_only=True)
class Repeatable(HeldOut):
    """The same with what fits it, as it was selected, once more to all documents and others."""

    again: Again

    @classmethod
    def of(
        cls, selected: SelectionResult, n_documents: int, *, was_given: bool, again: Again | None = None
    ) -> Repeatable:
        """Of a selection from so many documents; `was_given` says that others were held out for it."""
        return cls(
            config=selected.config, fit=selected.fit, logits=selected.logits, targets=selected.targets,
            n_train=n_documents - (0 if was_given else selected.n_valid), n_valid=selected.n_valid,
            selection=selected.summary, again=again or selected.fit_again,
        )  # fmt: skip


@check_arguments
@while_locked("checkpoint")
def fit_classifier(
    config: SystemConfig,
    texts: Texts,
    labels: Labels,
    sample_weight: npt.ArrayLike | None = None,
    *,
    system: str | SystemConfig | None = None,
    parameters: FitParameters | None = None,
    validation: tuple[Texts, Labels] | None = None,
    test: tuple[Texts, Labels] | None = None,
    unlabelled: Texts | None = None,
    on_fitted: Callable[[FittedClassifier], None] = lambda fitted: None,
    columns: Columns | None = None,
    callback: Callback | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> FittedClassifier:
    """Learn from N texts and their N labels. `TextClassifier.fit` says what the arguments mean, and what is raised.

    `system` is what `config` was asked for by, for the record. `on_fitted` gets the classifier that has learned from
    these. With `test`, more texts and their labels that it has not seen, it is fitted once more, to them too, with all
    that was found out without them: what was selected and for how many epochs, its calibration, its thresholds. Where
    `columns` says that texts were made of several, their words are learned joined, or with their field's name too,
    whichever is better on documents held out. Of texts `unlabelled`, those that equal one with a label are left out.

    >>> from bywords import SYSTEMS, fit_classifier
    >>> fit_classifier(SYSTEMS["auto"], texts, labels).predict(["a flat tyre"]).labels.tolist()
    ['garage']
    """
    check_polars(what="training")
    warn_of_other_order(texts, labels, sample_weight)
    started = time.perf_counter()
    if unlabelled is not None:
        check_can_use(config.model)
    parameters = parameters or FitParameters()
    notes: tuple[str, ...] = ()
    if columns is not None:
        read = Tokenizer(columns.tokenizer(config.tokenizer)).read if columns.is_one_text else checked_column
        texts = as_list(documents_of(texts, columns, read))
        validation = None if validation is None else (documents_of(validation[0], columns, read), validation[1])
        test = None if test is None else (documents_of(test[0], columns, read), test[1])
        config, notes = with_fields(config, columns, texts, labels, parameters)
    tokenizer = Tokenizer(config.tokenizer)
    documents = read_documents(tokenizer, texts, labels, sample_weight, parameters, part="training")
    classes, label_format = classes_of(documents.labels), documents.labels.label_format
    if classes.dtype.kind == "U":
        warn_of_alike(classes.tolist())
    tree = None  # of labels that are paths; raises, before anything is learned, where some are none
    if parameters.label_hierarchy is not None:
        tree = Hierarchy.of(classes.tolist(), parameters.label_hierarchy).tree()
    targets = replace(documents.targets(classes, label_format, parameters, part="training"), tree=tree)
    check_can_be_told_apart(targets, classes)
    valid, n_dropped = more_documents(tokenizer, validation, classes, label_format, parameters, part="validation")
    n_dropped += documents.n_dropped
    check_metric(parameters.metric, is_multilabel=targets.is_multilabel)
    _check_judges(config, parameters.metric)
    config, more_notes = _for_many_labels(config, targets, len(documents.tokens.words))
    notes = (*notes, *more_notes)
    if parameters.use_label_names:
        config, more_notes = _with_label_names(config, [str(name) for name in classes.tolist()])
        notes = (*notes, *more_notes)
    train, are_copies = (documents.tokens, targets), False
    if valid is None:
        train, are_copies = with_copies_apart(train)
    later, _ = more_documents(tokenizer, test, classes, label_format, parameters, part="test")
    labelled = [texts, *(given[0] for given in (validation, test) if given is not None)]
    others = read_unlabelled(tokenizer, unlabelled, labelled, columns, parameters.keep_together)
    _check_memory(config, targets, valid, len(documents.tokens.words), parameters)
    run = run_of(
        config, parameters, classes.tolist(), label_format, train, valid, later,
        unlabelled=None if others is None else others.tokens,
    )  # fmt: skip
    classes, named = _with_unseen(config, classes, documents.tokens, targets, parameters)
    kept = checkpoint_of(checkpoint, run, resume=resume)
    if config.model.candidates:
        found = _fit_selected(config, train, valid, parameters, callback, kept, others, named)
    else:
        found = _fit_one(config, train, valid, parameters, callback, kept)
        notes = notes if others is None else (*notes, f"{others.n_read:,} {OF_NO_USE}")
    found.fit.notes.extend([COPIES] if are_copies else [])
    everything = train[0] if valid is None else train[0].joined(valid[0])
    shares = in_vocabulary_share_elsewhere(found.fit.vocabulary, everything, found.fit.model.knows_by_vector)
    fitted = calibrated(
        found, tokenizer, classes, label_format, floor_of(shares), shares,
        system=config if system is None else system, parameters=parameters, n_dropped=n_dropped,
        n_by_label=counts_by_label(targets, valid),
        named_classes=[] if named is None else classes[named.unseen].tolist(),
    )  # fmt: skip
    record = replace(
        fitted.record, seconds=time.perf_counter() - started, columns=columns, notes=(*notes, *fitted.record.notes)
    )
    fitted = replace(fitted, record=record)
    on_fitted(fitted)
    if later is None:
        return fitted
    started = time.perf_counter()
    part = everything.joined(later[0]), (targets if valid is None else targets.joined(valid[1])).joined(later[1])
    return learned_after(fitted, found, part, len(later[0]), callback, kept, started=started)


def learned_after(
    fitted: FittedClassifier,
    found: Repeatable,
    part: Part,
    n_after: int,
    callback: Callback | None,
    checkpoint: Checkpoint,
    *,
    started: float,
) -> FittedClassifier:
    """The classifier fitted once more to `part`, whose last `n_after` documents it was tested on; as it was, after
    Ctrl-C. What was found out by documents held out stays: calibration, thresholds, reliability, operating curves.
    """
    record = fitted.record
    if record.history.interrupted:
        return fitted
    try:
        config, fit = found.again(part, callback or Callback(), checkpoint.under("everything"))
    except KeyboardInterrupt:
        return replace(fitted, record=replace(record, history=replace(record.history, interrupted=True)))
    if fit.history.interrupted:
        return replace(fitted, record=replace(record, history=replace(record.history, interrupted=True)))
    record = replace(
        record, config=config, summary=replace(record.summary, n_learned_after=n_after),
        seconds=record.seconds + time.perf_counter() - started,
    )  # fmt: skip
    return replace(fitted, vocabulary=fit.vocabulary, model=fit.model, record=record)


def _check_memory(
    config: SystemConfig,
    targets: Targets,
    valid: Part | None,
    n_words: int,
    parameters: FitParameters,
) -> None:
    """Raise DataError where the tables of this many classes are larger than the memory, before anything is learned."""
    if config.model.is_ranked(targets.n_classes):
        return
    n_classes = targets.n_classes
    drawn = max(int(parameters.validation_share * len(targets)), min(n_classes, len(targets) // 2))  # one of each class
    n_judged = drawn if valid is None else len(valid[1])
    n_weights = n_words * n_classes if config.model.candidates else 0
    check_memory(
        BYTES_PER_SCORE * n_judged * n_classes + BYTES_PER_WEIGHT * n_weights,
        f"{n_classes:,} classes and {len(targets):,} documents: a score for each class of each of {n_judged:,} "
        f"documents held out, and {n_weights:,} weights of words,",
        "Check that the right column is the label; else join rare classes, or learn from a part of the documents.",
    )


def _for_many_labels(config: SystemConfig, targets: Targets, n_words: int) -> tuple[SystemConfig, tuple[str, ...]]:
    """The system itself; or, for very many labels, its one model for those instead of a selection, which it says."""
    instead, n_labels = config.model.of_many_labels, targets.n_classes
    is_many = (targets.is_multilabel and n_labels >= MANY_LABELS) or n_labels * n_words > MOST_NUMBERS
    if instead is None or not is_many:
        return config, ()
    vocabulary = replace(config.vocabulary, ngrams=1, char_ngrams=None)
    note = (
        f"With {n_labels:,} labels and {n_words:,} words no models were tried against each other, and no metric or "
        f"budget was needed: a {instead.with_features('words').title} was taken, which stays fast and small."
    )
    return replace(config, model=instead, vocabulary=vocabulary, training=None, vectors=None), (note,)


def _with_label_names(config: SystemConfig, names: list[str]) -> tuple[SystemConfig, tuple[str, ...]]:
    """The system with candidates that know what its labels' names mean; and which names say nothing.

    Raises: SettingError for a system without candidates on word vectors.
    """
    model = config.model.with_label_names(tuple(names))
    if model is None:
        raise SettingError(
            f"{config.model.title} does not know what the names of labels mean, so use_label_names is of no use to it: "
            "leave it out, or take 'auto'."
        )
    silent = [name for name, rows in zip(names, words_of_names(names), strict=True) if not len(rows)]
    note = (f"No English word was found in these names of labels: {quoted(silent)}.",) if silent else ()
    return (config if len(silent) == len(names) else replace(config, model=model)), note


def _with_unseen(
    config: SystemConfig, classes: npt.NDArray[Any], tokens: Tokens, targets: Targets, parameters: FitParameters
) -> tuple[npt.NDArray[Any], NamedClasses | None]:
    """All classes, sorted, and what the names say of those that no document has; None where there are no such.

    Raises: SettingError where these cannot be known by name.
    """
    every = np.unique([*classes.tolist(), *parameters.unseen_labels]) if parameters.unseen_labels else classes
    unseen = [name for name in every.tolist() if name not in set(classes.tolist())]
    if not unseen:
        return classes, None
    why = None
    if targets.is_multilabel:
        why = "documents have any number of labels, of which each is told from its absence"
    elif classes.dtype.kind != "U":
        why = f"the other labels are {classes.tolist()[0]!r} and the like, which are no words"
    elif not config.model.candidates:
        why = f"{config.model.title} does not know what names mean, as 'auto' does for a few thousand labels at most"
    else:
        why = StaticVectorsConfig().unsuitable(Vocabulary.of(tokens, VocabularyConfig()), n_documents=0)
    if why is not None:
        raise SettingError(
            f"unseen_labels: {quoted(unseen)} cannot be known by name alone, because {why}. Leave unseen_labels out, "
            "or label some documents of each."
        )
    return every, NamedClasses.of(every.tolist(), np.searchsorted(every, classes))


def _check_judges(config: SystemConfig, metric: Metric) -> None:
    """Raise SettingError for a metric that nothing would be judged by."""
    if metric == "log_loss" or config.model.candidates or model_class(config.model).trains_in_epochs:
        return
    raise SettingError(
        f"{config.model.title} has neither candidates to select from nor epochs to stop by, so the metric {metric} is "
        "of no use to it: leave it out, or take 'auto'."
    )


def read_documents(
    tokenizer: Tokenizer,
    texts: Texts,
    labels: Labels,
    sample_weight: npt.ArrayLike | None,
    parameters: FitParameters,
    *,
    part: str,
) -> Documents:
    """Tokens, labels, weights and groups of the documents that have tokens and count."""
    checked = tokenizer.read(texts)
    tokens = tokenizer(checked)
    if labels is None:
        raise DataError("requires y to be passed, but the target y is None: give each text its label.")
    given = read_labels(labels, part=part)
    if len(given) != len(tokens):
        raise DataError(f"{len(tokens)} {part} texts and {len(given)} labels: expected as many.")
    weights = None if sample_weight is None else weights_of(None, given, classes_of(given), sample_weight)
    is_filled = tokens.lengths > 0
    if not is_filled.any():
        raise DataError(f"none of the {len(tokens)} {part} documents has a word. Check the text column.")
    kept = np.flatnonzero(is_filled if weights is None else is_filled & (weights > 0))
    if not len(kept):
        raise DataError(
            f"the weight of all {part} documents is zero: there is nothing to learn from. Check sample_weight."
        )
    is_default = tokenizer.config == TokenizerConfig()
    groups = groups_of(checked, parameters.keep_together, tokens=tokens if is_default else None)
    if len(kept) < len(tokens):
        tokens = tokens.select(kept)
    return Documents(
        tokens, given.select(kept), None if weights is None else weights[kept], int((~is_filled).sum()), groups[kept]
    )


def more_documents(
    tokenizer: Tokenizer,
    given: tuple[Texts, Labels] | None,
    classes: npt.NDArray[Any],
    label_format: LabelFormat,
    parameters: FitParameters,
    *,
    part: str,
) -> tuple[Part | None, int]:
    """Tokens and targets of more texts and their labels, None where none are given; and how many have no words."""
    if given is None:
        return None, 0
    documents = read_documents(tokenizer, *given, None, parameters, part=part)
    return (documents.tokens, documents.targets(classes, label_format, parameters, part=part)), documents.n_dropped


def with_copies_apart(part: Part) -> tuple[Part, bool]:
    """The documents as they are; or, where no class has two different texts, with copies that may be held out alone.

    Returns: the documents, and whether that is so: then what is held out says nothing of texts that are new.
    """
    tokens, targets = part
    if targets.can_be_split() or not (ungrouped := replace(targets, groups=None)).can_be_split():
        return part, False
    return (tokens, ungrouped), True


def check_can_be_told_apart(targets: Targets, classes: npt.NDArray[Any]) -> None:
    """Raise DataError where there is one class only, or all documents have all labels, or none."""
    if not targets.is_multilabel:
        if len(classes) < 2:
            raise DataError(f"there is one class only, {classes.tolist()[0]!r}: expected at least two to tell apart.")
        return
    n_given = int(targets.counts().sum())
    if n_given in (0, len(targets) * targets.n_classes):
        which = "all labels" if n_given else "no labels"
        raise DataError(f"all documents have {which}: expected some that have a label and some that do not.")


def counts_by_label(targets: Targets, valid: Part | None) -> list[int]:
    """Documents of each label that are learned from, those held out too; none where each has one label."""
    if not targets.is_multilabel:
        return []
    return (targets.counts() + (0 if valid is None else valid[1].counts())).tolist()


def calibrated(
    found: HeldOut,
    tokenizer: Tokenizer,
    classes: npt.NDArray[Any],
    label_format: LabelFormat,
    floor: float,
    shares: npt.NDArray[np.floating[Any]],
    *,
    system: str | SystemConfig,
    parameters: FitParameters,
    **counts: Any,
) -> FittedClassifier:
    """The classifier of a fitted system: its calibration, reliability and operating curves come from answers held out.

    `floor` is the share of known words below which a text is unlike the training's, `shares` are those of such texts;
    `counts` are for `FitSummary`.
    """
    calibration = fit_calibration(found.logits, found.targets)
    if isinstance(found.logits, TopScores):
        top = calibration.top_probabilities(found.logits)
        predicted, highest, probabilities = calibration.predict_top(top), top.scores[:, 0], None
        curves = OperatingCurves.none(found.targets)
    else:
        probabilities = calibration.probabilities(found.logits)
        predicted, highest = calibration.predict(probabilities), probabilities.max(axis=1, initial=0.0)
        curves = OperatingCurves.of(probabilities, found.targets)
    if found.targets.is_multilabel:
        reliability = Reliability(n_documents=len(found.targets), in_vocabulary_floor=floor)
    else:
        reliability = Reliability.of(highest, are_right(predicted, found.targets.codes), floor)
        if parameters.label_hierarchy is not None and probabilities is not None:
            hierarchy = Hierarchy.of(classes.tolist(), parameters.label_hierarchy)
            table = back_off_table(hierarchy, probabilities, np.asarray(found.targets.codes))
            reliability = replace(reliability, back_off=table)
    reliability = replace(reliability, profile=Profile.of(predicted, highest, shares, len(classes)))
    summary = FitSummary(
        valid_accuracy=score("micro_f1", found.targets.codes, highest, predicted),
        n_train=found.n_train, n_valid=found.n_valid, **counts,
    )  # fmt: skip
    record = TrainingRecord(
        system=system, parameters=parameters, config=found.config, summary=summary, selection=found.selection,
        history=found.fit.history, vectors=vectors_summary(found.fit), notes=tuple(found.fit.notes),
    )  # fmt: skip
    return FittedClassifier(
        tokenizer=tokenizer, vocabulary=found.fit.vocabulary, model=found.fit.model, calibration=calibration,
        reliability=reliability, operating_curves=curves, classes=classes,
        label_format=label_format, record=record,
    )  # fmt: skip


def _fit_selected(
    config: SystemConfig,
    train: Part,
    valid: Part | None,
    parameters: FitParameters,
    callback: Callback | None,
    checkpoint: Checkpoint,
    unlabelled: Unlabelled | None,
    named: NamedClasses | None,
) -> Repeatable:
    """Fit a system that selects its model, and let it know the classes that are known by name alone."""
    selected = select_model(
        config, *train, valid, seed=parameters.seed, metric=parameters.metric,
        validation_share=parameters.validation_share, budget_seconds=parameters.budget_seconds, callback=callback,
        checkpoint=checkpoint,
    )  # fmt: skip
    everything = train if valid is None else (train[0].joined(valid[0]), train[1].joined(valid[1]))
    if unlabelled is not None:
        selected = with_unlabelled(selected, everything, unlabelled, callback=callback, checkpoint=checkpoint)
    found = Repeatable.of(selected, len(train[0]), was_given=valid is not None)
    return found if named is None else _knowing_names(found, everything, selected.workbench.parts, named)


def _knowing_names(
    found: Repeatable, everything: Part, parts: Sequence[tuple[Rows, Rows]], named: NamedClasses
) -> Repeatable:
    """The same with the classes that no document has: they are known by what their names mean."""
    assert not isinstance(found.logits, TopScores)
    trust, logits = trust_in_names(found.logits, everything, parts, named, found.fit.vocabulary)
    config, fit = with_named_classes(found.config, found.fit, everything, named, trust)
    fit.notes.append(named.sentence(trust))

    def again(part: Part, callback: Callback, checkpoint: Checkpoint) -> tuple[SystemConfig, SystemFit]:
        return with_named_classes(*found.again(part, callback, checkpoint), part, named, trust)

    return replace(found, config=config, fit=fit, logits=logits, targets=named.among_all(found.targets), again=again)


def _fit_one(
    config: SystemConfig,
    train: Part,
    valid: Part | None,
    parameters: FitParameters,
    callback: Callback | None,
    checkpoint: Checkpoint,
) -> Repeatable:
    """Fit a system that has nothing to select, and again to all documents where it can be."""
    if valid is None:
        kept, held_out = train[1].split(parameters.validation_share, parameters.seed)
        valid = train[0].select(held_out), train[1].select(held_out)
        train = train[0].select(kept), train[1].select(kept)
    if not len(valid[0]):
        raise DataError(TOO_FEW)
    if config.training is not None and parameters.metric != "log_loss":
        config = replace(config, training=replace(config.training, metric=parameters.metric))
    fitted = fit_system(
        config, *train, valid, seed=parameters.seed, callback=callback, checkpoint=checkpoint.under("first")
    )
    documents, is_ranked = fitted.vocabulary.encode(valid[0]), fitted.model.is_ranked
    logits = fitted.model.top_logits(documents, N_FOUND) if is_ranked else fitted.model.logits(documents)
    history = fitted.history
    in_epochs = model_class(config.model).trains_in_epochs
    if not in_epochs or (config.training is not None and config.training.refit and not history.interrupted):
        part = train[0].joined(valid[0]), train[1].joined(valid[1])
        fitted = _fitted_again(config, fitted, part, parameters.seed, callback, checkpoint.under("again"))

    def again(part: Part, callback: Callback, checkpoint: Checkpoint) -> tuple[SystemConfig, SystemFit]:
        return config, _fitted_again(config, fitted, part, parameters.seed, callback, checkpoint)

    return Repeatable(
        config=config, fit=fitted, logits=logits, targets=valid[1], n_train=len(train[0]), n_valid=len(valid[0]),
        again=again,
    )  # fmt: skip


def _fitted_again(
    config: SystemConfig,
    before: SystemFit,
    part: Part,
    seed: int,
    callback: Callback | None,
    checkpoint: Checkpoint,
) -> SystemFit:
    """The system fitted once more, to documents held out too, for as many epochs as were best.

    Pre-trained vectors are read again, for the words of all documents. Vectors that were trained are not trained again,
    so words that only the documents held out have are left out.
    """
    vectors = None
    if config.vectors is None or not config.vectors.is_pretrained:
        vectors = before.vectors
        config = dataclasses.replace(config, leave_out_missing=config.vectors is not None)
    history = before.history
    try:
        fitted = fit_system(
            config, *part, None, seed=seed, vectors=vectors, n_epochs=history.best_epoch or None, callback=callback,
            checkpoint=checkpoint,
        )  # fmt: skip
    except KeyboardInterrupt:
        if not history.epochs:
            raise
        history.interrupted = True  # the model from before stays
        return before
    history.interrupted |= fitted.history.interrupted
    fitted.history = history
    return fitted
