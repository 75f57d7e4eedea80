"""What columns, labels, texts and options mean, and what happens: the part of the table of inputs that is no file.

`data_cases.py` has the files; `test_data.py` asserts both and docs/data.md shows them.
"""

# ruff: noqa: E501 - the table has the exact words of the messages

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from data_cases import COLUMNS, ESTIMATOR, HONEST, LABELS, OPTIONS, TEXTS, Case, as_options, command, told
from sklearn.ensemble import BaggingClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from small_corpus import small_corpus
from test_columns_contract import rows
from test_groups import copies
from test_normalization import ROWS, SAME, tokens_of
from test_options import hard

from bywords.classifier import TextClassifier
from bywords.data.columns import SideColumn
from bywords.data.groups import groups_of
from bywords.data.label_names import remarks_on_labels
from bywords.errors import BywordsError
from bywords.io.datasets import load_dataset
from bywords.io.readers import read_corpus
from bywords.systems import SYSTEMS

TRAIN, TEST = small_corpus(), small_corpus(60, seed=1)
NB, SVC = ["--system", "tfidf-nb"], ["--system", "tfidf-svc"]


def columns(kind: str, frame: Any, happens: str, **asked: Any) -> Case:
    """The columns that are read of a table."""
    table = pl.DataFrame(frame)
    first = " | ".join(f"{name}: {str(value)[:40] or '(empty)'}" for name, value in table.row(0, named=True).items())

    def run(_: Path) -> str:
        table.write_csv("x.csv")
        return told(lambda: read_corpus("x.csv", **asked).read_as.described())

    named = {"column" if name == "side" else name: value for name, value in asked.items()}
    return Case(COLUMNS, kind, f"{first} {_repeated(named)}".strip(), run, happens)


def _repeated(named: dict[str, Any]) -> str:
    """Options with a value each."""
    pairs = [(name, one) for name, given in named.items() for one in ([given] if isinstance(given, str) else given)]
    return " ".join(as_options({name: value}) for name, value in pairs)


def side(kind: str, values: list[str | None], happens: str, *, new: Sequence[str | None] = ()) -> Case:
    """The tokens that a column beside the text becomes: of `new` values, or of those it was fitted to."""

    def run(_: Path) -> str:
        fitted = SideColumn.fit(pl.Series("x", values, dtype=pl.String))
        parts = fitted.tokens(pl.Series("x", new or values, dtype=pl.String))
        return " · ".join(" + ".join(filter(None, row)) for row in zip(*parts, strict=True))

    shown = values if len(values) < 9 else [*values[:3], "…", values[-1]]
    example = f"x: {', '.join(value or '(missing)' for value in shown)}"
    if new:
        example += f"; then {', '.join(value or '(missing)' for value in new)}"
    return Case(COLUMNS, kind, example, run, happens)


def ran(
    area: str, kind: str, tables: dict[str, Any], commands: Sequence[str], pick: str, happens: str, *, example: str = ""
) -> Case:
    """Commands, of whose last one the parts of what it says are shown that match `pick`."""

    def run(_: Path) -> str:
        for name, frame in tables.items():
            pl.DataFrame(frame).write_csv(name)
        *before, last = [line.split() for line in commands]
        for arguments in before:
            command(*arguments)
        return " · ".join(re.findall(pick, command(*last), re.MULTILINE)) or "nothing is said"

    return Case(area, kind, example or "; ".join(commands), run, happens)


def right(kind: str, example: str, frame: Any, new: Any, options: str, happens: str) -> Case:
    """How many of a table's rows a model is right about that was trained on another's."""

    def run(_: Path) -> str:
        pl.DataFrame(frame).write_csv("q.csv")
        pl.DataFrame(new).write_csv("new.csv")
        command("train", "q.csv", *options.split(), *SVC, "--out", "m")
        said = command("predict", "m", "new.csv", "--out", "o.csv").splitlines()
        answers = pl.read_csv("o.csv")
        n_right = (answers["label"] == pl.Series([row[options.split()[-1]] for row in frame])).sum()
        return f"{n_right} of {len(answers)} right: {said[0]}"

    return Case(COLUMNS, kind, example, run, happens)


def label(kind: str, labels: list[str], happens: str, *, each: int = 4, **options: Any) -> Case:
    """The classes of a column of labels, each of some documents, and what is said of them."""

    def run(_: Path) -> str:
        texts = [f"text {n}" for n in range(each * len(labels))]
        pl.DataFrame({"text": texts, "label": labels * each}).write_csv("x.csv")

        def read() -> str:
            corpus = read_corpus("x.csv", text="text", label="label", **options)
            names = list(corpus.label_names)
            shown = names if len(names) < 9 else [*names[:3], f"… ({len(names)})"]
            return " ".join([f"classes: {', '.join(map(repr, shown))}.", *remarks_on_labels(corpus)])

        return told(read)

    some = labels if len(labels) < 9 else [*labels[:3], "…", labels[-1]]
    return Case(LABELS, kind, f"{' · '.join(some)} {as_options(options)}".strip(), run, happens)


def flags(kind: str, lists: list[list[Any]], happens: str) -> Case:
    """Lists as labels in JSON lines."""

    def run(_: Path) -> str:
        Path("x.jsonl").write_text("\n".join(json.dumps({"text": f"text {n}", "labels": row}) for n, row in enumerate(lists)))  # fmt: skip

        def read() -> str:
            corpus = read_corpus("x.jsonl")
            named = corpus.names().tolist()
            found = " · ".join(" ".join(row) if isinstance(row, tuple) else row for row in named)
            return " ".join([f"labels: {found}.", *remarks_on_labels(corpus)])

        return told(read)

    return Case(LABELS, kind, " · ".join(f'"labels": {json.dumps(row)}' for row in lists), run, happens)


def tables_of_flags(kind: str, example: str, of: Callable[[list[list[int]]], Any]) -> Case:
    """Lists of 0 and 1 as labels in Python."""

    def run(_: Path) -> str:
        table = [[1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 1]] * 6
        texts = [
            " ".join(word for word, flag in zip(("moon", "car", "goal"), row, strict=True) if flag) for row in table
        ]
        fitted = TextClassifier("tfidf-nb").fit([f"{text} w{n}" for n, text in enumerate(texts)], of(table))
        return f"classes {fitted.classes_.tolist()}; moon goal → {np.asarray(fitted.predict(['moon goal']))[0].tolist()}; car goal → {np.asarray(fitted.predict(['car goal']))[0].tolist()}"

    return Case(LABELS, kind, example, run, "classes [0, 1, 2]; moon goal → [1, 0, 1]; car goal → [0, 1, 1]")


