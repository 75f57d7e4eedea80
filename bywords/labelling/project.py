"""Texts and what people say of them, in one SQLite file: every answer is on the disk before the next text is shown.

    texts      as the file has them, with its other columns
    answers    only ever added; what is taken back is one more
    shown      who saw what, and what somebody has before them now

Several processes and threads may use a project at once; whatever ends them, what was answered is there, once.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.data.columns import Columns
from bywords.data.label_names import cleaned
from bywords.errors import DataError, SettingError, check_choice, did_you_mean, quoted
from bywords.files import check_writable, replacing, write_errors
from bywords.io.projects import (
    ANSWERS,
    ASKED,
    FORMAT,
    GIVEN,
    LAST_ANSWERS,
    SCHEMA,
    SETTLED,
    Answer,
    LabelNames,
    ProjectRecord,
    connect,
    database_errors,
    outcome,
    read_answers,
    read_record,
)
from bywords.io.readers import Block, read_blocks
from bywords.io.tables import Table
from bywords.io.writers import BETWEEN_LABELS, kept_name
from bywords.labelling.estimates import Estimate, Status, sentence_of
from bywords.terminal import command, shell_words
from bywords.text.tokenizer import SEPARATOR

FIRST_RANDOM = 20  # answers, drawn from all texts, before a model chooses
TEST_EVERY = 4  # texts in the order of drawing one is for testing alone: no model is taught it while people label
LEASE_SECONDS = 30 * 60.0  # that a text somebody has before them is shown to nobody else
MOST_LABELS = 1_000
MOST_NAME, MOST_NOTE, MOST_ANNOTATOR = 200, 10_000, 100  # characters
FROM_FILE = "(file)"  # who gave the labels that texts had already
DECISIONS = ("label", "leave out")
KEYS = "123456789"  # of the first labels
Suggest = Callable[[str], tuple[list[tuple[str, float]], list[tuple[int, int, float]]]]


@dataclass(frozen=True)
class Item:
    """A text to label.

    `why` it is shown: "start" (before a model chooses), "random" (to test on), "uncertain", "again" (for a second
    person), or "asked for".
    `suggestion` are labels and their probabilities, the likeliest first; `words` are starts, stops and what each adds
    to the likeliest label, in characters of the text. Both are empty while there is no model.
    """

    id: int
    text: str
    why: str
    suggestion: list[tuple[str, float]]
    words: list[tuple[int, int, float]]
    note: str = ""  # of an answer that was taken back


class Said(NamedTuple):
    """What a person said of a text, labels by their names now; FROM_FILE is the person of labels that a file had."""

    id: int
    text_id: int
    annotator: str
    kind: str
    labels: tuple[str, ...]
    note: str
    source: str


@dataclass(frozen=True)
class LabelRow:
    """A label, how many texts have it, and its key on the keyboard, if it has one."""

    name: str
    count: int
    key: str | None


@dataclass(frozen=True, eq=False)
class Queue:
    """What a model says comes next, exchanged as one value."""

    uncertain: npt.NDArray[np.int64]  # numbers of texts, the first to be shown first
    suggest: Suggest  # labels and words for a text


class Project:
    """A file of texts and answers. Safe for threads; close it, or use it as a context.

    Raises: DataError for a file that is none, is damaged or cannot be written; SettingError for what cannot be
    answered.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, shown: sqlite3.Connection) -> None:
        """Of `Project.open` or `Project.create`."""
        self.path = path
        self._connection, self._shown = connection, shown
        self._lock = threading.RLock()
        self.queue: Queue | None = None  # of the last model
        self.matched: dict[str, str] = {}  # labels of its files that were taken for others, and these
        self.n_contrary = 0  # texts that a person gave different labels in its files
        self.estimate: Estimate | None = None  # of the last model
        self.on_answer: Callable[[], None] = lambda: None  # called after each answer, in the thread that gave it
        self.record: ProjectRecord = read_record(connection, path)
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        try:
            self.seed, self.overlap = int(meta["seed"]), int(meta["overlap"])
            self.people = _words(meta, "people")  # who label; none, one unnamed
            self.documents = _words(meta, "documents")  # of a review
            _check_people(self.people)
            self.n_texts: int = connection.execute("SELECT count(*) FROM texts").fetchone()[0]
            (last,) = connection.execute("SELECT coalesce(max(id), -1) FROM texts").fetchone()
            if last != self.n_texts - 1 or self.seed < 0 or self.overlap < 1:
                raise ValueError
        except (KeyError, TypeError, ValueError, SettingError):
            raise DataError(
                f"{path} is damaged (its texts or people are not those it says). Take a copy of it that is whole."
            ) from None
        self._label_rows: list[Any] = []
        self._names = LabelNames([])
        self._last_id = 0  # of the answers that are known here
        self._answers: dict[int, dict[tuple[str, str], Answer]] = {}  # of a text, the last by person and source
        self._outcomes: dict[int, tuple[int, ...]] = {}
        self._conflicts: set[int] = set()
        self._kinds: Counter[str] = Counter()
        self._asked: set[int] = set()  # texts that people have answered
        self._tested: set[int] = set()  # those of them that came at random, to test on
        self.order: npt.NDArray[np.int64] = np.random.default_rng(self.seed).permutation(self.n_texts)  # of drawing
        ranks = np.arange(self.n_texts)
        is_test = (ranks >= FIRST_RANDOM) & (ranks % TEST_EVERY == 0)
        self.test_order, self._learn_order = self.order[is_test], self.order[~is_test]  # numbers, as they are drawn
        self._next = {True: 0, False: 0}  # the first that is not answered, in either
        self._pending: dict[str, dict[int, str]] = {}  # what people have before them, and why
        self._refresh()
        for number, person, why in shown.execute("SELECT text_id, annotator, why FROM shown ORDER BY seconds"):
            if not any(name == person and one.kind != "undone" for (name, _), one in self._of(number).items()):
                self._pending.setdefault(person, {})[number] = why

    @classmethod
    def create(
        cls,
        path: Path | str,
        sources: Sequence[Path | str],
        labels: Sequence[str] = (),
        *,
        several: bool = False,
        overlap: int = 1,
        seed: int = 0,
        label: str | None = None,
        label_separator: str | None = None,
        **reading: Any,
    ) -> Self:
        """A new project with the texts of these files, in their order, and these labels.

        `overlap` people label each text. With `several`, a text has any number of labels. `label` names the column of
        labels that the texts have already: a text that has one is labelled, one with an empty cell is not; several
        have `label_separator` between them, or |. Nobody is asked for blank texts. `reading` is that of `read_blocks`.
        Memory for a block of the file and eight bytes a text; the file is whole or not there.

        Raises: SettingError where `path` is there, or labels cannot be; DataError as `read_blocks`, and for no texts.
        """
        blocks = ((block, str(source)) for source in sources for block in read_blocks(source, given=False, **reading))
        empty = f"{', '.join(map(str, sources)) or 'no file'}: there is no text to label."
        return cls._filled(
            Path(path), labels, blocks, empty, several, overlap, seed, (label, label_separator), folds=True
        )

    @classmethod
    def of_texts(
        cls,
        path: Path | str,
        texts: Sequence[str],
        given: Sequence[str | Sequence[str] | None] | None = None,
        *,
        labels: Sequence[str] = (),
        several: bool = False,
        overlap: int = 1,
        seed: int = 0,
        cells: Mapping[str, Sequence[str]] | None = None,
    ) -> Self:
        """A new project of texts, with the label or labels `given` to each, if any, and other columns, `cells`.

        Raises: as `create`.
        """
        lists = [None if one is None else [one] if isinstance(one, str) else list(one) for one in given or ()]
        columns: dict[str, pl.Series] = {"text": pl.Series("text", texts, dtype=pl.String)}
        columns |= {name: pl.Series(name, values, dtype=pl.String) for name, values in (cells or {}).items()}
        if given is not None:
            columns["label"] = pl.Series("label", [None] * len(texts), dtype=pl.String)
        found = {"label": pl.Series("label", lists, dtype=pl.List(pl.String))} if given is not None else {}
        table = Table("the texts", columns, lambda row: f"row {row}", lists=found)
        block = Block(columns["text"], table, b"", Columns(text=("text",)))
        label = None if given is None else "label"
        return cls._filled(
            Path(path), labels, iter([(block, "the texts")] if texts else []), "there is no text to label.", several,
            overlap, seed, (label, None),
        )  # fmt: skip

    @classmethod
    def _filled(
        cls,
        path: Path,
        labels: Sequence[str],
        blocks: Iterator[tuple[Block, str]],
        empty: str,
        several: bool,
        overlap: int,
        seed: int,
        label: tuple[str | None, str | None],
        *,
        folds: bool = False,
    ) -> Self:
        """A new project with these documents, whole or not there. With `folds`, capitals make no other label."""
        cls.check_new(path)
        if overlap < 1:
            raise SettingError(f"overlap is {overlap}, expected 1 or more people for each text.")
        names = [checked_name(name) for name in labels]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise SettingError(f"the label {twice!r} is given twice.")
        check_writable(path)
        with write_errors(path), replacing(path) as beside:
            beside.unlink(missing_ok=True)
            opened = contextlib.closing(sqlite3.connect(beside, isolation_level=None))
            with opened as connection, database_errors(path):
                for pragma in ("page_size = 8192", "journal_mode = OFF", "synchronous = OFF"):
                    connection.execute(f"PRAGMA {pragma}")
                connection.execute("BEGIN")
                for statement in SCHEMA:
                    connection.execute(statement)
                connection.executemany("INSERT INTO labels(name) VALUES (?)", [(name,) for name in names])
                filler = _Filler(connection, *label, is_multilabel=several, folds=folds)
                for block, source in blocks:
                    filler.add(block, source)
                if filler.n_blank == filler.n_texts:
                    raise DataError(empty)
                record = ProjectRecord(filler.text_columns, filler.columns, several)
                meta = {"format": FORMAT, "record": json.dumps(record._asdict()), "seed": seed, "overlap": overlap}
                rows = [(key, str(value)) for key, value in meta.items()]
                connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
                connection.execute("COMMIT")
                connection.execute("PRAGMA journal_mode = WAL")
        project = cls.open(path)
        project.matched = filler.matched
        return project

    @staticmethod
    def check_new(path: Path) -> None:
        """Raise SettingError where there is a file already."""
        if path.exists():
            raise SettingError(
                f"{path} is there already. Open it with: {command('label', str(path))}; or choose another name."
            )

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """A project that is there. Raises DataError as `bywords.io.projects.connect`."""
        path = Path(path)
        if not os.access(path, os.W_OK) and path.exists():
            raise DataError(f"{path}: cannot be written, and answers have to be. Copy it to where you may write.")
        with contextlib.ExitStack() as opened, database_errors(path):
            connections = [opened.enter_context(contextlib.closing(connect(path, writes=True))) for _ in range(2)]
            for connection, level in zip(connections, ("FULL", "NORMAL"), strict=True):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"PRAGMA synchronous = {level}")  # what was shown may be lost with the power
            project = cls(path, *connections)
            opened.pop_all()
            return project

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was answered is in it already."""
        with self._lock:
            self._shown.close()
            self._connection.close()

    def set_people(self, names: Sequence[str]) -> None:
        """Say who label here, from now on; who has labelled before counts, where a text needs several people.

        Raises: SettingError for a name that cannot be one, and for fewer people than a text needs.
        """
        _check_people(names)
        with self._lock, database_errors(self.path):
            all_of_them = {one.annotator for one in self.answers() if one.source == ASKED and one.annotator}.union(
                names
            )
            if self.overlap > max(1, len(all_of_them)):
                raise SettingError(
                    f"{self.path}: {self.overlap} people label each text, and known are "
                    f"{quoted(sorted(all_of_them)) or 'none'}. Name them: --annotators anna,ben."
                )
            self._remember("people", names)
            self.people = tuple(names)

    def set_documents(self, words: Sequence[str]) -> None:
        """Say what a review is of: the words of a command line that name the documents, and their columns."""
        with self._lock, database_errors(self.path):
            self._remember("documents", words)
            self.documents = tuple(words)

    def _remember(self, name: str, words: Sequence[str]) -> None:
        with self._writing():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(list(words))))

    def next_text(self, annotator: str = "", *, skip: Collection[int] = ()) -> Item | None:
        """The next text for a person, None where there is none left.

        The one they have before them already comes first, unless it is in `skip`. No two people have the same one,
        unless `overlap` asks for it. A steady share are texts to test on, drawn at random; the others are those of the
        `queue`, in its order.
        """
        _check_annotator(annotator)
        with self._lock, database_errors(self.path):
            self._refresh()
            found = self._before(annotator, skip) or self._chosen(annotator, skip)
            if found is None:
                return None
            number, why = found
        return self.item(number, why)

    def item(self, number: int, why: str = "asked for") -> Item:
        """A text by its number, with what the model says of it now. Raises SettingError where there is none."""
        text, queue = shown_text(self.text(number)), self.queue
        suggestion, words = ([], []) if queue is None else queue.suggest(text)
        return Item(number, text, why, suggestion, words)

    def text(self, number: int) -> str:
        """A text as models read it. Raises SettingError where there is none."""
        return self.texts([number])[0]

    def texts(self, numbers: Sequence[int]) -> list[str]:
        """Texts as models read them. Raises SettingError for a number that none has."""
        with self._lock, database_errors(self.path):
            found = []
            for number in numbers:
                row = None
                if 0 <= number < self.n_texts:  # SQLite takes no larger ones than 64 bits
                    row = self._connection.execute("SELECT text FROM texts WHERE id = ?", (number,)).fetchone()
                if row is None:
                    raise SettingError(f"there is no text {number}: they are 0 to {self.n_texts - 1}.")
                found.append(str(row[0]))
            return found

    def answer(
        self,
        number: int,
        labels: Sequence[str] = (),
        annotator: str = "",
        *,
        kind: str = "label",
        note: str = "",
        source: str = ASKED,
        token: str | None = None,
    ) -> None:
        """Keep what a person says of a text: it is on the disk when this returns.

        What was said before by the same person is replaced. `kind` is "label", "skip", "unsure", or "leave out" of
        training; the last three have no labels. With source "settled" it is the last word where others disagree. An
        answer with the `token` of one that is there is that one, sent again.

        Raises: SettingError for a label or a text that there is not, and for not exactly one label where a text has
        one; DataError where the file cannot be written.
        """
        _check_annotator(annotator)
        check_choice("kind", kind, ("label", "skip", "unsure", "leave out"))
        check_choice("source", source, (ASKED, SETTLED))
        if len(note) > MOST_NOTE:
            raise SettingError(f"the note has {len(note):,} characters, expected at most {MOST_NOTE:,}.")
        with self._lock, database_errors(self.path):
            self.text(number)
            with self._writing():
                numbers = self._numbers_of(labels, kind)
                why = self._connection.execute(
                    "SELECT why FROM shown WHERE text_id = ? AND annotator = ?", (number, annotator)
                ).fetchone()
                row = (number, annotator, kind, json.dumps(numbers), note, source, why[0] if why else "asked for")
                self._append(row, token)
        self.on_answer()

    def numbers_of(self, texts: Collection[str]) -> dict[str, list[int]]:
        """The numbers of the texts that read like these, of each that there is."""
        found: dict[str, list[int]] = {}
        with self._lock, database_errors(self.path):
            for number, text in self._connection.execute("SELECT id, text FROM texts ORDER BY id"):
                shown = shown_text(text)
                if shown in texts:
                    found.setdefault(shown, []).append(number)
        return found

    def take_over(self, answers: Iterable[tuple[int, str, str, Sequence[str], str]]) -> dict[str, str]:
        """Answers from elsewhere: number of a text, person, kind, labels, source. All of them are written, or none.

        Labels that are new are added; one that differs only by capitals from a label that there is, is that one. An
        answer that is there already is not written again.

        Returns: the labels that were taken for others, and these. Raises: SettingError as `answer`.
        """
        matched: dict[str, str] = {}
        with self._lock, database_errors(self.path), self._writing():
            for number, annotator, kind, labels, source in answers:
                if source != GIVEN:
                    _check_annotator(annotator)
                names = []
                for given in map(checked_name, labels):
                    names.append(self._names.like(given))
                    if names[-1] not in self._names.numbers:
                        self._connection.execute("INSERT INTO labels(name) VALUES (?)", (given,))
                        self._refresh()
                    elif names[-1] != given:
                        matched[given] = names[-1]
                numbers = self._numbers_of(names, kind)
                last = self._of(number).get((annotator, source))
                if last is None or (last.kind, self._names.of(last)) != (kind, tuple(numbers)):
                    self._append((number, annotator, kind, json.dumps(numbers), "", source, "imported"), None)
        self.on_answer()
        return matched

    def undo(self, annotator: str = "") -> Item | None:
        """Take a person's last answer back and show its text again; None where there is none. What is kept is kept."""
        _check_annotator(annotator)
        with self._lock, database_errors(self.path):
            with self._writing():
                query = f"{ANSWERS} WHERE annotator = ? ORDER BY id"
                own = list(read_answers(self._connection, self.path, self._names, query, annotator))
                undone = {answer.undoes for answer in own}
                left = [one for one in own if one.undoes is None and one.id not in undone and one.source != GIVEN]
                if not left:
                    return None
                last = left.pop()
                before = [one for one in left if (one.text_id, one.source) == (last.text_id, last.source)]
                kind, labels, note = before[-1][3:6] if before else ("undone", (), "")
                row = (last.text_id, annotator, kind, json.dumps(labels), note, last.source, last.why)
                self._append(row, None, undoes=last.id)
            self._refresh()
            self._pending[annotator] = {last.text_id: last.why} | self._pending.get(annotator, {})  # the first one
        self.on_answer()
        return replace(self.item(last.text_id, last.why), note=last.note)

    def labels(self) -> list[LabelRow]:
        """The labels, by age, with how many texts have each."""
        with self._lock:
            self._refresh()
            counts = Counter(number for labels in self._outcomes.values() for number in labels)
            keys = [*KEYS, *([None] * len(self._names.names))]
            rows = zip(self._names.names.items(), keys, strict=False)
            return [LabelRow(name, counts[number], key) for (number, name), key in rows]

    def add_label(self, name: str) -> None:
        """One more label. Raises SettingError for one that is there, or cannot be one."""
        name = checked_name(name)
        with self._lock, database_errors(self.path), self._writing():
            self._check_new(name)
            if len(self._names.names) >= MOST_LABELS:
                raise SettingError(f"there are {MOST_LABELS:,} labels already, which is as many as there may be.")
            self._connection.execute("INSERT INTO labels(name) VALUES (?)", (name,))

    def rename_label(self, name: str, new: str) -> None:
        """Call a label otherwise, in all answers.

        Raises: SettingError for a name that another label has, and for a label that the documents of a review have.
        """
        new = checked_name(new)
        with self._lock, database_errors(self.path), self._writing():
            number = self._number(name)
            self._check_not_of_review({number})
            if self._names.like(new) != name:
                self._check_new(new)
            self._connection.execute("UPDATE labels SET name = ? WHERE id = ?", (new, number))
        self.on_answer()

    def merge_labels(self, names: Sequence[str], into: str) -> None:
        """Make one label of several: all texts of `names` have the label `into`, one of them or another.

        Raises: SettingError for a label that there is not, and for one that the documents of a review have.
        """
        with self._lock, database_errors(self.path), self._writing():
            target = self._number(into)
            merged = {self._number(name) for name in names} - {target}
            self._check_not_of_review(merged)
            for number in sorted(merged):
                self._connection.execute("UPDATE labels SET merged_into = ? WHERE id = ?", (target, number))
        self.on_answer()

    def texts_of(self, name: str) -> list[int]:
        """The numbers of the texts with a label, ascending: to split it, label them again."""
        with self._lock:
            self._refresh()
            number = self._number(name)
            return sorted(text for text, labels in self._outcomes.items() if number in labels)

    def outcomes(self) -> dict[int, tuple[str, ...]]:
        """The labels of each text that is labelled, by its number."""
        with self._lock:
            self._refresh()
            names = self._names.names
            return {text: tuple(names[number] for number in labels) for text, labels in self._outcomes.items()}

    def answers(self, number: int | None = None) -> list[Said]:
        """The last answer of each person on each text, or on one. What is undone is none."""
        with self._lock:
            self._refresh()
            names = self._names
            of_texts = self._answers.items() if number is None else [(number, self._of(number))]
            return [
                Said(one.id, text, one.annotator, one.kind, tuple(names.names[n] for n in names.of(one)), *one[5:7])
                for text, answers in sorted(of_texts)
                for one in answers.values()
                if one.kind != "undone"
            ]

    def column(self, name: str) -> list[str | None]:
        """Another column of the file that the texts are from. Raises SettingError for one that there is not."""
        if name not in self.record.columns:
            raise SettingError(f"there is no column {name!r}. The columns: {quoted(list(self.record.columns))}.")
        index = self.record.columns.index(name)
        with self._lock, database_errors(self.path):
            rows = self._connection.execute("SELECT cells FROM texts ORDER BY id").fetchall()
            return [json.loads(cells)[index] for (cells,) in rows]

    def doubt(self, doubts: Iterable[tuple[int, int | None, str, float]]) -> None:
        """Labels to look at: number of a text, that of a duplicate or None, label suggested, confidence."""
        with self._lock, database_errors(self.path), self._writing():
            self._connection.executemany(
                "INSERT INTO review(text_id, other_id, suggested, confidence) VALUES (?, ?, ?, ?)", doubts
            )

    def doubts(self) -> list[tuple[int, int | None, str, float]]:
        """The labels to look at, in the order in which they should be."""
        with self._lock, database_errors(self.path):
            query = "SELECT text_id, other_id, suggested, confidence FROM review ORDER BY id"
            return list(self._connection.execute(query))

    def n_blank(self) -> int:
        """How many texts there is nothing to read in; nobody is asked for them."""
        return sum(one.annotator == FROM_FILE and one.kind == "leave out" for one in self.answers())

    def who_saw(self) -> list[tuple[int, str, str]]:
        """Number of a text, person and why, of all that was shown, first what was shown first."""
        with self._lock, database_errors(self.path):
            return list(self._shown.execute("SELECT text_id, annotator, why FROM shown ORDER BY seconds, text_id"))

    def disagreements(self) -> list[int]:
        """The numbers of texts on which people disagree and nobody had the last word, ascending."""
        with self._lock:
            self._refresh()
            return sorted(self._conflicts)

    def set_aside(self) -> list[int]:
        """The numbers of texts without a label that somebody has skipped, or is not sure of, ascending."""
        with self._lock:
            self._refresh()
            is_aside = {
                text: any(one.kind in ("skip", "unsure") for one in answers.values())
                for text, answers in self._answers.items()
            }
            return sorted(text for text, is_one in is_aside.items() if is_one and text not in self._outcomes)

    def status(self) -> Status:
        """What was done so far, how good the model is, and whether to stop."""
        counts = {row.name: row.count for row in self.labels()}
        with self._lock:
            n_labelled, estimate = len(self._outcomes), self.estimate
            sentence, may_stop = sentence_of(n_labelled, estimate)
            return Status(
                self.n_texts, n_labelled, self._kinds["skip"], self._kinds["unsure"], len(self._conflicts), counts,
                None if estimate is None else estimate.accuracy, None if estimate is None else estimate.forecast,
                sentence, may_stop,
            )  # fmt: skip

    def changes(self) -> tuple[int, object]:
        """What is another value as soon as there is another answer, or a label has become another."""
        with self._lock:
            self._refresh()
            return self._last_id, self._label_rows

    def held_out(self) -> list[int]:
        """The numbers of the labelled texts to test on, ascending: drawn from all texts, and shown for no other reason.

        Those that cannot be labelled are not in it: what is measured on it is true of texts that can.
        """
        with self._lock:
            self._refresh()
            return sorted(self._tested & self._outcomes.keys())

    def _before(self, annotator: str, skip: Collection[int]) -> tuple[int, str] | None:
        """What this person has before them: shown, and not answered; the first of it."""
        pending = self._pending.get(annotator, {}).items()
        return next(((number, why) for number, why in pending if number not in skip), None)

    def _chosen(self, annotator: str, skip: Collection[int]) -> tuple[int, str] | None:
        """A text that nobody else has, which this person has from now on."""
        for number, why in self._candidates():
            if number in skip or not self._is_free(number, annotator):
                continue
            with self._writing(self._shown):
                if not self._is_free_on_disk(number, annotator):
                    continue
                row = (number, annotator, why, time.time())
                self._shown.execute("INSERT INTO shown VALUES (?, ?, ?, ?)", row)
            self._pending.setdefault(annotator, {})[number] = why
            return number, why
        return None

    def _candidates(self) -> Iterator[tuple[int, str]]:
        """Texts in the order in which they should be shown, and why; some of them may be answered."""
        if self.overlap > 1:
            yield from ((number, "again") for number, one in self._answers.items() if 0 < len(one) < self.overlap)
        queue = self.queue
        if queue is not None and len(self._asked) >= FIRST_RANDOM:
            if is_test_due(len(self._tested), len(self._asked)):
                yield from self._drawn(for_test=True)
            yield from ((number, "uncertain") for number in queue.uncertain.tolist())
        yield from self._drawn(for_test=False)
        yield from self._drawn(for_test=True)
        yield from ((int(number), "start") for number in self.order)

    def _drawn(self, *, for_test: bool) -> Iterator[tuple[int, str]]:
        """Texts as they are drawn from all, and why they are shown."""
        order = self.test_order if for_test else self._learn_order
        while self._next[for_test] < len(order) and int(order[self._next[for_test]]) in self._answers:
            self._next[for_test] += 1
        for index in range(self._next[for_test], len(order)):
            yield int(order[index]), "random" if for_test else "start"

    def _is_free(self, number: int, annotator: str) -> bool:
        """Whether, as far as is known here, a text needs an answer of this person."""
        answers = self._of(number)
        is_own = any(name == annotator and one.kind != "undone" for (name, _), one in answers.items())
        return not is_own and self._n_done(answers) < self.overlap

    def _is_free_on_disk(self, number: int, annotator: str) -> bool:
        """The same, as all processes know it, and of those that others have before them now."""
        if not self._is_free(number, annotator):  # what the disk has was read when the transaction began
            return False
        answers, fresh = self._of(number), time.time() - LEASE_SECONDS
        has_answered = {name for (name, _), one in answers.items() if one.kind != "undone"}
        rows = self._shown.execute("SELECT annotator, seconds FROM shown WHERE text_id = ?", (number,)).fetchall()
        has_it = {name for name, seconds in rows if name not in has_answered and seconds > fresh}
        return annotator not in {name for name, _ in rows} and len(has_it) + self._n_done(answers) < self.overlap

    def _of(self, number: int) -> dict[tuple[str, str], Answer]:
        return self._answers.get(number, {})

    def _n_done(self, answers: dict[tuple[str, str], Answer]) -> int:
        """How many people have said what a text is; who has skipped it has not. A label of the file is enough."""
        if any(source != ASKED and one.kind in DECISIONS for (_, source), one in answers.items()):
            return self.overlap
        return sum(one.kind in DECISIONS for one in answers.values())

    @contextlib.contextmanager
    def _writing(self, connection: sqlite3.Connection | None = None) -> Iterator[None]:
        """A transaction: all of it is written, or nothing. Labels and answers are as they are on the disk."""
        connection = connection or self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._refresh()
            yield
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _append(self, row: tuple[Any, ...], token: str | None, *, undoes: int | None = None) -> None:
        token = uuid.uuid4().hex if token is None else token
        self._connection.execute(
            "INSERT INTO answers(text_id, annotator, kind, labels, note, source, why, seconds, token, undoes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(token) DO NOTHING",
            (*row, time.time(), token, undoes),
        )

    def _refresh(self) -> None:
        """Take over what was answered since, and what labels have become, by whichever thread or process."""
        rows = self._connection.execute("SELECT id, name, merged_into FROM labels ORDER BY id").fetchall()
        is_other, self._label_rows = rows != self._label_rows, rows
        if is_other:
            self._names = LabelNames(rows)
        given = (f"{ANSWERS} WHERE id > ? ORDER BY id", self._last_id) if self._last_id else (LAST_ANSWERS,)
        for answer in read_answers(self._connection, self.path, self._names, *given):
            self._take(answer)
        if is_other:
            for number in self._answers:
                self._settle(number)

    def _take(self, answer: Answer) -> None:
        """One more answer."""
        number, key = answer.text_id, (answer.annotator, answer.source)
        if not 0 <= number < self.n_texts:
            raise DataError(f"{self.path} is damaged (there is no text {number}). Take a copy of it that is whole.")
        self._last_id = max(self._last_id, answer.id)
        answers = self._answers.setdefault(number, {})
        if key in answers:
            self._kinds[answers[key].kind] -= 1
        answers[key] = answer
        self._kinds[answer.kind] += 1
        if answer.kind != "undone":
            self._pending.get(answer.annotator, {}).pop(number, None)
        if answer.source != GIVEN:
            of = [self._asked, self._tested] if answer.why == "random" else [self._asked]
            for numbers in of:
                (numbers.discard if answer.kind == "undone" else numbers.add)(number)
        self._settle(number)

    def _settle(self, number: int) -> None:
        """What the answers on a text come to."""
        answers = list(self._answers[number].values())
        self._outcomes.pop(number, None)
        labels = outcome(answers, self._names, is_multilabel=self.record.is_multilabel)
        if labels is not None:
            self._outcomes[number] = labels
        asked = {(one.kind, self._names.of(one)) for one in answers if one.source == ASKED and one.kind in DECISIONS}
        is_settled = any(one.source == SETTLED and one.kind != "undone" for one in answers)
        (self._conflicts.add if len(asked) > 1 and not is_settled else self._conflicts.discard)(number)

    def _numbers_of(self, labels: Sequence[str], kind: str) -> list[int]:
        """The numbers of an answer's labels. Raises SettingError for labels that an answer of this kind cannot have."""
        numbers = sorted({self._number(name) for name in labels})
        if kind != "label" and numbers:
            raise SettingError(f"the answer is {kind!r} and has labels, {quoted(list(labels))}: expected none.")
        if kind == "label" and len(numbers) != 1 and not self.record.is_multilabel:
            raise SettingError(
                f"the answer has {len(numbers)} labels, expected one, which each text of this project has."
            )
        return numbers

    def _number(self, name: str) -> int:
        if name not in self._names.numbers:
            names = list(self._names.numbers)
            raise SettingError(f"there is no label {name!r}.{did_you_mean(name, names)} The labels: {quoted(names)}.")
        return self._names.numbers[name]

    def _check_not_of_review(self, numbers: Collection[int]) -> None:
        """Raise SettingError for labels of the documents of a review: its corrections name what these have."""
        if not self.doubts():
            return
        for answers in self._answers.values():
            for one in answers.values():
                if one.source == GIVEN and (found := set(self._names.of(one)).intersection(numbers)):
                    name = self._names.names[min(found)]
                    raise SettingError(
                        f"the documents of this review have the label {name!r}, and it has to stay as they have it. "
                        f"Call it otherwise when you train: {shell_words(['--map-label', f'{name}=NEW'])}."
                    )

    def _check_new(self, name: str) -> None:
        found = self._names.like(name)
        if found in self._names.numbers:
            how = "" if found == name else f", and {name!r} differs only by capitals"
            raise SettingError(f"there is a label {found!r} already{how}. To make one of two, merge them.")


