"""A project ⇄ the files of other tools: tables of all kinds, and the JSON of Argilla and Label Studio.

.csv .tsv .jsonl .parquet .xlsx    a row a text, its columns and label(s)
argilla, label-studio              .json: a record a text, with what each person said
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import polars as pl

from bywords.errors import DataError, SettingError, check_choice, quoted
from bywords.files import replacing, write_errors, write_whole
from bywords.io.formats import format_ending
from bywords.io.projects import ASKED, GIVEN, SETTLED, project_tables
from bywords.io.readers import read_corpus
from bywords.io.streams import open_input
from bywords.io.tables import Table
from bywords.io.writers import BETWEEN_LABELS, FRAMES, Writer, merge_parquet, write_spreadsheet
from bywords.labelling.project import FROM_FILE, Project, Said, checked_name, shown_text

if TYPE_CHECKING:
    from bywords.data.corpus import Corpus

Style = Literal["table", "argilla", "label-studio"]
STYLES: tuple[Style, ...] = ("table", "argilla", "label-studio")
_OF_TOOL = ("annotations", "completions", "responses")  # what a record of theirs has
QUESTION = "label"  # that people were asked, in the formats that name it


class Labelled(NamedTuple):
    """What a person said of a text in a file of another tool."""

    text: str
    annotator: str
    kind: str  # "label" or "skip"
    labels: tuple[str, ...]
    source: str = ASKED


@dataclass(frozen=True)
class Imported:
    """What came of a file: answers that were taken over, and those on texts that the project does not have."""

    n_answers: int
    n_not_there: int
    matched: dict[str, str]  # labels that differ only by capitals from those that there are, and these
    new: tuple[str, ...]  # labels that the project did not have
    n_none: int  # answers that no label fits
    n_contrary: int  # texts that one person gives different labels: the last ones count


def export_answers(project: Project, path: Path, *, style: Style = "table", everything: bool = False) -> int:
    """Write the labelled texts of a project to a file, or `everything`, also those without a label.

    A table has a label, or several, by what all people said together; the other styles have each person's, also who
    skipped a text or left it out.

    Returns: how many labelled texts are in it. Raises: SettingError for a name that does not say a format that there
    is, for a label that has the sign which the format has between labels, and where it cannot be written; DataError
    where nothing is labelled.
    """
    check_choice("style", style, STYLES)
    if style == "table":
        return _export_table(project, path, everything=everything)
    if path.suffix.lower() != ".json":
        raise SettingError(f"{path}: {style} is JSON: expected a name that ends in .json.")
    said: dict[int, list[Said]] = {}
    for one in project.answers():
        if one.annotator != FROM_FILE or one.kind == "label":  # a blank text is left out by nobody
            said.setdefault(one.text_id, []).append(one)
    labelled = [number for number, some in said.items() if any(one.kind == "label" for one in some)]
    record = argilla_record if style == "argilla" else label_studio_task
    numbers = range(project.n_texts) if everything else sorted(said)
    if not (labelled or everything):
        raise DataError(f"{project.path}: no text has a label yet.")

    def parts() -> Iterator[bytes]:
        for index, number in enumerate(numbers):
            found = record(number, shown_text(project.text(number)), said.get(number, []), project.record.is_multilabel)
            yield f"{',' if index else '['}\n{json.dumps(found, ensure_ascii=False)}".encode(
                "utf-8", "backslashreplace"
            )
        yield b"\n]\n"

    write_whole(path, parts())
    return len(labelled)


def argilla_record(number: int, text: str, said: list[Said], is_multilabel: bool) -> dict[str, Any]:
    """A text as Argilla 2 writes its records (`rg.Record.to_dict`), with the question "label".

    Of the last word, which Argilla does not know, only that is written.
    """
    labelled = [one for one in said if one.kind == "label"]
    labelled = [one for one in labelled if one.source == SETTLED][-1:] or labelled
    values = [{"value": list(one.labels) if is_multilabel else one.labels[0], "user_id": one.annotator or "anonymous"}
              for one in labelled]  # fmt: skip
    return {
        "id": str(number), "status": "completed" if labelled else "pending", "fields": {"text": text}, "metadata": {},
        "suggestions": {}, "responses": {QUESTION: values} if values else {}, "vectors": {},
    }  # fmt: skip


def label_studio_task(number: int, text: str, said: list[Said], is_multilabel: bool) -> dict[str, Any]:
    """A text as a task of Label Studio, with <Choices name="label" toName="text"> and <Text name="text">.

    The last word is what is called ground truth there.
    """
    annotations = [
        {
            "id": one.id, "completed_by": one.annotator or "anonymous", "was_cancelled": one.kind != "label",
            "ground_truth": one.source == SETTLED,
            "result": [
                {"id": f"{one.id}", "from_name": QUESTION, "to_name": "text", "type": "choices",
                 "value": {"choices": list(one.labels)}}
            ] if one.kind == "label" else [],
        }
        for one in said
    ]  # fmt: skip
    return {"id": number, "data": {"text": text}, "annotations": annotations, "predictions": []}


def read_answers_of(path: Path, *, is_multilabel: bool, **reading: Any) -> list[Labelled]:
    """What people said of texts, in a table with labels, or in the JSON of Argilla or Label Studio.

    Where texts have several labels, those of a cell have | between them, as exports write them, or what is said.
    Raises: DataError, naming the file and the record, for what is none of them, and for several labels of a text
    where each has one.
    """
    found = _of_tool(path)
    if found is None:
        corpus = _table(path, is_multilabel, reading)
        labels = [tuple(one) if corpus.is_multilabel else (str(one),) for one in corpus.names()]
        texts = map(shown_text, corpus.texts.to_list())
        said = zip(texts, labels, strict=True)  # an empty list is an answer only where a text may have none
        found = [Labelled(text, FROM_FILE, "label", some, GIVEN) for text, some in said if some or is_multilabel]
    for one in found:
        if one.kind == "label" and len(one.labels) != 1 and not is_multilabel:
            raise DataError(
                f"{path}: {one.text!r:.60} has {quoted(list(one.labels)) or 'no label'}, and a text of this project "
                "has one label. A project whose texts have any number is made with --several."
            )
    return found


def _of_tool(path: Path) -> list[Labelled] | None:
    """What people said in Argilla or Label Studio; None for another file."""
    records = _records_of_tool(path)
    if records is None:
        return None
    read = _of_record if records[0].keys().isdisjoint(("annotations", "completions")) else _of_task
    return [one for index, record in enumerate(records) for one in read(path, index, record)]


def _records_of_tool(path: Path) -> list[Any] | None:
    if format_ending(path) != ".json":
        return None
    records = _json_records(path)
    is_its = records and isinstance(records[0], dict) and not records[0].keys().isdisjoint(_OF_TOOL)
    return records if is_its else None


def _table(path: Path, is_multilabel: bool, reading: Mapping[str, Any]) -> Corpus:
    if is_multilabel and reading.get("label_separator") is None:
        with contextlib.suppress(SettingError):  # of labels that are lists
            return read_corpus(path, **{**reading, "label_separator": BETWEEN_LABELS})
    return read_corpus(path, **reading)


def _n_contrary(found: Iterable[Labelled]) -> int:
    """How many texts one person gives different labels."""
    said: dict[tuple[str, str, str], set[tuple[str, tuple[str, ...]]]] = {}
    for one in found:
        said.setdefault((one.text, one.annotator, one.source), set()).add((one.kind, tuple(sorted(one.labels))))
    return len({text for (text, *_), some in said.items() if len(some) > 1})


def import_answers(project: Project, path: Path, **reading: Any) -> Imported:
    """Take over what people said of the texts that a project has, by the texts; labels that are new are added.

    Labels are matched without regard to capitals. Answers that the project has of the same person are replaced. The
    same file twice is the same as once.

    Raises: DataError as `read_answers_of`, and SettingError for labels that cannot be; nothing is then taken over.
    """
    found = read_answers_of(path, is_multilabel=project.record.is_multilabel, **reading)
    numbers, before = project.numbers_of({one.text for one in found}), {row.name for row in project.labels()}
    there = [one for one in found if one.text in numbers]
    rows = [(number, one) for one in there for number in numbers[one.text]]
    matched = project.take_over([(number, *one[1:]) for number, one in rows])
    new = tuple(row.name for row in project.labels() if row.name not in before)
    n_none = sum(one.kind == "label" and not one.labels for _, one in rows)
    return Imported(len(rows), len(found) - len(there), matched, new, n_none, _n_contrary(there))


def is_of_tool(path: Path) -> bool:
    """Whether a file has what people said in Argilla or Label Studio."""
    return _records_of_tool(path) is not None


def create_from_answers(path: Path | str, source: Path, **settings: Any) -> Project:
    """A new project of the texts of a file of Argilla or Label Studio, with what people said of them.

    It is whole or not there. Raises: as `Project.of_texts` and `import_answers`.
    """
    path = Path(path)
    Project.check_new(path)
    found = read_answers_of(source, is_multilabel=settings.get("several", False))
    texts = list(dict.fromkeys(_texts_of(source)))
    numbers = {text: number for number, text in enumerate(texts)}
    with replacing(path) as beside:
        beside.unlink(missing_ok=True)
        with Project.of_texts(beside, texts, **settings) as made:
            matched = made.take_over([(numbers[one.text], *one[1:]) for one in found])
    project = Project.open(path)
    project.matched, project.n_contrary = matched, _n_contrary(found)
    return project


def _export_table(project: Project, path: Path, *, everything: bool) -> int:
    if path.exists() and path.samefile(project.path):
        raise SettingError(f"{path} is the project itself: choose another name.")
    name = project.record.label_column
    writer, n_rows = Writer.of(path, [name]), 0
    writer.check_labels(row.name for row in project.labels())
    with write_errors(path), replacing(path) as beside, contextlib.ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(dir=path.parent)))
        parts: list[Path] = []
        file = None if writer.ending in FRAMES else opened.enter_context(beside.open("wb"))
        for table in project_tables(project.path, labelled=not everything):
            n_rows += len(table)
            rest, answers = _apart(table, name)
            if not parts and n_rows == len(table):
                writer.start(rest)
            chunk = writer(rest, answers, is_first=n_rows == len(table))
            if isinstance(chunk, pl.DataFrame):
                parts.append(folder / f"{len(parts)}.parquet")
                chunk.write_parquet(parts[-1])
            elif file is not None:
                file.write(chunk)
        if writer.ending in FRAMES:
            (write_spreadsheet if writer.ending == ".xlsx" else merge_parquet)(parts, beside)
    return n_rows


def _apart(table: Table, name: str) -> tuple[Table, pl.DataFrame]:
    """The columns of a project's table without its labels, and these."""
    rows = {column: values for column, values in table.columns.items() if column != name}
    answers = table.lists[name] if name in table.lists else table.columns[name]
    rest = Table(table.name, rows, table.location_of, rows=pl.DataFrame(rows))
    return rest, pl.DataFrame({name: answers})


