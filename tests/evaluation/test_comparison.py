import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from matminer_phonon_tl.evaluation import compare, cross_validate


@pytest.fixture
def pair(linear_data):
    X, y = linear_data
    return [cross_validate(model, X, y, n_repeats=4) for model in (Ridge(), DummyRegressor())]


@pytest.mark.parametrize("metric", ["mae", "rmse"])
@pytest.mark.parametrize("method", ["bootstrap", "corrected_t"])
def test_the_better_model_is_better(pair, metric, method):
    found = compare(*pair, metric=metric, method=method)
    back = compare(*reversed(pair), metric=metric, method=method)
    assert found.significant
    assert found.interval[0] < found.difference < found.interval[1] < 0
    assert found.rounds_won == 1.0
    assert found.splits_won > 0.9
    assert back.difference == pytest.approx(-found.difference)
    assert back.splits_won == pytest.approx(1 - found.splits_won)


def test_a_model_equals_itself(pair):
    found = compare(pair[0], pair[0])
    assert found.difference == 0
    assert found.interval == (0.0, 0.0)
    assert not found.significant
    assert found.rounds_won == found.splits_won == 0.5


def test_difference_is_that_of_the_mean_scores(pair):
    found = compare(*pair)
    assert found.difference == pytest.approx(pair[0].mae.mean - pair[1].mae.mean)


def test_corrected_t_is_wider_than_the_naive_interval(pair):
    found = compare(*pair, method="corrected_t")
    by_split = [
        [
            np.abs(result.predictions[s.round, s.test] - result.y[s.test]).mean()
            for s in result.splits
        ]
        for result in pair
    ]
    differences = np.subtract(*by_split)
    naive = differences.std(ddof=1) / np.sqrt(20)
    width = (found.interval[1] - found.interval[0]) / 2
    # sqrt(1/20 + 1/4) against sqrt(1/20), times Student's 2.093
    assert width == pytest.approx(2.093 * naive * np.sqrt(1 + 20 * 8 / 32), rel=1e-3)


def test_bootstrap_covers_the_true_difference():
    """Two predictors of known quality, on fresh samples: the interval holds the truth."""
    random = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        y = random.normal(size=50)
        X = np.column_stack([y + random.normal(size=50), y + 1.2 * random.normal(size=50)])
        a, b = (
            cross_validate(Identity(column), X, y, n_splits=2, n_repeats=1) for column in (0, 1)
        )
        low, high = compare(a, b, n_bootstrap=300).interval
        held += low <= -0.2 * np.sqrt(2 / np.pi) <= high
    assert held >= 51  # 95 % of 60, less three standard deviations


def test_materials_of_one_formula_are_drawn_together():
    """Copies of every row are no new materials: the interval must not shrink for them."""
    random = np.random.default_rng(1)
    X = random.normal(size=(30, 2))
    y = X[:, 0] + random.normal(size=30)
    copies = np.repeat(np.arange(30), 4)
    a, b = (
        cross_validate(Identity(column), X[copies], y[copies], n_splits=2, n_repeats=1)
        for column in (0, 1)
    )

    def width(groups):
        low, high = compare(a, b, groups=groups).interval
        return high - low

    assert width(copies) == pytest.approx(2 * width(None), rel=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "r2"}, "expected metric 'mae' or 'rmse', got 'r2'"),
        ({"method": "t"}, "expected method 'bootstrap' or 'corrected_t', got 't'"),
        ({"level": 95}, "expected a number between 0 and 1 as level, got 95"),
        ({"groups": "element"}, "expected groups 'formula', a label for each row or None"),
        ({"groups": [1]}, "expected a group for each of 40 rows"),
    ],
)
def test_unknown_options_are_refused(pair, options, message):
    with pytest.raises(ValueError, match=message):
        compare(*pair, **options)


def test_different_data_or_folds_are_refused(pair, linear_data):
    X, y = linear_data
    with pytest.raises(ValueError, match="expected two results of the same folds, got different"):
        compare(pair[0], cross_validate(Ridge(), X, y, n_repeats=4, random_state=1))
    with pytest.raises(ValueError, match="expected two results of the same materials and labels"):
        compare(pair[0], cross_validate(Ridge(), X, y + 1, n_repeats=4))
    classes = cross_validate(LogisticRegression(), X, y > 0, n_repeats=1)
    with pytest.raises(ValueError, match="expected two regressions, got classification"):
        compare(classes, classes)


def test_it_says_itself_with_the_protocols(pair):
    text = str(compare(*pair))
    assert "[leak_free] against" in text
    assert "95 % interval" in text
    assert "; the first is better in 100 % of 4 rounds and " in text
    assert compare(*pair).as_dict()["significant"] is True


class Identity(DummyRegressor):
    """Predicts a column."""

    def __init__(self, column=0):
        super().__init__()
        self.column = column

    def predict(self, X):
        return X[:, self.column]
