"""Documents → bags, and the rows that they add up."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bywords.models.modules.averaging import SumOfRows
from bywords.text.bags import Bags
from bywords.text.ragged import Ragged
from bywords.training.sparse_adagrad import SparseAdagrad

N_ROWS = 12
documents_of_ids = st.lists(st.lists(st.integers(1, N_ROWS - 1), min_size=1, max_size=20), min_size=1, max_size=8)


def dense(bags: Bags) -> np.ndarray:
    matrix = np.zeros((len(bags), bags.n_rows))
    for row, (start, stop) in enumerate(zip(bags.offsets[:-1], bags.offsets[1:], strict=True)):
        assert len(set(bags.ids[start:stop])) == stop - start
        matrix[row, bags.ids[start:stop]] = bags.weights[start:stop]
    return matrix


@given(documents_of_ids)
def test_each_id_is_counted_once_a_document(documents):
    expected = [np.bincount(document, minlength=N_ROWS).tolist() for document in documents]
    assert dense(Bags.of(Ragged.of(documents), N_ROWS)).tolist() == expected


def test_ids_beyond_the_rows_are_left_out_and_a_document_without_others_is_unknown():
    bags = Bags.of(Ragged.of([[2, 9, 2], [9], [3]]), 4)
    assert dense(bags).tolist() == [[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 1]]


def test_counting_leaves_the_documents_as_they_were():
    documents = Ragged.of([[5, 2, 5, 1], [1]])
    Bags.of(documents, 6).without_unknown()
    assert documents.ids.tolist() == [5, 2, 5, 1, 1]


def test_rare_words_weigh_more():
    idf = Bags.of(Ragged.of([[2, 2, 3], [2], [2, 4]]), 5).inverse_document_frequency()
    np.testing.assert_allclose(idf, np.log(4 / np.array([1, 1, 4, 2, 2])) + 1, rtol=1e-6)


IDF = np.array([1, 1, 2, 3], dtype=np.float32)


@pytest.mark.parametrize(
    ("weighting", "expected"),
    [
        ("uniform", [0, 0, 2 / 3, 1 / 3]),
        ("idf", [0, 0, 4 / 7, 3 / 7]),
        ("tfidf", [0, 0, 4 / 5, 3 / 5]),
        ("log-tfidf", np.array([0, 0, 2 * (1 + np.log(2)), 3]) / np.hypot(2 * (1 + np.log(2)), 3)),
    ],
)
def test_weights_are_what_their_names_say(weighting, expected):
    weighed = Bags.of(Ragged.of([[2, 3, 2]]), 4).weighed(weighting, IDF)
    np.testing.assert_allclose(dense(weighed)[0], expected, rtol=1e-6)


@pytest.mark.parametrize("weighting", ["tfidf", "log-tfidf"])
def test_nothing_known_is_a_vector_of_length_zero(weighting):
    weighed = Bags.of(Ragged.of([[1], [2, 1]]), 4).weighed(weighting, IDF)
    assert dense(weighed).tolist() == [[0, 0, 0, 0], [0, 0, 1, 0]]


def test_blocks_share_the_length_equally_and_one_alone_has_all_of_it():
    bags = Bags.of(Ragged.of([[2, 4, 5, 6], [3], [5]]), 7).weighed("tfidf", np.ones(7, np.float32), blocks=(4,))
    half = 1 / np.sqrt(2)
    expected = [[0, 0, half, 0, half / np.sqrt(3), half / np.sqrt(3), half / np.sqrt(3)]]
    np.testing.assert_allclose(dense(bags)[:1], expected, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(dense(bags), axis=1), 1, rtol=1e-6)


@given(documents_of_ids, st.integers(0, 3))
def test_sums_of_rows_and_their_gradients_are_those_of_torchs_embedding_bag(documents, seed):
    bags = Bags.of(Ragged.of(documents), N_ROWS)
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(N_ROWS, 5, generator=generator, requires_grad=True)
    twin = torch.nn.EmbeddingBag.from_pretrained(
        matrix.detach().clone(), freeze=False, mode="sum", include_last_offset=True, sparse=True
    )
    index_of = np.full(N_ROWS, -1, dtype=np.int32)
    sums = SumOfRows.apply(matrix, bags, bags.weights, index_of, True)
    expected = twin(
        torch.from_numpy(bags.ids).long(),
        torch.from_numpy(bags.offsets),
        per_sample_weights=torch.from_numpy(bags.weights),
    )
    torch.testing.assert_close(sums, expected)
    torch.testing.assert_close(torch.from_numpy(bags.times(matrix.detach().numpy())), expected.detach())
    slopes = torch.randn(sums.shape, generator=generator)
    sums.backward(slopes)
    expected.backward(slopes)
    torch.testing.assert_close(matrix.grad.to_dense(), twin.weight.grad.to_dense())
    assert len(matrix.grad._indices()[0]) == len(set(bags.ids))
    matrix.grad = None
    SumOfRows.apply(matrix, bags, bags.weights, index_of, False).backward(slopes)
    torch.testing.assert_close(matrix.grad, twin.weight.grad.to_dense())
    assert (index_of == -1).all()


@given(documents_of_ids, st.integers(0, 3))
def test_steps_on_rows_are_those_of_the_same_formula_in_torch_and_touch_no_other_row(documents, seed):
    bags = Bags.of(Ragged.of(documents), N_ROWS)
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(N_ROWS, 4, generator=generator, requires_grad=True)
    twin, accumulated = matrix.detach().clone(), torch.zeros(N_ROWS)
    optimizer = SparseAdagrad([matrix], lr=0.3, epsilon=1e-3)
    for _ in range(3):
        slopes = torch.randn(len(bags), 4, generator=generator)
        optimizer.zero_grad()
        SumOfRows.apply(matrix, bags, bags.weights, np.full(N_ROWS, -1, dtype=np.int32), True).backward(slopes)
        optimizer.step()
        gradient = torch.from_numpy(dense(bags)).float().T @ slopes
        accumulated += gradient.square().mean(dim=1)
        twin -= 0.3 * gradient / (accumulated.sqrt() + 1e-3).unsqueeze(1)
    torch.testing.assert_close(matrix.detach(), twin, rtol=1e-4, atol=1e-5)
    absent = sorted(set(range(N_ROWS)) - set(bags.ids.tolist()))
    assert torch.equal(matrix.detach()[absent], twin[absent])