def _json_records(path: Path) -> list[Any]:
    with open_input(path) as file:
        content = file.read()
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: this is not JSON ({error}). Export it again.") from error
    return found if isinstance(found, list) else [found]


def _texts_of(path: Path) -> Iterator[str]:
    for index, record in enumerate(_json_records(path)):
        yield _text(path, index, record, "data" if isinstance(record, dict) and "data" in record else "fields")


def _text(path: Path, index: int, record: Any, key: str) -> str:
    """The text of a record: the field called text, or the only one."""
    fields = record.get(key) if isinstance(record, dict) else None
    strings = (
        {name: value for name, value in fields.items() if isinstance(value, str)} if isinstance(fields, dict) else {}
    )
    if "text" in strings or len(strings) == 1:
        return strings.get("text", next(iter(strings.values())))
    raise DataError(
        f"{path}, record {index}: expected one text in {key!r}, or one called 'text', found {list(strings)}."
    )


def _of_task(path: Path, index: int, task: Any) -> Iterator[Labelled]:
    """What people said in a task of Label Studio."""
    text = _text(path, index, task, "data")
    for one in _list(path, index, task, "annotations" if "annotations" in task else "completions"):
        if not isinstance(one, Mapping):
            raise DataError(f"{path}, record {index}: expected annotations that are objects, found {one!r:.60}.")
        results = [part for part in one.get("result") or () if isinstance(part, Mapping)]
        chosen = [part["value"].get("choices") for part in results if isinstance(part.get("value"), Mapping)]
        labels = tuple(str(label) for some in chosen if isinstance(some, list) for label in some)
        if one.get("was_cancelled") or (not labels and not results):
            yield _said(text, one.get("completed_by"), "skip")
        elif labels:
            yield _said(text, one.get("completed_by"), "label", labels, is_settled=bool(one.get("ground_truth")))


