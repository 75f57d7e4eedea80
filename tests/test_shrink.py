"""A model made smaller: never larger than asked for, the same after saving, and honest about what it cost."""

import copy
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_corpus import small_corpus, small_system, write_small_glove

from bywords import artifact
from bywords.blend import Blend, BlendConfig
from bywords.classifier import TextClassifier
from bywords.cli import main as cli
from bywords.corpus import Corpus
from bywords.errors import SettingError
from bywords.metrics import softmax
from bywords.shrink import parse_size, shrink
from bywords.systems import SystemConfig, fit_model
from bywords.targets import Targets
from bywords.tfidf import TfidfConfig
from bywords.tokens import Tokenizer
from bywords.vocabulary import Vocabulary, VocabularyConfig

SYSTEMS = ["auto", "dan-runs", "tfidf-svc", "tfidf-nb", "glove-mean", "word2vec-mean", "averaging", "lstm"]


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
    whole = artifact.size_bytes(tmp_path / "whole")
    least = artifact.size_bytes(tmp_path / "whole") - sum(
        artifact.sizes(tmp_path / "whole")[name] for name in ("vocabulary.txt", "weights.safetensors")
    )
    for share in (0.7, 0.4, 0.2):
        classifier, budget = fitted(name), int(least + 2_500 + share * (whole - least))
        shrunk = classifier.shrink(budget, TEST.texts, TEST.names())
        classifier.save(tmp_path / "small")
        assert artifact.size_bytes(tmp_path / "small") <= shrunk.n_bytes <= budget
        evaluation = classifier.evaluate(TEST.texts, TEST.names())
        assert evaluation.accuracy == shrunk.score
        assert evaluation.accuracy > 0.8
        loaded = TextClassifier.load(tmp_path / "small")
        np.testing.assert_array_equal(loaded.predict_proba(TEST.texts), classifier.predict_proba(TEST.texts))
        loaded.save(tmp_path / "again")
        for file in (*artifact.FILES, artifact.SUMS):
            assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "small" / file).read_bytes(), file


def test_what_it_cost_stands_in_the_answer_and_on_the_card(fitted, tmp_path):
    classifier = fitted("tfidf-svc")
    before = classifier.evaluate(TEST.texts, TEST.names()).accuracy
    shrunk = classifier.shrink(25_000, TEST.texts, TEST.names())
    assert shrunk.score_before == before
    assert f"right on {shrunk.score:.1%} of the validation documents instead of {before:.1%}" in shrunk.told
    assert "25 kB instead of 3" in shrunk.told
    assert "of the rows" in shrunk.told
    classifier.save(tmp_path / "model")
    assert "% of the rows" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


def test_what_says_least_goes_first(fitted):
    classifier = fitted("tfidf-svc")
    classifier.shrink(16_000, TEST.texts, TEST.names())
    words = classifier.fitted_.vocabulary.words.to_list()
    assert set(words) >= {"orbit", "moon", "rocket", "goal", "team", "engine", "car"}
    assert sum(word.startswith("noise") for word in words) < 700


def test_a_model_that_fits_stays_as_it_is(fitted):
    classifier = fitted("tfidf-svc")
    before = classifier.predict_proba(TEST.texts)
    shrunk = classifier.shrink(10**6, TEST.texts, TEST.names())
    np.testing.assert_array_equal(classifier.predict_proba(TEST.texts), before)
    assert shrunk.forms == {}
    assert "as it was" in shrunk.told


@each_system
def test_a_size_that_cannot_be_is_refused_with_one_that_can(name, fitted):
    with pytest.raises(SettingError, match=r"as small as 1 kB: about (\d+) kB is the least") as error:
        fitted(name).shrink(1_000, TEST.texts, TEST.names())
    least = int(str(error.value).split("about ")[1].split(" ")[0])
    shrunk = fitted(name).shrink((least + 1) * 1000, TEST.texts, TEST.names())
    assert shrunk.n_bytes <= (least + 1) * 1000


CONFIGS = (
    TfidfConfig(estimator="nb", sublinear=True, features="words"),
    TfidfConfig(estimator="svc", sublinear=True, features="runs"),
    TfidfConfig(estimator="nb", sublinear=True, features="all"),
    TfidfConfig(estimator="nb", features="words"),
)


def blend_of(texts, labels, configs):
    tokens = Tokenizer()(texts)
    vocabulary = Vocabulary.of(tokens, VocabularyConfig(ngrams=3, ngram_min_count=1, pieces=(2, 3)))
    documents = vocabulary.encode(tokens)
    members = [
        fit_model(config, documents, Targets.of(labels), None, vocabulary=vocabulary, seed=0)[0] for config in configs
    ]
    blend = Blend(members, np.full(len(members), 0.5, dtype=np.float32))
    config = SystemConfig(description="blend", model=BlendConfig(members=tuple(configs)), vocabulary=vocabulary.config)
    return config, vocabulary, blend, tokens


