"""`bywords audit DATA`: what is wrong with the data, in tables and sentences, a record, and labels to correct."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bywords.cli import options
from bywords.cli.audit_pairs import N_SHOWN, example_pairs, shortened, shown_rows, text_of
from bywords.cli.larger import bytes_of_texts, memory_of, too_large, too_little
from bywords.cli.screen import (
    ProgressLines,
    asked_again,
    print_json,
    print_table,
    say,
    tell_aside,
    tell_columns,
    tell_notes,
    tell_read,
    working,
)
from bywords.errors import LARGEST_SEED, SettingError, quoted
from bywords.extras import check_installed
from bywords.io.read_options import ReadOptions
from bywords.terminal import command

if TYPE_CHECKING:
    from bywords.cluster import Executor
    from bywords.data.corpus import Corpus
    from bywords.records.audit import AccuracyOn, AuditRecord, DuplicateImpact, LabelError
    from bywords.records.base import Part

RECORD, LABELS, PAGE = "audit.json", "label-errors.csv", "audit.html"
TEXTS = ".texts-"  # the beginning of the name of a folder that is there while an audit runs on disk
MEMORY_PER_BYTE = 40  # of texts, about, that an audit of all of them at once takes
LEAST_MEMORY = 300_000_000  # that an audit on disk takes: parts are not cut smaller for less
LISTS_PER_BYTE, MOST_LISTS = 2, 600_000_000  # of texts, for what is listed of them, until the lists are full
ADVICE = "Choose a folder on a disk with room: for the while it takes about twice as much as the texts."
LISTED_SHARE = 0.1  # of all documents, the likeliest label errors: so many are in the csv file at least


@options.reads_labelled
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
    reading: ReadOptions = options.DEFAULT_READING,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="How much memory may be used, 4GB say; by default what is free. Of files that take more, duplicates "
            "are found on disk and labels are judged a part at a time; the first line says what is left out. With "
            "--on, each worker may take as much.",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            help="Of the folds and the systems that judge labels, of the impact of duplicates, and of drift.",
            min=0,
            max=LARGEST_SEED,
        ),
    ] = 0,
    on: options.On = None,
    as_json: options.AsJson = False,
) -> None:
    """Find what is wrong with labelled texts: duplicates, label errors to correct, leakage, drift, odd documents.

    Duplicates are found within and across the parts, with their impact on the accuracy; leakage is what tells the class
    without being what a text is about; drift is how test differs from training; the profile has classes, lengths,
    scripts and remains of markup.

    With --on the labels are judged, and the impact of duplicates is measured, by workers; what is found is the same.
    """
    from bywords.cli.hold import check_ours, hold
    from bywords.files import check_folder, write_whole
    from bywords.records.audit import AuditRecord
    from bywords.records.base import plain, write_record
    from bywords.report import render_audit

    check_installed("matplotlib", what="the page of an audit")

    folder = out or options.named_after(data, "-audit")
    check_folder(folder)
    hold(folder)
    for name in (RECORD, LABELS, PAGE):
        options.check_output(folder / name, data, test, goes_on=name != RECORD)
    check_ours(folder / RECORD, AuditRecord.FORMAT)
    check_ours(folder / PAGE)
    _check_labels(folder / LABELS)
    n_bytes, files = memory_of(memory), [name for name in (data, test) if name is not None]
    why = [too_large(name, reading, n_bytes, per_byte=MEMORY_PER_BYTE, what="audit") for name in files]
    whole = "--column" if reading.side else None
    if None in map(bytes_of_texts, files):
        whole = "what is no one file"
    with options.workers(on) as workers:
        if any(why) and whole is None:
            record, train, test_part = _audited_on_disk(
                files, reading, folder, n_bytes, seed, why, workers, as_json=as_json
            )
        else:
            record, train, test_part = _audited(data, test, reading, seed, why, whole, workers, as_json=as_json)
    asked = asked_again(train.read_as, reading)
    train, test_part = train.texts_alone(), None if test_part is None else test_part.texts_alone()
    write_record(record, folder / RECORD)
    review = command("label", data, options=[*_known_to_label(asked), "--review", str(folder)])
    write_whole(folder / PAGE, render_audit(record, review=review))
    if record.label_errors:
        write_whole(folder / LABELS, _to_correct(_listed(record), train))
    tell_read(*([train] if test_part is None else [train, test_part]))
    if as_json:
        print_json(plain(record))
    else:
        _tell_data(record)
        _tell_duplicates(record, train, test_part)
        _tell_label_errors(record, train)
        _tell_leakage_and_drift(record)
        _tell_next(record, folder, [data, *asked], review)
    if record.interrupted:
        tell_aside(f"Interrupted: what was found until then is kept. To look for all: {options.command_line()}")
        raise typer.Exit(130)


def _known_to_label(asked: list[str]) -> list[str]:
    """Of options and their values those that `bywords label` has."""
    pairs = zip(asked[::2], asked[1::2], strict=True)
    known = ("--text", "--label", "--encoding")
    return [word for name, value in pairs if name in known for word in (name, value)]


def _audited(
    data: str,
    test: str | None,
    reading: ReadOptions,
    seed: int,
    why: list[str | None],
    whole: str | None,
    workers: Executor | None,
    *,
    as_json: bool,
) -> tuple[AuditRecord, Corpus, Corpus | None]:
    """With all documents in memory. Returns: what was found, and the documents."""
    from bywords.auditing import audit as run_audit
    from bywords.io.datasets import read_parts

    tell_notes(f"{one}: they are audited at once all the same, as {whole} needs them in memory" for one in why if one)
    with working(f"reading {data}"):
        train, test_part = read_parts(data, reading, test=test)
    if not as_json:
        tell_columns(train)
    callback = ProgressLines()
    record = run_audit(
        train, test_part, seed=seed, command=options.command_line(), on_start=callback.start, keep_interrupted=True,
        workers=workers,
    )  # fmt: skip
    callback.end()
    return record, train, test_part


def _audited_on_disk(
    files: list[str],
    reading: ReadOptions,
    folder: Path,
    n_bytes: int,
    seed: int,
    why: list[str | None],
    workers: Executor | None,
    *,
    as_json: bool,
) -> tuple[AuditRecord, Corpus, Corpus | None]:
    """With texts in files, which go when it is done. Returns: what was found, and those documents that are shown."""
    import tempfile

    from bywords.auditing.on_disk import audit_on_disk, left_out, n_parts_for, of_rows
    from bywords.files import check_room, write_errors

    n_texts_bytes, n_for_part = sum(bytes_of_texts(name) or 0 for name in files), max(n_bytes, LEAST_MEMORY)
    n_parts = n_parts_for(n_texts_bytes, n_for_part, MEMORY_PER_BYTE)
    first, lacks = next(filter(None, why)), left_out(n_parts, has_test=len(files) > 1)
    what = f"{first}: duplicates are found on disk, labels are judged a part at a time. {lacks}"
    tell_notes([what, *too_little(n_bytes, LEAST_MEMORY + min(LISTS_PER_BYTE * n_texts_bytes, MOST_LISTS))])
    callback = ProgressLines()
    callback.start("audit")
    with write_errors(folder, ADVICE):
        check_room(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{TEXTS}*"):  # of a run that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(dir=folder, prefix=TEXTS) as name:
            found = audit_on_disk(
                files[0], reading, Path(name), test=files[1] if len(files) > 1 else None, n_bytes=n_bytes,
                n_parts=n_parts, seed=seed, command=options.command_line(), on_start=callback.start,
                on_block=callback.block, keep_interrupted=True, workers=workers,
            )  # fmt: skip
            if not as_json:
                tell_columns(found.train.labelled)
            callback.start("looking up the texts to show")
            record = found.record
            rows: dict[Part, list[int]] = {"train": [row.row for row in _listed(record)], "test": []}
            for part, row in shown_rows(record):
                rows[part].append(row)
            train = of_rows(found.train, rows["train"])
            test = None if found.test is None else of_rows(found.test, rows["test"])
    callback.end()
    return record, train, test


def _check_labels(path: Path) -> None:
    """Raise SettingError where somebody has written new labels into the csv file, or it is another one."""
    from bywords.io.corrections import COLUMNS

    if path.exists():
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = csv.DictReader(file)
            if not set(COLUMNS) <= set(rows.fieldnames or ()):
                raise SettingError(f"{path}: is there already, and not from this command. Choose another --out.")
            if n_written := sum(bool((row["new_label"] or "").strip()) for row in rows):
                raise SettingError(
                    f"{path}: somebody has written {n_written:,} new labels into it, which would be lost. Rename it or "
                    "choose another --out."
                )


def _listed(record: AuditRecord) -> list[LabelError]:
    """Label errors for the csv file: those that are flagged, and all others of the first tenth of the ranking."""
    least = LISTED_SHARE * record.data.n_train
    return [row for index, row in enumerate(record.label_errors) if row.is_flagged or index < least]


def _to_correct(listed: list[LabelError], train: Corpus) -> bytes:
    """The csv file of these labels. `new_label` is left empty for a person; `bywords.io.corrections` reads it."""
    from bywords.io.corrections import COLUMNS
    from bywords.io.writers import without_formula

    texts = dict(zip(train.rows.tolist(), train.texts.to_list(), strict=True))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for found in listed:
        told = [found.row, found.label, found.suggested, f"{found.confidence:.3f}"]
        writer.writerow([*told, "", without_formula(texts[found.row])])
    return file.getvalue().encode()


def _tell_data(record: AuditRecord) -> None:
    from bywords.report.formats import count

    data = record.data
    tested = f", {count(data.n_test, 'test document')} of {data.test}" if data.test is not None else ""
    classes = count(len(data.label_names), "class", "classes")
    say(f"{data.train}: {count(data.n_train, 'document')} in {classes}{tested}.")
    for part, rows in record.without_words.items():
        if rows:
            which = count(len(rows), "test document" if part == "test" else "document")
            shown = ", ".join(map(str, rows[:N_SHOWN])) + (", …" if len(rows) > N_SHOWN else "")
            say(f"{which} without words, which training leaves out: {'row' if len(rows) == 1 else 'rows'} {shown}.")
    if record.small_classes:
        small = [f"{row.label} ({row.n_train})" for row in record.small_classes]
        say(f"Classes too small to learn or to test, with their documents: {quoted(small, at_most=10)}.")


def _tell_duplicates(record: AuditRecord, train: Corpus, test: Corpus | None) -> None:
    duplicates, across = record.duplicates, record.duplicates.across
    say()
    rows = []
    for name, found in (("among training documents", duplicates.train), ("among test documents", duplicates.test)):
        if found is not None:
            counts = (found.n_exact, found.n_near, found.n_groups, found.n_conflicting)
            rows.append([name, *(f"{number:,}" for number in counts)])
    if across is not None:
        exact, near, conflicting = (f"{n:,}" for n in (across.n_exact, across.n_near, across.n_conflicting))
        rows.append(["test documents that are in training", exact, near, "", conflicting])
    print_table(["duplicates", "exact", "near", "groups", "with other labels"], rows)
    if duplicates.impact is not None and duplicates.impact.duplicates_only.n_documents:
        say()
        _tell_impact(duplicates.impact)
    examples = example_pairs(record, train, test)
    if examples:
        say()
        say("Look at these first:")
    for line in examples:
        say(line)


def _tell_impact(impact: DuplicateImpact) -> None:
    def share(found: AccuracyOn) -> str:
        if found.accuracy is None or found.interval is None:
            return "there are no others"
        low, high = found.interval
        return f"{found.accuracy:.1%} of {found.n_documents:,} (95 % interval {low:.1%} to {high:.1%})"

    say(
        f"A {impact.system} is right on this share of the test documents: {share(impact.all_documents)}; without those "
        f"that are in training {share(impact.without_duplicates)}, and of those alone {share(impact.duplicates_only)}."
    )
    if impact.gain is not None:
        low, high = (100 * bound for bound in impact.gain.interval)
        say(
            f"Learning from the duplicates brings {100 * impact.gain.difference:+.2f} points on all test documents "
            f"(95 % interval {low:+.2f} to {high:+.2f})."
        )


def _tell_label_errors(record: AuditRecord, train: Corpus) -> None:
    from bywords.report.formats import count

    flagged = [row for row in record.label_errors if row.is_flagged]
    say()
    for note in record.notes:
        say(note)
    if not record.label_errors:
        return
    if not flagged:
        say("No label is likely wrong.")
        return
    are = count(record.n_flagged, "label is", "labels are")
    say(
        f"{are} likely wrong ({record.n_flagged / record.data.n_train:.1%}): models that have not seen the document "
        f"are more confident of another one{'. The first to read' if len(flagged) > 1 else ''}:"
    )
    for found in flagged[:N_SHOWN]:
        say(
            f"  row {found.row}: {found.label}, perhaps {found.suggested} ({found.confidence:.0%}): "
            f"{shortened(text_of(train, found.row))}"
        )


def _tell_leakage_and_drift(record: AuditRecord) -> None:
    """What gives the classes away, and whether test documents are of another kind."""
    from bywords.report.audit_words import leakage_named
    from bywords.report.formats import count

    found = record.leakage.found
    if found:
        say()
        say(f"{leakage_named(record.leakage)}{'. The first of them' if len(found) > 1 else ''}:")
    for row in found[:N_SHOWN]:
        documents = f"{row.n_of_class:,} of {count(row.n_documents, 'document')} with it"
        say(f"  {row.kind} “{shortened(row.what)}”: {documents} {'is' if row.n_of_class == 1 else 'are'} {row.label}")
    if record.drift is not None:
        say()
        say(f"Test against training documents: {record.drift.verdict}")


def _tell_next(record: AuditRecord, folder: Path, data: list[str], review: str) -> None:
    from bywords.report.formats import count

    say()
    say(f"The record is in {folder / RECORD}; look at {folder / PAGE}")
    if record.label_errors:
        listed = _listed(record)
        say(
            f"{folder / LABELS} has the first {count(len(listed), 'label')} of the ranking, {record.n_flagged:,} of "
            "them flagged. Write the right ones into its column new_label (- leaves the document out), and see what "
            "they bring:"
        )
        say(f"  {command('train', data[0], options=[*data[1:], '--labels', str(folder / LABELS)])}")
        say("Or go through them in the browser, one by one:")
        say(f"  {review}")
