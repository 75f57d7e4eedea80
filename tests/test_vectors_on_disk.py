"""Systems with word vectors that learn from documents in files, and in parts: what memory would have given."""

import json
import threading
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from small_corpus import small_corpus, small_system, write_small_glove

from bywords.classifier import TextClassifier
from bywords.cluster import HolderHere
from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.io.on_disk import Source, corpus_on_disk
from bywords.models import logistic_in_parts, mean_vector
from bywords.models.label_tree import LabelTree
from bywords.models.logistic_in_parts import Moments
from bywords.models.mean_vector import UNSEEN, DocumentsInParts, MeanVector, MeanVectorConfig
from bywords.system_config import FitParameters
from bywords.systems import SYSTEMS
from bywords.text import memory_mapped
from bywords.text.memory_mapped import DocumentWriter, MappedDocuments
from bywords.text.ragged import Ragged
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.training.callback import Callback
from bywords.training.on_disk import as_on_disk, fit_on_disk
from bywords.training.system import fit_system, vectors_summary
from bywords.vectors.glove import GloveConfig, cooccurrences, train_glove
from bywords.vectors.word2vec import Word2VecConfig, train_word2vec
from bywords.vectors.word_vectors import Aligned, Coverage

N_ROWS, DIMENSION, N_DOCUMENTS = 60, 5, 500
KINDS = ("two classes", "three classes", "one that no document has", "weighed", "many labels")


def untold(n_done, n_rounds, what):
    pass


@pytest.fixture(scope="module")
def vectors():
    matrix = np.random.default_rng(0).normal(loc=0.3, size=(N_ROWS, DIMENSION)).astype(np.float32)
    coverage = Coverage(n_types=1, n_types_found=1, n_by_lower_case=0, n_tokens=1, n_tokens_found=1)
    return Aligned(matrix, np.ones(N_ROWS, dtype=bool), coverage)


@pytest.fixture(scope="module")
def documents():
    """Some words of their class among words of any, sorted by class; and the classes."""
    generator, codes = np.random.default_rng(1), np.arange(N_DOCUMENTS) * 3 // N_DOCUMENTS
    words = [
        [*(generator.integers(1, N_ROWS, 1 + number % 7)), 2 + code * 15 + generator.integers(0, 15)]
        for number, code in enumerate(codes)
    ]
    return Ragged.of(words), codes


def targets_of(kind, codes):
    if kind == "two classes":
        return Targets.of(np.minimum(codes, 1))
    if kind == "one that no document has":
        return Targets.of(codes * 2, 6)
    if kind == "weighed":
        by_class = np.array([10.0, 20.0, 5.0])
        return Targets.of(codes, weights=by_class[codes] * (np.arange(len(codes)) % 5 > 0), class_weights=by_class)
    if kind == "many labels":
        table = codes[:, np.newaxis] == np.arange(5)  # nobody has the last two
        table[::7, 0] = table[:, 3] = True  # everybody has one
        return Targets.of(LabelSets.of_table(table))
    return Targets.of(codes)


def fitted(documents, targets, aligned, n_parts=None, holder=None, tell=untold, **settings):
    """In memory without a number of parts."""
    config = MeanVectorConfig(**settings)
    prepared = documents if n_parts is None else DocumentsInParts(documents, n_parts, holder or HolderHere(), tell)
    return MeanVector.fit(config, prepared, targets, aligned=aligned)


@pytest.mark.parametrize("pooling", ["mean", "sum", "max", "idf"])
@pytest.mark.parametrize("kind", KINDS)
def test_regressions_in_any_number_of_parts_are_those_of_memory(documents, vectors, kind, pooling):
    (texts, codes), asked = documents, {"pooling": pooling, "C": 0.1}
    targets = targets_of(kind, codes)
    whole, _ = fitted(texts, targets, vectors, **asked)
    expected = whole.logits(texts)
    for n_parts in (1, 2, 3, 7):
        found, notes = fitted(texts, targets, vectors, n_parts, **asked)
        np.testing.assert_array_equal(found.idf, whole.idf)
        np.testing.assert_allclose(found.logits(texts), expected, atol=1e-3)
        assert notes[0].startswith(f"Trained in {n_parts} parts, ")
    if kind == "one that no document has":
        assert (expected[:, [1, 3, 5]] == UNSEEN).all()


