"""The conformal quantile is MAPIE's, and holds what it promises."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from matminer_phonon_tl.models.conformal import held_out_scores, reach


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_the_quantile_is_that_of_mapie(level):
    """With a constant spread, ours is the plain split-conformal interval."""
    from mapie.regression import SplitConformalRegressor

    random = np.random.default_rng(0)
    X, noise = random.normal(size=(300, 3)), random.standard_t(3, size=300)
    y = X @ [1.0, 2.0, 3.0] + noise
    model = LinearRegression().fit(X[:100], y[:100])
    mapie = SplitConformalRegressor(model, confidence_level=level, prefit=True)
    _, theirs = mapie.conformalize(X[100:200], y[100:200]).predict_interval(X[200:])
    scores = np.sort(np.abs(y[100:200] - model.predict(X[100:200])))
    half = (theirs[:, 1, 0] - theirs[:, 0, 0]) / 2
    np.testing.assert_allclose(half, reach(scores, level), rtol=1e-9)


def test_intervals_hold_their_share():
    random = np.random.default_rng(1)
    held = []
    for _ in range(300):
        scores = np.sort(np.abs(random.standard_cauchy(99)))
        held.append(np.abs(random.standard_cauchy()) <= reach(scores, 0.9))
    assert abs(np.mean(held) - 0.9) < 3 * np.sqrt(0.09 / 300)


def test_formulas_are_held_out_whole_and_helpers_have_no_score():
    formulas = ["A", "A", "B", "C", "D", "E", "F", "A"]
    seen = []

    def fit_and_predict(train, test):
        assert not {formulas[row] for row in train} & {formulas[row] for row in test}
        seen.extend(test)
        return np.zeros(len(test)), np.full(len(test), 2.0)

    labels = np.arange(8.0)
    scores = held_out_scores(fit_and_predict, labels, formulas, n_scored=6, cv=3, random_state=0)
    assert sorted(seen) == list(range(6))
    assert scores.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]


def test_what_cannot_be_promised_is_refused():
    scores = np.arange(9.0)
    assert reach(scores, 0.9) == 8.0
    with pytest.raises(ValueError, match=r"at most 0\.9000 with 9 training rows"):
        reach(scores, 0.95)
    with pytest.raises(ValueError, match="between 0 and 1, got True"):
        reach(scores, True)