class _Filler:
    """Puts the documents of files into a new project."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        label: str | None,
        separator: str | None,
        *,
        is_multilabel: bool,
        folds: bool,
    ) -> None:
        self.connection, self.label, self.separator, self.is_multilabel = connection, label, separator, is_multilabel
        self.n_texts = self.n_blank = 0
        self.text_columns: tuple[str, ...] = ()
        self.columns: tuple[str, ...] = ()
        self.sources: list[str] = []
        names = connection.execute("SELECT name, id FROM labels")
        self.numbers: dict[str, int] = dict(names.fetchall())
        self.folds, self.folded = folds, {name.casefold(): name for name in self.numbers}
        self.matched: dict[str, str] = {}

    def add(self, block: Block, source: str) -> None:
        """The documents of a block. Raises DataError where they have not the columns of those before."""
        table, read_as = block.table, block.read_as
        text_columns = ("text",) if read_as is None else read_as.text
        others = [] if table is None else [name for name in table.columns if name not in (*text_columns, self.label)]
        answers = ("labels",) if self.is_multilabel else ("label",)
        columns = tuple(kept_name(name, others, answers) for name in others)
        if not self.n_texts:
            self.text_columns, self.columns = text_columns, columns
        elif (text_columns, set(columns)) != (self.text_columns, set(self.columns)):
            raise DataError(
                f"{source} has the columns {quoted([*text_columns, *columns])}, and what was read before has "
                f"{quoted([*self.text_columns, *self.columns])}: expected the same. Make a project of each."
            )
        texts = block.texts.to_list()
        cells = ["[]"] * len(texts)
        if table is not None and columns:
            by_name = dict(zip(columns, (table.columns[name].to_list() for name in others), strict=True))
            rows = zip(*(by_name[name] for name in self.columns), strict=True)
            cells = [json.dumps(row, ensure_ascii=False) for row in rows]
        numbers = range(self.n_texts, self.n_texts + len(texts))
        self.connection.executemany("INSERT INTO texts VALUES (?, ?, ?)", zip(numbers, texts, cells, strict=True))
        blank = {number for number, text in zip(numbers, texts, strict=True) if not shown_text(text).strip()}
        if self.label is not None:
            blank -= self._add_labels(block, source)
        self._append([(number, "leave out", "[]") for number in sorted(blank)])
        self.n_texts += len(texts)
        self.n_blank += len(blank)

    def _add_labels(self, block: Block, source: str) -> set[int]:
        """The labels that documents have already, as answers. Returns: the numbers of those that have some."""
        table, label = block.table, str(self.label)
        if table is None or label not in table.columns:
            there = "no columns" if table is None else f"the columns {quoted(list(table.columns))}"
            raise DataError(f"{source} has no column {label!r} of labels: it has {there}.")
        given: list[list[str] | None]
        if label in table.lists:
            given = table.lists[label].to_list()
        else:
            separator = self.separator or (BETWEEN_LABELS if self.is_multilabel else None)
            cells = table.columns[label].to_list()
            given = [
                None if cell is None or not cell.strip() else [cell] if separator is None else cell.split(separator)
                for cell in cells
            ]
        rows = []
        for number, names in enumerate(given, start=self.n_texts):
            if names is None:
                continue
            found = [checked_name(name) for name in names if name.strip()]
            if len(found) != 1 and not self.is_multilabel:
                where = table.location_of(number - self.n_texts)
                raise DataError(f"{source}, {where}: {len(found)} labels, expected one. For more, say --several.")
            rows.append((number, "label", json.dumps(sorted({self._number(name) for name in found}))))
        self._append(rows)
        return {number for number, _, _ in rows}

    def _append(self, answers: Iterable[tuple[int, str, str]]) -> None:
        """What the file says of texts: number, kind, labels."""
        self.connection.executemany(
            "INSERT INTO answers(text_id, annotator, kind, labels, note, source, why, seconds, token)"
            f" VALUES (?1, '{FROM_FILE}', ?2, ?3, '', '{GIVEN}', '', {time.time()}, 'given ' || ?1)",
            answers,
        )

    def _number(self, given: str) -> int:
        is_there = given in self.numbers or not self.folds
        name = given if is_there else self.folded.setdefault(given.casefold(), given)
        if name != given:
            self.matched[given] = name
        if name not in self.numbers:
            cursor = self.connection.execute("INSERT INTO labels(name) VALUES (?)", (name,))
            self.numbers[name] = int(cursor.lastrowid or 0)
        return self.numbers[name]


def shown_text(text: str) -> str:
    """A text of several columns as a person reads it, and as models of a project do."""
    return text.replace(SEPARATOR, "\n\n")


def is_test_due(n_tested: int, n_answers: int) -> bool:
    """Whether the next text is one to test on: a steady share of those after the first ones."""
    return TEST_EVERY * n_tested < n_answers + 1 - FIRST_RANDOM


def checked_name(name: str) -> str:
    """A label without blanks around it and signs that nobody sees. Raises SettingError for what cannot be one."""
    found = cleaned(name)
    if not found or len(found) > MOST_NAME or not found.isprintable():
        raise SettingError(f"{name!r:.{MOST_NAME}} cannot be a label: expected 1 to {MOST_NAME} characters.")
    return found


def _words(meta: dict[str, str], name: str) -> tuple[str, ...]:
    found = json.loads(meta.get(name, "[]"))
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise ValueError
    return tuple(found)


def _check_people(names: Sequence[str]) -> None:
    for name in names:
        _check_annotator(name)


def _check_annotator(name: str) -> None:
    if name == FROM_FILE or len(name) > MOST_ANNOTATOR or (name and not name.isprintable()):
        raise SettingError(
            f"{name!r:.{MOST_ANNOTATOR}} cannot be a person: expected a name of up to {MOST_ANNOTATOR} letters."
        )
