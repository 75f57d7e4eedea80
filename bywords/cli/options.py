"""Arguments that several commands take, each described once."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bywords.errors import SettingError

if TYPE_CHECKING:
    from bywords.fitted import FittedClassifier

Data = Annotated[
    str,
    typer.Argument(
        help="A data set by name (20newsgroups, 20newsgroups-6, 20newsgroups-full, imdb), or a file: csv, tsv, jsonl, "
        "parquet, __label__ lines, or a folder with a sub-folder for each class; also as .gz, .xz, .zst.",
        metavar="DATA",
    ),
]
Text = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        metavar="COLUMN",
        help="The column with the texts, where it is not clear. Repeat it for more: --text subject --text body.",
    ),
]
Column = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="COLUMN",
        help="A column that stands beside the text and is learned from too: categories, numbers or dates. Repeat for "
        "more.",
    ),
]
Label = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        help="The column with the labels, where it is not clear. Repeat it for columns of 0 and 1, a label each.",
    ),
]
LabelSeparator = Annotated[
    str | None,
    typer.Option("--label-separator", help="What separates labels where a row has any number: | for a|b."),
]
MapLabel = Annotated[
    list[str] | None,
    typer.Option(
        "--map-label",
        metavar="OLD=NEW",
        help="Take the label OLD for NEW, in the test file too; two labels of one name are one. Repeat for more.",
    ),
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
        help="Look for values of this column with which the model does worse than elsewhere. Repeat for more.",
    ),
]
TestFile = Annotated[str | None, typer.Option("--test", help="A file to test on, instead of a share of DATA.")]
TestShare = Annotated[float, typer.Option(help="The share of DATA to test on, where it has no test part.")]
ValidationShare = Annotated[
    float, typer.Option(help="The share of the training documents to stop early by. Never drawn from the test part.")
]
KeepTogether = Annotated[
    Literal["equal", "near"],
    typer.Option(
        "--keep-together",
        help="Which texts are on one side of every split, so that none is tested that was learned: equal ones, or near "
        "duplicates too, as `bywords audit` finds them.",
    ),
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
MinConfidence = Annotated[
    float | None,
    typer.Option(
        "--min-confidence",
        help="Count an answer only where it is so probable: 0.8. Other texts get no label.",
        metavar="P",
    ),
]
Abstain = Annotated[
    str | None,
    typer.Option(
        "--abstain",
        help="The same with the probability at or above which this share of the answers was right, on documents held "
        "out when the model was trained: 95%.",
        metavar="SHARE",
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Resume a run that was interrupted: keep what it has finished.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
_ENDINGS = {".gz", ".xz", ".zst", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".txt", ".ft"}


def command_line() -> str:
    """The command that is running, as it could be typed again."""
    return shlex.join(["bywords", *sys.argv[1:]])


def least_confidence(classifier: FittedClassifier, min_confidence: float | None, abstain: str | None) -> float | None:
    """The probability that an answer has to have, by --min-confidence or --abstain; None where neither is given.

    Raises: SettingError for both at once, a share that is none, and a model of several labels a text.
    """
    if min_confidence is None and abstain is None:
        return None
    if min_confidence is not None and abstain is not None:
        raise SettingError(
            "--min-confidence says how sure an answer has to be, --abstain finds it out: give one of them."
        )
    if classifier.is_multilabel:
        raise SettingError(
            "the model gives any number of labels, each at or above its own threshold (its README.md has them): "
            "--min-confidence and --abstain are for one label a text."
        )
    if abstain is not None:
        return classifier.reliability.min_confidence_for(_share("--abstain", abstain))
    if min_confidence is not None and not 0 <= min_confidence <= 1:
        raise SettingError(f"--min-confidence {min_confidence}: expected a probability from 0 to 1, as in 0.8.")
    return min_confidence


def _share(option: str, text: str) -> float:
    """95% or 0.95 → 0.95."""
    number, percent, rest = text.strip().partition("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = -1.0
    if rest or not 0 < share <= 1:
        raise SettingError(f"{option} {text}: expected a share of the labels that is to be right, as in 95% or 0.95.")
    return share


def named_after(data: str, ending: str) -> Path:
    """What a command writes by default: `tickets.2024.csv.gz` → `tickets.2024` + ending, in the current folder.

    Of a folder with its classes it is beside the folder, so that it is not taken for a class.
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
