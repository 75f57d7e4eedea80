"""Logits become probabilities that mean something: temperatures, sigmoids and thresholds."""

import numpy as np
import pytest

from bywords.calibration import fit_temperature
from bywords.metrics import softmax
from bywords.targets import Targets


def test_the_temperature_undoes_overconfidence():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(4000, 3))
    cumulated = softmax(logits).cumsum(axis=1)
    labels = (generator.random((4000, 1)) > cumulated).sum(axis=1)
    assert fit_temperature(logits * 5, Targets.of(labels)) == pytest.approx(5, rel=0.1)
    assert fit_temperature(logits * 0.2, Targets.of(labels)) == pytest.approx(0.2, rel=0.1)


def test_a_few_documents_without_a_mistake_do_not_make_a_model_certain():
    labels = np.arange(30) % 3
    logits = np.eye(3)[labels]
    probabilities = softmax(logits / fit_temperature(logits, Targets.of(labels)))
    assert 0.9 < probabilities.max() < 0.98
