"""A model made smaller: never larger than asked for, the same after saving, and honest about what it cost."""

import copy
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_corpus import small_corpus, small_system, write_small_glove

from bywords.artifact import compression, model_folder
from bywords.artifact.compression import _bytes_of_other_files, compress, parse_size
from bywords.classifier import TextClassifier
from bywords.cli import main as cli
from bywords.data.corpus import Corpus
from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.evaluation.calibration import Sigmoids, Temperature
from bywords.evaluation.metrics import softmax
from bywords.evaluation.operating_points import OperatingCurves
from bywords.evaluation.reliability import Reliability
from bywords.fitted import FitSummary, FittedClassifier, TrainingRecord
from bywords.models.base import model_class
from bywords.models.ensemble import Ensemble
from bywords.models.tfidf_linear import TfidfConfig
from bywords.system_config import FitParameters, SystemConfig
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig

SYSTEMS = ["auto", "dan-ngrams", "tfidf-svc", "tfidf-nb", "glove-mean", "word2vec-mean", "averaging", "lstm"]


def noisy_corpus(n_documents=150, *, seed=0):
    """The small corpus with rare words that say nothing: what a smaller model should leave out first."""
    plain, generator = small_corpus(n_documents, seed=seed), np.random.default_rng(seed)
    texts = [
        f"{text} {' '.join(f'noise{number}' for number in generator.integers(0, 1500, 12))}" for text in plain.texts
    ]
    return Corpus.of("noisy", texts, plain.names())


