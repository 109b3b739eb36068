"""Small data and small networks for the evaluation's tests."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.models import TransferMLPRegressor


@pytest.fixture(scope="session")
def gapped():
    """The 124 materials; tests must not change them."""
    return load_phonon_tl(gapped_only=True)


@pytest.fixture(scope="session")
def source(gapped):
    """A source task small enough to train in a moment: half of it tested formulas."""
    return gapped[["composition", "bandgap"]].iloc[::2].reset_index(drop=True)


@pytest.fixture
def network(source):
    """A transfer network that trains in a moment."""
    return TransferMLPRegressor((12, 8, 4), source=source, source_epochs=5, epochs=15)


@pytest.fixture
def ridge():
    return make_pipeline(StandardScaler(), Ridge(1.0))


@pytest.fixture
def linear_data():
    """40 rows of 3 columns and labels that are linear in them, with some noise."""
    random = np.random.default_rng(0)
    X = random.normal(size=(40, 3))
    return X, X @ [1.0, -2.0, 0.5] + 0.3 * random.normal(size=40)
