"""Arguments that several commands take, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Data = Annotated[
    str,
    typer.Argument(
        help="A data set by name (20newsgroups, 20newsgroups-6, 20newsgroups-full, imdb), or a file: csv, tsv, jsonl, "
        "parquet, __label__ lines, or a folder with a sub-folder for each class; also as .gz, .xz, .zst.",
        metavar="DATA",
    ),
]
Text = Annotated[str | None, typer.Option("--text", help="The column with the texts, where it is not plain.")]
Label = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        help="The column with the labels, where it is not plain. Repeat it for columns of 0 and 1, a label each.",
    ),
]
LabelSeparator = Annotated[
    str | None,
    typer.Option("--label-separator", help="What stands between labels where a row has any number: | for a|b."),
]
BadRows = Annotated[
    Literal["fail", "skip"],
    typer.Option("--bad-rows", help="Rows that cannot be read: stop at the first, or leave them out and count them."),
]
SliceBy = Annotated[
    list[str] | None,
    typer.Option(
        "--slice-by",
        metavar="COLUMN",
        help="Look for values of this column with which it does worse than elsewhere. Repeat for more.",
    ),
]
TestFile = Annotated[str | None, typer.Option("--test", help="A file to test on, instead of a share of DATA.")]
TestShare = Annotated[float, typer.Option(help="The share of DATA to test on, where it has no test part.")]
ValidationShare = Annotated[
    float, typer.Option(help="The share of the training documents to stop early by. Never drawn from the test part.")
]
Vectors = Annotated[
    str | None,
    typer.Option(
        help="Other pre-trained vectors for systems that start from some: a name that gensim knows, or a file."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a setting: training.max_epochs=5. Repeat for more.", metavar="SETTING=VALUE"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
_ENDINGS = {".gz", ".xz", ".zst", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".txt", ".ft"}


def named_after(data: str, ending: str) -> Path:
    """What a command writes by default: `tickets.2024.csv.gz` → `tickets.2024` + ending, in the current folder.

    Of a folder with its classes it stands beside the folder, so that it is not taken for a class.
    """
    path = Path(data)
    if path.is_dir():
        path = path.resolve()
        return path.with_name((path.name or "texts") + ending)
    name = path.name
    while (dot := name.rfind(".")) > 0 and name[dot:].lower() in _ENDINGS:
        name = name[:dot]
    return Path((name or "texts") + ending)


Model = Annotated[Path, typer.Argument(help="A folder that `bywords train` wrote.", metavar="MODEL")]