TRAIN, TEST = noisy_corpus(), noisy_corpus(60, seed=1)
each_system = pytest.mark.parametrize("name", SYSTEMS)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Each system fitted once, by name; each time as new."""
    known, glove = {}, write_noisy_glove(tmp_path_factory.mktemp("vectors"))

    def get(name):
        if name not in known:
            known[name] = TextClassifier(small_system(name, glove)).fit(TRAIN.texts, TRAIN.names())
        return copy.copy(known[name])

    return get


def write_noisy_glove(folder):
    path = write_small_glove(folder)
    generator = np.random.default_rng(1)
    with Path(path).open("a", encoding="utf-8") as file:
        for number in range(1500):
            file.write(f"noise{number} {' '.join(f'{x:.4f}' for x in generator.normal(size=4) * 0.1)}\n")
    return path


@each_system
def test_the_folder_is_no_larger_than_asked_for_and_is_what_was_judged(name, fitted, tmp_path):
    fitted(name).save(tmp_path / "whole")
    whole = model_folder.size_bytes(tmp_path / "whole")
    least = model_folder.size_bytes(tmp_path / "whole") - sum(
        model_folder.sizes(tmp_path / "whole")[name] for name in ("vocabulary.txt", "weights.safetensors")
    )
    for share in (0.7, 0.4, 0.2):
        classifier, budget = fitted(name), int(least + 2_500 + share * (whole - least))
        compressed = classifier.compress(budget, TEST.texts, TEST.names())
        classifier.save(tmp_path / "small")
        assert model_folder.size_bytes(tmp_path / "small") <= compressed.n_bytes <= budget
        evaluation = classifier.evaluate(TEST.texts, TEST.names())
        assert evaluation.accuracy == compressed.score
        assert evaluation.accuracy > 0.8
        loaded = TextClassifier.load(tmp_path / "small")
        np.testing.assert_array_equal(loaded.predict_proba(TEST.texts), classifier.predict_proba(TEST.texts))
        loaded.save(tmp_path / "again")
        for file in (*model_folder.FILES, model_folder.SUMS):
            assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "small" / file).read_bytes(), file


def test_what_it_cost_stands_in_the_answer_and_on_the_card(fitted, tmp_path):
    classifier = fitted("tfidf-svc")
    before = classifier.evaluate(TEST.texts, TEST.names()).accuracy
    compressed = classifier.compress(25_000, TEST.texts, TEST.names())
    assert compressed.score_before == before
    assert f"right on {compressed.score:.1%} of the validation documents instead of {before:.1%}" in compressed.sentence
    assert "25 kB instead of 3" in compressed.sentence
    assert "of the rows" in compressed.sentence
    classifier.save(tmp_path / "model")
    assert "% of the rows" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


def test_what_says_least_goes_first(fitted):
    classifier = fitted("tfidf-svc")
    classifier.compress(16_000, TEST.texts, TEST.names())
    words = classifier.fitted_.vocabulary.words.to_list()
    assert set(words) >= {"orbit", "moon", "rocket", "goal", "team", "engine", "car"}
    assert sum(word.startswith("noise") for word in words) < 700


def test_a_model_that_fits_stays_as_it_is(fitted):
    classifier = fitted("tfidf-svc")
    before = classifier.predict_proba(TEST.texts)
    compressed = classifier.compress(10**6, TEST.texts, TEST.names())
    np.testing.assert_array_equal(classifier.predict_proba(TEST.texts), before)
    assert compressed.classifier.storage == {}
    assert "as it was" in compressed.sentence


@each_system
def test_a_size_that_cannot_be_is_refused_with_one_that_can(name, fitted):
    with pytest.raises(SettingError, match=r"as small as 1 kB: about (\d+) kB is the least") as error:
        fitted(name).compress(1_000, TEST.texts, TEST.names())
    least = int(str(error.value).split("about ")[1].split(" ")[0])
    compressed = fitted(name).compress((least + 1) * 1000, TEST.texts, TEST.names())
    assert compressed.n_bytes <= (least + 1) * 1000


CONFIGS = (
    TfidfConfig(estimator="nb", sublinear=True, features="words"),
    TfidfConfig(estimator="svc", sublinear=True, features="ngrams"),
    TfidfConfig(estimator="nb", sublinear=True, features="all"),
    TfidfConfig(estimator="nb", features="words"),
)


def ensemble_of(corpus, configs, *, label_format="one"):
    """A classifier that is an ensemble of models with these settings, fitted to a corpus."""
    tokens, labels = Tokenizer()(corpus.texts), corpus.labels
    vocabulary = Vocabulary.of(tokens, VocabularyConfig(ngrams=3, ngram_min_count=1, char_ngrams=(2, 3)))
    documents, targets = vocabulary.encode(tokens), Targets.of(labels)
    members = []
    for config in configs:
        prepared = model_class(config).prepare(config, documents, vocabulary)
        members.append(model_class(config).fit(config, prepared, targets, vocabulary=vocabulary, seed=0)[0])
    ensemble = Ensemble(members, np.full(len(members), 0.5, dtype=np.float32))
    config = SystemConfig(description="ensemble", model=ensemble.config, vocabulary=vocabulary.config)
    record = TrainingRecord(
        system=config, parameters=FitParameters(), config=config,
        summary=FitSummary(n_train=len(labels), n_valid=0, n_dropped=0, valid_accuracy=1.0),
    )  # fmt: skip
    return FittedClassifier(
        tokenizer=Tokenizer(), vocabulary=vocabulary, model=ensemble,
        calibration=Temperature(1.0) if label_format == "one" else Sigmoids(np.ones(3), np.zeros(3), np.full(3, 0.5)),
        reliability=Reliability(n_documents=len(labels), in_vocabulary_floor=0.0),
        operating_curves=OperatingCurves.of(np.full((len(targets), 3), 1 / 3), targets),
        classes=np.array(corpus.label_names), label_format=label_format, record=record,
    )  # fmt: skip


def compressed_to(classifier, n_bytes):
    """The classifier with about so many bytes of vocabulary and weights, judged on the training documents."""
    labels = [[name] for name in TRAIN.names()] if classifier.is_multilabel else TRAIN.names()
    return compress(classifier, n_bytes + _bytes_of_other_files(classifier), TRAIN.texts, labels)


@pytest.mark.parametrize("budget", [9_000, 30_000, 60_000])
def test_members_that_see_different_rows_are_cut_alike(budget, monkeypatch):
    classifier, judged = ensemble_of(TRAIN, CONFIGS), []
    score = compression._score
    monkeypatch.setattr(compression, "_score", lambda *given: judged.append(score(*given)) or judged[-1])
    compressed = compressed_to(classifier, budget)
    smaller = compressed.classifier
    assert compressed.score == max(judged[1:]) > 0.9
    assert compressed.n_bytes <= budget + _bytes_of_other_files(classifier)
    assert len(smaller.model.members) == len(smaller.record.config.model.members)
    for member in smaller.model.members.values():
        assert len(member.idf) == len(member.weights) <= len(smaller.vocabulary)


def test_rows_that_no_member_sees_go_without_a_change():
    classifier = ensemble_of(TRAIN, CONFIGS[:1])
    before = softmax(classifier.model.logits(classifier.encode(TRAIN.texts)))
    smaller = compressed_to(classifier, 8 * classifier.vocabulary.n_words * 4).classifier
    assert smaller.storage == {}
    assert smaller.vocabulary.words.to_list() == classifier.vocabulary.words.to_list()
    assert len(smaller.vocabulary) == classifier.vocabulary.n_words
    np.testing.assert_allclose(softmax(smaller.model.logits(smaller.encode(TRAIN.texts))), before, atol=1e-6)


def test_classes_that_do_not_exclude_each_other_keep_what_they_have_in_common():
    classifier = ensemble_of(TRAIN, CONFIGS[:1], label_format="sets")
    before = classifier.model.logits(classifier.encode(TRAIN.texts))
    smaller = compressed_to(classifier, 8 * classifier.vocabulary.n_words * 4).classifier
    assert len(smaller.vocabulary) < len(classifier.vocabulary)
    np.testing.assert_allclose(smaller.model.logits(smaller.encode(TRAIN.texts)), before, rtol=1e-6)


def test_what_all_classes_have_in_common_takes_no_bits():
    classifier = ensemble_of(TRAIN, CONFIGS[1:2])
    (member,) = compressed_to(classifier, 9_000).classifier.model.members.values()
    (whole,) = classifier.model.members.values()
    common = np.abs(member.weights.mean(axis=1)).max()
    assert common < 0.02 * np.abs(member.weights).max()
    assert np.abs(whole.weights.mean(axis=1)).max() > common


@pytest.mark.parametrize("name", ["auto", "tfidf-svc", "dan"])
def test_a_model_of_several_labels_is_made_smaller_too(name, tmp_path):
    labels = [[label, "odd"] if index % 2 else [label] for index, label in enumerate(TRAIN.names())]
    texts = [f"{text} odd" if index % 2 else text for index, text in enumerate(TRAIN.texts)]
    classifier = TextClassifier(name).fit(texts, labels)
    classifier.save(tmp_path / "whole")
    compressed = classifier.compress(model_folder.size_bytes(tmp_path / "whole") // 2, texts, labels)
    assert "F1 " in compressed.sentence
    assert compressed.score > 0.9
    classifier.save(tmp_path / "model")
    assert model_folder.size_bytes(tmp_path / "model") <= compressed.n_bytes
    np.testing.assert_array_equal(
        TextClassifier.load(tmp_path / "model").predict_proba(texts), classifier.predict_proba(texts)
    )
    assert "any number of them" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["auto", "dan-ngrams"])
def test_a_small_model_that_learns_more_is_stored_as_it_is(name, fitted, tmp_path):
    classifier = fitted(name)
    classifier.save(tmp_path / "whole")
    classifier.compress(model_folder.size_bytes(tmp_path / "whole") // 2, TEST.texts, TEST.names())
    more = noisy_corpus(90, seed=2)
    classifier.continue_fit(more.texts, more.names())
    classifier.save(tmp_path / "more")
    loaded = TextClassifier.load(tmp_path / "more")
    np.testing.assert_array_equal(loaded.predict_proba(TEST.texts), classifier.predict_proba(TEST.texts))
    assert "Made smaller" not in (tmp_path / "more" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("2MB", 2_000_000), ("500 kB", 500_000), ("1.5 MB", 1_500_000), ("1234", 1234), (" 3 gb ", 3 * 10**9), ("7B", 7)],
)
def test_sizes_are_read(text, n_bytes):
    assert parse_size(text) == n_bytes


@pytest.mark.parametrize("text", ["", "MB", "2 TB", "-2MB", "0", "0.1 B", "2,5MB", "two", "1e6"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(SettingError, match="expected a number and a unit"):
        parse_size(text)


def test_train_takes_a_size_and_says_what_it_cost_on_the_test_part(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pl.DataFrame({"text": TRAIN.texts, "label": TRAIN.names()}).write_csv("noisy.csv")
    monkeypatch.setattr("sys.argv", ["bywords", "train", "noisy.csv", "--max-size", "20 kB"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    out = capsys.readouterr().out
    assert left.value.code in (0, None)
    assert model_folder.size_bytes(tmp_path / "noisy-model") <= 20_000
    (told,) = re.findall(r"Made smaller: (20 kB instead of .* of the rows; right on .* of the test documents.*)", out)
    model_card = (tmp_path / "noisy-model" / "README.md").read_text(encoding="utf-8")
    assert told.split(" instead")[0] in model_card
    assert "of the test documents, not" in model_card
