"""Tokens → ids."""

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bywords.errors import ModelFolderError, SettingError
from bywords.ragged import UNKNOWN
from bywords.tokens import Tokenizer, TokenizerConfig, Tokens
from bywords.vocabulary import Vocabulary, VocabularyConfig

TEXTS = ["the cat sat on the mat", "the dog sat", "a dog"]


def tokens_of(texts, **choices) -> Tokens:
    return Tokenizer(TokenizerConfig(**choices))(texts)


def vocabulary_of(texts, **choices) -> Vocabulary:
    return Vocabulary.of(tokens_of(texts), VocabularyConfig(**choices))


def test_words_are_ordered_by_count_then_by_spelling():
    assert vocabulary_of(TEXTS).words.to_list() == ["the", "dog", "sat", "a", "cat", "mat", "on"]
    assert vocabulary_of(TEXTS).counts.tolist() == [0, 0, 3, 2, 2, 1, 1, 1, 1]


def test_the_order_of_the_documents_plays_no_part():
    texts = [f"w{number % 7} w{number % 11} w{number % 13}" for number in range(200)]
    shuffled = random.Random(0).sample(texts, len(texts))
    assert vocabulary_of(texts).words.to_list() == vocabulary_of(shuffled).words.to_list()


def test_rare_words_and_words_beyond_the_size_are_unknown_and_counted():
    assert vocabulary_of(TEXTS, min_count=2).words.to_list() == ["the", "dog", "sat"]
    assert vocabulary_of(TEXTS, min_count=2).counts[UNKNOWN] == 4
    assert vocabulary_of(TEXTS, max_size=1).words.to_list() == ["the"]


def test_encoding_leaves_unknown_words_out_or_puts_the_unknown_word():
    texts = ["the bird sat", "birds", ""]
    dropped = vocabulary_of(TEXTS).encode(tokens_of(texts))
    assert np.split(dropped.ids, dropped.offsets[1:-1])[0].tolist() == [2, 4]
    kept = vocabulary_of(TEXTS, keep_unknown=True).encode(tokens_of(texts))
    assert np.split(kept.ids, kept.offsets[1:-1])[0].tolist() == [2, 1, 4]


@pytest.mark.parametrize("keep_unknown", [False, True])
def test_a_document_in_which_nothing_is_known_becomes_one_unknown_word_and_is_flagged(keep_unknown):
    encoded = vocabulary_of(TEXTS, keep_unknown=keep_unknown).encode(tokens_of(["two birds sang", "the", ""]))
    assert encoded.lengths.tolist() == [1, 1, 1]
    assert encoded.ids.tolist() == [UNKNOWN, 2, UNKNOWN]
    assert encoded.known_share.tolist() == [0, 1, 0]


@pytest.mark.parametrize("keep_unknown", [False, True])
def test_documents_are_cut_at_the_maximum_length(keep_unknown):
    vocabulary = vocabulary_of(TEXTS, max_length=2, keep_unknown=keep_unknown)
    assert vocabulary.encode(tokens_of(["the dog sat", "the"])).lengths.tolist() == [2, 1]
    assert vocabulary.encode(tokens_of(["bird bird the"])).ids.tolist() == [UNKNOWN]


def test_words_spelt_like_the_markers_are_words_like_others():
    tokens = tokens_of(["<unk> <pad> <unk>"], pattern=r"\S+")
    vocabulary = Vocabulary.of(tokens)
    assert vocabulary.encode(tokens).ids.tolist() == [2, 3, 2]


def test_coverage_is_the_share_of_running_words_that_the_commonest_words_cover():
    assert vocabulary_of(TEXTS).coverage(tokens_of(["the dog bird the"]), [0, 1, 2, 100]) == [0, 0.5, 0.75, 0.75]
    assert np.isnan(vocabulary_of(TEXTS).coverage(tokens_of([""]), [1])[0])


def test_kept_rows_hand_the_counts_of_the_others_to_the_unknown_word():
    vocabulary = vocabulary_of(TEXTS)
    smaller = vocabulary.keep(np.array([False, False, True, False, True, False, False, False, False]))
    assert smaller.words.to_list() == ["the", "sat"]
    assert smaller.counts.tolist() == [0, 6, 3, 2]


words = st.lists(st.text(min_size=1), min_size=1, unique=True)


@given(words)
def test_any_words_survive_the_file(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.txt"
    try:
        column = pl.Series(words, dtype=pl.String)
    except UnicodeEncodeError:
        return  # no column can hold half a surrogate pair
    written = Vocabulary(column, np.arange(len(words) + 2))
    written.save(path)
    read = Vocabulary.load(path)
    assert read.words.to_list() == words
    assert read.counts.tolist() == written.counts.tolist()


def test_a_line_of_another_form_is_named(tmp_path):
    path = tmp_path / "vocabulary.txt"
    path.write_text("0\t<pad>\n0\t<unk>\nno count\n")
    with pytest.raises(ModelFolderError, match="line 3: expected a count, a tab and a word"):
        Vocabulary.load(path)


def test_a_size_below_one_is_refused():
    with pytest.raises(SettingError, match="min_count is 0, expected 1 or more"):
        VocabularyConfig(min_count=0)


@given(st.lists(st.lists(st.sampled_from(["the", "dog", "bird", "sat"]))), st.booleans(), st.integers(1, 5))
def test_encoding_agrees_with_a_loop_over_words(documents, keep_unknown, max_length):
    vocabulary = vocabulary_of(TEXTS, keep_unknown=keep_unknown, max_length=max_length)
    look_up = {word: place for place, word in enumerate(vocabulary.words, start=2)}
    expected = []
    for document in documents:
        ids = [look_up.get(word, UNKNOWN) for word in document[:max_length]]
        known = [number for number in ids if number != UNKNOWN]
        expected.append((ids if keep_unknown else known) if known else [UNKNOWN])
    encoded = vocabulary.encode(tokens_of([" ".join(document) for document in documents]))
    assert [part.tolist() for part in np.split(encoded.ids, encoded.offsets[1:-1])][: len(documents)] == expected
