"""Why this label: numbers of words that add up, what would change the answer, words of classes, and how it is shown."""

import json
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import COMMON, TOPICS, small_corpus, small_system, write_small_glove

from bywords.classifier import TextClassifier
from bywords.config import changed
from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.evaluation.calibration import Temperature
from bywords.explain import gradients
from bywords.explain.class_words import most, n_documents_used
from bywords.explain.explanation import explain
from bywords.explain.segments import segments, strengths
from bywords.explain.token_alignment import NO_TOKEN, TokenAlignment
from bywords.models.averaging import AveragingConfig
from bywords.models.cnn import CNNConfig
from bywords.models.ensemble import Ensemble
from bywords.models.label_tree import LabelTreeConfig
from bywords.models.lstm import LSTMConfig
from bywords.models.mean_vector import MeanVectorConfig
from bywords.models.tfidf_linear import TfidfConfig, TfidfLinear
from bywords.report import render_explanations
from bywords.systems import SYSTEMS
from bywords.text.ragged import UNKNOWN
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig

CORPUS = small_corpus()
LINEAR = [
    name
    for name, config in SYSTEMS.items()
    if not isinstance(config.model, LSTMConfig | CNNConfig | LabelTreeConfig)
    and not getattr(config.model, "hidden_layers", 0)
]
DEEP = [name for name in SYSTEMS if name not in LINEAR]
WORDS = [*(word for words in TOPICS.values() for word in words), *COMMON, "rocketry", "qqq", "我爱", "Café", "\u0130"]
some_texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
SURE = "moon rocket orbit the shuttle, a goal"


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    return write_small_glove(tmp_path_factory.mktemp("vectors"))


