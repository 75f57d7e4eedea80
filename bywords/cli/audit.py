"""`bywords audit DATA`: what is wrong with the data, in tables and sentences, a record, and labels to correct."""

from __future__ import annotations

import csv
import io
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bywords.cli import options
from bywords.cli.audit_pairs import N_SHOWN, example_pairs, shortened, text_of
from bywords.cli.screen import ProgressLines, print_json, print_table, say, tell_skipped, working
from bywords.errors import quoted

if TYPE_CHECKING:
    from bywords.data.corpus import Corpus

RECORD, LABELS, PAGE = "audit.json", "doubtful.csv", "audit.html"
LISTED_SHARE = 0.1  # of all documents, the most doubtful ones: so many are in the csv file at least


def audit(
    data: options.Data,
    test: Annotated[
        str | None,
        typer.Option(
            "--test",
            help="Documents to test on: what they share with DATA and how they differ from it is looked at too.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for what is found; by default the name of DATA with -audit behind it.")
    ] = None,
    text: options.Text = None,
    label: options.Label = None,
    label_separator: options.LabelSeparator = None,
    bad_rows: options.BadRows = "fail",
    seed: Annotated[
        int,
        typer.Option(
            help="Of the folds and the systems that judge labels, of what duplicates are worth, and of drift.", min=0
        ),
    ] = 0,
    as_json: options.AsJson = False,
) -> None:
    """Find what is wrong with labelled texts: duplicates, doubtful labels to correct, give-aways, drift, odd documents.

    Duplicates are found within and across the parts, with what they are worth; give-aways are what tells the class
    without being what a text is about; drift is how test differs from training; the profile has classes, lengths,
    scripts and remains of markup.
    """
    from bywords.audit import audit as run_audit
    from bywords.files import check_writable, write_whole
    from bywords.io.datasets import read_parts
    from bywords.report.audit import write_audit

    folder = out or options.named_after(data, "-audit")
    for name in (RECORD, LABELS, PAGE):
        check_writable(folder / name)
    with working(f"reading {data}"):
        train, test_part = read_parts(
            data, text=text, label=label, label_separator=label_separator, bad_rows=bad_rows, test=test
        )
    callback = ProgressLines()
    record = run_audit(train, test_part, seed=seed, command=options.command_line(), on_start=callback.start)
    callback.end()
    write_whole(folder / RECORD, json.dumps(record, ensure_ascii=False, indent=1).encode())
    write_audit(record, folder / PAGE)
    if record["label_errors"]:
        write_whole(folder / LABELS, _to_correct(_listed(record), train))
    for corpus in [train] if test_part is None else [train, test_part]:
        tell_skipped(corpus.n_skipped, corpus.first_skipped)
    if as_json:
        print_json(record)
        return
    _tell_data(record)
    _tell_duplicates(record, train, test_part)
    _tell_doubtful(record, train)
    _tell_causes(record)
    _tell_next(record, folder, data)