@pytest.mark.parametrize("budget", [9_000, 30_000, 60_000])
def test_members_that_see_different_rows_are_cut_alike(budget):
    config, vocabulary, blend, tokens = blend_of(TRAIN.texts, TRAIN.labels, CONFIGS)
    judged = []

    def judge(smaller, model):
        judged.append(float((model.logits(smaller.encode(tokens)).argmax(axis=1) == TRAIN.labels).mean()))
        return judged[-1]

    shrunk = shrink(config, vocabulary, blend, budget, judge)
    assert shrunk.score == max(judged[1:]) > 0.9
    assert shrunk.n_bytes <= budget
    assert len(shrunk.model.members) == len(shrunk.config.model.members)
    for member in shrunk.model.members:
        assert len(member.idf) == len(member.weights) <= len(shrunk.vocabulary)


def test_rows_that_no_member_sees_go_without_a_change():
    config, vocabulary, blend, tokens = blend_of(TRAIN.texts, TRAIN.labels, CONFIGS[:1])
    before = softmax(blend.logits(vocabulary.encode(tokens)))
    words_alone = 8 * vocabulary.n_words * 4
    shrunk = shrink(config, vocabulary, blend, words_alone, lambda *_: 1.0)
    assert shrunk.forms == {}
    assert shrunk.vocabulary.words.to_list() == vocabulary.words.to_list()
    assert len(shrunk.vocabulary) == vocabulary.n_words
    np.testing.assert_allclose(softmax(shrunk.model.logits(shrunk.vocabulary.encode(tokens))), before, atol=1e-6)


def test_classes_that_do_not_exclude_each_other_keep_what_they_have_in_common():
    config, vocabulary, blend, tokens = blend_of(TRAIN.texts, TRAIN.labels, CONFIGS[:1])
    before = blend.logits(vocabulary.encode(tokens))
    shrunk = shrink(config, vocabulary, blend, 8 * vocabulary.n_words * 4, lambda *_: 1.0, is_exclusive=False)
    np.testing.assert_allclose(shrunk.model.logits(shrunk.vocabulary.encode(tokens)), before, rtol=1e-6)


def test_what_all_classes_have_in_common_takes_no_bits():
    config, vocabulary, blend, _ = blend_of(TRAIN.texts, TRAIN.labels, CONFIGS[1:2])
    (member,) = shrink(config, vocabulary, blend, 9_000, lambda *_: 1.0).model.members
    common = np.abs(member.weights.mean(axis=1)).max()
    assert common < 0.02 * np.abs(member.weights).max()
    assert np.abs(blend.members[0].weights.mean(axis=1)).max() > common


@pytest.mark.parametrize("name", ["auto", "tfidf-svc", "dan"])
def test_a_model_of_several_labels_is_made_smaller_too(name, tmp_path):
    labels = [[label, "odd"] if place % 2 else [label] for place, label in enumerate(TRAIN.names())]
    texts = [f"{text} odd" if place % 2 else text for place, text in enumerate(TRAIN.texts)]
    classifier = TextClassifier(name).fit(texts, labels)
    classifier.save(tmp_path / "whole")
    shrunk = classifier.shrink(artifact.size_bytes(tmp_path / "whole") // 2, texts, labels)
    assert "F1 " in shrunk.told
    assert shrunk.score > 0.9
    classifier.save(tmp_path / "model")
    assert artifact.size_bytes(tmp_path / "model") <= shrunk.n_bytes
    np.testing.assert_array_equal(
        TextClassifier.load(tmp_path / "model").predict_proba(texts), classifier.predict_proba(texts)
    )
    assert "any number of them" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["auto", "dan-runs"])
def test_a_small_model_that_learns_more_is_stored_as_it_is(name, fitted, tmp_path):
    classifier = fitted(name)
    classifier.save(tmp_path / "whole")
    classifier.shrink(artifact.size_bytes(tmp_path / "whole") // 2, TEST.texts, TEST.names())
    more = noisy_corpus(90, seed=2)
    classifier.fit_more(more.texts, more.names())
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
    assert artifact.size_bytes(tmp_path / "noisy-model") <= 20_000
    (told,) = re.findall(r"Made smaller: (20 kB instead of .* of the rows; right on .* of the test documents.*)", out)
    card = (tmp_path / "noisy-model" / "README.md").read_text(encoding="utf-8")
    assert told.split(" instead")[0] in card
    assert "of the test documents, not" in card
