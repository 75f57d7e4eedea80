"""The columns of a table are a contract: said first, kept with the model, obeyed or refused by name ever after."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

from bywords.artifact.description import load_classifier
from bywords.classifier import TextClassifier
from bywords.cli.main import COMMANDS, app_of
from bywords.data.columns import Columns, SideColumn, fit_columns
from bywords.errors import DataError, SettingError
from bywords.io.datasets import read_files
from bywords.models.tfidf_linear import TfidfConfig, TfidfLinear
from bywords.text.offsets import token_offsets
from bywords.text.tokenizer import Tokenizer, TokenizerConfig
from bywords.text.vocabulary import Vocabulary, VocabularyConfig

OFFICE, GARAGE = ("printer", "paper", "toner", "desk"), ("tyre", "engine", "oil", "brake")
SAID = (
    "please help us with this soon",
    "it is broken again today",
    "we need it now thank you",
    "what can be done here",
)


def rows(n=120):
    """Tickets: the subject tells nothing, the body and the region tell the queue, every third region is missing."""
    found = []
    for index in range(n):
        is_office = index % 2 == 0
        words = OFFICE if is_office else GARAGE
        found.append(
            {
                "id": str(1000 + index),
                "subject": f"{SAID[index % 4]} {index}",
                "body": f"{words[index % 4]} {SAID[(index // 4) % 4]} and {words[(index // 2) % 4]} number {index}",
                "region": "" if index % 3 == 0 else "EU" if is_office else "US",
                "amount": str(index * 7 % 400 + (0 if is_office else 300)),
                "created": f"2024-{index % 12 + 1:02}-{index % 28 + 1:02}",
                "queue": "office" if is_office else "garage",
            }
        )
    return found


COLUMNS = ["--text", "subject", "--text", "body", "--column", "region", "--column", "amount", "--label", "queue"]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "q.csv"
    pl.DataFrame(rows()).write_csv(path)
    return path


def write(path, frame):
    pl.DataFrame(frame).write_csv(path)
    return path


def test_what_is_read_is_said_first_kept_with_the_model_and_in_its_card(bywords, table, tmp_path):
    code, out, _ = bywords("train", table, *COLUMNS, "--out", "m", "--system", "tfidf-svc")
    first = out.splitlines()[0]
    assert code == 0
    assert first == (
        "text: subject + body · columns: region + amount (number in 10 bins) · label: queue · 120 rows · "
        "not read: id, created"
    )
    assert load_classifier("m").record.columns.described() == first.partition(" · 120 rows")[0]
    assert "text: subject + body · columns: region + amount" in (tmp_path / "m" / "README.md").read_text()
    record = json.loads(bywords("train", table, *COLUMNS, "--out", "m", "--system", "tfidf-svc", "--json")[1])
    assert (record["columns"]["text"], record["columns"]["label"]) == (["subject", "body"], ["queue"])
    assert record["columns"]["side"][1]["kind"] == "number"
    assert "Columns that it reads: text: subject + body · columns: region" in bywords("info", "m")[1]


@pytest.fixture
def model(bywords, table):
    assert bywords("train", table, *COLUMNS, "--out", "m", "--system", "tfidf-svc")[0] == 0
    return "m"


@pytest.fixture
def one_text(bywords, table):
    assert bywords("train", table, "--text", "body", "--label", "queue", "--out", "o", "--system", "tfidf-svc")[0] == 0
    return "o"


def test_a_model_reads_its_own_text_column_whatever_another_is_called(bywords, one_text, tmp_path):
    frame = [{"id": row["id"], "body": row["body"], "text": "nothing here"} for row in rows()]
    code, out, error = bywords("predict", one_text, write(tmp_path / "new.csv", frame))
    answers = [json.loads(line)["label"] for line in out.splitlines()]
    assert (code, error.splitlines()[0]) == (0, "text: body · not read: id, text")
    assert answers == [row["queue"] for row in rows()]


@pytest.mark.parametrize("command", ["predict", "evaluate", "explain"])
def test_a_table_without_a_column_of_the_model_is_refused_by_name(bywords, model, tmp_path, command):
    for missing, how in (("body", "--text NAME"), ("region", "Add it")):
        path = write(tmp_path / "new.csv", [{k: v for k, v in row.items() if k != missing} for row in rows()])
        code, out, error = bywords(command, model, path)
        assert (code, out) == (2, "")
        assert f"no column '{missing}', which is read " in error
        assert how in error


@pytest.mark.parametrize("command", ["predict", "evaluate", "explain"])
def test_plain_lines_are_refused_by_a_model_of_several_columns(bywords, model, tmp_path, command):
    (tmp_path / "lines.txt").write_text("__label__office printer\n__label__garage tyre\n")
    code, _, error = bywords(command, model, "lines.txt")
    assert (code, "but the model reads 'subject', 'body', 'region', 'amount'" in error) == (2, True)


def test_a_text_alone_is_refused_by_a_model_of_several_columns(bywords, model):
    code, _, error = bywords("explain", model, "the printer is on fire")
    assert (code, "expected a row of a table with the columns 'subject', 'body'" in error) == (2, True)


def test_the_label_of_the_model_is_read_or_refused_by_name(bywords, one_text, tmp_path):
    frame = [{"body": row["body"], "label": "office", "queue": row["queue"]} for row in rows()]
    _, out, _ = bywords("evaluate", one_text, write(tmp_path / "both.csv", frame))
    assert out.splitlines()[0] == "text: body · label: queue · 120 rows · not read: label"
    assert "Right on 100.0%" in out
    frame = [{"body": row["body"], "label": row["queue"]} for row in rows()]
    code, _, error = bywords("evaluate", one_text, write(tmp_path / "other.csv", frame))
    assert (code, "no column 'queue', which is read as its label" in error) == (2, True)
    assert bywords("evaluate", one_text, "other.csv", "--label", "label")[0] == 0


def test_columns_may_be_called_otherwise_where_that_is_said(bywords, model, one_text, tmp_path):
    renamed = {"subject": "betreff", "body": "inhalt"}
    frame = [{renamed.get(name, name): value for name, value in row.items()} for row in rows()]
    path = write(tmp_path / "de.csv", frame)
    assert bywords("predict", one_text, path, "--text", "inhalt")[0] == 0
    code, out, _ = bywords("evaluate", model, path, "--text", "betreff", "--text", "inhalt")
    assert (code, "Right on 100.0%" in out) == (0, True)
    code, _, error = bywords("evaluate", model, path, "--text", "inhalt")
    assert (code, "the model reads 2 text columns, 'subject', 'body': give --text as many times" in error) == (2, True)


def test_examples_of_mistakes_show_columns_on_lines_of_their_own(bywords, model, tmp_path):
    frame = [{**row, "queue": "garage" if index < 5 else row["queue"]} for index, row in enumerate(rows())]
    path = write(tmp_path / "wrong.csv", frame)
    record = json.loads(bywords("evaluate", model, path, "--examples", "3", "--json")[1])
    (mistake, *_) = record["hardest_confusions"]
    assert "\x1f" not in mistake["examples"][0]["text"]
    assert "\nregion" in mistake["examples"][0]["text"]


def test_the_test_file_is_read_by_the_columns_of_the_training_file(bywords, table, tmp_path):
    frame = [{"text": "nothing", "body": row["body"], "queue": row["queue"]} for row in rows()]
    write(tmp_path / "test.csv", frame)
    _, out, _ = bywords(
        "train", table, "--text", "body", "--label", "queue", "--test", "test.csv", "--system", "tfidf-nb"
    )
    assert "Right on 100.0% of 120 test documents" in out


def test_a_model_on_disk_keeps_its_column_too(bywords, table):
    asked = ["--text", "body", "--label", "queue"]
    for _ in range(2):  # read, and opened again
        code, out, _ = bywords("train", table, *asked, "--on-disk", "disk", "--out", "m")
        assert (code, out.splitlines()[0].startswith("text: body · label: queue · 120 rows")) == (0, True)
    assert load_classifier("m").record.columns == Columns(text=("body",), label=("queue",))
    for more, message in (
        (["--text", "subject"], "leave out all but one --text"),
        (["--column", "region"], "--column"),
    ):
        code, _, error = bywords("train", table, *asked, *more, "--on-disk", "disk", "--out", "m")
        assert (code, message in error) == (2, True)


def options_of_all_commands():
    """Each option of each command, with a value that it could have."""
    from typer.main import get_command

    def walk(command, words):
        for name, below in getattr(command, "commands", {}).items():
            yield from walk(below, [*words, name])
        if not getattr(command, "commands", {}):
            for option in command.params:
                if option.param_type_name == "option" and option.name != "help":
                    yield words, option

    return list(walk(get_command(app_of(COMMANDS)), []))


ALL = options_of_all_commands()


@pytest.mark.parametrize(("words", "option"), ALL, ids=[" ".join([*words, option.opts[0]]) for words, option in ALL])
def test_every_option_given_twice_is_a_list_or_refused(bywords, words, option):
    if option.is_flag:
        given = [[option.opts[0]], [option.opts[0]]]
    else:
        value = getattr(option.type, "choices", ["1"])[0]
        given = [
            [option.opts[0], f"a={value}"]
            if option.multiple and "=" in (option.metavar or "")
            else [option.opts[0], str(value)]
        ] * 2
    code, out, error = bywords(*words, "x", "x", *given[0], *given[1])
    name = max(option.opts, key=len)
    assert (code, out) == (2, "")
    assert f"error: {name} is given 2 times" in error


def test_a_list_of_different_values_is_taken(bywords, table):
    code, out, _ = bywords(
        "train", table, "--text", "subject", "--text", "body", "--label", "queue", "--system", "tfidf-nb"
    )
    assert (code, out.startswith("text: subject + body")) == (0, True)
    code, _, error = bywords("train", table, "--class-weight", "office=1", "--class-weight", "office=2")
    assert (code, "--class-weight is given 2 times for 'office'" in error) == (2, True)


def test_a_model_no_better_than_the_commonest_class_says_so_loudly(bywords, tmp_path):
    frame = [{"text": f"{SAID[n * 7 % 4]} {n * 13 % 17}", "label": "no" if n * 11 % 10 else "yes"} for n in range(400)]
    path = write(tmp_path / "noise.csv", frame)
    _, out, _ = bywords("train", path, "--out", "m", "--system", "tfidf-nb")
    assert "WARNING: this model is no better than always saying 'no'" in out
    _, out, _ = bywords("evaluate", "m", path)
    assert "WARNING: " in out
    record = json.loads(bywords("evaluate", "m", path, "--json")[1])
    assert record["commonest"]["label"] == "no"
    assert not record["commonest"]["is_beaten"]


def test_a_model_that_is_better_is_not_warned_of(bywords, table):
    _, out, _ = bywords("train", table, "--text", "body", "--label", "queue", "--system", "tfidf-svc")
    assert "WARNING" not in out


def tokens_of(side, values):
    parts = side.tokens(pl.Series("x", values, dtype=pl.String))
    return [[part for part in row if part] for row in zip(*parts, strict=True)]


def test_numbers_are_put_into_quantile_bins_that_new_values_fall_into():
    side = SideColumn.fit(pl.Series("x", [str(n) for n in range(1, 101)]))
    assert (side.kind, len(side.edges)) == ("number", 9)
    assert tokens_of(side, ["-5", "1e9", None, "a lot"]) == [
        ["x=up to 10.9"],
        ["x=above 90.1"],
        ["x is missing"],
        ["x is not a number"],
    ]
    counts = pl.Series([row[0] for row in tokens_of(side, [str(n) for n in range(1, 101)])]).value_counts()["count"]
    assert counts.to_list() == [10] * 10


AMOUNTS = [
    ("a fraction behind a comma", "{},50", ("7,50", "7.5"), ("1.207,00", "1207")),
    ("thousands by points, and euros", "1.{:03},50 €", ("1.007,50 €", "1007.5"), ("2.000.000,00", "2000000")),
    ("thousands by commas, and dollars", "$1,{:03}.50", ("$1,007.50", "1007.5"), ("2,000,000", "2000000")),
    ("shares", "{} %", ("7 %", "7"), ("7.0%", "7.0")),
]


@pytest.mark.parametrize(("kind", "pattern", "low", "high"), AMOUNTS, ids=[case[0] for case in AMOUNTS])
def test_amounts_are_numbers_however_they_are_written(kind, pattern, low, high):
    side = SideColumn.fit(pl.Series("x", [pattern.format(n) for n in range(1, 101)]))
    assert (side.kind, len(side.edges)) == ("number", 9)
    for written, plain in (low, high):
        assert tokens_of(side, [written, None]) == tokens_of(side, [plain, None])
        assert tokens_of(side, [plain])[0][0] not in ("x is not a number", "x is missing")


@pytest.mark.parametrize(("pattern", "mate", "unclear"), [("{}.5", "1,5", "1,234"), ("{},5", "1.5", "1.234")])
def test_a_number_is_the_same_whatever_stands_in_other_rows(pattern, mate, unclear):
    side = SideColumn.fit(pl.Series("x", [pattern.format(37 * n) for n in range(100)]))
    assert tokens_of(side, [unclear, mate])[0] == tokens_of(side, [unclear])[0]
    assert f"{unclear!r} is read as 1234 all the same" in (side.surprise(pl.Series([mate, unclear])) or "")
    assert side.surprise(pl.Series([unclear])) is None


def thousands(sign, *others):
    """Values that may be thousands or fractions, and a few others."""
    return pl.Series("x", [f"{n}{sign}{n:03}" for n in range(101, 201)] + list(others))


@pytest.mark.parametrize("others", [["1.234.567"], ["1,5", "12,75"], ["1.234,50"]])
def test_one_value_says_for_its_column_what_its_points_are(others):
    side = SideColumn.fit(thousands(".", *others))
    assert (side.decimal, tokens_of(side, ["150.150"])) == (",", tokens_of(side, ["150150"]))
    assert side.doubt(thousands(".", *others)) is None
    shares = pl.Series("x", [f"0.{n:03}" for n in range(101, 201)])
    assert (SideColumn.fit(shares).decimal, SideColumn.fit(shares).doubt(shares)) == (".", None)


@pytest.mark.parametrize(("sign", "read"), [(".", "101.101"), (",", "101101")])
def test_where_no_value_says_what_the_points_of_a_column_are_that_is_said(bywords, tmp_path, sign, read):
    assert f"'101{sign}101' is read as {read}." in SideColumn.fit(thousands(sign)).doubt(thousands(sign))
    table = [{**row, "amount": value} for row, value in zip(rows(), thousands(sign), strict=False)]
    said = bywords("train", write(tmp_path / "t.csv", table), *COLUMNS, "--system", "tfidf-nb")[2]
    assert "may have a sign of thousands or of decimals" in said.replace("\n", " ")


def test_the_order_of_days_and_months_is_said_and_kept():
    said = [SideColumn.fit(pl.Series("x", [day])).described() for day in ("29/02/2024", "02/29/2024", "2024-02-29")]
    assert said == ["x (date, day/month/year)", "x (date, month/day/year)", "x (date)"]
    side = SideColumn.fit(pl.Series("x", ["29/02/2024", "01/12/2023"]))
    assert tokens_of(side, ["01/05/2024"])[0][1] == "x month=5"
    assert tokens_of(side, ["01/29/2024"]) == [["x is not a date"]]


def test_a_date_is_the_same_day_whatever_a_later_file_writes():
    side = SideColumn.fit(pl.Series("x", ["29/02/2024", "01/12/2023"]))
    expected = ["x year=2024", "x month=5", "x weekday=Wednesday"]
    for written in ("01/05/2024", "2024-05-01", "2024-05-01 00:00:00.000000", "01.05.2024", "2024-05-01T00:00:00Z"):
        assert tokens_of(side, [written]) == [expected]


def test_a_value_is_the_same_in_a_file_and_in_any_frame(tmp_path):
    pandas = pytest.importorskip("pandas")
    from bywords.data.columns import frame_columns
    from bywords.io.readers import read_corpus

    frame = pandas.DataFrame({"t": ["a", "b", "c"], "y": [2021, 2022, None], "v": [True, False, True]})
    frame["d"] = pandas.to_datetime(["2024-02-29", "2024-03-01", "2024-03-02"])
    polars = pl.DataFrame({name: frame[name].tolist() for name in frame}).with_columns(pl.col("y").fill_nan(None))
    frame.assign(label="x").to_csv(tmp_path / "x.csv", index=False)
    polars.with_columns(label=pl.lit("x")).write_parquet(tmp_path / "x.parquet")
    columns = fit_columns(frame_columns(frame, ["t", "y", "v", "d"]), ["t"], ["y", "v", "d"], ["label"])
    made = [columns.texts(frame_columns(data, columns.inputs)).to_list() for data in (frame, polars)]
    made += [read_corpus(tmp_path / name, contract=columns).texts.to_list() for name in ("x.csv", "x.parquet")]
    assert made == [made[0]] * 4
    assert made[0][0].endswith("\x1fy=2021\x1fv=true\x1fd year=2024\x1fd month=2\x1fd weekday=Thursday")
    assert "y is missing" in made[0][2]


def test_a_text_column_of_a_frame_is_read_by_its_name_alone():
    pandas = pytest.importorskip("pandas")
    expected = fitted(text="body").predict(rows()).tolist()
    for frame in (pandas.DataFrame(rows()), pandas.DataFrame(rows())[["body"]], pl.DataFrame(rows())):
        classifier = TextClassifier("tfidf-svc", text="body").fit(frame, [row["queue"] for row in rows()])
        assert classifier.predict(frame).tolist() == expected


def test_rows_that_are_no_table_yet_are_refused_by_what_they_are():
    classifier = fitted(text=["subject", "body"])
    for data, message in (
        (pl.DataFrame(rows()).lazy(), "call its collect first"),
        ({"subject": ["a", "b"], "body": ["c"]}, "different numbers of values: {'subject': 2, 'body': 1}"),
    ):
        with pytest.raises(DataError, match=message):
            classifier.predict(data)


def test_two_columns_of_one_name_in_a_frame_are_refused():
    pandas = pytest.importorskip("pandas")
    twice = pandas.DataFrame([["a b", "c d", "x"]] * 4, columns=["t", "t", "r"])
    with pytest.raises(DataError, match="two columns called 't'"):
        TextClassifier("tfidf-svc", text="t").fit(twice, ["a", "b"] * 2)


def test_a_new_date_that_is_none_and_a_new_category_are_answered_too():
    side = SideColumn.fit(pl.Series("x", ["2024-02-29", "2023-12-01"]))
    assert tokens_of(side, ["soon", None]) == [["x is not a date"], ["x is missing"]]


def test_a_few_values_that_are_no_numbers_leave_a_column_one_of_numbers():
    values = [str(n) for n in range(1, 100)] + ["n/a"]
    side = SideColumn.fit(pl.Series("x", values))
    assert side.kind == "number"
    assert tokens_of(side, ["n/a"]) == [["x is not a number"]]


def test_a_search_over_rows_takes_frames():
    pandas = pytest.importorskip("pandas")
    from sklearn.model_selection import cross_val_score

    frame = pandas.DataFrame(rows())
    classifier = TextClassifier("tfidf-nb", text=["subject", "body"], columns=["region"])
    assert cross_val_score(classifier, frame, frame["queue"], cv=2).mean() > 0.9


def fitted(**more):
    frame = rows()
    labels = [row["queue"] for row in frame]
    return TextClassifier("tfidf-svc", **more).fit(frame, labels)


def test_frames_and_lists_of_dicts_give_the_same_answers():
    pandas = pytest.importorskip("pandas")
    classifier = fitted(text=["subject", "body"], columns=["region", "amount"])
    expected = classifier.predict_proba(rows())
    for data in (pl.DataFrame(rows()), pandas.DataFrame(rows()), pl.DataFrame(rows()).to_dict(as_series=False)):
        assert (classifier.predict_proba(data) == expected).all()
    with pytest.raises(DataError, match="no column 'amount'"):
        classifier.predict(pl.DataFrame(rows()).drop("amount"))
    with pytest.raises(DataError, match="text 0 is a text alone"):
        classifier.predict(["the printer is on fire"])
    with pytest.raises(SettingError, match="stand beside a text"):
        TextClassifier(columns=["region"]).fit(rows(), ["a"] * 60 + ["b"] * 60)


def test_missing_values_of_a_frame_are_missing_whatever_they_are():
    columns = fit_columns({"t": pl.Series(["a", "b"]), "r": pl.Series(["EU", None])}, ["t"], ["r"])
    from bywords.fitted import documents_of

    data = [{"t": "a", "r": None}, {"t": "a", "r": float("nan")}, {"t": "a"}, {"t": "a", "r": " "}]
    data += [{"t": "a", "r": none} for none in (pd.NA, pd.NaT, np.ma.masked)]
    nullable = pd.DataFrame({"t": ["a"], "r": pd.array([None], dtype="Int64")})
    assert {*documents_of(data, columns), *documents_of(nullable, columns)} == {documents_of(data, columns)[0]}


def test_a_saved_classifier_of_rows_answers_the_same(tmp_path):
    classifier = fitted(text=["subject", "body"], columns=["region", "amount"])
    classifier.save(tmp_path / "m")
    loaded = TextClassifier.load(tmp_path / "m")
    assert (loaded.predict_proba(rows()) == classifier.predict_proba(rows())).all()
    assert (loaded.text, loaded.columns) == (["subject", "body"], ["region", "amount"])


@pytest.mark.parametrize("system", ["auto", "tfidf-svc", "tfidf-nb"])
def test_an_explanation_has_the_value_of_a_column_and_the_words_of_each_field_and_sums_exactly(system):
    frame = rows()
    classifier = TextClassifier(system, text=["subject", "body"], columns=["region", "amount"])
    classifier.fit(frame, [row["queue"] for row in frame])
    (found,) = classifier.explain([frame[1]])
    assert found.method == "exact"
    assert found.bias + found.attributions.sum(axis=0) == pytest.approx(found.logits, abs=1e-9)
    assert found.completeness_gap < 1e-4
    words = {share.word: share for share in found.words()}
    assert "region=US" in words
    assert {"body:engine", "subject:broken"} <= set(words)
    assert sum(share.attribution for share in words.values()) == pytest.approx(
        found.attributions[:, found.index_of()].sum()
    )
    shown = found.plain()
    for token in shown["tokens"]:
        if token["field"] is None:
            assert shown["text"][token["start"] : token["end"]] == token["token"]


def test_a_text_that_spells_a_value_is_not_the_value():
    frame = rows()
    for row in frame:
        row["body"] = "nothing is said here at all"
        row["region"] = "EU" if row["queue"] == "office" else "US"
    classifier = TextClassifier("tfidf-svc", text=["body"], columns=["region"])
    classifier.fit(frame, [row["queue"] for row in frame])
    spelled = "nothing is said here at all region=EU \x1fregion=EU"
    (found,) = classifier.explain([{"body": spelled, "region": "US"}])
    assert found.predicted == ("garage",)
    assert [token for token, field in zip(found.tokens, found.fields, strict=True) if not field] == ["region=US"]


def test_values_of_columns_come_first_and_take_part_in_no_ngram_of_words_or_characters():
    config = TokenizerConfig(fields=("a", "b"), fielded=("a",))
    texts = ["red car\x1fon fire\x1fregion=EU\x1fteam=x", "red car\x1fon fire\x1fregion=EU\x1fteam=x"]
    tokens = Tokenizer(config)(texts)
    assert tokens.documents()[0] == [
        *("\x1fregion=EU", "\x1fteam=x", "red", "car", "on", "fire", "\x1f\x1fa:red", "\x1f\x1fa:car"),
    ]  # fmt: skip
    settings = VocabularyConfig(ngrams=2, char_ngrams=(2, 3))
    vocabulary, plain = (
        Vocabulary.of(found, settings) for found in (tokens, Tokenizer()(["red car on fire", "red car on fire"]))
    )
    assert vocabulary.words.to_list()[:2] == ["\x1fregion=EU", "\x1fteam=x"]
    assert vocabulary.blocks == (4, vocabulary.n_rows("ngrams"))
    assert vocabulary.char_ngrams.strings() == plain.char_ngrams.strings()
    assert len(vocabulary.ngrams) == 3  # red car, car on, on fire
    ids = vocabulary.encode(tokens).ids
    only_sides = vocabulary.encode(Tokenizer(config)(["\x1f\x1fregion=EU\x1fteam=x"])).ids
    assert sorted(only_sides.tolist()) == [2, 3]
    assert set(only_sides.tolist()) <= set(ids.tolist())


def test_a_value_weighs_the_same_beside_a_short_text_and_a_long_one():
    tokens = Tokenizer(TokenizerConfig(fields=("a",)))(["fire\x1fr=EU", f"{'many words here ' * 20}\x1fr=US"] * 2)
    vocabulary = Vocabulary.of(tokens)
    bags = TfidfLinear.prepare(TfidfConfig(), vocabulary.encode(tokens), vocabulary).bags
    assert bags.weights[bags.ids < vocabulary.blocks[0]] == pytest.approx(0.5**0.5)


def test_offsets_of_a_row_are_those_of_its_values_and_words():
    config = TokenizerConfig(fields=("a", "b"), fielded=("b",))
    row = "Red car\x1fOn fire\x1fregion=EU\x1f\x1fteam=x"
    found = [row[start:end] for start, end in token_offsets(row, config).tolist()]
    assert found == ["region=EU", "team=x", "Red", "car", "On", "fire", "On", "fire"]
    assert len(found) == len(Tokenizer(config)([row]).codes)


def test_words_are_fielded_where_the_field_changes_what_they_say():
    frame = []
    for index in range(400):
        left, right = ("red", "blue") if index % 2 else ("blue", "red")
        frame.append(
            {"a": f"{left} {SAID[index % 4]}", "b": f"{right} {SAID[index // 4 % 4]} {index % 7}", "q": str(index % 2)}
        )
    labels = [row["q"] for row in frame]
    classifier = TextClassifier("tfidf-svc", text=["a", "b"]).fit(frame, labels)
    assert classifier.score(frame, labels) == 1.0
    assert any("with the name of their field too" in note for note in classifier.fitted_.record.notes)
    joined = fitted(text=["subject", "body"])
    assert any("are learned " in note for note in joined.fitted_.record.notes)


def test_audit_finds_the_column_that_gives_the_class_away(bywords, tmp_path):
    frame = [{**row, "team": "north" if row["queue"] == "office" else "south"} for row in rows()]
    path = write(tmp_path / "leak.csv", frame)
    asked = ["--text", "subject", "--text", "body", "--label", "queue"]
    code, out, _ = bywords("audit", path, *asked, "--column", "team", "--column", "created")
    assert code == 0
    assert "column “team=north”: 60 of 60 documents with it are office" in out
    assert "“created" not in out
    record = json.loads(bywords("audit", path, *asked, "--column", "team", "--json")[1])
    assert record["data"]["columns"] == "text: subject + body · columns: team · label: queue"


@pytest.mark.parametrize(
    "command", [["compare", "--systems", "tfidf-svc,tfidf-nb"], ["curve", "--system", "tfidf-nb", "--seeds", "1"]]
)
def test_compare_and_curve_read_columns_too(bywords, tmp_path, command):
    name, *more = command
    path = write(tmp_path / "q.csv", rows(240))
    code, out, error = bywords(name, path, *COLUMNS, *more)
    assert (code, error) == (0, "")
    assert out.startswith(
        "text: subject + body · columns: region + amount (number in 10 bins) · label: queue · 240 rows"
    )


def test_a_model_of_rows_is_continued_with_rows(bywords, table, model):
    code, out, error = bywords("train", table, "--from", model, "--out", "more")
    assert (code, error) == (0, "")
    assert out.startswith("text: subject + body · columns: region")
    assert load_classifier("more").record.columns == load_classifier(model).record.columns


def test_several_files_are_one_contract(bywords, table, tmp_path):
    """All are read by the columns of the first, and the model obeys them ever after."""
    second = write(tmp_path / "second.csv", pl.DataFrame(rows()).select("queue", "amount", "region", "body", "subject"))
    model = tmp_path / "m"
    code, out, _ = bywords("train", table, second, "--out", model, "--system", "tfidf-svc", *COLUMNS)
    read = "text: subject + body · columns: region + amount (number in 10 bins)"
    assert (code, out.splitlines()[0]) == (0, f"{read} · label: queue · 240 rows · not read: id, created")
    assert load_classifier(model).record.columns.described() == f"{read} · label: queue"
    assert bywords("predict", model, second)[2].splitlines()[0] == f"{read} · not read: queue"
    third = write(tmp_path / "third.csv", pl.DataFrame(rows()).drop("amount"))
    code, _, error = bywords("train", table, third, "--out", model, "--system", "tfidf-svc", *COLUMNS)
    assert code == 2
    assert "third.csv has no column 'amount', which is read beside the text." in error


@pytest.mark.parametrize("command", ["predict", "evaluate", "explain"])
def test_values_that_are_none_of_those_learned_from_are_said(bywords, model, tmp_path, command):
    known = write(tmp_path / "known.csv", rows()[:9])
    assert "values are no" not in "".join(bywords(command, model, known)[1:])
    odd = [{**row, "region": row["region"] and f"Region {row['region']}", "amount": "a lot"} for row in rows()[:9]]
    said = "".join(bywords(command, model, write(tmp_path / "new.csv", odd))[1:])
    assert "of column 'region', 6 of 6 values are none that the model has seen: 'Region US', say" in said.replace(
        "\n", " "
    )
    assert "of column 'amount', 9 of 9 values are no number, which the model takes this column for: 'a lot'" in said


def test_values_that_are_none_of_those_learned_from_are_warned_of_in_python():
    frame = pl.DataFrame(rows(60))
    classifier = TextClassifier("tfidf-nb", text=["subject", "body"], columns=["region", "amount"])
    classifier.fit(frame, frame["queue"]).predict(frame)
    odd = frame.with_columns(amount=pl.lit("a lot"))
    with pytest.warns(UserWarning, match="of column 'amount', 60 of 60 values are no number"):
        classifier.predict(odd)
    classifier.predict(odd[:3])  # of a few rows, chance may be all there is to it


def test_a_column_of_nothing_but_missing_values_is_no_surprise():
    for learned in (["EU", "US"], ["2024-02-29", "2023-12-01"], [str(n) for n in range(100)]):
        side = SideColumn.fit(pl.Series("x", learned))
        assert side.surprise(pl.Series("x", [None, ""], dtype=pl.String)) is None
        assert side.surprise(pl.Series("x", learned)) is None
        assert "1 of 1 values are no" in side.surprise(pl.Series("x", ["soon"]))


def test_one_of_several_files_may_have_more_columns_or_others_which_is_said(tmp_path):
    said = [
        (f"the {word} is broken again {n}", kind) for n, (word, kind) in enumerate(zip(OFFICE, "abab", strict=True))
    ]
    texts, kinds = ([row[part] for row in said] for part in (0, 1))
    first = write(tmp_path / "first.csv", {"anfrage": texts, "amt": kinds})
    more = write(tmp_path / "more.csv", {"note": texts, "amt": kinds, "anfrage": texts, "nr": kinds})
    others = write(tmp_path / "others.csv", {"label": kinds, "text": texts})
    corpus = read_files([str(first), str(more), str(others)])
    assert corpus.texts.to_list() == 3 * texts
    assert corpus.read_as == Columns(text=("anfrage",), label=("amt",))
    assert corpus.not_read == ("note", "nr")
    note = "others.csv: is read by other columns than the first: text: text · label: label"
    assert [one for one in corpus.notes if "other columns" in one] == [note]
