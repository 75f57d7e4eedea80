"""TF-IDF with a linear model, held against scikit-learn's own pipelines."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from bywords.data.label_sets import LabelSets
from bywords.data.targets import Targets
from bywords.evaluation.metrics import softmax
from bywords.models.naive_bayes import count_ratios
from bywords.models.svm import support_vectors
from bywords.models.tfidf_linear import TfidfConfig, TfidfFeatures, TfidfLinear
from bywords.text.bags import Bags
from bywords.text.ragged import Ragged
from bywords.text.tokenizer import Tokenizer, TokenizerConfig
from bywords.text.vocabulary import Vocabulary, VocabularyConfig

TEXTS = [
    f"{a} {b} {a} {c}" for a in ("red", "green", "blue") for b in ("cat", "dog") for c in ("ngrams", "sits", "red")
]
COLOURS = np.repeat([0, 1, 2], 6)
IS_DOG = np.tile(np.repeat([0, 1], 3), 3)
NEW = ["a red cat", "dog dog blue", "nothing known here", "green sits"]


def vocabulary_and(texts, **choices):
    tokenizer = Tokenizer(TokenizerConfig(pattern=r"\b\w\w+\b"))
    vocabulary = Vocabulary.of(tokenizer(TEXTS), VocabularyConfig(**choices))
    return vocabulary, vocabulary.encode(tokenizer(texts))


def fitted_to(config, documents, targets, vocabulary):
    return TfidfLinear.fit(config, TfidfLinear.prepare(config, documents, vocabulary), targets, vocabulary=vocabulary)[
        0
    ]


@pytest.mark.parametrize("sublinear", [False, True])
@pytest.mark.parametrize("labels", [COLOURS, IS_DOG], ids=["three classes", "two classes"])
@pytest.mark.parametrize(
    ("estimator", "peer"),
    [("svc", LinearSVC(dual="auto", random_state=0, tol=1e-6)), ("nb", ComplementNB())],
    ids=["svc", "nb"],
)
def test_tfidf_systems_agree_with_the_pipeline_that_users_know(estimator, peer, labels, sublinear, monkeypatch):
    monkeypatch.setattr("bywords.models.svm.TOLERANCE", 1e-6)
    monkeypatch.setattr("bywords.models.svm.PASSES_OF_FEW", 1000)
    vocabulary, documents = vocabulary_and(TEXTS)
    config = TfidfConfig(estimator=estimator, sublinear=sublinear)
    targets = Targets.of(labels)
    n_classes = targets.n_classes
    model = fitted_to(config, documents, targets, vocabulary)
    pipeline = make_pipeline(TfidfVectorizer(sublinear_tf=sublinear), peer).fit(TEXTS, labels)
    texts = [*TEXTS, NEW[0], NEW[1], NEW[3]]
    logits = model.logits(vocabulary_and(texts)[1])
    if estimator == "nb":
        np.testing.assert_allclose(softmax(logits), pipeline.predict_proba(texts), atol=1e-5)
    else:
        scores = logits[:, 1] - logits[:, 0] if n_classes == 2 else logits
        np.testing.assert_allclose(scores, pipeline.decision_function(texts), atol=1e-2)


def random_problem(n_documents=60, n_rows=30, *, n_classes, seed=0):
    generator = np.random.default_rng(seed)
    lists = [generator.integers(2, n_rows, size=generator.integers(1, 9)).tolist() for _ in range(n_documents)]
    bags = Bags.of(Ragged.of(lists), n_rows)
    bags = bags.weighed("log-tfidf", bags.inverse_document_frequency())
    return bags, generator.integers(0, n_classes, size=n_documents)


def objective(features, signs, classifier, bias, C):
    losses = np.maximum(0, 1 - signs * (features @ classifier + bias)) ** 2
    return 0.5 * classifier @ classifier + 0.5 * bias**2 + C * losses.sum()


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_support_vector_machine_comes_as_near_the_optimum_as_liblinear(n_classes, monkeypatch):
    monkeypatch.setattr("bywords.models.svm.TOLERANCE", 1e-4)
    monkeypatch.setattr("bywords.models.svm.PASSES_OF_FEW", 2000)
    bags, labels = random_problem(n_classes=n_classes)
    features = csr_array((bags.weights, bags.ids, bags.offsets.astype(np.int32)), shape=(len(bags), bags.n_rows))
    weights, bias, _ = support_vectors(bags, Targets.of(labels, n_classes), C=0.7, scales=None, duals=None, seed=0)
    peer = LinearSVC(C=0.7, dual=True, tol=1e-8, max_iter=100_000, random_state=0).fit(features, labels)
    for k in range(len(peer.coef_)):
        ours = (weights[:, 1] * 2, bias[1] * 2) if n_classes == 2 else (weights[:, k], bias[k])
        signs = np.where(labels == (1 if n_classes == 2 else k), 1, -1)
        best = objective(features, signs, peer.coef_[k], peer.intercept_[k], 0.7)
        assert objective(features, signs, *ours, 0.7) == pytest.approx(best, rel=1e-4)


def test_the_bias_of_a_machine_is_where_its_loss_is_least_though_its_weights_are_not_there_yet(monkeypatch):
    monkeypatch.setattr("bywords.models.svm.PASSES_OF_FEW", 1)
    bags, labels = random_problem(n_classes=3)
    features = csr_array((bags.weights, bags.ids, bags.offsets.astype(np.int32)), shape=(len(bags), bags.n_rows))
    weights, bias, _ = support_vectors(bags, Targets.of(labels, 3), C=1.0, scales=None, duals=None, seed=0)
    for k in range(3):
        signs = np.where(labels == k, 1, -1)
        here, *there = (objective(features, signs, weights[:, k], bias[k] + by, 1.0) for by in (0, -0.01, 0.01))
        assert here < min(there)


def test_a_machine_on_scaled_features_is_the_machine_on_features_that_were_scaled_before(monkeypatch):
    monkeypatch.setattr("bywords.models.svm.TOLERANCE", 1e-4)
    monkeypatch.setattr("bywords.models.svm.PASSES_OF_FEW", 2000)
    bags, labels = random_problem(n_classes=2)
    scales = np.random.default_rng(1).uniform(0.5, 2, size=(bags.n_rows, 1)).astype(np.float32)
    scaled = Bags(bags.ids, bags.offsets, bags.weights * scales[bags.ids, 0], bags.n_rows)
    weights, bias, _ = support_vectors(bags, Targets.of(labels, 2), C=1.0, scales=scales, duals=None, seed=0)
    plain, plain_bias, _ = support_vectors(scaled, Targets.of(labels, 2), C=1.0, scales=None, duals=None, seed=0)
    np.testing.assert_allclose(weights, plain * scales, atol=2e-3)
    np.testing.assert_allclose(bias, plain_bias, atol=2e-3)


def test_a_machine_that_goes_on_from_its_own_end_is_there_already():
    bags, labels = random_problem(n_classes=3)
    weights, bias, duals = support_vectors(bags, Targets.of(labels, 3), C=1.0, scales=None, duals=None, seed=0)
    again, bias_again, _ = support_vectors(bags, Targets.of(labels, 3), C=1.0, scales=None, duals=duals, seed=0)
    np.testing.assert_allclose(again, weights, atol=0.1)
    np.testing.assert_allclose(bias_again, bias, atol=0.1)


def test_a_machine_that_goes_on_from_one_of_another_strength_comes_to_its_own_end(monkeypatch):
    bags, labels = random_problem(n_classes=3)
    _, _, duals = support_vectors(bags, Targets.of(labels, 3), C=1.0, scales=None, duals=None, seed=0)
    monkeypatch.setattr("bywords.models.svm.TOLERANCE", 1e-4)
    monkeypatch.setattr("bywords.models.svm.PASSES_OF_FEW", 2000)
    monkeypatch.setattr("bywords.models.svm.MORE_PASSES", 2000)
    weights, _, _ = support_vectors(bags, Targets.of(labels, 3), C=0.1, scales=None, duals=None, seed=0)
    gone_on, _, _ = support_vectors(bags, Targets.of(labels, 3), C=0.1, scales=None, duals=duals, seed=0)
    np.testing.assert_allclose(gone_on, weights, atol=2e-3)


@pytest.mark.parametrize("n_classes", [1, 2, 3, 8, 9, 28, 40])
def test_as_many_classes_as_there_are_have_weights_however_many_are_done_at_once(n_classes):
    bags, labels = random_problem(n_classes=2)
    codes = np.arange(len(labels)) % n_classes == 0
    targets = Targets.of(LabelSets.of_table(np.repeat(codes[:, np.newaxis], n_classes, axis=1)))
    weights, bias, duals = support_vectors(bags, targets, C=1.0, scales=None, duals=None, seed=0)
    assert (weights.shape[1], len(bias), duals.shape[1]) == (n_classes, n_classes, n_classes)
    np.testing.assert_array_equal(weights, np.repeat(weights[:, :1], n_classes, axis=1))


@pytest.mark.parametrize("estimator", ["svc", "nb-svc", "nb"])
def test_a_model_of_some_documents_is_that_of_their_features_alone(estimator):
    bags, labels = random_problem(n_classes=3)
    config, vocabulary = TfidfConfig(estimator=estimator), vocabulary_and(TEXTS)[0]
    rows = np.random.default_rng(0).permutation(len(bags))[: len(bags) // 2]
    idf = np.ones(bags.n_rows, dtype=np.float32)
    some = TfidfFeatures(idf, bags).select(rows)
    assert some.bags is bags  # nothing is copied
    targets = Targets.of(labels, 3).select(rows)
    seen, _ = TfidfLinear.fit(config, some, targets, vocabulary=vocabulary)
    alone, _ = TfidfLinear.fit(config, TfidfFeatures(idf, bags.select(rows)), targets, vocabulary=vocabulary)
    np.testing.assert_array_equal(seen.weights, alone.weights)
    np.testing.assert_array_equal(seen.logits_of(some), alone.logits_of(some))
    np.testing.assert_array_equal(seen.logits_of(some.select(np.arange(3))), seen.logits_of(some)[:3])


def test_words_that_tell_of_a_class_are_scaled_up_for_it():
    bags = Bags.of(Ragged.of([[2, 3]] * 5 + [[2, 4]] * 5 + [[2, 5]] * 5), 6)
    ratios = count_ratios(bags, Targets.of(np.repeat([0, 1, 2], 5)))
    assert ratios[3].argmax() == 0
    assert ratios[4].argmax() == 1
    assert (ratios[3, 0] > ratios[2]).all()  # a word of all classes tells of none
    assert ratios.mean() == pytest.approx(1)


def test_naive_bayes_gives_padding_and_the_unknown_word_no_part():
    vocabulary, documents = vocabulary_and(TEXTS)
    model = fitted_to(TfidfConfig(estimator="nb"), documents, Targets.of(COLOURS), vocabulary)
    assert (model.weights[:2] == 0).all()
    bags = Bags.of(documents, len(vocabulary)).weighed("tfidf", model.idf)
    features = csr_array((bags.weights, bags.ids, bags.offsets.astype(np.int32)), shape=(len(bags), len(vocabulary)))
    peer = ComplementNB(alpha=model.config.alpha).fit(features[:, 2:].toarray(), COLOURS)
    centred = peer.feature_log_prob_ - peer.feature_log_prob_.mean(axis=0)
    np.testing.assert_allclose(model.weights[2:].T, centred, atol=1e-5)


@pytest.mark.parametrize(("features", "kinds"), [("words", 1), ("ngrams", 2), ("all", 3)])
def test_a_model_sees_the_rows_that_its_features_say(features, kinds):
    vocabulary, documents = vocabulary_and(TEXTS, ngrams=2, char_ngrams=(2, 3))
    config = TfidfConfig(features=features, sublinear=True)
    features = TfidfLinear.prepare(config, documents, vocabulary)
    idf, bags = features.idf, features.bags
    sizes = [vocabulary.n_words, len(vocabulary.ngrams), len(vocabulary.char_ngrams)]
    assert len(idf) == bags.n_rows == sum(sizes[:kinds])
    assert bags.ids.max() >= sum(sizes[: kinds - 1])


ESTIMATORS = [TfidfConfig(estimator=name) for name in ("svc", "nb-svc", "nb")]
each_estimator = pytest.mark.parametrize("config", ESTIMATORS, ids=lambda config: config.estimator)


def features_of(bags):
    return TfidfFeatures(np.ones(bags.n_rows, dtype=np.float32), bags)


def fitted(config, bags, targets):
    return TfidfLinear.fit(config, features_of(bags), targets, vocabulary=vocabulary_and(TEXTS)[0])[0]


@pytest.fixture
def exact(monkeypatch):
    monkeypatch.setattr("bywords.models.svm.TOLERANCE", 1e-6)
    monkeypatch.setattr("bywords.models.svm.PASSES_OF_FEW", 2000)


@each_estimator
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_document_that_counts_twice_is_like_two_and_one_that_counts_nothing_like_none(config, n_classes, exact):
    bags, labels = random_problem(n_classes=n_classes)
    weights = np.arange(len(bags)) % 3
    rows = np.repeat(np.arange(len(bags)), weights)
    weighed = fitted(config, bags, Targets.of(labels, weights=weights))
    repeated = fitted(config, bags.select(rows), Targets.of(labels[rows]))
    np.testing.assert_allclose(weighed.logits_of(features_of(bags)), repeated.logits_of(features_of(bags)), atol=5e-3)


@each_estimator
def test_with_any_number_of_labels_each_is_learned_as_if_it_were_alone(config, exact):
    bags, _ = random_problem(n_classes=2)
    labels = np.random.default_rng(1).random((len(bags), 3)) < 0.4
    together = fitted(config, bags, Targets.of(LabelSets.of_table(labels))).logits_of(features_of(bags))
    assert together.shape == (len(bags), 3)
    for k in range(3):
        one = Targets.of(LabelSets.of_table(labels[:, k : k + 1]))
        alone = fitted(config, bags, one).logits_of(features_of(bags))[:, 0]
        if config.estimator == "nb-svc":  # how far features are scaled is shared by all labels
            assert np.corrcoef(together[:, k], alone)[0, 1] > 0.99
        else:
            np.testing.assert_allclose(together[:, k], alone, atol=5e-3)


def test_machines_for_many_labels_are_those_of_one_against_the_rest(exact):
    bags, _ = random_problem(n_classes=2)
    labels = np.random.default_rng(1).random((len(bags), 3)) < 0.4
    features = csr_array((bags.weights, bags.ids, bags.offsets.astype(np.int32)), shape=(len(bags), bags.n_rows))
    model = fitted(TfidfConfig(estimator="svc"), bags, Targets.of(LabelSets.of_table(labels)))
    for k in range(3):
        peer = LinearSVC(dual=True, tol=1e-8, max_iter=100_000, random_state=0).fit(features, labels[:, k])
        np.testing.assert_allclose(
            model.logits_of(features_of(bags))[:, k], peer.decision_function(features), atol=1e-2
        )


@pytest.mark.parametrize("choices", [{}, {"char_ngrams": (2, 3)}], ids=["words", "character n-grams too"])
def test_documents_held_out_are_weighed_as_new_ones_without_the_words_that_no_other_has(choices):
    tokenizer = Tokenizer(TokenizerConfig(pattern=r"\b\w\w+\b"))
    texts = ["red cat", "red dog", "blue dog unheard unheard", "blue cat", "zzz qqq"]
    vocabulary = Vocabulary.of(tokenizer(texts), VocabularyConfig(**choices))
    config = TfidfConfig(sublinear=True)
    prepared = TfidfLinear.prepare(config, vocabulary.encode(tokenizer(texts)), vocabulary)
    weights = np.random.default_rng(0).normal(size=(len(prepared.idf), 3)).astype(np.float32)
    model = TfidfLinear(config, vocabulary.blocks, prepared.idf, weights, np.zeros(3, dtype=np.float32))

    def held_out(*rows):
        return model.logits_of(TfidfLinear.held_out(prepared, np.array(rows)))

    seen = vocabulary.encode(tokenizer([text for text in texts if "unheard" not in text]))
    is_seen = np.zeros(len(prepared.idf), dtype=bool)
    is_seen[seen.ids] = True
    as_new = TfidfLinear(config, vocabulary.blocks, prepared.idf * is_seen, weights, model.bias)
    expected = as_new.logits(vocabulary.encode(tokenizer(["blue dog unheard unheard"])))
    np.testing.assert_allclose(held_out(2), expected, atol=1e-6)
    assert np.abs(held_out(2) - model.logits_of(prepared.select(np.array([2])))).max() > 0.01
    assert not held_out(4).any()  # a text of which nothing is known
    assert np.abs(held_out(2, 3)[:1] - expected).max() > 0.01  # no other has "blue"
