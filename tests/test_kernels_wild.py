"""Arrays of the right types that do not fit together, and texts that are no UTF-8: a kernel refuses or answers.

`make test KERNELS=sanitized` runs these with kernels that stop where they leave an array; else it takes luck to see it.
"""

import ctypes
import os
import sys

import numpy as np
import pytest
from forking import in_child
from small_corpus import small_corpus, small_system
from wild_calls import n_refused

from bywords import TextClassifier
from bywords.data.duplicates import find_duplicates
from bywords.kernels import _native, bags, calibration, ids, normalization, overlap, utf8, words
from bywords.text.characters import kinds_of_characters
from bywords.text.normalization import orders_of_characters, replacements
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig

KERNELS = sorted(name for name in dir(_native) if not name.startswith("_"))


@pytest.fixture(scope="module")
def calls():
    """One real call of each kernel, by its name: the arguments before it."""
    seen, real = {}, {name: getattr(_native, name) for name in KERNELS}

    def recorder(name):
        def call(*arguments):
            size = sum(argument.size for argument in arguments if isinstance(argument, np.ndarray))
            if name not in seen or size > seen[name][0]:
                seen[name] = size, [np.copy(one) if isinstance(one, np.ndarray) else one for one in arguments]
            return real[name](*arguments)

        return call

    corpus = small_corpus(60)
    texts = [f"{text} Sooo ＡＢ é&amp; rooocket word{index}" for index, text in enumerate(corpus.texts)]
    try:
        for name in KERNELS:
            setattr(_native, name, recorder(name))
        for system in ("auto", "dan", "lstm", "glove-corpus-mean", "label-tree"):
            TextClassifier(small_system(system, "")).fit(texts, corpus.names()).predict(texts)
        words.add(*_many_words(), *_empty_table(), 0)
        tokens = Tokenizer()(texts)
        Vocabulary.of(tokens, VocabularyConfig(ngrams=3)).ids(["word1"])  # longer n-grams are made of shorter ones
        words.renumber(tokens.codes, np.arange(len(tokens.words), dtype=np.int32), np.empty_like(tokens.codes))
        few = np.arange(5, dtype=np.uint64), np.arange(5)
        _native.add_counts(*few, *few, np.empty(10, np.uint64), np.empty(10, np.int64))
        calibration.fit_sigmoids(np.eye(4), np.eye(4, dtype=bool), np.ones(4, np.float32), 1e-6, 1e3)
        documents, (table, bias, duals) = seen["dual_pass"][1][:5], seen["dual_pass"][1][8:11]
        _native.classifiers_of(*documents, np.ones_like(duals), np.zeros_like(table), np.zeros_like(bias))
        plain = np.zeros((len(table), duals.shape[1]), np.float32)
        _native.times_curvature(*documents[:4], np.ones_like(duals), plain, np.zeros_like(plain))
        groups = np.array([[0, -1, -1], [0, 0, 1]])
        matrices, starts = np.ones((2, 12, 3), np.float32), np.array([0, 4, 7, 12])
        pool = ids.Pool.of(np.ones(12, np.float32), matrices, starts, groups, bags.LOG_TFIDF)
        bags.pooled_sums(np.array([1, 2, 5, 9, 2], np.int32), np.array([0, 3, 5]), *pool, 3)
        vocabulary = Vocabulary.of(Tokenizer()(texts), VocabularyConfig(ngrams=2, char_ngrams=(2, 3)))
        ids.answer_texts(*Tokenizer().bytes_of(texts), vocabulary.tables, pool, 3)
        find_duplicates(corpus.texts)
        utf8.is_utf8(b"a,b\n")
        utf8.has_plain_quotes(b"a,b\n", ",")
        overlap.listed_pairs(np.array([0, 0, 1]), np.array([1, 2, 2]), np.zeros(3, np.int64), 1)
    finally:
        for name in KERNELS:
            setattr(_native, name, real[name])
    assert sorted(seen) == KERNELS
    return {name: arguments for name, (_, arguments) in seen.items()}


def _many_words():
    data = np.frombuffer("".join(f"{number:012}" for number in range(40)).encode(), dtype=np.uint8)
    starts = np.arange(0, 481, 12)
    return data, starts, words.hashes_of(data, starts)


def _empty_table():
    return np.zeros(600, np.uint8), np.zeros(50, np.int64), np.zeros(50, np.uint64), np.zeros((16, 2), np.uint64)