def test_labels_of_which_each_has_a_regression_are_told_apart_in_groups(documents, vectors, monkeypatch):
    texts, codes = documents
    targets = targets_of("many labels", codes)
    at_once, in_groups = [], []
    whole, _ = fitted(texts, targets, vectors, 2, tell=lambda *said: at_once.append(said))
    monkeypatch.setattr(logistic_in_parts, "MOST_TOGETHER", 1)
    apart, _ = fitted(texts, targets, vectors, 2, tell=lambda *said: in_groups.append(said))
    np.testing.assert_allclose(apart.logits(texts), whole.logits(texts), atol=1e-5)
    assert len(in_groups) > 2 * len(at_once)  # what they ask for together is one round


def test_the_bits_do_not_depend_on_where_the_parts_are(documents, vectors, tmp_path):
    texts, codes = documents

    def bits(n_parts, holder=None):
        return [
            each.tobytes() for each in fitted(texts, Targets.of(codes), vectors, n_parts, holder)[0].arrays().values()
        ]

    assert bits(3, HolderHere(tmp_path)) == bits(3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["three classes", "many labels"])
def test_what_is_added_up_a_block_at_a_time_changes_rounding_alone(documents, vectors, monkeypatch, kind):
    texts, codes = documents
    whole, _ = fitted(texts, targets_of(kind, codes), vectors, 2)
    monkeypatch.setattr(logistic_in_parts, "NUMBERS_AT_ONCE", 40)
    blocks, _ = fitted(texts, targets_of(kind, codes), vectors, 2)
    np.testing.assert_allclose(blocks.logits(texts), whole.logits(texts), atol=1e-4)


def test_moments_of_parts_are_those_of_all():
    features = (np.random.default_rng(0).normal(size=(100, 3)) * [1, 1e-3, 0] + [0, 1e4, 7]).astype(np.float32)
    found = Moments.of(features[:7]).joined(Moments.of(features[7:8])).joined(Moments.of(features[8:]))
    exact = features.astype(np.float64)
    np.testing.assert_allclose(found.mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.spread, [*exact.std(axis=0)[:2], 1], rtol=1e-9)


def test_parts_are_as_many_as_are_asked_for_or_as_memory_asks_for(documents, monkeypatch):
    texts, _ = documents

    def sizes(n_parts):
        return np.diff(DocumentsInParts(texts, n_parts, HolderHere(), untold).cuts(DIMENSION))

    assert [len(sizes(n_parts)) for n_parts in (1, 2, 7)] == [1, 2, 7]
    assert sizes(10_000).tolist() == [1] * N_DOCUMENTS
    assert max(sizes(7)) < 2 * min(sizes(7))
    assert sizes(None).tolist() == [N_DOCUMENTS]
    monkeypatch.setattr(mean_vector, "PART_BYTES", 1000)  # 40 of features, and 20 for an id
    assert sum(sizes(None)) == N_DOCUMENTS
    assert 5 <= min(sizes(None)[:-1]) <= max(sizes(None)) < 17


def test_features_that_are_too_large_are_refused_as_in_memory(documents, vectors):
    texts, codes = documents
    large = replace(vectors, matrix=vectors.matrix * np.float32(1e38))
    with pytest.raises(SettingError, match="numbers too large to be summed up"):
        fitted(texts, Targets.of(codes), large, 2, pooling="sum")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SettingError])
def test_an_error_in_a_round_is_raised_and_leaves_no_thread_behind(documents, vectors, error):
    def tell(n_done, n_rounds, what):
        if what.startswith("round 3"):
            raise error("stop")

    texts, codes = documents
    before = threading.active_count()
    with pytest.raises(error, match="stop"):
        fitted(texts, targets_of("many labels", codes), vectors, 2, tell=tell)
    assert threading.active_count() == before


