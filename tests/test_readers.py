"""Reading documents: what each format gives, and what is said about files that cannot be read."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import re
import sys
import tarfile

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bywords.errors import DataError, SettingError
from bywords.io import csv as csv_format
from bywords.io.readers import read_blocks, read_corpus
from bywords.io.streams import Input, Lines, Skipped

zstandard = pytest.importorskip("zstandard")

TEXTS = ["a fine, “fine” film", 'he said "no"', "über 3.50 €"]
LABELS = ["pos", "neg", "pos"]


def as_csv(separator=","):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows([("text", "label"), *zip(TEXTS, LABELS, strict=True)])
    return out.getvalue().encode()


def as_json_lines():
    rows = zip(TEXTS, LABELS, strict=True)
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows).encode()


def as_parquet():
    out = io.BytesIO()
    pl.DataFrame({"text": TEXTS, "label": LABELS}).write_parquet(out)
    return out.getvalue()


def as_fasttext():
    return "".join(f"__label__{label} {text}\n" for text, label in zip(TEXTS, LABELS, strict=True)).encode()


FORMATS = {
    ".csv": as_csv,
    ".tsv": lambda: as_csv("\t"),
    ".jsonl": as_json_lines,
    ".ndjson": as_json_lines,
    ".parquet": as_parquet,
    ".txt": as_fasttext,
    ".ft": as_fasttext,
    ".train": as_fasttext,
}
COMPRESSIONS = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


@pytest.fixture
def write(tmp_path):
    def write_file(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def read_texts(path, **options):
    blocks = [block.texts for block in read_blocks(path, **options)]
    return pl.concat(blocks) if blocks else pl.Series("text", [], dtype=pl.String)


def labels_of(corpus):
    return [corpus.label_names[label] for label in corpus.labels]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_the_same_documents_compressed_or_not(write, ending, compression):
    path = write(f"films{ending}{compression}", COMPRESSIONS[compression](FORMATS[ending]()))
    corpus = read_corpus(path)
    assert corpus.texts.to_list() == TEXTS
    assert labels_of(corpus) == LABELS
    assert corpus.rows.tolist() == [0, 1, 2]
    assert corpus.name == path.name
    assert read_texts(path).to_list() == TEXTS


def test_endings_may_be_upper_case(write):
    assert len(read_corpus(write("FILMS.CSV.GZ", gzip.compress(as_csv())))) == 3


def test_a_folder_has_a_class_in_each_of_its_folders(write, tmp_path):
    for name, text in {
        "pos/2.txt": "fine\n",
        "pos/1.txt": "good",
        "neg/1": "",
        "readme.txt": "x",
        "pos/.x": "y",
    }.items():
        write(f"films/{name}", text)
    corpus = read_corpus(tmp_path / "films")
    assert corpus.name == "films"
    assert corpus.texts.to_list() == ["", "good", "fine\n"]
    assert labels_of(corpus) == ["neg", "pos", "pos"]


def test_a_folder_is_read_in_the_order_of_its_names(write, tmp_path):
    names = [f"{number:02}" for number in range(20)]
    for name in [*names[10:], *names[9::-1]]:
        write(f"films/pos/{name}.txt", name)
    assert read_corpus(tmp_path / "films").texts.to_list() == names


def test_folders_of_another_form_are_refused(write, tmp_path):
    write("films/train/pos/1.txt", "good")
    with pytest.raises(DataError, match=r"pos is a folder, expected a file .* Give the folder that holds"):
        read_corpus(tmp_path / "films")
    with pytest.raises(DataError, match="has no folders in it"):
        read_corpus(tmp_path / "films/train/pos")
    with pytest.raises(DataError, match="is a folder, expected a file"):
        read_texts(tmp_path / "films")
    (tmp_path / "films/train/neg").mkdir()
    with pytest.raises(DataError, match="neg is empty"):
        read_corpus(tmp_path / "films/train")
    with pytest.raises(SettingError, match=r"films is a folder and has no columns: leave out --label y"):
        read_corpus(tmp_path / "films", label="y")
    write("latin/pos/1.txt", b"caf\xe9")
    with pytest.raises(DataError, match=r"1\.txt, line 1: the byte 0xe9 at offset 3 is not UTF-8"):
        read_corpus(tmp_path / "latin")


# What stands in the file is what comes out.

fields = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('",;\n\r\t\ufeff'), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(fields, st.sampled_from(["p", "q,", '"']), fields), min_size=1, max_size=5), st.booleans())
def test_whatever_the_csv_module_writes_is_read_back(tmp_path, rows, quote_all):
    path = tmp_path / "any.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
        csv.writer(file, quoting=quoting).writerows([("text", "label", "more"), *rows])
    corpus = read_corpus(path)
    assert corpus.texts.to_list() == [text for text, _, _ in rows]
    assert labels_of(corpus) == [label for _, label, _ in rows]


pieces = st.sampled_from(["a", "b", ",", "\n", '"', '""', "\r\n", " ", "x,y\n", '"q",z\n', "é,z\n"])


@given(st.lists(pieces, max_size=12).map("".join), st.sampled_from(",\t"))
def test_fast_reading_is_strict_reading_wherever_it_is_taken(content, separator):
    content = ("a,b\n" + content).replace(",", separator)
    frame = csv_format.read_fast(content.encode(), separator)
    if frame is not None:
        reader = csv_format._Reader("x.csv", csv_format.Dialect(separator), None)
        strict = [record for _, record in reader._strict(Lines(content.encode(), 1, 0), is_end=True)[0]]
        assert [[value or "" for value in row] for row in frame.rows()] == strict


@pytest.mark.parametrize("row", ['"b" c,d\n', 'b,""c""\n', '""b"c",d\n', 'b,""c"\n"\n', 'b "c" d,e\n', '"b,c\n'])
def test_fast_reading_is_not_taken_where_quotes_are_not_around_whole_fields(row):
    data = f"text,label\n{row}".encode()
    assert not csv_format.has_plain_quotes(data, ",")
    assert csv_format.read_fast(data, ",") is None


def test_fast_reading_is_taken_for_well_formed_files():
    assert csv_format.read_fast(as_csv(), ",") is not None
    assert csv_format.read_fast(b'text,label\r\n"a ""b""\r\nc",p\r\n"",q', ",") is not None


@given(st.lists(st.text(max_size=12), min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_json_writes_is_read_back_but_for_halves_of_characters(tmp_path, texts):
    path = tmp_path / "any.jsonl"
    path.write_text("\n".join(json.dumps({"text": text, "label": "p"}) for text in texts), encoding="utf-8")
    expected = [text.encode("utf-8", "replace").decode() for text in texts]
    assert read_corpus(path).texts.to_list() == expected


def test_half_a_surrogate_pair_becomes_a_question_mark(write):
    assert read_texts(write("x.jsonl", '{"text": "so \\ud83d"}\n')).to_list() == ["so ?"]


def test_numbers_and_truth_values_stay_as_they_are_written(write):
    csv_file = write("x.csv", "text,label\n007,1\n1.50,0\nNaN,10\n")
    assert read_corpus(csv_file).texts.to_list() == ["007", "1.50", "NaN"]
    assert read_corpus(csv_file).label_names == ("0", "1", "10")
    json_file = write("x.jsonl", '{"text": 1.50, "label": 3}\n{"text": 12345678901234567890, "label": 3.0}\n')
    assert read_corpus(json_file).texts.to_list() == ["1.50", "12345678901234567890"]
    assert labels_of(read_corpus(json_file)) == ["3", "3.0"]
    assert read_corpus(write("y.jsonl", '{"text": "a", "label": true}')).label_names == ("true",)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1, 0], ["1", "0"]), ([True, False], ["true", "false"]), ([1.0, 2.5], ["1.0", "2.5"])],
)
def test_parquet_labels_become_strings(tmp_path, values, expected):
    pl.DataFrame({"text": ["a", "b"], "label": values}).write_parquet(tmp_path / "x.parquet")
    assert labels_of(read_corpus(tmp_path / "x.parquet")) == expected


def test_white_space_around_a_label_is_no_part_of_it(write):
    assert read_corpus(write("x.csv", "text, label\na, p\nb,p\n")).label_names == ("p",)


def test_a_missing_text_is_an_empty_one(write, tmp_path):
    assert read_corpus(write("x.csv", 'text,label\n,p\n"",q\n')).texts.to_list() == ["", ""]
    lines = '{"text": null, "label": "p"}\n\n{"label": "q"}\n{"text": "a", "label": "q"}\n'
    assert read_corpus(write("x.jsonl", lines)).texts.to_list() == ["", "", "a"]
    pl.DataFrame({"text": [None, "a"], "label": ["p", "q"]}).write_parquet(tmp_path / "x.parquet")
    assert read_corpus(tmp_path / "x.parquet").texts.to_list() == ["", "a"]
    assert read_corpus(write("x.txt", "__label__p\n__label__q a\n")).texts.to_list() == ["", "a"]


def test_a_byte_order_mark_is_no_part_of_the_first_column(write):
    mark = "\ufeff"
    assert len(read_corpus(write("x.csv", mark + "text,label\na,p\n"))) == 1
    assert len(read_corpus(write("x.jsonl", mark + '{"text": "a", "label": "p"}'))) == 1
    assert len(read_corpus(write("x.txt", mark + "__label__p a\n"))) == 1


def test_texts_may_be_longer_than_the_csv_module_allows_and_its_limit_stays(write):
    long = "x " * 100_000
    path = write("x.csv", f'text,label,note\n"{long}",p,\nb,q,\n')  # an empty last field: read strictly
    before = csv.field_size_limit(1_000)
    try:
        assert read_corpus(path).texts[0] == long
        assert csv.field_size_limit() == 1_000
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_csv_may_be_separated_by_semicolons_or_tabs(write, separator):
    corpus = read_corpus(write("x.csv", "text;label\na, b;p\nc;q\n".replace(";", separator)))
    assert corpus.texts.to_list() == ["a, b", "c"]


def test_quotes_in_a_tsv_are_plain_signs_where_they_do_not_enclose_fields(write):
    corpus = read_corpus(write("x.tsv", 'text\tlabel\n"Fine" film\tp\n"so\tq\nbad"\tq\n'))
    assert corpus.texts.to_list() == ['"Fine" film', '"so', 'bad"']
    assert read_corpus(write("y.tsv", 'text\tlabel\n"so\tq\nbad"\tq\n')).texts.to_list() == ['"so', 'bad"']
    assert read_corpus(write("z.tsv", 'text\tlabel\n"two\nlines"\tq\n')).texts.to_list() == ["two\nlines"]


def test_lines_end_at_line_ends_alone(write):
    assert read_texts(write("x.txt", "a\u2028b\x0bc\x85d\r\ne\n\nf")).to_list() == ["a\u2028b\x0bc\x85d", "e", "", "f"]
    assert read_corpus(write("x.ft", "__label__p a\u2028b\n")).texts.to_list() == ["a\u2028b"]


def test_standard_input_is_one_document_a_line(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("erste\nzweite é\n".encode())))
    assert read_texts("-").to_list() == ["erste", "zweite é"]


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress])
def test_standard_input_may_be_compressed(monkeypatch, packed):
    def come(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))

    content = packed("erste\nzweite é\n".encode())
    come(content)
    assert read_texts("-").to_list() == ["erste", "zweite é"]
    come(packed("erste\nzweite é\n".encode("utf-16")))
    assert read_texts("-").to_list() == ["erste", "zweite é"]
    come(content[:-6])
    with pytest.raises(DataError, match="standard input: the compressed data is damaged or cut off"):
        read_texts("-")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tarred:
        tarred.addfile(tarfile.TarInfo("a.txt"))
    come(packed(archive.getvalue()))
    with pytest.raises(DataError, match="standard input is an archive of files"):
        read_texts("-")


def test_a_fasttext_label_may_stand_anywhere_in_its_line(write):
    corpus = read_corpus(write("x.txt", "\n__label__a-b  x  y\n\nz __label__c w\nv __label__c\n"))
    assert corpus.texts.to_list() == ["x  y", "z w", "v"]
    assert labels_of(corpus) == ["a-b", "c", "c"]


# Documents with any number of labels.

SETS = [("joy", "love"), (), ("anger",)]


def as_label_columns(names=("love", "anger", "joy"), yes="1", no="0"):
    rows = zip("abc", SETS, strict=True)
    return f"text,{','.join(names)}\n" + "".join(
        f"{text},{','.join(yes if name in labels else no for name in names)}\n" for text, labels in rows
    )


MULTILABEL = {
    "x.jsonl": (
        '{"text": "a", "labels": ["love", " joy"]}\n{"text": "b", "labels": []}\n{"text": "c", "labels": ["anger"]}\n',
        {},
    ),
    "x.csv": ("text,label\na,love| joy|\nb,\nc,anger\n", {"label_separator": "|"}),
    "y.csv": (as_label_columns(), {"label": ["love", "anger", "joy"]}),
    "z.csv": (as_label_columns(yes="Yes", no=""), {"label": ("joy", "anger", "love"), "text": "text"}),
    "w.csv": (as_label_columns(yes="true", no="false"), {"label": ("joy", "anger", "love")}),
    "x.txt": ("__label__love __label__joy a\nb\nc __label__anger\n", {}),
    "y.txt": ("b\n__label__love a __label__joy\n__label__anger c\n", {}),
}


@pytest.mark.parametrize("name", MULTILABEL)
def test_documents_may_have_any_number_of_labels(write, name):
    content, options = MULTILABEL[name]
    corpus = read_corpus(write(name, content), **options)
    assert corpus.is_multilabel
    assert corpus.label_names == ("anger", "joy", "love")
    found = dict(zip(corpus.texts.to_list(), corpus.names().tolist(), strict=True))
    assert found == dict(zip("abc", SETS, strict=True))


def test_parquet_may_have_lists_of_labels_or_columns_of_them(tmp_path):
    frame = pl.DataFrame({"text": ["a", "b"], "labels": [[1, 2], []], "u": [1.0, None], "v": [False, True]})
    frame.write_parquet(tmp_path / "x.parquet")
    corpus = read_corpus(tmp_path / "x.parquet")
    assert (corpus.label_names, corpus.names().tolist()) == (("1", "2"), [("1", "2"), ()])
    corpus = read_corpus(tmp_path / "x.parquet", label=["u", "v"])
    assert (corpus.label_names, corpus.names().tolist()) == (("u", "v"), [("u",), ("v",)])


def test_a_label_column_without_documents_is_a_label_all_the_same(write):
    corpus = read_corpus(write("x.csv", "text,p,q\na,1,0\nb,0,0\n"), label=["q", "p"])
    assert (corpus.label_names, corpus.counts().tolist()) == (("p", "q"), [1, 0])


def test_a_single_label_stays_single(write):
    assert not read_corpus(write("x.txt", "__label__p a\n__label__q b\n")).is_multilabel
    assert not read_corpus(write("x.csv", "text,label,joy\na,p,1\nb,q,0\n"), label=["joy"]).is_multilabel
    assert read_corpus(write("x.csv", "text,label\na,p\nb,q\n"), label_separator="|").is_multilabel


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        (
            "x.jsonl",
            '{"text": "a", "labels": ["p"]}\n{"text": "b"}\n',
            {},
            "line 2: the label .*an empty one for",
        ),
        ("x.jsonl", '{"text": "a", "label": "p"}\n{"text": "a", "label": ["p"]}\n', {}, "line 2: 'label' holds a list"),
        (
            "x.jsonl",
            '{"text": "a", "label": [{"p": 1}]}\n',
            {},
            "line 1: 'label' holds a list or an object, expected one",
        ),
        ("x.jsonl", '{"text": "a", "label": ["p"]}\n', {"label_separator": ","}, "holds lists of labels: leave out"),
        ("x.csv", "text,p,q\na,1,0\nb,2,0\n", {"label": ["p", "q"]}, "line 3: the label column 'p' holds '2', exp"),
        ("x.csv", "text,p,q\na,1,0\n", {"label": ["p", "p"]}, "'p' is named twice"),
        ("x.csv", "text,p,q\na,1,0\n", {"label": ["p", "r"]}, "has no column 'r'"),
        ("x.csv", "text,p,q\na,1,0\n", {"label": ["p", "text"], "text": "text"}, "both the column 'text'"),
        ("x.csv", "a,p,q,b\na,1,0,b\n", {"label": ["p", "q"]}, "cannot tell which column is the text"),
        (
            "x.csv",
            "text,p,q\na,1,0\n",
            {"label": ["p", "q"], "label_separator": "|"},
            "several label columns: leave out",
        ),
        ("x.csv", "text,label\na,b\n", {"label_separator": ""}, "--label-separator is empty"),
        ("x.txt", "__label__p a\n", {"label_separator": "|"}, r"has no columns: leave out --label-separator \|"),
        ("x.txt", "__label__p a\n", {"label": ["p", "q"]}, "has no columns: leave out --label p q"),
    ],
)
def test_labels_in_sets_that_cannot_be_read_are_named(write, name, content, options, message):
    with pytest.raises((DataError, SettingError), match=message):
        read_corpus(write(name, content), **options)


# Which column is which.


@pytest.mark.parametrize(
    "header",
    [
        "Review,Sentiment,id",
        "id,text,label",
        "text,title,label",
        "label,class,tweet",
        "content,Y,stars",
        "TEXT,id,Label",
    ],
)
def test_well_known_column_names_are_found(write, header):
    columns = header.split(",")
    values = {name: "a text" if name.lower() in ("review", "text", "tweet", "content") else name for name in columns}
    corpus = read_corpus(write("x.csv", header + "\n" + ",".join(values.values()) + "\n"))
    assert corpus.texts.to_list() == ["a text"]
    assert corpus.label_names[0].lower() in ("sentiment", "label", "y")


LONG = ["a long and winding text", "another one of them", "and here is a third", "all good things end"]


@pytest.mark.parametrize("header", ["phrase,polarity", "phrase,label", "text,polarity"])
def test_of_two_columns_one_is_the_text_if_that_is_plain(write, header):
    rows = "".join(f"{text},{n % 2}\n" for n, text in enumerate(LONG))
    assert read_corpus(write("x.csv", f"{header}\n{rows}")).texts.to_list() == LONG
    turned = "".join(f"{n % 2},{text}\n" for n, text in enumerate(LONG))
    assert read_corpus(write("y.csv", f"{','.join(header.split(',')[::-1])}\n{turned}")).texts.to_list() == LONG


def test_a_file_without_a_header_keeps_its_first_document(write):
    rows = "".join(f"{text},{n % 2}\n" for n, text in enumerate(LONG))
    path = write("x.csv", rows)
    assert read_corpus(path).texts.to_list() == LONG
    assert read_corpus(path, text="column_1", label="column_2").texts.to_list() == LONG


def test_columns_can_be_named(write):
    path = write("x.csv", "text,label,other\na,p,q\n")
    corpus = read_corpus(path, text="other", label="text")
    assert (corpus.texts.to_list(), corpus.label_names) == (["q"], ("a",))
    assert read_texts(path, text="label").to_list() == ["p"]


@pytest.mark.parametrize(
    "content",
    [
        "a,b,c\nx,y,z\n",  # nothing known
        "title,description,label\nx,y,z\n",  # two texts
        "text,topic,category\nx,y,z\n",  # two labels
        "text,id\na good film,1\nanother film,2\nno film,3\n",  # every label is another
        "I am the first text,neu\n" + "".join(f"{text},{n % 2}\n" for n, text in enumerate(LONG)),  # a header?
        "a,b\nx,y\nz,y\n",  # no text among them
    ],
)
def test_columns_that_are_not_plain_are_asked_for(write, content):
    with pytest.raises(
        DataError, match=r"x\.csv: cannot tell which column .* Its columns: '.*--text NAME --label NAME"
    ):
        read_corpus(write("x.csv", content))


def test_texts_to_label_need_a_plain_column_too(write):
    assert read_texts(write("x.csv", "id,Review\n1,a film\n")).to_list() == ["a film"]
    with pytest.raises(DataError, match=r"cannot tell which column is the text.*'film'.*first line is a document"):
        read_texts(write("y.csv", "film\na\n"))
    with pytest.raises(DataError, match="cannot tell which column is the text"):
        read_texts(write("z.csv", "id,label\n1,good\n2,bad\n"))


def test_a_column_that_is_not_there_is_named_with_those_that_are(write):
    path = write("x.csv", "review,label\na,p\n")
    with pytest.raises(
        DataError, match=r"no column 'reviews'\. Did you mean 'review'\? Its columns: 'review', 'label'"
    ):
        read_corpus(path, text="reviews")
    with pytest.raises(SettingError, match="both the column 'review'"):
        read_corpus(path, text="review", label="review")
    with pytest.raises(SettingError, match="has no columns: leave out --text review"):
        read_texts(write("x.txt", "a\n"), text="review")
    with pytest.raises(SettingError, match="has no columns: leave out --label y"):
        read_corpus(write("y.txt", "__label__p a\n"), label="y")


# What cannot be read is named with its line.


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "text,label\na,p\n\nb\nc,q\n", r"x\.csv, line 4: expected 2 fields as in the first line, found 1"),
        ("x.csv", "text,label\na,p\nb,q,r\n", r"line 3: expected 2 fields .* found 3.*double quotes"),
        ("x.csv", "text,label\na,p\nb,q,", "line 3: expected 2 fields .* found 3"),
        ("x.csv", 'text,label\na,p\n"b,q\nc,p\n', "line 3: the quotes of the row that starts here"),
        ("x.csv", 'text,label\n"b,q\nc,"p\n', "line 2: the quotes of the row that starts here"),
        ("x.csv", 'text,label\n"b" c,q\n', "line 2: the quotes"),
        ("x.csv", 'text,label\n"a\nb",p\n"c\nd", \n', r"line 4: the label \(column 'label'\) is missing"),
        ("x.csv", "text,label,n\na,p,1\nb,,2\n", "line 3: the label"),
        ("x.csv", "label,text\np,a\n,b\n", "line 3: the label"),
        ("x.csv", "text,text,label\na,b,p\n", "line 1: two columns are called 'text'"),
        ("x.csv", "text,label\n", "first line with the names of columns .* no rows below"),
        ("x.tsv", "text\tlabel\na\tp\tq\n", r"x\.tsv, line 2: expected 2 fields .* found 3"),
        ("x.jsonl", '{"text": "a", "label": "p"}\n\n{"text": "a", \n', r"x\.jsonl, line 3: this is not JSON"),
        ("x.jsonl", '["a", "p"]\n', "line 1: expected a JSON object, found list"),
        ("x.jsonl", '{"text": "a", "label": "p"}\n\n{"text": "b"}\n', "line 3: the label"),
        ("x.jsonl", '{"text": "a", "label": NaN}\n', "line 1: the label"),
        ("x.jsonl", '{"text": "a", "label": "p"}\n{"text": "a", "label": ["p"]}\n', "line 2: 'label' holds a list"),
        ("x.jsonl", '{"text": {"a": 1}, "label": "p"}\n', "line 1: 'text' holds a list or an object, expected a text"),
        ("x.jsonl", "{}\n", "line 1: the objects have no keys"),
        ("x.txt", "__label__p a\n__label__ b\n", "line 2: expected a label"),
        ("x.txt", "just a text\n", r"not a format with labels that can be read\. Expected \.csv"),
        (
            "x.csv",
            b"text,label\na,p\nb\xff,q\n",
            r"line 3: the byte 0xff at offset 16 is not UTF-8.*save the file as UTF-8",
        ),
        ("x.csv", b"\xef\xbb\xbftext,label\nb\xff,q\n", "line 2: the byte 0xff at offset 15"),
        ("x.parquet", b"PAR1 and no more", r"x\.parquet: this cannot be read as Parquet"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(write, name, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read_corpus(write(name, content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("blank", ["", "\n \n"])
@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl"])
def test_an_empty_file_is_refused(write, name, blank):
    with pytest.raises(DataError, match=rf"{name}.* (is empty|no rows)"):
        read_corpus(write(name, blank))


def test_empty_input_is_refused(write, tmp_path):
    with pytest.raises(DataError, match=r"x\.txt: .*not a format with labels"):
        read_corpus(write("x.txt", ""))
    pl.DataFrame({"text": [], "label": []}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"x\.parquet is empty: it has 2 columns and no rows"):
        read_corpus(tmp_path / "x.parquet")


def test_an_empty_file_of_lines_holds_no_texts(write):
    assert read_texts(write("x.txt", "")).to_list() == []


def test_the_only_column_of_an_unlabelled_table_is_the_text(write):
    assert read_texts(write("x.csv", "comment_text\ngood\nbad\n")).to_list() == ["good", "bad"]


def test_parquet_with_missing_or_nested_labels_is_refused(tmp_path):
    path = tmp_path / "x.parquet"
    pl.DataFrame({"text": ["a", "b"], "label": [1.0, float("nan")]}).write_parquet(path)
    with pytest.raises(DataError, match=r"row 1 \(counted from 0\): the label"):
        read_corpus(path)
    pl.DataFrame({"text": ["a", "b"], "labels": [[["p"]], [["p", "q"]]]}).write_parquet(path)
    with pytest.raises(DataError, match="'labels' holds a list or an object, expected one label in each row, or"):
        read_corpus(path)


@pytest.mark.parametrize("compression", [ending for ending in COMPRESSIONS if ending])
@pytest.mark.parametrize("damage", ["cut off", "not compressed"])
def test_damaged_compressed_files_are_refused(write, compression, damage):
    whole = COMPRESSIONS[compression](as_csv() * 20)
    data = {"cut off": whole[:-3], "not compressed": as_csv()}[damage]
    with pytest.raises(DataError, match=rf"x\.csv\{compression}: the compressed data is damaged or cut off"):
        read_corpus(write(f"x.csv{compression}", data))
    with pytest.raises(DataError, match=rf"x\.csv\{compression}(: the compressed data is damaged| is empty)"):
        read_corpus(write(f"x.csv{compression}", b""))


@pytest.mark.parametrize("compression", [ending for ending in COMPRESSIONS if ending])
def test_compressed_files_may_have_been_put_together(write, compression):
    compress = COMPRESSIONS[compression]
    path = write(f"x.csv{compression}", compress(b"text,label\na,p\n") + compress(b"b,q\n"))
    assert read_corpus(path).texts.to_list() == ["a", "b"]


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: there is no such file"):
        read_corpus(tmp_path / "none.csv")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read every file")
def test_a_file_that_may_not_be_read_is_refused(write):
    path = write("x.csv", as_csv())
    path.chmod(0)
    with pytest.raises(DataError, match=r"x\.csv: the file cannot be read: Permission denied"):
        read_corpus(path)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "content", ["a\r\nbé\n\nc", "", "\n", "\ufeffa\nb\n", "__label__x a\n\n__label__y b c\n", "日本\n語"]
)
def test_blocks_of_lines_are_the_lines_of_the_whole(write, content, size):
    path = write("lines.txt", content)
    assert read_texts(path, block_bytes=size).to_list() == read_texts(path).to_list()


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_is_read_in_blocks_compressed_or_not(write, ending, compression):
    path = write(f"films{ending}{compression}", COMPRESSIONS[compression](FORMATS[ending]()))
    blocks = list(read_blocks(path, block_bytes=2))
    assert [text for block in blocks for text in block.texts] == TEXTS
    assert len(blocks) >= 2
    if ending == ".parquet":
        assert pl.concat([block.table.rows for block in blocks]).equals(pl.read_parquet(io.BytesIO(as_parquet())))
    else:
        assert b"".join(block.source for block in blocks) == FORMATS[ending]()


@pytest.mark.parametrize("n_characters", [10, 1000, 40_000])
def test_blocks_of_parquet_are_as_large_as_is_asked_for_whatever_the_length_of_its_texts(tmp_path, n_characters):
    path = tmp_path / "x.parquet"
    frame = pl.DataFrame({"number": range(1000), "text": ["é" * (n_characters // 2)] * 1000})
    frame.write_parquet(path)
    blocks = [block.table.rows for block in read_blocks(path, block_bytes=100_000)]
    assert max(block.estimated_size() for block in blocks) <= 150_000
    assert len(blocks) <= max(1000 * n_characters // 30_000, 2)
    assert pl.concat(blocks).equals(frame)


csv_pieces = st.sampled_from(["a", "b", ",", ",", "\n", "\n", '"', '""', "\r\n", "\r", '"q\n,""",z\n', "é,z\n", "\x00"])


