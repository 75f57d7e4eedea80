"""A label tree: what its kernels do, what tree it learns or is given, and how it answers where labels are many."""

from dataclasses import replace

import numpy as np
import pytest
from small_corpus import small_corpus
from twins import label_tree as plain

from bywords import TextClassifier
from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets
from bywords.errors import DataError, SettingError
from bywords.kernels import label_tree as kernels
from bywords.models import label_tree
from bywords.models.base import restore_model
from bywords.models.label_clusters import TreeShape, balanced_clusters
from bywords.models.label_tree import LabelTree, LabelTreeConfig
from bywords.text import threads
from bywords.text.ragged import Ragged, offsets_of
from bywords.text.vocabulary import Vocabulary
from bywords.training import fit

N_LABELS, N_WORDS = 40, 90
CONFIG = LabelTreeConfig(max_leaf=6, beam=3, threshold=0.01)


def many_documents(n_documents=400, *, seed=0):
    """Documents of words of one or two of 40 labels, and of the group of eight that they are in."""
    generator = np.random.default_rng(seed)
    sets, documents = [], []
    for _ in range(n_documents):
        group = generator.integers(5)
        labels = np.unique(8 * group + generator.integers(0, 8, 2))
        words = [2 + 2 * label + generator.integers(2) for label in labels for _ in range(2)]
        sets.append(labels)
        documents.append([*words, 82 + group, *generator.integers(2, 92, 2)])
    rows = np.repeat(np.arange(n_documents), list(map(len, sets)))
    return Ragged.of(documents), LabelSets.of_pairs(rows, np.concatenate(sets), n_documents, N_LABELS)


@pytest.fixture(scope="module")
def vocabulary():
    from bywords.text.tokenizer import Tokenizer

    return Vocabulary.of(Tokenizer()([f"word{index:03} " * (N_WORDS - index) for index in range(N_WORDS)]))


def fitted(vocabulary, config=CONFIG, tree=None, **more):
    documents, sets = many_documents()
    prepared = LabelTree.prepare(config, documents, vocabulary)
    return LabelTree.fit(config, prepared, replace(Targets.of(sets), tree=tree), vocabulary=vocabulary, **more)[0]


def bags_of_a_few():
    generator = np.random.default_rng(1)
    lengths = generator.integers(1, 7, 30)
    ids = np.concatenate([generator.choice(20, length, replace=False) for length in lengths]).astype(np.int32)
    return ids, offsets_of(lengths), generator.random(len(ids)).astype(np.float32)


