"""`bywords predict MODEL FILE`: one JSON line a document, in their order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bywords.cli import options
from bywords.cli.screen import counted

if TYPE_CHECKING:
    from bywords.classifier import Predictions

CHUNK = 20_000  # documents at a time


def predict(
    model: options.Model,
    file: Annotated[
        str,
        typer.Argument(
            help="Texts: a file with one on each line, csv, tsv, jsonl, parquet; - for lines from standard input."
        ),
    ] = "-",
    out: Annotated[Path | None, typer.Option(help="Where to write; otherwise to standard output.")] = None,
    text: options.Text = None,
) -> None:
    """Label texts: one JSON line for each, with label, probability, and whether nothing in it was known."""
    from bywords.classifier import TextClassifier
    from bywords.files import check_place, write_whole
    from bywords.readers import read_text_blocks

    if out is not None:
        check_place(out)
    classifier = TextClassifier.load(model)
    lines = counted(
        (
            (len(block[start : start + CHUNK]), _lines(classifier.predict_documents(block[start : start + CHUNK])))
            for block in read_text_blocks(file, text=text)
            for start in range(0, len(block), CHUNK)
        ),
        "labelled",
    )
    if out is not None:
        write_whole(out, (part.encode() for part in lines))
    else:
        for part in lines:
            typer.echo(part, nl=False)


def _lines(answers: Predictions) -> str:
    """A JSON object and a line end for each answer."""
    columns = (
        answers.labels.tolist(),
        answers.probabilities.max(axis=1).tolist(),
        answers.known_share.tolist(),
        answers.nothing_known.tolist(),
    )
    rows = (
        {
            "label": label,
            "probability": round(probability, 6),
            "known_share": round(known_share, 4),
            "nothing_known": nothing_known,
        }
        for label, probability, known_share, nothing_known in zip(*columns, strict=True)
    )
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