def outcome(path, **options):
    """The rows of a table, or what is said against it."""
    try:
        return [row for block in read_blocks(path, **options) for row in block.table.rows.fill_null("").rows()]
    except DataError as error:
        return str(error)


@given(st.lists(csv_pieces, max_size=30).map("".join), st.sampled_from([".csv", ".tsv"]), st.integers(1, 12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_blocks_of_a_csv_are_the_rows_of_the_whole_and_so_are_its_errors(tmp_path, content, ending, size):
    path = tmp_path / f"any{ending}"
    content = "text,label\n" + content
    path.write_bytes((content if ending == ".csv" else content.replace(",", "\t").replace('"', "")).encode())
    whole = outcome(path)
    assert outcome(path, block_bytes=size) == whole


def test_a_field_may_be_larger_than_a_block(write):
    rows = "".join(f'"{"many words " * n}\n",{n}\n' for n in range(20))
    path = write("x.csv", "text,label\n" + rows)
    assert read_texts(path, block_bytes=16).to_list() == ["many words " * n + "\n" for n in range(20)]


def test_errors_in_later_blocks_name_the_line_of_the_file(write):
    rows = "".join(f'"a\n{n}",p\n' for n in range(10))
    for bad, message in [
        ("b\n", "line 22: expected 2"),
        ('"b,p\n', "line 22: the quotes"),
        ("b,p,q\n", "line 22: exp"),
    ]:
        with pytest.raises(DataError, match=message):
            read_texts(write("x.csv", f"text,label\n{rows}{bad}c,p\n"), block_bytes=20)
    with pytest.raises(DataError, match="line 22: the byte 0xff at offset 91"):
        read_texts(write("x.csv", f"text,label\n{rows}".encode() + b"\xff,p\n"), block_bytes=20)
    lines = '{"text": "a"}\n\n' * 5
    with pytest.raises(DataError, match="line 11: this is not JSON"):
        read_texts(write("x.jsonl", lines + "{\n"), block_bytes=20)


def test_quotes_that_do_not_close_are_not_looked_for_without_end(write, monkeypatch):
    monkeypatch.setattr(csv_format, "RECORD_BYTES", 100)
    path = write("x.csv", 'text,label\na,p\n"b,p\n' + "c,q\n" * 1000)
    n_read = []
    real = Input.read
    monkeypatch.setattr(Input, "read", lambda self, n_bytes: n_read.append(n_bytes) or real(self, n_bytes))
    with pytest.raises(DataError, match="line 3: the quotes of the row that starts here"):
        read_texts(path, block_bytes=20)
    assert sum(n_read) < 1000
    skipped = Skipped()
    assert read_texts(path, block_bytes=20, skipped=skipped).to_list() == ["a"] + ["c"] * 1000
    assert skipped.count == 1
    with pytest.raises(DataError, match="line 1: a row is longer than 100 bytes"):
        read_texts(write("y.csv", "text," * 100), block_bytes=20)


def test_json_objects_of_later_blocks_may_have_other_keys(write):
    path = write("x.jsonl", '{"text": "a"}\n{"text": "b", "n": 1}\n{"n": 2}\n')
    assert read_texts(path, block_bytes=4).to_list() == ["a", "b", ""]


def test_lists_as_texts_are_refused_in_later_blocks_too(write):
    with pytest.raises(DataError, match="line 2: 'text' holds a list"):
        read_texts(write("x.jsonl", '{"text": "a"}\n{"text": ["b"]}\n'), block_bytes=4)


def test_standard_input_may_be_a_table(monkeypatch):
    for ending, content in ((".csv", 'text,n\n"a\nb",1\n'), (".jsonl", '{"text": "a\\nb"}\n')):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
        assert read_texts("-", ending=ending).to_list() == ["a\nb"]
    with pytest.raises(SettingError, match="standard input: Parquet cannot be read as a stream"):
        read_texts("-", ending=".parquet")


# Rows that cannot be read, left out and counted.


@pytest.mark.parametrize(
    ("name", "content", "count", "first"),
    [
        ("x.csv", "text,label\na,p\nx\nb,q\ny,p,q\n", 2, "line 3: expected 2 fields"),
        ("x.csv", 'text,label\na,p\n"x,p\nb,q\n', 1, "line 3: the quotes of the row"),
        ("x.csv", 'text,label\na,p\n"x,p\nb,q\ny,"p\n"z"z,p\n', 3, "line 3: the quotes of the row"),
        ("x.csv", "text,label\na,p\nx, \nb,q\n", 1, r"line 3: the label \(column 'label'\) is missing"),
        ("x.csv", b"text,label\na,p\nx\xff,p\nb,q\n", 1, "line 3: the byte 0xff is not UTF-8"),
        ("x.csv", "text,label\na,p\nb,q\n", 0, "^$"),
        ("x.tsv", 'text\tlabel\na\tp\n"x\nb\tq\n', 1, "line 3: "),
        (
            "x.jsonl",
            '{"text": "a", "label": "p"}\n[]\n{\n{"text": "b", "label": "q"}',
            2,
            "line 2: expected a JSON obj",
        ),
        ("x.jsonl", b'{"text": "a", "label": "p"}\n"\xff"\n{"text": "b", "label": "q"}', 1, "line 2: the byte 0xff"),
        ("x.txt", b"__label__p a\n__label__p \xe9\n__label__ x\n__label__q b\n", 2, "line 2: the byte 0xe9"),
    ],
)
def test_rows_that_cannot_be_read_are_left_out_and_counted(write, name, content, count, first):
    path = write(name, content)
    corpus = read_corpus(path, bad_rows="skip")
    assert (corpus.texts.to_list(), labels_of(corpus)) == (["a", "b"], ["p", "q"])
    assert corpus.n_skipped == count
    assert re.search(first, corpus.first_skipped)
    assert corpus.select([0]).n_skipped == count
    if count:
        with pytest.raises(DataError):
            read_corpus(path)


@pytest.mark.parametrize("size", [1, 9, 30])
@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".txt"])
def test_bad_rows_are_skipped_in_blocks_too(write, ending, size):
    content = {
        ".csv": b'text,n\na,1\n"x,1\nb,2\nx\xff,2\nc,3\nx\nd,4\n',
        ".jsonl": b'{"text": "a"}\n{"text": "\xff"}\n{"text": "b"}\n[]\n{"text": "c"}\n{\n{"text": "d"}',
        ".txt": b"a\nx\xff\nb\n\xff\nc\n\xc3\nd",
    }[ending]
    skipped = Skipped()
    texts = read_texts(write(f"x{ending}", content), block_bytes=size, skipped=skipped)
    assert (texts.to_list(), skipped.count) == (list("abcd"), 3)
    assert skipped.first.startswith({".csv": "line 3: the quotes", ".jsonl": "line 2", ".txt": "line 2"}[ending])


