"""The least value of a function of one number, found step for step as scipy finds it."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from bywords.evaluation.minimum import minimum_between


@pytest.mark.parametrize("least", [0.3, -2.9, 1e-9, 2.999])
def test_the_minimum_of_a_parabola_is_found(least):
    assert minimum_between(lambda x: (x - least) ** 2, -3, 3) == pytest.approx(least, abs=1e-5)


@pytest.mark.parametrize("seed", range(60))
def test_every_step_is_the_one_that_scipy_takes(seed):
    """Of log losses as temperatures are fitted by, of functions that fall to a bound, with corners and with steps."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(40, 3)) * 10.0 ** generator.uniform(-3, 3)
    labels = np.where(generator.random(40) < generator.random(), logits.argmax(axis=1), generator.integers(0, 3, 40))
    corner = generator.uniform(-7, 7)

    def log_loss(x):
        scaled = logits / math.exp(x)
        return float(np.mean(np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(40), labels]))

    functions = [log_loss, math.exp, lambda x: abs(x - corner), lambda x: math.floor(abs(x - corner)), lambda x: 1.0]
    function = functions[seed % len(functions)]
    seen, theirs = [], []
    found = minimum_between(lambda x: seen.append(x) or function(x), -6.9, 6.9)
    expected = minimize_scalar(lambda x: theirs.append(float(x)) or function(x), bounds=(-6.9, 6.9), method="bounded")
    assert seen == theirs
    assert found == expected.x