def python(area: str, kind: str, example: str, of: Callable[[], Any], happens: str) -> Case:
    """What a line of Python gives, or its error."""

    def run(_: Path) -> str:
        try:
            return str(of())
        except BywordsError as error:
            return f"{type(error).__name__}: {error}"

    return Case(area, kind, example, run, happens)


def texts_in(kind: str, example: str, of: Callable[[list[str]], Any], happens: str) -> Case:
    """Texts in some container to fit to and to ask."""

    def fitted() -> str:
        classifier = TextClassifier("tfidf-nb").fit(of(TRAIN.texts.to_list()), TRAIN.names())
        found, expected = classifier.predict_proba(of(TEST.texts.to_list())), _nb().predict_proba(TEST.texts)
        return "the answers of a list" if np.array_equal(found, expected) else "other answers"

    return python(ESTIMATOR, kind, example, fitted, happens)


def weighted(name: str, n_documents: int, happens: str) -> Case:
    """The share of new texts that get a class, by its weight."""

    def shares() -> str:
        texts, codes = hard(n_documents, seed=0)
        new, _ = hard(300, seed=1)
        fitted = [TextClassifier(name, class_weight={0: 1, 1: weight}).fit(texts, codes) for weight in (1, 10, 100)]
        return f"{', '.join(f'{classifier.predict(new).mean():.2f}' for classifier in fitted)} of new texts get class 1"

    return python(OPTIONS, f"weight of a class: {name}, {n_documents} documents",
                  "class_weight={0: 1, 1: 1}, then 10, then 100", shares, happens)  # fmt: skip


def equal(kind: str, one: str, other: str, happens: str) -> Case:
    """Whether two texts are one, so that they are on one side of every split."""

    def run(_: Path) -> str:
        first, second = groups_of([one, other])
        return "one text: always on the same side" if first == second else "two texts"

    return Case(HONEST, kind, f"{one!r} and {other!r}", run, happens)


def near(kind: str, example: str, kept: str, happens: str) -> Case:
    """Whether texts that differ in one word of 21 are on both sides of a split."""

    def run(_: Path) -> str:
        generator = np.random.default_rng(0)
        table = []
        for number in range(60):
            words = " ".join(f"w{word}" for word in generator.integers(0, 500, 20))
            table += [{"text": f"{words} x{number}{copy}", "label": "yes" if number % 2 else "no"} for copy in range(5)]
        pl.DataFrame(table).write_csv("near.csv")
        split = load_dataset("near.csv", keep_together=kept)
        train, test = ({text.rsplit(" ", 1)[0] for text in part.texts} for part in (split.train, split.test))
        return f"{len(train & test)} of 60 texts on both sides"

    return Case(HONEST, kind, example, run, happens)


LONG = [f"this is what person number {n} has to say of the thing, at length and with many words {n}" for n in range(40)]
SHORT = [f"thing of the week {n % 5}" for n in range(40)]
MOOD, OTHER = ["good", "bad"] * 20, ["a", "a", "b", "b"] * 10
TICKETS = rows()
GAPS = [{**row, "empty": ""} for row in TICKETS]
CHOSEN = "--text subject --text body --column region --column amount --label queue"
QUESTIONS = [{"Question": row["body"], "Queue": row["queue"]} for row in TICKETS[:80]]
NEW = [{"id": n, "Question": row["body"], "text": "nothing of use"} for n, row in enumerate(TICKETS[:40])]
LEAK = [{**row, "team": "north" if row["queue"] == "office" else "south"} for row in TICKETS]
SMALL = {"text": TRAIN.texts.to_list(), "label": TRAIN.names().tolist()}
UNSEEN = {"text": TEST.texts.to_list(), "label": TEST.names().tolist()}
COPIES = dict(zip(("text", "label"), map(list, copies()), strict=True))
CAPITALS = {"text": [f"{word} w{n}" for n in range(20) for word in ("buy now", "buy cheap", "dear friend")], "label": ["Spam", "spam", "ham"] * 20}  # fmt: skip
NOISE = [{"text": f"one of {n * 7 % 4} and {n * 13 % 17}", "label": "no" if n * 11 % 10 else "yes"} for n in range(400)]


def _rows_in(of: Callable[[Any], Any]) -> Callable[[], str]:
    def fitted() -> str:
        classifier = TextClassifier("tfidf-svc", text=["subject", "body"], columns=["region"])
        classifier.fit(of(TICKETS), [row["queue"] for row in TICKETS])
        return f"{classifier.score(of(TICKETS), [row['queue'] for row in TICKETS]):.0%} right"

    return fitted


def _explained() -> str:
    classifier = TextClassifier("tfidf-svc", text=["subject", "body"], columns=["region"])
    classifier.fit(TICKETS, [row["queue"] for row in TICKETS])
    (found,) = classifier.explain([TICKETS[1]])
    words = [share.word for share in found.words() if share.word.split(":")[-1] in ("region=US", "engine", "broken")]
    gap = np.abs(found.bias + found.attributions.sum(axis=0) - found.logits).max()
    return f"{', '.join(sorted(words))}; {found.method}, the sum is the logit: {bool(gap < 1e-9)}"


def _nb() -> TextClassifier:
    return TextClassifier("tfidf-nb").fit(TRAIN.texts, TRAIN.names())


def _unseen() -> str:
    return f"{_nb().score(TEST.texts, [*TEST.names()[:30], *['cooking'] * 30]):.3f}"


def _alone(of: Callable[[list[str], list[str]], float]) -> Callable[[], str]:
    def score() -> str:
        import warnings

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class")
            return f"a number: {np.isfinite(of([*TRAIN.texts, 'eggs flour butter'], [*TRAIN.names(), 'cooking']))}"

    return score


def _column(texts: Any) -> np.ndarray:
    return texts.to_numpy()[:, np.newaxis]