@pytest.mark.parametrize("n_children", [1, 3, 8, 45])
def test_the_classifiers_of_a_node_are_those_of_plain_python(n_children):
    bags, generator = bags_of_a_few(), np.random.default_rng(2)
    rows = np.sort(generator.choice(30, 20, replace=False))
    lengths = generator.integers(0, min(n_children, 3) + 1, 20)
    children = [np.sort(generator.choice(n_children, length, replace=False)) for length in lengths]
    children = np.concatenate(children).astype(np.int32)
    slacks = generator.uniform(0.2, 1, 20).astype(np.float32)
    more = {"n_rows": 20, "n_children": n_children, "n_passes": 3, "tolerance": 0.1, "threshold": 0.05, "seed": 7}
    found = kernels.train_node(*bags, rows, children, offsets_of(lengths), slacks, **more)
    expected = plain.train_node(*bags, rows, children, offsets_of(lengths), slacks, **more)
    for one, other in zip(found[:3], expected[:3], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(found[3], expected[3], atol=1e-5)
    np.testing.assert_allclose(found[4], expected[4], atol=1e-5)


@pytest.mark.parametrize(("beam", "most"), [(1, 3), (3, 5), (100, 40)])
def test_a_search_finds_what_plain_python_finds(beam, most, vocabulary):
    model, (documents, _) = fitted(vocabulary), many_documents(12, seed=3)
    bags, arrays = model.bags(documents), model.arrays()
    tree = (
        offsets_of(arrays["child_lengths"]), arrays["children"], arrays["bias"], offsets_of(arrays["feature_lengths"]),
        arrays["features"], offsets_of(arrays["weight_lengths"]), arrays["columns"], arrays["values"],
    )  # fmt: skip
    more = {"n_rows": bags.n_rows, "n_labels": N_LABELS, "beam": beam, "scale": 3.0, "decay": 0.1, "most": most}
    labels, scores = kernels.search_tree(bags.ids, bags.offsets, bags.weights, tree, **more)
    expected, expected_scores = plain.search_tree(bags.ids, bags.offsets, bags.weights, tree, **more)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
    assert (labels == expected).mean() > 0.99  # of two that are nearly as good either may come first


def test_most_labels_are_found_by_a_narrow_search(vocabulary):
    model, (documents, sets) = fitted(vocabulary), many_documents(200, seed=5)
    top = model.top_logits(documents, 2)
    assert top.hits(sets).sum() / len(sets.labels) > 0.75
    assert len(model.arrays()["child_lengths"]) > 5
    assert (np.diff(top.scores, axis=1) <= 0).all()


def test_the_scores_of_a_search_are_those_of_the_table_of_all_labels(vocabulary):
    model, (documents, _) = fitted(vocabulary), many_documents(50, seed=6)
    logits, top = model.logits(documents), model.top_logits(documents, 5)
    np.testing.assert_array_equal(np.take_along_axis(logits, top.labels.astype(int), axis=1), top.scores)
    everywhere = fitted(vocabulary, LabelTreeConfig(max_leaf=6, beam=1000, threshold=0.01))
    best = everywhere.logits(documents).argmax(axis=1)
    np.testing.assert_array_equal(everywhere.top_logits(documents, 1).labels[:, 0], best)
    assert model.top_logits(documents, 1000).labels.shape == (50, N_LABELS)
    assert len(model.top_logits(documents.select([]), 3)) == 0


def test_documents_are_answered_alone_as_among_others(vocabulary, monkeypatch):
    model, (documents, _) = fitted(vocabulary), many_documents(50, seed=7)
    together = model.top_logits(documents, 4)
    monkeypatch.setattr(label_tree, "MOST_SCORES", 100)  # a few documents at a time
    apart = model.top_logits(documents, 4)
    np.testing.assert_array_equal(apart.labels, together.labels)
    np.testing.assert_array_equal(apart.scores, together.scores)


def test_the_bits_do_not_depend_on_the_number_of_threads(vocabulary, monkeypatch):
    several = fitted(vocabulary).arrays()
    monkeypatch.setattr(threads, "n_threads", lambda: 1)
    one = fitted(vocabulary).arrays()
    assert all(np.array_equal(one[name], several[name]) for name in one)
    other = fitted(vocabulary, seed=1).arrays()
    assert not np.array_equal(one["children"], other["children"])


def test_a_tree_that_is_given_takes_the_place_of_the_learned_one(vocabulary):
    groups = [list(range(8 * group, 8 * group + 8)) for group in range(5)]
    uneven = [*groups[:3], [groups[3][:4], groups[3][4:]], *groups[4]]
    model, (documents, sets) = fitted(vocabulary, tree=uneven), many_documents(200, seed=5)
    assert model.arrays()["child_lengths"].tolist() == [12, 8, 8, 8, 2, 4, 4]
    assert model.top_logits(documents, 2).hits(sets).sum() / len(sets.labels) > 0.75


@pytest.mark.parametrize(
    ("tree", "message"),
    [([[0, 1], [1, 2]], "4 leaves"), ([[0, 1]], "2 leaves"), ([[0, 1, 2], []], "a cluster without any"),
     ([[0, 1, -1]], "3 leaves"), ([[0, 1, 5]], "2 leaves")],
)  # fmt: skip
def test_a_tree_without_each_label_once_is_refused(tree, message):
    with pytest.raises(SettingError, match=message):
        TreeShape.of_nested(tree, 3)


def test_clusters_are_balanced_and_hold_labels_of_one_kind():
    generator = np.random.default_rng(0)
    kinds = np.repeat(np.eye(4), 16, axis=0)[generator.permutation(64)]
    vectors = kinds + generator.normal(scale=0.05, size=kinds.shape)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    shape = balanced_clusters(vectors, max_leaf=16, seed=0)
    assert shape.lengths.tolist() == [4, 16, 16, 16, 16]
    of_nodes, _ = shape.paths()[1]
    assert all(len(np.unique(kinds[of_nodes == node].argmax(axis=1))) == 1 for node in range(1, 5))
    deep = balanced_clusters(np.tile(vectors, (20, 1)), max_leaf=3, seed=0)
    assert [len(np.unique(nodes)) for nodes, _ in deep.paths()] == [1, 32, 512]
    assert deep.lengths.max() <= 32


def test_what_is_not_free_is_refused_before_it_is_taken(vocabulary, monkeypatch):
    monkeypatch.setattr("bywords.memory.free_bytes", lambda: 1000)
    with pytest.raises(DataError, match=r"A label tree of 40 labels on .* takes about .* model.max_leaf=50"):
        fitted(vocabulary)


def changed(name, index, value):
    def change(arrays):
        array = arrays[name].copy()
        array[index] = value
        return {**arrays, name: array}

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("children", 0, N_LABELS), "twice"),
        (changed("children", -1, 0), "twice"),
        (changed("children", 0, 10**6), r"children\[0\] is 1000000, expected a number from 0"),
        (changed("columns", 3, -1), r"columns\[3\] is -1"),
        (changed("columns", -1, 7), r"columns\[\d+\] is 7, expected"),
        (changed("features", 1, 0), r"features\[1\] is not above the one before"),
        (changed("features", -1, 10**6), "expected a number from 0 to"),
        (changed("weight_lengths", 0, 0), r"weight_lengths\[0\] is 0"),
        (changed("feature_lengths", 0, -1), r"feature_lengths\[0\] is -1"),
        (changed("child_lengths", 0, 9), "child_lengths sum to"),
        (changed("values", 0, np.nan), r"values\[0\] is nan"),
        (changed("idf", 2, -1), r"idf\[2\] is -1"),
        (lambda arrays: {**arrays, "columns": arrays["columns"].astype(np.int64)}, "of int64, expected int32"),
        (lambda arrays: {**arrays, "more": arrays["idf"]}, "does not have|do not have"),
        (lambda arrays: {**arrays, "children": arrays["children"][::-1].copy()}, "no node behind|twice"),
    ],
)
def test_arrays_that_a_search_could_not_walk_are_refused(change, message, vocabulary):
    model = fitted(vocabulary)
    with pytest.raises(SettingError, match=message):
        restore_model(model.config, change(model.arrays()), vocabulary=vocabulary, n_classes=N_LABELS)


