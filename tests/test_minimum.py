"""The least value of a function: of one number, found step for step as scipy finds it; of several, at least as low."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

from bywords.evaluation.minimum import convex_minimum, minimum_between


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


@pytest.mark.parametrize("seed", range(40))
def test_within_bounds_the_minimum_is_at_least_as_low_as_scipys(seed):
    """Of regularised logistic losses, with features that are alike and bounds that are reached or not."""
    generator = np.random.default_rng(seed)
    n_numbers = int(generator.integers(1, 6))
    features = generator.normal(size=(50, n_numbers)) + generator.normal(size=(50, 1)) * generator.uniform(0, 3)
    signs = np.where(generator.random(50) < 0.7, 1, -1) * np.sign(features.sum(axis=1))
    least = np.where(generator.random(n_numbers) < 0.8, 0.0, -np.inf)

    def loss(numbers):
        margins = signs * (features @ numbers)
        wrong = np.exp(-np.logaddexp(0, margins))
        value = float(np.logaddexp(0, -margins).mean() + 0.01 * numbers @ numbers)
        gradient = -(features * (signs * wrong)[:, np.newaxis]).mean(axis=0) + 0.02 * numbers
        hessian = (features * (wrong * (1 - wrong))[:, np.newaxis]).T @ features / 50 + 0.02 * np.eye(n_numbers)
        return value, gradient, hessian

    found = convex_minimum(loss, np.full(n_numbers, 1.0), least)
    bounds = [(low if np.isfinite(low) else None, None) for low in least]
    theirs = minimize(lambda x: loss(x)[:2], np.ones(n_numbers), jac=True, bounds=bounds, method="L-BFGS-B", tol=1e-14)
    assert (found >= least).all()
    assert loss(found)[0] <= theirs.fun + 1e-12
    np.testing.assert_allclose(found, theirs.x, atol=1e-4)
