"""Corpora: selecting, grouping, matching label names, dropping what is empty, and splitting."""

import dataclasses
import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bywords.data.corpus import (
    Corpus,
    Split,
    check_trainable,
    drop_empty,
    grouped,
    labelled_as,
    sorted_names,
    with_label_names,
)
from bywords.data.shares import split
from bywords.data.splits import nested_order, strata_of, stratified_split
from bywords.errors import DataError, SettingError, did_you_mean, quoted
from bywords.text.tokenizer import Tokenizer, TokenizerConfig


def small() -> Corpus:
    return Corpus.of("films.csv", ["good film", "dull", "a play", "fine film"], ["pos", "neg", "stage", "pos"])


def names_of(corpus: Corpus) -> list[str]:
    return [corpus.label_names[label] for label in corpus.labels]


def test_label_names_are_sorted_whatever_the_order_of_the_documents():
    assert small().label_names == ("neg", "pos", "stage")
    assert names_of(small()) == ["pos", "neg", "stage", "pos"]


def test_integer_label_names_are_sorted_by_number():
    assert sorted_names(["10", "9", "-1", "9"]) == ("-1", "9", "10")
    assert sorted_names(["10", "9", "x"]) == ("10", "9", "x")


def test_a_corpus_needs_as_many_labels_as_texts():
    with pytest.raises(DataError, match=r"x\.csv: 2 texts and 1 labels"):
        Corpus.of("x.csv", ["a", "b"], ["pos"])


def test_a_corpus_may_be_without_documents():
    empty = Corpus.of("nothing", [], [])
    assert (len(empty), empty.label_names, empty.counts().tolist()) == (0, (), [])
    assert drop_empty(empty, Tokenizer()) == (empty, 0)


def test_selected_documents_keep_their_rows_and_the_label_names():
    chosen = small().select([3, 1])
    assert chosen.texts.to_list() == ["fine film", "dull"]
    assert names_of(chosen) == ["pos", "neg"]
    assert chosen.rows.tolist() == [3, 1]
    assert chosen.select([1]).rows.tolist() == [1]
    assert chosen.label_names == small().label_names
    assert len(chosen.select([])) == 0


def test_counts_has_a_number_for_each_class_even_without_documents():
    counts = small().select([0, 3]).counts()
    assert counts.tolist() == [0, 2, 0]
    assert counts.dtype == np.int64


def test_fingerprint_tells_texts_labels_and_label_names_apart_but_not_the_name():
    base = Corpus.of("a", ["x", "yz"], ["p", "q"])
    assert len(base.fingerprint) == 16
    assert Corpus.of("b", ["x", "yz"], ["p", "q"]).fingerprint == base.fingerprint
    others = [
        Corpus.of("a", ["xy", "z"], ["p", "q"]),
        Corpus.of("a", ["x", "yz"], ["q", "p"]),
        Corpus.of("a", ["x", "yz"], ["p", "r"]),
        Corpus.of("a", ["yz", "x"], ["p", "q"]),
        base.select([0]),
    ]
    assert len({base.fingerprint, *(other.fingerprint for other in others)}) == 6


def test_fingerprint_does_not_change_from_version_to_version():
    assert Corpus.of("a", ["x", "é"], ["p", "q"]).fingerprint == "92af01b9256719ee"


def test_grouped_labels_take_the_names_of_their_groups():
    coarse = grouped(small(), {"pos": "film", "neg": "film", "stage": "arts"})
    assert coarse.label_names == ("arts", "film")
    assert names_of(coarse) == ["film", "film", "arts", "film"]
    assert coarse.texts.equals(small().texts)


def test_grouping_that_leaves_out_a_label_is_refused():
    with pytest.raises(SettingError, match=r"leaves out the label 'stage' of films\.csv"):
        grouped(small(), {"pos": "film", "neg": "film"})


def test_grouping_of_a_label_that_is_not_there_offers_the_nearest():
    with pytest.raises(SettingError, match=r"'stagee', which films\.csv does not have\. Did you mean 'stage'"):
        grouped(small(), {"pos": "film", "neg": "film", "stagee": "arts"})


def test_test_labels_are_counted_in_the_names_of_training():
    test = Corpus.of("test.csv", ["a", "b"], ["stage", "neg"])
    matched = with_label_names(test, small().label_names)
    assert names_of(matched) == ["stage", "neg"]
    assert matched.labels.tolist() == [2, 0]


