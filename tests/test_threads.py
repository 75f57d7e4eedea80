"""Calls in threads: their results in order, and what becomes of them when something stops the work."""

from __future__ import annotations

import itertools

import pytest
from threadpoolctl import threadpool_info

from bywords.text import threads
from bywords.text.threads import CHUNK_SIZE, MOST_IN_A_THREAD, chunks_of, in_threads, n_threads


def squares(items, waiting=1):
    return in_threads(lambda item: item * item, items, waiting=waiting)


def numbers_until(stop, error):
    yield from range(stop)
    raise error


@pytest.mark.parametrize("waiting", [1, 4])
def test_results_come_in_the_order_of_the_items(waiting):
    assert list(squares(range(100), waiting)) == [number**2 for number in range(100)]


def test_an_error_of_the_items_comes_behind_the_results_of_those_before_it():
    results = squares(numbers_until(7, ValueError("no more")), waiting=4)
    assert list(itertools.islice(results, 7)) == [number**2 for number in range(7)]
    with pytest.raises(ValueError, match="no more"):
        next(results)


def test_ctrl_c_in_the_items_is_not_kept_waiting():
    results = squares(numbers_until(3, KeyboardInterrupt()), waiting=4)
    with pytest.raises(KeyboardInterrupt):
        next(results)


@pytest.mark.parametrize("waiting", [1, 4])
def test_no_more_results_wait_than_were_asked_for(waiting):
    taken = itertools.count()
    results = squares((next(taken) for _ in range(1_000)), waiting)
    next(results)
    assert next(taken) <= waiting * n_threads() + 1


def n_blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.skipif(not n_blas_threads() - {1}, reason="numpy multiplies with one thread anyway")
def test_numpy_multiplies_on_the_thread_that_asks_while_several_ask_and_as_before_behind_them():
    before = n_blas_threads()
    inside = in_threads(lambda _: n_blas_threads(), range(4))
    other = in_threads(lambda _: n_blas_threads(), range(4))
    assert next(inside) == next(other) == {1}
    assert list(inside) == [{1}] * 3
    assert n_blas_threads() == {1}  # the other is not through
    other.close()
    assert n_blas_threads() == before
    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda number: 1 // number, range(3)))
    assert n_blas_threads() == before
    assert list(in_threads(lambda _: n_blas_threads(), [0])) == [before]  # alone it may have all


def test_texts_are_not_cut_again_in_one_of_several_threads_unless_they_are_very_many(monkeypatch):
    monkeypatch.setattr(threads, "_most", 2)
    texts = ["x" * (CHUNK_SIZE // 4)] * 8
    assert len(chunks_of(texts)) == 2
    assert list(in_threads(chunks_of, [texts, texts])) == [[(0, 8)]] * 2
    assert all(len(cuts) > 1 for cuts in in_threads(chunks_of, [texts * MOST_IN_A_THREAD] * 2))
    assert len(chunks_of(texts)) == 2


@pytest.mark.parametrize(
    ("said", "most"), [("1", 1), ("2,1", 2), ("99", 3), ("0", 3), ("-1", 3), ("many", 3), ("", 3), (None, 3)]
)
def test_there_are_no_more_threads_than_the_environment_says_nor_than_processors(monkeypatch, said, most):
    monkeypatch.setattr(threads, "_most", None)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if said is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert n_threads() == most
