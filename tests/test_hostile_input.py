"""Whatever is fed to the library and the commands, there is an answer or one clear error: a table of cases.

`python tests/test_hostile_input.py` writes docs/hostile-input.md from the table.
"""

# ruff: noqa: E501 - the table has the exact words of the messages

import contextlib
import gzip
import io
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from small_corpus import small_corpus

from bywords.classifier import TextClassifier
from bywords.cli import main as cli
from bywords.errors import BywordsError
from bywords.io.readers import read_blocks, read_corpus

DOCUMENT = Path(__file__).parents[1] / "docs" / "hostile-input.md"
TEXTS, LABELS = ["moon rocket", "car engine", "moon orbit", "car oil"] * 5, ["space", "motor"] * 10


class Place:
    """A folder to write files in, and a model that tells space from motor and sport."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def model(self) -> TextClassifier:
        return model_of(Path.home())

    def file(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
        return str(path)

    def command(self, *arguments: str) -> tuple[str, str]:
        """Standard output of a command, and its error without the folder."""
        out, error = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        before, sys.argv = sys.argv, ["bywords", *arguments]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error), contextlib.suppress(SystemExit):
                cli.main()
        finally:
            sys.argv = before
        shown, said = (file.buffer.getvalue().decode() for file in (out, error))
        return shown, said.strip().replace(f"{self.folder}/", "")


_models: dict[Path, TextClassifier] = {}


def model_of(key: Path) -> TextClassifier:
    if key not in _models:
        corpus = small_corpus()
        _models[key] = TextClassifier("tfidf-nb").fit(corpus.texts, corpus.names())
    return _models[key]


# Doors: how something is fed, and what happens in a sentence.


def said(run: Callable[[], str]) -> str:
    try:
        return run()
    except BywordsError as error:
        return f"{type(error).__name__}: {error}"


def shown(label: str, all_out_of_vocabulary: bool) -> str:
    return "nothing known" if all_out_of_vocabulary else label


def predicting(texts: Any) -> Callable[[Place], str]:
    """TextClassifier.predict_documents in Python; `texts` may be a function that gives them."""

    def run(index: Place) -> str:
        found = index.model.predict_documents(texts() if callable(texts) else texts)
        names = [shown(*pair) for pair in zip(found.labels.tolist(), found.all_out_of_vocabulary.tolist(), strict=True)]
        return "answers: " + ", ".join(names) if names else "no answers"

    return lambda index: said(lambda: run(index))


def fitting(texts: Any, labels: Any) -> Callable[[Place], str]:
    """TextClassifier.fit in Python."""

    def run(_: Place) -> str:
        given_texts, given_labels = (given() if callable(given) else given for given in (texts, labels))
        fitted = TextClassifier("tfidf-nb").fit(given_texts, given_labels)
        classes = fitted.classes_.tolist()
        return (
            f"fitted: {len(classes)} classes, the first {classes[0]!r}; {fitted.summary_.n_dropped} documents dropped"
        )

    return lambda index: said(lambda: run(index))


def train(name: str, content: Any, *options: str) -> Callable[[Place], str]:
    """`bywords train FILE`; `content` is the file's, or a function that writes it."""

    def run(index: Place) -> str:
        path = content(index.folder / name) if callable(content) else index.file(name, content)
        out, error = index.command(
            "train", str(path or index.folder / name), "--system", "tfidf-nb", "--json", "--out",
            str(index.folder / "model"), *options,
        )  # fmt: skip
        if not out:
            return error
        told = json.loads(out)
        n_documents = told["n_train"] + told["n_valid"] + told["n_test"]
        return f"trained: {n_documents} documents, {len(told['test']['per_class'])} classes" + (error and f". {error}")

    return run


def predict(name: str, content: Any, *options: str) -> Callable[[Place], str]:
    """`bywords predict MODEL FILE`."""

    def run(index: Place) -> str:
        path = content(index.folder / name) if callable(content) else index.file(name, content)
        index.model.save(index.folder / "model")
        out, error = index.command("predict", str(index.folder / "model"), str(path or index.folder / name), *options)
        rows = [json.loads(line) for line in out.splitlines()]
        answers = "answers: " + ", ".join(shown(row["label"], row["all_out_of_vocabulary"]) for row in rows)
        return ". ".join(filter(None, [answers if rows else "", *error.splitlines()])) or "no answers"

    return run