def test_a_label_that_training_does_not_have_is_named_with_its_row():
    test = Corpus.of("test.csv", ["a", "b", "c"], ["pos", "Stages", "Stages"])
    for part in (test, test.select([1, 2])):
        with pytest.raises(DataError, match=r"test\.csv, row 1 .*'Stages' does not occur.*mean 'stage'.*'neg', 'pos'"):
            with_label_names(part, small().label_names)


def test_a_label_without_documents_need_not_be_known_in_training():
    test = Corpus.of("test.csv", ["a", "b"], ["pos", "new"]).select([0])
    assert names_of(with_label_names(test, ("neg", "pos"))) == ["pos"]


def test_documents_without_tokens_are_dropped_and_counted():
    corpus = Corpus.of("x", ["", "a b", " \n ", "!"], ["p", "p", "q", "q"])
    kept, n_dropped = drop_empty(corpus, Tokenizer())
    assert (kept.texts.to_list(), kept.rows.tolist(), n_dropped) == (["a b", "!"], [1, 3], 2)
    split = Split(corpus, corpus.select([1, 2])).drop_empty(Tokenizer(TokenizerConfig(punctuation=False)))
    assert (len(split.train), split.n_dropped_train, len(split.test), split.n_dropped_test) == (1, 3, 1, 1)


def test_a_corpus_with_nothing_but_empty_documents_is_refused_with_the_pattern():
    corpus = Corpus.of("x.csv", ["!", ""], ["p", "q"])
    with pytest.raises(DataError, match=r"x\.csv: none of its 2 documents .*'\[a-z\]\+'"):
        drop_empty(corpus, Tokenizer(TokenizerConfig(pattern="[a-z]+")))


def test_training_needs_two_classes_that_are_present():
    check_trainable(small())
    with pytest.raises(DataError, match=r"films\.csv has one class only, 'pos': .* at least two"):
        check_trainable(small().select([0, 3]))
    with pytest.raises(DataError, match="has no documents"):
        check_trainable(small().select([]))


# Documents with any number of labels.


def moods() -> Corpus:
    sets = pl.Series([["joy", "love"], [], ["love"], ["love", "anger"]], dtype=pl.List(pl.String))
    return Corpus.of_sets("moods", ["a", "b", "c", "d"], sets, label_names=["fear"])


def test_labels_in_sets_are_in_the_order_of_their_names():
    corpus = moods()
    assert corpus.is_multilabel
    assert corpus.label_names == ("anger", "fear", "joy", "love")
    assert corpus.labels.table().astype(int).tolist() == [[0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 1], [1, 0, 0, 1]]
    assert corpus.names().tolist() == [("joy", "love"), (), ("love",), ("anger", "love")]
    assert corpus.counts().tolist() == [1, 0, 1, 3]
    assert corpus.select([3, 1]).names().tolist() == [("anger", "love"), ()]
    assert not small().is_multilabel


def test_a_corpus_of_sets_may_be_without_documents_or_labels():
    empty = Corpus.of_sets("nothing", [], pl.Series([], dtype=pl.List(pl.String)))
    assert (len(empty), empty.labels.n_labels, empty.names().tolist()) == (0, 0, [])
    none = Corpus.of_sets("none", ["a"], pl.Series([[]], dtype=pl.List(pl.String)))
    assert none.names().tolist() == [()]
    with pytest.raises(DataError, match="1 texts and 0 lists of labels"):
        Corpus.of_sets("x", ["a"], pl.Series([], dtype=pl.List(pl.String)))


def test_fingerprint_tells_sets_of_labels_apart():
    single = Corpus.of("a", ["x", "y"], ["p", "q"])
    other = Corpus.of_sets("a", ["x", "y"], pl.Series([["p"], ["p", "q"]]))
    prints = [single.fingerprint, labelled_as(single, multilabel=True).fingerprint, other.fingerprint]
    assert len(set(prints)) == 3


def test_sets_of_labels_are_counted_in_the_names_of_training():
    matched = with_label_names(moods(), ("love", "new", "joy", "anger"))
    assert matched.label_names == ("love", "new", "joy", "anger")
    assert matched.names().tolist() == [("love", "joy"), (), ("love",), ("love", "anger")]
    with pytest.raises(DataError, match=r"moods, row 3 .*'anger' does not occur in training"):
        with_label_names(moods(), ("love", "joy"))


