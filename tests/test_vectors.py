"""Vectors fit a vocabulary row by row, and say how much of it they cover."""

import numpy as np
import polars as pl
import pytest

from bywords.errors import SettingError, VectorFileError
from bywords.text.tokenizer import Tokenizer, TokenizerConfig
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.vectors.load import read_vectors
from bywords.vectors.word_vectors import WordVectors


def vectors(**rows: list[float]) -> WordVectors:
    return WordVectors(pl.Series(list(rows)), np.array(list(rows.values()), dtype=np.float32), "tiny")


def vocabulary(text: str, **settings: int) -> Vocabulary:
    return Vocabulary.of(Tokenizer(TokenizerConfig(lowercase=False))([text]), VocabularyConfig(**settings))


def test_rows_stand_in_the_order_of_the_vocabulary():
    aligned = vectors(zebra=[1, 2], ant=[3, 4], yak=[5, 6]).align(vocabulary("ant ant zebra"), seed=0)
    assert aligned.matrix.tolist() == [[0, 0], [0, 0], [3, 4], [1, 2]]
    assert aligned.matrix.dtype == np.float32
    assert aligned.has_vector.tolist() == [False, False, True, True]


def test_a_word_is_found_as_written_before_its_lower_case_form():
    aligned = vectors(us=[1], US=[2], paris=[3]).align(vocabulary("US US US us us Paris"), seed=0)
    assert aligned.matrix[2:].tolist() == [[2], [1], [3]]
    assert aligned.coverage.n_by_lower_case == 1


def test_coverage_counts_types_and_running_words():
    found = vectors(a=[1], b=[2])
    coverage = found.align(vocabulary("a a a a b b b c c d", min_count=2), seed=0).coverage
    assert (coverage.n_types, coverage.n_types_found) == (3, 2)
    assert coverage.share_of_types == pytest.approx(2 / 3)
    assert coverage.share_of_tokens == pytest.approx(0.7)  # d is outside of the vocabulary, and counts


def test_an_empty_vocabulary_has_no_share():
    aligned = vectors(a=[1]).align(vocabulary(""), seed=0)
    assert aligned.matrix.shape == (2, 1)
    assert np.isnan(aligned.coverage.share_of_types)
    assert np.isnan(aligned.coverage.share_of_tokens)


def test_words_without_a_vector_start_like_the_found_ones():
    known = {f"w{number}": [5 + (-1) ** number, 100 + 10 * (-1) ** number] for number in range(10)}
    missing = " ".join(f"m{number}" for number in range(2000))
    aligned = vectors(**known).align(vocabulary(" ".join(known) + " " + missing), seed=3)
    started = aligned.matrix[2:][~aligned.has_vector[2:]]
    np.testing.assert_allclose(started.mean(axis=0), [5, 100], rtol=0.02)
    np.testing.assert_allclose(started.std(axis=0), [1, 10], rtol=0.1)