def showing(
    *words: str, labels: Sequence[str] = LABELS, name: str = "x.csv", column: str = "text"
) -> Callable[[Place], str]:
    """The first line of a command that has what is to be shown in it; FILE is a file of texts, MODEL a model of it."""

    def run(index: Place) -> str:
        pairs = [[text, label] for text, label in zip(TEXTS, labels, strict=True)]
        path, model = index.folder / name, index.folder / "model"
        pl.DataFrame(pairs, schema=[column, "label"], orient="row").write_csv(path)
        asked = [{"FILE": str(path), "MODEL": str(model), "OUT": str(model)}.get(word, word) for word in words]
        if "MODEL" in words:
            index.command("train", str(path), "--system", "tfidf-nb", "--out", str(model))
        out, error = index.command(*asked)
        lines = [line.strip() for line in [*out.split("\n"), *error.split("\n")]]
        line = next(line for line in lines if re.search(r"[\\$]|^error", line)).replace(f"{index.folder}/", "")
        line = line.split("  ")[0]
        return line if len(line) < 120 else f"{line[:70]}…"

    return run


def parquet(columns: dict[str, Any]) -> Callable[[Path], None]:
    return lambda path: pl.DataFrame(columns).write_parquet(path)


def parquet_cut_off(path: Path) -> None:
    pl.DataFrame({"text": TEXTS, "label": LABELS}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])


def rows(pairs: list[tuple[str, str]], header: str = "text,label\n", end: str = "\n") -> str:
    return header.replace("\n", end) + "".join(f"{text},{label}{end}" for text, label in pairs)


PAIRS = list(zip(TEXTS, LABELS, strict=True))
GOOD = rows(PAIRS)


@dataclass(frozen=True)
class Case:
    """What is fed, through which door, and what happens."""

    name: str
    door: str
    run: Callable[[Place], str]
    happens: str


TEXT, LABEL, FILE, TABLE = "predict in Python", "fit in Python", "bywords predict", "bywords train"
SHOWN = "what is shown"


class Column:
    """A sequence that is no list and has no truth value."""

    def __init__(self, values: list[str]) -> None:
        self.values = values

    def __iter__(self) -> Any:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __bool__(self) -> bool:
        raise ValueError("the truth value is ambiguous")