def test_a_regression_in_parts_says_how_far_it_is_and_that_it_did_not_converge(documents, vectors):
    (texts, codes), told = documents, []
    _, notes = fitted(texts, Targets.of(codes), vectors, 3, tell=lambda *said: told.append(said), max_iterations=2)
    assert notes[1] == "The logistic regression did not converge in 2 iterations."
    assert [what for *_, what in told[:3]] == [f"features of part {n} of 3" for n in (1, 2, 3)]
    rounds = told[3:]
    assert notes[0] == f"Trained in 3 parts, {len(rounds)} rounds."
    assert all(n_done < n_rounds for n_done, n_rounds, _ in rounds)


# Documents in files.


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("vectors")


@pytest.fixture(scope="module")
def lines(folder):
    """Texts of three topics, with a word of its own for each, of which no vector is known: texts, labels, the file."""
    corpus = small_corpus(300)
    texts = [f"own{number} {text} own{number}" for number, text in enumerate(corpus.texts)]
    texts[5] = "own5 own5"
    pl.DataFrame({"text": texts, "label": corpus.names()}).write_csv(folder / "texts.csv")
    return texts, corpus.names(), folder / "texts.csv"


@pytest.fixture(scope="module")
def config_of(folder):
    """A small system, and its vectors."""
    path = write_small_glove(folder)
    return lambda name: as_on_disk(small_system(name, path))


@pytest.fixture(scope="module")
def stored_of(lines, folder):
    """The documents on disk of a system."""
    return lambda config, name, **more: corpus_on_disk(
        Source(data=str(lines[2]), **more), folder / name, config.tokenizer, config.vocabulary
    )


def numbers_of(part, texts):
    """Which of the texts are in a part of a corpus: those that have the same ids, in their order."""
    encoded, its = part.vocabulary.encode(Tokenizer()(texts)), part.documents.select(np.arange(len(part.documents)))
    found = []
    for number in range(len(texts)):
        if len(found) < len(its) and encoded.select([number]).ids.tolist() == its.select([len(found)]).ids.tolist():
            found.append(number)
    assert len(found) == len(its)
    return found


@pytest.mark.parametrize("settings", [{}, {"keep_unknown": True}, {"max_length": 4}, {"min_count": 3}])
def test_documents_in_files_are_those_that_fewer_words_would_have_made(lines, tmp_path, settings):
    texts = [*lines[0][:50], "rocket", "own1 own2 own3"]
    tokens = Tokenizer()(texts)
    vocabulary = Vocabulary.of(tokens, VocabularyConfig(**settings))
    is_kept = np.random.default_rng(0).random(len(vocabulary)) < 0.4
    smaller = vocabulary.keep(is_kept)
    with DocumentWriter(tmp_path / "some") as writer:
        writer.write(vocabulary.encode(tokens))
    new_ids = np.where(is_kept, np.cumsum([1, 1, *is_kept[2:]]) - 1, 1).astype(np.int32)
    mapped = MappedDocuments(tmp_path / "some").renumbered(new_ids, keep_unknown="keep_unknown" in settings)
    expected, rows = smaller.encode(tokens), np.arange(len(texts))[::-1]
    assert expected.all_out_of_vocabulary.any()
    for found, wanted in ((mapped.select(rows), expected.select(rows)), (mapped.select(rows[:0]), expected.select([]))):
        np.testing.assert_array_equal(found.ids, wanted.ids)
        np.testing.assert_array_equal(found.offsets, wanted.offsets)
        np.testing.assert_array_equal(found.in_vocabulary_share, wanted.in_vocabulary_share)
    assert [len(batch) for batch in mapped.batches(30)] == [30, 22]


