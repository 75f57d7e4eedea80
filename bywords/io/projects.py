"""A labelling project, one SQLite file → its tables: the texts, what people answered, and the labels that come of it.

Answers are only ever added: the last one of a person on a text counts. Whoever writes is `bywords.labelling`; here is
what a file has to be, so that whatever reads documents can read it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import polars as pl

from bywords.data.columns import Columns
from bywords.errors import DataError
from bywords.io.tables import BLOCK_ROWS, Table
from bywords.terminal import command
from bywords.text.tokenizer import SEPARATOR

FORMAT = "bywords-project/1"
KINDS = ("label", "skip", "unsure", "leave out", "undone")  # of answers
GIVEN, ASKED, SETTLED = (
    "given",
    "asked",
    "settled",
)  # where an answer is from: the file, a person, one who had the last word
EXPECTED = "expected a file that `bywords label` has made."
WAIT_SECONDS = 60.0  # for another process that is writing
SCHEMA = (
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "CREATE TABLE texts(id INTEGER PRIMARY KEY, text TEXT NOT NULL, cells TEXT NOT NULL) STRICT",
    "CREATE TABLE labels(id INTEGER PRIMARY KEY, name TEXT NOT NULL, merged_into INTEGER) STRICT",
    "CREATE TABLE answers(id INTEGER PRIMARY KEY, text_id INTEGER NOT NULL, annotator TEXT NOT NULL,"
    " kind TEXT NOT NULL, labels TEXT NOT NULL, note TEXT NOT NULL, source TEXT NOT NULL, why TEXT NOT NULL,"
    " seconds REAL NOT NULL, token TEXT NOT NULL UNIQUE, undoes INTEGER) STRICT",
    "CREATE TABLE shown(text_id INTEGER NOT NULL, annotator TEXT NOT NULL, why TEXT NOT NULL,"
    " seconds REAL NOT NULL, PRIMARY KEY(text_id, annotator)) STRICT, WITHOUT ROWID",
    "CREATE TABLE review(id INTEGER PRIMARY KEY, text_id INTEGER NOT NULL, other_id INTEGER, suggested TEXT NOT NULL,"
    " confidence REAL NOT NULL) STRICT",
    "CREATE UNIQUE INDEX label_names ON labels(name) WHERE merged_into IS NULL",
    "CREATE INDEX answers_of ON answers(text_id, annotator, source)",
)
ANSWERS = "SELECT id, text_id, annotator, kind, labels, note, source, why, undoes FROM answers"
LAST_ANSWERS = f"{ANSWERS} WHERE id IN (SELECT max(id) FROM answers GROUP BY text_id, annotator, source) ORDER BY id"


class Answer(NamedTuple):
    """What a person said of a text."""

    id: int
    text_id: int
    annotator: str
    kind: str  # of KINDS
    labels: tuple[int, ...]  # as they were called then: see `LabelNames.now`
    note: str
    source: str  # GIVEN, ASKED or SETTLED
    why: str  # the text was shown
    undoes: int | None  # the answer that this one takes back


class LabelNames:
    """The labels of a project: numbers that answers have, and names, which may change."""

    def __init__(self, rows: Iterable[tuple[int, str, int | None]]) -> None:
        self._merged: dict[int, int] = {}
        self.names: dict[int, str] = {}  # of those that there are, by age
        for number, name, merged_into in rows:
            if merged_into is None:
                self.names[number] = name
            else:
                self._merged[number] = merged_into
        self.numbers = {name: number for number, name in self.names.items()}
        self._folded = {name.casefold(): name for name in reversed(self.numbers)}

    def like(self, name: str) -> str:
        """The label of this name, or the oldest that differs only by capitals; the name itself where there is none."""
        return name if name in self.numbers else self._folded.get(name.casefold(), name)

    def now(self, number: int) -> int:
        """The label that this one has become. Raises KeyError for one that there is not."""
        for _ in range(len(self._merged) + 1):
            if number in self.names:
                return number
            number = self._merged[number]
        raise KeyError(number)

    def of(self, answer: Answer) -> tuple[int, ...]:
        """The labels of an answer as they are now, ascending, each once."""
        return tuple(sorted({self.now(number) for number in answer.labels}))


@contextlib.contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Raise DataError, naming the file, for what SQLite finds wrong with it."""
    try:
        yield
    except (sqlite3.DatabaseError, json.JSONDecodeError, RecursionError) as error:
        said = str(error)
        if "not a database" in said:
            raise DataError(f"{path} is no labelling project: {EXPECTED}") from error
        if "locked" in said:
            raise DataError(
                f"{path}: another process has been writing to it for {WAIT_SECONDS:.0f} seconds."
            ) from error
        if "full" in said or "readonly" in said or "disk I/O" in said:
            kept = " What was answered before is in it." if path.exists() else ""
            raise DataError(f"{path}: cannot be written: {said}.{kept}") from error
        raise DataError(f"{path} is damaged ({said}). Take a copy of it that is whole.") from error