CASES = [
    # Texts.
    Case("an empty text", TEXT, predicting([""]), "answers: nothing known"),
    Case("only spaces, tabs and new lines", TEXT, predicting([" \t\n"]), "answers: nothing known"),
    Case("only unknown words", TEXT, predicting(["qqq zzz"]), "answers: nothing known"),
    Case("one character", TEXT, predicting(["m"]), "answers: nothing known"),
    Case("no texts", TEXT, predicting([]), "no answers"),
    Case("10 MB of many words in one text", TEXT, predicting(lambda: ["moon rocket " * 900_000]), "answers: space"),
    Case("10 MB of one word in one text", TEXT, predicting(lambda: ["m" * 10_000_000]), "answers: nothing known"),
    Case(
        "zero bytes between and within words",
        TEXT,
        predicting(["moon\0rocket\0", "mo\0on"]),
        "answers: space, nothing known",
    ),
    Case("half of a surrogate pair", TEXT, predicting(["moon \ud83d rocket"]), "answers: space"),
    Case("mixed new lines", TEXT, predicting(["moon\r\nrocket\rorbit\nnasa"]), "answers: space"),
    Case("text from right to left", TEXT, predicting(["القمر moon צ'יריק", "שלום"]), "answers: space, nothing known"),
    Case(
        "combining marks, and a hundred of them on a letter",
        TEXT,
        predicting(["e\u0301", "e" + "\u0301" * 100]),
        "answers: nothing known, nothing known",
    ),
    Case(
        "emoji: joined, flags, skin tones",
        TEXT,
        predicting(["moon 👨‍👩‍👧 🇩🇪 👍🏽", "👨‍👩‍👧"]),
        "answers: space, nothing known",
    ),
    Case("a byte order mark within a text", TEXT, predicting(["\ufeffmoon rocket"]), "answers: space"),
    Case(
        "None among the texts",
        TEXT,
        predicting(["moon", None]),
        "DataError: text 1 is None of type NoneType, expected a string.",
    ),
    Case(
        "NaN among the texts",
        TEXT,
        predicting(["moon", float("nan")]),
        "DataError: text 1 is nan of type float, expected a string.",
    ),
    Case(
        "bytes among the texts",
        TEXT,
        predicting([b"moon"]),
        "DataError: text 0 is b'moon' of type bytes, expected a string.",
    ),
    Case(
        "an integer among the texts",
        TEXT,
        predicting(["moon", 7]),
        "DataError: text 1 is 7 of type int, expected a string.",
    ),
    Case(
        "a list among the texts",
        TEXT,
        predicting([["moon", "rocket"]]),
        "DataError: text 0 is ['moon', 'rocket'] of type list, expected a string. Of lists of tokens, say tokenizer=\"given\".",
    ),
    Case(
        "one string instead of a list of them",
        TEXT,
        predicting("moon rocket"),
        "DataError: expected a sequence of texts, found one text. Put it into a list.",
    ),
    Case(
        "a numpy array of objects", TEXT, predicting(np.array(["moon", "car"], dtype=object)), "answers: space, motor"
    ),
    Case("a numpy array of strings", TEXT, predicting(np.array(["moon", "car"])), "answers: space, motor"),
    Case(
        "a numpy array of two dimensions",
        TEXT,
        predicting(np.array([["moon", "car"]])),
        "DataError: expected one column of texts, found an array of the shape (1, 2). Choose one column.",
    ),
    Case("a polars column of strings", TEXT, predicting(pl.Series(["moon", "car"])), "answers: space, motor"),
    Case(
        "a polars column with a null",
        TEXT,
        predicting(pl.Series(["moon", None])),
        "DataError: text 1 is missing. Drop the row, or give it an empty text.",
    ),
    Case(
        "a column that is counted by its index, as those of pandas are",
        TEXT,
        predicting(Column(["moon", "car"])),
        "answers: space, motor",
    ),
    Case(
        "a number instead of texts",
        TEXT,
        predicting(7),
        "DataError: expected a sequence of texts, found int. Put them into a list.",
    ),
    Case(
        "a polars column of numbers",
        TEXT,
        predicting(pl.Series([1, 2])),
        "DataError: expected texts, found a column of Int64.",
    ),
    # Labels.
    Case(
        "labels that are integers",
        LABEL,
        fitting(TEXTS, [3, 1] * 10),
        "fitted: 2 classes, the first 1; 0 documents dropped",
    ),
    Case(
        "labels that are booleans",
        LABEL,
        fitting(TEXTS, [True, False] * 10),
        "fitted: 2 classes, the first False; 0 documents dropped",
    ),
    Case(
        "labels that are whole floats",
        LABEL,
        fitting(TEXTS, [1.0, 2.0] * 10),
        "fitted: 2 classes, the first 1.0; 0 documents dropped",
    ),
    Case(
        "labels that are amounts",
        LABEL,
        fitting(TEXTS, [0.5, 1.5] * 10),
        "DataError: Unknown label type: continuous. The training label of document 0 (counted from 0) is 0.5, which is "
        "an amount, not a class. If it is the name of a class, make a string of it.",
    ),
    Case(
        "a label that is None",
        LABEL,
        fitting(TEXTS, [LABELS[0], None, *LABELS[2:]]),
        "DataError: the training label of document 1 (counted from 0) is missing: None. Give it a label, or leave the "
        "document out.",
    ),
    Case(
        "a label that is NaN",
        LABEL,
        fitting(TEXTS, [LABELS[0], float("nan"), *LABELS[2:]]),
        "DataError: the training label of document 1 (counted from 0) is missing: nan. Give it a label, or leave the "
        "document out.",
    ),
    Case(
        "labels that are strings and numbers",
        LABEL,
        fitting(TEXTS, ["a", 1] * 10),
        "DataError: the training labels are of several types, int and str: expected one. Make strings of all.",
    ),
    Case(
        "a label with half of a surrogate pair",
        LABEL,
        fitting(TEXTS, ["a\ud83d", "b"] * 10),
        "DataError: the training label of document 0 (counted from 0), 'a\\ud83d', has half of a surrogate pair in it, "
        "which is no character. Correct it.",
    ),
    Case(
        "labels of two dimensions",
        LABEL,
        fitting(TEXTS, np.array([LABELS, LABELS]).T),
        "DataError: a table of training labels holds <U5, expected 0 and 1, a column for each label.",
    ),
    Case(
        "a label for some of the texts only",
        LABEL,
        fitting(TEXTS, LABELS[:3]),
        "DataError: 20 training texts and 3 labels: expected as many.",
    ),
    Case(
        "labels with spaces, commas, new lines",
        LABEL,
        fitting(TEXTS, ["a, b", "c\nd"] * 10),
        "fitted: 2 classes, the first 'a, b'; 0 documents dropped",
    ),
    Case(
        "one class only",
        LABEL,
        fitting(TEXTS, ["a"] * 20),
        "DataError: there is one class only, 'a': expected at least two to tell apart.",
    ),
    Case(
        "a class of one document",
        LABEL,
        fitting([*TEXTS, "goal team"], [*LABELS, "sport"]),
        "fitted: 3 classes, the first 'motor'; 0 documents dropped",
    ),
    Case(
        "10,000 classes",
        LABEL,
        fitting(
            lambda: ["moon rocket"] * 20 + [f"word{n} moon" for n in range(9_999)],
            lambda: ["c00000"] * 20 + [f"c{n + 1:05}" for n in range(9_999)],
        ),
        "fitted: 10000 classes, the first 'c00000'; 0 documents dropped",
    ),
    Case(
        "every document in a class of its own",
        LABEL,
        fitting(["moon", "car", "goal"], ["a", "b", "c"]),
        "DataError: too few documents to hold one out for validation: no class has two different texts. Add documents.",
    ),
    Case(
        "no documents",
        LABEL,
        fitting([], []),
        "DataError: none of the 0 training documents has a word. Check the text column.",
    ),
    Case(
        "more texts than labels",
        LABEL,
        fitting(TEXTS, LABELS[:-1]),
        "DataError: 20 training texts and 19 labels: expected as many.",
    ),
    Case(
        "no text has a word",
        LABEL,
        fitting(["", " "] * 10, LABELS),
        "DataError: none of the 20 training documents has a word. Check the text column.",
    ),
    Case(
        "all documents alike",
        LABEL,
        fitting(["moon rocket"] * 20, LABELS),
        "fitted: 2 classes, the first 'motor'; 0 documents dropped",
    ),
    Case(
        "contradictory labels on like documents",
        LABEL,
        fitting(["moon", "moon"] * 10, ["a", "b"] * 10),
        "fitted: 2 classes, the first 'a'; 0 documents dropped",
    ),
    Case(
        "None among the texts to learn from",
        LABEL,
        fitting([None, *TEXTS[1:]], LABELS),
        "DataError: text 0 is None of type NoneType, expected a string.",
    ),
    # Tables to learn from.
    Case("a well-formed file", TABLE, train("x.csv", GOOD), "trained: 20 documents, 2 classes"),
    Case(
        "a byte order mark, and lines that end in CR LF",
        TABLE,
        train("x.csv", "\ufeff" + rows(PAIRS, end="\r\n")),
        "trained: 20 documents, 2 classes",
    ),
    Case(
        "lines that end in CR alone", TABLE, train("x.csv", rows(PAIRS, end="\r")), "trained: 20 documents, 2 classes"
    ),
    Case(
        "zero bytes in a text",
        TABLE,
        train("x.csv", GOOD.replace("rocket", "roc\0ket")),
        "trained: 20 documents, 2 classes",
    ),
    Case(
        "UTF-16",
        TABLE,
        train("x.csv", GOOD.encode("utf-16")),
        "trained: 20 documents, 2 classes. Note: x.csv is read as UTF-16, by its first bytes.",
    ),
    Case(
        "Latin-1",
        TABLE,
        train("x.csv", GOOD.replace("oil", "öl").encode("latin-1")),
        "error: x.csv, line 5: the byte 0xf6 at offset 67 is not UTF-8. It is likeliest cp1252, in which this "
        "reads 'öl': say --encoding cp1252, or save the file as UTF-8. Or leave such rows out: "
        "--bad-rows skip.",
    ),
    Case(
        "a binary file called .csv",
        TABLE,
        train("x.csv", bytes(range(256)) * 4),
        "error: x.csv, line 2: the byte 0x80 at offset 128 is not UTF-8. It has zero bytes too, so that it is "
        "perhaps no text: check what kind of file it is. Or leave such rows out: --bad-rows skip.",
    ),
    Case(
        "a row with too many fields",
        TABLE,
        train("x.csv", GOOD + "a,b,c\n"),
        (
            "error: x.csv, line 22: expected 2 fields as in the first line, found 3. Put a field with ',' or a "
            "new line in it into double quotes. Or leave such rows out: --bad-rows skip."
        ),
    ),
    Case(
        "a row with too few fields",
        TABLE,
        train("x.csv", GOOD + "a\n"),
        (
            "error: x.csv, line 22: expected 2 fields as in the first line, found 1. Put a field with ',' or a "
            "new line in it into double quotes. Or leave such rows out: --bad-rows skip."
        ),
    ),
    Case(
        "a quote that is not closed",
        TABLE,
        train("x.csv", 'text,label\n"a,b\n' + rows(PAIRS, "")),
        (
            "error: x.csv, line 2: the quotes of the row that starts here are not closed as they should be "
            "(unexpected end of data). Put a field in double quotes as a whole, and write a quote inside of it "
            "twice. Or leave such rows out: --bad-rows skip."
        ),
    ),
    Case(
        "a label that is missing",
        TABLE,
        train("x.csv", GOOD + "moon,\n"),
        (
            "error: x.csv, line 22: the label (column 'label') is missing. Give each document a label, or take "
            "the row out. Or leave such rows out: --bad-rows skip."
        ),
    ),
    Case(
        "two columns of one name",
        TABLE,
        train("x.csv", rows(PAIRS, "text,text\n")),
        "error: x.csv, line 1: two columns are called 'text'. Give each column its own name.",
    ),
    Case(
        "no header",
        TABLE,
        train("x.csv", rows(PAIRS, "")),
        (
            "error: x.csv: cannot tell which column is the text and which the label. Its columns: 'column_1', "
            "'column_2' (if its first line is a document, add one above it with their names). Say --text NAME "
            "--label NAME."
        ),
    ),
    Case(
        "a header and no rows",
        TABLE,
        train("x.csv", "text,label\n"),
        "error: x.csv has a first line with the names of columns ('text', 'label') and no rows below it.",
    ),
    Case(
        "an empty file",
        TABLE,
        train("x.csv", ""),
        "error: x.csv is empty: expected a first line with the names of the columns, then one row a document.",
    ),
    Case(
        "numbers as texts",
        TABLE,
        train("x.csv", rows([(f"{number:03}", "ab"[number % 2]) for number in range(20)])),
        "trained: 20 documents, 2 classes",
    ),
    Case(
        "one class only",
        TABLE,
        train("x.csv", rows([("moon", "a"), ("car", "a")])),
        (
            "error: x.csv has one class only, 'a': a classifier needs at least two. Check that the right column is "
            "read as label."
        ),
    ),
    Case(
        "a line of 10 MB",
        TABLE,
        train("x.csv", GOOD + f"{'moon ' * 2_000_000},space\n"),
        "trained: 21 documents, 2 classes",
    ),
    Case(
        "a CSV that ends within quotes",
        TABLE,
        train("x.csv", GOOD + '"moon rock'),
        (
            "error: x.csv, line 22: the quotes of the row that starts here are not closed as they should be "
            "(unexpected end of data). Put a field in double quotes as a whole, and write a quote inside of it "
            "twice. Or leave such rows out: --bad-rows skip."
        ),
    ),
    Case(
        "a CSV that ends within a row",
        TABLE,
        train("x.csv", GOOD + "moon rock"),
        (
            "error: x.csv, line 22: expected 2 fields as in the first line, found 1. Put a field with ',' or a "
            "new line in it into double quotes. Or leave such rows out: --bad-rows skip."
        ),
    ),
    Case(
        "a list in the label column of some rows",
        TABLE,
        train("x.jsonl", '{"text": "a", "label": "p"}\n{"text": "b", "label": ["q"]}\n'),
        (
            "error: x.jsonl, line 2: 'label' holds a list or an object, expected one label in each row, or a list "
            "of labels in each. Change the rows that are not so, or name other columns."
        ),
    ),
    Case(
        "a JSON line that is no object",
        TABLE,
        train("x.jsonl", '{"text": "a", "label": "p"}\n[1]\n'),
        (
            'error: x.jsonl, line 2: expected a JSON object, found list. Write each line as in {"text": "...", '
            '"label": "..."}. Or leave such rows out: --bad-rows skip.'
        ),
    ),
    Case(
        "a JSON line that ends in the middle",
        TABLE,
        train("x.jsonl", '{"text": "a", "label": "p"}\n{"text": "b'),
        (
            "error: x.jsonl, line 2: this is not JSON (Unterminated string starting at: line 1 column 10 (char "
            '9)). Expected one object a line, as in {"text": "...", "label": "..."}. Or leave such rows out: '
            "--bad-rows skip."
        ),
    ),
    Case(
        "JSON in 100,000 brackets",
        TABLE,
        train("x.jsonl", '{"text": ' + "[" * 100_000 + "\n"),
        (
            "error: x.jsonl, line 1: this is not JSON (maximum recursion depth exceeded while decoding a JSON "
            'array from a unicode string). Expected one object a line, as in {"text": "...", "label": "..."}. Or '
            "leave such rows out: --bad-rows skip."
        ),
    ),
    Case(
        "NaN as a label",
        TABLE,
        train("x.jsonl", '{"text": "a", "label": "p"}\n{"text": "b", "label": NaN}\n'),
        (
            "error: x.jsonl, line 2: the label (column 'label') is missing. Give each document a label, or take "
            "the row out. Or leave such rows out: --bad-rows skip."
        ),
    ),
    Case(
        "a text that is a list",
        TABLE,
        train("x.jsonl", '{"text": ["a"], "label": "p"}\n'),
        (
            "error: x.jsonl, line 1: 'text' holds a list or an object, expected a text. Change the rows that are "
            "not so, or name other columns. If these are the tokens of each text, say --text text."
        ),
    ),
    Case(
        "labels in Parquet that are floats with a NaN",
        TABLE,
        train("x.parquet", parquet({"text": ["a", "b"], "label": [1.0, float("nan")]})),
        (
            "error: x.parquet, row 1 (counted from 0): the label (column 'label') is missing. Give each document "
            "a label, or take the row out. Or leave such rows out: --bad-rows skip."
        ),
    ),
    Case(
        "Parquet without rows",
        TABLE,
        train("x.parquet", parquet({"text": [], "label": []})),
        "error: x.parquet is empty: it has 2 columns and no rows.",
    ),
    Case(
        "Parquet that ends in the middle",
        TABLE,
        train("x.parquet", parquet_cut_off),
        (
            "error: x.parquet: this cannot be read as Parquet (parquet: File out of specification: The file must "
            "end with PAR1 or PARE). Copy or write the file again."
        ),
    ),
    Case(
        "a gzip file that ends in the middle",
        TABLE,
        train("x.csv.gz", gzip.compress(GOOD.encode(), mtime=0)[:-9]),
        (
            "error: x.csv.gz: the compressed data is damaged or cut off (Compressed file ended before the "
            "end-of-stream marker was reached). Expected a whole .gz file: copy or download it again."
        ),
    ),
    Case(
        "a file called .gz that is none",
        TABLE,
        train("x.csv.gz", GOOD),
        (
            "error: x.csv.gz: the compressed data is damaged or cut off (Not a gzipped file (b'te')). Expected a "
            "whole .gz file: copy or download it again."
        ),
    ),
    Case(
        "a file that is not there",
        TABLE,
        train("x.csv", lambda path: None),
        (
            "error: x.csv: there is no such file or folder, and no data set of this name. The data sets are "
            "'20newsgroups', '20newsgroups-6', '20newsgroups-full', 'imdb'."
        ),
    ),
    Case(
        "a folder without class folders",
        TABLE,
        train("x", lambda path: path.mkdir()),
        "error: x has no folders in it: expected one folder a class, one file a document.",
    ),
    Case(
        "__label__ without a name",
        TABLE,
        train("x.txt", "__label__a moon\n__label__ car\n"),
        "error: x.txt, line 2: expected a label, as in '__label__pos a fine film', found none. Or leave such "
        "rows out: --bad-rows skip.",
    ),
    Case(
        "plain lines without labels",
        TABLE,
        train("x.txt", "moon\ncar\n"),
        (
            "error: x.txt: this is not a format with labels that can be read. Expected .csv, .tsv, .jsonl, .json, "
            ".parquet, .xlsx, lines that start with __label__, or a folder with one folder a class. If its labels "
            "start in another way than __label__, say --label-prefix."
        ),
    ),
    # Files to label.
    Case(
        "an empty line among others",
        FILE,
        predict("x.txt", "moon rocket\n\ncar oil\n"),
        "answers: space, nothing known, motor",
    ),
    Case("an empty file of lines", FILE, predict("x.txt", ""), "no answers"),
    Case(
        "zero bytes, and lines that end in CR LF",
        FILE,
        predict("x.txt", "moon\0 rocket\r\ncar oil\r\n"),
        "answers: space, motor",
    ),
    Case(
        "Latin-1 in the third line",
        FILE,
        predict("x.txt", "moon\ncar\ncaf\xe9\n".encode("latin-1")),
        "error: x.txt, line 3: the byte 0xe9 at offset 12 is not UTF-8. It is likeliest cp1252, in which this "
        "reads 'café': say --encoding cp1252, or save the file as UTF-8. Or leave such rows out: --bad-rows "
        "skip.",
    ),
    Case(
        "Latin-1 in the third line, skipped",
        FILE,
        predict("x.txt", "moon\ncar\ncaf\xe9\n".encode("latin-1"), "--bad-rows", "skip"),
        (
            "answers: space, motor. Skipped 1 row that could not be read; the first is line 3: the byte 0xe9 is not "
            "UTF-8."
        ),
    ),
    Case(
        "a row with too few fields",
        FILE,
        predict("x.csv", "text,n\nmoon,1\nx\ncar,2\n"),
        (
            "error: x.csv, line 3: expected 2 fields as in the first line, found 1. Put a field with ',' or a new "
            "line in it into double quotes. Or leave such rows out: --bad-rows skip."
        ),
    ),
    Case(
        "a row with too few fields, skipped",
        FILE,
        predict("x.csv", "text,n\nmoon,1\nx\ncar,2\n", "--bad-rows", "skip"),
        (
            "answers: space, motor. text: text · not read: n. Skipped 1 row that could not be read; the first is line 3: expected 2 fields as "
            "in the first line, found 1. Put a field with ',' or a new line in it into double quotes."
        ),
    ),
    Case(
        "a quote that is not closed, skipped",
        FILE,
        predict("x.csv", 'text,n\nmoon,1\n"x,1\ncar,2\n', "--bad-rows", "skip"),
        (
            "answers: space, motor. text: text · not read: n. Skipped 1 row that could not be read; the first is line 3: the quotes of the "
            "row that starts here are not closed as they should be (unexpected end of data). Put a field in double "
            "quotes as a whole, and write a quote inside of it twice."
        ),
    ),
    Case(
        "half of a surrogate pair in JSON",
        FILE,
        predict("x.jsonl", '{"text": "moon \\ud83d"}\n'),
        "answers: space. text: text",
    ),
    Case(
        "a text that is null, and one that is missing",
        FILE,
        predict("x.jsonl", '{"text": null}\n{"n": 1}\n{"text": "car"}\n'),
        "answers: nothing known, nothing known, motor. text: text · not read: n",
    ),
    Case(
        "a document without a header in a CSV",
        FILE,
        predict("x.csv", "moon rocket and more\n"),
        "error: x.csv has a first line with the names of columns ('moon rocket and more') and no rows below it.",
    ),
    Case(
        "a column that is not there",
        FILE,
        predict("x.csv", "review,n\nmoon,1\n", "--text", "reviews"),
        (
            "error: x.csv has no column 'reviews'. Did you mean 'review'? Its columns: 'review', 'n'. Name one of "
            "these with --text and --label."
        ),
    ),
    Case(
        "a folder",
        FILE,
        predict("x", lambda path: path.mkdir()),
        "error: x is a folder, expected a file: a table, or one document a line.",
    ),
    Case(
        "a file that is not there",
        FILE,
        predict("x.txt", lambda path: None),
        "error: x.txt: there is no such file. Check the path, or give a text of more than one word.",
    ),
    Case(
        "a gzip file that ends in the middle",
        FILE,
        predict("x.txt.gz", gzip.compress(b"moon\n" * 100, mtime=0)[:-9]),
        (
            "error: x.txt.gz: the compressed data is damaged or cut off (Compressed file ended before the "
            "end-of-stream marker was reached). Expected a whole .gz file: copy or download it again."
        ),
    ),
    Case(
        "the columns of the answers in the file",
        FILE,
        predict("x.csv", "text,label,probability\nmoon,q,7\n"),
        "answers: space. text: text · not read: label, probability",
    ),
    # What is shown.
    Case(
        "a file whose name clears the screen and has a line end in it",
        SHOWN,
        showing("info", "\x1b[2J\nerror: x"),
        "error: \\u001b[2J\\nerror: x: there is no such folder. Give the one that was named when training.",
    ),
    Case(
        "a file whose name is no Unicode",
        SHOWN,
        showing("info", "caf\udce9"),
        "error: caf\\udce9: there is no such folder. Give the one that was named when training.",
    ),
    Case(
        "a system whose name names the window",
        SHOWN,
        showing("train", "FILE", "--system", "\x1b]0;x\x07"),
        "error: there is no system '\\x1b]0;x\\x07'. The systems are auto, dan, d…",
    ),
    Case(
        "a label that hides what follows",
        SHOWN,
        showing("explain", "MODEL", "moon", labels=["space\x1b[8m", "motor"] * 10),
        "space\\u001b[8m (73.2%); the others: motor 26.8%.",
    ),
    Case(
        "a label of C1 signs in JSON",
        SHOWN,
        showing("explain", "MODEL", "moon", "--json", labels=["space\x9b8m", "motor"] * 10),
        '{"text": "moon", "predicted": "space\\u009b8m", "explained": "space\\u00…',
    ),
    Case(
        "a column that turns the direction of writing",
        SHOWN,
        showing("train", "FILE", "--text", "n", column="\u202etext"),
        "error: x.csv has no column 'n'. Its columns: '\\u202etext', 'label'. Name one of these with --text and --label.",
    ),
    Case(
        "a text that overwrites its line",
        SHOWN,
        showing("explain", "MODEL", "moon\r\x1b[K rocket"),
        "moon[+0.30]\\u000d\\u001b[K rocket[+0.36]",
    ),
    Case(
        "a command to type next, with a file that has a command in its name",
        SHOWN,
        showing("train", "FILE", "--system", "tfidf-nb", "--out", "OUT", name="$(reboot).csv"),
        "bywords audit '$(reboot).csv'",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.door}: {case.name}")
def test_there_is_an_answer_or_one_clear_error(case, tmp_path):
    assert case.run(Place(tmp_path)) == case.happens


def test_the_document_is_the_table():
    assert DOCUMENT.read_text(encoding="utf-8") == written(), "run python tests/test_hostile_input.py"


OF_SHOWN = (
    "Sentences, tables and JSON have `\\uXXXX` for control signs and for what turns the direction of writing, in a pipe too;",
    "data, the answers of `predict`, is byte for byte as it is, but on a terminal. A command ends with 0; with 2 and one line",
    "for what is wrong with what it was given, or with the system; with 130 after Ctrl-C, 143 after SIGTERM; with 141 and no",
    "word where nobody reads its output any more; with 1, a traceback and a line for a fault of bywords. Asserted in `tests/test_shown.py`.",
    "",
)


def written() -> str:
    """The document."""
    parts = [
        "# What happens to hostile input\n",
        "Whatever is fed to the library or a command, there is an answer or one clear error: which file and line or which",
        "argument, what was expected, what to do. This is the table of `tests/test_hostile_input.py`, which asserts each",
        "row; `python tests/test_hostile_input.py` writes it. The model of the predictions tells space from motor and sport.",
    ]
    titles = {
        TEXT: "Texts: `TextClassifier.predict` in Python",
        LABEL: "Texts and labels: `TextClassifier.fit` in Python",
        TABLE: "Files to learn from: `bywords train`",
        FILE: "Files to label: `bywords predict`",
        SHOWN: "Names, labels and texts on a terminal",
    }
    for door, title in titles.items():
        parts += [f"\n## {title}\n", *(OF_SHOWN if door == SHOWN else ()), "| fed | what happens |", "|---|---|"]
        parts += [f"| {case.name} | {_cell(case.happens)} |" for case in CASES if case.door == door]
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"([|*<>_`])", r"\\\1", text)


