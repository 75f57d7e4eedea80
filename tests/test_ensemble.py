"""Several models, weighed; linear ones made one."""

from dataclasses import replace

import numpy as np
import pytest
from small_corpus import small_corpus

from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.evaluation.metrics import log_loss, softmax
from bywords.models.averaging import AveragingConfig
from bywords.models.base import model_class
from bywords.models.ensemble import Ensemble, EnsembleConfig, fit_weights
from bywords.models.pooled_tfidf import PooledTfidf
from bywords.models.tfidf_linear import TfidfConfig, TfidfLinear
from bywords.system_config import TrainingConfig
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.training.system import fit_model

CORPUS = small_corpus(90)
TOKENS = Tokenizer()(CORPUS.texts)
VOCABULARY = Vocabulary.of(TOKENS, VocabularyConfig(ngrams=2, char_ngrams=(2, 3)))
DOCUMENTS = VOCABULARY.encode(TOKENS)
CONFIGS = (
    TfidfConfig(estimator="svc", sublinear=True, features="ngrams"),
    TfidfConfig(estimator="nb", sublinear=True, features="ngrams"),
    TfidfConfig(estimator="nb-svc", sublinear=True, features="all"),
    TfidfConfig(estimator="nb", features="words"),
    AveragingConfig(dimension=5, hidden_layers=1, features="words"),
)


def fitted(config):
    training = TrainingConfig(max_epochs=2)
    return fit_model(
        config,
        model_class(config).prepare(config, DOCUMENTS, VOCABULARY),
        Targets.of(CORPUS.labels),
        None,
        vocabulary=VOCABULARY,
        seed=0,
        training=training,
        n_epochs=2,
    )[0]


def test_an_ensemble_is_the_weighed_sum_of_its_members_and_linear_ones_on_the_same_features_are_one():
    members, weights = [fitted(config) for config in CONFIGS], np.array([0.5, 2, 1, 0.25, 3], dtype=np.float32)
    ensemble = Ensemble(members, weights)
    expected = sum(weight * member.logits(DOCUMENTS) for weight, member in zip(weights, members, strict=True))
    np.testing.assert_allclose(ensemble.logits(DOCUMENTS), expected, rtol=1e-4, atol=1e-4)
    assert len(ensemble.members) == 4


def test_linear_members_that_share_their_features_answer_together_and_as_they_do_apart():
    together = [fitted(replace(config, sublinear=True)) for config in CONFIGS[:4]]
    ensemble = Ensemble(together, np.array([0.5, 2, 1, 0.25], dtype=np.float32))
    apart = sum(member.logits(DOCUMENTS) for member in ensemble.members.values())
    assert [type(one) for one in ensemble._answering] == [PooledTfidf]
    np.testing.assert_allclose(ensemble.logits(DOCUMENTS), apart, rtol=1e-6, atol=1e-6)
    alone = [ensemble.logits(DOCUMENTS.select(np.array([index]))) for index in range(20)]
    np.testing.assert_array_equal(np.concatenate(alone), ensemble.logits(DOCUMENTS)[:20])


def test_linear_members_of_another_idf_or_weighting_or_with_too_many_classes_answer_apart():
    first, second = (fitted(replace(config, sublinear=True)) for config in (CONFIGS[0], CONFIGS[2]))
    assert PooledTfidf.of([first, second]) is not None
    assert PooledTfidf.of([first]) is None
    assert PooledTfidf.of([first, fitted(replace(CONFIGS[2], sublinear=False))]) is None
    rarer = TfidfLinear(second.config, second.blocks, second.idf * 2, second.weights, second.bias)
    assert PooledTfidf.of([first, rarer]) is None
    assert PooledTfidf.of([first, second] * 11) is None


@pytest.mark.parametrize("number", [1e6, np.inf, np.nan])
def test_linear_members_with_a_number_out_of_all_proportion_answer_apart(number):
    """Together they add up whole numbers of a 2^30th of the largest, which leaves too little of the others."""
    first, second = (fitted(replace(config, sublinear=True)) for config in (CONFIGS[0], CONFIGS[2]))
    weights = second.weights.copy()
    weights[5, 0] = number
    assert PooledTfidf.of([first, TfidfLinear(second.config, second.blocks, second.idf, weights, second.bias)]) is None


def test_an_ensemble_comes_back_from_its_arrays():
    ensemble = Ensemble([fitted(config) for config in CONFIGS], np.array([0.5, 2, 1, 0.25, 3], dtype=np.float32))
    restored = Ensemble.from_arrays(ensemble.config, ensemble.arrays(), vocabulary=VOCABULARY, n_classes=3)
    np.testing.assert_array_equal(restored.logits(DOCUMENTS), ensemble.logits(DOCUMENTS))


def logits_that_are_right(share, *, n_documents=400, seed):
    generator = np.random.default_rng(seed)
    labels = np.arange(n_documents) % 3
    logits = generator.normal(size=(n_documents, 3)).astype(np.float32)
    is_right = generator.random(n_documents) < share
    logits[np.arange(n_documents), labels] += 3 * is_right
    return logits, labels


def test_a_better_model_is_trusted_more_and_noise_hardly():
    good, labels = logits_that_are_right(0.9, seed=0)
    fair, _ = logits_that_are_right(0.5, seed=1)
    noise, _ = logits_that_are_right(0.0, seed=2)
    weights = fit_weights([good, fair, noise], Targets.of(labels))
    assert weights[0] > weights[1] > weights[2] >= 0


def test_an_ensemble_of_models_that_err_apart_is_better_than_each():
    first, labels = logits_that_are_right(0.7, seed=0)
    second, _ = logits_that_are_right(0.7, seed=1)
    weights = fit_weights([first, second], Targets.of(labels))
    together = log_loss(labels, softmax(weights[0] * first + weights[1] * second))
    assert together < min(log_loss(labels, softmax(first)), log_loss(labels, softmax(second)))


def test_one_model_keeps_its_labels():
    logits, labels = logits_that_are_right(0.8, seed=0)
    (weight,) = fit_weights([logits], Targets.of(labels))
    assert weight > 0


def test_an_ensemble_of_nothing_is_refused():
    with pytest.raises(SettingError, match="no members"):
        EnsembleConfig(members=())