def test_a_tree_of_very_many_labels_is_not_explained(vocabulary, monkeypatch):
    monkeypatch.setattr(label_tree, "FEW_LABELS", 39)
    with pytest.raises(SettingError, match="a tree of 40 labels, and one of more than 39 cannot be explained"):
        fitted(vocabulary).differentiable(many_documents(1)[0])


def test_its_settings_are_checked():
    for wrong in ({"max_leaf": 1}, {"beam": 0}, {"C": 0.0}, {"threshold": -1.0}, {"passes": 0}):
        with pytest.raises(SettingError, match=next(iter(wrong))):
            LabelTreeConfig(**wrong)


@pytest.mark.parametrize("most", [1, 1000])
def test_it_learns_one_label_a_document_and_any_number_whether_all_or_the_best_get_a_score(most, monkeypatch, tmp_path):
    monkeypatch.setattr(label_tree, "FEW_LABELS", most)
    corpus = small_corpus(90)
    for labels in (corpus.names(), [[name, "any"] if n % 2 else [name] for n, name in enumerate(corpus.names())]):
        classifier = TextClassifier("label-tree").fit(corpus.texts, labels)
        assert classifier.fitted_.is_ranked == (most == 1)
        found = classifier.evaluate(corpus.texts, labels).summary()
        assert found.get("micro_f1", found["accuracy"]) > 0.75
        classifier.save(tmp_path / "model")
        loaded = TextClassifier.load(tmp_path / "model")
        assert list(loaded.predict(corpus.texts)) == list(classifier.predict(corpus.texts))
        top = loaded.fitted_.top(["a rocket to the moon", "qqq"], 2)
        assert top.labels[0, 0] in ("space", "any")
        assert (top.probabilities <= 1).all()


