"""Arguments that several commands take, each described once."""

from __future__ import annotations

import contextlib
import inspect
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from bywords.cli.screen import tell_aside
from bywords.errors import LARGEST_SEED, BywordsError, DataError, SettingError
from bywords.io import stores
from bywords.io.archives import expanded, is_pattern, split_member
from bywords.io.read_options import LABEL_PREFIX, ReadOptions
from bywords.terminal import shell_words, shorten

if TYPE_CHECKING:
    from bywords.cluster import Executor
    from bywords.evaluation.back_off import BackOff
    from bywords.fitted import FittedClassifier

Data = Annotated[
    str,
    typer.Argument(
        help="A data set by name (20newsgroups, 20newsgroups-6, 20newsgroups-full, imdb), or files: csv, tsv, json, "
        "jsonl, parquet, xlsx, __label__ lines, or a folder with a sub-folder for each class; also as .gz, .bz2, .xz, "
        ".zst, .zip, .tar.gz; s3://, gs://, az:// or https:// for one in a store; - for standard input.",
        metavar="DATA...",
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
        help="The column with the labels, where it is not clear. Repeat it for columns of 0 and 1, a label each; or "
        "with --label-hierarchy for one of each level.",
    ),
]
LabelHierarchy = Annotated[
    str | None,
    typer.Option(
        "--label-hierarchy",
        metavar="SIGN",
        help="Labels are paths, and this is between their levels: / for billing/refund/late. Of several label columns, "
        "it joins the levels.",
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
LabelPrefix = Annotated[
    str, typer.Option("--label-prefix", help="What labels start with in fastText's lines.", metavar="PREFIX")
]
ExcludeLabel = Annotated[
    list[str] | None,
    typer.Option("--exclude-label", help="Leave out documents of this label. Repeat for more.", metavar="LABEL"),
]
BadRows = Annotated[
    Literal["fail", "skip"],
    typer.Option("--bad-rows", help="Rows that cannot be read: stop at the first, or leave them out and count them."),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        help="What files are in that are not UTF-8: cp1252, latin-1, shift_jis. UTF-16 is known by its first bytes.",
    ),
]
DEFAULT_READING = ReadOptions()
_READING: dict[str, tuple[Any, Any]] = {  # option of a command: its kind and its default
    "text": (Text, None),
    "column": (Column, None),
    "label": (Label, None),
    "label_separator": (LabelSeparator, None),
    "label_hierarchy": (LabelHierarchy, None),
    "map_label": (MapLabel, None),
    "label_prefix": (LabelPrefix, LABEL_PREFIX),
    "exclude_label": (ExcludeLabel, None),
    "bad_rows": (BadRows, "fail"),
    "encoding": (Encoding, None),
}


def reads_labelled(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of reading labelled files in the place of its parameter `reading`.

    A parameter of the kind `Data` takes several files, and the command gets them on one line.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    several = [name for name, hint in hints.items() if hint == Data]
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name == "reading":
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
            parameters += [
                inspect.Parameter(name, kind, default=default, annotation=annotation)
                for name, (annotation, default) in _READING.items()
            ]
            continue
        hint = hints[parameter.name]
        kind_of = Annotated[list[str], *hint.__metadata__] if parameter.name in several else hint
        parameters.append(parameter.replace(annotation=kind_of))

    def reading_command(**given: Any) -> None:
        asked = {name: given.pop(name) for name in _READING}
        several_times = {"exclude_label": "exclude_labels", "map_label": "map_label", "column": "side"}
        lists: dict[str, Any] = {field: tuple(asked.pop(name) or ()) for name, field in several_times.items()}
        for name in several:
            given[name] = given[name][0] if len(given[name]) == 1 else shlex.join(given[name])
        command(reading=ReadOptions(**asked, **lists), **given)

    reading_command.__doc__, reading_command.__name__ = command.__doc__, command.__name__
    reading_command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    reading_command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return reading_command


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
        help="Other pre-trained vectors for systems that start from some: english, a name that gensim knows, or a file."
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
On = Annotated[
    str | None,
    typer.Option(
        "--on",
        help="Have it done by a cluster: ray for the one that runs, or that starts here, ray://HOST:PORT for one "
        "elsewhere; or by processes of this machine: local, local:2.",
        metavar="CLUSTER",
    ),
]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of whatever is drawn.")]
Resume = Annotated[bool, typer.Option("--resume", help="Resume a run that was interrupted: keep what it has finished.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
FILE_ENDINGS = (
    *(
        ".csv",
        ".tsv",
        ".jsonl",
        ".ndjson",
        ".json",
        ".parquet",
        ".xlsx",
        ".xlsm",
        ".xlsb",
        ".xls",
        ".ods",
        ".txt",
        ".ft",
    ),
    *(".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tgz"),
)


@contextlib.contextmanager
def workers(on: str | None) -> Iterator[Executor | None]:
    """The worker processes that --on asks for, which are said on standard error; None where it is not given."""
    if on is None:
        yield None
        return
    from bywords.cli.screen import working
    from bywords.cluster import executor

    with working("starting workers"):
        found = executor(on)
    with found:
        tell_aside(f"{found.is_told}.")
        yield found


def command_line() -> str:
    """The command that is running, as it could be typed again."""
    return shell_words(["bywords", *sys.argv[1:]])


def command_to_resume() -> str:
    """The command that goes on with what the running one has done."""
    again = ["bywords", *sys.argv[1:]]
    if "--resume" not in again:
        again.insert(again.index("--") if "--" in again else len(again), "--resume")
    return shell_words(again)


def back_off(classifier: FittedClassifier, min_confidence: float | None, abstain: str | None) -> BackOff | None:
    """What gives answers at the deepest level that is sure enough; None where neither is given or labels are no paths.

    Raises: SettingError as `least_confidence`, and for a share that held-out answers reach at no level.
    """
    if classifier.hierarchy is None or classifier.is_multilabel or (min_confidence is None and abstain is None):
        return None
    _check_one_of(min_confidence, abstain)
    if abstain is not None:
        return classifier.back_off_by(accuracy=_share("--abstain", abstain))
    return classifier.back_off_by(min_confidence=_probability(min_confidence))


def least_confidence(
    classifier: FittedClassifier, min_confidence: float | None, abstain: str | None, *, is_for_labels: bool = False
) -> float | None:
    """The probability that an answer has to have, by --min-confidence or --abstain; None where neither is given.

    A model of several labels takes --min-confidence where it `is_for_labels` that are listed.

    Raises: SettingError for both at once, a share that is none, and a model of several labels a text.
    """
    if min_confidence is None and abstain is None:
        return None
    _check_one_of(min_confidence, abstain)
    if classifier.is_multilabel and not (is_for_labels and abstain is None):
        raise SettingError(
            "the model gives any number of labels, each at or above its own threshold (its README.md has them): "
            "--min-confidence and --abstain are for one label a text."
        )
    if abstain is not None:
        return classifier.reliability.min_confidence_for(_share("--abstain", abstain))
    return _probability(min_confidence)


def _check_one_of(min_confidence: float | None, abstain: str | None) -> None:
    if min_confidence is not None and abstain is not None:
        raise SettingError(
            "--min-confidence says how sure an answer has to be, --abstain finds it out: give one of them."
        )


def _probability(min_confidence: float | None) -> float | None:
    if min_confidence is not None and not 0 <= min_confidence <= 1:
        raise SettingError(f"--min-confidence {min_confidence}: expected a probability from 0 to 1, as in 0.8.")
    return min_confidence


def _share(option: str, text: str) -> float:
    """95% or 0.95 → 0.95."""
    if (share := share_of(text)) is None:
        raise SettingError(f"{option} {text}: expected a share of the labels that is to be right, as in 95% or 0.95.")
    return share


def share_of(text: str) -> float | None:
    """95% or 0.95 → 0.95; None for what is no share above 0."""
    number, percent, rest = text.strip().partition("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        return None
    return share if not rest and 0 < share <= 1 else None


def named_after(data: str, ending: str) -> Path:
    """What a command writes by default: `tickets.2024.csv.gz` → `tickets.2024` + ending, in the current folder.

    Of a folder with its classes it is beside the folder, so that it is not taken for a class. Of several files it is
    called by the first.
    """
    path, whole = Path(data), None
    with contextlib.suppress(BywordsError):  # several, which are too long together
        whole = expanded(data)
    if whole is not None and path.is_dir():
        path = path.resolve()
        return path.with_name((path.name or "texts") + ending)
    if whole is None or not path.exists():
        with contextlib.suppress(ValueError):  # no quotes that pair
            path = Path((shlex.split(data) or [data])[0])
    name = "".join(sign for sign in path.name.replace(":", "-") if sign not in "*?[]")
    while (dot := name.rfind(".")) > 0 and name[dot:].lower() in FILE_ENDINGS:
        name = name[:dot]
    name = name.strip(" -_.")
    return Path((name or "texts") + ending)


def typed_text(text: str) -> str:
    """A text of the command line, in UTF-8 whatever the locale says. Raises DataError for bytes that are none of it."""
    try:
        text.encode()
    except UnicodeEncodeError:  # what the locale's encoding does not have is half of a character each
        try:
            return os.fsencode(text).decode()
        except UnicodeError as error:
            raise DataError(
                f"the text {shorten(text, 40)!r} is not UTF-8. Set the terminal to UTF-8, or put the text into a file "
                "and say its --encoding."
            ) from error
    return text


def is_file(text: str) -> bool:
    """Whether it names a file, or the standard input; else it is a text.

    An address of the web is a file where it ends as one does, else a text that somebody has written.
    Raises: DataError for what looks like a file that is not there.
    """
    if text == "-":
        return True
    if not text.strip():
        return False
    if stores.is_url(text):
        is_of_web = stores.scheme_of(text) in stores.WEB
        name = text.partition("?")[0] if is_of_web else text  # a query may be a signature
        is_named = name.lower().endswith(FILE_ENDINGS)
        if is_named or not is_of_web:
            return not any(map(str.isspace, text[len(name) :] if is_named else text))
    try:
        path, member = split_member(Path(text).expanduser())
        if path.exists() and not path.is_dir() and (member is None or path.suffix):
            return True
        if len(text.split()) == 1 and is_pattern(text) and files_of(text) != [text]:
            return True
        if path.is_dir():
            raise DataError(f"{text} is a folder, expected a file: a table, or one document a line.")
        is_in_folder = "/" in text and path.parent.is_dir()
    except (OSError, RuntimeError):  # too long for a name, or with signs that no name has
        return False
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        return False
    if (is_in_folder or text.lower().endswith(FILE_ENDINGS)) and not any(map(str.isspace, text)):
        raise DataError(f"{text}: there is no such file. Check the path, or give a text of more than one word.")
    return False


def files_of(text: str) -> list[str]:
    """The file of this name, or those that a pattern of names has; none has it: the name itself."""
    if not is_pattern(text) or Path(text).exists():
        return [text]
    from bywords.io.folders import matching

    if stores.is_url(text):
        if found := matching(text):
            return found
        raise DataError(f"{text}: no file in the store has a name like this. Check the pattern.")

    return matching(text) or [text]


def check_output(out: Path, *inputs: str | Path | None, goes_on: bool = False) -> None:
    """Raise SettingError where what is written is what is read; say what is there already, and may stay.

    Nothing is said of what `goes_on`.
    """
    check_not_read(out, *inputs)
    if out.exists() and not goes_on and (out.is_file() or out.is_dir()):
        tell_aside(f"{out} is there already: it stays until a new one is ready to take its place.")


def check_not_read(out: Path, *inputs: str | Path | None) -> None:
    """Raise SettingError where what is written is what is read."""
    for name in inputs:
        for path in [] if name is None else _paths(str(name)):
            try:
                is_same = path.samefile(out)
            except OSError:
                is_same = False
            if is_same:
                raise SettingError(f"{out}: is what is read, and would be overwritten. Write to another path.")


def _paths(text: str) -> list[Path]:
    """The files that are meant: one, several on a line, or those that a pattern has; of a member its archive."""
    try:
        with contextlib.suppress(BywordsError):  # several, which are too long together
            whole = split_member(expanded(text))[0]
            if whole.exists():
                return [whole]
        from bywords.io.datasets import paths_of

        return [split_member(expanded(name))[0] for name in paths_of(text)]
    except BywordsError:  # a data set by its name, or a text
        return []


Model = Annotated[Path, typer.Argument(help="A folder that `bywords train` wrote.", metavar="MODEL")]