def test_a_test_corpus_takes_after_its_training_corpus():
    single = labelled_as(small(), multilabel=True)
    assert single.names().tolist() == [("pos",), ("neg",), ("stage",), ("pos",)]
    assert labelled_as(small(), multilabel=False).labels.tolist() == small().labels.tolist()
    with pytest.raises(DataError, match="any number of labels, those of training one each"):
        labelled_as(moods(), multilabel=False)


def test_sets_of_labels_are_not_grouped():
    with pytest.raises(SettingError, match="only single labels can be grouped"):
        grouped(moods(), {})


def test_training_needs_a_label_that_some_have_and_others_have_not():
    check_trainable(moods())
    check_trainable(moods().select([1, 2]))
    for rows in ([1], [2], [2, 2]):
        with pytest.raises(DataError, match="no label that some documents have and others have not"):
            check_trainable(moods().select(rows))


def test_a_label_that_loses_all_its_documents_goes_too():
    split = Split(moods().select([0, 1, 2]), moods().select([0, 2])).drop_empty(Tokenizer())
    assert split.train.label_names == split.test.label_names == ("joy", "love")
    with pytest.raises(DataError, match="row 3, counted from 0, has the label 'anger', but no training document"):
        Split(moods().select([0, 1, 2]), moods().select([1, 3])).drop_empty(Tokenizer())


def test_documents_with_several_labels_are_stratified_by_their_rarest():
    assert strata_of(moods().labels).tolist() == [2, 4, 3, 0]
    assert strata_of(small().labels).tolist() == small().labels.tolist()


def test_a_limited_split_has_documents_of_each_rarest_label():
    sets = pl.Series([["p"], ["p", "q"], [], ["p"]] * 25, dtype=pl.List(pl.String))
    corpus = Corpus.of_sets("x", [str(n) for n in range(100)], sets)
    limited = Split(corpus, corpus).limited(20, seed=0).train
    assert len(limited) == 20
    assert np.bincount(strata_of(limited.labels)).tolist() == [10, 5, 5]


def test_hints_offer_what_is_near_and_keep_lists_short():
    assert did_you_mean("Lable", ["text", "label"]) == " Did you mean 'label'?"
    assert did_you_mean("xyz", ["text", "label"]) == ""
    assert quoted(["a", "b", "c"], at_most=2) == "'a', 'b' and 1 more"


labels_of_corpora = st.lists(st.integers(0, 5), max_size=60).map(lambda labels: np.array(labels, dtype=np.int64))


@given(labels_of_corpora, st.floats(0.01, 0.99), st.integers(0, 5))
def test_a_split_parts_the_documents_and_every_class_is_in_both_where_it_can_be(labels, share, seed):
    kept, held_out = stratified_split(labels, share, seed)
    assert sorted([*kept, *held_out]) == list(range(len(labels)))
    assert kept.dtype == held_out.dtype == np.int64
    assert (np.diff(kept) > 0).all()
    assert (np.diff(held_out) > 0).all()
    for label in set(labels.tolist()):
        n_kept, n_held = (labels[kept] == label).sum(), (labels[held_out] == label).sum()
        assert n_kept >= 1
        assert n_held >= 1 or n_kept == 1


@given(st.lists(st.integers(20, 90), min_size=1, max_size=6), st.floats(0.1, 0.9))
def test_a_split_holds_out_the_share_of_the_whole_and_of_each_class(counts, share):
    labels = np.repeat(np.arange(len(counts)), counts)
    _, held_out = stratified_split(labels, share, 0)
    assert abs(len(held_out) - share * len(labels)) <= 0.5 + 1e-9
    of_class = np.bincount(labels[held_out], minlength=len(counts))
    assert (np.abs(of_class - share * np.array(counts)) <= 1 + 1e-9).all()


def test_small_classes_take_their_document_from_the_large_ones():
    labels = np.repeat([0, 1, 2, 3], [2, 2, 2, 100])
    _, held_out = stratified_split(labels, 0.1, 0)
    assert np.bincount(labels[held_out]).tolist() == [1, 1, 1, 8]


