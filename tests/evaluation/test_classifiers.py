"""Classifiers are scored by their probabilities and by what they decide."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from matminer_phonon_tl import XenonPyDescriptors
from matminer_phonon_tl.evaluation import CrossValidationResult, cross_validate
from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models import PhononGapClassifier


def test_classifiers_are_scored_by_probability(phonon_tl):
    small = phonon_tl.iloc[:300]
    model = make_pipeline(XenonPyDescriptors(), StandardScaler(), LogisticRegression(max_iter=500))
    result = cross_validate(model, small, "has_phonon_bandgap", n_splits=3, n_repeats=1,
                            groups="formula")  # fmt: skip
    assert result.task == "classification"
    assert set(result.scores) == {"f1", "auroc", "auprc", "accuracy"}
    assert result.scores["auroc"].mean > 0.7
    with pytest.raises(AttributeError, match="expected one of the scores f1, auroc"):
        _ = result.mae


def test_the_gap_classifier_goes_the_ordinary_way(phonon_tl):
    grid = {"n_estimators": [10], "max_depth": [None]}
    model = PhononGapClassifier(param_grid=grid, random_state=0)
    result = cross_validate(
        model, phonon_tl.iloc[:400], "has_phonon_bandgap", n_splits=2, n_repeats=1
    )
    assert result.scores["auroc"].mean > 0.7


def test_a_classifier_decides_by_its_own_threshold(phonon_tl, tmp_path):
    small = phonon_tl.iloc[:400]
    grid = {"n_estimators": [20], "max_depth": [None]}
    at = {
        threshold: cross_validate(
            PhononGapClassifier(param_grid=grid, threshold=threshold, random_state=0),
            small, "has_phonon_bandgap", n_splits=2, n_repeats=2,
        )
        for threshold in (0.5, 0.9)
    }  # fmt: skip
    truth = small["has_phonon_bandgap"].to_numpy()
    for threshold, result in at.items():
        assert np.array_equal(result.decisions == 1, result.predictions >= threshold)
        expected = [f1_score(truth, row >= threshold) for row in result.predictions]
        assert result.scores["f1"].per_round == pytest.approx(expected)
    assert at[0.9].scores["f1"].mean < at[0.5].scores["f1"].mean
    assert at[0.9].scores["auroc"] == at[0.5].scores["auroc"]
    frame = at[0.9].to_frame()
    assert np.array_equal(frame["y_decided"] == 1, frame["y_pred"] >= 0.9)
    at[0.9].save(tmp_path / "result.json")
    loaded = CrossValidationResult.load(tmp_path / "result.json")
    assert np.array_equal(loaded.decisions, at[0.9].decisions)
    assert loaded.as_dict() == at[0.9].as_dict()
    content = at[0.9].as_dict()
    with pytest.raises(ModelFormatError, match="expected decisions of the predictions' shape"):
        CrossValidationResult.from_dict({**content, "decisions": content["decisions"][:1]})
    # Of a result without decisions, probabilities of one half decide.
    plain = CrossValidationResult.from_dict({**content, "decisions": None})
    assert plain.scores["f1"].per_round == at[0.5].scores["f1"].per_round


def test_a_classifier_without_probabilities_has_decisions():
    X = np.linspace(-1, 1, 40)[:, None]
    result = cross_validate(LinearSVC(), X, X[:, 0] > 0.02, n_repeats=1)
    assert np.array_equal(result.predictions, result.decisions)
