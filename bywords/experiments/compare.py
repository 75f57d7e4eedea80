"""One split and many systems in, one run record out: each system fitted, tested and timed on the same documents.

The record is plain JSON; table, HTML report and lab tables are made from nothing else.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.artifact import model_folder
from bywords.classifier import TextClassifier
from bywords.config import to_plain
from bywords.data.corpus import Corpus, Split, check_trainable
from bywords.data.splits import stratified_split
from bywords.errors import BywordsError, DataError, SettingError
from bywords.evaluation import metrics, significance
from bywords.evaluation.evaluation import Evaluation
from bywords.evaluation.slices import find_slices
from bywords.experiments.pairwise import as_text, from_text, pairwise_tests
from bywords.records import FORMAT, Run, machine
from bywords.text.statistics import text_statistics
from bywords.text.tokenizer import Tokenizer
from bywords.training.callback import Callback
from bywords.version import __version__

COVERAGES = [index / 20 for index in range(1, 21)]  # of the curve of coverage against accuracy
MOST_EXPLAINED = 1_000  # test documents that say which words speak for each class
SHOWN_CHARACTERS = 2_000  # of a wrong document, in the record


def compare(
    split: Split,
    systems: Sequence[str],
    *,
    seeds: Sequence[int] = (0,),
    validation_share: float = 0.1,
    vectors: str | None = None,
    limits: Mapping[str, int] | None = None,
    command: str = "",
    earlier: Run | None = None,
    callback: Callback | None = None,
    on_start: Callable[[str, int], None] = lambda system, seed: None,
    on_system: Callable[[Run], None] = lambda run: None,
) -> Run:
    """Fit each system with each seed, and test it on the split's test part.

    A seed draws the validation documents, the same ones for all systems, and every start; the test part never changes.
    Documents without tokens are dropped and counted. A system in `limits` trains on a stratified share of about so many
    of the training documents, and its row says so. `vectors` replaces the pre-trained vectors of those systems that
    have some. After each system `on_system` gets the record so far; systems that `earlier`, a record of the same
    documents, holds with the same settings and seeds are taken from there. Ctrl-C ends the run with what it has:
    `finished` is then false. A system that cannot be fitted is named under `failed` with its reason; the others go on.

    Raises: SettingError for a system that there is not, and an `earlier` run of something else. DataError for a corpus
    that cannot be trained on, and when no system could be fitted.

    >>> from bywords import compare, load_dataset
    >>> record = compare(load_dataset("tickets.csv"), ["tfidf-svc", "tfidf-nb"])
    """
    limits = limits or {}
    systems = list(dict.fromkeys(systems))
    if not systems or not seeds:
        raise SettingError("nothing to compare: expected at least one system and one seed.")
    for name in [*systems, *limits]:
        _classifier(name, vectors)  # refuses a name that is none, before anything is trained
    if split.train.is_multilabel:
        raise DataError(
            f"{split.train.name}: systems are compared on documents with one label each, and these have any number. "
            "Train one system after the other instead: bywords train DATA --system NAME."
        )
    split = split.drop_empty(Tokenizer())
    check_trainable(split.train)
    run = _new_run(split, seeds, validation_share, command)
    done = {} if earlier is None else _done_before(run, earlier)
    rows: list[dict[str, Any]] = []
    try:
        for index, name in enumerate(systems, start=1):
            row = done.pop(name, None)
            config = to_plain(_classifier(name, vectors).config)
            if row is None or row["config"] != json.loads(json.dumps(config)) or row["limit"] != limits.get(name):
                part = split.limited(limits[name], seed=0) if name in limits else split
                try:
                    row = _row(name, part, seeds, validation_share, vectors, callback, on_start)
                except BywordsError as error:
                    run["failed"].append({"name": name, "reason": str(error)})
                    row = None
                else:
                    row["limit"] = limits.get(name)
                    if len(part.train) < len(split.train):
                        row["notes"].append(f"Trained on {len(part.train):,} of the {len(split.train):,} documents.")
            if row is not None:
                rows.append(row)
            is_last = index == len(systems)
            _put_rows(run, rows if is_last else [*rows, *done.values()], is_last=is_last)
            on_system(run)
            if row is not None and row["interrupted"]:
                run["finished"] = False
                break
    except KeyboardInterrupt:
        _put_rows(run, [*rows, *done.values()], is_last=False)
    if run["finished"] and not rows:
        raise DataError(
            f"none of the systems could be fitted. {run['failed'][0]['name']}: {run['failed'][0]['reason']}"
        )
    return run


def _classifier(name: str, vectors: str | None, **more: Any) -> TextClassifier:
    """A classifier, with other vectors where the system has some. Raises SettingError for an unknown name."""
    own = TextClassifier(name, **more)
    if vectors is not None and own.config.vectors is not None and own.config.vectors.is_pretrained:
        return TextClassifier(name, vectors=vectors, **more)
    return own


def _new_run(split: Split, seeds: Sequence[int], validation_share: float, command: str) -> Run:
    tokenizer = Tokenizer()
    train, test = split.train, split.test
    _, held_out = stratified_split(train.labels, validation_share, seeds[0])
    return {
        "format": FORMAT,
        "bywords_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "finished": False,
        "seeds": list(seeds),
        "machine": machine(),
        "corpus": {
            "name": train.name,
            "fingerprint": f"{train.fingerprint}-{test.fingerprint}",
            "n_train": len(train),
            "n_valid": len(held_out),
            "n_test": len(test),
            "validation_share": validation_share,
            "dropped": {"train": split.n_dropped_train, "test": split.n_dropped_test},
            "label_names": list(train.label_names),
            "class_counts": {"train": train.counts().tolist(), "test": test.counts().tolist()},
        },
        "words": text_statistics(tokenizer(train.texts), tokenizer(test.texts)),
        "test_labels": as_text(test.labels),
        "systems": [],
        "failed": [],
        "best": None,
        "pairwise": [],
        "wrong_documents": [],
    }


def _done_before(run: Run, earlier: Run) -> dict[str, dict[str, Any]]:
    """The finished rows of an earlier record, by name. Raises SettingError when it is of something else."""
    same = {key: earlier[key] == run[key] for key in ("seeds", "bywords_version")}
    same |= {key: earlier["corpus"][key] == run["corpus"][key] for key in ("fingerprint", "validation_share")}
    if not all(same.values()):
        others = ", ".join(key for key, is_same in same.items() if not is_same)
        raise SettingError(
            f"the earlier run is another one: it differs in {others}. Take the same, or begin anew without --resume."
        )
    return {row["name"]: row for row in earlier["systems"] if not row["interrupted"]}


def _put_rows(run: Run, rows: Sequence[dict[str, Any]], *, is_last: bool) -> None:
    run["systems"] = list(rows)
    run["finished"] = is_last
    if rows:
        best = max(rows, key=lambda row: float(row["accuracy"]))
        run["best"] = best["name"]
        run["wrong_documents"] = best["wrong_documents"]
    answers = {row["name"]: np.stack([from_text(seed["answers"]) for seed in row["seeds"]]) for row in rows}
    run["pairwise"] = pairwise_tests(from_text(run["test_labels"]), answers, len(run["corpus"]["label_names"]))


def _row(
    name: str,
    split: Split,
    seeds: Sequence[int],
    validation_share: float,
    vectors: str | None,
    callback: Callback | None,
    on_start: Callable[[str, int], None],
) -> dict[str, Any]:
    """Fit and test one system with every seed; what is of one seed only is of the first."""
    by_seed: list[dict[str, Any]] = []
    first: list[tuple[TextClassifier, Evaluation]] = []
    for seed in seeds:
        on_start(name, seed)
        classifier = _classifier(name, vectors, validation_share=validation_share, seed=seed)
        kept, held_out = stratified_split(split.train.labels, validation_share, seed)
        train, valid = split.train.select(kept), split.train.select(held_out)
        classifier.fit(train.texts, train.names(), validation=(valid.texts, valid.names()), callback=callback)
        evaluation, predict_seconds = _evaluate(classifier, split.test)
        by_seed.append(
            {
                "seed": seed,
                "accuracy": evaluation.accuracy,
                "macro_f1": evaluation.macro_f1,
                "log_loss": evaluation.log_loss,
                "valid_accuracy": classifier.summary_.valid_accuracy,
                "fit_seconds": classifier.seconds_,
                "predict_documents_per_second": len(split.test) / predict_seconds,
                "n_epochs": len(classifier.fitted_.record.history.epochs),
                "size_bytes": _size_bytes(classifier),
                "calibration_error": evaluation.reliability()["error"],
                "answers": as_text(evaluation.predicted),
            }
        )
        first = first or [(classifier, evaluation)]
        history = classifier.fitted_.record.history
        if history.interrupted:
            break
    row = _describe(name, by_seed, *first[0], split.test)
    if history.interrupted:
        row["interrupted"] = True
        row["notes"].append(f"Interrupted with seed {seed}: its weights are those of epoch {history.best_epoch}.")
    return row


def _evaluate(classifier: TextClassifier, test: Corpus) -> tuple[Evaluation, float]:
    """The answers to the test part, classes in the order of its label names, and the seconds they took."""
    started = time.perf_counter()
    answers = classifier.predict_documents(test.texts)
    seconds = time.perf_counter() - started
    columns = [test.label_names.index(name) for name in classifier.classes_.tolist()]
    # 0 for a class without a word that the system takes
    probabilities, uncalibrated = (np.zeros((len(test), len(test.label_names))) for _ in range(2))
    probabilities[:, columns], uncalibrated[:, columns] = answers.probabilities, metrics.softmax(answers.logits)
    evaluation = Evaluation(
        test.label_names,
        test.labels,
        probabilities,
        answers.in_vocabulary_share,
        answers.all_out_of_vocabulary,
        uncalibrated,
    )
    return evaluation, seconds


def _describe(
    name: str,
    by_seed: list[dict[str, Any]],
    classifier: TextClassifier,
    evaluation: Evaluation,
    test: Corpus,
) -> dict[str, Any]:
    record = classifier.fitted_.record
    mean = {key: statistics.fmean(row[key] for row in by_seed) for key in by_seed[0] if key not in ("seed", "answers")}
    accuracies = [row["accuracy"] for row in by_seed]
    return {
        "name": name,
        "description": classifier.config.description,
        "kind": "neural" if record.history.epochs else "linear",
        "accuracy": mean["accuracy"],
        "accuracy_interval": list(metrics.wilson_interval(mean["accuracy"], len(test))),
        "macro_f1": mean["macro_f1"],
        "macro_f1_interval": _macro_f1_interval(by_seed, evaluation, mean["macro_f1"]),
        "log_loss": mean["log_loss"],
        "calibration_error": mean["calibration_error"],
        "valid_accuracy": mean["valid_accuracy"],
        "fit_seconds": mean["fit_seconds"],
        "predict_documents_per_second": mean["predict_documents_per_second"],
        "size_bytes": round(mean["size_bytes"]),
        "seeds": by_seed,
        "accuracy_spread": {
            "min": min(accuracies),
            "max": max(accuracies),
            "std": statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0,
        },
        "epochs": [asdict(epoch) for epoch in record.history.epochs],
        "best_epoch": record.history.best_epoch or None,
        "interrupted": False,
        "per_class": evaluation.per_class(),
        "confusion": evaluation.confusion.tolist(),
        "hardest_confusions": evaluation.confusion_examples(test.texts, test.rows),
        "slices": find_slices(evaluation, n_tokens=_n_tokens(classifier, test), columns=test.columns),
        "class_words": _class_words(classifier, test),
        "reliability": evaluation.reliability(),
        "coverage": evaluation.coverage(COVERAGES),
        "vectors": _describe_vectors(classifier),
        "notes": list(record.notes),
        "config": to_plain(classifier.config),
        "wrong_documents": evaluation.wrong_documents(test.texts.str.head(SHOWN_CHARACTERS).to_list(), test.rows),
    }


def _macro_f1_interval(by_seed: Sequence[dict[str, Any]], evaluation: Evaluation, mean: float) -> list[float]:
    """The 95 % interval of the mean over the seeds, bootstrapped over documents."""
    answers = np.stack([from_text(row["answers"]) for row in by_seed])
    draws = significance.macro_f1_draws(evaluation.labels, answers, len(evaluation.label_names))
    return list(significance.bootstrap_interval(draws.mean(axis=0), mean))


def _n_tokens(classifier: TextClassifier, test: Corpus) -> npt.NDArray[np.int64]:
    return Tokenizer(classifier.config_.tokenizer)(test.texts).lengths


def _class_words(classifier: TextClassifier, test: Corpus) -> dict[str, list[dict[str, Any]]]:
    """The words that speak for each class, in evenly spaced test documents; none of a model with a hidden layer."""
    if not classifier.fitted_.model.is_linear:
        return {}
    n_documents = min(len(test), MOST_EXPLAINED)
    rows = np.linspace(0, len(test) - 1, n_documents).round().astype(np.int64)
    return classifier.class_words(test.texts[rows], n=12)


def _describe_vectors(classifier: TextClassifier) -> dict[str, Any] | None:
    vectors = classifier.fitted_.record.vectors
    return None if vectors is None else asdict(vectors)


def _size_bytes(classifier: TextClassifier) -> int:
    with tempfile.TemporaryDirectory() as folder:
        classifier.save(Path(folder) / "model")
        return model_folder.size_bytes(Path(folder) / "model")