def test_a_split_depends_on_the_seed_and_on_nothing_else():
    labels = np.arange(100) % 3
    first, again, other = (stratified_split(labels, 0.3, seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_corpus_in_parts_has_each_document_once_and_equal_texts_in_one_part():
    texts = [f"text {number // 2}" if number < 20 else f"other {number}" for number in range(100)]
    corpus = Corpus.of("numbers", texts, ["a", "a", "b", "b"] * 25)
    parts = corpus.split((0.5, 0.25, 0.25), seed=3)
    assert sorted(row for part in parts for row in part.rows) == list(range(100))
    for one, other in itertools.combinations(parts, 2):
        assert not set(one.texts) & set(other.texts)
    wanted = np.outer((0.5, 0.25, 0.25), corpus.counts())
    assert np.abs(np.array([part.counts() for part in parts]) - wanted).max() <= 2
    assert [part.texts.to_list() for part in parts] == [
        texts for texts, _ in split(texts, corpus.names(), (0.5, 0.25, 0.25), seed=3)
    ]


def test_a_multi_label_corpus_is_parted_by_its_rarest_labels():
    labels = pl.Series([["common", "rare"] if number % 10 == 0 else ["common"] for number in range(40)])
    corpus = Corpus.of_sets("sets", [f"text {number}" for number in range(40)], labels)
    assert [part.counts().tolist() for part in corpus.split((0.5, 0.5))] == [[20, 2], [20, 2]]


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.6), (1.2, -0.2)])
def test_shares_that_do_not_sum_to_1_are_refused(shares):
    with pytest.raises(SettingError, match="expected two or more above 0 that sum to 1"):
        Corpus.of("two", ["one", "two"], ["a", "b"]).split(shares)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_outside_of_0_and_1_is_refused(share):
    with pytest.raises(SettingError, match=r"share to hold out is .* between 0 and 1"):
        stratified_split(np.array([0, 1]), share, 0)


def test_a_negative_seed_is_refused():
    with pytest.raises(SettingError, match="seed is -1"):
        stratified_split(np.array([0, 1]), 0.5, -1)


def test_a_tested_class_without_a_training_document_is_named_by_its_row():
    train = Corpus.of("odd", ["a", "b", " "], ["x", "y", "z"])
    test = Corpus.of("odd", ["a", "b", "c"], ["x", "y", "z"])
    with pytest.raises(DataError, match="row 2, counted from 0, has the label 'z', but no training document"):
        Split(train, test).drop_empty(Tokenizer())


def test_columns_go_with_their_documents_and_are_no_part_of_the_fingerprint():
    columns = pl.DataFrame({"source": ["web", "mail", "web", "chat"]})
    plain = Corpus.of("c", ["x y", "", "z", "w"], ["a", "b", "b", "a"])
    corpus = dataclasses.replace(plain, columns=columns)
    assert corpus.fingerprint == plain.fingerprint
    assert plain.select([0]).columns is None
    assert corpus.select([3, 3, 1]).columns["source"].to_list() == ["chat", "chat", "mail"]
    split = Split(corpus, corpus).drop_empty(Tokenizer())
    assert split.test.columns["source"].to_list() == ["web", "web", "chat"]
    assert labelled_as(split.test, multilabel=True).columns is split.test.columns
    assert with_label_names(split.test, ("b", "a")).columns is split.test.columns


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.integers(0, 9))
def test_any_beginning_of_a_nested_order_has_two_of_each_class_and_of_more_its_share(labels, seed):
    labels = np.array(labels)
    order = nested_order(labels, seed)
    assert sorted(order.tolist()) == list(range(len(labels)))
    counts = np.bincount(labels)
    n_first = int(np.minimum(counts, 2).sum())
    assert np.bincount(labels[order[:n_first]], minlength=len(counts)).tolist() == np.minimum(counts, 2).tolist()
    for n_documents in range(n_first, len(labels) + 1):
        found = np.bincount(labels[order[:n_documents]], minlength=len(counts))
        shares = [(taken / count, 1 / count) for taken, count in zip(found, counts, strict=True) if taken > 2]
        for share, one in shares:  # a document more or less is all that parts two classes
            assert all(share - one <= other + another for other, another in shares)


def test_a_nested_order_depends_on_the_seed_and_on_nothing_else():
    labels = np.arange(60) % 3
    assert nested_order(labels, 1).tolist() == nested_order(labels, 1).tolist()
    assert nested_order(labels, 1).tolist() != nested_order(labels, 2).tolist()
    with pytest.raises(SettingError, match="seed is -1"):
        nested_order(labels, -1)
