"""Linear models of documents that are in memory some at a time: the same as of all at once, however they are cut."""

import numpy as np
import pytest

from bywords.classifier import TextClassifier
from bywords.data.targets import Targets
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.models import svm
from bywords.models.naive_bayes import count_ratios, naive_bayes
from bywords.models.svm import support_vectors
from bywords.systems import SYSTEMS
from bywords.text import memory_mapped, stored_bags
from bywords.text.bags import Bags
from bywords.text.memory_mapped import DocumentWriter, JoinedDocuments, MappedDocuments
from bywords.text.ragged import Ragged
from bywords.text.stored_bags import StoredBags
from bywords.training.on_disk import as_on_disk

N_ROWS, N_DOCUMENTS = 60, 300


@pytest.fixture
def documents():
    """Those that are alike, and so of one class, are next to each other."""
    generator = np.random.default_rng(0)
    drawn = [generator.integers(2, N_ROWS, generator.integers(1, 9)).tolist() for _ in range(N_DOCUMENTS)]
    return Ragged.of(sorted(drawn, key=np.mean))


@pytest.fixture
def labels(documents):
    """A class each that the ids tell."""
    sums = np.add.reduceat(documents.ids, documents.offsets[:-1]) / documents.lengths
    return np.digitize(sums, [24, 36]).astype(np.int64)


@pytest.fixture(params=[(40, 3), (100, 2), (10_000, 16)], ids=["many parts", "some parts", "one part"])
def joined(request, documents, tmp_path, monkeypatch):
    """The same documents in two files, cut into more and fewer parts."""
    monkeypatch.setattr(memory_mapped, "CHUNK_IDS", request.param[0])
    monkeypatch.setattr(stored_bags, "CHUNKS_TOGETHER", request.param[1])
    parts = []
    for name, rows in (("first", np.arange(220)), ("second", np.arange(220, N_DOCUMENTS))):
        with DocumentWriter(tmp_path / name) as writer:
            writer.write(documents.select(rows))
        parts.append(MappedDocuments(tmp_path / name))
    return JoinedDocuments(*parts)


@pytest.fixture
def mapped(joined):
    """Their bags."""
    return StoredBags.of(joined, N_ROWS)


def weighed(bags):
    return bags.weighed("log-tfidf", bags.inverse_document_frequency())


def test_documents_of_two_files_are_those_of_one_after_the_other(documents, joined):
    rows = np.array([0, 3, 219, 220, 299])
    np.testing.assert_array_equal(joined.select(rows).ids, documents.select(rows).ids)
    np.testing.assert_array_equal(joined.lengths, documents.lengths)
    np.testing.assert_array_equal(joined.select(np.arange(220, 300)).ids, documents.ids[documents.offsets[220] :])


def test_some_of_the_documents_of_two_files_are_as_if_they_were_in_one_of_their_own(documents, joined):
    rows = np.concatenate([np.arange(2, 219, 5), np.arange(220, 299, 3)])
    chosen, expected = joined.chosen(rows), documents.select(rows)
    assert len(chosen) == len(rows)
    np.testing.assert_array_equal(chosen.lengths, expected.lengths)
    np.testing.assert_array_equal(chosen.select(np.arange(len(rows))).ids, expected.ids)
    np.testing.assert_array_equal(
        chosen.chosen(np.array([1, 60])).select(np.arange(2)).ids, expected.select([1, 60]).ids
    )
    cuts = chosen.chunks()
    assert (cuts[0], cuts[-1]) == (0, len(rows))
    most = memory_mapped.CHUNK_IDS + expected.lengths.max()
    assert np.add.reduceat(expected.lengths, cuts[:-1]).max() <= most
    np.testing.assert_array_equal(
        StoredBags.of(chosen, N_ROWS).document_frequency(), Bags.of(expected, N_ROWS).document_frequency()
    )


def test_counts_that_became_weights_are_not_taken_for_counts(mapped):
    weighed(mapped)
    with pytest.raises((IndexError, ValueError, SystemError)):
        mapped.select(np.array([0, 2])).times(np.ones((N_ROWS, 1), dtype=np.float32))
    with pytest.raises((IndexError, ValueError, SystemError)):
        weighed(mapped)


def test_frequencies_and_products_are_those_of_documents_in_memory(documents, mapped):
    whole, rows = weighed(Bags.of(documents, N_ROWS)), np.arange(5, N_DOCUMENTS, 3)
    matrix = np.random.default_rng(1).normal(size=(N_ROWS, 4)).astype(np.float32)
    np.testing.assert_array_equal(mapped.document_frequency(), Bags.of(documents, N_ROWS).document_frequency())
    bags = weighed(mapped)
    np.testing.assert_array_equal(bags.products(rows, matrix), whole.products(rows, matrix))
    for some in (rows, np.arange(7, 90), np.array([210, 3, 3]), np.zeros(0, dtype=np.int64)):
        np.testing.assert_array_equal(bags.select(some).times(matrix), whole.select(some).times(matrix))


def test_bags_leave_no_files_behind_and_read_no_document_anew(documents, joined, tmp_path, monkeypatch):
    before = sorted(tmp_path.iterdir())
    bags = weighed(StoredBags.of(joined, N_ROWS))
    assert sorted(tmp_path.iterdir()) == before
    monkeypatch.setattr(JoinedDocuments, "select", None)
    blocks = list(bags.blocks(np.arange(N_DOCUMENTS), np.random.default_rng(0)))
    assert sum(len(chosen) for _, _, chosen in blocks) == N_DOCUMENTS