@pytest.mark.parametrize("n_parts", [None, 3])
def test_glove_means_of_files_are_those_of_memory(lines, config_of, stored_of, monkeypatch, n_parts):
    monkeypatch.setattr(mean_vector, "PART_BYTES", 5_000)
    texts, labels, _ = lines
    config = replace(config_of("glove-mean"), vocabulary=VocabularyConfig())
    corpus = stored_of(config, "glove-mean")
    if n_parts:
        config = replace(config, model=config.model.in_parts(n_parts))
    found = fit_on_disk(config, corpus, able=[])
    learned, held_out = (numbers_of(part, texts) for part in (corpus.train, corpus.valid))
    codes = np.searchsorted(corpus.label_names, labels)
    tokens = Tokenizer(config.tokenizer)([texts[number] for number in learned])
    config = replace(config, model=config.model.in_parts(1))
    whole = fit_system(config, tokens, Targets.of(codes[learned]), None, seed=0)
    assert found.vocabulary.words.to_list() == whole.vocabulary.words.to_list()
    assert found.record.vectors == vectors_summary(whole)
    assert 0 < found.record.vectors.tokens_share < 0.9
    assert f"Trained in {n_parts or 9} parts, " in found.record.notes[0]
    for name, array in whole.model.arrays().items():
        np.testing.assert_allclose(found.model.arrays()[name], array, atol=1e-3)
    tested = numbers_of(corpus.test, texts)
    on_disk = found.evaluate_on_disk(corpus.test)
    at_once = found.evaluate([texts[number] for number in tested], labels[tested])
    np.testing.assert_array_equal(on_disk.in_vocabulary_share, at_once.in_vocabulary_share)
    np.testing.assert_allclose(on_disk.probabilities, at_once.probabilities, atol=1e-7)
    shares = found.predict([texts[number] for number in held_out]).in_vocabulary_share
    assert found.reliability.in_vocabulary_floor == pytest.approx(shares.min())


@pytest.mark.parametrize("system", ["glove-corpus-mean", "word2vec-mean", "averaging-glove", "averaging-glove-frozen"])
def test_other_systems_with_vectors_learn_from_files(lines, config_of, stored_of, system):
    texts, labels, _ = lines
    config = config_of(system)
    found = fit_on_disk(config, stored_of(config, system), able=[])
    rows = [number for number in range(len(texts)) if number != 5]
    evaluation = found.evaluate([texts[number] for number in rows], labels[rows])
    assert evaluation.accuracy > 0.9
    assert 0 < found.record.vectors.types_share <= 1
    if system == "averaging-glove-frozen":
        assert "orbit" in found.vocabulary.words
        assert not found.vocabulary.words.str.starts_with("own").any()


def test_vectors_that_are_trained_on_files_are_those_of_their_tokens(lines, stored_of, monkeypatch):
    monkeypatch.setattr(memory_mapped, "CHUNK_IDS", 200)
    config = replace(SYSTEMS["glove-corpus-mean"], vocabulary=VocabularyConfig(min_count=3, keep_unknown=True))
    corpus = stored_of(config, "trained")
    pairs = stored_of(replace(config, vocabulary=VocabularyConfig(ngrams=2)), "numbers")
    texts = [lines[0][number] for number in numbers_of(corpus.train, lines[0])]
    tokens = Tokenizer(config.tokenizer)(texts)
    documents, vocabulary = corpus.train.documents, corpus.vocabulary
    assert len(documents.chunks()) > 8
    told = []
    settings = Word2VecConfig(dimension=4, n_epochs=2, sample=0)
    from_files = train_word2vec(documents, vocabulary, settings, on_part=lambda *said: told.append(said))
    np.testing.assert_array_equal(from_files.matrix, train_word2vec(tokens, vocabulary, settings).matrix)
    assert len(told) == 2 * (len(documents.chunks()) - 1) == told[-1][0] == told[-1][1]
    from_pairs = train_word2vec(pairs.train.documents, pairs.vocabulary, settings)  # n-grams are no words
    np.testing.assert_array_equal(from_pairs.matrix, train_word2vec(tokens, pairs.vocabulary, settings).matrix)
    found = []
    with monkeypatch.context() as patch:
        patch.setattr("bywords.vectors.glove._blocks", lambda counts, *_: found.append(counts) or 1 / 0)
        for source in (documents, tokens):
            with pytest.raises(ZeroDivisionError):
                train_glove(source, vocabulary, GloveConfig(window=3))
    exact = cooccurrences(vocabulary.token_ids(tokens), tokens.offsets, len(vocabulary), window=3)
    np.testing.assert_array_equal(found[1].toarray(), exact.toarray())
    np.testing.assert_allclose(found[0].toarray(), exact.toarray(), rtol=1e-12)


