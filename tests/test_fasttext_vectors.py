"""Models of fastText's are read as it wrote them: its words, and words that it has never seen, have its vectors."""

import contextlib
import json
import struct
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bywords.errors import SettingError, VectorFileError
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary
from bywords.vectors.load import read_vectors
from bywords.vectors.subwords import ngram_buckets

WORDS = ["the", "größe", "машина", "a", "日本"]
DIMENSION, N_BUCKETS = 3, 50
TRAINING = """
import json, sys, fasttext, numpy
folder, kind = sys.argv[1:]
options = {"dim": 6, "minn": 2, "maxn": 4, "bucket": 500, "epoch": 1, "minCount": 1, "thread": 1}
if kind == "vectors":
    model = fasttext.train_unsupervised(folder + "/texts.txt", **options)
else:
    model = fasttext.train_supervised(folder + "/texts.txt", wordNgrams=2, **options)
model.save_model(folder + "/model.bin")
rows = model.get_input_matrix()
means = {word: rows[model.get_subwords(word)[1]].mean(axis=0).tolist() for word in ["rakete", "mondlicht", "größer"]}
print(json.dumps(means))
"""


def model(words=WORDS, shortest=2, longest=3, n_buckets=N_BUCKETS, n_labels=0, is_quantised=False, seed=0):
    """The bytes of a model, and its matrix."""
    matrix = np.random.default_rng(seed).normal(size=(len(words) + n_buckets, DIMENSION)).astype("<f4")
    names = [*((word, 0) for word in words), *((f"__label__{index}", 1) for index in range(n_labels))]
    entries = b"".join(word.encode() + b"\0" + struct.pack("<qb", 5, kind) for word, kind in names)
    return (
        struct.pack("<ii", 793712314, 12)
        + struct.pack("<12i", DIMENSION, 5, 5, 1, 5, 1, 1, 2, n_buckets, shortest, longest, 100)
        + struct.pack("<d", 1e-4)
        + struct.pack("<iiiqq", len(names), len(words), n_labels, 100, -1)
        + entries
        + struct.pack("<?", is_quantised)
        + struct.pack("<qq", *matrix.shape)
        + matrix.tobytes()
        + b"\0the output layer"
    ), matrix


def buckets_by_hand(word, shortest, longest, n_buckets):
    """As fastText's Dictionary::computeSubwords has it, a character at a time."""
    marked, found = f"<{word}>", []
    for start in range(len(marked)):
        for n in range(1, longest + 1):
            ngram = marked[start : start + n]
            if len(ngram) < n or n < shortest or (ngram in ("<", ">") and (start in (0, len(marked) - 1))):
                continue
            value = 2166136261
            for byte in ngram.encode():
                value ^= byte | (0xFFFFFF00 if byte > 127 else 0)
                value = value * 16777619 % 2**32
            found.append(value % n_buckets)
    return found


def read(folder, content, **how):
    (folder / "model.bin").write_bytes(content)
    return read_vectors(folder / "model.bin", **how)


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=5), st.integers(1, 4))
def test_ngrams_are_hashed_as_fasttext_hashes_them(words, shortest):
    words = [word.replace("\0", "") for word in words if word != "</s>"]
    buckets, offsets = ngram_buckets([word.encode() for word in words], shortest, shortest + 2, 1000)
    for index, word in enumerate(words):
        own = buckets[offsets[index] : offsets[index + 1]].tolist()
        assert own == buckets_by_hand(word, shortest, shortest + 2, 1000)


def test_a_word_has_the_mean_of_its_row_and_its_ngrams(tmp_path):
    content, matrix = model()
    vectors = read(tmp_path, content)
    assert vectors.words.to_list() == WORDS
    for index, word in enumerate(WORDS):
        rows = [index, *(len(WORDS) + bucket for bucket in buckets_by_hand(word, 2, 3, N_BUCKETS))]
        np.testing.assert_allclose(vectors.matrix[index], matrix[rows].mean(axis=0), rtol=1e-5)
    rows = [len(WORDS) + bucket for bucket in buckets_by_hand("größer", 2, 3, N_BUCKETS)]
    np.testing.assert_allclose(vectors.vector("größer"), matrix[rows].mean(axis=0), rtol=1e-5)


def test_a_vocabulary_gets_vectors_of_ngrams_for_words_that_the_model_has_not(tmp_path):
    content, _ = model()
    vocabulary = Vocabulary.of(Tokenizer()(["the größer the", "zug"]))
    vectors = read(tmp_path, content)
    aligned = vectors.align(vocabulary, seed=0)
    assert aligned.coverage.n_types_found == 3
    assert aligned.coverage.n_by_subwords == 2
    index = vocabulary.words.to_list().index("größer") + 2
    np.testing.assert_allclose(aligned.matrix[index], vectors.vector("größer"), rtol=1e-6)
    few = read(tmp_path, content, words=vocabulary.words)
    assert set(few.words) == {"the", "größer", "zug"}
    np.testing.assert_allclose(few.vector("größer"), vectors.vector("größer"), rtol=1e-6)


def test_a_classifier_without_ngrams_has_its_words_alone(tmp_path):
    content, matrix = model(longest=0, shortest=0, n_labels=2)  # its rows behind the words are of pairs of words
    vectors = read(tmp_path, content)
    assert vectors.words.to_list() == WORDS
    np.testing.assert_array_equal(vectors.matrix, matrix[: len(WORDS)])
    assert vectors.subwords is None
    with pytest.raises(SettingError, match="have no word 'größer'"):
        vectors.vector("größer")
    assert read(tmp_path, content, words=pl.Series(["a", "zug"])).words.to_list() == ["a"]


@pytest.mark.parametrize("kind", ["vectors", "classifier"])
def test_a_model_that_fasttext_trained_is_read_as_it_answers(kind, tmp_path):
    pytest.importorskip("fasttext")
    label = "" if kind == "vectors" else "__label__x "
    (tmp_path / "texts.txt").write_text(f"{label}mond rakete größe\n__label__y car oil car\n" * 50, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, str(tmp_path), kind], capture_output=True, text=True, check=True
    )
    vectors = read_vectors(tmp_path / "model.bin")
    for word, expected in json.loads(done.stdout.splitlines()[-1]).items():
        np.testing.assert_allclose(vectors.vector(word), expected, atol=1e-6)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2, 0.3, 0.5, 0.9])
def test_a_model_that_is_cut_off_is_an_error_that_names_the_byte(share, tmp_path):
    content, _ = model()
    with pytest.raises(VectorFileError, match=r"model\.bin, byte \d+: the file ends before"):
        read(tmp_path, content[: int(share * len(content))])


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_damaged_model_is_read_or_refused(tmp_path_factory, data):
    content = bytearray(model(n_buckets=4, n_labels=1)[0])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    with contextlib.suppress(VectorFileError):
        assert np.isfinite(read(folder, bytes(content)).matrix).all()


def test_what_has_no_whole_vectors_is_refused(tmp_path):
    with pytest.raises(VectorFileError, match="quantised"):
        read(tmp_path, model(is_quantised=True)[0])
