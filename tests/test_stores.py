"""Files in object stores: read as those on a disk are, once, and written as a whole."""

import gzip
import io
import os
import threading
import zipfile
from pathlib import Path

import polars as pl
import pytest
from small_corpus import small_corpus

from bywords.cli import predict
from bywords.cli.options import is_file
from bywords.errors import DataError, SettingError
from bywords.io import stores
from bywords.io.datasets import load_dataset, paths_of
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.io.readers import read_blocks, read_corpus
from bywords.io.resumable import ResumableOutput
from bywords.io.split import Split
from bywords.labelling.project import Project
from bywords.text.tokenizer import TokenizerConfig
from bywords.text.vocabulary import VocabularyConfig

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")


@pytest.fixture
def store(tmp_path):
    """The memory of fsspec as the bucket of a store: what it holds is put there by name."""
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    for path in list(stores._copies):
        del stores._copies[path]
    stores._info.cache_clear()
    yield memory
    memory.store.clear()


@pytest.fixture
def opened_names(store, monkeypatch):
    """The names of files that were opened in the store, to be fetched."""
    names, open_ = [], type(store).open
    monkeypatch.setattr(
        type(store), "open", lambda self, path, *a, **b: (names.append(path), open_(self, path, *a, **b))[1]
    )
    return names


@pytest.fixture
def corpus():
    found = small_corpus()
    return pl.DataFrame({"text": found.texts, "label": found.names()})


def zipped(content):
    path = Path("one.zip")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("train.csv", content)
        file.writestr("other.csv", content)
    return path.read_bytes()


def parquet(corpus):
    corpus.write_parquet("one.parquet")
    return Path("one.parquet").read_bytes()