def test_label_columns_and_lists_are_skipped_where_they_cannot_be_read(write):
    corpus = read_corpus(write("x.csv", "text,p,q\na,1,0\nx,2,2\nb,0,1\n"), label=["p", "q"], bad_rows="skip")
    assert (corpus.names().tolist(), corpus.rows.tolist(), corpus.n_skipped) == ([("p",), ("q",)], [0, 2], 1)
    path = write("x.jsonl", '{"text": "a", "label": ["p"]}\n{"text": "b"}\n{"text": "c", "label": []}\n')
    corpus = read_corpus(path, bad_rows="skip")
    assert (corpus.names().tolist(), corpus.rows.tolist(), corpus.n_skipped) == ([("p",), ()], [0, 2], 1)


def test_a_document_that_is_not_utf8_is_left_out_of_a_folder(write, tmp_path):
    write("films/pos/1.txt", "good")
    write("films/neg/1.txt", b"\xff")
    corpus = read_corpus(tmp_path / "films", bad_rows="skip")
    assert (corpus.texts.to_list(), corpus.n_skipped) == (["good"], 1)
    assert corpus.first_skipped.startswith("neg/1.txt: ")


def test_a_header_that_cannot_be_read_is_not_skipped(write):
    with pytest.raises(DataError, match="line 1: the quotes"):
        read_corpus(write("x.csv", '"text,label\na,p\n'), bad_rows="skip")
    with pytest.raises(SettingError, match="bad_rows is 'drop', expected 'fail' or 'skip'"):
        read_corpus(write("x.csv", "text,label\na,p\n"), bad_rows="drop")


