"""Words and runs counted in a table that has an end: exact while there is room, and near for what is frequent."""

from collections import Counter

import numpy as np
import pytest

from bywords.text.streaming_counts import NgramCounter, WordCounter, words_in
from bywords.text.tokenizer import Tokenizer

TEXTS = [f"the film rare{number} the end{number % 7}" for number in range(600)]


def counted(texts, *, most):
    counter, tokenizer = WordCounter(most=most), Tokenizer()
    for start in range(0, len(texts), 50):
        counter.add(*words_in(tokenizer(texts[start : start + 50])))
    words, counts = counter.counted()
    return counter, dict(zip(words.strings(), counts.tolist(), strict=True))


def test_words_are_counted_exactly_while_there_is_room():
    counter, found = counted(TEXTS, most=1000)
    assert found == Counter(" ".join(TEXTS).split())
    assert counter.n_forgotten == 0


def test_frequent_words_keep_their_counts_when_rare_ones_are_forgotten():
    counter, found = counted(TEXTS, most=100)
    assert found["the"] == 1200
    assert found["film"] == 600
    assert found["end3"] == Counter(" ".join(TEXTS).split())["end3"]
    assert len(found) <= 100
    assert counter.n_forgotten > 0
    assert counter.n_tokens == 5 * 600


def test_no_count_is_lower_by_more_than_what_was_forgotten():
    generator = np.random.default_rng(0)
    texts = [" ".join(f"w{int(number)}" for number in generator.zipf(1.3, 20) % 5000) for _ in range(1000)]
    counter, found = counted(texts, most=300)
    exact = Counter(" ".join(texts).split())
    assert all(exact[word] - counter.n_forgotten <= count <= exact[word] for word, count in found.items())
    assert all(word in found for word, count in exact.items() if count > counter.n_forgotten)


@pytest.mark.parametrize("most", [4, 1000])
def test_runs_are_counted_and_the_frequent_ones_stay(most):
    counter = NgramCounter(most=most)
    for rare in range(20):
        keys = np.array([2 << 32 | 3, 3 << 32 | 2**20, rare << 32 | 9], dtype=np.uint64)
        order = np.argsort(keys)
        counter.add(keys[order], np.array([5, 3, 1])[order])
    counter.add(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64))
    pairs, counts = counter.counted()
    assert pairs[:2].tolist() == [[2, 3], [3, 2**20]]
    assert counts[:2].tolist() == [100, 60]
    assert len(pairs) == 22 if most == 1000 else len(pairs) <= 4


def test_nothing_counted_is_nothing():
    pairs, counts = NgramCounter().counted()
    assert pairs.shape == (0, 2)
    assert len(counts) == 0
