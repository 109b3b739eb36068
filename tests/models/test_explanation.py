"""Contributions add up to the prediction, and name what matters."""
# ruff: noqa: PD011 (values are shap's, not pandas')

import builtins

import numpy as np
import pandas as pd
import pytest
import shap
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from matminer_phonon_tl.exceptions import MissingExtraError
from matminer_phonon_tl.models import PhononGapClassifier, PhononRegressor, explain


@pytest.fixture(scope="module")
def gapped(phonon_tl):
    return phonon_tl[phonon_tl["has_phonon_bandgap"]].reset_index(drop=True)


@pytest.fixture(scope="module")
def regressor(gapped):
    model = PhononRegressor(
        intervals=False, target_transform="einstein", descriptors="lattice_dynamics"
    )
    return model.fit(gapped, gapped["heat_capacity"])


def test_contributions_add_up_to_the_prediction(regressor, gapped):
    asked = ["BAs", "Li2Te"]
    explained = explain(regressor, asked, gapped)
    total = explained.base_values + explained.values.sum(axis=1)
    np.testing.assert_allclose(total, regressor.predict(asked), rtol=1e-6)
    assert explained.feature_names == regressor.descriptor_labels()
    np.testing.assert_array_equal(explained.data, regressor.describe(asked))


def test_light_atoms_are_why_boron_arsenide_is_hard(regressor, gapped):
    """Heat capacity falls with the lightest mass; what says so leads the list."""
    explained = explain(regressor, ["BAs"], gapped)
    found = pd.Series(explained.values[0], explained.feature_names)
    assert "log_lightest_mass" in found.abs().nlargest(4)
    assert found["log_lightest_mass"] < 0


def test_classifiers_are_explained_too(phonon_tl):
    part = phonon_tl[:300]
    grid = {"n_estimators": [10], "max_depth": [None]}
    model = PhononGapClassifier.recommended(param_grid=grid, random_state=0)
    model.fit(part, part["has_phonon_bandgap"])
    explained = explain(model, ["BAs"], part)
    total = explained.base_values[0] + explained.values[0].sum()
    assert total == pytest.approx(model.predict_proba(["BAs"])[0, 1])


def test_shap_draws_it(regressor, gapped, tmp_path):
    explained = explain(regressor, ["BAs", "GaN"], gapped)
    axes = shap.plots.waterfall(explained[1], max_display=6, show=False)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert "11 other features" in labels
    largest = explained.feature_names[np.abs(explained.values[1]).argmax()]
    assert any(label.endswith(f"= {largest}") for label in labels)
    assert isinstance(axes.figure, Figure)
    axes.figure.savefig(tmp_path / "figure.png")
    plt.close(axes.figure)


def test_without_shap_the_extra_is_named(regressor, gapped, monkeypatch):
    found = builtins.__import__

    def without_shap(name, *args, **kwargs):
        if name == "shap":
            raise ImportError(name)
        return found(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_shap)
    with pytest.raises(MissingExtraError, match=r"\.\[explain\]"):
        explain(regressor, ["BAs"], gapped)