def connect(path: Path, *, writes: bool = False) -> sqlite3.Connection:
    """A project as SQLite has it, which has the tables of this version and nothing else.

    Nothing in it is run: a file with views, triggers or expressions of its own is refused. Only SQLite opens it:
    where a process closes another descriptor of it, its locks are gone, and the next to close the project takes
    away the log that answers are written to.

    Raises: DataError for a file that is none, or of another version, or damaged.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}. Check the path.") from error
    if not size:  # which SQLite would take for a new database
        raise DataError(f"{path} is no labelling project: {EXPECTED}")
    has_log = Path(f"{path}-wal").exists()
    ways = ["mode=rw"] if writes else ["mode=ro", *([] if has_log else ["immutable=1"])]  # in a folder of reading only
    for way in ways:
        with database_errors(path):
            connection = sqlite3.connect(
                f"file:{quote(str(path))}?{way}", uri=True, timeout=WAIT_SECONDS, isolation_level=None,
                check_same_thread=False,
            )  # fmt: skip
            try:
                _check(connection, path)
            except BaseException as error:
                connection.close()
                if way != ways[-1] and "unable to open" in str(error):
                    continue
                raise
            return connection
    raise AssertionError  # pragma: no cover


def _check(connection: sqlite3.Connection, path: Path) -> None:
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "foreign_keys = OFF"):
        connection.execute(f"PRAGMA {pragma}")
    found = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
    version = dict(connection.execute("SELECT key, value FROM meta")).get("format") if SCHEMA[0] in found else None
    if version != FORMAT and str(version).partition("/")[0] == FORMAT.partition("/")[0]:
        raise DataError(
            f"{path} has the format {version}, and this version of bywords reads {FORMAT}. "
            "Install the one that has made it, or a newer one."
        )
    if version != FORMAT or found != set(SCHEMA):
        raise DataError(f"{path} is a database, but no labelling project: {EXPECTED}")
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise sqlite3.DatabaseError(str(problem).replace("\n", " "))


class ProjectRecord(NamedTuple):
    """What a project says of its documents."""

    text_columns: tuple[str, ...]  # that a text is made of; SEPARATOR is between their values
    columns: tuple[str, ...]  # the others of the file, whose values are in `cells`
    is_multilabel: bool

    @property
    def label_column(self) -> str:
        """What labels are called in a table of the project."""
        return "labels" if self.is_multilabel else "label"


def read_record(connection: sqlite3.Connection, path: Path) -> ProjectRecord:
    """The record of an open project. Raises DataError where it cannot be one."""
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    with database_errors(path):
        values = json.loads(meta.get("record", "{}"))
        names = [values.get(name) if isinstance(values, dict) else None for name in ProjectRecord._fields[:2]]
        if (
            not all(isinstance(one, list) and all(isinstance(name, str) for name in one) for one in names)
            or not names[0]
        ):
            raise sqlite3.DatabaseError("its record does not name columns")
    return ProjectRecord(tuple(names[0]), tuple(names[1]), values.get("is_multilabel") is True)  # type: ignore[arg-type]


def read_names(connection: sqlite3.Connection) -> LabelNames:
    """The labels of an open project."""
    return LabelNames(connection.execute("SELECT id, name, merged_into FROM labels ORDER BY id"))


def read_answers(
    connection: sqlite3.Connection, path: Path, names: LabelNames, query: str = LAST_ANSWERS, *given: Any
) -> Iterator[Answer]:
    """Answers of an open project, by default the last one of each person on each text.

    Raises: DataError for one that no `bywords label` has written.
    """
    with database_errors(path):
        for row in connection.execute(query, given):
            number, text, annotator, kind, labels, *rest = row
            read = json.loads(labels)
            answer = Answer(number, text, annotator, kind, tuple(read) if isinstance(read, list) else (-1,), *rest)
            try:
                names.of(answer)
            except (KeyError, TypeError):
                raise sqlite3.DatabaseError(f"answer {row[0]} has a label that there is not") from None
            if answer.kind not in KINDS or answer.source not in (GIVEN, ASKED, SETTLED):
                raise sqlite3.DatabaseError(f"answer {row[0]} is of no known kind")
            yield answer


def outcome(answers: Sequence[Answer], names: LabelNames, *, is_multilabel: bool) -> tuple[int, ...] | None:
    """The labels that the last answers of all people on a text give it; None where they give none.

    Who had the last word is right; else most of those who were asked, where as many say two things neither; else the
    file that the text is from. Of several labels those that more than half have given; where exactly half have given
    one, that is undecided, and so is the text.
    """
    for source in (SETTLED, ASKED, GIVEN):
        said = [answer for answer in answers if answer.source == source and answer.kind in ("label", "leave out")]
        if not said:
            continue
        if source == SETTLED:
            said = [max(said)]
        said = [answer for answer in said if answer.kind == "label"]
        sets = [names.of(answer) for answer in said]
        if is_multilabel and sets:
            counts = Counter(number for one in sets for number in one)
            if any(2 * count == len(sets) for count in counts.values()):
                return None
            return tuple(sorted(number for number, count in counts.items() if 2 * count > len(sets)))
        ranked = Counter(sets).most_common(2)
        if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
            return None
        return ranked[0][0]
    return None


def read_outcomes(
    connection: sqlite3.Connection, path: Path, *, is_multilabel: bool
) -> tuple[dict[int, tuple[str, ...]], tuple[str, ...]]:
    """The labels of the texts that have some, or that are known to have none of several, by the number of the text.

    Returns: them, and what is to be said of the texts that were answered and have none, and of how they were chosen.
    """
    by_text: dict[int, list[Answer]] = {}
    names = read_names(connection)
    for answer in read_answers(connection, path, names):
        by_text.setdefault(answer.text_id, []).append(answer)
    found = {text: outcome(answers, names, is_multilabel=is_multilabel) for text, answers in by_text.items()}
    without = [{one.kind for one in by_text[text]} - {"undone"} for text, labels in found.items() if labels is None]
    reasons = {
        "people disagree on": sum("label" in kinds for kinds in without),
        "are left out of training": sum("leave out" in kinds and "label" not in kinds for kinds in without),
        "are skipped or not sure": sum(bool(kinds) and kinds <= {"skip", "unsure"} for kinds in without),
    }
    said = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items() if count)
    notes = [f"of the texts that were answered, {said}: they have no label"] if said else []
    labelled = {text: labels for text, labels in found.items() if labels is not None}
    n_chosen = sum(any(one.why == "uncertain" for one in by_text[text]) for text in labelled)
    if n_chosen:
        notes.append(
            f"{n_chosen:,} of the {len(labelled):,} labelled texts were chosen because a model was least sure of them: "
            "on such texts, held out, it is as a rule less often right than on new ones"
        )
    return {text: tuple(names.names[n] for n in labels) for text, labels in labelled.items()}, tuple(notes)


def project_tables(path: Path, *, labelled: bool, block_rows: int = BLOCK_ROWS) -> Iterator[Table]:
    """The texts of a project with their columns and labels, some at a time, in the order of the file they are from.

    Where documents are `labelled`, those without a label are left out; `Table.numbers` are the rows of the file. With
    `block_rows` 0 all are one table.

    Raises: DataError as `connect`; and where documents are `labelled`, for a project in which none is.
    """
    with contextlib.closing(connect(path)) as connection, database_errors(path):
        connection.execute("BEGIN")  # one state of the file, whoever writes
        record = read_record(connection, path)
        outcomes, notes = read_outcomes(connection, path, is_multilabel=record.is_multilabel)
        if labelled and not outcomes:
            why = "".join(f" ({note})" for note in notes)
            raise DataError(f"{path}: no text has a label yet{why}. Label some: {command('label', str(path))}")
        which = "WHERE id IN (SELECT text_id FROM answers)" if labelled else ""
        rows = connection.execute(f"SELECT id, text, cells FROM texts {which} ORDER BY id")
        is_first = True
        while found := rows.fetchmany(block_rows) if block_rows else rows.fetchall():
            if labelled:
                found = [row for row in found if row[0] in outcomes]
            if found or (is_first and not labelled):
                table = _table(path, record, found, outcomes)
                yield dataclasses.replace(table, notes=notes if labelled and is_first else ())
                is_first = False


def _table(
    path: Path, record: ProjectRecord, rows: list[tuple[int, str, str]], outcomes: dict[int, tuple[str, ...]]
) -> Table:
    fields = [text.split(SEPARATOR) for _, text, _ in rows] if len(record.text_columns) > 1 else [[r[1]] for r in rows]
    cells = [json.loads(row[2]) if record.columns else [] for row in rows]
    for (number, _, _), one, other in zip(rows, fields, cells, strict=True):
        is_list = isinstance(other, list) and all(cell is None or isinstance(cell, str) for cell in other)
        if len(one) != len(record.text_columns) or not is_list or len(other) != len(record.columns):
            raise sqlite3.DatabaseError(f"text {number} has not the columns of the others")
    columns: dict[str, pl.Series] = {}
    for names, values in ((record.text_columns, fields), (record.columns, cells)):
        for index, name in enumerate(names):
            columns[name] = pl.Series(name, [row[index] for row in values], dtype=pl.String)
    numbers = [row[0] for row in rows]
    labels = [outcomes.get(number) for number in numbers]
    lists: dict[str, pl.Series] = {}
    if record.is_multilabel:
        lists["labels"] = pl.Series("labels", labels, dtype=pl.List(pl.String))
        columns["labels"] = pl.Series(
            "labels", [None if one is None else json.dumps(one) for one in labels], dtype=pl.String
        )
    else:
        columns["label"] = pl.Series("label", [None if one is None else one[0] for one in labels], dtype=pl.String)
    return Table(
        str(path), columns, lambda row: f"text {numbers[row]}", nested=dict.fromkeys(lists, 0), lists=lists,
        rows=pl.DataFrame({**columns, **lists}), numbers=numbers,
    )  # fmt: skip


def columns_of(path: Path) -> Columns:
    """The columns of a project that are texts and labels. Raises DataError as `connect`."""
    with contextlib.closing(connect(path)) as connection:
        record = read_record(connection, path)
    return Columns(text=record.text_columns, label=(record.label_column,))
