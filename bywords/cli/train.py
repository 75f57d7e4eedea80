"""`bywords train DATA`: a model folder, how good the model is, where it fails, and what to type next."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from bywords.cli import options
from bywords.cli.corrected import corrected_split, gain_of_corrections, refuse_beside_labels, tell_corrections
from bywords.cli.failing import slices_in, tell_slices
from bywords.cli.on_disk import DEFAULT_ON_DISK, refuse_beside_on_disk, train_on_disk
from bywords.cli.screen import ProgressLines, print_json, print_table, say, tell_skipped, working
from bywords.errors import SettingError, quoted

if TYPE_CHECKING:
    from bywords.classifier import TextClassifier
    from bywords.data.corpus import Corpus, Split
    from bywords.evaluation.evaluation import AnyEvaluation
    from bywords.io.corrections import Corrected
    from bywords.io.on_disk import OnDiskSplit, PartFacts

MOST_JUDGING = 5_000  # documents that say which way to make a model smaller costs least


def train(
    data: options.Data,
    out: Annotated[
        Path | None, typer.Option(help="The model's folder; by default the name of DATA with -model behind it.")
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(help="Which system; `bywords systems` lists them. By default auto, which chooses by itself."),
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Go on from this model: learn the new documents, words and classes. Old classes should be among them.",
        ),
    ] = None,
    test: options.TestFile = None,
    text: options.Text = None,
    label: options.Label = None,
    label_separator: options.LabelSeparator = None,
    bad_rows: options.BadRows = "fail",
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FIXED.csv",
            help="Corrected labels: the file that `bywords audit` wrote, with the right ones in its column new_label. "
            "Trains with and without them, and says what they bring.",
        ),
    ] = None,
    vectors: options.Vectors = None,
    class_weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="balanced|LABEL=N",
            help="What a document of a class counts: balanced, so that each class counts the same, or spam=3. Repeat "
            "for more.",
        ),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(help="Stop and choose by log_loss, accuracy, balanced_accuracy, micro_f1 or macro_f1."),
    ] = "log_loss",
    budget: Annotated[
        str | None, typer.Option(help="Try other settings too, until so long after the start: 30s, 5m or 1h. For auto.")
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(help="Make the model's folder no larger: 500kB, 2MB. Says how much less often it is right."),
    ] = None,
    on_disk: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="For a file that is larger than memory: write its ids there, and train on those, a part at a time, "
            "by dan, dan-ngrams or averaging. It takes about as much room as the texts and is kept, so that the next "
            "training on the same file need not read it again; delete it when you are done.",
        ),
    ] = None,
    settings: options.Settings = None,
    slice_by: options.SliceBy = None,
    test_share: options.TestShare = 0.2,
    validation_share: options.ValidationShare = 0.1,
    seed: Annotated[int, typer.Option(help="Of the split and of every start.")] = 0,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="A folder that keeps what is done while it trains, each epoch and once a minute; emptied at the end. "
            "Ctrl-C saves the best so far, as without, and the folder stays."
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from --checkpoint, to the same model bit for bit; afresh where it is missing or finished. With "
            "--budget, what was tried is kept and the time left is used, which may give another model.",
        ),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Train a classifier on labelled texts, test it on texts that it has not seen, and save it."""
    from bywords.artifact.compression import parse_size
    from bywords.artifact.model_folder import check_writable
    from bywords.classifier import TextClassifier
    from bywords.config import changed
    from bywords.data.corpus import Split, check_trainable, labelled_as
    from bywords.errors import check_choice
    from bywords.evaluation.metrics import Metric
    from bywords.io.datasets import divided, read_parts
    from bywords.systems import DEFAULT_SYSTEM
    from bywords.text.tokenizer import Tokenizer
    from bywords.training.incremental import check_can_continue

    folder = out or options.named_after(data, "-model")
    check_writable(folder)
    _check_checkpoint(checkpoint, resume, folder)
    n_bytes = None if max_size is None else parse_size(max_size)
    parameters: dict[str, Any] = {
        "class_weight": _class_weight(class_weight),
        "metric": check_choice("metric", metric, get_args(Metric)),
        "validation_share": validation_share,
        "seed": seed,
    }
    if on_disk is not None:
        system = system or DEFAULT_ON_DISK
        refuse_beside_on_disk(
            **{"from": start_from, "vectors": vectors, "budget": budget, "max-size": max_size},
            **{"labels": labels, "slice-by": slice_by},
        )
    if labels is not None:
        refuse_beside_labels(**{"from": start_from})
    if start_from is not None:
        _refuse_beside_from(system=system, vectors=vectors, budget=budget, set=settings)
        classifier = TextClassifier.load(start_from).set_params(**parameters)
        check_can_continue(classifier.config_)
        config, system = classifier.config_, f"{start_from}, going on"
    else:
        system = system or DEFAULT_SYSTEM
        parameters["budget_seconds"] = None if budget is None else _seconds(budget)
        classifier = TextClassifier(system, vectors=vectors, **parameters)
        config = classifier.config
        if settings:
            config = changed(config, settings)
            classifier = TextClassifier(config, **parameters)
    reading: dict[str, Any] = {"label_separator": label_separator, "bad_rows": bad_rows}
    classifier.trained_on = {"data": data, "test": test, "test_share": test_share, "seed": seed, **reading}
    kept: dict[str, Any] = {"checkpoint": checkpoint, "resume": resume}
    if on_disk is not None:
        stored_split, evaluation = train_on_disk(classifier, on_disk, system, text=text, label=label, **kept)
        classifier.record_ = _for_the_card(classifier, evaluation, stored_split, system)
        _save_and_tell(classifier, evaluation, stored_split, system, folder, data, as_json=as_json)
        return
    tokenizer, corrections = Tokenizer(config.tokenizer), None
    with working(f"reading {data}"):
        columns = slice_by or ()
        corpus, own_test = read_parts(data, text=text, label=label, columns=columns, test=test, **reading)
        is_drawn = own_test is None
        split = divided(corpus, test_share=test_share, seed=seed) if own_test is None else Split(corpus, own_test)
        if start_from is not None:
            many = classifier.is_multilabel
            split = Split(labelled_as(split.train, multilabel=many), labelled_as(split.test, multilabel=many))
        if labels is not None:
            corrections = corrected_split(labels, split, is_drawn=is_drawn, tokenizer=tokenizer)
            split = corrections.split
        split = split.drop_empty(tokenizer)
        check_trainable(split.train)
    callback = ProgressLines()
    callback.start(system)
    learn = classifier.fit if start_from is None else classifier.continue_fit
    learned = split.train.names() if start_from is None else _labels(split.train, classifier)
    learn(split.train.texts, learned, callback=callback, **kept)
    callback.end()
    evaluation = classifier.evaluate(split.test.texts, _labels(split.test, classifier))
    more: dict[str, Any] = {"corrections": None, "reduction": None}
    if corrections is not None:
        more["corrections"] = gain_of_corrections(classifier, corrections, callback)
    classifier.record_ = _for_the_card(classifier, evaluation, split, system, corrections)
    if n_bytes is not None:
        with working("making it smaller"):
            evaluation, more["reduction"] = _made_smaller(classifier, evaluation, split, n_bytes)
        classifier.record_ = _for_the_card(classifier, evaluation, split, system, corrections)
        classifier.record_ |= {"size": {"reduction": more["reduction"]}}
    _save_and_tell(classifier, evaluation, split, system, folder, data, as_json=as_json, **more)


