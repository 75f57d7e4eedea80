"""Labelled documents that workers read by themselves are learned from as if one had read them from the beginning."""

import csv
import dataclasses
import io
import itertools
import json
import os
import signal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import small_corpus

from bywords.cluster import Executor, local
from bywords.errors import BywordsError, DataError
from bywords.io import on_disk, readers, stores
from bywords.io.labelled_passes import LabelledFile
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.io.pieces import Window
from bywords.io.read_options import ReadOptions
from bywords.io.readers import read_labelled_blocks
from bywords.io.streams import Skipped
from bywords.text.streaming_counts import NgramCounter, WordCounter
from bywords.text.tokenizer import Tokenizer, TokenizerConfig
from bywords.text.vocabulary import VocabularyConfig

CONFIG = VocabularyConfig(ngrams=2)
DOCUMENTS = list(zip(small_corpus(400).texts.to_list(), small_corpus(400).names().tolist(), strict=True))
LISTS = [[[], [label], [label, "new"]][number % 3] for number, (_, label) in enumerate(DOCUMENTS)]


class Here(Executor):
    """Workers that are this process: many files at little cost."""

    def __init__(self):
        self.windows = 0

    n_workers = 3
    _share = close = lambda self, *_: None

    def map(self, work, shared, chunks):
        self._shared = shared
        return super().map(work, shared, chunks)

    def _submit(self, work, handed_out, chunk):
        self.windows += isinstance(getattr(chunk, "given", None), Window)
        return work(self._shared, chunk)

    def _result(self, pending):
        return pending

    def _cancel(self, pending):
        pass

    def hold(self, value):
        raise NotImplementedError

    map_held = fetch = hold


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 1 kB: a dozen rows."""
    of_blocks = {**read_labelled_blocks.__kwdefaults__, "block_bytes": 1_000}
    monkeypatch.setattr(read_labelled_blocks, "__kwdefaults__", of_blocks)


def cannot_keep(patch):
    """What is cut has no place where it is kept: workers on other machines, or a disk that is full."""
    shared = LabelledFile._shared
    patch.setattr(
        LabelledFile, "_shared", lambda *given: dataclasses.replace(shared(*given), folder=Path("/of another machine"))
    )


@pytest.fixture(params=["kept", "read again"])
def kept(request, monkeypatch):
    """Whether later passes find what the first has cut."""
    if request.param == "read again":
        cannot_keep(monkeypatch)
    return request.param == "kept"


def file_of(path, folder, workers=None, **reading):
    """Passes over a file, which has no folder yet to keep blocks in."""
    folder.mkdir(exist_ok=True)
    return LabelledFile(str(path), ReadOptions(**reading), Tokenizer(), folder, lambda *_: None, workers, print)


def written(path, documents=DOCUMENTS):
    """The documents in a file of the format that its name says."""
    texts, labels = map(list, zip(*documents, strict=True))
    frame = pl.DataFrame({"text": texts, "label": labels})
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in documents))
    elif path.suffix == ".txt":
        path.write_text("".join(f"__label__{label} {text}\n" for text, label in documents))
    else:
        frame.write_csv(path, separator="\t" if path.suffix == ".tsv" else ",")
    return path


def stored(path, folder, workers=None, reading=None, tell=None, config=CONFIG, **more):
    """The bytes of all files that are written, by their names."""
    source = Source(data=str(path), reading=ReadOptions(**(reading or {})), **more)
    corpus_on_disk(source, folder, TokenizerConfig(), config, workers=workers, tell=tell or print)
    return {one.name: one.read_bytes() for one in sorted(folder.iterdir())}


def both(path, folder, **more):
    """The same with and without workers; and how many windows these have read."""
    here = Here()
    return stored(path, folder / "alone", **more), stored(path, folder / "by workers", here, **more), here.windows


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet", ".txt"])
def test_what_workers_read_by_themselves_is_written_as_the_same_bytes(
    ending, tmp_path, small_blocks, kept, monkeypatch
):
    path = written(tmp_path / f"a{ending}")
    n_blocks = len(list(read_labelled_blocks(path)))
    found, read_here = [], []
    reading = readers._read_labelled
    monkeypatch.setattr(
        readers, "_read_labelled", lambda *a, **b: (read_here.append(1) or one for one in reading(*a, **b))
    )
    for name, workers in (("alone", None), ("by workers", Here())):
        read_here.clear()
        found.append(stored(path, tmp_path / name, workers))
        n_passes = 1 if kept else 3 if workers is None else 4
        assert len(read_here) == n_passes * (n_blocks if workers is None else 1)  # the first block of each pass
    assert found[0] == found[1]
    assert n_blocks > 8


@pytest.mark.parametrize(
    ("rows", "reading"),
    [
        ([{"text": text, "label": labels} for (text, _), labels in zip(DOCUMENTS, LISTS, strict=True)], {}),
        ([{"text": text, "label": "|".join(labels)} for (text, _), labels in zip(DOCUMENTS, LISTS, strict=True)],
         {"label_separator": "|"}),
        ([{"text": text, "space": str(label == "space"), "sport": label == "sport"} for text, label in DOCUMENTS],
         {"label": ("space", "sport")}),
        ([{"text": text, "label": f"{label} / {n % 2}"} for n, (text, label) in enumerate(DOCUMENTS)],
         {"label_hierarchy": "/"}),
        ([{"text": text, "label": label} for text, label in DOCUMENTS],
         {"exclude_labels": ("motor",), "map_label": ("space=astronomy",)}),
        ([{"title": text[:20], "body": text, "label": label} for text, label in DOCUMENTS],
         {"text": ("title", "body")}),
        ([{"text": text, "label": label} if n % 90 else {"label": label} for n, (text, label) in enumerate(DOCUMENTS)],
         {}),
    ],
    ids=["lists", "separator", "columns", "levels", "excluded and mapped", "two texts", "texts missing"],
)  # fmt: skip
def test_labels_of_every_form_come_out_the_same_whoever_reads_them_and_however_often(
    rows, reading, tmp_path, small_blocks, monkeypatch
):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    alone, by_workers, n_windows = both(path, tmp_path, reading=reading)
    assert alone == by_workers
    assert n_windows > 20
    cannot_keep(monkeypatch)
    assert stored(path, tmp_path / "read again", reading=reading) == alone


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".txt"])
def test_bad_rows_are_counted_and_named_as_without_workers(ending, tmp_path, small_blocks, kept):
    path = written(tmp_path / f"bad{ending}")
    lines = path.read_text().splitlines(keepends=True)
    bad = {".csv": 'one,"two"x,\n', ".jsonl": "no json\n", ".txt": "no label\n"}[ending]
    for number in (150, 300):
        lines.insert(number, bad)
    path.write_text("".join(lines))
    alone, by_workers, n_windows = both(path, tmp_path, reading={"bad_rows": "skip"})
    assert alone == by_workers
    assert json.loads(alone["corpus.json"])["skipped"][0]["count"] == 2
    assert n_windows > 20
    if ending != ".txt":
        said = []
        for workers in (None, Here()):
            with pytest.raises(DataError) as error:
                stored(path, tmp_path / "none", workers)
            said.append(str(error.value))
        assert said[0] == said[1]
        assert f"bad{ending}, line 151" in said[0]


def test_many_bad_rows_among_few_blocks_are_read_by_one_reader(tmp_path, small_blocks):
    path = written(tmp_path / "bad.csv")
    path.write_text(path.read_text().replace(",motor\n", ",\n"))
    alone, by_workers, n_windows = both(path, tmp_path, reading={"bad_rows": "skip"})
    assert alone == by_workers
    assert n_windows < 8 * (Here.n_workers * 2 + 1)


def test_a_label_without_a_document_to_learn_from_is_said_as_without_workers(tmp_path, small_blocks):
    path = written(tmp_path / "one.csv", [(text, "same") for text, _ in DOCUMENTS])
    for workers in (None, Here()):
        with pytest.raises(DataError, match=r"one\.csv has one class only, 'same'"):
            stored(path, tmp_path / "none", workers)


def test_a_test_file_is_read_as_without_workers(tmp_path, small_blocks):
    path, test = written(tmp_path / "a.csv"), written(tmp_path / "test.csv", DOCUMENTS[:90])
    alone, by_workers, _ = both(path, tmp_path, test=str(test))
    assert alone == by_workers


def test_tables_that_are_full_forget_the_same_words_and_n_grams(tmp_path, small_blocks, monkeypatch):
    generator = np.random.default_rng(0)
    words = [" ".join(f"w{word}" for word in generator.zipf(1.3, 30) % 9000) for _ in DOCUMENTS]
    path = written(tmp_path / "a.csv", [(text, label) for text, (_, label) in zip(words, DOCUMENTS, strict=True)])
    monkeypatch.setattr(on_disk, "WordCounter", lambda: WordCounter(most=600))
    monkeypatch.setattr(on_disk, "NgramCounter", lambda: NgramCounter(most=900))
    alone, by_workers, n_windows = both(path, tmp_path)
    assert alone == by_workers
    assert len(json.loads(alone["corpus.json"])["notes"]) == 2
    assert n_windows > 20


def test_held_out_documents_that_go_back_to_training_are_the_same(tmp_path, small_blocks, monkeypatch):
    monkeypatch.setattr(on_disk, "MOST_TEST", 20)
    path = written(tmp_path / "a.csv", [(f"{text} own{n}", label) for n, (text, label) in enumerate(DOCUMENTS)])
    alone, by_workers, _ = both(path, tmp_path)
    assert alone == by_workers
    assert json.loads(alone["corpus.json"])["n_documents"]["test"] == 20


FIELDS = st.text(st.sampled_from('ab ,"\n\r;\t|é語\U0001f600'), max_size=30)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(st.tuples(FIELDS, st.sampled_from("xyz")), min_size=6, max_size=40),
    line_end=st.sampled_from(["\n", "\r\n"]),
    last_line_ends=st.booleans(),
    blank_lines=st.sets(st.integers(0, 40), max_size=3),
    odd_lines=st.sets(st.integers(0, 40), max_size=2),
    block_bytes=st.integers(8, 300),
    bad_rows=st.sampled_from(["fail", "skip"]),
    is_kept=st.booleans(),
)
def test_a_wild_csv_by_workers_gives_the_same_folder_or_the_same_error(
    tmp_path_factory, rows, line_end, last_line_ends, blank_lines, odd_lines, block_bytes, bad_rows, is_kept
):
    folder = tmp_path_factory.mktemp("wild")
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=line_end)
    writer.writerow(["text", "label"])
    for number, (text, label) in enumerate(rows):
        writer.writerow([f"{text} w{number % 5}", label])
        file.write(line_end * (number in blank_lines))
        file.write(f'5" disk,x{line_end}' * (number in odd_lines))
    content = file.getvalue()
    (folder / "a.csv").write_bytes((content if last_line_ends else content.removesuffix(line_end)).encode())
    found = []
    with pytest.MonkeyPatch.context() as patch:
        of_blocks = {**read_labelled_blocks.__kwdefaults__, "block_bytes": block_bytes}
        patch.setattr(read_labelled_blocks, "__kwdefaults__", of_blocks)
        patch.setattr(on_disk, "N_BUCKETS", 1 << 12)
        patch.setattr("bywords.io.pieces.LOOK_BACK_BYTES", (20,))
        if not is_kept:
            cannot_keep(patch)
        for workers in (None, Here()):
            try:
                out = folder / f"ids-{len(found)}"
                found.append(stored(folder / "a.csv", out, workers, {"bad_rows": bad_rows}, test_share=0.3))
            except BywordsError as error:
                found.append(str(error).replace(str(out), ""))
    assert found[0] == found[1]


@settings(max_examples=20, deadline=None)
@given(
    lines=st.lists(st.text(st.sampled_from('ab "\r\té語'), max_size=30), min_size=6, max_size=40),
    last_line_ends=st.booleans(),
    block_bytes=st.integers(4, 200),
    ending=st.sampled_from([".txt", ".jsonl"]),
    is_kept=st.booleans(),
)
def test_wild_lines_by_workers_give_the_same_folder_or_the_same_error(
    tmp_path_factory, lines, last_line_ends, block_bytes, ending, is_kept
):
    folder = tmp_path_factory.mktemp("wild")
    rows = []
    for number, line in enumerate(lines):
        text, label = f"{line} w{number % 5}", "xyz"[number % 3]
        fasttext = f"__label__{label} " * (number % 7 > 0) + text.replace("\n", " ")
        rows.append(fasttext if ending == ".txt" else json.dumps({"text": text, "label": label}, ensure_ascii=False))
    path = folder / f"a{ending}"
    path.write_bytes(("\n".join(rows) + "\n" * last_line_ends).encode())
    found = []
    with pytest.MonkeyPatch.context() as patch:
        of_blocks = {**read_labelled_blocks.__kwdefaults__, "block_bytes": block_bytes}
        patch.setattr(read_labelled_blocks, "__kwdefaults__", of_blocks)
        patch.setattr(on_disk, "N_BUCKETS", 1 << 12)
        if not is_kept:
            cannot_keep(patch)
        for workers in (None, Here()):
            try:
                found.append(stored(path, folder / f"ids-{len(found)}", workers, test_share=0.3))
            except BywordsError as error:
                found.append(str(error))
    assert found[0] == found[1]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet", ".txt"])
def test_blocks_are_the_same_whoever_reads_them(ending, tmp_path, small_blocks, kept, monkeypatch):
    monkeypatch.setattr("bywords.io.csv.BLOCK_BYTES", 1_000)
    monkeypatch.setattr("bywords.io.csv.BYTES_PER_COLUMN", 1_000)  # two columns make a block twice as large
    monkeypatch.setattr("bywords.io.tables.BLOCK_ROWS", 47)  # of Parquet are read together, no whole number of blocks
    path, sizes = written(tmp_path / f"a{ending}"), []
    for workers in (None, Here()):
        file = file_of(path, tmp_path / "kept", workers)
        file.start(None)
        sizes.append((list(file.first("", _size, None)), list(file.again("", _size, None, lambda *_: None))))
    assert sizes[0] == sizes[1]
    assert sizes[0][0] == sizes[0][1]
    assert sum(sizes[0][0]) == len(DOCUMENTS)
    assert len(sizes[0][0]) > 5


@pytest.mark.parametrize("workers", [None, Here()], ids=["alone", "by workers"])
def test_what_was_cut_makes_room_for_the_ids_that_are_written(workers, tmp_path, small_blocks):
    path, n_left = written(tmp_path / "a.csv"), []

    def on_block(what, n_documents, share):
        if what == "writing ids":
            n_left.append(len(list((tmp_path / "ids").glob(".cut-*/*"))))

    corpus_on_disk(
        Source(data=str(path)), tmp_path / "ids", TokenizerConfig(), CONFIG, on_block=on_block, workers=workers
    )  # fmt: skip
    assert n_left[0] > 10
    assert n_left == list(reversed(range(len(n_left))))
    assert not list((tmp_path / "ids").glob(".*"))


@pytest.mark.parametrize("n_words", [300, 70_000], ids=["two bytes", "four bytes"])
def test_blocks_of_more_words_than_a_byte_or_two_tell_apart_are_kept_as_they_are(n_words, tmp_path, monkeypatch):
    words = [f"w{number}" for number in range(n_words)]
    texts = [" ".join(words[start::10]) for start in range(10)] * 2
    labels = ["odd" if number % 2 else "even" for number in range(20)]
    path = written(
        tmp_path / "a.csv",
        [(f"own{number} {text}", label) for number, (text, label) in enumerate(zip(texts, labels, strict=True))],
    )
    config = VocabularyConfig(min_count=1)
    kept = stored(path, tmp_path / "kept", config=config, test_share=0.3)
    cannot_keep(monkeypatch)
    assert stored(path, tmp_path / "read again", config=config, test_share=0.3) == kept


def test_the_fingerprint_is_of_texts_labels_and_their_order(tmp_path):
    (one, label), (two, other), *rest = DOCUMENTS
    variants = [
        [(one, label), (two, other), *rest], [(two, other), (one, label), *rest], [(one, other), (two, other), *rest],
        [(f"{one}!", label), (two, other), *rest],
    ]  # fmt: skip
    found, test = set(), str(written(tmp_path / "test.csv", rest[:30]))  # so that all others are learned from
    for number, documents in enumerate(variants):
        files = stored(written(tmp_path / f"{number}.csv", documents), tmp_path / str(number), test=test)
        found.add(json.loads(files["corpus.json"])["fingerprint"])
    assert len(found) == len(variants)


def _size(_, texts, __):
    return len(texts)


def test_of_a_file_in_a_store_workers_and_the_command_fetch_what_they_read(tmp_path, small_blocks, monkeypatch):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    monkeypatch.setattr(stores, "AHEAD_BYTES", 2_000)
    monkeypatch.setattr(stores, "FETCH_BYTES", 1_000)
    path = written(tmp_path / "far.csv", DOCUMENTS * 10)
    path.write_text(path.read_text() + "one,too,many\n")
    fsspec.filesystem("memory").pipe("/bucket/far.csv", path.read_bytes())
    here = stored(path, tmp_path / "here", reading={"bad_rows": "skip"})
    source = Source(data="memory://bucket/far.csv", reading=ReadOptions(bad_rows="skip"))
    corpus_on_disk(source, tmp_path / "there", TokenizerConfig(), CONFIG, workers=Here())
    for name, content in here.items():
        assert name == "corpus.json" or (tmp_path / "there" / name).read_bytes() == content
    (copy,) = [copy for copy in stores._copies.values() if copy.url.endswith("/far.csv")]
    assert copy.n_bytes < 0.6 * copy.size


def _refusing(_, texts, __):
    first = texts.tokens.select(np.zeros(1, dtype=np.int64)).documents()
    is_piece = texts.labelled.rows[0] == 0 and first != Tokenizer()([DOCUMENTS[0][0]]).documents()
    if is_piece:  # the rows of a file count on
        raise DataError("text 3 cannot be cut.")
    return len(texts)


def test_what_is_wrong_with_texts_that_a_worker_has_guessed_is_no_error(tmp_path, small_blocks):
    path = written(tmp_path / "a.csv")
    file = file_of(path, tmp_path / "kept", Here())
    file.start(None)
    assert sum(file.first("", _refusing, None)) == len(DOCUMENTS)


# Workers in other processes.


@pytest.fixture(scope="module")
def two_processes():
    with local.LocalExecutor(2) as workers:
        yield workers


def test_a_worker_that_is_killed_in_each_pass_changes_no_byte(tmp_path, small_blocks, kept, monkeypatch):
    path = written(tmp_path / "a.csv")
    alone, submit, killed = stored(path, tmp_path / "alone"), local.LocalExecutor._submit, []

    def killing(self, work, handed_out, task):
        pending, what = submit(self, work, handed_out, task), str(handed_out)
        if what not in killed and isinstance(getattr(task, "given", None), Window):
            killed.append(what)
            os.kill(next(iter(self._pool._processes)), signal.SIGKILL)
        return pending

    monkeypatch.setattr(local.LocalExecutor, "_submit", killing)
    with local.LocalExecutor(2) as workers:
        assert stored(path, tmp_path / "by workers", workers) == alone
    assert len(killed) == 4


def test_a_file_that_workers_do_not_see_is_read_here_and_said(tmp_path, small_blocks, two_processes, kept, monkeypatch):
    path, said = written(tmp_path / "a.csv"), []
    alone = stored(path, tmp_path / "alone")
    monkeypatch.setattr("bywords.io.pieces.version_here", lambda source: "of another machine")
    assert stored(path, tmp_path / "by workers", two_processes, tell=said.append) == alone
    (one,) = said
    assert one.startswith("A worker on ")
    assert one.endswith(f" cannot read {path}, or has another one: it is read here instead.")


PASSES = ["looking at labels", "counting words", "counting n-grams", "writing ids"]
LATER = [(what, "as old and as large") for what in PASSES[1:]]  # which only a later pass can tell


@pytest.mark.parametrize("workers", [None, Here()], ids=["alone", "by workers"])
def test_a_file_that_changes_after_it_was_cut_is_said_so(workers, tmp_path, small_blocks):
    path = written(tmp_path / "a.csv")

    def on_block(which, n_documents, share):
        if which == "writing ids" and n_documents == len(DOCUMENTS):
            written(path, DOCUMENTS[:-1])

    with pytest.raises(DataError, match="has changed while it was read"):
        corpus_on_disk(
            Source(data=str(path)), tmp_path / "ids", TokenizerConfig(), CONFIG, on_block=on_block, workers=workers
        )  # fmt: skip


@pytest.mark.parametrize(("what", "how"), [*itertools.product(PASSES, ["shorter", "other words"]), *LATER])
def test_a_file_that_changes_while_workers_read_it_is_said_so(what, how, tmp_path, small_blocks, monkeypatch):
    cannot_keep(monkeypatch)
    path, seen = written(tmp_path / "a.csv"), []
    content = path.read_text()

    def on_block(which, n_documents, share):
        if which == what and not seen:
            seen.append(which)
            status = path.stat()
            first, *rows = content.splitlines(keepends=True)
            changed = {"shorter": content[:5000], "other words": content.replace("moon", "m oon")}
            path.write_text(changed.get(how) or "".join([first, *rows[:30], *sorted(rows[30:])]))
            if how not in changed:
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    with pytest.raises(DataError, match="has changed while it was read"):
        corpus_on_disk(
            Source(data=str(path)), tmp_path / "ids", TokenizerConfig(), CONFIG, on_block=on_block, workers=Here()
        )  # fmt: skip


class PartlyBlind(Here):
    """One of the machines does not see the file after the first pass."""

    def _submit(self, work, handed_out, chunk):
        is_later = chunk is not None and getattr(chunk, "n_documents", None) is not None
        return "machine-2" if is_later and chunk.given.start % 2 else super()._submit(work, handed_out, chunk)


def test_a_pass_that_one_machine_cannot_read_any_more_is_read_here(tmp_path, small_blocks, kept):
    path, said = written(tmp_path / "a.csv"), []
    alone = stored(path, tmp_path / "alone")
    assert stored(path, tmp_path / "by workers", PartlyBlind(), tell=said.append) == alone
    assert said == [f"A worker on machine-2 cannot read {path}: it is read here instead."]


def test_progress_goes_up_to_all_documents_in_each_pass(tmp_path, small_blocks):
    path, seen = written(tmp_path / "a.csv"), {}

    def on_block(what, n_documents, share):
        seen.setdefault(what, []).append((n_documents, share))

    source = Source(data=str(path))
    corpus_on_disk(source, tmp_path / "ids", TokenizerConfig(), CONFIG, on_block=on_block, workers=Here())
    assert list(seen) == PASSES
    for steps in seen.values():
        assert steps == sorted(steps)
        assert steps[-1] == (len(DOCUMENTS), pytest.approx(1))


def test_rows_are_skipped_by_nobody_twice(tmp_path, small_blocks):
    path = written(tmp_path / "a.csv")
    path.write_text(path.read_text() + "one too many,x,y\n")
    file, skipped = file_of(path, tmp_path / "kept", Here(), bad_rows="skip"), Skipped()
    file.start(skipped)
    assert sum(file.first("", _size, None)) == len(DOCUMENTS)
    for _ in range(2):
        assert sum(file.again("", _size, None, lambda start, stop: None)) == len(DOCUMENTS)
    assert skipped.count == 1
