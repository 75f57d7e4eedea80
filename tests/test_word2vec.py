"""word2vec learns which words stand together, loses no word on the way, and can be repeated."""

from dataclasses import replace

import numpy as np
import pytest

from bywords.errors import DataError, SettingError, VectorFileError
from bywords.text.tokenizer import Tokenizer, Tokens
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.text.word_table import Words
from bywords.vectors import word2vec
from bywords.vectors.load import load_vectors, read_vectors
from bywords.vectors.word2vec import Word2VecConfig, train_word2vec

# Two worlds of words that never meet.
TEXTS = ["sun rain wind snow cloud storm", "bread milk cheese egg butter salt"] * 60
SMALL = Word2VecConfig(dimension=16, window=5, n_epochs=20, sample=0, learning_rate=0.1)


def shuffled(texts: list[str]) -> Tokens:
    generator = np.random.default_rng(0)
    return Tokenizer()([" ".join(generator.permutation(text.split())) for text in texts])


def test_words_that_stand_together_become_neighbours():
    tokens = shuffled(TEXTS)
    vectors = train_word2vec(tokens, Vocabulary.of(tokens), SMALL)
    assert {word for word, _ in vectors.nearest("sun", 5)} == {"rain", "wind", "snow", "cloud", "storm"}


def test_rows_stand_in_the_order_of_the_vocabulary():
    tokens = Tokenizer()(["b a b", "c b a"])
    vocabulary = Vocabulary.of(tokens)
    vectors = train_word2vec(tokens, vocabulary, Word2VecConfig(dimension=3, n_epochs=1))
    assert vectors.words.to_list() == ["b", "a", "c"] == vocabulary.words.to_list()
    assert vectors.matrix.shape == (3, 3)
    assert vectors.matrix.dtype == np.float32
    assert vectors.align(vocabulary, seed=0).has_vector[2:].all()


def test_words_of_equal_count_get_their_own_rows():
    """Gensim orders words of equal count in its own way: each has to keep its neighbours all the same."""
    tokens = shuffled(TEXTS)
    backwards = Vocabulary.of(tokens)
    backwards = Vocabulary(Words.of(backwards.words.reverse().to_list()), backwards.counts)
    vectors = train_word2vec(tokens, backwards, SMALL)
    assert {word for word, _ in vectors.nearest("milk", 5)} == {"bread", "cheese", "egg", "butter", "salt"}