def _save_and_tell(
    classifier: TextClassifier,
    evaluation: AnyEvaluation,
    split: Split | OnDiskSplit,
    system: str,
    folder: Path,
    data: str,
    *,
    as_json: bool,
    reduction: str | None = None,
    corrections: dict[str, Any] | None = None,
) -> None:
    """Write the model's folder, and say what it is and how good."""
    from bywords.evaluation.slices import find_slices
    from bywords.io.on_disk import OnDiskSplit

    classifier.save(folder)
    if isinstance(split, OnDiskSplit):
        slices = find_slices(evaluation)
    else:
        with working("looking where it fails"):
            slices = slices_in(classifier, evaluation, split.test)
    record = _record(classifier, evaluation, split, system, folder)
    record |= {"reduction": reduction, "corrections": corrections, "slices": slices}
    if as_json:
        print_json(record)
    else:
        _tell(record, evaluation, split, data)


def _labels(corpus: Corpus, classifier: TextClassifier) -> Any:
    """The labels of a file, as the classifier has them: it may have learned numbers in Python."""
    from bywords.data.labels import in_type_of

    return corpus.names() if corpus.is_multilabel else in_type_of(corpus.names(), classifier.classes_)


def _class_weight(given: list[str] | None) -> str | dict[str, float] | None:
    """balanced, or a weight for some labels, each written like spam=3. Raises SettingError for anything else."""
    if not given:
        return None
    if given == ["balanced"]:
        return "balanced"
    weights = {}
    for text in given:
        label, equals, number = text.rpartition("=")
        try:
            weights[label] = float(number)
        except ValueError:
            equals = ""
        if not equals:
            raise SettingError(f"--class-weight {text}: expected balanced, or a label, an equals sign and a number.")
    return weights