def test_an_error_while_word2vec_reads_files_is_raised(stored_of, config_of, monkeypatch):
    corpus = stored_of(config_of("word2vec-mean"), "word2vec-mean")
    monkeypatch.setattr(memory_mapped, "CHUNK_IDS", 200)

    def on_part(n_done, n_parts, what):
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        train_word2vec(corpus.train.documents, corpus.vocabulary, Word2VecConfig(n_epochs=1), on_part=on_part)


@pytest.mark.parametrize("n_labels", [300, 1200])
def test_a_tree_of_labels_that_learns_from_files_has_the_bits_of_memory(tmp_path, monkeypatch, n_labels):
    """Of more than 1,000 labels the best of a document are asked for alone."""
    generator, rows = np.random.default_rng(0), []
    for number in range(1500):
        labels = sorted({number % n_labels, int(generator.integers(n_labels))})
        words = [f"key{label} key{label} any{generator.integers(50)}" for label in labels]
        rows.append({"text": " ".join(words), "labels": [f"label{label}" for label in labels]})
    pl.DataFrame(rows).write_ndjson(tmp_path / "many.jsonl")
    config = SYSTEMS["label-tree"]
    source = Source(data=str(tmp_path / "many.jsonl"), test_share=0.05, validation_share=0.05)
    corpus = corpus_on_disk(source, tmp_path / "ids", config.tokenizer, config.vocabulary)
    if n_labels > 1000:
        monkeypatch.setattr(LabelTree, "logits", None)
    found = fit_on_disk(config, corpus, able=[])
    documents = corpus.train.documents.select(np.arange(len(corpus.train.documents)))
    prepared = LabelTree.prepare(config.model, documents, corpus.vocabulary)
    whole, _ = LabelTree.fit(config.model, prepared, Targets.of(corpus.train.codes), vocabulary=corpus.vocabulary)
    assert found.model.is_ranked == (n_labels > 1000)
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(found.model.arrays()[name], array)
    assert found.evaluate_on_disk(corpus.test).summary()["micro_f1"] > 0.7
    assert not list((tmp_path / "ids").glob(".*"))


def test_pairs_of_words_that_have_no_room_are_refused(config_of, stored_of, monkeypatch):
    config = config_of("glove-corpus-mean")
    corpus = stored_of(config, "glove-corpus-mean")
    monkeypatch.setattr(memory_mapped, "CHUNK_IDS", 200)
    monkeypatch.setattr("bywords.memory.free_bytes", lambda: 1000)
    with pytest.raises(SettingError, match=r"GloVe on [\d,]+ pairs of words .* lower vectors.window"):
        fit_on_disk(config, corpus, able=[])


def test_a_folder_without_places_of_unknown_words_is_refused_for_glove(stored_of, config_of):
    config = config_of("glove-corpus-mean")
    gaps = stored_of(replace(config, vocabulary=VocabularyConfig()), "gaps")
    with pytest.raises(SettingError, match="keep_unknown=True"):
        fit_on_disk(config, gaps, able=[])


class Interrupting(Callback):
    """Ends a fit in the middle of its rounds; and counts the epochs of vectors."""

    def __init__(self, at):
        self.at, self.n_epochs = at, 0

    def vectors_epoch(self, epoch, n_epochs, loss, seconds):
        self.n_epochs += 1

    def part(self, n_done, n_parts, what):
        if what.startswith(self.at):
            raise KeyboardInterrupt


