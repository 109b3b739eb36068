"""Contributions add up to the prediction, and name what matters."""

import builtins

import numpy as np
import pytest

from matminer_phonon_tl.exceptions import MissingExtraError
from matminer_phonon_tl.figures import plot_explanation
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
    explained = explain(regressor, asked, gapped, unit="J/mol/K")
    total = explained.base + explained.contributions.sum(axis=1).to_numpy()
    np.testing.assert_allclose(total, regressor.predict(asked), rtol=1e-6)
    assert list(explained.contributions.columns) == regressor.descriptor_labels()
    top = explained.top(0, 3)
    assert len(top) == 3
    assert abs(top.iloc[0]) == explained.contributions.iloc[0].abs().max()


def test_light_atoms_are_why_boron_arsenide_is_hard(regressor, gapped):
    """Heat capacity falls with the lightest mass; what says so leads the list."""
    explained = explain(regressor, ["BAs"], gapped)
    assert explained.top(0, 4)["log_lightest_mass"] < 0


def test_classifiers_are_explained_too(phonon_tl):
    part = phonon_tl[:300]
    grid = {"n_estimators": [10], "max_depth": [None]}
    model = PhononGapClassifier.recommended(param_grid=grid, random_state=0)
    model.fit(part, part["has_phonon_bandgap"])
    explained = explain(model, ["BAs"], part)
    total = explained.base[0] + explained.contributions.iloc[0].sum()
    assert total == pytest.approx(model.predict_proba(["BAs"])[0, 1])


def test_the_figure_shows_it(regressor, gapped, tmp_path):
    explained = explain(regressor, ["BAs"], gapped, unit="J/mol/K")
    figure = plot_explanation(explained, n=5, title="BAs")
    axes = figure.axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[-1] == "11 others"
    assert labels[0].startswith(f"{explained.top(0, 1).index[0]} = ")
    assert axes.get_xlabel() == "contribution, J/mol/K"
    figure.savefig(tmp_path / "figure.png")


def test_without_shap_the_extra_is_named(regressor, gapped, monkeypatch):
    found = builtins.__import__

    def without_shap(name, *args, **kwargs):
        if name == "shap":
            raise ImportError(name)
        return found(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_shap)
    with pytest.raises(MissingExtraError, match=r"matminer-phonon-tl\[explain\]"):
        explain(regressor, ["BAs"], gapped)