def test_starts_depend_on_the_seed_and_on_nothing_else():
    words, known = vocabulary("a b c d"), vectors(a=[1.0, 2.0], b=[3.0, 5.0])
    first, again, other = (known.align(words, seed=seed).matrix for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_vectors_that_know_no_word_still_give_every_word_a_start():
    for known in (
        vectors(x=[1.0, 2.0]),
        WordVectors(pl.Series([], dtype=pl.String), np.empty((0, 2), np.float32), "none"),
    ):
        aligned = known.align(vocabulary("a b"), seed=0)
        assert not aligned.has_vector.any()
        assert aligned.matrix[2:].all()
        assert not aligned.matrix[:2].any()


def test_aligning_leaves_a_memory_map_as_it_is(tmp_path):
    vectors(a=[1, 2], b=[3, 4]).save(tmp_path / "tiny.npy")
    mapped = read_vectors(tmp_path / "tiny.npy")
    aligned = mapped.align(vocabulary("b"), seed=0)
    aligned.matrix[:] = 9
    assert read_vectors(tmp_path / "tiny.npy").matrix.tolist() == [[1, 2], [3, 4]]


def test_the_nearest_words_go_by_angle_and_leave_the_word_itself_out():
    animals = vectors(cat=[1, 0], lion=[9, 1], stone=[0, 1], nothing=[0, 0], dog=[-1, 0])
    assert [word for word, _ in animals.nearest("cat")] == ["lion", "stone", "nothing", "dog"]
    assert animals.nearest("Cat", 1) == [("lion", pytest.approx(9 / np.sqrt(82)))]
    assert animals.nearest("cat", 0) == []


def test_an_unknown_word_gets_words_of_like_spelling():
    with pytest.raises(SettingError, match=r"'tiny' have no word 'cmputer'. Did you mean 'computer'\?"):
        vectors(computer=[1], car=[2]).nearest("cmputer")
    with pytest.raises(SettingError, match=r"no word 'zzz'\.$"):
        vectors(computer=[1]).nearest("zzz")


def test_a_wanted_dimension_that_is_not_there_is_an_error():
    vectors(a=[1, 2]).check_dimension(2)
    with pytest.raises(SettingError, match="dimension is 300, but the vectors 'tiny' have 2"):
        vectors(a=[1, 2]).check_dimension(300)


def test_words_and_rows_have_to_fit():
    with pytest.raises(VectorFileError, match="2 words, but 1 rows"):
        WordVectors(pl.Series(["a", "b"]), np.zeros((1, 3), np.float32), "tiny")
    with pytest.raises(VectorFileError, match="the word 'a' occurs twice"):
        WordVectors(pl.Series(["a", "a"]), np.zeros((2, 3), np.float32), "tiny")
    with pytest.raises(VectorFileError, match="float64"):
        WordVectors(pl.Series(["a"]), np.zeros((1, 3)), "tiny")


def test_saved_vectors_are_read_back_and_leave_no_other_file(tmp_path):
    saved = vectors(a=[1, 2], b=[3, 4])
    saved.save(tmp_path / "tiny.npy")
    loaded = read_vectors(tmp_path / "tiny.npy")
    assert loaded.words.to_list() == ["a", "b"]
    np.testing.assert_array_equal(loaded.matrix, saved.matrix)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.npy", "tiny.vocab"]


def test_a_save_that_fails_leaves_the_old_files_whole(tmp_path, monkeypatch):
    vectors(a=[1, 2]).save(tmp_path / "tiny.npy")

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", fail)
    with pytest.raises(SettingError, match=r"tiny\.npy: cannot be written: disk full"):
        vectors(b=[3, 4], c=[5, 6]).save(tmp_path / "tiny.npy")
    assert read_vectors(tmp_path / "tiny.npy").words.to_list() == ["a"]


def test_a_word_that_cannot_be_one_line_is_not_saved(tmp_path):
    with pytest.raises(VectorFileError, match="line end in it"):
        vectors(**{"a\nb": [1]}).save(tmp_path / "tiny.npy")
    with pytest.raises(VectorFileError, match=r"ends in \.npy"):
        vectors(a=[1]).save(tmp_path / "tiny.vec")


def test_similarity_and_analogies_go_by_angle():
    kin = vectors(king=[2, 0, 2], man=[1, 0, 0], woman=[0, 3, 0], queen=[0, 1, 1], fog=[-1, 0, 0])
    assert kin.similarity("king", "man") == pytest.approx(0.5**0.5)
    assert kin.similarity("fog", "man") == pytest.approx(-1)
    assert [word for word, _ in kin.analogy("king", "man", "woman", n=9)] == ["queen", "fog"]
    assert "KING" in kin
    assert "duke" not in kin
    with pytest.raises(SettingError, match=r"have no word 'quen'\. Did you mean 'queen'"):
        kin.similarity("king", "quen")
