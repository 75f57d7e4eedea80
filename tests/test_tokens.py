"""Texts → tokens."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bywords.errors import DataError, SettingError
from bywords.tokens import Tokenizer, TokenizerConfig


def words_of(text: str, **choices) -> list[str]:
    return Tokenizer(TokenizerConfig(**choices))([text]).documents()[0]


def test_words_are_lower_cased_and_punctuation_marks_stand_alone():
    assert words_of("Hello, World!! It's 3.5") == ["hello", ",", "world", "!", "!", "it's", "3", ".", "5"]


def test_case_can_be_kept():
    assert words_of("Hello World", lowercase=False) == ["Hello", "World"]


def test_punctuation_can_be_dropped():
    assert words_of("Well, don't!", punctuation=False) == ["well", "don't"]


def test_an_own_pattern_decides_what_a_token_is():
    assert words_of("a-b c", pattern=r"\S+") == ["a-b", "c"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ÄRGER Straße", ["ärger", "straße"]),
        ("мир и МИР", ["мир", "и", "мир"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("שלום, עולם", ["שלום", ",", "עולם"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("good 👍", ["good", "👍"]),
    ],
)
def test_words_of_any_script_are_words(text, expected):
    assert words_of(text) == expected


def test_documents_without_words_have_no_tokens_and_keep_their_place():
    tokens = Tokenizer()(["a b", "", " \n\t ", "c"])
    assert tokens.lengths.tolist() == [2, 0, 0, 1]
    assert tokens.documents() == [["a", "b"], [], [], ["c"]]


def test_no_documents_give_no_tokens():
    tokens = Tokenizer()([])
    assert len(tokens) == 0
    assert tokens.documents() == []


def test_selected_documents_come_in_the_order_asked_for():
    tokens = Tokenizer()(["a", "b b", "", "d"])
    assert tokens.select(np.array([3, 1, 1, 2])).documents() == [["d"], ["b", "b"], ["b", "b"], []]


@given(st.lists(st.text()))
def test_each_document_gives_the_tokens_that_it_would_give_alone(texts):
    together = Tokenizer()(texts).documents()
    assert together == [Tokenizer()([text]).documents()[0] for text in texts]


def test_half_a_surrogate_pair_is_no_reason_to_fail():
    assert words_of("bad \ud800 good") == ["bad", "?", "good"]


def test_a_missing_text_is_named_by_its_place():
    with pytest.raises(DataError, match="text 1 is None of type NoneType, expected a string"):
        Tokenizer()(["a", None])
    with pytest.raises(DataError, match="text 1 is missing"):
        Tokenizer()(pl.Series(["a", None]))


def test_one_text_instead_of_many_is_refused():
    with pytest.raises(DataError, match="Put it into a list"):
        Tokenizer()("a text")


def test_numbers_instead_of_texts_are_refused():
    with pytest.raises(DataError, match="expected texts, found a column of Int64"):
        Tokenizer()(pl.Series([1, 2]))


@pytest.mark.parametrize(("pattern", "message"), [("(", "not a regular"), ("(?=a)", "look-around"), ("a*", "empty")])
def test_a_pattern_that_cannot_be_is_refused(pattern, message):
    with pytest.raises(SettingError, match=message):
        Tokenizer(TokenizerConfig(pattern=pattern))