def test_a_wrong_byte_in_a_later_block_is_named_by_its_line_and_index_in_the_file(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes(b"one\ntwo\nthr\xff\n")
    blocks = read_blocks(path, block_bytes=4)
    assert next(blocks).texts.to_list() == ["one"]
    with pytest.raises(DataError, match="line 3: the byte 0xff at offset 11 is not UTF-8"):
        list(blocks)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_columns_that_are_asked_for_are_kept_beside_the_documents(write, ending):
    rows = {
        "text": ["a fine film", "dull", "no label", "über"],
        "label": ["pos", "neg", "", "pos"],
        "source": ["web", "", "mail", "web"],
        "stars": ["5", "1", "3", "4.5"],
    }
    out = io.BytesIO()
    frame = pl.DataFrame(rows)
    if ending == ".parquet":
        frame.write_parquet(out)
    elif ending == ".jsonl":
        frame.write_ndjson(out)
    else:
        frame.write_csv(out, separator="\t" if ending == ".tsv" else ",")
    path = write(f"films{ending}", out.getvalue())
    corpus = read_corpus(path, bad_rows="skip", columns=["stars", "source", "stars"])
    assert corpus.rows.tolist() == [0, 1, 3]
    assert corpus.columns.to_dict(as_series=False) == {"stars": ["5", "1", "4.5"], "source": ["web", "", "web"]}
    assert read_corpus(path, bad_rows="skip").columns is None
    with pytest.raises(DataError, match=r"has no column 'sorce'. Did you mean 'source'\? Its columns: 'text', 'label'"):
        read_corpus(path, columns=["sorce"])  # before the label that is missing


def test_columns_stay_with_their_documents_where_labels_are_sets_or_several_columns(write):
    rows = [{"text": f"t{i}", "tags": ["a"] * (i % 3), "x": i % 2, "y": 1, "n": i} for i in range(5)]
    path = write("many.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    for label in ("tags", ["x", "y"]):
        corpus = read_corpus(path, text="text", label=label, columns=["n"])
        assert corpus.is_multilabel
        assert corpus.select([3, 1]).columns["n"].to_list() == ["3", "1"]


def test_numbers_of_json_and_parquet_are_kept_as_they_are_written_and_nothing_is_empty(write):
    lines = ['{"text": "a fine film", "label": "pos", "n": 3.0}', '{"text": "dull", "label": "neg", "n": null}']
    path = write("numbers.jsonl", "\n".join(lines))
    assert read_corpus(path, columns=["n"]).columns["n"].to_list() == ["3.0", ""]


def test_a_column_that_is_asked_for_makes_the_first_line_a_header(write):
    path = write("a.csv", "words,kind,source\nwords,b,web\nfine words indeed,a,web\n")
    corpus = read_corpus(path, text="words", label="kind", columns=["source"])
    assert corpus.columns["source"].to_list() == ["web", "web"]


def test_lists_are_no_column_to_keep(write):
    path = write("lists.jsonl", '{"text": "a fine film", "label": "pos", "tags": ["x"]}\n')
    with pytest.raises(DataError, match=r"'tags' holds a list or an object, expected a string or a number"):
        read_corpus(path, columns=["tags"])


def test_what_has_no_columns_refuses_to_keep_some(write, tmp_path):
    write("films/pos/1.txt", "fine")
    lines = write("films.txt", "__label__pos a fine film\n")
    for path in (tmp_path / "films", lines):
        with pytest.raises(SettingError, match=r"has no columns: leave out --slice-by source"):
            read_corpus(path, columns=["source"])