def _of_record(path: Path, index: int, record: Any) -> Iterator[Labelled]:
    """What people said in a record of Argilla: of its only question, or that which is called label."""
    text = _text(path, index, record, "fields")
    responses = record.get("responses")
    if not isinstance(responses, Mapping):
        raise DataError(f"{path}, record {index}: expected 'responses' by question, found {responses!r:.60}.")
    if not responses:
        return
    if QUESTION not in responses and len(responses) > 1:
        raise DataError(f"{path}, record {index}: there are the questions {list(responses)}, expected 'label', or one.")
    for one in responses.get(QUESTION, next(iter(responses.values()))) or ():
        value = one.get("value") if isinstance(one, Mapping) else None
        labels = tuple(map(str, value)) if isinstance(value, list) else (str(value),)
        if value is not None:
            yield _said(text, one.get("user_id"), "label", labels)


def _said(text: str, person: Any, kind: str, labels: tuple[str, ...] = (), *, is_settled: bool = False) -> Labelled:
    name = _person(person)
    return Labelled(text, name, kind, labels, GIVEN if name == FROM_FILE else SETTLED if is_settled else ASKED)


def _list(path: Path, index: int, record: Any, key: str) -> Iterable[Any]:
    found = record.get(key)
    if not isinstance(found, list):
        raise DataError(f"{path}, record {index}: expected a list of {key!r}, found {found!r:.60}.")
    return found


def _person(found: Any) -> str:
    """Who has answered: a name, a number, or an object that has one of them."""
    if isinstance(found, Mapping):
        found = found.get("email") or found.get("username") or found.get("id")
    name = "" if found is None else checked_name(str(found))
    return "" if name == "anonymous" else name
