import numpy as np
import pytest
from sklearn.metrics import f1_score, mean_absolute_error, r2_score

from matminer_phonon_tl.evaluation.scores import average_rounds, score_predictions


def test_regression_scores_are_scikit_learns():
    random = np.random.default_rng(0)
    y = random.normal(size=30)
    predictions = y + random.normal(size=(4, 30))
    scores = score_predictions(y, predictions, "regression")
    expected = [mean_absolute_error(y, row) for row in predictions]
    assert scores["mae"].per_round == pytest.approx(expected)
    assert scores["mae"].mean == pytest.approx(np.mean(expected))
    assert scores["mae"].std == pytest.approx(np.std(expected, ddof=1))
    averaged = predictions.mean(axis=0)
    assert scores["mae"].of_averaged == pytest.approx(mean_absolute_error(y, averaged))
    assert scores["r2"].of_averaged == pytest.approx(r2_score(y, averaged))
    assert scores["rmse"].of_averaged == pytest.approx(np.sqrt(np.mean((y - averaged) ** 2)))
    assert scores["mae"].of_averaged < scores["mae"].mean


def test_rows_that_were_not_tested_do_not_count():
    y = np.array([1.0, 2.0, 3.0])
    predictions = np.array([[1.5, np.nan, 3.0], [np.nan, 2.0, 4.0]])
    scores = score_predictions(y, predictions, "regression")
    assert scores["mae"].per_round == (0.25, 0.5)
    assert scores["mae"].of_averaged == pytest.approx((0.5 + 0 + 0.5) / 3)
    assert np.isnan(average_rounds(np.full((2, 1), np.nan)))[0]


def test_what_cannot_be_scored_is_nan_and_left_out_of_the_mean():
    predictions = np.array([[np.nan, np.nan, 3.5], [1.0, 2.0, 2.0]])
    scores = score_predictions(np.array([1.0, 2.0, 3.0]), predictions, "regression")
    assert np.isnan(scores["r2"].per_round[0])
    assert scores["r2"].mean == scores["r2"].per_round[1]
    assert np.isnan(scores["r2"].std)
    assert scores["r2"].as_dict()["per_round"][0] is None


def test_classification_scores_probabilities():
    y = np.array([0, 0, 1, 1])
    probability = np.array([[0.1, 0.6, 0.55, 0.9]])
    scores = score_predictions(y, probability, "classification")
    assert scores["f1"].mean == pytest.approx(f1_score(y, probability[0] >= 0.5))
    assert scores["auroc"].mean == pytest.approx(0.75)
    assert scores["accuracy"].mean == pytest.approx(0.75)
    assert np.isnan(score_predictions(np.zeros(4), probability, "classification")["auroc"].mean)


def test_decisions_are_scored_as_they_are():
    """Not probabilities above one half: those rank, whatever the threshold."""
    y = np.array([0, 0, 1, 1])
    probability = np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, np.nan]])
    decisions = np.array([[0, 0, 1, 1], [1, 0, 0, 1], [0, 0, 1, np.nan]], dtype=float)
    scores = score_predictions(y, probability, "classification", decisions)
    assert scores["f1"].per_round == pytest.approx((1.0, 0.5, 1.0))
    assert scores["accuracy"].per_round == pytest.approx((1.0, 0.5, 1.0))
    assert scores["auroc"].mean == 1.0
    # Most rounds decide 0, 0, 1; of two rounds that tested the last row, both say 1.
    assert scores["f1"].of_averaged == scores["accuracy"].of_averaged == 1.0
    assert score_predictions(y, probability, "classification")["f1"].mean == 0.0
    tie = score_predictions(y, probability[:2], "classification", decisions[:2])
    assert tie["accuracy"].of_averaged == 0.75  # half of the rounds is enough
