"""The record of a training → what a person reads: how good the model is, where it fails, what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bywords.cli import options
from bywords.cli.corrected import tell_corrections
from bywords.cli.failing import tell_slices
from bywords.cli.scores import tell_classes, tell_scores, tell_seen
from bywords.cli.screen import rough_size, say, tell_skipped
from bywords.errors import quoted
from bywords.terminal import command

if TYPE_CHECKING:
    from bywords.data.corpus import Corpus, Split
    from bywords.evaluation.evaluation import AnyEvaluation
    from bywords.io.on_disk import OnDiskSplit, PartFacts
LACKS = {
    "test": "it was not tested to the end",
    "corrections": "what the corrected labels bring was not found out",
    "size": "it was not made smaller",
    "slices": "where it fails was not looked for",
}
FEW_COPIES = 0.95  # of the test documents that are different: below it they are said


def tell(
    record: dict[str, Any],
    evaluation: AnyEvaluation | None,
    split: Split | OnDiskSplit,
    data: list[str],
    *,
    resumes: bool = False,
) -> None:
    """How it went, how good the model is, and what to type next; `data` is the file, with options for its columns.

    `resumes` says that what was interrupted can be gone on with.
    """
    dropped = record["dropped"]
    lacks = None if record["unfinished"] is None else LACKS[record["unfinished"]]
    if record["interrupted"]:
        which = f"that of epoch {record['best_epoch']}, " if record["best_epoch"] else ""
        say(f"Interrupted: the model is {which}the best so far{'' if lacks is None else f', and {lacks}'}.")
    elif lacks is not None:
        say(f"Interrupted: the model is whole, but {lacks}.")
    if dropped["train"] or dropped["test"]:
        say(f"Dropped for having no words: {dropped['train']} training and {dropped['test']} test documents.")
    for corpus in files_of(split):
        tell_skipped(corpus.n_skipped, corpus.first_skipped)
    if evaluation is not None and evaluation.is_multilabel:
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
    for note in record["notes"]:
        say(note)
    if record["selection"] is not None:
        say(record["selection"]["reason"])
    if evaluation is not None:
        _tell_test(record, evaluation)
    elif lacks is None:
        say(
            "It was not tested: no label has three different texts, of which one could be held out. Test it on others "
            "with `evaluate`, or label more."
        )
    if record["corrections"]:
        tell_corrections(record["corrections"], record["n_test"])
    say()
    if evaluation is not None:
        tell_classes(evaluation)
        if record["unfinished"] is None:
            tell_slices(record["slices"], n=3)
        say()
    if record["reduction"]:
        say(f"Made smaller: {record['reduction']}")
    say(f"Saved in {record['model']} ({rough_size(record['size_bytes'])}). Next:")
    _tell_next(record, split, data)
    if record["unfinished"] is not None:
        say("What is missing is done by the same command again:")
        say(f"  {options.command_to_resume() if resumes else options.command_line()}")


def _tell_test(record: dict[str, Any], evaluation: AnyEvaluation) -> None:
    """How good it was on documents that it had not seen, and what has to be known to trust that."""
    unseen = "test documents" if record["test_also_in_training"] else "test documents that it had not seen"
    in_turn = record["test"].get("held_out_in_turn")
    if in_turn is not None:
        unseen = "documents, each held out in turn"
    is_whole = record["unfinished"] != "test"
    tell_scores(evaluation, f"{unseen} now, whatever it was trained on before" if record["before"] else unseen)
    if in_turn is not None and not is_whole:
        say(
            f"These are the answers of {in_turn['n_done']} of {in_turn['n_folds'] * in_turn['n_repeats']} models, each "
            "for documents that it had not learned from, and the saved model has learned from all. The intervals are "
            "as wide as that leaves them."
        )
    elif in_turn is not None:
        say(
            f"So few documents were not divided: {in_turn['n_repeats']} times in {in_turn['n_folds']} parts each was "
            "answered by models that had learned from the other parts only, and the saved model has learned from all "
            f"of them.{' The intervals are widened for that.' if in_turn['agreement'] < 1 else ''}"
        )
    if record["n_learned_after"]:
        say(
            f"The saved model has since learned from these {record['n_learned_after']:,} documents too: the scores are "
            "those of the same model without them. --keep-test-out saves that one."
        )
    n_tested = record["test"]["n_documents"]
    if record["n_different_test"] is not None and record["n_different_test"] < FEW_COPIES * n_tested:
        say(
            f"Only {record['n_different_test']:,} of the {n_tested:,} test documents are different texts. The "
            "intervals take each copy for a new document, and are too narrow."
        )
    if record["test_also_in_training"]:
        tell_seen(record["test_also_in_training"], record["n_test"])


def _tell_next(record: dict[str, Any], split: Split | OnDiskSplit, data: list[str]) -> None:
    """What to type next, and what it gives."""
    columns = split.train.read_as
    predict, evaluate, explain, info = (
        command(name, record["model"]) for name in ("predict", "evaluate", "explain", "info")
    )
    if columns is None or columns.is_one_text:
        commands = {
            f"{predict} TEXTS.txt": "a label for each line of a file, or of -",
            f"{evaluate} LABELLED.csv": "the same table on other labelled texts",
            f'{explain} "A TEXT"': "which of its words the label comes from",
        }
    else:
        commands = {
            f"{predict} TABLE.csv": "a label for each row of a table with the same columns",
            f"{evaluate} LABELLED.csv": "the same table on other labelled rows",
            f"{explain} TABLE.csv": "which words and values the labels come from",
        }
    commands |= {
        command("audit", data[0], options=data[1:]): "what is wrong with these texts and labels",
        info: "what it is, what it knows, and how good it is",
        command("compare", data[0], options=data[1:]): "every system on these texts, with a report to look at",
    }
    width = max(map(len, commands))
    for words, what in commands.items():
        say(f"  {words:{width}}  {what}")


def files_of(split: Split | OnDiskSplit) -> list[Corpus | PartFacts]:
    """What was read: one file, or one to train and one to test on."""
    return [split.train] if split.train.name == split.test.name else [split.train, split.test]
