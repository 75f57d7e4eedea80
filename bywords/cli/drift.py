"""`bywords drift MODEL FILE`: whether new texts, without labels, are still like those that a model was made with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bywords.cli import options
from bywords.cli.screen import columns_line, counted, print_json, print_table, say, tell_aside, tell_notes
from bywords.io.read_options import LABEL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bywords.auditing.model_drift import Look, ModelDrift, Observed


def drift(
    model: options.Model,
    file: Annotated[
        str,
        typer.Argument(
            help="Texts, without labels: one on each line, csv, tsv, json, jsonl, parquet, xlsx; - for lines from "
            "standard input.",
            metavar="FILE",
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Where to write a page, .html.")] = None,
    text: options.Text = None,
    encoding: options.Encoding = None,
    label_prefix: options.LabelPrefix = LABEL_PREFIX,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Compare new texts, which need no labels, with those that the model was made with.

    How much of a text is known, how sure the answers are, which labels they get, and words that no text of the training
    has. Each is tested, and the tests are corrected for being several.
    """
    from bywords.artifact.description import load_classifier
    from bywords.auditing.model_drift import Observed, plain
    from bywords.cli.hold import hold
    from bywords.files import check_writable, write_whole
    from bywords.report.drift import render_drift

    if out is not None:
        check_writable(out)
        hold(out)
        options.check_output(out, file)
    observed = Observed(load_classifier(model))
    for _ in counted(_added(observed, file, text, encoding, label_prefix), "compared"):
        pass
    found = observed.drift(seed=seed)
    if out is not None:
        write_whole(out, render_drift(found, model=model.name, file_name=Path(file).name))
    if as_json:
        print_json({"model": str(model), "file": file, **plain(found)})
    else:
        _tell(found, file)


def _added(
    observed: Observed, file: str, text: list[str] | None, encoding: str | None, label_prefix: str
) -> Iterator[tuple[int, None]]:
    """Look at the texts of a file, some at a time; how many they were."""
    from bywords.io.readers import read_blocks

    classifier, is_told = observed.classifier, False
    for path in options.files_of(file):
        for block in read_blocks(
            path, text=text, encoding=encoding, label_prefix=label_prefix, contract=classifier.record.columns,
            given=classifier.tokenizer.config.is_given,
        ):  # fmt: skip
            if block.read_as is not None and not is_told:
                tell_aside(columns_line(block.read_as, block.not_read))
            is_told = True
            tell_notes(block.notes)
            observed.add(block.texts)
            yield len(block.texts), None


def _tell(found: ModelDrift, file: str) -> None:
    say(f"{file}: {found.n_texts:,} texts, beside the answers for {found.n_held_out:,} that were held out in training.")
    say(found.sentence)
    if found.looks:
        say()
        print_table(
            ["", "in training", "now", "distance", "by chance below", "p, corrected", ""],
            [_row(look) for look in found.looks],
        )
    if found.labels:
        say()
        rows = [[row.label, f"{row.in_training:.1%}", f"{row.now:.1%}", _p(row.p_holm)] for row in found.labels]
        print_table(["label", "of texts held out", "of these", "p, corrected"], rows)
    if found.new_words:
        say()
        print_table(
            ["new word", "texts", ""],
            [[w.word, f"{w.n_texts:,}", "known by its vector" if w.is_known_by_vector else ""]
             for w in found.new_words],
        )  # fmt: skip
    for note in found.notes:
        say(note)


def _row(look: Look) -> list[str]:
    shares = ["" if share is None else f"{share:.1%}" for share in (look.in_training, look.now)]
    from bywords.report.drift import NAMES

    return [
        NAMES[look.kind], *shares, f"{look.distance:.3f}", f"{look.by_chance:.3f}", _p(look.p_holm), look.verdict
    ]  # fmt: skip


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
