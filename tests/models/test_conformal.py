"""The conformal quantile is MAPIE's, and holds what it promises."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models.conformal import (
    LEAST_IN_GROUP,
    Calibration,
    Predicted,
    formula_folds,
    polymorph_folds,
)


def of_one_group(scores):
    """Return a calibration of materials that are all equally far away."""
    return Calibration(np.asarray(scores), np.ones(len(scores)))


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
    ours = of_one_group(np.abs(y[100:200] - model.predict(X[100:200])))
    half = (theirs[:, 1, 0] - theirs[:, 0, 0]) / 2
    np.testing.assert_allclose(half, ours.reach(level, np.ones(100)), rtol=1e-9)


def test_intervals_hold_their_share():
    random = np.random.default_rng(1)
    held = []
    for _ in range(300):
        calibration = of_one_group(np.abs(random.standard_cauchy(99)))
        held.append(np.abs(random.standard_cauchy()) <= calibration.reach(0.9, np.ones(1))[0])
    assert abs(np.mean(held) - 0.9) < 3 * np.sqrt(0.09 / 300)


def test_intervals_hold_their_share_at_every_distance():
    """Errors grow with the distance, the spread does not: the reach makes up for it."""
    random = np.random.default_rng(2)
    distances = np.sort(random.uniform(size=2000))
    calibration = Calibration(np.abs(random.normal(size=2000)) * (0.2 + distances), distances)
    new = random.uniform(size=4000)
    held = np.abs(random.normal(size=4000)) * (0.2 + new) <= calibration.reach(0.9, new)
    for low in (0.0, 0.25, 0.5, 0.75):
        share = held[(new >= low) & (new < low + 0.25)].mean()
        assert 0.87 < share < 0.93


def test_groups_hold_enough_scores():
    distances = np.arange(2.0 * LEAST_IN_GROUP)
    calibration = Calibration(np.where(distances < LEAST_IN_GROUP, 1.0, 3.0), distances)
    ends = calibration.reach(0.5, np.array([-1.0, 0.0, distances[-1], 1e9]))
    assert ends.tolist() == [1.0, 1.0, 3.0, 3.0]
    few = Calibration(calibration.scores[1:], distances[1:])  # one less, and there is one group
    assert few.reach(0.5, np.array([0.0, 1e9])).tolist() == [3.0, 3.0]


def test_a_high_level_takes_larger_groups():
    calibration = Calibration(np.arange(600.0), np.arange(600.0))
    far = np.array([1e9])
    assert calibration.reach(0.99, far) > calibration.reach(0.9, far)
    assert calibration.reach(0.998, far) == 599  # one group: of 200 the largest promises 0.995
    with pytest.raises(ValueError, match=r"at most 0\.9983 with 600"):
        calibration.reach(0.999, far)


def test_the_rank_is_the_share_that_lies_as_far():
    calibration = Calibration(np.ones(4), np.array([0.0, 1.0, 1.0, 2.0]))
    assert calibration.rank(np.array([0.0, 0.5, 1.0, 2.0, 2.1])).tolist() == [
        1,
        0.75,
        0.75,
        0.25,
        0,
    ]
    assert np.isnan(Calibration.none().rank(np.ones(2))).all()


def test_formulas_are_held_out_whole_and_helpers_have_no_score():
    formulas = ["A", "A", "B", "C", "D", "E", "F", "A"]
    seen = []

    def fit_and_predict(train, test):
        assert not {formulas[row] for row in train} & {formulas[row] for row in test}
        seen.extend(test)
        return Predicted(np.zeros(len(test)), np.full(len(test), 2.0), -1.0 * test)

    folds = formula_folds(formulas, n_scored=6, cv=3, random_state=0)
    found = Calibration.held_out(fit_and_predict, np.arange(8.0), folds)
    assert sorted(seen) == list(range(6))
    assert found.scores.tolist() == [2.5, 2.0, 1.5, 1.0, 0.5, 0.0]
    assert found.distances.tolist() == [-5, -4, -3, -2, -1, 0]


def test_polymorphs_are_scored_where_another_one_is_trained_on():
    formulas = np.array(["A", "A", "B", "C", "C", "C", "D", "A", "D"])
    scored = []
    for train, test in polymorph_folds(formulas, n_scored=7, cv=3, random_state=0):
        assert not set(train) & set(test)
        assert set(formulas[test]) <= set(formulas[train])
        scored.extend(test.tolist())
    assert len(scored) == len(set(scored)) >= 3
    assert set(scored) <= {0, 1, 3, 4, 5, 6}  # not B, of which there is one; the last two help
    nothing = Calibration.held_out(None, np.arange(9.0), [(np.arange(9), np.arange(0))])
    assert not len(nothing.scores)


def test_what_cannot_be_promised_is_refused():
    calibration = of_one_group(np.arange(9.0))
    assert calibration.reach(0.9, np.ones(1)) == 8.0
    with pytest.raises(ValueError, match=r"at most 0\.9000 with 9 training rows"):
        calibration.reach(0.95, np.ones(1))
    with pytest.raises(ValueError, match="between 0 and 1, got True"):
        calibration.reach(True, np.ones(1))


def test_round_trip_is_exact():
    calibration = Calibration(np.array([0.5, 2.0]), np.array([0.0, 1.0]))
    restored = Calibration.from_state(calibration.get_state(), wanted=True)
    assert np.array_equal(restored.scores, calibration.scores)
    assert np.array_equal(restored.distances, calibration.distances)


@pytest.mark.parametrize(
    ("scores", "distances"),
    [
        ([1.0, -1.0], [0.0, 1.0]),
        ([1.0, 1.0], [1.0, 0.0]),
        ([1.0, 1.0], [-1.0, 0.0]),
        ([1.0, 1.0], [0.0]),
        ([1.0, np.nan], [0.0, 1.0]),
        ([], []),
    ],
)
def test_damage_is_refused(scores, distances):
    state = {"scores": np.array(scores), "distances": np.array(distances)}
    with pytest.raises(ModelFormatError, match=r"^expected "):
        Calibration.from_state(state, wanted=True)


def test_scores_that_nobody_wanted_are_refused():
    state = {"scores": np.ones(2), "distances": np.ones(2)}
    with pytest.raises(ModelFormatError, match="just where there are intervals"):
        Calibration.from_state(state, wanted=False)