@pytest.mark.parametrize("class_weights", [None, [1.0, 2.0, 0.5]])
def test_naive_bayes_is_the_same_however_many_parts_there_are(documents, labels, mapped, class_weights):
    weights = None if class_weights is None else np.array(class_weights)[labels]
    targets = Targets.of(labels, 3, weights=weights, class_weights=class_weights)
    whole, parts = (weighed(bags) for bags in (Bags.of(documents, N_ROWS), mapped))
    for ours, its in zip(
        naive_bayes(parts, targets, smoothing=0.3), naive_bayes(whole, targets, smoothing=0.3), strict=True
    ):
        np.testing.assert_allclose(ours, its, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(count_ratios(parts, targets), count_ratios(whole, targets), rtol=1e-6)


def objective(bags, targets, weights, bias, C):
    signs = np.where(targets.one_hot(), 1, -1)
    losses = np.maximum(0, 1 - signs * (bags.times(weights) + bias)) ** 2
    return 0.5 * (weights**2).sum() + 0.5 * (bias**2).sum() + C * losses.sum()


def test_a_machine_that_sees_parts_comes_to_the_same_optimum(documents, labels, mapped, monkeypatch):
    monkeypatch.setattr(svm, "TOLERANCE", 1e-3)
    monkeypatch.setattr(svm, "PASSES_OF_FEW", 300)
    targets = Targets.of(labels, 3)
    whole, parts = (weighed(bags) for bags in (Bags.of(documents, N_ROWS), mapped))
    best = objective(whole, targets, *support_vectors(whole, targets, C=1.0, scales=None, duals=None, seed=0)[:2], 1.0)
    weights, bias, _ = support_vectors(parts, targets, C=1.0, scales=None, duals=None, seed=0)
    assert objective(whole, targets, weights, bias, 1.0) == pytest.approx(best, rel=1e-3)
    again, its_bias, _ = support_vectors(parts, targets, C=1.0, scales=None, duals=None, seed=0)
    assert (again.tobytes(), its_bias.tobytes()) == (weights.tobytes(), bias.tobytes())


def test_a_machine_goes_on_from_what_was_found_for_a_sample_to_the_same_optimum(documents, labels, mapped, monkeypatch):
    monkeypatch.setattr(svm, "TOLERANCE", 1e-3)
    monkeypatch.setattr(svm, "PASSES_OF_FEW", 300)
    targets, sampled = Targets.of(labels, 3), np.arange(3, N_DOCUMENTS, 7)
    whole, parts = (weighed(bags) for bags in (Bags.of(documents, N_ROWS), mapped))
    best = objective(whole, targets, *support_vectors(whole, targets, C=1.0, scales=None, duals=None, seed=0)[:2], 1.0)
    of_sample, _, duals = support_vectors(
        whole, targets.select(sampled), C=1.0, scales=None, duals=None, seed=0, rows=sampled
    )
    started, found = {}, {}
    for n_passes, those in ((0, started), (300, found)):
        monkeypatch.setattr(svm, "MORE_PASSES_OF_ALL", n_passes)
        for name, bags in (("whole", whole), ("parts", parts)):
            those[name] = support_vectors(bags, targets, C=1.0, scales=None, duals=duals, sampled=sampled, seed=0)
    for name in ("whole", "parts"):
        np.testing.assert_allclose(started[name][0], of_sample, atol=1e-4)
        assert objective(whole, targets, *found[name][:2], 1.0) == pytest.approx(best, rel=1e-3)
        assert found[name][2].shape == (N_DOCUMENTS, 3)


def test_more_dual_variables_than_are_given_of_mapped_documents_are_not(documents, labels, mapped, monkeypatch):
    monkeypatch.setattr(svm, "MOST_DUALS", 3 * N_DOCUMENTS - 1)
    whole, parts = (weighed(bags) for bags in (Bags.of(documents, N_ROWS), mapped))
    given = [
        support_vectors(bags, Targets.of(labels, 3), C=1.0, scales=None, duals=None, seed=0)[2] is not None
        for bags in (whole, parts)
    ]
    assert given == [True, False]


def test_a_file_that_is_sorted_by_class_is_learned_as_well_as_a_mixed_one(tmp_path, monkeypatch):
    monkeypatch.setattr(memory_mapped, "CHUNK_IDS", 400)
    monkeypatch.setattr(stored_bags, "CHUNKS_TOGETHER", 4)
    generator = np.random.default_rng(0)
    rows = []
    for number in range(1500):
        of_class = number % 3
        words = [
            f"w{one}" for one in [*generator.integers(0, 300, 9), *(300 + 40 * of_class + generator.integers(0, 40, 2))]
        ]
        rows.append((of_class, " ".join(words)))
    rows, unseen = rows[:1200], rows[1200:]
    scores = {}
    for name, its in (("mixed", rows), ("sorted", sorted(rows, key=lambda row: row[0]))):
        path = tmp_path / f"{name}.csv"
        path.write_text("text,label\n" + "".join(f"{text},c{label}\n" for label, text in its), encoding="utf-8")
        config = as_on_disk(SYSTEMS["auto"])
        corpus = corpus_on_disk(Source(data=str(path)), tmp_path / name, config.tokenizer, config.vocabulary)
        classifier = TextClassifier("auto").fit_on_disk(corpus)
        scores[name] = classifier.score([text for _, text in unseen], [f"c{label}" for label, _ in unseen])
    assert scores["mixed"] > 0.85
    assert abs(scores["sorted"] - scores["mixed"]) < 0.04