def test_auto_takes_the_tree_where_labels_are_very_many(monkeypatch, tmp_path):
    corpus = small_corpus(90)
    sets = [[name, "any"] if n % 2 else [name] for n, name in enumerate(corpus.names())]
    assert not isinstance(TextClassifier().fit(corpus.texts, corpus.names()).fitted_.model, LabelTree)
    monkeypatch.setattr(fit, "MANY_LABELS", 4)
    many = TextClassifier().fit(corpus.texts, sets)
    assert isinstance(many.fitted_.model, LabelTree)
    assert many.fitted_.record.notes[0].startswith("With 4 labels and 27 words no models were tried against each other")
    many.save(tmp_path / "model")
    assert list(TextClassifier.load(tmp_path / "model").predict(corpus.texts)) == list(many.predict(corpus.texts))
    assert not isinstance(TextClassifier().fit(corpus.texts, corpus.names()).fitted_.model, LabelTree)
    monkeypatch.setattr(fit, "MOST_NUMBERS", 80)
    assert isinstance(TextClassifier().fit(corpus.texts, corpus.names()).fitted_.model, LabelTree)


def test_a_tree_narrowed_to_some_labels_gives_them_the_same_scores(vocabulary):
    model, documents = fitted(vocabulary), many_documents(20)[0]
    labels = np.array([0, 3, 4, 17, 39])
    narrow = model.narrowed(labels)
    narrow.config.validate(narrow.arrays(), vocabulary, len(labels))
    np.testing.assert_array_equal(narrow.logits(documents), model.logits(documents)[:, labels])


def test_of_very_many_labels_those_that_are_found_are_explained(monkeypatch):
    monkeypatch.setattr(label_tree, "FEW_LABELS", 39)
    monkeypatch.setattr("bywords.fitted.N_FOUND", 6)
    generator = np.random.default_rng(0)
    labels = [generator.choice(40, size=2, replace=False).tolist() for _ in range(400)]
    texts = [" ".join(f"word{label}{part}" for label in row for part in "ab") for row in labels]
    classifier = TextClassifier("label-tree").fit(texts, [[f"l{label}" for label in row] for row in labels])
    text = "word3a word3b word17a word17b"
    explanation, top = classifier.explain(text)[0], classifier.fitted_.top([text], 6)
    assert set(explanation.labels) == set(top.labels[0])
    np.testing.assert_allclose(np.sort(explanation.probabilities)[::-1], top.probabilities[0], rtol=1e-5)
    assert explanation.predicted == classifier.predict([text])[0] == ("l17", "l3")
    assert {share.word for share in explanation.words("l3")[:2]} == {"word3a", "word3b"}
    assert explanation.completeness_gap < 0.01
    assert set(classifier.counterfactual(text).predicted) != {"l17", "l3"}
    missing = next(name for name in classifier.classes_ if name not in explanation.labels)
    with pytest.raises(SettingError, match=f"'{missing}' is not among the 6 labels that the model finds likeliest"):
        explanation.words(missing)
