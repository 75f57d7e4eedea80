"""What documents look like: lengths, classes, scripts, remains of markup, words that training knows."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bywords.auditing.profile import ALIKE_LENGTH, LONG, SMALL_CLASS, names_alike, profile
from bywords.auditing.scripts import SCRIPTS, letters_by_script, name_of
from bywords.data.corpus import Corpus, with_label_names
from bywords.evaluation.metrics import auc_and_variance
from bywords.records.audit import DocumentCount, Profile, WordCount
from bywords.records.base import plain
from bywords.text.tokenizer import Tokenizer


def profiled(texts: list[str], labels: list[str] | None = None, test: list[str] | None = None) -> Profile:
    """The profile of a training part, and of a test part of its first label where there is one."""
    train = Corpus.of("some", texts, labels or ["x"] * len(texts), rows=np.arange(100, 100 + len(texts)))
    tokens = Tokenizer()(train.texts)
    if test is None:
        return profile(train, None, tokens, None)
    tested = with_label_names(Corpus.of("test", test, train.label_names[:1] * len(test)), train.label_names)
    return profile(train, tested, tokens, Tokenizer()(tested.texts))


def test_lengths_are_counted_in_characters_and_tokens():
    part = profiled(["one two", "one two three four", "ö"]).parts["train"]
    assert part.characters.min == 1
    assert part.characters.max == len("one two three four")
    assert [getattr(part.tokens, name) for name in ("min", "median", "max")] == [1, 2, 4]
    assert part.tokens.mean == pytest.approx(7 / 3)
    assert (part.n_documents, part.n_distinct_texts) == (3, 3)


def test_very_long_very_short_and_empty_documents_are_named_by_their_rows():
    middle = ["word " * 20] * 30
    part = profiled([*middle, "word " * int(20 * LONG + 1), "word", "", "word " * 900, "!?"]).parts["train"]
    assert part.very_long.rows == [133, 130]  # the longest first
    assert part.very_short.rows == [131, 134]
    assert part.without_words == DocumentCount(n_documents=1, share=1 / 35, rows=[132])


def test_a_class_is_small_below_ten_documents_and_counts_stay_in_order():
    labels = ["few"] * (SMALL_CLASS - 1) + ["many"] * SMALL_CLASS
    classes = profiled(["a b"] * len(labels), labels, ["a"] * 3).classes
    assert [(row.label, row.n_train, row.n_test, row.is_small) for row in classes] == [
        ("few", 9, 3, True),
        ("many", 10, 0, False),
    ]
    assert sum(row.share for row in classes) == pytest.approx(1)


def test_a_class_of_longer_documents_is_told_by_length():
    texts = ["w " * n for n in range(1, 21)] + ["w " * n for n in range(15, 35)]
    short, long = profiled(texts, ["short"] * 20 + ["long"] * 20).classes[::-1]
    assert long.is_told_by_length
    assert long.length_auc > 0.9
    assert short.length_auc == pytest.approx(1 - long.length_auc)
    alike = profiled(["w " * (1 + n // 2) for n in range(40)], ["a", "b"] * 20).classes
    assert not any(row.is_told_by_length for row in alike)
    assert alike[0].length_auc == pytest.approx(0.5)


def test_histograms_of_lengths_have_every_document_once():
    counted = profiled(["w " * n for n in (0, 1, 2, 3, 500, 500)], ["a", "a", "b", "b", "a", "b"]).lengths_by_class
    assert [sum(counts) for counts in counted.counts] == [3, 3]
    assert counted.counts[0][0] == 1  # the one without words
    assert len(counted.counts[0]) == len(counted.edges) - 1


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("plain words", "Latin"),
        ("größe und Übermut", "Latin"),
        ("привет, мир", "Cyrillic"),
        ("καλημέρα", "Greek"),
        ("北京欢迎你", "Han"),
        ("東京へようこそ", "Japanese"),
        ("カタカナ", "Japanese"),
        ("안녕하세요", "Hangul"),
        ("สวัสดี", "Thai"),
        ("नमस्ते", "Devanagari"),
        ("مرحبا بالعالم", "Arabic"),
        ("שלום עולם", "Hebrew"),
        ("ᏣᎳᎩ", "other"),
    ],
)
def test_letters_belong_to_their_script(text, script):
    counts = letters_by_script(pl.Series([text, "abc", ""]))
    assert name_of(int(counts[0].argmax())) == script
    assert counts[0].sum() == counts[0].max()
    assert counts[1].tolist() == [3] + [0] * len(SCRIPTS)
    assert counts[2].sum() == 0


def test_digits_and_signs_of_a_script_are_no_letters():
    assert letters_by_script(pl.Series(["१२३ ١٢٣ 12", "!? ー…"])).sum() <= 1  # ー is a letter of Japanese


def test_scripts_are_shares_of_documents_and_mixtures_are_named():
    part = profiled(["some words", "привет мир", "привет hello", "12 34", "words of 1 ж in so many letters"]).parts[
        "train"
    ]
    assert {row.script: row.n_documents for row in part.scripts} == {
        "Latin": 2,
        "Cyrillic": 2,
        "no letters": 1,
    }
    assert sum(row.share for row in part.scripts) == pytest.approx(1)
    assert part.mixed.rows == [102]


def test_a_document_without_the_words_that_all_others_have_is_unlike_them():
    generator = np.random.default_rng(0)
    rare = [f"r{number}" for number in range(3000)]
    texts = [
        " ".join([*generator.choice(["the", "of", "and", "to"], 12), *generator.choice(rare, 12)]) for _ in range(80)
    ]
    part = profiled([*texts, " ".join(f"fremd{n}" for n in range(ALIKE_LENGTH)), "zu kurz"]).parts["train"]
    assert part.unlike_the_rest.rows == [180]


@pytest.mark.parametrize(
    ("text", "remains"),
    [
        ("good<br />bad", "html_tag"),
        ("a &amp; b", "html_entity"),
        ("see https://example.org", "url"),
        ("www.example.org", "url"),
        ("MÃ¼nchen", "broken_encoding"),
        ("caf\ufffd", "broken_encoding"),
        ("a\x00b", "control_sign"),
    ],
)
def test_remains_of_where_a_text_comes_from_are_found(text, remains):
    part = profiled(["a < b and c > d", "R&D; done", text]).parts["train"]
    assert {name: found["rows"] for name, found in plain(part.remains).items() if found["n_documents"]} == {
        remains: [102]
    }


def test_label_names_that_differ_by_case_and_spaces_are_put_together():
    assert names_alike(("Spam", "ham", "spam ", "SPAM", "ham-ster", "ham_ster")) == [
        ["Spam", "spam ", "SPAM"], ["ham-ster", "ham_ster"],
    ]  # fmt: skip
    assert names_alike(("spam", "ham", "1", "2")) == []


def test_coverage_is_the_share_of_test_words_that_training_has():
    known = profiled(["a b c d"], test=["a b new", "new newer x a", "c", ""]).known_words
    assert known.tokens_share == 4 / 8
    assert known.types_share == 3 / 6
    assert known.half_unknown.rows == [1]
    assert known.unknown_words[0] == WordCount(word="new", n_documents=2)
    assert profiled(["a b"]).known_words is None


def test_words_that_a_selection_left_behind_are_not_known():
    corpus = Corpus.of("some", ["a b", "c d"], ["x", "y"])
    tokens = Tokenizer()(corpus.texts)
    first, second = (tokens.select(np.array([index])) for index in (0, 1))
    found = profile(corpus.select([0]), corpus.select([1]), first, second)
    assert found.known_words.tokens_share == 0


def test_documents_with_any_number_of_labels_are_counted_label_by_label():
    corpus = Corpus.of_sets("some", ["a", "b c d", ""], pl.Series([["x"], ["x", "y"], []]))
    found = profile(corpus, None, Tokenizer()(corpus.texts), None)
    assert [row.n_train for row in found.classes] == [2, 1]
    assert [sum(counts) for counts in found.lengths_by_class.counts] == [2, 1]


def test_all_classes_at_once_have_the_numbers_that_each_has_alone():
    generator = np.random.default_rng(0)
    texts = [" ".join(["word"] * int(n)) for n in generator.integers(0, 9, 120)]
    names = [[f"l{k}" for k in np.flatnonzero(generator.random(5) < [0.1, 0.4, 0.5, 0.9, 0.0])] for _ in texts]
    several = Corpus.of_sets("sets", texts, pl.Series(names), label_names=["l4", "never"])
    one = Corpus.of("one", texts, [(row or ["none"])[0] for row in names])
    for train in (several, one):
        tokens = Tokenizer()(train.texts)
        found, lengths = profile(train, None, tokens, None), tokens.lengths
        for k, row in enumerate(found.classes):
            is_class = train.of_class(k)
            counts, _ = np.histogram(lengths[is_class], bins=found.lengths_by_class.edges)
            assert found.lengths_by_class.counts[k] == counts.tolist()
            if not is_class.any():
                assert (row.median_tokens, row.length_auc) == (None, None)
                continue
            assert row.median_tokens == np.median(lengths[is_class])
            assert row.length_auc == pytest.approx(auc_and_variance(lengths[is_class], lengths[~is_class])[0])


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.text(max_size=80), st.text(max_size=5)), min_size=1, max_size=12),
    st.none() | st.lists(st.text(max_size=40), max_size=5),
)
def test_any_documents_have_a_profile_that_is_json(rows, test):
    found = profiled(
        [_encodable(text) for text, _ in rows],
        [_encodable(label) for _, label in rows],
        None if test is None else [_encodable(text) for text in test],
    )
    json.dumps(plain(found), allow_nan=False)
    assert sum(row.n_documents for row in found.parts["train"].scripts) == len(rows)


def test_no_documents_have_a_profile_too():
    found = profiled([], [])
    json.dumps(plain(found), allow_nan=False)
    assert found.parts["train"].tokens is None
    assert found.classes == []


def _encodable(text: str) -> str:
    """The text without halves of surrogate pairs, which no file has."""
    return text.encode("utf-8", "replace").decode()