# Any text, any bytes.


@given(st.lists(st.text(), max_size=4))
def test_any_texts_get_answers(texts):
    found = model_of(Path.home()).predict_documents(texts)
    assert len(found.labels) == len(texts)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)


def test_composed_and_decomposed_characters_are_the_same():
    corpus = ["café über naïve", "moon rocket orbit"] * 10
    fitted = TextClassifier("tfidf-nb").fit(corpus, ["a", "b"] * 10)
    both = [unicodedata.normalize(form, "café naïve") for form in ("NFC", "NFD")]
    assert both[0] != both[1]
    np.testing.assert_array_equal(*fitted.predict_proba(both))


pieces = st.sampled_from(
    [b"text", b"label", b",", b'"', b"\n", b"\r", b"\t", b";", b"\x00", b"\xff", b"\xef\xbb\xbf", b"a", b"\xc3\xa9", b"{", b"}",
     b'{"text": "a", "label": "b"}', b'"text"', b":", b"[", b"]", b"1", b"null", b"NaN", b"\\ud83d", b"__label__", b" "]
)  # fmt: skip
contents = st.binary(max_size=60) | st.lists(pieces, max_size=30).map(b"".join)


@given(contents, st.sampled_from([".csv", ".tsv", ".jsonl", ".txt", ".parquet", ".csv.gz", ".jsonl.xz"]), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@example(b'"\x80', ".tsv", True)
def test_any_bytes_are_read_or_refused(tmp_path, content, ending, is_skipping):
    path = tmp_path / f"any{ending}"
    path.write_bytes(content)
    with contextlib.suppress(BywordsError):
        corpus = read_corpus(path, bad_rows="skip" if is_skipping else "fail")
        assert len(corpus.labels) == len(corpus.texts) == len(corpus.rows)
    with contextlib.suppress(BywordsError):
        for block in read_blocks(path, block_bytes=7):
            assert block.texts.null_count() == 0


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        DOCUMENT.write_text(written(), encoding="utf-8")