FORMS = {
    "a.csv": lambda corpus: corpus.write_csv().encode(),
    "a.tsv": lambda corpus: corpus.write_csv(separator="\t").encode(),
    "a.jsonl": lambda corpus: corpus.write_ndjson().encode(),
    "a.csv.gz": lambda corpus: gzip.compress(corpus.write_csv().encode()),
    "deep/er/a b.parquet": parquet,
    "100%.txt": lambda corpus: "".join(f"__label__{b} {a}\n" for a, b in corpus.iter_rows()).encode(),
    "a.zip:train.csv": lambda corpus: zipped(corpus.write_csv()),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_file_in_a_store_is_read_as_one_on_the_disk(name, store, corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    archive = name.partition(":")[0]
    store.pipe(f"/bucket/{archive}", FORMS[name](corpus))
    found = read_corpus(f"memory://bucket/{name}")
    assert found.texts.to_list() == corpus["text"].to_list()
    assert list(found.names()) == corpus["label"].to_list()
    assert found.name == Path(name).name


def test_what_is_read_again_is_fetched_once(store, opened_names, corpus, tmp_path):
    store.pipe("/bucket/a.csv", corpus.write_csv().encode())
    opened_names.clear()
    for _ in range(3):
        list(read_blocks("memory://bucket/a.csv", text="text"))
    corpus_on_disk(Source(data="memory://bucket/a.csv"), tmp_path / "ids", TokenizerConfig(), VocabularyConfig())
    assert opened_names == ["/bucket/a.csv"]


def test_a_file_is_read_while_it_arrives(store, monkeypatch):
    rows = "text\n" + "".join(f"a text of five words {number}\n" for number in range(1000))
    store.pipe("/bucket/a.csv", rows.encode())
    goes_on, n_read = threading.Event(), []
    monkeypatch.setattr(stores, "FETCH_BYTES", 20_000)
    read, open_ = type(store.open("/bucket/a.csv")).read, type(store).open

    def slowly(self, path, *more, **named):
        file = open_(self, path, *more, **named)

        def read_one(n_bytes):
            if n_read:
                assert goes_on.wait(20)
            n_read.append(n_bytes)
            return read(file, n_bytes)

        file.read = read_one
        return file

    monkeypatch.setattr(type(store), "open", slowly)
    blocks = read_blocks("memory://bucket/a.csv", text="text", ending=".csv", block_bytes=5000)
    with stores.opened(stores.copy_of("memory://bucket/a.csv")) as file:
        assert file.read(15_000) == rows[:15_000].encode()
        assert stores.share_arrived() == ("memory://bucket/a.csv", 20_000 / len(rows))
        goes_on.set()
        assert file.read() == rows[15_000:].encode()
    assert sum(len(block.texts) for block in blocks) == 1000
    assert stores.share_arrived() is None


def test_no_more_is_fetched_than_is_read_and_some(store, monkeypatch):
    monkeypatch.setattr(stores, "FETCH_BYTES", 1000)
    monkeypatch.setattr(stores, "AHEAD_BYTES", 3000)
    store.pipe("/bucket/a.csv", b"text\n" + b"some words\n" * 5000)
    path = stores.copy_of("memory://bucket/a.csv")
    with stores.opened(path) as file:
        file.read(10)
        copy = file.raw.copy
        copy.wait_for(3000)
        assert copy.n_bytes < io.DEFAULT_BUFFER_SIZE + 3000 + 2000 < 20_000
        file.read(20_000)
        assert copy.n_bytes >= 20_000
        assert len(file.read()) == 55_005 - 20_010


def test_a_pattern_has_the_files_of_the_store_in_order(store, corpus):
    for number in (2, 1, 3):
        store.pipe(f"/bucket/part-{number}.csv", corpus[number : number + 5].write_csv().encode())
    store.pipe("/bucket/other.csv", b"text,label\n")
    found = load_dataset("memory://bucket/part-*.csv", test="memory://bucket/part-2.csv").train
    assert found.texts.to_list() == [text for number in (1, 2, 3) for text in corpus["text"][number : number + 5]]
    assert paths_of("memory://bucket/a.csv memory://bucket/b.csv") == [
        "memory://bucket/a.csv",
        "memory://bucket/b.csv",
    ]
    with pytest.raises(DataError, match=r"^memory://bucket/q\*\.csv: no file has a name like this"):
        paths_of("memory://bucket/q*.csv")


def test_an_error_has_the_url_and_the_line(store):
    store.pipe("/bucket/a.csv", b"text,label\none two,a\nthree,b,c\n")
    with pytest.raises(DataError, match=r"^memory://bucket/a.csv, line 3: expected 2 fields"):
        read_corpus("memory://bucket/a.csv")
    with pytest.raises(DataError, match=r"^memory://bucket/b.csv: there is no such bucket or file in the store"):
        read_corpus("memory://bucket/b.csv")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError("Forbidden"), "the store refuses it with these credentials .Forbidden.: set AWS_PROFILE"),
        (ConnectionError("no route"), "the store cannot be reached, or .*ConnectionError: no route.*AWS_ENDPOINT_URL"),
        (
            type("NoCredentialsError", (Exception,), {})("Unable"),
            "there are no credentials for the store .Unable.: set",
        ),
        (ImportError("Install s3fs to access S3"), "s3:// needs the package s3fs, .*pip install s3fs"),
    ],
)
def test_what_a_store_says_is_one_error_with_the_url(error, said, monkeypatch):
    def refuse(url):
        raise error

    monkeypatch.setattr(stores, "_file_system", refuse)
    stores._info.cache_clear()
    with pytest.raises((DataError, SettingError), match=rf"^s3://bucket/a.csv: {said}"):
        read_corpus("s3://bucket/a.csv")


def test_a_file_that_ends_early_is_an_error(store, monkeypatch):
    store.pipe("/bucket/a.csv", b"text,label\none two,a\nthree,b\n")
    info = type(store).info
    monkeypatch.setattr(type(store), "info", lambda self, path, **more: {**info(self, path), "size": 1000})
    with pytest.raises(DataError, match=r"^memory://bucket/a.csv: 29 bytes of 1,000 have arrived. Try again"):
        read_corpus("memory://bucket/a.csv")


