"""The kernels of duplicates, the LSTM and GloVe do what plain Python does, and refuse arrays they cannot read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import glove as plain_glove
from twins import lstm as plain_lstm
from twins import overlap as plain_overlap

from bywords.kernels import glove, lstm, overlap
from bywords.text.ragged import offsets_of

N_WORDS = 12
documents = st.lists(st.lists(st.integers(0, N_WORDS - 1), max_size=9), max_size=12)
some_examples, few_examples = settings(max_examples=150, deadline=None), settings(max_examples=25, deadline=None)


def flat(listed):
    offsets = offsets_of(np.array([len(document) for document in listed], dtype=np.int64))
    return np.array([number for document in listed for number in document], dtype=np.int32), offsets


def same(one, other):
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(one, other)


@some_examples
@given(documents)
def test_occurrences_are_numbered_the_same(listed):
    codes, offsets = flat(listed)
    elements, n_elements = overlap.numbered(codes, offsets, N_WORDS)
    expected, n_expected = plain_overlap.numbered(codes, offsets, N_WORDS)
    same(elements, expected)
    assert type(n_elements) is int
    assert n_elements == n_expected


@pytest.mark.parametrize("longest", [3, 24, 25, 49, 1000])
@pytest.mark.parametrize("n_values", [1, 5, 1 << 31])
def test_documents_of_any_length_are_sorted_alone(longest, n_values):
    generator = np.random.default_rng(longest)
    offsets = offsets_of(np.array([0, longest, 1, *generator.integers(0, longest + 1, 20)], dtype=np.int64))
    elements = generator.integers(-n_values, n_values, offsets[-1]).astype(np.int32)
    expected = elements.copy()
    plain_overlap.sort_each(expected, offsets)
    overlap.sort_each(elements, offsets)
    same(elements, expected)


@some_examples
@given(documents, st.sampled_from([0.3, 0.4, 0.5, 0.8, 1.0]), st.integers(0, 3), st.data())
def test_similar_documents_are_the_same(listed, threshold, most, data):
    listed = sorted([*listed, *listed[:3]], key=len)  # some texts twice
    codes, offsets = flat(listed)
    elements, n_elements = plain_overlap.numbered(codes, offsets, N_WORDS)
    elements, n_elements = elements.astype(np.int32), int(n_elements)
    plain_overlap.sort_each(elements, offsets)
    parts = st.lists(st.integers(0, 1), min_size=len(listed), max_size=len(listed))
    part = np.array(data.draw(parts), dtype=np.int64)
    pairs = overlap.similar_pairs(elements, offsets, part, n_elements, threshold, most)
    expected = plain_overlap.similar_pairs(elements, offsets, part, n_elements, threshold, most)
    for one, other in zip(pairs, expected, strict=True):
        same(one, other)
    same(overlap.shared_by(elements, offsets, *pairs[:2]), expected[2])
    n_earlier = data.draw(st.integers(0, len(listed)))
    arguments = elements, offsets, part, n_elements, threshold, most
    across = overlap.similar_pairs(*arguments, n_earlier=n_earlier)
    for one, other in zip(across, plain_overlap.similar_pairs(*arguments, n_earlier=n_earlier), strict=True):
        same(one, other)
    is_kept = data.draw(st.lists(st.booleans(), min_size=len(pairs[0]), max_size=len(pairs[0])))
    some = [np.ascontiguousarray(column[np.array(is_kept, dtype=bool)]) for column in pairs[:2]]
    same(overlap.listed_pairs(*some, part, most), plain_overlap.listed_pairs(*some, part, most))


def test_more_pairs_than_there_was_room_for_at_first():
    n = 70
    elements, offsets = np.tile(np.arange(5, dtype=np.int32), n), 5 * np.arange(n + 1)
    earlier, later, shared = overlap.similar_pairs(elements, offsets, np.zeros(n, dtype=np.int64), 5, 0.8, n)
    assert len(earlier) == n * (n - 1) // 2 > 1 << 11
    assert (shared == 5).all()
    assert len(set(zip(earlier.tolist(), later.tolist(), strict=True))) == len(earlier)
    assert (earlier < later).all()


def steps_of(lengths):
    """How many documents reach each step."""
    return (np.arange(max(lengths))[:, None] < np.array(lengths)).sum(axis=1)


def arrays_of_lstm(lengths, n_in, n_hidden, seed=0):
    """The arguments of `run_forward`; those it fills in are NaN."""
    generator, n_rows = np.random.default_rng(seed), sum(lengths)
    shapes = (n_rows, n_in), (n_in, 4 * n_hidden), (n_hidden, 4 * n_hidden), (1, 4 * n_hidden)
    given_arrays = [generator.standard_normal(shape, dtype=np.float32) for shape in shapes]
    filled = [np.full((n_rows, width), np.nan, dtype=np.float32) for width in (4 * n_hidden, n_hidden, n_hidden)]
    return [steps_of(lengths), *given_arrays, *filled]


def arrays_of_gradients(forward, *, wants_inputs=True):
    """The arguments of `run_backward` after these of `run_forward`."""
    sizes, inputs, from_input, from_state, bias, gates, cells, states = forward
    of_states = np.random.default_rng(1).standard_normal(states.shape, dtype=np.float32)
    zeros = [np.zeros_like(array) for array in (inputs if wants_inputs else inputs[:0], from_input, from_state, bias)]
    return [sizes, inputs, from_input, from_state, gates, cells, states, of_states, *zeros]


def check_lstm(lengths, n_in, n_hidden, wants_inputs):
    """Fused instructions and another order of a sum's parts may change the last bits; nothing else may."""
    forward, expected = (arrays_of_lstm(lengths, n_in, n_hidden) for _ in range(2))
    lstm.run_forward(*forward)
    plain_lstm.run_forward(*expected)
    for one, other in zip(forward, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    backward, of_expected = (arrays_of_gradients(expected, wants_inputs=wants_inputs) for _ in range(2))
    lstm.run_backward(*backward)
    plain_lstm.run_backward(*of_expected)
    for one, other in zip(backward, of_expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=2e-5 * max(1, abs(other).max(initial=0)))


@few_examples
@given(st.lists(st.integers(1, 4), min_size=1, max_size=9), st.integers(1, 9), st.integers(1, 18), st.booleans())
def test_an_lstm_and_its_gradients_are_the_same(lengths, n_in, n_hidden, wants_inputs):
    check_lstm(sorted(lengths, reverse=True), n_in, n_hidden, wants_inputs)


@pytest.mark.parametrize(("n_documents", "length"), [(1, 140), (50, 5), (131, 2)])
def test_gradients_of_many_rows_are_the_same(n_documents, length):
    check_lstm([length] * n_documents, 2, 2, True)


@few_examples
@given(st.lists(st.integers(1, 4), min_size=1, max_size=9), st.integers(1, 9), st.integers(1, 18))
def test_states_of_a_document_do_not_depend_on_its_batch_mates_by_a_bit(lengths, n_in, n_hidden):
    lengths = sorted(lengths, reverse=True)
    batch = arrays_of_lstm(lengths, n_in, n_hidden)
    lstm.run_forward(*batch)
    starts = offsets_of(batch[0])
    for document, length in enumerate(lengths):
        rows = starts[:length] + document
        alone = arrays_of_lstm([length], n_in, n_hidden)
        alone[1:5] = [batch[1][rows], *batch[2:5]]
        lstm.run_forward(*alone)
        same(alone[-1], batch[-1][rows])


@some_examples
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(1, 4), st.data())
def test_the_rows_of_maxima_are_the_same(lengths, n_hidden, data):
    """Also where states are equal, infinite or no number."""
    lengths = sorted(lengths, reverse=True)
    floats = st.sampled_from([-1.0, 0.0, -0.0, 0.5, np.inf, -np.inf, np.nan])
    n = sum(lengths) * n_hidden
    states = np.array(data.draw(st.lists(floats, min_size=n, max_size=n)), dtype=np.float32).reshape(-1, n_hidden)
    sizes = steps_of(lengths)
    same(lstm.rows_of_maxima(states, sizes), plain_lstm.rows_of_maxima(states, sizes))


