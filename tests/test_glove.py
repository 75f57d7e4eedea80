"""GloVe counts pairs as defined, steps along the true gradient, and gives the same bits with any number of threads."""

import numpy as np
import pytest

from bywords.errors import DataError, SettingError
from bywords.kernels.glove import train_block
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary
from bywords.vectors import glove
from bywords.vectors.glove import GloveConfig, cooccurrences, train_glove

TEXTS = ["sun rain wind snow cloud storm", "bread milk cheese egg butter salt"] * 20
SMALL = GloveConfig(dimension=8, window=5, n_epochs=10)


def counted(documents: list[list[int]], window: int, n_words: int = 6) -> dict[tuple[int, int], float]:
    ids = np.array([number for document in documents for number in document], dtype=np.int32)
    offsets = np.cumsum([0, *map(len, documents)])
    pairs = cooccurrences(ids, offsets, n_words, window=window).tocoo()
    return {(int(i), int(j)): float(x) for i, j, x in zip(pairs.row, pairs.col, pairs.data, strict=True)}


def test_a_pair_counts_one_over_its_distance_both_ways():
    assert counted([[2, 3, 4]], window=2) == {
        (2, 3): 1, (3, 2): 1, (3, 4): 1, (4, 3): 1, (2, 4): 0.5, (4, 2): 0.5,
    }  # fmt: skip


def test_pairs_end_at_the_window_and_at_the_document():
    assert counted([[2, 3, 4]], window=1) == {(2, 3): 1, (3, 2): 1, (3, 4): 1, (4, 3): 1}
    assert counted([[2], [3], [4, 5]], window=9) == {(4, 5): 1, (5, 4): 1}


def test_unknown_words_keep_their_index_but_make_no_pair():
    assert counted([[2, 1, 3]], window=2) == {(2, 3): 0.5, (3, 2): 0.5}
    assert counted([[2, 1, 1]], window=2) == {}


def test_a_word_beside_itself_counts_both_ways():
    assert counted([[2, 2, 3]], window=1) == {(2, 2): 2, (2, 3): 1, (3, 2): 1}


@pytest.mark.parametrize("pairs_at_once", [1, 1 << 24])
def test_counts_agree_with_a_plain_loop(pairs_at_once, monkeypatch):
    monkeypatch.setattr(glove, "PAIRS_AT_ONCE", pairs_at_once)
    generator = np.random.default_rng(0)
    documents = [generator.integers(1, 6, size=generator.integers(0, 15)).tolist() for _ in range(30)]
    expected: dict[tuple[int, int], float] = {}
    for document in documents:
        for here, i in enumerate(document):
            for there, j in enumerate(document):
                if 0 < abs(here - there) <= 4 and i > 1 and j > 1:
                    expected[i, j] = expected.get((i, j), 0) + 1 / abs(here - there)
    assert counted(documents, window=4) == pytest.approx(expected)


def sides(n_words: int, dimension: int) -> list[glove._Side]:
    generator = np.random.default_rng(0)
    made = [glove._Side.random(n_words, dimension, generator) for _ in range(2)]
    for side in made:
        side.vectors[:] = generator.standard_normal(side.vectors.shape)
        side.biases[:] = generator.standard_normal(n_words)
        side.vectors_squares[:] = generator.uniform(1, 2, side.vectors.shape)
        side.biases_squares[:] = generator.uniform(1, 2, n_words)
    return made


def block(*pairs: tuple[int, int, float, float]) -> glove._Block:
    rows, columns, logs, weights = zip(*pairs, strict=True)
    return glove._Block(
        np.array(rows, np.int32), np.array(columns, np.int32), np.array(logs, np.float32), np.array(weights, np.float32)
    )


def pair_loss(words: glove._Side, contexts: glove._Side, i: int, j: int, log: float, weight: float) -> float:
    w, c = words.vectors[i].astype(float), contexts.vectors[j].astype(float)
    return 0.5 * weight * (w @ c + float(words.biases[i]) + float(contexts.biases[j]) - log) ** 2


