"""The least value of a convex function within bounds is at least as low as the one that scipy finds."""

import numpy as np
import pytest
from scipy.optimize import minimize

from bywords.evaluation.minimum import convex_minimum


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
