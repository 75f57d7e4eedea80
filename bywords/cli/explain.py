"""`bywords explain MODEL TEXT|FILE`: which words a label comes from, and what it would be without them."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bywords.cli import options
from bywords.cli.screen import (
    columns_as_json,
    columns_line,
    counted,
    print_json,
    print_table,
    say,
    tell_notes,
    tell_skipped,
    without_nan,
    working,
)
from bywords.errors import DataError, SettingError
from bywords.terminal import visible_line

if TYPE_CHECKING:
    from bywords.explain.counterfactual import Counterfactual
    from bywords.explain.explanation import Explanation
    from bywords.fitted import FittedClassifier

N_WORDS = 10  # for a class, and against it
N_CLASS_WORDS = 15
MOST_LABELS = 30  # of the tables; --json has all
N_OTHERS = 4  # classes with their probabilities
MOST_SHOWN = 40  # documents on a page
N_LEVELS = 4  # of colour
STYLES = {  # by level, for and against
    1: ("#000000 on #dcecf7 bold", "#000000 on #fbe6d3 italic"),
    2: ("#000000 on #a9d2ee bold", "#000000 on #f6c79b italic"),
    3: ("#000000 on #62aede bold", "#000000 on #ee9a4d italic"),
    4: ("#ffffff on #0072b2 bold", "#ffffff on #c75000 italic"),
}
FEW_STYLES = {  # the same where a terminal has 16 colours, and no shades
    **dict.fromkeys((1, 2), ("bold cyan", "italic yellow")),
    **dict.fromkeys((3, 4), ("bold white on blue", "italic black on yellow")),
}


def explain(
    model: options.Model,
    text: Annotated[
        str,
        typer.Argument(
            help="A text, or a file of texts: one on each line, csv, tsv, jsonl, parquet; - for lines from standard "
            "input.",
            metavar="TEXT|FILE",
        ),
    ],
    label: Annotated[str | None, typer.Option(help="Explain this class, instead of the likeliest.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write: .jsonl for all numbers, a line a text, or .html for a page to look at."),
    ] = None,
    column: options.Text = None,
    bad_rows: options.BadRows = "fail",
    encoding: options.Encoding = None,
    as_json: options.AsJson = False,
) -> None:
    """Say which words a label comes from; of a file, which words speak for each class.

    Colours, from blue for the class to orange against it, say what each word adds to the log-odds of the class; without
    colours, numbers do. Of models without a hidden layer the numbers add up exactly.
    """
    from bywords.artifact.description import load_classifier
    from bywords.artifact.model_folder import OWN
    from bywords.cli.hold import hold
    from bywords.explain.counterfactual import counterfactual
    from bywords.explain.explanation import explain as explain_text
    from bywords.files import check_writable

    if out is not None:
        if out.suffix.lower() not in (".jsonl", ".html"):
            raise SettingError(
                f"{out}: explanations are written as .jsonl or .html, not {out.suffix or 'without end'}."
            )
        check_writable(out)
        hold(out)
        options.check_output(out, text if len(text) < 1000 else None, *(model / name for name in OWN))
    is_file = options.is_file(text)
    classifier = load_classifier(model)
    if label is not None:
        classifier.index_of(label)
    if is_file:
        _explain_file(classifier, str(model), text, label, out, column, bad_rows, encoding, as_json=as_json)
        return
    if column:
        raise SettingError("--text names the column of a file, and what is explained is a text: leave it out.")
    text = options.typed_text(text)
    with working("explaining"):
        explanation = explain_text(classifier, text)
        changed = counterfactual(classifier, explanation)
    record = {**explanation.plain(label, n_words=N_WORDS), "counterfactual": changed.plain()}
    if out is not None:
        _write(out, str(model), None, [record], None)
    if as_json:
        print_json(record)
    else:
        _tell(explanation, changed, label)


def _explain_file(
    classifier: FittedClassifier,
    model: str,
    file: str,
    label: str | None,
    out: Path | None,
    column: Sequence[str] | None,
    bad_rows: Any,
    encoding: str | None,
    *,
    as_json: bool,
) -> None:
    from bywords.explain.class_words import class_words, n_documents_used
    from bywords.io.readers import read_blocks, skipped_rows

    skipped = skipped_rows(bad_rows)
    with working(f"reading {file}"):
        of_model: dict[str, Any] = {"contract": classifier.record.columns}
        of_model["given"] = classifier.tokenizer.config.is_given
        blocks = list(read_blocks(file, text=column, encoding=encoding, skipped=skipped, **of_model))
        texts = [text for block in blocks for text in block.texts.to_list()]
    tell_notes(note for block in blocks for note in block.notes)
    if blocks and blocks[0].read_as is not None and not as_json:
        say(columns_line(blocks[0].read_as, blocks[0].not_read))
    if skipped is not None:
        tell_skipped(skipped.count, skipped.first)
    if not texts:
        raise DataError(f"{file}: there is no text to explain.")
    with working(f"adding up the words of {len(texts):,} documents"):
        words = class_words(classifier, texts, n=N_CLASS_WORDS)
    if label is not None:
        name = str(classifier.classes[classifier.index_of(label)])
        words = {name: words[name]}
    n_used = n_documents_used(classifier, len(texts))
    columns = columns_as_json(blocks[0].read_as)
    record = {"columns": columns, "n_documents": len(texts), "n_documents_used": n_used, "class_words": words}
    if out is not None:
        _write(out, model, file, _records(classifier, texts, label, with_what_if=out.suffix == ".html"), record)
    if as_json:
        print_json(record)
        return
    _tell_class_words(record)


def _records(
    classifier: FittedClassifier, texts: Sequence[str], label: str | None, *, with_what_if: bool
) -> Iterator[dict[str, Any]]:
    from bywords.explain.counterfactual import counterfactual
    from bywords.explain.explanation import explain as explain_text

    for text in texts:
        explanation = explain_text(classifier, text)
        record = explanation.plain(label, n_words=N_WORDS)
        yield {**record, "counterfactual": counterfactual(classifier, explanation).plain()} if with_what_if else record


def _write(
    out: Path,
    model: str,
    file: str | None,
    records: Iterator[dict[str, Any]] | Sequence[dict[str, Any]],
    of_file: dict[str, Any] | None,
) -> None:
    from bywords.files import write_whole

    if out.suffix.lower() == ".jsonl":
        write_whole(out, counted(((1, _line(record)) for record in records), "explained"))
        return
    from bywords.report import render_explanations

    of_file = of_file or {"n_documents": 1, "n_documents_used": 1, "class_words": {}}
    shown = list(counted(((1, record) for record in itertools.islice(records, MOST_SHOWN)), "explained"))
    page = render_explanations({"model": model, "file": file, **of_file, "documents": shown})
    write_whole(out, page)


def _line(record: dict[str, Any]) -> bytes:
    return (json.dumps(without_nan(record), ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "replace")


def _tell(explanation: Explanation, changed: Counterfactual, label: str | None) -> None:
    index = explanation.index_of(label)
    say(_answer(explanation))
    if not explanation.tokens:
        say("There is no word in it: this is what the model says where it has nothing to go by.")
        return
    say()
    _show_text(explanation, index)
    say()
    _tell_words(explanation, index)
    say()
    _tell_sum(explanation, index)
    n_tokens, n_unknown = len(explanation.tokens), int((~explanation.is_known[: explanation.n_read]).sum())
    if explanation.n_read < n_tokens:
        say(
            f"The model reads the first {explanation.n_read:,} of {n_tokens:,} words and signs; the others add nothing."
        )
    if n_unknown:
        are = "is" if n_unknown == 1 else "are"
        say(f"{n_unknown:,} of its {explanation.n_read:,} words and signs {are} new to the model.")
    if n_by_vector := sum(explanation.by_vector):
        are = "is" if n_by_vector == 1 else "are"
        say(f"{n_by_vector:,} of its words {are} known by vectors of English words alone, never seen in training.")
    say(changed.sentence)


def _answer(explanation: Explanation) -> str:
    chances = dict(zip(explanation.labels, explanation.probabilities.tolist(), strict=True))
    predicted = set(explanation.predicted)
    others = sorted(
        (label for label in explanation.labels if label not in predicted), key=lambda label: -chances[label]
    )
    given = ", ".join(f"{label} ({chances[label]:.1%})" for label in explanation.predicted) or "no label"
    more = ", ".join(f"{label} {chances[label]:.1%}" for label in others[:N_OTHERS])
    left_out = f", and {len(others) - N_OTHERS:,} more" if len(others) > N_OTHERS else ""
    return f"{given}; the others: {more}{left_out}." if others else f"{given}."


def _show_text(explanation: Explanation, index: int) -> None:
    """The text in the colours of its words; in a pipe with their numbers."""
    from rich.console import Console
    from rich.text import Text

    from bywords.explain.segments import segments, strengths

    found = segments(len(explanation.shown_text), explanation.offsets, explanation.attributions[:, index].tolist())
    levels = strengths(found, N_LEVELS)
    name = explanation.labels[index]
    console = Console(highlight=False)
    is_coloured = sys.stdout.isatty() and console.color_system is not None
    styles = FEW_STYLES if console.color_system == "standard" else STYLES
    shown = Text()
    for segment, level in zip(found, levels, strict=True):
        part = visible_line(explanation.shown_text[segment.start : segment.end])
        if not level or segment.value is None:
            shown.append(part)
        elif is_coloured:
            shown.append(part, style=styles[abs(level)][int(level < 0)])
        else:
            shown.append(f"{part}[{segment.value:+.2f}]")
    if not is_coloured:
        say(shown.plain)
        return
    console.print(shown)
    legend = Text()
    legend.append(f" for {visible_line(name)} ", style=styles[N_LEVELS][0])
    legend.append(" ")
    legend.append(" against it ", style=styles[N_LEVELS][1])
    legend.append(" the stronger the colour, the more", style="dim")
    console.print(legend)


def _tell_words(explanation: Explanation, index: int) -> None:
    """The words that add most to the class and against it, and what the others add together."""
    name = str(explanation.labels[index])
    words = explanation.words(explanation.labels[index])
    for_it = [share for share in words if share.attribution > 0]
    against = [share for share in reversed(words) if share.attribution < 0]
    for title, shares in ((f"words for {name}", for_it), (f"words against {name}", against)):
        if not shares:
            continue
        rows = [[s.word, f"{s.attribution:+.3f}", f"{s.n_occurrences:,}"] for s in shares[:N_WORDS]]
        if rest := shares[N_WORDS:]:
            total = sum(share.attribution for share in rest)
            rows.append([f"{len(rest):,} others", f"{total:+.3f}", f"{sum(s.n_occurrences for s in rest):,}"])
        print_table([title, "adds", "times"], rows)


def _tell_sum(explanation: Explanation, index: int) -> None:
    column = explanation.attributions[:, index]
    gap = explanation.logits[index] - explanation.bias[index] - column.sum()
    missing = "" if explanation.method == "exact" else f" {_signed(gap)} that they miss"
    scale = "" if explanation.is_multilabel else ", counted from the mean of all classes"
    say(
        f"The logit of {explanation.labels[index]}{scale}: {explanation.logits[index]:.3f} = "
        f"{explanation.bias[index]:.3f} without words {_signed(column.sum())} from words{missing}."
    )
    if explanation.method == "exact":
        say("The model has no hidden layer, so this is all: the numbers of the words are exact.")
    else:
        say(
            "The model has a hidden layer, so the numbers of the words are integrated gradients: they miss the logit "
            f"of no class by more than {explanation.completeness_gap:.2g}."
        )


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'} {abs(value):.3f}"


def _tell_class_words(record: dict[str, Any]) -> None:
    n_documents, n_used = record["n_documents"], record["n_documents_used"]
    which = f"all {n_documents:,} documents"
    if n_used < n_documents:
        which = (
            f"{n_used:,} of {n_documents:,} documents, evenly spaced: the model has a hidden layer, which takes longer"
        )
    say(f"Words that speak for each class, over {which}.")
    say("Added: to the logit of the class, on average in the documents that have the word.")
    for label, words in list(record["class_words"].items())[:MOST_LABELS]:
        say()
        if not words:
            say(f"{label}: no word speaks for it")
            continue
        print_table(
            [label, "added", "documents"],
            [[w["word"], f"{w['attribution']:+.3f}", f"{w['n_documents']:,}"] for w in words],
        )
    if len(record["class_words"]) > MOST_LABELS:
        say(f"and {len(record['class_words']) - MOST_LABELS:,} more classes; --json has them all")
