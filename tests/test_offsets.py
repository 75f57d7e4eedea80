"""Offsets of tokens: the text between them, lower-cased and normalised, is the token."""

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bywords.text.normalization import normalized, traced
from bywords.text.offsets import token_offsets
from bywords.text.tokenizer import Tokenizer, TokenizerConfig

PATTERN = TokenizerConfig(pattern=r"\b\w\w+\b", normalize=False)
CONFIGS = {
    "plain": TokenizerConfig(normalize=False),
    "as written": TokenizerConfig(lowercase=False, normalize=False),
    "words only": TokenizerConfig(punctuation=False, normalize=False),
    "pattern": PATTERN,
    "pattern of any sign": TokenizerConfig(pattern=r".", lowercase=False, normalize=False),
    "pattern around signs": TokenizerConfig(pattern=r"\$\d+|\p{L}+-\p{L}+|é", normalize=False),
}
each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
# Letters that grow or shrink on their way, marks, scripts without spaces, halves of surrogate pairs, private signs.
HARD = (
    "aZ '’.-$1Ωéß=!\x00\t\n\u0301\u0327\u0338\u0130\u1e9e\u03a3\u2126\ufb01\u0958\u2adc\u1100\u1161\u11a8"
    "가漢字かなไทย\u0e31\U0001f600\ud800\udc00\ue000"
)

# Of letters that are new, one of the two libraries may not know yet which is their small one.
ANY = st.text(alphabet=st.characters(exclude_categories=["Cn", "Cs"]), max_size=12)


def found(text, config=None):
    """The text between the offsets of each token."""
    return [text[start:end] for start, end in token_offsets(text, config)]


def tokens_of(text, config):
    return Tokenizer(config)([text]).documents()[0]


def as_seen(text, config):
    """What the tokenizer makes of a text before it cuts it; a final sigma is a sigma."""
    text = text.encode("utf-8", "replace").decode()
    text = unicodedata.normalize("NFC", text)
    text = unicodedata.normalize("NFC", text.lower() if config.lowercase else text)
    return text.replace("ς", "σ")


@each_config
@settings(max_examples=60)
@given(text=st.one_of(ANY, st.text(alphabet=HARD, max_size=12)))
@example(text="İstanbul'da \u0130! ΌΣΟΣ ΑΣ.Β")
@example(text="a\u0327\u0301 e\u0301e \u1100\u1161\u11a8 \u0958\u0958 \u2adc.")
def test_the_text_at_each_index_is_what_the_token_was_cut_from(config, text):
    offsets, tokens = token_offsets(text, config), tokens_of(text, config)
    assert len(offsets) == len(tokens)
    for (start, end), token in zip(offsets.tolist(), tokens, strict=True):
        assert 0 <= start < end <= len(text)
        seen, token = as_seen(text[start:end], config), as_seen(token, config)
        assert token in seen
        if config.pattern is None:  # a sign may have become two tokens, as "⫝̸" does, and a pattern may cut anywhere
            assert seen == token or len(tokens_of(text[start:end], replace(config, punctuation=True))) > 1


# What a normalisation changes in the context of its neighbours, and in passing.
CHANGED = st.text("ab oO&;#39x\\nt:C.\u200b\u200d\u00ad\u0307İıIΣşｶﾞﬁ℃\u064e\u0301é漢👩🏴\ud800", max_size=16)
PARTS = (
    "&amp;",
    "&#39;",
    "&amp;lt;",
    "\\n",
    "\\u2019",
    "C:\\new",
    "goooood",
    "e\u0301",
    "ﬁ",
    "\u200b",
    "I",
    "İ",
    "ΣΣ ",
)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
@settings(max_examples=150)
@given(text=st.one_of(ANY, CHANGED, st.lists(st.sampled_from(PARTS), max_size=6).map("".join)))
def test_each_token_of_a_normalised_text_has_its_part_of_the_text_that_was_given(config, text):
    config = replace(config, normalize=True)
    offsets, tokens = token_offsets(text, config), tokens_of(text, config)
    assert len(offsets) == len(tokens)
    seen, starts, ends = traced(text, lowercase=config.lowercase)
    assert seen == normalized([text], lowercase=config.lowercase)[0]  # step by step as all at once
    assert len(starts) == len(ends) == len(seen)
    assert all(0 <= start < end <= len(text) for start, end in offsets.tolist())
    assert (np.diff(starts) >= 0).all()
    assert (np.diff(ends) >= 0).all()


@each_config
@settings(max_examples=20)
@given(text=st.text(alphabet=HARD, max_size=12))
def test_tokens_stand_in_their_order(config, text):
    starts = token_offsets(text, config)[:, 0].tolist()
    if not any("\u0e00" <= sign <= "\u9fff" for sign in text):  # the pairs come behind all characters of a run
        assert starts == sorted(starts)


def test_indices_are_those_of_the_text_as_it_was_given():
    assert found("The  FILM wasn't, well… good!") == ["The", "FILM", "wasn't", ",", "well", "…", "good", "!"]


def test_a_letter_that_becomes_two_when_it_is_lower_case_moves_nothing_behind_it():
    assert found("\u0130\u0130 ab cd") == ["\u0130\u0130", "ab", "cd"]


def test_marks_that_are_composed_belong_to_their_letter():
    text = "cafe\u0301s cafés"
    assert found(text) == ["cafe\u0301s", "cafés"]
    assert tokens_of(text, TokenizerConfig()) == ["cafés", "cafés"]


def test_pairs_of_scripts_without_spaces_overlap_with_their_characters():
    assert found("ok 我爱你!") == ["ok", "我", "爱", "你", "我爱", "爱你", "!"]


def test_a_pattern_is_found_where_it_matches_and_nowhere_before():
    assert found("xab -ab", TokenizerConfig(pattern=r"\bab\b")) == ["ab"]
    assert token_offsets("xab -ab", TokenizerConfig(pattern=r"\bab\b")).tolist() == [[5, 7]]


def test_a_text_without_tokens_has_no_indices():
    assert token_offsets("").shape == token_offsets(" \n").shape == token_offsets("", PATTERN).shape == (0, 2)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"stop_words": ("the", "of")}, ["Élan", "cafe\u0301s"]),
        ({"strip_accents": True}, ["the", "Élan", "of", "cafe\u0301s"]),
        ({"strip_accents": True, "stop_words": ("élan", "THE")}, ["of", "cafe\u0301s"]),
    ],
)
@pytest.mark.parametrize("pattern", [None, r"\w+"])
def test_tokens_without_accents_and_among_stop_words_are_where_they_were(settings, expected, pattern):
    text = " the Élan of cafe\u0301s"
    config = TokenizerConfig(pattern=pattern, **settings)
    assert found(text, config) == expected
    assert len(tokens_of(text, config)) == len(expected)
    assert found("", config) == []