def side_of(n_words, dimension, generator):
    vectors, squares = generator.standard_normal((n_words, dimension)), generator.uniform(1, 2, (n_words, dimension))
    arrays = vectors, squares, generator.standard_normal(n_words), generator.uniform(1, 2, n_words)
    return tuple(array.astype(np.float32) for array in arrays)


def arrays_of_glove(n_pairs, dimension, seed=0):
    generator = np.random.default_rng(seed)
    rows, columns = generator.integers(0, 5, (2, n_pairs), dtype=np.int32)
    logs, weights = generator.random((2, n_pairs), dtype=np.float32)
    return (rows, columns, logs, weights), side_of(5, dimension, generator), side_of(5, dimension, generator)


@few_examples
@given(st.integers(0, 200), st.integers(1, 50))
def test_steps_of_glove_are_the_same(n_pairs, dimension):
    """The twin takes float64: float32 is within some roundings of it."""
    block, words, contexts = arrays_of_glove(n_pairs, dimension)
    exact = [tuple(array.astype(np.float64) for array in side) for side in (words, contexts)]
    loss = glove.train_block(block, words, contexts, 0.1)
    assert loss == pytest.approx(plain_glove.train_block(block, *exact, 0.1), rel=1e-4)
    for one, other in zip((*words, *contexts), (*exact[0], *exact[1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def train_flat_block(*arrays):
    return glove.train_block(arrays[:4], arrays[4:8], arrays[8:], 0.1)


def calls():
    """Each kernel, its arguments, and the indices of those that it writes to."""
    codes, offsets = flat([[0, 1], [2, 1, 0], [0, 1, 2]])
    pair = np.array([0, 1]), np.array([1, 2])
    forward = arrays_of_lstm([3, 2], 3, 2)
    lstm.run_forward(*forward)
    glove_arrays = [array for arrays in arrays_of_glove(6, 3) for array in arrays]
    return [
        (overlap.occurrences, [codes, offsets, np.zeros(3, dtype=np.int64)], [2]),
        (overlap.sort_each, [codes[::-1].copy(), offsets], [0]),
        (overlap.similar_pairs, [codes, offsets, np.zeros(3, dtype=np.int64), 3, 0.5, 2], []),
        (overlap.listed_pairs, [*pair, np.zeros(3, dtype=np.int64), 2], []),
        (overlap.shared_by, [codes, offsets, *pair], []),
        (lstm.run_forward, forward, [5, 6, 7]),
        (lstm.run_backward, arrays_of_gradients(forward), [7, 8, 9, 10, 11]),
        (lstm.rows_of_maxima, [forward[-1], forward[0]], []),
        (train_flat_block, glove_arrays, [4, 5, 6, 7, 8, 9, 10, 11]),
    ]


def spread(array):
    return np.repeat(array, 2, axis=-1)[..., ::2]


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


ARRAYS = [
    (call, index)
    for call, (_, arguments, _) in enumerate(calls())
    for index, argument in enumerate(arguments)
    if isinstance(argument, np.ndarray)
]


@pytest.mark.parametrize(("call", "index"), ARRAYS)
def test_an_array_that_a_kernel_cannot_read_or_write_is_an_error_and_nothing_is_written(call, index):
    kernel, arguments, written = calls()[call]
    kernel(*(argument.copy() if isinstance(argument, np.ndarray) else argument for argument in arguments))  # can be
    array = arguments[index]
    wide = {"int32": "int64", "int64": "int32", "float32": "float64"}[array.dtype.name]
    spoilt = [(array.astype(wide), TypeError), (array.astype(np.float16), TypeError), (spread(array), ValueError)]
    if index in written:
        spoilt.append((read_only(array), ValueError))
    for other, error in spoilt:
        given_arguments = [*arguments[:index], other, *arguments[index + 1 :]]
        before = [np.array(argument) for argument in given_arguments]
        with pytest.raises(error, match=r"format|contiguous|read-only"):
            kernel(*given_arguments)
        for argument, copied in zip(given_arguments, before, strict=True):
            np.testing.assert_array_equal(argument, copied)