@pytest.fixture(scope="module")
def fitted(vectors):
    """Classifiers by system, each fitted once."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = TextClassifier(small_system(name, vectors)).fit(CORPUS.texts, CORPUS.names())
        return made[name]

    return of


@pytest.fixture(scope="module")
def many_labels():
    """A classifier for texts of any number of labels: each topic whose words are there."""
    texts = [f"{one} {other}" for one, other in zip(CORPUS.texts, CORPUS.texts[1:], strict=False)]
    labels = [sorted({one, other}) for one, other in zip(CORPUS.names(), CORPUS.names()[1:], strict=False)]
    texts, labels = (
        [*texts, *CORPUS.texts, *["the of it , a"] * 9],
        [*labels, *([n] for n in CORPUS.names()), *[[]] * 9],
    )
    return TextClassifier("tfidf-svc").fit(texts, labels)


def raw_logits(classifier, text):
    return classifier.fitted_.model.logits(classifier.fitted_.encode([text]))[0]


def added(explanation):
    return explanation.bias + explanation.attributions.sum(axis=0)


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=25)
@given(text=some_texts)
def test_without_a_hidden_layer_words_and_bias_add_up_to_the_logits(fitted, name, text):
    classifier = fitted(name)
    (explanation,) = classifier.explain([text])
    assert explanation.method == "exact"
    np.testing.assert_allclose(added(explanation), explanation.logits, rtol=0, atol=1e-5)
    logits = raw_logits(classifier, text).astype(np.float64)
    np.testing.assert_allclose(
        added(explanation) * classifier.calibration_.temperature, logits - logits.mean(), rtol=0, atol=1e-5
    )
    assert explanation.completeness_gap < 1e-5


@pytest.mark.parametrize("name", DEEP)
def test_with_a_hidden_layer_the_sum_misses_the_logits_by_what_is_said(fitted, name):
    for text in [*CORPUS.texts[:3], SURE, "", "qqq"]:
        (explanation,) = fitted(name).explain([text])
        missing = np.abs(added(explanation) - explanation.logits).max()
        assert explanation.method == "integrated gradients"
        assert explanation.completeness_gap == pytest.approx(missing)
        assert missing < 0.05
        assert np.abs(explanation.attributions).max(initial=0) > 0.1 or not explanation.is_known.any()


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_a_softmax_of_the_logits_and_the_curve_of_the_calibration_are_the_answer(fitted, name):
    (explanation,) = fitted(name).explain(SURE)
    shares = Temperature(1.0, fitted(name).calibration_.curve).probabilities(explanation.logits[np.newaxis])
    np.testing.assert_allclose(shares, fitted(name).predict_proba([SURE]), atol=1e-6)
    np.testing.assert_allclose(shares[0], explanation.probabilities, atol=1e-6)
    assert explanation.predicted == tuple(fitted(name).predict([SURE]))
    np.testing.assert_allclose(explanation.attributions.sum(axis=1), 0, atol=1e-9)  # for all is for none


def test_of_any_number_of_labels_each_has_its_own_log_odds(many_labels):
    (explanation,) = many_labels.explain([SURE])
    np.testing.assert_allclose(added(explanation), explanation.logits, rtol=0, atol=1e-5)
    odds = 1 / (1 + np.exp(-explanation.logits))
    np.testing.assert_allclose(odds, many_labels.predict_proba([SURE])[0], rtol=1e-6)  # logits are sums in float32
    assert explanation.predicted == many_labels.predict([SURE])[0]
    assert many_labels.explain("the of")[0].predicted == ()


@pytest.mark.parametrize("pooling", ["mean", "sum", "max", "idf"])
@settings(max_examples=15)
@given(text=some_texts)
def test_each_pooling_of_word_vectors_adds_up(fitted, vectors, pooling, text):
    classifier = fitted("glove-mean")
    model = classifier.fitted_.model
    before, model.config = model.config, MeanVectorConfig(pooling=pooling)
    try:
        assert classifier.explain(text)[0].completeness_gap < 2e-5
    finally:
        model.config = before


def test_the_highest_of_a_dimension_belongs_to_the_word_that_has_it(fitted):
    classifier = fitted("glove-mean")
    model = classifier.fitted_.model
    before, model.config = model.config, MeanVectorConfig(pooling="max")
    try:
        explanation = classifier.explain("moon moon car")[0]
        ids = classifier.fitted_.vocabulary.ids(["moon", "car"])
        is_moon = model.vectors[ids[0]] > model.vectors[ids[1]]
        expected = (model.vectors[ids[0]] * is_moon) @ model.weights.astype(np.float64) / 2  # two share it
    finally:
        model.config = before
    scaled = classifier.fitted_.scaled(expected)
    np.testing.assert_allclose(explanation.attributions[:2], [scaled, scaled], atol=1e-6)


def test_an_ensemble_with_a_hidden_layer_adds_exact_and_integrated_parts(fitted):
    deep = fitted("dan").fitted_
    documents = deep.vocabulary.encode(Tokenizer()(CORPUS.texts))
    config = TfidfConfig(estimator="nb")
    prepared = TfidfLinear.prepare(config, documents, deep.vocabulary)
    linear, _ = TfidfLinear.fit(config, prepared, Targets.of(CORPUS.labels), vocabulary=deep.vocabulary)
    half = np.full(2, 0.5, dtype=np.float32)
    combined, alone = replace(deep, model=Ensemble([linear, deep.model], half)), replace(deep, model=linear)
    together, one, other = (explain(parts, SURE) for parts in (combined, deep, alone))
    np.testing.assert_allclose(together.attributions, (one.attributions + other.attributions) / 2, atol=1e-6)
    assert (together.method, other.method) == ("integrated gradients", "exact")
    assert together.completeness_gap < 0.05


ngrams = st.fixed_dictionaries(
    {
        "ngrams": st.integers(1, 3),
        "char_ngrams": st.sampled_from([None, (2, 3), (1, 9)]),
        "max_length": st.sampled_from([None, 1, 3]),
        "keep_unknown": st.booleans(),
        "min_count": st.integers(1, 2),
    }
)


@given(config=ngrams, texts=st.lists(some_texts, min_size=1, max_size=5))
def test_each_id_comes_from_the_words_that_it_is_spelled_of(config, texts):
    vocabulary = Vocabulary.of(
        Tokenizer()(CORPUS.texts[:9]), VocabularyConfig(ngram_min_count=1, char_ngram_min_count=1, **config)
    )
    tokens = Tokenizer()(texts)
    alignment = TokenAlignment.of(vocabulary, tokens)
    words, spelled, char_ngrams = vocabulary.words.to_list(), tokens.words.strings(), vocabulary.char_ngrams.strings()

    def spelling(number):
        if number < vocabulary.n_words:
            return [words[number - 2]] if number > UNKNOWN else []
        return [word for part in vocabulary.ngrams[number - vocabulary.n_words] for word in spelling(part)]

    assert len(alignment.first) == len(alignment.documents.ids)
    of_document = np.repeat(np.arange(len(texts)), alignment.documents.lengths)
    for number, first, last, document in zip(
        alignment.documents.ids, alignment.first, alignment.last, of_document, strict=True
    ):
        if first == NO_TOKEN:
            assert number == UNKNOWN
            continue
        assert tokens.offsets[document] <= first <= last < tokens.offsets[document + 1]
        behind = [spelled[code] for code in tokens.codes[first : last + 1]]
        if number >= vocabulary.n_rows("ngrams"):
            assert char_ngrams[number - vocabulary.n_rows("ngrams")] in f" {behind[0]} "
        else:
            assert number == UNKNOWN or spelling(number) == behind


def test_words_that_are_repeated_share_and_words_that_are_unknown_have_nothing(fitted):
    explanation = fitted("tfidf-nb").explain("moon qqq Moon car")[0]
    moon, unknown, again, _ = explanation.attributions
    assert explanation.tokens == ("moon", "qqq", "moon", "car")
    assert explanation.is_known.tolist() == [True, False, True, True]
    np.testing.assert_array_equal(moon, again)
    assert not unknown.any()
    assert explanation.words("space")[0].word == "moon"
    assert explanation.words("space")[0].n_occurrences == 2
    assert explanation.words("space")[0].attribution == pytest.approx(2 * moon[explanation.index_of("space")])


def test_an_unknown_word_is_explained_by_its_pieces():
    auto = SYSTEMS["auto"]  # without word vectors, beside which pieces may get no weight
    seen = tuple(one for one in auto.model.candidates if not one.knows_unseen)
    config = replace(auto, model=replace(auto.model, candidates=seen))
    explanation = TextClassifier(config).fit(CORPUS.texts, CORPUS.names()).explain("rocketry")[0]
    assert not explanation.is_known[0]
    assert explanation.attributions[0, explanation.index_of("space")] > 0.05


def test_a_model_of_words_alone_is_explained_where_only_pieces_are_known():
    config = replace(
        SYSTEMS["averaging"],
        vocabulary=VocabularyConfig(char_ngrams=(3, 5)),
        model=AveragingConfig(dimension=4, features="words"),
        training=replace(SYSTEMS["averaging"].training, max_epochs=1),
    )
    classifier = TextClassifier(config).fit(CORPUS.texts, CORPUS.names())
    (explanation,) = classifier.explain("rocketry")
    assert not explanation.attributions.any()
    assert explanation.completeness_gap < 1e-6


def test_what_is_cut_off_is_not_read_and_adds_nothing(vectors):
    config = changed(small_system("averaging", vectors), ["vocabulary.max_length=2"])
    explanation = TextClassifier(config).fit(CORPUS.texts, CORPUS.names()).explain("moon orbit car")[0]
    assert explanation.n_read == 2
    assert not explanation.attributions[2].any()
    assert not explanation.is_known[2]


def test_json_has_the_indices_of_the_text_as_it_was_given(fitted):
    text = "The  Moon,\n\u0130\u0130 rocket-ROCKET"
    plain = json.loads(json.dumps(fitted("tfidf-nb").explain(text)[0].plain("motor")))
    assert plain["explained"] == "motor"
    assert plain["predicted"] == "space"
    cut = [text[token["start"] : token["end"]] for token in plain["tokens"]]
    assert cut == ["The", "Moon", "\u0130\u0130", "rocket", "ROCKET"]
    index = plain["labels"].index("motor")
    for token in plain["tokens"]:
        assert token["attribution"] == token["attributions"][index]
    total = sum(token["attribution"] for token in plain["tokens"])
    assert plain["bias"][index] + total == pytest.approx(plain["logits"][index], abs=1e-5)
    assert plain["words_against"][0]["word"] in ("moon", "rocket")


def test_a_label_that_there_is_not_is_an_error_with_the_nearest(fitted):
    with pytest.raises(SettingError, match=r"no label 'spaec'. Did you mean 'space'\?"):
        fitted("tfidf-nb").explain("moon")[0].words("spaec")


def test_without_captum_the_error_says_what_to_install(fitted, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(SettingError, match=r"pip install 'bywords\[explain\]'"):
        fitted("dan").explain("moon")
    assert fitted("tfidf-nb").explain("moon")[0].method == "exact"


def test_more_steps_are_taken_until_little_is_missing(fitted, monkeypatch):
    classifier = fitted("lstm")
    monkeypatch.setattr(gradients, "STEPS", (2,))
    few = classifier.explain(SURE)[0].completeness_gap
    monkeypatch.setattr(gradients, "STEPS", (2, 64, 256))
    assert classifier.explain(SURE)[0].completeness_gap < few / 2


@pytest.mark.parametrize("name", ["auto", "tfidf-nb", "dan", "lstm"])
def test_without_the_words_the_answer_is_another_and_with_any_of_them_it_is_not(fitted, name):
    classifier = fitted(name)
    text = "Moon rocket goal, car the moon"
    found = classifier.counterfactual(text)
    before = classifier.predict([text])[0]
    assert found.words
    assert found.predicted == tuple(classifier.predict([found.text]))
    assert found.predicted != (before,)
    assert not set(found.words) & set(Tokenizer(classifier.config_.tokenizer)([found.text]).documents()[0])
    if found.is_smallest and len(found.words) > 1:
        for word in ("moon", "rocket", "goal", "car", "the"):
            left = " ".join(token for token in text.lower().replace(",", "").split() if token != word)
            assert classifier.predict([left])[0] == before


def test_one_word_that_decides_is_found_alone_and_the_smallest(fitted):
    one = fitted("averaging-glove").counterfactual("moon moon car")
    assert one.words == ("moon",)
    assert one.text == "car"
    assert one.predicted == ("motor",)
    assert one.is_smallest
    assert one.sentence == "Without “moon” it would be motor."


def test_where_no_words_change_the_answer_it_says_so(fitted):
    found = fitted("tfidf-nb").counterfactual("")
    assert (found.words, found.is_smallest) == ((), False)
    assert "No set of its words was found that changes the answer" in found.sentence


def test_what_if_knows_sets_of_labels(many_labels):
    found = many_labels.counterfactual("moon rocket goal")
    assert found.words
    assert found.predicted == many_labels.predict([found.text])[0]
    assert found.predicted != many_labels.predict(["moon rocket goal"])[0]


@pytest.mark.parametrize("name", ["auto", "tfidf-svc", "glove-mean"])
def test_words_of_classes_are_the_sums_of_the_explanations(fitted, name):
    classifier = fitted(name)
    texts = [*CORPUS.texts[:40], "", "rocketry moon 我爱你"]
    sums, documents = {}, {}
    for explanation in classifier.explain(texts):
        for share in explanation.words("space"):
            sums[share.word] = sums.get(share.word, 0) + share.attribution
            documents[share.word] = documents.get(share.word, 0) + 1
    found = classifier.class_words(texts, n=5)["space"]
    expected = sorted(sums, key=lambda word: -sums[word])[:5]
    assert [row["word"] for row in found] == expected
    for row in found:
        assert row["n_documents"] == documents[row["word"]]
        assert row["attribution"] == pytest.approx(sums[row["word"]] / documents[row["word"]], abs=1e-6)


def test_words_of_classes_are_the_topics_own(fitted):
    for name in ("auto", "dan"):
        found = fitted(name).class_words(CORPUS.texts[:60], n=4)
        for topic, rows in found.items():
            assert {row["word"] for row in rows} <= set(TOPICS[topic])
    assert fitted("auto").class_words([]) == {topic: [] for topic in sorted(TOPICS)}


def test_with_a_hidden_layer_a_sample_of_the_documents_is_enough(fitted):
    assert n_documents_used(fitted("dan").fitted_, 10_000) == 100
    assert n_documents_used(fitted("lstm").fitted_, 10_000) == 30
    assert n_documents_used(fitted("auto").fitted_, 10_000) == 10_000


def test_segments_carry_what_their_tokens_add_up_to():
    offsets = np.array([[0, 1], [1, 2], [0, 2], [3, 5]])
    found = segments(6, offsets, [1.0, 2.0, 4.0, -3.0])
    assert [(s.start, s.end, s.value) for s in found] == [
        (0, 1, 3.0),
        (1, 2, 4.0),
        (2, 3, None),
        (3, 5, -3.0),
        (5, 6, None),
    ]
    assert strengths(found, 4) == [3, 4, 0, -3, 0]
    assert segments(0, np.zeros((0, 2), dtype=np.int64), []) == []
    assert strengths(segments(2, np.zeros((0, 2), dtype=np.int64), []), 4) == [0]


# --- The command line, and the page


@pytest.fixture
def model(fitted, tmp_path):
    fitted("tfidf-nb").save(tmp_path / "model")
    return tmp_path / "model"


def test_a_text_is_shown_with_numbers_that_add_up(bywords, model):
    code, out, error = bywords("explain", model, "Moon rocket, a goal")
    assert (code, error) == (0, "")
    assert out.startswith("space (")
    assert "Moon[+" in out
    assert "goal[-" in out
    assert "words for space" in out
    assert "words against space" in out
    numbers = out[out.index("The logit of space") :].split("\n")[0].split(":")[1]
    total, _, sum_of = numbers.partition("=")
    bias, sign, words = sum_of.replace("without words", "").replace("from words.", "").split()
    assert float(total) == pytest.approx(float(bias) + float(words) * (1 if sign == "+" else -1), abs=2e-3)
    assert "Without “" in out


def test_another_class_can_be_explained_and_one_that_there_is_not_cannot(bywords, model):
    assert "words for motor" in bywords("explain", model, "moon and car", "--label", "motor")[1]
    code, _, error = bywords("explain", model, "moon and car", "--label", "moter")
    assert code == 2
    assert "Did you mean 'motor'?" in error


def test_json_of_a_text_is_one_object(bywords, model):
    found = json.loads(bywords("explain", model, "moon rocket goal", "--json")[1])
    assert found["predicted"] == "space"
    assert [token["start"] for token in found["tokens"]] == [0, 5, 12]
    assert set(found["counterfactual"]) == {"words", "predicted", "text", "is_smallest", "sentence"}


def test_of_a_file_the_words_of_each_class_are_told_and_each_text_is_written(bywords, model, tmp_path):
    pl.DataFrame({"text": CORPUS.texts[:50], "label": CORPUS.names()[:50]}).write_csv(tmp_path / "my.csv")
    code, out, error = bywords("explain", model, "my.csv", "--out", "why.jsonl")
    assert (code, error) == (0, "")
    assert out.startswith("text: text · not read: label\n")
    assert "over all 50 documents" in out
    rows = [json.loads(line) for line in (tmp_path / "why.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == CORPUS.texts[:50].to_list()
    found = json.loads(bywords("explain", model, "my.csv", "--json", "--label", "sport")[1])
    assert set(found["class_words"]) == {"sport"}
    assert {row["word"] for row in found["class_words"]["sport"][:3]} <= set(TOPICS["sport"])


def test_a_page_holds_the_first_texts_coloured_and_nothing_from_elsewhere(bywords, model, tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(["<b>moon</b> & goal", *CORPUS.texts[:59]]) + "\n")
    assert bywords("explain", model, "texts.txt", "--out", "why.html")[0] == 0
    page = (tmp_path / "why.html").read_text()
    assert '<mark class="for level-' in page
    assert "&lt;b&gt;" in page or "&lt;" in page
    assert "<b>moon" not in page
    assert "The first 40 of 60 texts" in page
    assert "http" not in page.replace("http-equiv", "")
    assert len(page) < 3_000_000


def test_a_page_of_one_text_says_what_it_would_be_without_words(bywords, model, tmp_path):
    assert bywords("explain", model, "moon \x01 goal \u0130 car", "--out", "why.html")[0] == 0
    page = (tmp_path / "why.html").read_text()
    assert "Why this label" in page
    assert "Without “" in page
    assert "\x01" not in page


def test_a_page_of_a_text_without_words_is_whole(fitted):
    record = {
        **fitted("tfidf-nb").explain("")[0].plain(),
        "counterfactual": fitted("tfidf-nb").counterfactual("").plain(),
    }
    page = render_explanations(
        {"model": "m", "file": None, "n_documents": 1, "n_documents_used": 1, "class_words": {}, "documents": [record]}
    )
    assert "none" in page
    assert "nan" not in page.lower().replace("finance", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch.csv"], "there is no such file"),
        (["moon", "--out", "why.txt"], "written as .jsonl or .html"),
        (["moon", "--text", "body"], "names the column of a file"),
    ],
)
def test_what_cannot_be_explained_is_one_clear_error(bywords, model, arguments, message):
    code, out, error = bywords("explain", model, *arguments)
    assert (code, out) == (2, "")
    assert message in error


def test_a_file_without_a_text_is_an_error(bywords, model, tmp_path):
    (tmp_path / "none.txt").write_text("")
    code, _, error = bywords("explain", model, "none.txt")
    assert code == 2
    assert "no text to explain" in error


@pytest.mark.parametrize("n", [0, 1, 3, 50])
def test_the_largest_numbers_are_those_of_a_whole_sort(n):
    sums = np.random.default_rng(0).integers(-3, 4, (40, 6)).astype(float)  # many are equal
    sums[:, 0], sums[1:, 1] = -1, 0
    for column, rows in zip(sums.T, most(sums, n), strict=True):
        assert rows.tolist() == [row for row in np.argsort(-column, kind="stable")[:n].tolist() if column[row] > 0]