@pytest.mark.parametrize("array", ["words.vectors", "words.biases", "contexts.vectors", "contexts.biases"])
def test_a_step_goes_along_the_gradient_of_the_loss(array):
    """With squares of 1 the first step is the gradient times the rate; finite differences give the gradient again."""
    side, field = array.split(".")
    pair, rate, small = (1, 2, 1.7, 0.6), 1e-2, 1e-2

    def fresh():
        both = dict(zip(("words", "contexts"), sides(3, 4), strict=True))
        for made in both.values():
            made.vectors_squares[:] = 1
            made.biases_squares[:] = 1
        return both

    stepped, start = fresh(), fresh()
    train_block(block(pair), stepped["words"], stepped["contexts"], rate)
    step = (getattr(start[side], field) - getattr(stepped[side], field)) / rate
    for index in np.ndindex(step.shape):
        losses = []
        for sign in (1, -1):
            moved = fresh()
            getattr(moved[side], field)[index] += sign * small
            losses.append(pair_loss(moved["words"], moved["contexts"], *pair))
        assert step[index] == pytest.approx((losses[0] - losses[1]) / (2 * small), rel=2e-3, abs=2e-4)


def test_every_pair_is_in_one_block_with_its_log_and_its_weight():
    generator = np.random.default_rng(0)
    ids = generator.integers(2, 60, 400).astype(np.int32)
    counts = cooccurrences(ids, np.array([0, 400]), 60, window=3)
    blocks = glove._blocks(counts, GloveConfig(x_max=2.0, alpha=0.5), generator)
    seen = {}
    for part, row_of_blocks in enumerate(blocks):
        for other, pairs in enumerate(row_of_blocks):
            assert (pairs.rows % glove.N_PARTS == part).all()
            assert (pairs.columns % glove.N_PARTS == other).all()
            for i, j, log, weight in zip(*pairs, strict=True):
                seen[i, j] = (log, weight)
    whole = counts.tocoo()
    assert len(seen) == whole.nnz
    for i, j, x in zip(whole.row, whole.col, whole.data, strict=True):
        assert seen[i, j] == pytest.approx((np.log(x), min(1, (x / 2) ** 0.5)), rel=1e-5)


def test_words_that_stand_together_become_neighbours():
    generator = np.random.default_rng(0)
    worlds = [text.split() for text in TEXTS[:2]]
    # "and" stands beside all words: without a common word, nothing tells the two worlds apart.
    texts = [" and ".join(generator.choice(worlds[row % 2], 8)) for row in range(400)]
    tokens = Tokenizer()(texts)
    vocabulary = Vocabulary.of(tokens)
    vectors = train_glove(
        tokens, vocabulary, GloveConfig(dimension=8, window=4, n_epochs=50, x_max=10, learning_rate=0.05)
    )
    assert vectors.words.to_list() == vocabulary.words.to_list()
    assert {word for word, _ in vectors.nearest("sun", 5)} == {"rain", "wind", "snow", "cloud", "storm"}


def test_the_loss_falls_from_epoch_to_epoch():
    tokens, seen = Tokenizer()(TEXTS), []
    train_glove(tokens, Vocabulary.of(tokens), SMALL, on_epoch=lambda *record: seen.append(record))
    assert [record[:2] for record in seen] == [(epoch, 10) for epoch in range(1, 11)]
    losses = [loss for _, _, loss in seen]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 2


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    tokens = Tokenizer()([" ".join(f"w{number}" for number in np.random.default_rng(0).integers(0, 80, 3000))])
    vocabulary = Vocabulary.of(tokens)
    matrices = []
    for n_cores in (1, 2, 7):
        monkeypatch.setattr(glove.os, "cpu_count", lambda n_cores=n_cores: n_cores)
        matrices.append(train_glove(tokens, vocabulary, SMALL).matrix)
    np.testing.assert_array_equal(matrices[0], matrices[1])
    np.testing.assert_array_equal(matrices[0], matrices[2])


def test_another_seed_gives_other_vectors():
    tokens = Tokenizer()(TEXTS)
    vocabulary = Vocabulary.of(tokens)
    first, other = (train_glove(tokens, vocabulary, GloveConfig(dimension=4, n_epochs=2), seed=seed) for seed in (0, 1))
    assert not np.array_equal(first.matrix, other.matrix)


def test_documents_without_pairs_are_an_error():
    vocabulary = Vocabulary.of(Tokenizer()(["a b"]))
    for texts in ([], [""], ["a", "b"], ["x y"]):
        with pytest.raises(DataError, match="no two words of the vocabulary are near each other"):
            train_glove(Tokenizer()(texts), vocabulary)


def test_settings_that_cannot_be_are_named():
    with pytest.raises(SettingError, match="window is 0, expected 1 or more"):
        GloveConfig(window=0)
    with pytest.raises(SettingError, match="x_max is 0, expected more than 0"):
        GloveConfig(x_max=0)
