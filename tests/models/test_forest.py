"""Forests as arrays: scikit-learn's figures to the last bit, and damage refused."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models.forest import Forest


@pytest.fixture(scope="module")
def data():
    return make_classification(500, 12, n_informative=6, weights=[0.8], random_state=0)


@pytest.fixture(scope="module")
def forest(data):
    return Forest.from_sklearn(RandomForestClassifier(20, random_state=0).fit(*data))


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(30, random_state=0),
        RandomForestClassifier(30, max_depth=3, class_weight="balanced_subsample", random_state=1),
        ExtraTreesClassifier(30, min_samples_leaf=3, random_state=2),
        RandomForestClassifier(1, max_depth=1, random_state=3),
    ],
)
def test_equals_sklearn_to_the_last_bit(estimator, data):
    X, y = data
    estimator.fit(X[:300], y[:300])
    forest = Forest.from_sklearn(estimator)
    assert np.array_equal(forest.predict_positive(X), estimator.predict_proba(X)[:, 1])
    restored = Forest.from_state(forest.get_state())
    assert np.array_equal(restored.predict_positive(X), forest.predict_positive(X))


def test_single_trees_and_blocks(forest, data, monkeypatch):
    X, _ = data
    whole = forest.predict_by_tree(X)
    assert whole.shape == (20, 500)
    np.testing.assert_allclose(whole.mean(axis=0), forest.predict_positive(X))
    monkeypatch.setattr("matminer_phonon_tl.models.forest.ROWS_AT_ONCE", 7)
    assert np.array_equal(forest.predict_by_tree(X), whole)
    assert forest.predict_positive(X[:0]).shape == (0,)


def damage(state, name):
    state = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in state.items()}
    if name == "a feature beyond the matrix":
        state["feature"][0] = 12
    elif name == "a threshold too few":
        state["threshold"] = state["threshold"][:-1]
    elif name == "a probability above 1":
        state["probability"][0] = 1.5
    elif name == "a child before its parent":
        state["right"][0] = 0
    elif name == "a child in another tree":
        state["right"][0] = state["roots"][1]
    elif name == "trees out of order":
        state["roots"] = state["roots"][::-1].copy()
    elif name == "no trees":
        state["roots"] = state["roots"][:0]
    elif name == "another dtype":
        state["threshold"] = state["threshold"].astype(np.float32)
    elif name == "a number of features as text":
        state["n_features"] = "12"
    return state


@pytest.mark.parametrize(
    "name",
    [
        "a feature beyond the matrix", "a threshold too few", "a probability above 1",
        "a child before its parent", "a child in another tree", "trees out of order", "no trees",
        "another dtype", "a number of features as text",
    ],
)  # fmt: skip
def test_damage_is_refused(forest, name):
    with pytest.raises(ModelFormatError, match=r"^expected "):
        Forest.from_state(damage(forest.get_state(), name))
