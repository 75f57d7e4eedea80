"""Kernels give the same bits in the interpreter and as machine code, and a small call does without numba."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bywords.kernels import ids, jit, overlap, rows, svm, words
from bywords.text.characters import kinds_of_characters
from bywords.text.ragged import offsets_of
from bywords.text.word_table import Words

UNKNOWN, N_ROWS = 1, 12
SIGNS = "aZé'\u2019_ 3.\t\u0301我ーกิ👍"
few_examples = settings(max_examples=40)
texts = st.lists(st.one_of(st.text(SIGNS), st.text(st.characters(codec="utf-8"))), min_size=1, max_size=4)
documents = st.lists(st.lists(st.integers(0, N_ROWS - 1), max_size=6), min_size=1, max_size=5)
small_floats = st.floats(-4, 4, width=32)


def both(kernel: jit.Kernel, *arguments):
    """The results of both forms, and the arguments as they left them, all as types and bytes; and the results."""

    def form(call):
        copies = [argument.copy() if isinstance(argument, np.ndarray) else argument for argument in arguments]
        results = call(*copies)
        return results, [as_bytes(value) for value in (results if isinstance(results, tuple) else (results,), *copies)]

    interpreted, compiled = form(kernel.interpreted), form(kernel.compiled)
    assert interpreted[1] == compiled[1]
    return interpreted[0]


def as_bytes(value):
    if isinstance(value, tuple):
        return [as_bytes(one) for one in value]
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return type(value), repr(value)


def flat(listed):
    offsets = offsets_of(np.array([len(document) for document in listed]))
    return np.array([number for document in listed for number in document], dtype=np.int32), offsets


@few_examples
@given(texts, st.booleans(), st.booleans(), st.integers(1, 3), st.integers(0, 2))
def test_words_and_char_ngrams_are_the_same(listed, lowercase, signs, shortest, more):
    encoded = [text.encode() for text in listed]
    data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    ends = np.cumsum([len(text) for text in encoded])
    _, _, *scanned = both(words.scan, data, ends, kinds_of_characters(), lowercase, signs)
    assert Words(*scanned[:2]).hashes.tolist() == scanned[2].tolist()
    both(words.cut, *scanned[:2], shortest, shortest + more)
    n_words, room = len(scanned[2]), 2 * len(data) + 8
    table = (
        np.zeros(3 * room, np.uint8),
        np.zeros(room, np.int64),
        np.zeros(room, np.uint64),
        np.zeros((4, 2), np.uint64),
    )
    _, slots, n_added = both(words.add, *scanned, *table, 0)
    assert n_added == n_words
    both(words.find, *scanned, *scanned[:2], slots)


def test_hashes_overflow_and_tables_grow_without_a_warning():
    text = " ".join(f"word{number}" * (1 + number % 4) for number in range(300)).encode()
    data = np.frombuffer(text, dtype=np.uint8)
    _, _, *scanned = both(words.scan, data, np.array([len(data)]), kinds_of_characters()[:128], True, True)
    assert len(scanned[2]) == 300
    both(words.cut, *scanned[:2], 2, 4)


@few_examples
@given(documents, st.booleans(), st.booleans(), st.integers(1, 6), st.integers(1, 3), st.data())
def test_ids_are_the_same(listed, has_edges, keep_unknown, max_length, gap, data):
    codes, offsets = flat(listed)
    numbers = np.where(codes % 5 == 3, np.int32(ids.NOT_THERE), codes)
    edged, edged_offsets = both(ids.with_edges, numbers, offsets, 0) if has_edges else (numbers, offsets)
    pairs, _ = both(ids.count_pairs, edged, edged, edged_offsets, gap, data.draw(st.integers(1, 2)))
    table = both(ids.table_of_pairs, pairs, np.arange(len(pairs), dtype=np.int32) + np.int32(N_ROWS))
    found = both(ids.find_pairs, edged, edged, edged_offsets, gap, *table)
    char_ngrams, char_offsets = flat(
        data.draw(st.lists(st.lists(st.integers(20, 30), max_size=3), min_size=N_ROWS, max_size=N_ROWS))
    )
    encoded, new_offsets, _ = both(
        ids.encode, np.stack([edged, found]), has_edges, offsets, codes, char_ngrams, char_offsets,
        UNKNOWN, max_length, keep_unknown,
    )  # fmt: skip
    both(ids.count, encoded, new_offsets, 25, UNKNOWN)


@few_examples
@given(documents, st.integers(1, 4), st.data())
def test_sums_and_steps_are_the_same(listed, dimension, data):
    numbers, offsets = flat(listed)
    floats = np.random.default_rng(data.draw(st.integers(0, 9)))
    matrix = floats.standard_normal((N_ROWS, dimension), dtype=np.float32)
    weights = floats.standard_normal(len(numbers), dtype=np.float32)
    sums = np.empty((len(listed), dimension), dtype=np.float32)
    both(rows.add_rows, matrix, numbers, offsets, weights, sums)
    index_of = np.full(N_ROWS, -1, dtype=np.int32)
    read, gradients = both(rows.gradients_of_rows, numbers, offsets, weights, sums, index_of)
    both(rows.adagrad, matrix, np.zeros(N_ROWS, dtype=np.float32), read, gradients, *np.array([0.1, 1e-8]))


@few_examples
@given(documents, st.booleans(), st.integers(0, 9))
def test_a_pass_of_the_svm_is_the_same(listed, is_scaled, seed):
    numbers, offsets = flat(listed)
    floats = np.random.default_rng(seed)
    shape = (len(listed), 2)
    weights = floats.random(len(numbers), dtype=np.float32)
    signs = np.where(floats.random(shape) < 0.5, np.float32(-1), np.float32(1))
    slacks, norms, duals = floats.random(shape[0], dtype=np.float32), *floats.random((2, *shape), dtype=np.float32)
    table = floats.random((N_ROWS, 4 if is_scaled else 2), dtype=np.float32)
    bias = np.zeros(2, dtype=np.float32)
    order = floats.permutation(len(listed))
    both(svm.dual_pass, numbers, offsets, weights, signs, order, slacks, norms + np.float32(1), table, bias, duals)
    both(svm.classifiers_of, numbers, offsets, weights, signs, duals, table, bias)


@few_examples
@given(documents, st.data())
def test_similar_documents_are_the_same(listed, data):
    codes, offsets = flat(sorted(listed, key=len))
    elements, n_elements = both(overlap.numbered, codes, offsets, N_ROWS)
    elements = elements.astype(np.int32)
    both(overlap.sort_each, elements, offsets)
    overlap.sort_each(elements, offsets)
    part = np.array(data.draw(st.lists(st.integers(0, 1), min_size=len(listed), max_size=len(listed))), dtype=np.int64)
    threshold, most = data.draw(st.sampled_from([0.3, 0.5, 0.8])), data.draw(st.integers(1, 3))
    lefts, rights, shared = both(overlap.similar_pairs, elements, offsets, part, n_elements, threshold, most)
    assert both(overlap.shared_by, elements, offsets, lefts, rights).tolist() == shared.tolist()


def steps_kernel(work):
    @jit.jit(work=work)
    def one_more(n):
        return n + 1

    return one_more


@pytest.fixture
def budget(monkeypatch):
    fresh = jit.Budget()
    monkeypatch.setattr(jit, "budget", fresh)
    return fresh


def test_small_calls_are_interpreted_until_together_they_cost_what_numba_does(budget):
    kernel = steps_kernel(lambda n: n)
    n_interpreted = 0
    while kernel._dispatcher is None:
        assert kernel(20_000) == 20_001
        n_interpreted += 1
    assert n_interpreted - 1 == jit.SMALL_TOTAL // 20_000
    other = steps_kernel(lambda n: n)
    other(1)
    assert other._dispatcher is not None


@pytest.mark.parametrize("work", [lambda n: jit.SMALL_CALL + 1, None])
def test_a_large_call_and_one_of_unknown_size_are_compiled_at_once(budget, work):
    kernel = steps_kernel(work)
    assert kernel(1) == 2
    assert kernel._dispatcher is not None


def test_a_text_becomes_sums_of_rows_without_numba():
    program = """
import sys
import numpy as np
from bywords.text.bags import Bags
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.text.word_table import Words

config = VocabularyConfig(ngrams=3, char_ngrams=(3, 5))
vocabulary = Vocabulary(Words.of(["the", "film"]), np.zeros(4, np.int64), config=config)
vocabulary.ngrams = np.array([[2, 3]], np.int32)
bags = Bags.of(vocabulary.encode(Tokenizer()(["The film! The Straße"])), 5)
assert bags.times(np.eye(5, dtype=np.float32)).tolist() == [[0, 0, 2, 1, 1]]
print([name for name in ("numba", "polars", "torch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
