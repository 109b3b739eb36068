"""Data and a source network for the stacked engine."""

import numpy as np
import pytest

from tests.networks.engine.cases import N_FEATURES, N_ROWS, SMALL, train


@pytest.fixture(scope="module")
def data():
    """Rows with a smooth target, and five folds of 48 training rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, N_FEATURES)) * np.logspace(-3, 3, N_FEATURES) + 5.0
    z = (X - X.mean(0)) / X.std(0)
    y = 100 + 30 * z[:, 0] * z[:, 1] + 20 * np.sin(z[:, 2])
    held_out = np.array_split(rng.permutation(N_ROWS), 5)
    folds = [np.setdiff1d(np.arange(N_ROWS), part) for part in held_out]
    return X, y, folds


@pytest.fixture(scope="module")
def source(data):
    X, y, _ = data
    return train(X, np.sqrt(y + 200), [np.arange(N_ROWS)], SMALL, 40).networks[0]