def _refuse_beside_from(**options: Any) -> None:
    for name, value in options.items():
        if value:
            raise SettingError(f"--from goes on with the system of the model that it names: leave out --{name}.")


def _check_checkpoint(checkpoint: Path | None, resume: bool, folder: Path) -> None:
    """Raise SettingError for one that cannot be used, before anything is read."""
    from bywords.checkpoint import check_checkpoint

    if checkpoint is None:
        if resume:
            raise SettingError("--resume goes on from a checkpoint: give its folder with --checkpoint.")
        return
    check_checkpoint(checkpoint, resume=resume)
    if folder.resolve() in (checkpoint.resolve(), *checkpoint.resolve().parents):
        raise SettingError(f"{checkpoint}: is the model's own folder or in it. Give the checkpoint another place.")


def _seconds(budget: str) -> float:
    """30s, 5m or 1h → seconds. Raises SettingError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", budget.strip())
    if match is None:
        raise SettingError(f"the budget is {budget!r}, expected a number and a unit: 30s, 5m or 1h.")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def _made_smaller(
    classifier: TextClassifier, whole: AnyEvaluation, split: Split, n_bytes: int
) -> tuple[AnyEvaluation, str]:
    """The scores of the smaller model, and what was done and cost, by the test part.

    Training documents say which way costs least, so that the test part stays unseen.
    """
    import numpy as np

    judging = split.train.select(np.linspace(0, len(split.train) - 1, min(len(split.train), MOST_JUDGING)).astype(int))
    compressed = classifier.compress(n_bytes, judging.texts, _labels(judging, classifier))
    if not compressed.storage:
        return whole, compressed.told
    smaller = classifier.evaluate(split.test.texts, _labels(split.test, classifier))
    if whole.is_multilabel:
        now, before = (f"{evaluation.summary()['micro_f1']:.3f}" for evaluation in (smaller, whole))
        return smaller, f"{compressed.done}; micro F1 {now} on the test documents instead of {before}."
    return (
        smaller,
        f"{compressed.done}; right on {smaller.accuracy:.1%} of the test documents, not {whole.accuracy:.1%}.",
    )


def _for_the_card(
    classifier: TextClassifier,
    evaluation: AnyEvaluation,
    split: Split | OnDiskSplit,
    system: str,
    corrections: Corrected | None = None,
) -> dict[str, Any]:
    """What the model's card says of its documents and its test. The fingerprint is of the file's own labels."""
    as_in_file = split if corrections is None else corrections.before
    trained_on = classifier.trained_on or {}
    counts = dict(zip(split.train.label_names, split.train.counts().tolist(), strict=True))
    return {
        "system": system,
        "data": {
            "name": trained_on["data"],
            "test": trained_on["test"],
            "n_documents": len(split.train),
            "fingerprint": as_in_file.train.fingerprint,
            "classes": {str(label): counts.get(str(label), 0) for label in classifier.classes_.tolist()},
            "dropped": split.n_dropped_train,
            "skipped": split.train.n_skipped,
        },
        "test": evaluation.summary(),
        "hardest_confusions": evaluation.hardest_confusions(),
    }


def _record(
    classifier: TextClassifier, evaluation: AnyEvaluation, split: Split | OnDiskSplit, system: str, folder: Path
) -> dict[str, Any]:
    from bywords.artifact.model_folder import size_bytes

    return {
        "model": str(folder),
        "system": system,
        "size_bytes": size_bytes(folder),
        "fit_seconds": classifier.seconds_,
        "n_train": classifier.summary_.n_train,
        "n_valid": classifier.summary_.n_valid,
        "n_test": len(split.test),
        "dropped": {"train": split.n_dropped_train, "test": split.n_dropped_test},
        "skipped": {corpus.name: corpus.n_skipped for corpus in _files(split)},
        "before": classifier.summary_.n_before,
        "new_words": classifier.summary_.n_new_words,
        "new_classes": classifier.summary_.new_classes,
        "kept_classes": classifier.summary_.kept_classes,
        "valid_accuracy": classifier.summary_.valid_accuracy,
        "selection": None if classifier.selection_ is None else dataclasses.asdict(classifier.selection_),
        "interrupted": classifier.fitted_.history.interrupted,
        "epochs": len(classifier.fitted_.history.epochs),
        "best_epoch": classifier.fitted_.history.best_epoch or None,
        "test": evaluation.summary(),
        "hardest_confusions": evaluation.hardest_confusions(),
    }


def _tell(record: dict[str, Any], evaluation: AnyEvaluation, split: Split | OnDiskSplit, data: str) -> None:
    dropped = record["dropped"]
    if record["interrupted"]:
        which = f"that of epoch {record['best_epoch']}, " if record["best_epoch"] else ""
        say(f"Interrupted: the model is {which}the best so far.")
    if dropped["train"] or dropped["test"]:
        say(f"Dropped for having no words: {dropped['train']} training and {dropped['test']} test documents.")
    for corpus in _files(split):
        tell_skipped(corpus.n_skipped, corpus.first_skipped)
    if evaluation.is_multilabel:
        say("Its documents have any number of labels, so that each label is learned for itself.")
    held_out = f", {record['n_valid']:,} more held out" if record["n_valid"] else ""
    say(f"{record['system']}: trained in {record['fit_seconds']:.1f} s on {record['n_train']:,} documents{held_out}.")
    if record["before"]:
        classes = f", new classes: {quoted(record['new_classes'])}" if record["new_classes"] else ""
        say(f"It had learned from {record['before']:,} documents before. New words: {record['new_words']:,}{classes}.")
        if record["kept_classes"]:
            say(
                f"Few of the new documents are of {quoted(record['kept_classes'])}: what was known of them before is "
                "kept, and the scores below say little of them."
            )
    if record["selection"] is not None:
        say(record["selection"]["reason"])
    unseen = "test documents that it had not seen"
    tell_scores(evaluation, f"{unseen} now, whatever it was trained on before" if record["before"] else unseen)
    if record["corrections"]:
        tell_corrections(record["corrections"], record["n_test"])
    say()
    tell_classes(evaluation)
    tell_slices(record["slices"], n=3)
    say()
    if record["reduction"]:
        say(f"Made smaller: {record['reduction']}")
    say(f"Saved in {record['model']} ({record['size_bytes'] / 1e6:.1f} MB). Next:")
    commands = {
        f"bywords predict {record['model']} TEXTS.txt": "a label for each line of a file, or of -",
        f"bywords evaluate {record['model']} LABELLED.csv": "the same table on other labelled texts",
        f'bywords explain {record["model"]} "A TEXT"': "which of its words the label comes from",
        f"bywords audit {data}": "what is wrong with these texts and labels",
        f"bywords info {record['model']}": "what it is, what it knows, and how good it is",
    }
    if not evaluation.is_multilabel:
        commands[f"bywords compare {data}"] = "every system on these texts, with a report to look at"
    width = max(map(len, commands))
    for command, what in commands.items():
        say(f"  {command:{width}}  {what}")


def _files(split: Split | OnDiskSplit) -> list[Corpus | PartFacts]:
    """What was read: one file, or one to train and one to test on."""
    return [split.train] if split.train.name == split.test.name else [split.train, split.test]


def tell_scores(evaluation: AnyEvaluation, which: str) -> None:
    """How good the answers for `which` documents are and how far to trust them, in sentences."""
    scores = evaluation.summary()
    n_documents = f"{scores['n_documents']:,} {which}"
    accuracy = f"{scores['accuracy']:.1%} of {n_documents} (95 % interval {_interval(scores['accuracy_interval'])})"
    if evaluation.is_multilabel:
        f1 = ", ".join(
            f"{what} {scores[name]:.3f} ({_interval(scores[f'{name}_interval'], '.3f')})"
            for name, what in (("micro_f1", "micro F1"), ("macro_f1", "macro F1"), ("samples_f1", "F1 of a document"))
        )
        say(f"On {n_documents}: {f1} (95 % intervals).")
        say(f"All labels are right for {scores['accuracy']:.1%} ({_interval(scores['accuracy_interval'])}).")
        say(f"The probability of a label is off by {_points(scores['calibration_error'])} on average.")
        return
    say(
        f"Right on {accuracy}, macro F1 {scores['macro_f1']:.3f} ({_interval(scores['macro_f1_interval'], '.3f')}), "
        f"balanced accuracy {scores['balanced_accuracy']:.1%}, log loss {scores['log_loss']:.3f}."
    )
    within = ", ".join(f"the {k} likeliest for {share:.1%}" for k, share in scores["top_k_accuracy"].items())
    if within:
        say(f"The right label is among {within}.")
    most = max(row["support"] for row in scores["per_class"])
    say(f"Always saying the commonest class would be right on {most / max(scores['n_documents'], 1):.1%}.")
    surest = {row["coverage"]: row["accuracy"] for row in scores["coverage"] if row["coverage"] < 1}
    if surest:
        listed = ", ".join(f"{coverage:.0%}: {right:.1%}" for coverage, right in surest.items())
        say(f"Right on the surest answers alone, by their share of all: {listed}.")
    say(
        f"Its probabilities are off by {_points(scores['calibration_error'])} on average "
        f"({_points(scores['calibration_error_before'])} before they were calibrated)."
    )


def _interval(bounds: Sequence[float] | None, form: str = ".1%") -> str:
    return "unknown" if bounds is None else f"{bounds[0]:{form}} to {bounds[1]:{form}}"


def _points(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} points"


def tell_classes(evaluation: AnyEvaluation) -> None:
    """The table by class, worst F1 first, and the commonest mistakes."""
    rows = sorted(evaluation.per_class(), key=lambda row: float(row["f1"]))
    many = evaluation.is_multilabel
    print_table(
        ["label, worst first" if many else "class, worst first", "precision", "recall", "F1", "documents"]
        + (["given from"] if many else []),
        [
            [row["label"], *(f"{row[name]:.3f}" for name in ("precision", "recall", "f1")), f"{row['support']:,}"]
            + ([f"{row['threshold']:.1%}"] if many else [])
            for row in rows
        ],
    )
    mistakes = evaluation.hardest_confusions(3)
    if mistakes:
        say()
        say("Where it fails most:")
    for mistake in mistakes:
        say(
            f"  {mistake['share']:.1%} of {mistake['true']} ({mistake['count']:,} documents) are taken for "
            f"{mistake['predicted']}"
        )
