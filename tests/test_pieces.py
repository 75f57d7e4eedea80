"""Pieces of a file that are read by themselves, put together, are the blocks of one that reads from the beginning."""

import csv
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import TOPICS

from bywords.cli import predict as command
from bywords.io import split, stores
from bywords.io.pieces import PieceReader, UnseenError, Window, last_end
from bywords.io.readers import read_blocks

FIELDS = st.text(st.sampled_from('ab ,"\n\r;\t|é語\U0001f600'), max_size=12)
ENDS = st.sampled_from(["\n", "\r\n"])


def written(rows, line_end, *, last_line_ends, blank_lines):
    """A csv with `text` and `note`, as Python writes it, some lines blank."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=line_end)
    writer.writerow(["text", "note"])
    for number, row in enumerate(rows):
        writer.writerow(row)
        if number in blank_lines:
            file.write(line_end)
    content = file.getvalue()
    return (content if last_line_ends else content.removesuffix(line_end)).encode()


def one_after_the_other(path, block_bytes, **more):
    """What reads from the beginning gives: the bytes and the texts of each block."""
    return [(block.source, block.texts.to_list()) for block in read_blocks(path, block_bytes=block_bytes, **more)]


def in_pieces(path, block_bytes, **more):
    """The same, each block but the first read by itself as far as it can be; and how many of those there were."""
    found, n_read, data = [], 0, Path(path).read_bytes()
    flow = split.Split(print)
    for block in read_blocks(path, block_bytes=block_bytes, may_split=True, **more):
        found.append((block.source, block.texts.to_list()))
        for window in [] if block.rest is None else flow.windows(block.rest):
            if window is None:
                raise AssertionError("a window that was not taken")
            read = block.rest.reader.read(window)
            if flow.takes(window, None if read is None else read[0]) and read[0].digest:
                n_read += 1
                found.append((data[read[0].begins_at : read[0].ends_at], read[1].to_list()))
    return found, n_read


def said_or_given(read, path, block_bytes):
    """The blocks of a csv, or the error."""
    try:
        found = read(path, block_bytes, text="text")
    except ValueError as error:
        return str(error)
    return found if read is one_after_the_other else found[0]


@settings(max_examples=300)
@given(
    rows=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=40),
    line_end=ENDS,
    last_line_ends=st.booleans(),
    blank_lines=st.sets(st.integers(0, 40), max_size=3),
    block_bytes=st.integers(8, 300),
    look_back=st.integers(1, 50),
)
def test_a_wild_csv_in_pieces_is_the_whole(
    tmp_path_factory, rows, line_end, last_line_ends, blank_lines, block_bytes, look_back
):
    path = tmp_path_factory.getbasetemp() / "wild.csv"
    path.write_bytes(written(rows, line_end, last_line_ends=last_line_ends, blank_lines=blank_lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bywords.io.pieces.LOOK_BACK_BYTES", (look_back,))
        assert said_or_given(in_pieces, path, block_bytes) == said_or_given(one_after_the_other, path, block_bytes)


def test_what_looks_like_records_in_quotes_is_not_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("bywords.io.pieces.LOOK_BACK_BYTES", (20,))
    rows = [(",x\n" + "one,two\n" * 20, "three")] * 40  # as likely with all quotes the other way round
    path = tmp_path / "quoted.csv"
    path.write_bytes(written(rows, "\n", last_line_ends=True, blank_lines=()))
    found, n_read = in_pieces(path, 200, text="text")
    assert [text for _, texts in found for text in texts] == [text for text, _ in rows]
    assert n_read < len(found) - 1


@given(content=st.text(st.sampled_from('ab,"\n\r é'), max_size=300), block_bytes=st.integers(4, 100))
def test_what_is_no_csv_is_refused_in_pieces_as_in_one(tmp_path_factory, content, block_bytes):
    path = tmp_path_factory.getbasetemp() / "none.csv"
    path.write_bytes(f"text,note\n{content}".encode())
    assert said_or_given(in_pieces, path, block_bytes) == said_or_given(one_after_the_other, path, block_bytes)


@given(
    lines=st.lists(st.text(st.sampled_from('ab "\r\té語'), max_size=30), min_size=1, max_size=40),
    line_end=ENDS,
    last_line_ends=st.booleans(),
    block_bytes=st.integers(4, 100),
    ending=st.sampled_from([".txt", ".jsonl"]),
)
def test_lines_in_pieces_are_the_whole(tmp_path_factory, lines, line_end, last_line_ends, block_bytes, ending):
    path = tmp_path_factory.getbasetemp() / f"wild{ending}"
    if ending == ".jsonl":
        lines = [f'{{"text": {pl.Series([line]).to_frame("t").write_ndjson()[5:-2]}}}' for line in lines]
    content = line_end.join(lines) + line_end * last_line_ends
    path.write_bytes((content or "a").encode())
    more = {"ending": ending} | ({"text": "text"} if ending == ".jsonl" else {})
    assert in_pieces(path, block_bytes, **more)[0] == one_after_the_other(path, block_bytes, **more)


def test_a_clean_file_is_read_in_pieces_and_not_from_its_beginning(tmp_path):
    rows = [(f'one, "{number}"\nand more of it', "a,b") for number in range(2000)]
    path = tmp_path / "clean.csv"
    path.write_bytes(written(rows, "\n", last_line_ends=True, blank_lines=()))
    found, n_read = in_pieces(path, 4000, text="text")
    assert n_read == len(found) - 1 > 15
    assert [text for _, texts in found for text in texts] == [text for text, _ in rows]


def test_where_a_record_ends_is_told_from_the_middle_of_a_file():
    data = b'"a ""quoted"", one","x\ny"\n"b\nc","z"\n'
    for start in range(len(data)):
        assert last_end(data[start:], ",") in (0, len(data) - start)
    assert sum(last_end(data[start:], ",") > 0 for start in range(len(data))) > len(data) / 2
    assert last_end(b"no end, no quote", ",") == 0


def test_another_file_of_that_name_is_not_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\n")
    reader = PieceReader(str(path), "a.txt", "another version", "", 8, 4)
    with pytest.raises(UnseenError):
        reader.read(Window(0, 4, False, 0))


# Commands.


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """1,000 rows in many windows: csv with quotes and new lines, tsv, jsonl, lines, Parquet."""
    generator = np.random.default_rng(0)
    words = [word for topic in TOPICS.values() for word in topic] + ['"quoted"', "a,b", "two\nlines", "=1+1", "é"]
    rows = [" ".join(generator.choice(words, generator.integers(3, 30))) for _ in range(1000)]
    frame = pl.DataFrame({"id": range(1000), "text": rows})
    frame.write_csv(tmp_path / "new.csv")
    frame.with_columns(pl.col("text").str.replace_all('[\n"]', " ")).write_csv(tmp_path / "new.tsv", separator="\t")
    frame.write_ndjson(tmp_path / "new.jsonl")
    frame.write_parquet(tmp_path / "new.parquet")
    frame[:400].write_csv(tmp_path / "part-1.csv")
    frame[400:].write_csv(tmp_path / "part-2.csv")
    (tmp_path / "new.txt").write_text("".join(f"{row}\n".replace('"', "") for row in rows))
    monkeypatch.setattr(command, "CHUNK_BYTES", 5000)
    monkeypatch.setattr("bywords.io.readers.BLOCK_ROWS", 150)
    return tmp_path


@pytest.fixture
def read_here(monkeypatch):
    """The blocks that the command has read itself."""
    blocks, own = [], command._blocks
    monkeypatch.setattr(command, "_blocks", lambda *given: (blocks.append(block) or block for block in own(*given)))
    return blocks


@pytest.mark.parametrize(
    ("file", "ending"),
    [
        *(("new.csv", ending) for ending in (".csv", ".csv.gz", ".parquet")),
        *(("new.tsv", ".jsonl"), ("new.jsonl", ".csv.gz"), ("new.parquet", ".parquet"), ("new.txt", ".jsonl")),
        ("part-*.csv", ".csv.gz"),
    ],
)
def test_workers_that_read_by_themselves_give_the_same_bytes(file, ending, bywords, model, texts, read_here):
    assert bywords("predict", model, file, "--out", f"here{ending}")[0] == 0
    n_blocks, n_files = len(read_here), 2 if "*" in file else 1
    assert n_blocks > 5
    read_here.clear()
    code, _, said = bywords("predict", model, file, "--out", f"there{ending}", "--on", "local:2")
    assert code == 0, said
    assert (texts / f"there{ending}").read_bytes() == (texts / f"here{ending}").read_bytes()
    assert len(read_here) == n_files  # but for the first block of each


def test_rows_that_only_a_patient_reader_reads_are_read_here(bywords, model, texts, read_here, monkeypatch):
    rows = (texts / "new.csv").read_text().split("\n")
    rows[300] = '5,a 5" disk'
    (texts / "odd.csv").write_text("\n".join(rows))
    odd = ["predict", model, "odd.csv", "--bad-rows", "skip"]
    here = bywords(*odd, "--out", "here.csv")
    n_blocks = len(read_here)
    read_here.clear()
    there = bywords(*odd, "--out", "there.csv", "--on", "local:2")
    assert (texts / "there.csv").read_bytes() == (texts / "here.csv").read_bytes()
    assert here[2] in there[2] or here[2].splitlines()[-1] in there[2]
    assert 1 < len(read_here) < n_blocks / 2


def test_an_error_has_the_line_as_without_workers(bywords, model, texts):
    rows = (texts / "new.csv").read_text().split("\n")
    rows[900] += ",one too many"
    (texts / "bad.csv").write_text("\n".join(rows))
    here = bywords("predict", model, "bad.csv", "--out", "here.csv")
    there = bywords("predict", model, "bad.csv", "--out", "there.csv", "--on", "local:2")
    line = next(word for word in here[2].split("bad.csv, ")[1].split(":"))
    assert here[0] == there[0] == 2
    assert f"bad.csv, {line}: expected 2 fields" in there[2]
    assert "done and kept" in there[2]


@pytest.mark.parametrize("on", [[], ["--on", "local:2"]])
def test_what_workers_have_read_goes_on_with_or_without_them(on, bywords, model, texts, monkeypatch):
    bywords("predict", model, "new.csv", "--out", "whole.csv")
    take, n_taken = split.Split.takes, []

    def stop(self, *given):
        n_taken.append(given)
        if len(n_taken) == 6:
            raise KeyboardInterrupt
        return take(self, *given)

    monkeypatch.setattr(split.Split, "takes", stop)
    code, _, said = bywords("predict", model, "new.csv", "--out", "there.csv", "--on", "local:2")
    assert (code, "Interrupted: " in said) == (130, True)
    monkeypatch.setattr(split.Split, "takes", take)
    code, _, said = bywords("predict", model, "new.csv", "--out", "there.csv", "--resume", *on)
    assert code == 0, said
    assert (texts / "there.csv").read_bytes() == (texts / "whole.csv").read_bytes()


def test_a_file_that_workers_do_not_see_is_read_here_and_said(bywords, model, texts, read_here, monkeypatch):
    bywords("predict", model, "new.csv", "--out", "here.csv")
    n_blocks = len(read_here)
    read_here.clear()
    monkeypatch.setattr("bywords.io.pieces.version_here", lambda source: "of another machine")
    code, _, said = bywords("predict", model, "new.csv", "--out", "there.csv", "--on", "local:2")
    assert code == 0, said
    assert "cannot read new.csv, or has another one: it is read here instead." in said
    assert (texts / "there.csv").read_bytes() == (texts / "here.csv").read_bytes()
    assert len(read_here) == n_blocks


def test_ranges_of_a_store_are_read_and_not_the_whole(tmp_path):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    rows = [(f'one, "{number}"\nand more', "a,b") for number in range(500)]
    content = written(rows, "\n", last_line_ends=True, blank_lines=())
    fsspec.filesystem("memory").pipe("/bucket/ranges.csv", content)
    blocks = read_blocks("memory://bucket/ranges.csv", text="text", block_bytes=3000, may_split=True)
    rest = next(blocks).rest
    for window in list(rest.reader.pieces.windows(rest.position))[1:-1]:
        piece, texts = rest.reader.read(window)
        assert content[piece.begins_at :].startswith(b'"one, ""')
        assert texts[0].startswith("one, ")
        assert stores.url_of(stores.copy_of(rest.reader.pieces.source)) == "memory://bucket/ranges.csv"
