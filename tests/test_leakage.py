"""What gives the class away: headers, addresses, names and fixed phrases are named, ordinary words are not."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import fetch_20newsgroups

from bywords.auditing.leakage import find_leakage
from bywords.auditing.patterns import header_fields
from bywords.data.corpus import Corpus
from bywords.evaluation.metrics import wilson_interval
from bywords.io.datasets import is_available
from bywords.records.audit import Leakage
from bywords.records.base import plain
from bywords.text.tokenizer import Tokenizer

with_newsgroups = pytest.mark.skipif(
    not is_available("20newsgroups"), reason="20 Newsgroups is not in scikit-learn's data folder"
)
WORDS = ["the", "old", "house", "by", "river", "was", "sold", "for", "a", "small", "sum", "and", "nobody", "in", "town",
         "could", "say", "why", "it", "stood", "empty"]  # fmt: skip


def sentences(n: int, seed: int, length: int = 12) -> list[str]:
    """Texts of common words in random order: nothing in them tells of a class."""
    generator = np.random.default_rng(seed)
    return [" ".join(generator.choice(WORDS, length)) for _ in range(n)]


def found_in(texts: list[str], labels: list[str]) -> Leakage:
    corpus = Corpus.of("some", texts, labels)
    return find_leakage(corpus, Tokenizer()(corpus.texts))


def named(found: Leakage) -> set[tuple[str, str]]:
    """Kind and pattern of all that was found, with what nearly the same documents have."""
    rows = found.found
    return {(row.kind, row.what) for each in rows for row in (each, *each.also)}


def with_planted(plant, n: int = 60) -> Leakage:
    """Two classes of the same sentences; `plant` changes those of class "a", by their number."""
    texts = sentences(2 * n, seed=1)
    planted = [plant(text, index) for index, text in enumerate(texts[:n])]
    return found_in(planted + texts[n:], ["a"] * n + ["b"] * n)


@pytest.mark.parametrize(
    ("plant", "kind", "what"),
    [
        (lambda text, i: f"Organization: Mill Press\nLines: {i}\n\n{text}", "header line", "Organization: Mill Press"),
        (lambda text, i: f"X-Id: {i}\n\n{text}", "header field", "X-Id:"),
        (lambda text, i: f"{text} write to Anna.Berg@mill.example.org now", "address", "anna.berg@mill.example.org"),
        (lambda text, i: f"{text} n{i}@mail.mill.ac.uk {text}", "domain", "mill.ac.uk"),
        (lambda text, i: f"From: n{i}@x{i}.org (Anna Berg)\n\n{text}", "person", "Anna Berg"),
        (lambda text, i: f"In article <{i}> x{i}@y.org (Anna Berg) writes:\n{text}", "person", "Anna Berg"),
        (lambda text, i: f"{text} see http://mill{i % 2}.example.org/{i}", "web host", "mill0.example.org"),
        (lambda text, i: f"{text}\n\n{i} {i}\n\n--\nMill Press, London", "last line", "Mill Press, London"),
        (lambda text, i: f"Dear reader\n\n{text}\n\n{i}", "first line", "Dear reader"),
        (lambda text, i: f"{text} Sent from my iPhone", "end", "sent from my iphone"),
        (lambda text, i: f"[SPAM] {text}", "beginning", "[ spam ]"),
        (lambda text, i: f"{text} 8/10 {text}", "number", "8/10"),
        (lambda text, i: f"{text}<br /><br />{text}", "markup", "<br>"),
        (lambda text, i: f"{text} in scan_01.jpg {text}", "file name", "scan_01.jpg"),
        (lambda text, i: f"{text[:i]} xylograph {text[i:]}", "word", "xylograph"),
    ],
)
def test_what_is_planted_in_one_class_is_named_with_its_kind(plant, kind, what):
    found = with_planted(plant)
    assert (kind, what) in named(found)
    assert {row.label for row in found.found} == {"a"}
    assert found.rule.accuracy > 0.9


def test_what_all_classes_have_gives_nothing_away():
    texts = [f"From: anna@mill.org\n\n{text}\n--\nSent from my phone" for text in sentences(120, seed=2)]
    found = found_in(texts, ["a", "b"] * 60)
    assert found.found == []
    assert found.rule.n_decided == 0
    assert found.rule.accuracy == found.rule.guess == 0.5


def test_ordinary_words_of_a_class_are_no_leakage():
    texts = sentences(200, seed=3)
    generator = np.random.default_rng(4)
    texts = [
        f"{text} {generator.choice(['hockey', 'goal', 'ice'] if index < 100 else ['orbit', 'moon', 'launch'])} {text}"
        for index, text in enumerate(texts)
    ]
    assert found_in(texts, ["sport"] * 100 + ["space"] * 100).found == []


def test_a_label_that_stands_in_a_header_is_named():
    found = with_planted(lambda text, i: f"Newsgroups: rec.a{i % 2}, talk\nLines: {i}\n\n{text}")
    assert ("header line", "Newsgroups: rec.a0, talk") in named(found)
    texts = [f"Newsgroups: {group}\nLines: {i}\n\n{text}" for i, text in enumerate(sentences(80, 5))
             for group in ["rec.autos" if i % 2 else "sci.space"]]  # fmt: skip
    found = named(found_in(texts, ["sci.space", "rec.autos"] * 40))
    assert {("label name", "rec.autos"), ("label name", "sci.space")} <= found
    assert ("label name", "Newsgroups: … autos …") in found


def test_the_words_of_a_subject_are_left_to_the_text():
    found = with_planted(lambda text, i: f"Subject: Mill sold\nLines: {i}\n\n{text}")
    assert ("header line", "Subject: Mill sold") not in named(found)
    assert "Subject" not in {row.field for row in found.fields}


def test_counts_shares_and_rows_are_those_of_the_documents():
    texts = sentences(60, seed=6)
    for index in [*range(3, 28), 40]:
        texts[index] = f"n{index}@mill.org {texts[index]}"
    corpus = Corpus.of("some", texts, ["a"] * 33 + ["b"] * 27, rows=np.arange(100, 160))
    corpus = corpus.select(np.arange(59, -1, -1))
    (row,) = find_leakage(corpus, Tokenizer()(corpus.texts)).found
    assert (row.kind, row.what, row.label) == ("domain", "mill.org", "a")
    assert (row.n_documents, row.n_of_class, row.share) == (26, 25, 25 / 26)
    assert row.lower_bound == pytest.approx(wilson_interval(25 / 26, 26)[0])
    assert row.share_of_class == pytest.approx(25 / 33)
    assert row.lift == pytest.approx(25 / 26 * 60 / 33)
    assert row.rows == [127, 126, 125, 124, 123]


def test_a_pattern_that_half_of_its_documents_have_in_other_classes_is_none():
    texts = sentences(80, seed=10)
    texts = [f"anna@mill.org {text}" if index % 3 else text for index, text in enumerate(texts)]
    assert found_in(texts, ["a"] * 50 + ["b"] * 30).found == []


def test_patterns_of_the_same_documents_are_shown_as_one():
    found = with_planted(lambda text, i: f"From: anna@mill.org (Anna Berg)\n\n{text}")
    assert len(found.found) == 1
    assert {"address", "person", "domain", "header line"} <= {kind for kind, _ in named(found)}
    assert found.n_found > 1


def test_the_rule_is_judged_on_documents_that_it_was_not_chosen_on():
    """Each address stands in one half of the documents only, so that none says anything about the other."""
    texts = sentences(100, seed=7)
    labels = ["a"] * 50 + ["b"] * 50
    texts = [
        text + (f" anna@mill.org {text}" if index < 50 and index % 2 == 0 else "") for index, text in enumerate(texts)
    ]
    found = found_in(texts, labels)
    assert ("address", "anna@mill.org") in named(found)
    assert found.rule.n_decided == 0


def test_a_field_is_judged_by_its_values_and_spelt_as_most_often():
    texts = sentences(120, seed=8)
    names = ["Host", "HOST", "Host"]
    texts = [f"{names[i % 3]}: h{i % 2}{i // 60}\nLines: {i % 7}\n\n{text}" for i, text in enumerate(texts)]
    fields = {row.field: row for row in found_in(texts, ["a", "b"] * 60).fields}
    assert fields["Host"].n_documents == 120
    assert fields["Host"].n_values == 4
    assert fields["Host"].accuracy == 1
    assert fields["Lines"].accuracy < 0.75


def test_a_new_value_of_a_field_is_taken_for_the_commonest_class_that_has_the_field():
    texts = [f"X-Id: {index}\nLines: 5\n\n{text}" if index < 40 else f"Lines: 5\n\n{text}"
             for index, text in enumerate(sentences(120, 11))]  # fmt: skip
    fields = {row.field: row for row in found_in(texts, ["b"] * 40 + ["a"] * 80).fields}
    assert fields["X-Id"].accuracy == 1
    assert fields["X-Id"].guess == 0


def test_values_that_no_other_document_has_tell_nothing_of_its_class():
    texts = [f"Message-Id: m{index}\n\n{text}" for index, text in enumerate(sentences(120, seed=13))]
    (field,) = found_in(texts, ["a", "b", "a"] * 40).fields
    assert (field.field, field.n_values) == ("Message-Id", 120)
    assert field.accuracy == field.guess == pytest.approx(2 / 3)


def test_a_sentence_that_starts_some_texts_of_a_class_is_no_leak():
    generator = np.random.default_rng(12)
    texts = [f"this is a great {text} {generator.integers(99)}" if index < 12 else text
             for index, text in enumerate(sentences(1200, 12))]  # fmt: skip
    assert found_in(texts, ["good"] * 600 + ["bad"] * 600).found == []
    assert ("beginning", "this is a great") in named(found_in(texts[:15] + texts[600:], ["good"] * 15 + ["bad"] * 600))


def test_what_is_quoted_is_no_first_or_last_line():
    found = with_planted(lambda text, i: f"> Dear reader\n{i} {text}\n{i}\n{i}\n> the end of it")
    assert not {kind for kind, _ in named(found)} & {"first line", "last line"}


def test_header_fields_end_where_the_text_starts():
    fields = header_fields(
        pl.Series(["A: 1\nB-c: two words \n\nD: 3", "no header: here", "\nE: 5", "F: 6\n  more\nG: 7\n"])
    )
    assert fields.select("document", "field", "value").rows() == [
        (0, "A", "1"), (0, "B-c", "two words"), (3, "F", "6"), (3, "G", "7"),
    ]  # fmt: skip


def test_documents_with_any_number_of_labels_are_asked_label_by_label():
    texts = sentences(90, seed=9)
    sets = [["a"] if index < 30 else ["a", "b"] if index < 60 else [] for index in range(90)]
    texts = [text + (" by anna@mill.org" if 30 <= index < 60 else "") for index, text in enumerate(texts)]
    corpus = Corpus.of_sets("some", texts, pl.Series(sets, dtype=pl.List(pl.String)))
    found = find_leakage(corpus, Tokenizer()(corpus.texts))
    row = next(row for row in found.found if row.kind == "address")
    assert row.label == "b"
    assert row.share_of_class == 1
    assert found.rule is None


@pytest.mark.parametrize(
    ("texts", "labels"), [([], []), (["a b c"], ["x"]), (["", ""], ["x", "y"]), (["a"] * 9, ["x"] * 9)]
)
def test_hardly_any_documents_have_no_leakage(texts, labels):
    assert found_in(texts, labels).found == []


@settings(max_examples=15)
@given(st.lists(st.tuples(st.text(max_size=60), st.sampled_from(["x", "y.z", "[("])), max_size=30))
def test_any_texts_and_labels_give_json(rows):
    texts = [text.encode("utf-8", "replace").decode() for text, _ in rows] * 6
    found = found_in(texts, [label for _, label in rows] * 6)
    json.dumps(plain(found), allow_nan=False)
    for row in found.found:
        assert 0 < row.lower_bound <= row.share <= 1


def of_newsgroups(remove: tuple[str, ...]) -> Leakage:
    """The leakage of every third training message."""
    bunch = fetch_20newsgroups(subset="train", remove=remove, shuffle=False)
    return found_in(bunch.data[::3], [bunch.target_names[label] for label in bunch.target[::3]])


@with_newsgroups
def test_untouched_messages_give_away_by_addresses_names_and_headers_and_stripped_ones_hardly():
    found, of_stripped = map(of_newsgroups, ((), ("headers", "footers", "quotes")))
    assert {
        ("domain", "rutgers.edu"),
        ("address", "keith@cco.caltech.edu"),
        ("person", "Keith Allan Schneider"),
    } <= named(found)
    fields = {row.field for row in found.fields if row.interval[0] > row.guess}
    assert {"From", "Organization", "Distribution", "Nntp-Posting-Host"} <= fields
    assert found.n_found > 8 * of_stripped.n_found
    assert found.rule.accuracy > 0.2
    assert of_stripped.rule.accuracy < 0.1
    topical = {"hockey", "orbit", "encryption", "israel", "god", "windows", "motorcycle", "car", "gun"}
    for each in (found, of_stripped):
        assert not topical & {what for _, what in named(each)}