def _resampled() -> str:
    """What imbalanced-learn's RandomOverSampler does: rows of an array (N, 1), some of them twice."""
    chosen = np.random.default_rng(0).integers(0, 150, 200)
    return f"{TextClassifier('tfidf-nb').fit(_column(TRAIN.texts)[chosen], TRAIN.names()[chosen]).score(_column(TEST.texts), TEST.names()):.0%} right"


def _fit(**parameters: Any) -> Callable[[], str]:
    return lambda: (
        f"fitted: {TextClassifier(**{'system': 'tfidf-nb', **parameters}).fit(TRAIN.texts, TRAIN.names()).score(TEST.texts, TEST.names()):.0%} right"
    )


def _replaced(**settings: Any) -> Callable[[], Any]:
    from dataclasses import replace

    return lambda: replace(SYSTEMS["averaging"], **settings)


MEANING_CASES: list[Case] = [
    # Columns
    columns("text and label by name", {"text": LONG, "label": MOOD}, "text: text · label: label"),
    columns("by name, in capitals", {"Text": LONG, "LABEL": MOOD}, "text: Text · label: LABEL"),
    columns("others beside them", {"id": list(range(40)), "text": LONG, "label": MOOD}, "text: text · label: label"),
    columns(
        "a longer column than the one with the name of a text",
        {"review_id": list(range(40)), "title": SHORT, "year": [1999] * 40, "user_review": LONG, "sentiment": MOOD},
        "error: x.csv: cannot tell which column is the text: 'title' has the name of one, but 'user_review' is much longer (86 characters on average, not 19). Say --text user_review --label sentiment, or for both --text title --text user_review --label sentiment.",
    ),
    columns(
        "a more varied column of sentences",
        {
            "text": [f"one of only two, {n % 2}" for n in range(40)],
            "reply": [f"all are different {n}" for n in range(40)],
            "label": MOOD,
        },
        "error: x.csv: cannot tell which column is the text: 'text' has the name of one, but 'reply' is much more varied (40 different values, not 2). Say --text reply --label label, or for both --text text --text reply --label label.",
    ),
    columns(
        "a longer column in a script without spaces",
        {
            "title": [f"短い{n}" for n in range(40)],
            "naiyou": [f"これはとても長い文章であり意味がある内容です{n}" for n in range(40)],
            "label": MOOD,
        },
        "error: x.csv: cannot tell which column is the text: 'title' has the name of one, but 'naiyou' is much longer (24 characters on average, not 4). Say --text naiyou --label label, or for both --text title --text naiyou --label label.",
    ),
    columns(
        "a long column without words",
        {"text": LONG, "url": [f"https://example.org/{'x' * 400}/{n}" for n in range(40)], "label": MOOD},
        "text: text · label: label",
    ),
    columns(
        "two label-like columns",
        {"text": LONG, "label": MOOD, "category": OTHER},
        "error: x.csv: cannot tell which column is the label: 'label' and 'category' both may be. Say --text text --label label or --text text --label category.",
    ),
    columns(
        "two label-like columns, the other first",
        {"text": LONG, "topic": OTHER, "label": MOOD},
        "error: x.csv: cannot tell which column is the label: 'label' and 'topic' both may be. Say --text text --label label or --text text --label topic.",
    ),
    columns(
        "a second label-like column that says the same",
        {"text": LONG, "label": MOOD, "target": ["1", "0"] * 20},
        "text: text · label: label",
    ),
    columns("a label-like name over texts", {"text": LONG, "label": MOOD, "topic": LONG}, "text: text · label: label"),
    columns(
        "no known name",
        {"Question": LONG, "Answer": LONG[::-1], "Queue": MOOD},
        "error: x.csv: cannot tell which column is the label. Its columns: 'Question', 'Answer', 'Queue'. Say --text NAME --label NAME: perhaps --text Question --text Answer --label Queue.",
    ),
    columns(
        "subject and body", TICKETS, "text: subject + body · label: queue", text=["subject", "body"], label="queue"
    ),
    columns(
        "title and body, both said",
        {"title": SHORT, "body": LONG, "label": MOOD},
        "text: title + body · label: label",
        text=["title", "body"],
    ),
    columns(
        "columns beside the texts",
        TICKETS,
        "text: subject + body · columns: region + amount (number in 10 bins) · label: queue",
        text=["subject", "body"],
        side=["region", "amount"],
        label="queue",
    ),
    columns(
        "a text column twice",
        TICKETS,
        "error: the text column 'body' is named twice, expected different columns.",
        text=["body", "body"],
        label="queue",
    ),
    columns(
        "a column as text and label",
        TICKETS,
        "error: text and label are both the column 'queue', expected two columns.",
        text="queue",
        label="queue",
    ),
    columns(
        "a column as text and beside it",
        TICKETS,
        "error: text and column are both the column 'body', expected two columns.",
        text="body",
        side=["body"],
        label="queue",
    ),
    columns(
        "a column beside the text as label",
        TICKETS,
        "error: column and label are both the column 'queue', expected two columns.",
        text="body",
        side=["queue"],
        label="queue",
    ),
    columns(
        "a second text column that is not there",
        TICKETS,
        "error: x.csv has no column 'bodi'. Did you mean 'body'? Its columns: 'id', 'subject', 'body', 'region', 'amount', 'created', 'queue'. Name one of these with --text and --label.",
        text=["subject", "bodi"],
        label="queue",
    ),
    columns(
        "a column that is not there",
        TICKETS,
        "error: x.csv has no column 'regoin'. Did you mean 'region'? Its columns: 'id', 'subject', 'body', 'region', 'amount', 'created', 'queue'.",
        text="body",
        side=["regoin"],
        label="queue",
    ),
    columns(
        "a column with another value in each row",
        TICKETS,
        "error: x.csv: the column 'subject' has 120 different values in 120 rows: they would be learned by heart. Leave out --column subject; if it holds sentences, name it with --text.",
        text="body",
        side=["subject"],
        label="queue",
    ),
    columns(
        "a column without values",
        GAPS,
        "error: x.csv: the column 'empty' has no values: leave out --column empty.",
        text="body",
        side=["empty"],
        label="queue",
    ),
    side("categories as they are", ["EU", "US", " EU ", None], "x=EU · x=US · x=EU · x is missing"),
    side("few numbers are categories", ["1", "2", "1", ""], "x=1 · x=2 · x=1 · x is missing"),
    side("a category called missing", ["missing", "US", "US", None], "x=missing · x=US · x=US · x is missing"),
    side(
        "numbers in quantile bins",
        [str(n) for n in range(1, 101)],
        "x=up to 10.9 · x=40.6 to 50.5 · x=above 90.1 · x is missing · x is not a number",
        new=["-5", "50", "1e9", None, "a lot"],
    ),
    side(
        "numbers with a few that are none",
        [*(str(n) for n in range(1, 100)), "n/a"],
        "x=up to 10.8 · x is not a number",
        new=["7", "n/a"],
    ),
    side(
        "dates by their parts",
        ["2024-02-29", "2023-12-01", "2024-01-01"],
        "x year=2024 + x month=2 + x weekday=Thursday · x year=2023 + x month=12 + x weekday=Friday · x year=2024 + x month=1 + x weekday=Monday",
    ),
    side(
        "times have an hour",
        ["2024-02-29 13:05", "2023-12-01 00:00"],
        "x year=2024 + x month=2 + x weekday=Thursday + x hour=13 · x year=2023 + x month=12 + x weekday=Friday + x hour=0",
    ),
    side(
        "German dates",
        ["29.02.2024", "01.12.2023"],
        "x year=2024 + x month=2 + x weekday=Thursday · x year=2023 + x month=12 + x weekday=Friday",
    ),
    side(
        "days before months, as one of them shows",
        ["29/02/2024", "01/12/2023"],
        "x year=2024 + x month=2 + x weekday=Thursday · x year=2023 + x month=12 + x weekday=Friday",
    ),
    side(
        "months before days, a year of two digits, an hour of twelve",
        ["2/29/24 1:05 PM", "12/1/23 12:00 AM"],
        "x year=2024 + x month=2 + x weekday=Thursday + x hour=13 · x year=2023 + x month=12 + x weekday=Friday + x hour=0",
    ),
    side(
        "a time with its zone keeps the hour that is written",
        ["2024-02-29T23:05:00Z", "2023-12-01T00:30:00.250+02:00"],
        "x year=2024 + x month=2 + x weekday=Thursday + x hour=23 · x year=2023 + x month=12 + x weekday=Friday + x hour=0",
    ),
    side(
        "months by their names",
        ["29-Feb-2024", "01-Dec-2023"],
        "x year=2024 + x month=2 + x weekday=Thursday · x year=2023 + x month=12 + x weekday=Friday",
    ),
    side("codes and truth values as files and frames write them", ["3.0", "3", "True"], "x=3 · x=3 · x=true"),
    side("a version is no whole number", ["3.10", "3.1", "v3.0"], "x=3.10 · x=3.1 · x=v3.0"),
    side("a new date that is none", ["2024-02-29", "2023-12-01"], "x is not a date · x is missing", new=["soon", None]),
    ran(
        COLUMNS,
        "what is read is said first",
        {"q.csv": TICKETS},
        [f"train q.csv {CHOSEN} --system tfidf-nb"],
        r"\Atext: .*",
        "text: subject + body · columns: region + amount (number in 10 bins) · label: queue · 120 rows · not read: id, created",
    ),
    ran(
        COLUMNS,
        "an option that takes one value, twice",
        {"q.csv": TICKETS},
        ["train q.csv --system dan --system auto"],
        "error: .*",
        "error: --system is given 2 times, expected once.",
    ),
    ran(
        COLUMNS,
        "the same value twice in a list",
        {"q.csv": TICKETS},
        ["train q.csv --text body --text body --label queue"],
        "error: .*",
        "error: --text is given 2 times for 'body', expected once.",
    ),
    right(
        "predict on a table with another column called text",
        "train q.csv --text Question --label Queue; predict on id, Question, text",
        QUESTIONS[:40],
        NEW,
        "--text Question --label Queue",
        "40 of 40 right: text: Question · not read: id, text",
    ),
    *(
        ran(
            COLUMNS,
            f"{name} on a table without a column of the model",
            {"q.csv": TICKETS, "new.csv": [{k: v for k, v in row.items() if k != "region"} for row in TICKETS]},
            [f"train q.csv {CHOSEN} --system tfidf-nb --out m", f"{name} m new.csv"],
            "error: .*",
            "error: new.csv has no column 'region', which is read beside the text. Its columns: 'id', 'subject', 'body', 'amount', 'created', 'queue'. Add it.",
            example=f"{name} m new.csv, without region",
        )
        for name in ("predict", "evaluate", "explain")
    ),
    ran(
        COLUMNS,
        "evaluate on a table with another column called label",
        {
            "q.csv": QUESTIONS,
            "new.csv": [{**row, "label": "office"} for row in QUESTIONS],
        },
        ["train q.csv --text Question --label Queue --system tfidf-svc --out m", "evaluate m new.csv"],
        r"\Atext: .*|Right on [\d.]+%",
        "text: Question · label: Queue · 80 rows · not read: label · Right on 100.0%",
    ),
    ran(
        COLUMNS,
        "a text alone for a model of several columns",
        {"q.csv": TICKETS},
        [f"train q.csv {CHOSEN} --system tfidf-nb --out m", "explain m printer"],
        "error: .*",
        "error: text 0 is a text alone: expected a row of a table with the columns 'subject', 'body' and those beside them, that the model was trained on. Give a file, a data frame or a list of dicts.",
        example="explain m printer",
    ),
    ran(
        COLUMNS,
        "audit of a column that gives the class away",
        {"q.csv": LEAK},
        ["audit q.csv --text subject --text body --label queue --column team"],
        "column “team=north”.*are office",
        "column “team=north”: 60 of 60 documents with it are office",
    ),
    ran(
        COLUMNS,
        "a model no better than the commonest class",
        {"q.csv": NOISE},
        ["train q.csv --system tfidf-nb"],
        "WARNING: .*",
        "WARNING: this model is no better than always saying 'no': it has learned nothing from these texts that tells the labels apart. Check that the right columns are read as text and label, and the labels.",
        example="train q.csv, whose labels have nothing to do with its texts",
    ),
    python(
        COLUMNS,
        "rows as a list of dicts",
        'TextClassifier(text=["subject", "body"], columns=["region"])',
        _rows_in(list),
        "100% right",
    ),
    python(COLUMNS, "rows as a polars frame", "fit(pl.DataFrame(rows), labels)", _rows_in(pl.DataFrame), "100% right"),
    python(COLUMNS, "rows as a pandas frame", "fit(pd.DataFrame(rows), labels)", _rows_in(pd.DataFrame), "100% right"),
    python(
        COLUMNS,
        "explanations of fields and values",
        "explain([row])",
        _explained,
        "body:engine, region=US, subject:broken; exact, the sum is the logit: True",
    ),
    python(
        COLUMNS,
        "columns beside no text",
        'TextClassifier(columns=["region"])',
        lambda: TextClassifier(columns=["region"]).fit(TICKETS, [row["queue"] for row in TICKETS]),
        "SettingError: columns=['region'] stand beside a text: name its column with text=.",
    ),
    # Labels
    label(
        "blanks behind a label",
        ["spam", "spam ", "ham"],
        "classes: 'ham', 'spam'. Labels that were written in several ways, apart by blanks, invisible signs or Unicode's form, are one: 'spam'.",
    ),
    label(
        "a zero-width space in a label",
        ["spam", "sp\u200bam", "ham"],
        "classes: 'ham', 'spam'. Labels that were written in several ways, apart by blanks, invisible signs or Unicode's form, are one: 'spam'.",
    ),
    label(
        "a byte order mark before a label",
        ["spam", "\ufeffspam", "ham"],
        "classes: 'ham', 'spam'. Labels that were written in several ways, apart by blanks, invisible signs or Unicode's form, are one: 'spam'.",
    ),
    label(
        "a soft hyphen in a label",
        ["spam", "sp\u00adam", "ham"],
        "classes: 'ham', 'spam'. Labels that were written in several ways, apart by blanks, invisible signs or Unicode's form, are one: 'spam'.",
    ),
    label(
        "Unicode's form of a label",
        ["café", "cafe\u0301", "tea"],
        "classes: 'café', 'tea'. Labels that were written in several ways, apart by blanks, invisible signs or Unicode's form, are one: 'café'.",
    ),
    label(
        "one number written in two ways",
        ["1", "1.0", "2"],
        "classes: '1', '1.0', '2'. Labels that are the same number: '1' (4) and '1.0' (4). If they mean the same: --map-label 1.0=1",
    ),
    label(
        "one number with a zero before it",
        ["03", "3", "x"],
        "classes: '03', '3', 'x'. Labels that are the same number: '03' (4) and '3' (4). If they mean the same: --map-label 3=03",
    ),
    label(
        "what stands for none",
        ["NA", "a", "b"],
        "classes: 'NA', 'a', 'b'. Labels that are written where there is none: 'NA' (4); each is a class. If it is a missing label: --exclude-label NA",
    ),
    label(
        "what stands for none, in Python's words",
        ["None", "a", "nan"],
        "classes: 'None', 'a', 'nan'. Labels that are written where there is none: 'None' (4), 'nan' (4); each is a class. If it is a missing label: --exclude-label None --exclude-label nan",
    ),
    label(
        "other words for no",
        ["no", "nay", "0"],
        "classes: '0', 'nay', 'no'. Labels that may say the same, yes or no: '0' (4) and 'no' (4). If they mean the same: --map-label no=0",
    ),
    label(
        "lists of 0 and 1 with blanks",
        ["1 0", "0 1", "1 1"],
        "classes: '0 1', '1 0', '1 1'. Labels that look like lists: '0 1', '1 0', '1 1'; each is a class of its own. If a document has several labels: --label-separator ' '",
    ),
    label("blanks in other names", ["1 0 1", "a 1", "b 0"], "classes: '1 0 1', 'a 1', 'b 0'."),
    label(
        "a no-break space in a label",
        ["not spam", "not\u00a0spam", "spam"],
        "classes: 'not spam', 'spam'. Labels that were written in several ways, apart by blanks, invisible signs or Unicode's form, are one: 'not spam'.",
    ),
    label(
        "two blanks for one",
        ["not spam", "not  spam", "spam"],
        "classes: 'not spam', 'spam'. Labels that were written in several ways, apart by blanks, invisible signs or Unicode's form, are one: 'not spam'.",
    ),
    label("labels as they should be", ["a", "b"], "classes: 'a', 'b'."),
    label("an emoji of several signs", ["👩\u200d💻", "b"], "classes: 'b', '👩\\u200d💻'."),
    label(
        "a label of nothing that is seen",
        ["a", "\u200b ", "b"],
        "error: x.csv, line 3: the label (column 'label') is missing. Give each document a label, or take the row out. Or leave such rows out: --bad-rows skip.",
    ),
    label(
        "capitals",
        ["Spam", "spam", "ham"],
        "classes: 'Spam', 'ham', 'spam'. Labels that differ only by capitals: 'Spam' (4) and 'spam' (4). If they mean the same: --map-label spam=Spam",
    ),
    label(
        "capitals of ß",
        ["STRASSE", "straße"],
        "classes: 'STRASSE', 'straße'. Labels that differ only by capitals: 'STRASSE' (4) and 'straße' (4). If they mean the same: --map-label 'straße=STRASSE'",
    ),
    label(
        "a comma at the end",
        ["joy,", "joy", "anger"],
        "classes: 'anger', 'joy', 'joy,'. Labels that begin or end in a comma or the like: 'joy,' (4). If that is a slip: --map-label joy,=joy",
    ),
    label(
        "all end in a semicolon",
        ["joy;", "anger;"],
        "classes: 'anger;', 'joy;'. Labels that begin or end in a comma or the like: 'anger;' (4), 'joy;' (4). If that is a slip: --map-label 'anger;=anger' --map-label 'joy;=joy'",
    ),
    label(
        "a colon at the start",
        [":joy", "anger"],
        "classes: ':joy', 'anger'. Labels that begin or end in a comma or the like: ':joy' (4). If that is a slip: --map-label :joy=joy",
    ),
    label(
        "lists as Python prints them",
        ["['joy', 'food']", "['joy']"],
        "classes: \"['joy', 'food']\", \"['joy']\". Labels that look like lists: \"['joy', 'food']\", \"['joy']\"; each is a class of its own. If a document has several labels: --label-separator ,",
    ),
    label(
        "lists as Python prints them, and a separator",
        ["['joy', 'food']", "['joy']"],
        "classes: 'food', 'joy'.",
        label_separator=",",
    ),
    label(
        "lists without quotes",
        ["[joy, food]", "[food]"],
        "classes: '[food]', '[joy, food]'. Labels that look like lists: '[food]', '[joy, food]'; each is a class of its own. If a document has several labels: --label-separator ,",
    ),
    label(
        "sets as PostgreSQL has them",
        ["{a,b}", "{a}"],
        "classes: '{a,b}', '{a}'. Labels that look like lists: '{a,b}', '{a}'; each is a class of its own. If a document has several labels: --label-separator ,",
    ),
    label(
        "labels joined by |",
        ["joy|food", "food|joy", "joy"],
        "classes: 'food|joy', 'joy', 'joy|food'. Labels that look like lists: 'food|joy', 'joy|food'; each is a class of its own. If a document has several labels: --label-separator '|'",
    ),
    label(
        "labels joined by ;",
        ["joy;food", "joy", "food", "food;joy"],
        "classes: 'food', 'food;joy', 'joy', 'joy;food'. Labels that look like lists: 'food;joy', 'joy;food'; each is a class of its own. If a document has several labels: --label-separator ';'",
    ),
    label(
        "labels joined by a comma and a blank",
        ["a, b", "b, c", "a, c"],
        "classes: 'a, b', 'a, c', 'b, c'. Labels that look like lists: 'a, b', 'a, c', 'b, c'; each is a class of its own. If a document has several labels: --label-separator ,",
    ),
    label("sentences with a comma", ["Yes, please", "No, thanks"], "classes: 'No, thanks', 'Yes, please'."),
    label("paths", ["comp.sys/mac", "comp.sys/pc"], "classes: 'comp.sys/mac', 'comp.sys/pc'."),
    label(
        "74 different amounts",
        [f"{n / 4}" for n in range(74)],
        "classes: '0.0', '0.25', '0.5', '… (74)'. The labels are 74 different amounts, from 0 to 18.25. Each is learned as a class of its own, whatever is more or less. If another column has the labels, name it: --label",
    ),
    label(
        "77 whole numbers of few documents",
        [str(n) for n in range(77)],
        "classes: '0', '1', '2', '… (77)'. The labels are 77 different amounts, from 0 to 76. Each is learned as a class of its own, whatever is more or less. If another column has the labels, name it: --label",
    ),
    label("20 numbers", [str(n) for n in range(20)], "classes: '0', '1', '2', '… (20)'."),
    label("three numbers", ["1.0", "2.0", "3.0"], "classes: '1.0', '2.0', '3.0'."),
    label(
        "labels of one document",
        ["a", "b", "c", "d", "e"],
        "classes: 'a', 'b', 'c', 'd', 'e'. 5 of 5 labels have one document each, which cannot be learned and tested both: 'a', 'b', 'c' and 2 more.",
        each=1,
    ),
    ran(
        LABELS,
        "a label renamed",
        {"x.csv": CAPITALS},
        ["train x.csv --system tfidf-nb --map-label Spam=spam --out m", "evaluate m x.csv"],
        "Right on [^(]*",
        "Right on 100.0% of 60 documents ",
    ),
    ran(
        LABELS,
        "a label renamed that is not there",
        {"x.csv": CAPITALS},
        ["train x.csv --map-label Spm=spam"],
        "error: .*",
        "error: --map-label Spm=spam: there is no label 'Spm'. Did you mean 'spam'? The labels are 'Spam', 'ham', 'spam'.",
    ),
    ran(
        LABELS,
        "audit of labels that differ by capitals",
        {"x.csv": CAPITALS},
        ["audit x.csv"],
        ".*capitals.*",
        "Labels that differ only by capitals: 'Spam' (20) and 'spam' (20). If they mean the same: --map-label spam=Spam",
    ),
    flags(
        "lists of 0 and 1",
        [[1, 0, 1], [0, 1, 1]],
        "labels: 0 2 · 1 2. Each document has a list of 3 times 0 or 1, taken for a table: the labels are the places in it, '0' to '2'.",
    ),
    flags(
        "lists of two flags",
        [[1, 0], [0, 1]],
        "labels: 0 · 1. Each document has a list of 2 times 0 or 1, taken for a table: the labels are the places in it, '0' to '1'.",
    ),
    flags(
        "lists of '0' and '1'",
        [["1", "0", "0"], ["0", "1", "0"]],
        "labels: 0 · 1. Each document has a list of 3 times 0 or 1, taken for a table: the labels are the places in it, '0' to '2'.",
    ),
    flags(
        "lists of unequal length",
        [[1, 0, 1], [0, 1]],
        "error: x.jsonl: a table of labels as lists of 0 and 1 has ['1', '0', '1'] and ['0', '1']: expected lists of one length, a 0 or a 1 for each label, or the names of the labels.",
    ),
    flags("lists of one label", [[1], [0]], "labels: 1 · 0."),
    flags("lists with another number", [[1, 2], [0, 1]], "labels: 1 2 · 0 1."),
    tables_of_flags("lists in Python", "[[1, 0, 1], …]", lambda table: table),
    tables_of_flags("tuples in Python", "[(1, 0, 1), …]", lambda table: [tuple(row) for row in table]),
    tables_of_flags("a list of arrays", "[np.array([1, 0, 1]), …]", lambda table: [np.array(row) for row in table]),
    tables_of_flags(
        "lists of booleans", "[[True, False, True], …]", lambda table: [[bool(flag) for flag in row] for row in table]
    ),
    tables_of_flags("a polars column of lists", "pl.Series([[1, 0, 1], …])", pl.Series),
    tables_of_flags(
        "a polars column of arrays",
        "pl.Series(…, dtype=pl.Array(pl.Int64, 3))",
        lambda table: pl.Series(table, dtype=pl.Array(pl.Int64, 3)),
    ),
    tables_of_flags(
        "a pandas column of lists",
        "pd.Series([[1, 0, 1], …], index=…)",
        lambda table: pd.Series(table, index=range(7, 7 + len(table))),
    ),
    tables_of_flags(
        "a pandas column of arrays",
        "pd.Series([np.array([1, 0, 1]), …])",
        lambda table: pd.Series([np.array(row) for row in table]),
    ),
    tables_of_flags(
        "an array of arrays",
        "np.array([np.array([1, 0, 1]), …], dtype=object)",
        lambda table: np.array([*map(np.array, table), None], dtype=object)[:-1],
    ),
    tables_of_flags(
        "lists of floats", "[[1.0, 0.0, 1.0], …]", lambda table: [[float(flag) for flag in row] for row in table]
    ),
    tables_of_flags(
        "lists of '0' and '1' in Python",
        '[["1", "0", "1"], …]',
        lambda table: [[str(flag) for flag in row] for row in table],
    ),
    tables_of_flags("a table in Python", "np.array([[1, 0, 1], …])", np.array),
    # Texts
    *(
        Case(
            TEXTS,
            f"{kind}: {what}",
            given,
            lambda _, given=given, how=how, other=other: (
                f"{how} {other}"
                if (tokens_of(given) == tokens_of(other)) == (how == SAME)
                else " ".join(tokens_of(given))
            ),
            f"{how} {other}",
        )
        for kind, given, how, other, what in ROWS
    ),
    # Honest scores
    equal("capitals", "The moon.", "the MOON.", "one text: always on the same side"),
    equal("blanks", "a  b\n", " a b", "one text: always on the same side"),
    equal("Unicode's form", "café", "cafe\u0301", "one text: always on the same side"),
    equal("a no-break space", "a\u00a0b", "a b", "one text: always on the same side"),
    equal("a blank before a sign", "who ?", "who?", "one text: always on the same side"),
    equal("other signs", "who?", "who!", "one text: always on the same side"),
    equal("another order", "a b", "b a", "two texts"),
    equal("a word twice", "a a b", "a b", "two texts"),
    equal("no words", "", " ", "two texts"),
    equal("other numbers", "moon 1", "moon 2", "two texts"),
    equal("a curly apostrophe and an entity", "isn’t it", "isn&#39;t it", "one text: always on the same side"),
    ran(
        HONEST,
        "random labels on 60 texts, each five times",
        {"x.csv": COPIES},
        ["train x.csv --system tfidf-svc"],
        "^Right on .*documents.*",
        "Right on 58.3% of 60 test documents that it had not seen (95 % interval 45.7% to 69.9%). Always saying the commonest class would be right on 50.0%.",
    ),
    ran(
        HONEST,
        "the saved model has learned from everything",
        {"x.csv": SMALL},
        ["train x.csv --system tfidf-nb"],
        ".*has since learned.*",
        "The saved model has since learned from these 30 documents too: the scores are those of the same model without them. --keep-test-out saves that one.",
    ),
    ran(
        HONEST,
        "what was tested is saved",
        {"x.csv": SMALL},
        ["train x.csv --system tfidf-nb --keep-test-out"],
        ".*has since learned.*",
        "nothing is said",
    ),
    ran(
        HONEST,
        "a test file is never learned",
        {"x.csv": SMALL, "t.csv": UNSEEN},
        ["train x.csv --test t.csv --system tfidf-nb"],
        ".*has since learned.*",
        "nothing is said",
    ),
    ran(
        HONEST,
        "test texts that are in training too",
        {"x.csv": SMALL, "t.csv": {name: [*SMALL[name][:10], *UNSEEN[name][:2]] for name in SMALL}},
        ["train x.csv --test t.csv --system tfidf-nb"],
        "[^\n]* are also among the training documents[^\n]*",
        "10 of the 12 test documents are also among the training documents. Without them: right on 100.0% of 2 (95 % interval 34.2% to 100.0%), macro F1 1.000.",
    ),
    near("near duplicates, as they are", "train near.csv", "equal", "38 of 60 texts on both sides"),
    near(
        "near duplicates, kept together", "train near.csv --keep-together near", "near", "0 of 60 texts on both sides"
    ),
    # Estimator
    texts_in("a list", "fit(texts, labels)", list, "the answers of a list"),
    texts_in(
        "an array (N, 1)",
        "np.array(texts)[:, None]",
        lambda texts: np.array(texts)[:, np.newaxis],
        "the answers of a list",
    ),
    texts_in(
        "an array (N, 1) of objects",
        "np.array(texts, dtype=object)[:, None]",
        lambda texts: np.array(texts, dtype=object)[:, np.newaxis],
        "the answers of a list",
    ),
    texts_in(
        "categories of polars",
        "pl.Series(texts).cast(pl.Categorical)",
        lambda texts: pl.Series(texts).cast(pl.Categorical),
        "the answers of a list",
    ),
    texts_in(
        "a pandas table of one column",
        'pd.DataFrame({"a": texts})',
        lambda texts: pd.DataFrame({"a": texts}),
        "the answers of a list",
    ),
    texts_in(
        "a generator", "(text for text in texts)", lambda texts: (text for text in texts), "the answers of a list"
    ),
    texts_in(
        "a set",
        "set(texts)",
        set,
        "DataError: a set of texts has no order that labels or answers could have. Make a list of it.",
    ),
    texts_in(
        "a dict",
        "dict.fromkeys(texts)",
        dict.fromkeys,
        "DataError: a dict of texts has no order that labels or answers could have. Make a list of it.",
    ),
    texts_in(
        "an array of two columns",
        "np.array([texts, texts]).T",
        lambda texts: np.array([texts, texts]).T,
        "DataError: expected one column of texts, found an array of the shape (150, 2). Choose one column.",
    ),
    texts_in(
        "an array of one row",
        "np.array([texts])",
        lambda texts: np.array([texts]),
        "DataError: expected one column of texts, found an array of the shape (1, 150). Choose one column.",
    ),
    texts_in(
        "lists of one text",
        "[[text] for text in texts]",
        lambda texts: [[text] for text in texts],
        "DataError: text 0 is ['launch nasa nasa of the the'] of type list, expected a string. "
        'Of lists of tokens, say tokenizer="given".',
    ),
    texts_in(
        "bytes",
        "[text.encode() for text in texts]",
        lambda texts: [text.encode() for text in texts],
        "DataError: text 0 is b'launch nasa nasa of the the' of type bytes, expected a string.",
    ),
    texts_in(
        "a lazy frame",
        'pl.LazyFrame({"text": texts})',
        lambda texts: pl.LazyFrame({"text": texts}),
        "DataError: the texts are in a table that has not been collected yet: call its collect first.",
    ),
    texts_in(
        "a text that is None",
        "[*texts, None]",
        lambda texts: [*texts[:-1], None],
        "DataError: text 149 is None of type NoneType, expected a string.",
    ),
    texts_in(
        "one text",
        '"the printer is on fire"',
        " ".join,
        "DataError: expected a sequence of texts, found one text. Put it into a list.",
    ),
    python(
        ESTIMATOR, "score: half of the labels are unseen", 'score(texts, [*labels, "cooking", …])', _unseen, "0.500"
    ),
    python(
        ESTIMATOR,
        "cross_val_score with a class of one document",
        "cross_val_score(classifier, texts, labels, cv=3).mean()",
        _alone(lambda texts, labels: cross_val_score(TextClassifier("tfidf-nb"), texts, labels, cv=3).mean()),
        "a number: True",
    ),
    python(
        ESTIMATOR,
        "GridSearchCV with a class of one document",
        "GridSearchCV(…, cv=2).best_score_",
        _alone(
            lambda texts, labels: (
                GridSearchCV(TextClassifier(), {"system": ["tfidf-svc", "tfidf-nb"]}, cv=2)
                .fit(texts, labels)
                .best_score_
            )
        ),
        "a number: True",
    ),
    python(
        ESTIMATOR,
        "BaggingClassifier",
        "BaggingClassifier(classifier).fit(array (N, 1), labels)",
        lambda: (
            f"{BaggingClassifier(TextClassifier('tfidf-nb'), n_estimators=3, random_state=0).fit(_column(TRAIN.texts), TRAIN.names()).score(_column(TEST.texts), TEST.names()):.0%} right"
        ),
        "100% right",
    ),
    python(
        ESTIMATOR,
        "rows drawn from an array (N, 1), as RandomOverSampler does",
        "fit(array[chosen], labels[chosen])",
        _resampled,
        "100% right",
    ),
    python(
        ESTIMATOR,
        "permutation_importance",
        "permutation_importance(classifier, array (N, 1), labels)",
        lambda: (
            f"above .3: {permutation_importance(_nb(), _column(TEST.texts), TEST.names(), n_repeats=2, random_state=0).importances_mean[0] > 0.3}"
        ),
        "above .3: True",
    ),
    python(
        ESTIMATOR,
        "scikit-learn's names of arguments",
        "fit(X=texts, y=labels)",
        lambda: (
            f"{TextClassifier('tfidf-nb').fit(X=TRAIN.texts, y=TRAIN.names()).score(X=TEST.texts, y=TEST.names()):.0%} right"
        ),
        "100% right",
    ),
    python(
        ESTIMATOR,
        "a tokenizer of the wrong kind",
        "replace(config, tokenizer=str.split)",
        _replaced(tokenizer="x"),
        "SettingError: tokenizer is 'x' of type str, expected settings, as in TokenizerConfig(custom=str.split).",
    ),
    python(
        ESTIMATOR,
        "a model of the wrong kind",
        'replace(config, model="x")',
        _replaced(model="x"),
        "SettingError: model is 'x' of type str, expected the settings of a model, a ModelConfig as in TfidfConfig().",
    ),
    python(
        ESTIMATOR,
        "vectors of the wrong kind",
        'TextClassifier("averaging-glove", vectors=5)',
        _fit(system="averaging-glove", vectors=5),
        'SettingError: vectors is 5 of type int, expected a name, a path, WordVectors, gensim\'s KeyedVectors, or a pair of words and a matrix, as in (["sun", "rain"], [[1, 0], [0, 1]]).',
    ),
    python(
        ESTIMATOR,
        "the name of a column of the wrong kind",
        "TextClassifier(text=5)",
        _fit(text=5),
        "SettingError: text is 5 of type int, expected the name of a column or a list of names.",
    ),
    python(
        ESTIMATOR,
        "a system of the wrong kind",
        "TextClassifier(5)",
        _fit(system=5),
        "SettingError: system is 5 of type int, expected a name, as in 'auto', a SystemConfig, or a class of torch.nn.Module. The systems are auto, dan, dan-ngrams, tfidf-svc, tfidf-nb, label-tree, glove-mean, glove-corpus-mean, word2vec-mean, averaging, averaging-glove, averaging-glove-frozen, lstm, lstm-glove, gru, gru-glove, cnn, cnn-glove.",
    ),
    # Options
    weighted("tfidf-nb", 60, "0.51, 0.99, 1.00 of new texts get class 1"),
    weighted("tfidf-nb", 300, "0.50, 1.00, 1.00 of new texts get class 1"),
    weighted("tfidf-svc", 60, "0.53, 0.71, 0.77 of new texts get class 1"),
    weighted("auto", 60, "0.41, 0.93, 1.00 of new texts get class 1"),
    weighted("auto", 300, "0.58, 1.00, 1.00 of new texts get class 1"),
    python(
        OPTIONS,
        "weights of the wrong kind",
        "class_weight=[1, 2]",
        _fit(class_weight=[1, 2]),
        "SettingError: class_weight is [1, 2], expected 'balanced' or a weight for each label, as in {'motor': 2}.",
    ),
    python(
        OPTIONS,
        "a weight that is no number",
        'class_weight={"space": "x"}',
        _fit(class_weight={"space": "x"}),
        "SettingError: class_weight of 'space' is 'x', expected a number of 0 or more, and at most 1e+09.",
    ),
    python(
        OPTIONS,
        "vectors for a system that has none",
        'TextClassifier("tfidf-nb", vectors="x.vec")',
        _fit(vectors="x.vec"),
        "SettingError: the system 'tfidf-nb' does not start from given vectors, so `vectors` cannot replace any. Those that do: glove-mean, averaging-glove, averaging-glove-frozen, lstm-glove, gru-glove, cnn-glove.",
    ),
    python(
        OPTIONS,
        "a budget for a system that searches nothing",
        'TextClassifier("tfidf-nb", budget_seconds=1)',
        _fit(budget_seconds=1),
        "SettingError: the system 'tfidf-nb' has nothing to select, so a budget is of no use to it: leave it out, or take 'auto'.",
    ),
    python(
        OPTIONS,
        "a share of the wrong kind",
        'validation_share="0.1"',
        _fit(validation_share="0.1"),
        "SettingError: validation_share is '0.1' of type str, expected a number between 0 and 1, as in 0.1.",
    ),
    python(
        OPTIONS,
        "what there is no way to keep together",
        'keep_together="similar"',
        _fit(keep_together="similar"),
        "SettingError: keep_together is 'similar', expected 'equal' or 'near'.",
    ),
]
