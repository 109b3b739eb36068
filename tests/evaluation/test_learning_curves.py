import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge

from matminer_phonon_tl.evaluation import cross_validate, learning_curve
from matminer_phonon_tl.models import TransferMLPRegressor


def test_smaller_parts_are_tested_on_the_same_rows(linear_data):
    X, y = linear_data
    curve = learning_curve(Ridge(), X, y, (0.2, 1.0), n_repeats=2)
    assert len(curve[0.2].splits[0].train) == 6
    whole = cross_validate(Ridge(), X, y, n_repeats=2)
    assert np.array_equal(curve[1.0].predictions, whole.predictions)
    assert curve[1.0].mae.mean < curve[0.2].mae.mean
    with pytest.raises(ValueError, match="for a learning curve, got 'published'"):
        learning_curve(TransferMLPRegressor(), X, y, protocol="published")


def test_one_fraction_is_taken(linear_data):
    curve = learning_curve(Ridge(), *linear_data, 0.5, n_repeats=1)
    assert list(curve) == [0.5]


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ((), "expected at least one fraction, got none"),
        ((0.5, 0), "expected fractions above 0 and at most 1, got 0"),
        ("all", "expected fractions above 0 and at most 1, got 'all'"),
    ],
)
def test_bad_fractions_are_refused(linear_data, fractions, message):
    with pytest.raises(ValueError, match=message):
        learning_curve(Ridge(), *linear_data, fractions)


def test_a_curve_says_how_it_was_asked_for(gapped):
    curve = learning_curve(
        DummyRegressor(),
        gapped,
        "phonon_bandgap",
        (0.5, 1),
        n_splits=4,
        n_repeats=2,
        groups="formula",
    )
    assert curve[0.5].settings == {
        "n_splits": 4, "n_repeats": 2, "splitter": None, "groups": "formula", "source": None,
        "random_state": 0, "fraction": 0.5,
    }  # fmt: skip
    assert curve[1].settings["fraction"] == 1.0


def test_a_curve_is_shown_as_a_table(linear_data):
    curve = learning_curve(Ridge(), *linear_data, (0.2, 1.0), n_repeats=2)
    assert curve.table.index.tolist() == [(0.2, 6), (1.0, 32)]
    assert list(curve.table.columns) == ["mae", "rmse", "r2"]
    assert curve.table["mae"].tolist() == [curve[0.2].mae.mean, curve[1.0].mae.mean]
    assert repr(curve) == f"target [leak_free, 2 rounds]\n{curve.table}"
    assert repr(curve[1.0]) == f"<CrossValidationResult {curve[1.0]}>"
