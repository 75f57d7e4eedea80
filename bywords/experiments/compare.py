"""One split and many systems → one run record: each system fitted, tested and timed on the same documents."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bywords.annotations import check_arguments
from bywords.artifact import model_folder
from bywords.classifier import TextClassifier
from bywords.config import to_plain
from bywords.data.columns import Columns
from bywords.data.corpus import Corpus, Split
from bywords.data.hierarchy import Hierarchy
from bywords.data.splits import stratified_split
from bywords.errors import BywordsError, DataError, SettingError, check_seeds
from bywords.evaluation import metrics, significance
from bywords.evaluation.evaluation import Evaluation
from bywords.evaluation.levels import hierarchy_scores
from bywords.evaluation.slices import find_slices
from bywords.experiments.pairwise import as_text, compare_pairs, from_text
from bywords.experiments.setup import WITHOUT_RESUME, beginning, check_close, check_same, checked, spread
from bywords.records.base import finite, typed
from bywords.records.run import (
    AnswerCoverage,
    ClassScores,
    ClassWord,
    Confusion,
    FailedSystem,
    HierarchyScores,
    ReliabilityCurve,
    RunRecord,
    SeedScores,
    SliceScores,
    SystemScores,
    TextStatistics,
    WrongDocument,
)
from bywords.text.statistics import text_statistics
from bywords.text.tokenizer import Tokenizer
from bywords.training.callback import Callback
from bywords.validation import check_array, check_ids, naming

COVERAGES = [index / 20 for index in range(1, 21)]  # of the curve of coverage against accuracy
MOST_EXPLAINED = 1_000  # test documents that say which words speak for each class
SHOWN_CHARACTERS = 2_000  # of a wrong document, in the record


@check_arguments
def compare(
    split: Split,
    systems: Sequence[str],
    *,
    seeds: Sequence[int] = (0,),
    validation_share: float = 0.1,
    vectors: str | None = None,
    limits: Mapping[str, int] | None = None,
    command: str = "",
    earlier: RunRecord | None = None,
    callback: Callback | None = None,
    on_start: Callable[[str, int], None] = lambda system, seed: None,
    on_system: Callable[[RunRecord], None] = lambda run: None,
) -> RunRecord:
    """Fit each system with each seed, and test it on the split's test part.

    A seed draws the validation documents, the same ones for all systems, and every start; the test part never changes.
    Documents without tokens are dropped and counted. A system in `limits` trains on a stratified share of about so many
    of the training documents, and its notes say so. `vectors` replaces the pretrained vectors of those systems that
    have some. After each system `on_system` gets the record so far; systems that `earlier`, a record of the same
    documents, holds with the same settings and seeds are taken from there. Ctrl-C ends the run with what it has:
    `finished` is then false. A system that cannot be fitted is named under `failed` with its reason; the others go on.

    Raises: SettingError for an unknown system, and an `earlier` run of something else. DataError for a corpus that
    cannot be trained on, and when no system could be fitted.

    >>> from bywords import compare, load_dataset
    >>> record = compare(load_dataset("tickets.csv"), ["tfidf-svc", "tfidf-nb"])
    """
    limits = limits or {}
    systems = list(dict.fromkeys(systems))
    if not systems or not seeds:
        raise SettingError("nothing to compare: expected at least one system and one seed.")
    check_seeds(seeds)
    for name in [*systems, *limits]:
        _classifier(name, vectors)  # refuses an unknown name before anything is trained
    instead = "Train one system after the other instead: bywords train DATA --system NAME."
    tokenizer = Tokenizer(split.train.tokenizer_config())
    split = checked(split, tokenizer, what="systems are compared on", instead=instead)
    run = _new_run(split, seeds, validation_share, command)
    done = _rows_of(earlier, run)
    fit = _Fit(seeds, validation_share, vectors, callback, on_start)
    rows: list[SystemScores] = []
    try:
        for name in systems:
            try:
                row = fit.row_or_earlier(name, split, limits.get(name), done.pop(name, None))
                rows.append(row)
                interrupted = row.interrupted
            except BywordsError as error:
                run = replace(run, failed=[*run.failed, FailedSystem(name=name, reason=str(error))])
                interrupted = False
            is_last = name == systems[-1]
            run = _with_rows(run, rows if is_last else [*rows, *done.values()], finished=is_last and not interrupted)
            on_system(run)
            if interrupted:
                break
    except KeyboardInterrupt:
        run = _with_rows(run, [*rows, *done.values()], finished=False)
    if run.finished and not rows:
        raise DataError(f"none of the systems could be fitted. {run.failed[0].name}: {run.failed[0].reason}")
    return run


def _classifier(name: str, vectors: str | None, columns: Columns | None = None, **more: Any) -> TextClassifier:
    """A classifier, with other vectors where the system has some. Raises SettingError for an unknown name.

    With `columns` of several texts, or others beside them, it takes the documents apart that they made.
    """
    own = TextClassifier(name, **more)
    its = own.config.vectors  # asked for first: this is what refuses an unknown name
    if vectors is not None and its is not None and its.is_pretrained:
        own = TextClassifier(name, vectors=vectors, **more)
    if columns is None or columns.is_one_text:
        return own
    config = own.config
    return TextClassifier(replace(config, tokenizer=columns.tokenizer(config.tokenizer)), **more)


def _new_run(split: Split, seeds: Sequence[int], validation_share: float, command: str) -> RunRecord:
    tokenizer = Tokenizer(split.train.tokenizer_config())
    _, held_out = stratified_split(split.train.labels, validation_share, seeds[0], split.train.groups)
    return RunRecord(
        **beginning(
            split, seeds=seeds, validation_share=validation_share, command=command, n_valid=len(held_out)
        ),
        words=typed(TextStatistics, text_statistics(tokenizer(split.train.texts), tokenizer(split.test.texts))),
        test_labels=as_text(split.test.labels),
    )  # fmt: skip


def _rows_of(earlier: RunRecord | None, run: RunRecord) -> dict[str, SystemScores]:
    """The systems that an earlier record of the same documents and seeds has whole, by name.

    Raises: DataError where the scores of one are not those of its answers.
    """
    if earlier is None:
        return {}
    check_same(run, earlier, "seeds")
    rows = {row.name: row for row in earlier.systems if not row.interrupted}
    for name, row in rows.items():
        with naming(f"the earlier record of {name}", error=DataError, advice=WITHOUT_RESUME):
            _check_row(row, run)
    return rows


def _check_row(row: SystemScores, run: RunRecord) -> None:
    """Raise SettingError where the scores of a system are not those of its answers to the documents of this run."""
    labels, n_classes = from_text(run.test_labels), len(run.corpus.label_names)
    if [one.seed for one in row.seeds] != run.seeds:
        raise SettingError(f"it has other seeds than {run.seeds}")
    for one in row.seeds:
        answers = from_text(one.answers)
        check_array("answers", answers, np.int64, shape=labels.shape)
        check_ids("answers", answers, n_classes)
        check_close("accuracy", one.accuracy, float((answers == labels).mean()))
    check_close("accuracy", row.accuracy, statistics.fmean(one.accuracy for one in row.seeds))
    confusion = metrics.confusion_matrix(labels, from_text(row.seeds[0].answers), n_classes)
    if row.confusion != confusion.tolist():
        raise SettingError("its confusion matrix is not that of its answers")


def _with_rows(run: RunRecord, rows: Sequence[SystemScores], *, finished: bool) -> RunRecord:
    """The run with these systems, and what follows from them."""
    answers = {row.name: np.stack([from_text(seed.answers) for seed in row.seeds]) for row in rows}
    best = max(rows, key=lambda row: row.accuracy, default=None)
    return replace(
        run,
        systems=list(rows),
        finished=finished,
        best=best.name if best else None,
        wrong_documents=best.wrong_documents if best else [],
        pairwise=compare_pairs(from_text(run.test_labels), answers, len(run.corpus.label_names)),
    )


@dataclass(frozen=True)
class _Fit:
    """How each system is fitted and tested."""

    seeds: Sequence[int]
    validation_share: float
    vectors: str | None
    callback: Callback | None
    on_start: Callable[[str, int], None]

    def row_or_earlier(self, name: str, split: Split, limit: int | None, earlier: SystemScores | None) -> SystemScores:
        """The earlier row where it has the same settings and limit, else that of a new fit."""
        config = json.loads(json.dumps(to_plain(_classifier(name, self.vectors).config)))
        if earlier is not None and earlier.config == config and earlier.limit == limit:
            return earlier
        return self.row(name, split, limit)

    def row(self, name: str, split: Split, limit: int | None) -> SystemScores:
        """One system with every seed; what is about one fit is about that of the first seed."""
        part = split if limit is None else split.limited(limit, seed=0)
        by_seed: list[SeedScores] = []
        first: list[tuple[TextClassifier, Evaluation]] = []
        notes = []
        for seed in self.seeds:
            self.on_start(name, seed)
            classifier = _classifier(
                name, self.vectors, split.train.read_as, validation_share=self.validation_share, seed=seed
            )
            kept, held_out = stratified_split(part.train.labels, self.validation_share, seed, part.train.groups)
            train, valid = part.train.select(kept), part.train.select(held_out)
            validation = valid.texts, valid.names()
            classifier.fit(train.texts, train.names(), validation=validation, callback=self.callback)
            evaluation, predict_seconds = _evaluate(classifier, part.test)
            by_seed.append(_seed_scores(seed, classifier, evaluation, predict_seconds))
            first = first or [(classifier, evaluation)]
            history = classifier.fitted_.record.history
            if history.interrupted:
                notes.append(f"Interrupted with seed {seed}: its weights are those of epoch {history.best_epoch}.")
                break
        if len(part.train) < len(split.train):
            notes.append(f"Trained on {len(part.train):,} of the {len(split.train):,} documents.")
        row = _described(name, by_seed, *first[0], part.test)
        return replace(row, interrupted=history.interrupted, limit=limit, notes=[*row.notes, *notes])


def _evaluate(classifier: TextClassifier, test: Corpus) -> tuple[Evaluation, float]:
    """The answers to the test part, classes in the order of its label names, and the seconds they took."""
    started = time.perf_counter()
    answers = classifier.predict_documents(test.texts)
    seconds = time.perf_counter() - started
    columns = [test.label_names.index(name) for name in classifier.classes_.tolist()]
    # 0 for a class without a word that the system takes
    probabilities, uncalibrated = (np.zeros((len(test), len(test.label_names))) for _ in range(2))
    probabilities[:, columns], uncalibrated[:, columns] = answers.probabilities, metrics.softmax(answers.logits)
    known = answers.in_vocabulary_share, answers.all_out_of_vocabulary
    separator = test.label_hierarchy
    hierarchy = None if separator is None else Hierarchy.of(test.label_names, separator)
    return Evaluation(test.label_names, test.labels, probabilities, *known, uncalibrated, hierarchy=hierarchy), seconds


def _seed_scores(seed: int, classifier: TextClassifier, evaluation: Evaluation, predict_seconds: float) -> SeedScores:
    return SeedScores(
        seed=seed,
        accuracy=evaluation.accuracy,
        macro_f1=evaluation.macro_f1,
        log_loss=evaluation.log_loss,
        calibration_error=evaluation.reliability()["error"],
        valid_accuracy=classifier.summary_.valid_accuracy,
        fit_seconds=classifier.seconds_,
        predict_documents_per_second=len(evaluation.labels) / predict_seconds,
        n_epochs=len(classifier.fitted_.record.history.epochs),
        size_bytes=_size_bytes(classifier),
        answers=as_text(evaluation.predicted),
    )


def _described(
    name: str, by_seed: list[SeedScores], classifier: TextClassifier, evaluation: Evaluation, test: Corpus
) -> SystemScores:
    """Means over the seeds, and what the first fit got right and wrong."""
    history, vectors = classifier.fitted_.record.history, classifier.fitted_.record.vectors

    def mean(score: str) -> float:
        return statistics.fmean(getattr(row, score) for row in by_seed)

    accuracy, macro_f1 = mean("accuracy"), mean("macro_f1")
    n_tokens = Tokenizer(classifier.config_.tokenizer)(test.texts).lengths
    return SystemScores(
        name=name,
        description=classifier.config.description,
        kind="neural" if history.epochs else "linear",
        accuracy=accuracy,
        accuracy_interval=metrics.wilson_interval(accuracy, len(test)),
        accuracy_spread=spread([row.accuracy for row in by_seed]),
        macro_f1=macro_f1,
        macro_f1_interval=_macro_f1_interval(by_seed, evaluation, macro_f1),
        log_loss=mean("log_loss"),
        calibration_error=mean("calibration_error"),
        valid_accuracy=mean("valid_accuracy"),
        fit_seconds=mean("fit_seconds"),
        predict_documents_per_second=mean("predict_documents_per_second"),
        size_bytes=round(mean("size_bytes")),
        seeds=by_seed,
        epochs=[finite(epoch) for epoch in history.epochs],
        best_epoch=history.best_epoch or None,
        per_class=typed(list[ClassScores], evaluation.per_class()),
        confusion=evaluation.confusion.tolist(),
        hardest_confusions=typed(list[Confusion], evaluation.confusion_examples(test.shown_texts(), test.rows)),
        slices=typed(list[SliceScores], find_slices(evaluation, n_tokens=n_tokens, columns=test.columns)),
        class_words=_class_words(classifier, test),
        reliability=typed(ReliabilityCurve, evaluation.reliability()),
        coverage=typed(list[AnswerCoverage], evaluation.coverage(COVERAGES)),
        hierarchy=None
        if evaluation.hierarchy is None
        else typed(HierarchyScores, hierarchy_scores(evaluation, evaluation.hierarchy)),
        vectors=None if vectors is None else finite(vectors),
        notes=list(classifier.fitted_.record.notes),
        config=to_plain(classifier.config),
        wrong_documents=typed(
            list[WrongDocument],
            evaluation.wrong_documents(test.shown_texts().str.head(SHOWN_CHARACTERS).to_list(), test.rows),
        ),
    )


def _macro_f1_interval(by_seed: Sequence[SeedScores], evaluation: Evaluation, mean: float) -> tuple[float, float]:
    """The 95 % interval of the mean over the seeds, bootstrapped over documents."""
    answers = np.stack([from_text(row.answers) for row in by_seed])
    draws = significance.macro_f1_draws(evaluation.labels, answers, len(evaluation.label_names))
    return significance.bootstrap_interval(draws.mean(axis=0), mean)


def _class_words(classifier: TextClassifier, test: Corpus) -> dict[str, list[ClassWord]]:
    """The words that speak for each class, in evenly spaced test documents; none of a model with a hidden layer."""
    if not classifier.fitted_.model.is_linear:
        return {}
    n_documents = min(len(test), MOST_EXPLAINED)
    rows = np.linspace(0, len(test) - 1, n_documents).round().astype(np.int64)
    return typed(dict[str, list[ClassWord]], classifier.class_words(test.texts[rows], n=12))


def _size_bytes(classifier: TextClassifier) -> int:
    with tempfile.TemporaryDirectory() as folder:
        classifier.save(Path(folder) / "model")
        return model_folder.size_bytes(Path(folder) / "model")
