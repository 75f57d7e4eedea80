"""Texts → tokens."""

import itertools
import unicodedata

import numpy as np
import polars as pl
import pytest
from character_kinds import kinds_by_polars
from hypothesis import given
from hypothesis import strategies as st

from bywords.errors import DataError, SettingError
from bywords.kernels.utf8 import joined_texts
from bywords.kernels.words import SIGN
from bywords.text.characters import UNSPACED, kinds_of_characters
from bywords.text.tokenizer import Tokenizer, TokenizerConfig


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
        ("e\u0301te\u0301", ["\u00e9t\u00e9"]),
        ("ΟΔΟΣ", ["οδος"[:-1] + "ς"]),
        ("good 👍", ["good", "👍"]),
    ],
)
def test_words_of_any_script_are_words(text, expected):
    assert words_of(text) == expected


def test_scripts_without_spaces_give_characters_and_pairs_of_neighbours():
    assert words_of("我爱你 3人") == ["我", "爱", "你", "我爱", "爱你", "3", "人"]
    assert words_of("カメラ、ok") == ["カ", "メ", "ラ", "カメ", "メラ", "、", "ok"]
    assert words_of("ที่นี่") == ["ที่", "นี่", "ที่นี่"]  # vowel signs and tones stay with their consonant
    assert words_of("한국 사람") == ["한국", "사람"]  # Korean has spaces


def test_many_distinct_characters_without_spaces_and_long_words_behind_them_have_room():
    characters = "".join(chr(0x4E00 + number) for number in range(500))
    tokens = words_of(f"{characters} {'q' * 2000} tail")
    assert tokens == [*characters, *(a + b for a, b in itertools.pairwise(characters)), "q" * 2000, "tail"]


SIGNS = "aZé'\u2019_ 3.\t\u0301\u200d我ーあกิ๑가👍\ufeff\x00\n"
HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF))
SIGNS_OF_ALL_KINDS = st.one_of(st.text(), HAN, st.text(SIGNS))


@given(SIGNS_OF_ALL_KINDS, st.booleans(), st.booleans())
def test_tokens_are_the_matches_of_the_pattern_that_the_settings_describe(text, punctuation, lowercase):
    """The slow twin: polars' regular expressions for all but the pairs."""
    spaced = rf"[\w--{UNSPACED}]"
    runs = rf"(?:{UNSPACED}\p{{M}}*)+|{spaced}+(?:['’]{spaced}+)*" + (r"|[^\w\s]" if punctuation else "")
    whole = unicodedata.normalize("NFC", text.lower() if lowercase else text).encode("utf-8", "replace").decode()
    expected = []
    for run in pl.Series([whole]).str.extract_all(runs)[0]:
        characters = pl.Series([run]).str.extract_all(rf"{UNSPACED}\p{{M}}*")[0].to_list()
        expected += characters + [a + b for a, b in itertools.pairwise(characters)] if characters else [run]
    assert words_of(text, punctuation=punctuation, lowercase=lowercase, normalize=False) == expected


def test_each_character_is_what_the_regular_expressions_say():
    kinds = kinds_of_characters()
    padded = np.append(kinds, np.full(0x110000 - len(kinds), SIGN, dtype=np.uint8))
    assert np.array_equal(padded, kinds_by_polars())


def test_chunks_read_by_several_threads_give_the_same_tokens(monkeypatch):
    texts = [f"word{number % 91} and word{number % 37}, 我爱{number % 5}" for number in range(500)] + ["", "end"]
    whole = Tokenizer()(texts)
    monkeypatch.setattr("bywords.text.threads.CHUNK_SIZE", 100)
    cut = Tokenizer()(texts)
    assert cut.documents() == whole.documents()
    assert cut.offsets.tolist() == whole.offsets.tolist()
    assert cut.words.strings() == whole.words.strings()  # in the order in which they come
    assert cut.codes.tolist() == whole.codes.tolist()


@pytest.mark.parametrize("n_threads", [1, 3])
def test_tokens_counted_by_several_threads_have_the_same_counts(monkeypatch, n_threads):
    tokens = Tokenizer()([f"a 我爱{number % 3}我爱" for number in range(50)])
    expected = np.bincount(tokens.codes, minlength=len(tokens.words) + 1)[:-1]
    monkeypatch.setattr("bywords.text.tokenizer.MANY_TOKENS", 7)
    monkeypatch.setattr("bywords.text.tokenizer.n_threads", lambda: n_threads)
    assert tokens.counts().tolist() == expected.tolist()
    assert tokens.select(np.arange(1)).counts().sum() == len(tokens.codes) // 50


def test_a_column_of_polars_gives_the_tokens_of_its_texts(monkeypatch):
    texts = [f"a{'b' * number} don't, café {number}" for number in range(40)] + ["", "e\u0301t\u00e9", "我爱", "&amp;"]
    column = pl.concat([pl.Series(texts[:7]), pl.Series(texts[7:])], rechunk=False)
    monkeypatch.setattr("bywords.text.threads.CHUNK_SIZE", 300)
    for first in (0, 3, 39, len(texts)):
        assert Tokenizer()(column[first:]).documents() == Tokenizer()(texts[first:]).documents()
    for config in (TokenizerConfig(normalize=False), TokenizerConfig(pattern="[a-z]+")):
        assert Tokenizer(config)(column).documents() == Tokenizer(config)(texts).documents()


def test_a_column_that_is_none_of_texts_is_refused_where_it_is_joined():
    with pytest.raises(ValueError, match="a text is missing"):
        joined_texts(pl.Series(["a", None]))
    with pytest.raises(TypeError, match="expected vu"):
        joined_texts(pl.Series([1]))


def test_joined_tokens_are_the_documents_of_both():
    tokens = Tokenizer()(["a b", "c"])
    assert tokens.joined(tokens.select(np.array([1]))).documents() == [["a", "b"], ["c"], ["c"]]
    assert tokens.joined(Tokenizer()(["c d", ""])).documents() == [["a", "b"], ["c"], ["c", "d"], []]


def test_documents_without_words_have_no_tokens_and_keep_their_index():
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


def test_a_missing_text_is_named_by_its_index():
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


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "not a valid regular"), ("(?=a)", "look-around"), ("a*", "empty")]
)
def test_a_pattern_that_cannot_be_is_refused(pattern, message):
    with pytest.raises(SettingError, match=message):
        Tokenizer(TokenizerConfig(pattern=pattern))


def test_a_word_counts_once_for_each_document_that_has_it():
    tokens = Tokenizer()(["red red blue", "", "blue green blue", "red"]).select(np.array([0, 1, 2]))
    frequency = dict(zip(tokens.words.strings(), tokens.document_frequency().tolist(), strict=True))
    assert frequency == {"red": 1, "blue": 2, "green": 1}
    codes, documents = tokens.distinct()
    strings = tokens.words.strings()
    assert [(strings[code], document) for code, document in zip(codes.tolist(), documents.tolist(), strict=True)] == [
        ("red", 0),
        ("blue", 0),
        ("blue", 2),
        ("green", 2),
    ]
    assert Tokenizer()(["", ""]).document_frequency().tolist() == []