def test_the_same_seed_gives_the_same_bits():
    tokens = shuffled(TEXTS)
    vocabulary = Vocabulary.of(tokens)
    first, again, other = (
        train_word2vec(tokens, vocabulary, Word2VecConfig(dimension=8, n_epochs=2), seed=seed).matrix
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def sentences_of(tokens, vocabulary):
    sentences = word2vec._Sentences(tokens, vocabulary, lambda n_done, n_parts, what: None, n_epochs=1)
    assert sentences.n_sentences == len(list(sentences))
    return list(sentences)


def test_long_documents_are_cut_into_pieces_that_lose_no_word(monkeypatch):
    monkeypatch.setattr(word2vec, "MAX_SENTENCE", 3)
    tokens = Tokenizer()(["a b c d e f g", "", "x y", "q"])
    vocabulary = Vocabulary.of(Tokenizer()(["a b c d e f g x y"]))
    assert sentences_of(tokens, vocabulary) == [["a", "b", "c"], ["d", "e", "f"], ["g"], ["x", "y"]]


def test_gensim_would_cut_a_longer_piece():
    """Why documents are cut here: this is the limit that gensim has without saying so."""
    from gensim.models.word2vec import MAX_WORDS_IN_BATCH

    assert word2vec.MAX_SENTENCE == MAX_WORDS_IN_BATCH


def test_words_outside_of_the_vocabulary_are_taken_out():
    tokens = Tokenizer()(["a rare a b b"])
    vocabulary = Vocabulary.of(tokens, VocabularyConfig(min_count=2))
    assert sentences_of(tokens, vocabulary) == [["a", "a", "b", "b"]]


def test_each_epoch_is_reported_once():
    tokens, seen = Tokenizer()(["a b c d"]), []
    config = Word2VecConfig(dimension=2, n_epochs=3)
    train_word2vec(tokens, Vocabulary.of(tokens), config, on_epoch=lambda *record: seen.append(record))
    assert seen == [(1, 3, None), (2, 3, None), (3, 3, None)]


def test_a_word_that_the_documents_do_not_have_still_gets_a_row():
    vocabulary = Vocabulary(Words.of(["a", "b", "ghost"]), np.array([0, 0, 2, 2, 0]))
    vectors = train_word2vec(Tokenizer()(["a b a b"]), vocabulary, Word2VecConfig(dimension=4, n_epochs=1))
    assert np.isfinite(vectors.matrix).all()
    assert len(vectors) == 3


def test_documents_without_known_words_are_an_error():
    vocabulary = Vocabulary.of(Tokenizer()(["a b"]))
    for texts in ([], [""], ["x y"]):
        with pytest.raises(DataError, match="no document has a word of the vocabulary"):
            train_word2vec(Tokenizer()(texts), vocabulary)


def test_settings_that_cannot_be_are_named():
    with pytest.raises(SettingError, match="negative is 0, expected 1 or more"):
        Word2VecConfig(negative=0)


def test_cbow_is_another_training_than_skip_gram():
    tokens = shuffled(TEXTS)
    vocabulary = Vocabulary.of(tokens)
    skip_gram, cbow = (
        train_word2vec(tokens, vocabulary, replace(SMALL, n_epochs=1, cbow=cbow)).matrix for cbow in (False, True)
    )
    assert not np.array_equal(skip_gram, cbow)


def test_with_subwords_a_word_that_was_never_seen_is_near_those_that_look_like_it(tmp_path):
    tokens = shuffled(TEXTS)
    config = replace(SMALL, subwords=(3, 5), n_buckets=500)
    vectors = train_word2vec(tokens, Vocabulary.of(tokens), config)
    assert vectors.nearest("butters", 1)[0][0] == "butter"
    vectors.save(tmp_path / "v.npy")
    again = read_vectors(tmp_path / "v.npy")
    np.testing.assert_array_equal(again.vector("butters"), vectors.vector("butters"))
    np.testing.assert_array_equal(again.vector("butter"), vectors.vector("butter"))
    (tmp_path / "v.subwords.safetensors").write_bytes(b"x")
    with pytest.raises(VectorFileError, match="the vectors of n-grams cannot be read"):
        read_vectors(tmp_path / "v.npy")
    train_word2vec(tokens, Vocabulary.of(tokens), SMALL).save(tmp_path / "v.npy")
    assert {path.name for path in tmp_path.iterdir()} == {"v.npy", "v.vocab"}


def test_vectors_that_gensim_holds_are_taken_as_they_are():
    models = pytest.importorskip("gensim.models")
    sentences = [["milk", "bread"], ["sun", "rain"]] * 20
    plain = models.Word2Vec(sentences, vector_size=4, min_count=1, seed=1, workers=1)
    np.testing.assert_array_equal(load_vectors(plain.wv).vector("milk"), plain.wv["milk"])
    of_ngrams = models.FastText(sentences, vector_size=4, min_count=1, bucket=100, seed=1, workers=1)
    for word in ("milk", "milky"):
        np.testing.assert_allclose(load_vectors(of_ngrams).vector(word), of_ngrams.wv[word], rtol=1e-5)


@pytest.mark.parametrize("wrong", [3, ["sun", "rain"], (["sun"], "x"), (["sun"], [["x"]]), ([1], [[1.0]])])
def test_what_is_no_vectors_is_refused_with_what_is_accepted(wrong):
    with pytest.raises(SettingError, match="expected"):
        load_vectors(wrong)