def test_copies_that_nobody_reads_make_way_where_the_disk_is_small(store, monkeypatch):
    for name in "abc":
        store.pipe(f"/bucket/{name}.txt", name.encode() * 1000)
    paths = {name: stores.copy_of(f"memory://bucket/{name}.txt") for name in "abc"}
    used = type("Usage", (), {"free": stores.SPARE_BYTES + 1500})
    with stores.fetched(paths["a"]), stores.fetched(paths["b"]):
        pass
    monkeypatch.setattr(stores.shutil, "disk_usage", lambda _: used)
    monkeypatch.setattr(stores, "SPARE_BYTES", 0)
    used.free = 1500
    with stores.fetched(paths["c"]):
        assert [paths[name].exists() for name in "abc"] == [False, False, True]
    used.free = 900
    with pytest.raises(DataError, match=r"^memory://bucket/a.txt: no room for a copy: it has 0.0 MB, .* set TMPDIR"):
        read_corpus("memory://bucket/a.txt")


@pytest.mark.parametrize(
    "url",
    ["s3://b/k.csv", "gs://b/a b/c%2Fd.csv", "https://h:80/x/y.csv?a=1/2&b=%20", "s3://b//double/../k", "memory://b/k"],
)
def test_a_copy_is_told_from_its_url_and_back(url):
    path = stores.copy_of(url)
    assert stores.url_of(path) == url
    assert stores.shown(path) == url.partition("?")[0]
    assert stores.copy_of(str(Path(url))) == stores.copy_of(url) or "//" in url.partition("://")[2] or "?" in url
    assert path.is_relative_to(stores._folder())


# Commands.


def test_predictions_from_and_to_a_store_are_the_same_bytes(store, bywords, model, corpus, tmp_path):
    for ending, content in ((".csv", corpus.write_csv().encode()), (".parquet", None)):
        content = content or parquet(corpus)
        (tmp_path / f"new{ending}").write_bytes(content)
        store.pipe(f"/bucket/new-1{ending}", content)
        bywords("predict", model, f"new{ending}", "--out", f"here{ending}")
        code, out, said = bywords(
            "predict", model, f"memory://bucket/new-?{ending}", "--out", f"memory://out/there{ending}"
        )
        assert (code, out) == (0, ""), said
        assert store.cat(f"/out/there{ending}") == (tmp_path / f"here{ending}").read_bytes()
        assert not (tmp_path / f"there{ending}").exists()
    assert not list(tmp_path.glob("*.part"))


def test_a_store_that_workers_cannot_read_is_read_here_and_said(store, bywords, model, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "CHUNK_BYTES", 2000)
    corpus.write_csv(tmp_path / "new.csv")
    store.pipe("/bucket/new.csv", corpus.write_csv().encode())  # of this process alone
    bywords("predict", model, "new.csv", "--out", "here.csv")
    code, _, said = bywords("predict", model, "memory://bucket/new.csv", "--out", "there.csv", "--on", "local:1")
    assert (code, "cannot read memory://bucket/new.csv" in said) == (0, True)
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


def test_what_is_cut_off_is_not_in_the_store_and_goes_on(store, bywords, model, corpus, tmp_path, monkeypatch):
    store.pipe("/bucket/new.csv", corpus.write_csv().encode())
    words = ["predict", model, "memory://bucket/new.csv", "--out", "memory://out/there.csv"]
    put = stores.put

    def refuse(source, url):
        raise SettingError("the store is full.")

    monkeypatch.setattr(stores, "put", refuse)
    code, _, said = bywords(*words)
    assert code == 2
    assert "the store is full." in said
    assert "--resume" in said
    assert not store.exists("/out/there.csv")
    monkeypatch.setattr(stores, "put", put)
    monkeypatch.setattr(ResumableOutput, "add", refuse)  # nothing is done again
    assert bywords(*words, "--resume")[0] == 0
    assert store.cat("/out/there.csv").count(b"\n") == len(corpus) + 1


def test_a_store_is_asked_before_there_is_any_work(bywords, model, corpus, tmp_path):
    corpus.write_csv(tmp_path / "new.csv")
    for out, said in {
        "https://h/x.csv": "https://h/x.csv: cannot be written: it is an address of the web",
        "s3://bucket": "cannot tell the format|expected a bucket and a name",
    }.items():
        code, _, told = bywords("predict", model, "new.csv", "--out", out)
        assert code == 2
        assert any(one in told for one in said.split("|")), told


