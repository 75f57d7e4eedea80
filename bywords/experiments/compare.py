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
from bywords.data.label_sets import LabelSets
from bywords.data.labels import names_of
from bywords.data.splits import Rows, strata_of, stratified_split
from bywords.errors import BywordsError, DataError, SettingError, check_seeds
from bywords.evaluation import metrics, significance
from bywords.evaluation.evaluation import AnyEvaluation, Evaluation, KeptAnswers, ManyLabelsEvaluation
from bywords.evaluation.levels import hierarchy_scores
from bywords.evaluation.ranking import AT
from bywords.evaluation.slices import find_slices
from bywords.evaluation.top_scores import NO_LABEL, TopScores
from bywords.experiments.pairwise import (
    SetAnswers,
    as_text,
    compare_label_pairs,
    compare_pairs,
    first_right,
    from_text,
    precisions,
    sets_from_text,
)
from bywords.experiments.setup import WITHOUT_RESUME, beginning, check_close, check_same, checked, spread
from bywords.records.base import finite, typed
from bywords.records.run import (
    MOST_WITH_WORDS,
    AnswerCoverage,
    ClassScores,
    ClassWord,
    Confusion,
    FailedSystem,
    HierarchyScores,
    RankingScores,
    ReliabilityCurve,
    RunRecord,
    SeedScores,
    SliceScores,
    SystemPair,
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
MOST_CLASSES = 1_000  # of which the record has the scores, where documents have any number of labels
MOST_TIMED = 2_000  # test documents that say how fast a system answers
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

    Documents have one label each, and systems are ranked by accuracy; or any number, and they are ranked by micro F1.

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
    split = checked(split, Tokenizer(split.train.tokenizer_config()))
    run = _new_run(split, seeds, validation_share, command)
    done = _rows_of(earlier, run)
    fit = _Fit(seeds, validation_share, vectors, callback, on_start)
    rows: list[SystemScores] = []
    drawn: dict[tuple[str, ...], SetAnswers] = {}
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
            shown = rows if is_last else [*rows, *done.values()]
            run = _with_rows(run, shown, drawn, finished=is_last and not interrupted)
            on_system(run)
            if interrupted:
                break
    except KeyboardInterrupt:
        run = _with_rows(run, [*rows, *done.values()], drawn, finished=False)
    if run.finished and not rows:
        raise DataError(f"none of the systems could be fitted. {run.failed[0].name}: {run.failed[0].reason}")
    return run


def _classifier(name: str, vectors: str | None, columns: Columns | None = None, **more: Any) -> TextClassifier:
    """A classifier, with other vectors where the system has some. Raises SettingError for an unknown name.

    With `columns` of several texts, others beside them, or lists of tokens, it takes apart what they made.
    """
    own = TextClassifier(name, **more)
    its = own.config.vectors  # asked for first: this is what refuses an unknown name
    if vectors is not None and its is not None and its.is_pretrained:
        own = TextClassifier(name, vectors=vectors, **more)
    config = own.config
    if columns is None or columns.tokenizer(config.tokenizer) == config.tokenizer:
        return own
    return TextClassifier(replace(config, tokenizer=columns.tokenizer(config.tokenizer)), **more)


def _new_run(split: Split, seeds: Sequence[int], validation_share: float, command: str) -> RunRecord:
    tokenizer = Tokenizer(split.train.tokenizer_config())
    _, held_out = _held_out(split.train, validation_share, seeds[0])
    return RunRecord(
        **beginning(
            split, seeds=seeds, validation_share=validation_share, command=command, n_valid=len(held_out)
        ),
        words=typed(TextStatistics, text_statistics(tokenizer(split.train.texts), tokenizer(split.test.texts))),
        is_multilabel=split.train.is_multilabel,
        test_labels=as_text(split.test.labels),
    )  # fmt: skip


def _held_out(train: Corpus, share: float, seed: int) -> tuple[Rows, Rows]:
    """The rows to train on and those to validate with; every label is among the first."""
    kept, held_out = stratified_split(strata_of(train.labels), share, seed, train.groups)
    if isinstance(train.labels, LabelSets):
        is_missing = train.labels[kept].counts() == 0
        is_needed = train.labels[held_out].have_any(is_missing)
        kept, held_out = np.sort(np.append(kept, held_out[is_needed])), held_out[~is_needed]
    return kept, held_out


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
    n_classes = len(run.corpus.label_names)
    if [one.seed for one in row.seeds] != run.seeds:
        raise SettingError(f"it has other seeds than {run.seeds}")
    if run.is_multilabel:
        return _check_sets(row, sets_from_text(run.test_labels, n_classes))
    labels = from_text(run.test_labels)
    for one in row.seeds:
        answers = from_text(one.answers)
        check_array("answers", answers, np.int64, shape=labels.shape)
        check_ids("answers", answers, n_classes)
        check_close("accuracy", one.accuracy, float((answers == labels).mean()))
    check_close("accuracy", row.accuracy, statistics.fmean(one.accuracy for one in row.seeds))
    confusion = metrics.confusion_matrix(labels, from_text(row.seeds[0].answers), n_classes)
    if row.confusion != confusion.tolist():
        raise SettingError("its confusion matrix is not that of its answers")


def _check_sets(row: SystemScores, labels: LabelSets) -> None:
    """The same, of documents with any number of labels."""
    is_filled = labels.lengths > 0
    for one in row.seeds:
        given, first = sets_from_text(one.answers, labels.n_labels), from_text(one.first_right)
        check_array("first_right", first, np.int64, shape=(len(labels),))
        check_ids("first_right", first, 1 << max(AT))
        if len(given) != len(labels):
            raise SettingError(f"it has answers for {len(given):,} documents, expected {len(labels):,}")
        check_close("accuracy", one.accuracy, metrics.accuracy(labels, given))
        check_close("micro F1", one.micro_f1 or 0.0, metrics.label_f1(labels, given)["micro_f1"])
    check_close("micro F1", row.score, statistics.fmean(one.micro_f1 or 0.0 for one in row.seeds))
    for k, scores in row.ranking.items():
        first = from_text(row.seeds[0].first_right)[np.newaxis, is_filled]
        check_close(f"precision at {k}", scores.precision, float(precisions(first, int(k)).mean()))


def _with_rows(
    run: RunRecord, rows: Sequence[SystemScores], drawn: dict[tuple[str, ...], SetAnswers], *, finished: bool
) -> RunRecord:
    """The run with these systems, and what follows from them; `drawn` keeps what has been worked out of their sets."""
    best = max(rows, key=lambda row: row.score, default=None)
    return replace(
        run,
        systems=list(rows),
        finished=finished,
        best=best.name if best else None,
        wrong_documents=best.wrong_documents if best else [],
        pairwise=_pairs(run, rows, drawn),
    )


def _pairs(run: RunRecord, rows: Sequence[SystemScores], drawn: dict[tuple[str, ...], SetAnswers]) -> list[SystemPair]:
    n_labels = len(run.corpus.label_names)
    if not run.is_multilabel:
        answers = {row.name: np.stack([from_text(seed.answers) for seed in row.seeds]) for row in rows}
        return compare_pairs(from_text(run.test_labels), answers, n_labels)
    labels, sets = sets_from_text(run.test_labels, n_labels), {}
    for row in rows:
        key = (row.name, *(seed.answers for seed in row.seeds))
        if key not in drawn:
            given = [sets_from_text(seed.answers, n_labels) for seed in row.seeds]
            drawn[key] = SetAnswers.of(labels, given, np.stack([from_text(seed.first_right) for seed in row.seeds]))
        sets[row.name] = drawn[key]
    return compare_label_pairs(labels, sets)


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
        """One system with every seed; what is about one fit is about that of the first seed.

        Ctrl-C leaves the seeds that are finished; before the first is, it is raised.
        """
        part = split if limit is None else split.limited(limit, seed=0)
        by_seed: list[SeedScores] = []
        first: list[tuple[TextClassifier, AnyEvaluation]] = []
        notes, interrupted = [], False
        for seed in self.seeds:
            try:
                self.on_start(name, seed)
                classifier, evaluation, scores = self._one(name, split, part, seed)
            except KeyboardInterrupt:
                if not first:
                    raise
                notes.append(f"Interrupted with seed {seed}, which is left out.")
                interrupted = True
                break
            by_seed.append(scores)
            first = first or [(classifier, evaluation)]
            history = classifier.fitted_.record.history
            if history.interrupted:
                notes.append(f"Interrupted with seed {seed}: its weights are those of epoch {history.best_epoch}.")
                interrupted = True
                break
        if len(part.train) < len(split.train):
            notes.append(f"Trained on {len(part.train):,} of the {len(split.train):,} documents.")
        row = _described(name, by_seed, *first[0], part.test)
        return replace(row, interrupted=interrupted, limit=limit, notes=[*row.notes, *notes])

    def _one(self, name: str, split: Split, part: Split, seed: int) -> tuple[TextClassifier, AnyEvaluation, SeedScores]:
        """One system fitted with one seed to a part of the documents, and tested."""
        classifier = _classifier(
            name, self.vectors, split.train.read_as, validation_share=self.validation_share, seed=seed
        )
        kept, held_out = _held_out(part.train, self.validation_share, seed)
        train, valid = part.train.select(kept), part.train.select(held_out)
        classifier.fit(train.texts, train.names(), validation=(valid.texts, valid.names()), callback=self.callback)
        evaluation, predict_seconds = _evaluate(classifier, part.test)
        return classifier, evaluation, _seed_scores(seed, classifier, evaluation, predict_seconds)


def _evaluate(classifier: TextClassifier, test: Corpus) -> tuple[AnyEvaluation, float]:
    """The answers to the test part, classes in the order of its label names, and the seconds they took."""
    if isinstance(test.labels, LabelSets):
        return evaluate_sets(classifier, test, test.labels)
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


def evaluate_sets(classifier: TextClassifier, test: Corpus, labels: LabelSets) -> tuple[ManyLabelsEvaluation, float]:
    """The same of documents with any number of labels; a label that no document taught is never given."""
    fitted = classifier.fitted_
    started = time.perf_counter()
    fitted.decided(fitted.encoded(test.texts[:MOST_TIMED]))
    seconds = (time.perf_counter() - started) * len(test) / min(len(test), MOST_TIMED)
    n_labels, n_known = len(test.label_names), len(fitted.classes)
    index = {name: code for code, name in enumerate(test.label_names)}
    own = np.array([index[str(name)] for name in fitted.classes.tolist()])
    back = np.full(n_labels, -1)
    back[own] = np.arange(n_known)
    found = fitted.evaluate(test.texts, names_of(labels.renumbered(back, n_known), fitted.classes, "sets"))
    kept, thresholds, n_by_label = found.kept, np.ones(n_labels), np.zeros(n_labels, dtype=np.int64)
    if not isinstance(found, ManyLabelsEvaluation) or kept is None:
        raise TypeError("expected an evaluation of several labels")
    thresholds[own] = found.thresholds
    if found.n_by_label is not None:
        n_by_label[own] = found.n_by_label
    top = TopScores(np.where(kept.top.is_there, own[kept.top.labels], NO_LABEL).astype(np.int32), kept.top.scores)
    return ManyLabelsEvaluation(
        test.label_names, labels, found.predicted.renumbered(own, n_labels), None, thresholds,
        found.in_vocabulary_share, found.all_out_of_vocabulary,
        kept=replace(kept, top=top) if n_known == n_labels else KeptAnswers(top),
        n_by_label=None if found.n_by_label is None else n_by_label, n_learned=found.n_learned,
        hierarchy=None if test.label_hierarchy is None else Hierarchy.of(test.label_names, test.label_hierarchy),
    ), seconds  # fmt: skip


def _seed_scores(
    seed: int, classifier: TextClassifier, evaluation: AnyEvaluation, predict_seconds: float
) -> SeedScores:
    own: dict[str, Any]
    if isinstance(evaluation, ManyLabelsEvaluation):
        bins = None if evaluation.kept is None else evaluation.kept.bins
        own = {
            "micro_f1": evaluation.f1["micro_f1"],
            "macro_f1": evaluation.f1["macro_f1"],
            "calibration_error": None if bins is None else bins.error,
            "log_loss": evaluation.summary()["log_loss"],
            "first_right": as_text(first_right(evaluation.labels, evaluation.top)),
        }
    else:
        own = {
            "macro_f1": evaluation.macro_f1,
            "log_loss": evaluation.log_loss,
            "calibration_error": evaluation.reliability()["error"],
        }
    return SeedScores(
        seed=seed,
        accuracy=evaluation.accuracy,
        valid_accuracy=classifier.summary_.valid_accuracy,
        fit_seconds=classifier.seconds_,
        predict_documents_per_second=len(evaluation.labels) / predict_seconds,
        n_epochs=len(classifier.fitted_.record.history.epochs),
        size_bytes=_size_bytes(classifier),
        answers=as_text(evaluation.predicted),
        **own,
    )


def _described(
    name: str, by_seed: list[SeedScores], classifier: TextClassifier, evaluation: AnyEvaluation, test: Corpus
) -> SystemScores:
    """Means over the seeds, and what the first fit got right and wrong."""
    history, vectors = classifier.fitted_.record.history, classifier.fitted_.record.vectors

    def mean(score: str) -> float:
        return statistics.fmean(getattr(row, score) for row in by_seed)

    def mean_of_known(score: str) -> float | None:
        return None if any(getattr(row, score) is None for row in by_seed) else mean(score)

    n_tokens = Tokenizer(classifier.config_.tokenizer)(test.texts).lengths
    if isinstance(evaluation, Evaluation):
        own = _of_one_label(by_seed, evaluation, test)
    else:
        own = _of_label_sets(by_seed, evaluation)
    return SystemScores(
        name=name,
        description=classifier.config.description,
        kind="neural" if history.epochs else "linear",
        accuracy=mean("accuracy"),
        accuracy_interval=metrics.wilson_interval(mean("accuracy"), len(test)),
        accuracy_spread=spread([row.accuracy for row in by_seed]),
        micro_f1=mean_of_known("micro_f1"),
        macro_f1=mean("macro_f1"),
        log_loss=mean_of_known("log_loss"),
        calibration_error=mean_of_known("calibration_error"),
        valid_accuracy=mean("valid_accuracy"),
        fit_seconds=mean("fit_seconds"),
        predict_documents_per_second=mean("predict_documents_per_second"),
        size_bytes=round(mean("size_bytes")),
        seeds=by_seed,
        epochs=[finite(epoch) for epoch in history.epochs],
        best_epoch=history.best_epoch or None,
        slices=typed(list[SliceScores], find_slices(evaluation, n_tokens=n_tokens, columns=test.columns)),
        class_words=_class_words(classifier, test),
        hierarchy=None
        if evaluation.hierarchy is None
        else typed(HierarchyScores, hierarchy_scores(evaluation, evaluation.hierarchy)),
        vectors=None if vectors is None else finite(vectors),
        notes=list(classifier.fitted_.record.notes),
        config=to_plain(classifier.config),
        **own,
    )


def _of_one_label(by_seed: Sequence[SeedScores], evaluation: Evaluation, test: Corpus) -> dict[str, Any]:
    """The scores and examples of documents with one label each."""
    answers = np.stack([from_text(row.answers) for row in by_seed])
    draws = significance.macro_f1_draws(evaluation.labels, answers, len(evaluation.label_names)).mean(axis=0)
    macro_f1 = statistics.fmean(row.macro_f1 for row in by_seed)
    n_of_each = len(evaluation.labels) / len(evaluation.label_names)
    texts = test.shown_texts()
    wrong = evaluation.wrong_documents(texts.str.head(SHOWN_CHARACTERS).to_list(), test.rows)
    return {
        "macro_f1_interval": significance.bootstrap_interval(draws, macro_f1, n_of_each),
        "per_class": typed(list[ClassScores], evaluation.per_class()),
        "confusion": evaluation.confusion.tolist(),
        "hardest_confusions": typed(list[Confusion], evaluation.confusion_examples(texts, test.rows)),
        "reliability": typed(ReliabilityCurve, evaluation.reliability()),
        "coverage": typed(list[AnswerCoverage], evaluation.coverage(COVERAGES)),
        "wrong_documents": typed(list[WrongDocument], wrong),
    }


def _of_label_sets(by_seed: Sequence[SeedScores], evaluation: ManyLabelsEvaluation) -> dict[str, Any]:
    """The scores of documents with any number of labels; intervals are bootstrapped over documents."""
    n_labels = len(evaluation.label_names)
    given = [sets_from_text(row.answers, n_labels) for row in by_seed]
    draws = [significance.label_f1_draws(evaluation.labels, sets, is_paired=True) for sets in given]
    intervals = {
        f"{name}_interval": significance.interval_or_none(
            np.mean([drawn[name][0] for drawn in draws], axis=0),
            statistics.fmean(getattr(row, name) for row in by_seed),
            len(evaluation.labels) / (n_labels if name == "macro_f1" else 1),
        )
        for name in ("micro_f1", "macro_f1")
    }
    rows = evaluation.per_class()
    most = sorted(np.argsort([-row["support"] for row in rows], kind="stable")[:MOST_CLASSES].tolist())
    ranking = {k: row for k, row in evaluation.ranking.items() if k != "n_documents"}
    return {
        **{name: tuple(interval) if interval else None for name, interval in intervals.items()},
        "micro_f1_spread": spread([row.micro_f1 or 0.0 for row in by_seed]),
        "ranking": typed(dict[str, RankingScores], ranking),
        "per_class": typed(list[ClassScores], [rows[index] for index in most]),
        "n_classes_left_out": n_labels - len(most),
    }


def _class_words(classifier: TextClassifier, test: Corpus) -> dict[str, list[ClassWord]]:
    """The words that speak for each class, in evenly spaced test documents.

    None of a model with a hidden layer, nor where there are more than MOST_WITH_WORDS classes.
    """
    if not classifier.fitted_.model.is_linear or len(classifier.classes_) > MOST_WITH_WORDS:
        return {}
    n_documents = min(len(test), MOST_EXPLAINED)
    rows = np.linspace(0, len(test) - 1, n_documents).round().astype(np.int64)
    return typed(dict[str, list[ClassWord]], classifier.class_words(test.texts[rows], n=12))


def _size_bytes(classifier: TextClassifier) -> int:
    with tempfile.TemporaryDirectory() as folder:
        classifier.save(Path(folder) / "model")
        return model_folder.size_bytes(Path(folder) / "model")
