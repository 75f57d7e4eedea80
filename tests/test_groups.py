"""Equal texts are on one side of every split and fold, whatever their capitals, blanks and form."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bywords.classifier import TextClassifier
from bywords.data.corpus import Corpus
from bywords.data.groups import groups_of, is_also_in
from bywords.data.splits import stratified_folds, stratified_split
from bywords.data.targets import Targets
from bywords.errors import DataError, SettingError
from bywords.io import on_disk
from bywords.io.datasets import divided, load_dataset
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.text.tokenizer import TokenizerConfig
from bywords.text.vocabulary import VocabularyConfig


def copies(n_texts=60, n_copies=5, *, seed=0):
    """Texts of words that tell nothing, each several times with other capitals and signs, and one random label each."""
    generator = np.random.default_rng(seed)
    texts = [" ".join(f"w{word}" for word in generator.integers(0, 500, 8)) for _ in range(n_texts)]
    labels = generator.choice(["yes", "no"], n_texts)
    forms = [
        str,
        str.upper,
        lambda text: f"“{text.title()}”!!",
        lambda text: f"  {text}",
        lambda text: text.replace(" ", ",  "),
    ]
    return [form(text) for text in texts for form in forms[:n_copies]], np.repeat(labels, n_copies)


def on_both_sides(texts, one, other):
    groups = groups_of(texts)
    return set(groups[one].tolist()) & set(groups[other].tolist())


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_no_text_is_on_both_sides_of_a_split_and_each_class_is_on_both(share):
    texts, labels = copies()
    codes = (labels == "yes").astype(np.int64)
    kept, held_out = stratified_split(codes, share, 3, groups_of(texts))
    assert on_both_sides(texts, kept, held_out) == set()
    assert set(codes[kept]) == set(codes[held_out]) == {0, 1}
    assert len(held_out) == pytest.approx(share * len(texts), abs=10)


def test_no_text_is_on_both_sides_of_a_fold_and_each_is_held_out_once():
    texts, labels = copies()
    folds = stratified_folds((labels == "yes").astype(np.int64), 5, 0, groups_of(texts))
    assert np.sort(np.concatenate([held_out for _, held_out in folds])).tolist() == list(range(len(texts)))
    for kept, held_out in folds:
        assert on_both_sides(texts, kept, held_out) == set()
        assert len(held_out) == pytest.approx(len(texts) / 5, abs=10)


def test_without_equal_texts_a_split_is_what_it_was_without_groups():
    codes = np.repeat([0, 1, 2], [50, 20, 1])
    alone = np.arange(71)[::-1].copy()
    for grouped, free in zip(stratified_split(codes, 0.3, 1, alone), stratified_split(codes, 0.3, 1), strict=True):
        np.testing.assert_array_equal(grouped, free)
    for grouped, free in zip(stratified_folds(codes, 4, 1, alone), stratified_folds(codes, 4, 1), strict=True):
        np.testing.assert_array_equal(grouped[1], free[1])


def test_a_class_that_is_only_in_texts_of_another_class_is_learned():
    codes = np.array([0, 1, 0, 0, 0, 0, 0, 0])  # the one of class 1 has the same text as one of class 0
    groups = np.array([0, 0, 1, 2, 3, 4, 5, 6])
    for seed in range(20):
        kept, _ = stratified_split(codes, 0.5, seed, groups)
        assert 1 in codes[kept]


def test_a_part_of_a_corpus_is_held_out_without_texts_that_are_learned():
    texts, labels = copies()
    split = divided(Corpus.of("copies", texts, labels.tolist()), test_share=0.2, seed=0)
    assert not is_also_in(split.test.texts, split.train.texts).any()
    assert is_also_in(split.train.texts, [text.lower() for text in texts]).all()


def test_documents_with_many_labels_are_divided_by_their_texts_too():
    texts, labels = copies()
    sets = pl.Series([[label, "rare"] if index % 97 == 0 else [label] for index, label in enumerate(labels.tolist())])
    split = divided(Corpus.of_sets("copies", texts, sets), test_share=0.3, seed=1)
    assert split.train.counts().all()
    assert not is_also_in(split.test.texts, split.train.texts).any()


@pytest.mark.parametrize("system", ["auto", "tfidf-svc", "tfidf-nb", "dan"])
def test_what_cannot_be_known_is_not_known_of_documents_held_out(system):
    texts, labels = copies()
    assert TextClassifier(system).fit(texts, labels).summary_.valid_accuracy < 0.75


def test_of_documents_on_disk_equal_texts_are_in_one_part(tmp_path):
    texts, labels = copies(100)
    order = np.random.default_rng(0).permutation(len(texts))
    frame = pl.DataFrame({"text": texts, "label": labels})[order]
    frame.write_csv(tmp_path / "copies.csv")
    source = Source(data=str(tmp_path / "copies.csv"), test_share=0.3, validation_share=0.2)
    corpus = corpus_on_disk(source, tmp_path / "ids", TokenizerConfig(), VocabularyConfig())
    parts = []
    for part in (corpus.train, corpus.valid, corpus.test):
        documents = list(part.documents.batches(1000))
        parts.append({tuple(text.tolist()) for batch in documents for text in np.split(batch.ids, batch.offsets[1:-1])})
        assert len(parts[-1]) > 5
    known = [{text for text in part if 1 not in text} for part in parts]  # a text of unknown words may be any
    assert not known[0] & known[1]
    assert not known[0] & known[2]
    assert not known[1] & known[2]
    assert len(corpus.test.codes) == pytest.approx(150, abs=50)


def test_of_very_many_held_out_equal_texts_go_back_together(tmp_path, monkeypatch):
    monkeypatch.setattr(on_disk, "MOST_TEST", 40)
    texts, labels = copies(100)
    pl.DataFrame({"text": texts, "label": labels}).write_csv(tmp_path / "copies.csv")
    source = Source(data=str(tmp_path / "copies.csv"), test_share=0.5)
    corpus = corpus_on_disk(source, tmp_path / "ids", TokenizerConfig(), VocabularyConfig())
    assert 30 <= len(corpus.test.codes) <= 40
    assert len(corpus.test.codes) % 5 == 0


def test_near_duplicates_are_held_out_together_where_that_is_asked_for(bywords):
    generator = np.random.default_rng(0)
    lines = ["text,label"]
    for _ in range(60):
        words, label = [f"w{word}" for word in generator.integers(0, 500, 20)], generator.choice(["yes", "no"])
        lines += [f"{' '.join([*words, f'x{generator.integers(1_000_000)}'])},{label}" for _ in range(5)]
    with Path("near.csv").open("w") as file:
        file.write("\n".join(lines))
    split, near = load_dataset("near.csv"), load_dataset("near.csv", keep_together="near")

    def roots(corpus):
        return {text.rsplit(" ", 1)[0] for text in corpus.texts}

    assert roots(split.train) & roots(split.test)
    assert not roots(near.train) & roots(near.test)
    texts, labels = near.train.texts, near.train.names()
    assert TextClassifier().fit(texts, labels).summary_.valid_accuracy > 0.9
    assert TextClassifier(keep_together="near").fit(texts, labels).summary_.valid_accuracy < 0.75
    code, _, _ = bywords("train", "near.csv", "--keep-together", "near", "--system", "tfidf-nb")
    assert code == 0
    assert bywords("evaluate", "near-model", "near.csv")[1].count("The model has learned from 300 of these") == 1


def test_only_copies_of_one_text_a_class_can_be_learned_and_it_is_said_what_that_tells():
    classifier = TextClassifier("tfidf-nb").fit(["moon"] * 10 + ["car"] * 10, ["a"] * 10 + ["b"] * 10)
    assert classifier.predict(["Car", "moon"]).tolist() == ["b", "a"]
    assert any("copies of what was learned" in note for note in classifier.fitted_.record.notes)
    with pytest.raises(DataError, match="no class has two different texts"):
        divided(Corpus.of("copies", ["moon"] * 10 + ["car"] * 10, ["a"] * 10 + ["b"] * 10), test_share=0.2, seed=0)


def test_what_is_to_be_kept_together_is_equal_or_near():
    with pytest.raises(SettingError, match="keep_together"):
        TextClassifier(keep_together="similar").fit(["a", "b"], [0, 1])


def test_targets_that_are_chosen_keep_their_groups():
    targets = Targets.of(np.array([0, 0, 1, 1]), groups=np.array([0, 0, 1, 2])).select(np.array([0, 1, 2]))
    assert targets.groups.tolist() == [0, 0, 1]
    assert not targets.can_be_split()
    assert targets.n_groups == 2


def test_fitting_makes_no_string_of_a_text_that_is_in_a_column(monkeypatch):
    texts, labels = copies(20)
    expected = TextClassifier("tfidf-svc").fit(texts, labels).predict_proba(texts[:9])
    column = pl.Series(texts)
    monkeypatch.setattr(pl.Series, "to_list", lambda self: pytest.fail("a list was made of a column"))
    fitted = TextClassifier("tfidf-svc").fit(column, labels)
    monkeypatch.undo()
    assert (fitted.predict_proba(texts[:9]) == expected).all()