def test_commands_read_from_a_store(store, bywords, model, corpus, tmp_path):
    corpus.write_csv(tmp_path / "a.csv")
    store.pipe("/bucket/a.csv", corpus.write_csv().encode())
    url = "memory://bucket/a.csv"
    for words in (
        ["evaluate", model, "FILE", "--json"],
        ["audit", "FILE", "--json"],
        ["drift", model, "FILE", "--json"],
    ):
        here, there = (bywords(*(name if word == "FILE" else word for word in words)) for name in ("a.csv", url))
        assert (here[0], there[0]) == (0, 0), there[2]
        assert there[1].replace(url, "a.csv") == here[1]
    assert bywords("train", url, "--system", "tfidf-nb", "--out", "m")[0] == 0
    assert bywords("train", url, "--system", "tfidf-nb", "--out", "m2", "--on-disk", "ids")[0] == 0
    project = Project.create(tmp_path / "a.bywords", [url], labels=["sport", "space"])
    assert project.n_texts == len(corpus)


def test_a_web_address_that_does_not_end_as_a_file_is_a_text(bywords, model):
    code, out, _ = bywords("predict", model, "https://t.co/abc")
    assert (code, out.count("\n")) == (0, 1)


def test_an_address_is_a_file_by_the_end_of_its_path_whatever_is_asked_of_it():
    for address in ("https://h/x.csv", "https://h/x.jsonl.gz?X-Amz-Signature=1a&part=2/3", "s3://b/k?.csv", "s3://b/k"):
        assert is_file(address), address
    for text in ("https://h/x?name=y", "https://h/x.csv seen? no", "https://h/x.csv? no", "see https://h/x.csv?a=1"):
        assert not is_file(text), text


# A server of S3 on this machine.


@pytest.fixture(scope="module")
def s3():
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = pytest.importorskip("moto.server", reason="moto's server is not installed")
    running = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    before = dict(os.environ)
    os.environ |= {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
    import s3fs

    files = s3fs.S3FileSystem()
    files.mkdir("bucket")
    yield files
    running.stop()
    s3fs.S3FileSystem.clear_instance_cache()
    os.environ.clear()
    os.environ.update(before)


def test_a_server_of_s3_is_read_from_and_written_to(s3, bywords, model, corpus, tmp_path, monkeypatch):
    s3.pipe("bucket/new-1.csv", corpus.write_csv().encode())
    s3.pipe("bucket/new-2.csv", corpus.write_csv().encode())
    for name in ("new-1.csv", "new-2.csv"):
        corpus.write_csv(tmp_path / name)
    assert bywords("predict", model, "new-*.csv", "--out", "here.csv")[0] == 0
    code, _, said = bywords("predict", model, "s3://bucket/new-*.csv", "--out", "s3://bucket/out/there.csv")
    assert code == 0, said
    assert s3.cat("bucket/out/there.csv") == (tmp_path / "here.csv").read_bytes()
    monkeypatch.setattr(predict, "CHUNK_BYTES", 1000)
    words = ["predict", model, "s3://bucket/new-*.csv", "--out", "s3://bucket/out/by-workers.csv", "--on", "local:2"]
    ranges = []
    monkeypatch.setattr(Split, "takes", (lambda own: lambda *given: ranges.append(1) or own(*given))(Split.takes))
    assert bywords(*words)[0] == 0
    assert s3.cat("bucket/out/by-workers.csv") == s3.cat("bucket/out/there.csv")
    assert len(ranges) > 4
    for url, told in {
        "s3://bucket/none.csv": "s3://bucket/none.csv: there is no such bucket or file in the store",
        "s3://none/none.csv": "s3://none/none.csv: there is no such bucket or file in the store",
    }.items():
        code, _, said = bywords("predict", model, url)
        assert code == 2
        assert told in said
    code, _, said = bywords("predict", model, "new-1.csv", "--out", "s3://none/x.csv")
    assert (code, "s3://none/x.csv: there is no such bucket" in said) == (2, True)