@pytest.mark.parametrize("name", KERNELS)
def test_a_call_with_one_wild_argument_is_refused_or_answered(name, calls):
    assert n_refused(name, calls[name]) > 0


def test_bytes_that_are_no_utf8_are_read_to_their_end_and_no_further():
    config = VocabularyConfig(ngrams=3, ngram_min_count=1, char_ngrams=(1, 3), char_ngram_min_count=1)
    vocabulary = Vocabulary.of(Tokenizer()(["a z aa é กิ 😀 . 我", "A Z aa é กิ 😀 . 我"]), config).tables

    def read_all():
        generator, table = np.random.default_rng(0), replacements(True)
        likely = np.frombuffer("aAzZ.'&;\\ \0é’ー我กิ😀ﬁ\u200b".encode() + b"\xc3\xdf\xe0\xf0\xff\x80", dtype=np.uint8)
        for _ in range(2000):
            size = int(generator.integers(0, 40))
            text = generator.choice(likely, size) if generator.random() < 0.7 else _bytes(generator, size)
            ends = np.sort(generator.integers(0, size + 1, generator.integers(0, 5)))
            for what in (words.WORDS, words.SIGNS, words.LONGER):
                *_, data, starts, _ = words.scan(text, ends, kinds_of_characters(), True, what)
                ids.encode_texts(text, ends, kinds_of_characters(), True, what, vocabulary)
            words.cut(data, starts, 1, 4)
            words.cut(text, np.array([0, *ends]), 2, 3)
            flags, _ = normalization.suspects(text, ends, table.specials, orders_of_characters())
            tables = table.targets, table.data, table.starts, kinds_of_characters()
            new, new_ends, _ = normalization.replace_characters(text, ends, flags | normalization.REPLACED, *tables)
            normalization.shorten_runs(new.copy(), new_ends, flags | normalization.RUN)
        return "read"

    assert in_child(read_all) == "read"


def _bytes(generator, size):
    return generator.integers(0, 256, size).astype(np.uint8)


def test_what_a_call_is_wrong_about_is_said():
    with pytest.raises(ValueError, match=r"with_edges: the arrays do not fit together, expected .*offsets_fit"):
        _native.with_edges(np.zeros(3, np.int32), np.array([0, 4]), 7, np.zeros(9, np.int32), np.zeros(2, np.int64))


def test_references_to_arguments_are_given_back():
    array, offsets = np.zeros(3, np.int32), np.array([0, 4])  # which do not fit
    out = np.zeros(9, np.int32), np.zeros(2, np.int64)
    calls = [
        ((array, offsets, 7, *out), ValueError), ((array, np.array([0, 3]), 7, *out), None),
        ((array, offsets, "7", *out), TypeError), ((array, offsets, 7, out[0], array), TypeError),
        ((array, offsets), TypeError), ((array, offsets, 7, *out, array), TypeError),
    ]  # fmt: skip
    before = [sys.getrefcount(one) for one in (array, offsets, *out)]
    for _ in range(1000):
        for arguments, error in calls:
            if error is None:
                _native.with_edges(*arguments)
            else:
                with pytest.raises(error):
                    _native.with_edges(*arguments)
    assert [sys.getrefcount(one) for one in (array, offsets, *out)] == before
    array.resize(4, refcheck=False)  # would raise where a view of it is still open


@pytest.mark.skipif("libasan" not in os.environ.get("LD_PRELOAD", ""), reason="needs make test KERNELS=sanitized")
@pytest.mark.parametrize("size", [1, 3, 100, 5000])
def test_the_sanitizer_sees_the_end_of_an_array_of_any_size(size):
    array = np.zeros(size, np.int32)
    assert in_child(lambda: len(array)) == size
    with pytest.raises(AssertionError, match="ended by"):
        in_child(lambda: ctypes.memset(array.ctypes.data, 1, array.nbytes + 1))
    with pytest.raises(AssertionError, match="ended by"):
        in_child(lambda: _native.find(*_many_words(), *_wild_table(size)))


def _wild_table(size):
    """A table whose slots, which `find` trusts, say that its words are elsewhere."""
    _, _, hashes = _many_words()
    slots = np.zeros((1 << 10, 2), np.uint64)
    slots[hashes[0] & np.uint64(1023)] = hashes[0], (12 << 32) | (size + 7)
    return np.zeros(size, np.uint8), np.zeros(size, np.int64), slots, np.zeros(40, np.int32)