def test_a_fit_that_is_interrupted_goes_on_with_its_vectors_to_the_same_bits(stored_of, config_of, tmp_path):
    config = config_of("glove-corpus-mean")
    corpus = stored_of(config, "glove-corpus-mean")
    first, second = Interrupting("round 2"), Interrupting("never")
    arguments = {"able": [], "checkpoint": tmp_path / "kept", "parameters": FitParameters(seed=1)}
    with pytest.raises(KeyboardInterrupt):
        fit_on_disk(config, corpus, callback=first, **arguments)
    resumed = fit_on_disk(config, corpus, callback=second, resume=True, **arguments)
    whole = fit_on_disk(config, corpus, able=[], parameters=FitParameters(seed=1))
    assert (first.n_epochs, second.n_epochs) == (config.vectors.n_epochs, 0)
    for name, array in whole.model.arrays().items():
        np.testing.assert_array_equal(resumed.model.arrays()[name], array)


def test_documents_of_other_words_than_the_models_are_not_evaluated(stored_of, config_of, lines):
    config = config_of("glove-mean")
    fitted_here = fit_on_disk(config, stored_of(config, "frequent"), able=[])
    more = stored_of(replace(config, vocabulary=VocabularyConfig()), "glove-mean").test
    assert fitted_here.evaluate_on_disk(more).accuracy > 0.9  # they have all that it knows
    fewer = stored_of(replace(config, vocabulary=VocabularyConfig(min_count=30)), "few").test
    pairs = stored_of(replace(config, vocabulary=VocabularyConfig(ngrams=2)), "numbers").test
    cut = stored_of(replace(config, vocabulary=VocabularyConfig(max_length=3)), "cut").test
    for other in (fewer, pairs, cut):
        with pytest.raises(SettingError, match="are of other words than the model's"):
            fitted_here.evaluate_on_disk(other)
    again = TextClassifier("tfidf-nb").fit_on_disk(stored_of(SYSTEMS["tfidf-nb"], "nb")).fitted_
    with pytest.raises(SettingError, match="are of other words than the model's"):
        again.evaluate_on_disk(fewer)


def test_parts_in_memory_and_vectors_given_as_an_object(lines, folder):
    texts, labels, _ = lines
    parts = (
        TextClassifier("glove-mean", vectors=write_small_glove(folder)).set_params(model__parts=3).fit(texts, labels)
    )
    whole = TextClassifier("glove-mean", vectors=write_small_glove(folder)).fit(texts, labels)
    np.testing.assert_allclose(parts.predict_proba(texts), whole.predict_proba(texts), atol=1e-3)
    assert parts.fitted_.record.notes[0].startswith("Trained in 3 parts")
    with pytest.raises(SettingError, match=r"parts is 0, expected 1 or more"):
        parts.set_params(model__parts=0)


def test_the_command_trains_a_mean_of_vectors_on_disk(bywords, lines, folder, tmp_path):
    vectors = write_small_glove(folder)
    glove = ["train", lines[2], "--system", "glove-mean", "--vectors", vectors]
    code, out, error = bywords(*glove, "--memory", "100kB", "--out", "model", "--json")
    assert (code, "learned from a part at a time" in error) == (0, True), error
    record = json.loads(out)
    assert record["test"]["accuracy"] > 0.9
    assert record["notes"][-1].startswith("Trained in 1 parts, ")
    assert "own1" not in (tmp_path / "model" / "vocabulary.txt").read_text(encoding="utf-8")
    code, out, error = bywords(*glove, "--on-disk", "ids", "--parts", "2", "--out", "parts")
    assert (code, error, "Trained in 2 parts" in out) == (0, "", True)
    code, _, error = bywords("train", lines[2], "--vectors", vectors, "--on-disk", "ids")
    assert (code, "--vectors needs with a system that selects: take the system 'averaging-glove'" in error) == (2, True)