def _listed(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Doubtful labels for the csv file: those that are flagged, and all others of the first tenth of the ranking."""
    ranked, n_train = record["label_errors"], record["data"]["n_train"]
    return [row for index, row in enumerate(ranked) if row["is_flagged"] or index < LISTED_SHARE * n_train]


def _to_correct(listed: list[dict[str, Any]], train: Corpus) -> bytes:
    """The csv file of these labels. `new_label` is left empty for a person; `bywords.io.corrections` reads it."""
    from bywords.io.corrections import COLUMNS

    texts = dict(zip(train.rows.tolist(), train.texts.to_list(), strict=True))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for found in listed:
        told = [found["row"], found["label"], found["suggested"], f"{found['confidence']:.3f}"]
        writer.writerow([*told, "", texts[found["row"]]])
    return file.getvalue().encode()


def _tell_data(record: dict[str, Any]) -> None:
    data = record["data"]
    tested = f", {data['n_test']:,} test documents of {data['test']}" if data["test"] is not None else ""
    say(f"{data['train']}: {data['n_train']:,} documents in {len(data['label_names']):,} classes{tested}.")
    for part, rows in record["without_words"].items():
        if rows:
            which = "test documents" if part == "test" else "documents"
            say(f"{len(rows):,} {which} without words, which training leaves out: rows {_some(rows)}.")
    if record["small_classes"]:
        small = [f"{row['label']} ({row['n_documents']})" for row in record["small_classes"]]
        say(f"Classes too small to learn or to test, with their documents: {quoted(small, at_most=10)}.")


def _tell_duplicates(record: dict[str, Any], train: Corpus, test: Corpus | None) -> None:
    duplicates = record["duplicates"]
    say()
    rows = []
    for name, key in (("among training documents", "train"), ("among test documents", "test")):
        if duplicates[key] is not None:
            counts = duplicates[key]
            rows.append([name, *(f"{counts[key]:,}" for key in ("n_exact", "n_near", "n_groups", "n_conflicting"))])
    if duplicates["across"] is not None:
        counts = duplicates["across"]
        exact, near, conflicting = (f"{counts[key]:,}" for key in ("n_exact", "n_near", "n_conflicting"))
        rows.append(["test documents that stand in training", exact, near, "", conflicting])
    print_table(["duplicates", "exact", "near", "groups", "with other labels"], rows)
    accuracy = duplicates["accuracy"]
    if accuracy is not None and accuracy["duplicates_only"]["n_documents"]:
        say()
        _tell_worth(accuracy)
    examples = example_pairs(record, train, test)
    if examples:
        say()
        say("Look at these first:")
    for line in examples:
        say(line)


def _tell_worth(accuracy: dict[str, Any]) -> None:
    def share(key: str) -> str:
        found = accuracy[key]
        if not found["n_documents"]:
            return "there are no others"
        low, high = found["interval"]
        return f"{found['accuracy']:.1%} of {found['n_documents']:,} (95 % interval {low:.1%} to {high:.1%})"

    say(
        f"A {accuracy['system']} is right on this share of the test documents: {share('all')}; without those that "
        f"stand in training {share('without')}, and of those alone {share('duplicates_only')}."
    )
    gain = accuracy["gain"]
    if gain is not None:
        low, high = (100 * bound for bound in gain["interval"])
        say(
            f"To learn from the duplicates brings {100 * gain['difference']:+.2f} points on all test documents (95 % "
            f"interval {low:+.2f} to {high:+.2f})."
        )


def _tell_doubtful(record: dict[str, Any], train: Corpus) -> None:
    doubtful = [row for row in record["label_errors"] if row["is_flagged"]]
    say()
    for note in record["notes"]:
        say(note)
    if not record["label_errors"]:
        return
    if not doubtful:
        say("No label is doubtful.")
        return
    share = len(doubtful) / len(record["label_errors"])
    are = "label is" if len(doubtful) == 1 else "labels are"
    say(
        f"{len(doubtful):,} {are} doubtful ({share:.1%}): models that have not seen the document are more confident of "
        f"another one{'. The worst' if len(doubtful) > 1 else ''}:"
    )
    for found in doubtful[:N_SHOWN]:
        say(
            f"  row {found['row']}: {found['label']}, perhaps {found['suggested']} ({found['confidence']:.0%}): "
            f"{shortened(text_of(train, found['row']))}"
        )


def _tell_causes(record: dict[str, Any]) -> None:
    """What gives the classes away, and whether test documents are of another kind."""
    from bywords.report.audit_words import giveaways_named

    found = record["leakage"]["found"]
    if found:
        say()
        say(f"{giveaways_named(record['leakage'])}{'. The first of them' if len(found) > 1 else ''}:")
    for row in found[:N_SHOWN]:
        say(
            f"  {row['kind']} “{shortened(row['what'])}”: {row['n_of_class']:,} of {row['n_documents']:,} documents "
            f"with it are {row['class']}"
        )
    if record["drift"] is not None:
        say()
        say(f"Test against training documents: {record['drift']['verdict']}")


def _tell_next(record: dict[str, Any], folder: Path, data: str) -> None:
    say()
    say(f"The record is in {folder / RECORD}; look at {folder / PAGE}")
    if record["label_errors"]:
        listed = _listed(record)
        n_flagged = sum(row["is_flagged"] for row in listed)
        say(
            f"{folder / LABELS} has the first {len(listed):,} labels of the ranking, {n_flagged:,} of them flagged. "
            "Write the right ones into its column new_label (- leaves the document out), and see what they bring:"
        )
        say(f"  {shlex.join(['bywords', 'train', data, '--labels', str(folder / LABELS)])}")


def _some(rows: list[int]) -> str:
    shown = ", ".join(map(str, rows[:N_SHOWN]))
    return shown if len(rows) <= N_SHOWN else f"{shown}, …"
