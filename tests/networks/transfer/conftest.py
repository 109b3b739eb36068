"""Materials, matrices, and a count of what is trained."""

import numpy as np
import pytest

from matminer_phonon_tl.networks import source_networks


@pytest.fixture(scope="module")
def gapped(phonon_tl):
    """The 124 materials with a gap; composition and three targets."""
    return phonon_tl[phonon_tl["has_phonon_bandgap"]].reset_index(drop=True)


@pytest.fixture(scope="module")
def small_source(phonon_tl):
    """Two tasks of 200 materials, the second half unknown in one."""
    frame = phonon_tl.iloc[:200][["composition", "bandgap", "speed_of_sound"]].copy()
    frame.loc[frame.index[100:], "speed_of_sound"] = np.nan
    return frame


@pytest.fixture
def matrices():
    rng = np.random.default_rng(0)
    X, X_source = rng.normal(size=(50, 6)), rng.normal(size=(80, 6))
    return X, X[:, 0] + X[:, 1] ** 2, X_source, X_source[:, 0] ** 2


@pytest.fixture
def n_source_trainings(monkeypatch):
    """Count the source networks that are trained, from an empty cache."""
    counts = []
    real = source_networks.train_folds

    def train_folds(X, y, folds, *arguments, **settings):
        counts.append(len(folds))
        return real(X, y, folds, *arguments, **settings)

    monkeypatch.setattr(source_networks, "train_folds", train_folds)
    source_networks.SOURCE_CACHE.clear()
    return counts
