"""What networks are trained on, in every form, and what they refuse."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from matminer_phonon_tl.exceptions import (
    CompositionError,
    ExtrapolationWarning,
    TrainingError,
    TrainingWarning,
)
from matminer_phonon_tl.networks.transfer import TransferMLPRegressor
from tests.networks.transfer.cases import QUICK


class TestInputs:
    def test_all_kinds_of_compositions_agree(self, gapped, small_source):
        X = gapped[["composition"]]
        y = gapped["heat_capacity"]
        model = TransferMLPRegressor(**QUICK, source=small_source).fit(X, y)
        expected = model.predict(X)
        compositions = gapped["composition"].tolist()
        formulas = [composition.formula.replace(" ", "") for composition in compositions]
        for other in (gapped["composition"], compositions, formulas, np.array(formulas)):
            np.testing.assert_allclose(model.predict(other), expected, rtol=1e-9)
        for other in (
            pd.DataFrame({"formula": formulas}),
            gapped["structure"],
            gapped["structure"].tolist(),
            gapped[["structure"]],
        ):
            np.testing.assert_allclose(model.predict(other), expected, rtol=1e-9)
        again = clone(model).fit(compositions, y.to_numpy())
        np.testing.assert_array_equal(again.predict(X), expected)

    def test_plain_matrix_with_a_matrix_source(self, matrices):
        X, y, X_source, Y_source = matrices
        model = TransferMLPRegressor(**QUICK, source=(X_source, Y_source)).fit(X, y)
        assert model.predict(X).shape == (50,)
        assert model.source_record_["tasks"] == ["task_0"]

    def test_plain_matrix_needs_a_matrix_source(self, matrices, small_source):
        X, y, *_ = matrices
        with pytest.raises(
            ValueError,
            match="expected compositions as X with source='bandgap', got a plain matrix of 6",
        ):
            TransferMLPRegressor(**QUICK).fit(X, y)
        with pytest.raises(ValueError, match="with source=a DataFrame, got a plain matrix"):
            TransferMLPRegressor(**QUICK, source=small_source).fit(X, y)

    def test_source_with_other_columns(self, matrices):
        X, y, X_source, Y_source = matrices
        with pytest.raises(ValueError, match="expected a source with the 6 columns of X, got 5"):
            TransferMLPRegressor(**QUICK, source=(X_source[:, :5], Y_source)).fit(X, y)

    def test_descriptors(self, gapped):
        model = TransferMLPRegressor(**QUICK, source=None, descriptors="lattice_dynamics")
        model.fit(gapped, gapped["phonon_bandgap"])
        assert model.n_features_in_ < 30
        with pytest.raises(ValueError, match="expected descriptors to be one of"):
            clone(model).set_params(descriptors="x").fit(gapped, gapped["phonon_bandgap"])

    def test_bad_composition_names_the_row(self):
        formulas = ["NaCl", "KBr", "H2O)"]
        with pytest.raises(CompositionError, match="row 2"):
            TransferMLPRegressor(**QUICK, source=None).fit(formulas, [1.0, 2.0, 3.0])
        model = TransferMLPRegressor(**QUICK, source=None).fit(["NaCl", "KBr", "LiF"], [1, 2, 3])
        with pytest.raises(CompositionError, match="row 1"):
            model.predict(["NaCl", "Qq"])

    def test_what_is_no_composition_is_told_by_its_row(self):
        model = TransferMLPRegressor(**QUICK, source=None).fit(["NaCl", "KBr", "LiF"], [1, 2, 3])
        for bad in ([None, "GaN"], pd.Series([None, "GaN"]), pd.DataFrame({"formula": [None]})):
            with pytest.raises(CompositionError, match=r"^row 0: expected a Composition, a Struct"):
                model.predict(bad)
        for nothing in ([], pd.Series([], dtype=object)):
            with pytest.raises(CompositionError, match="expected at least one material, got none"):
                model.predict(nothing)

    def test_matrix_model_asked_about_compositions(self, matrices):
        X, y, *_ = matrices
        model = TransferMLPRegressor(**QUICK, source=None).fit(X, y)
        with pytest.raises(ValueError, match="expected a matrix of 6 columns, as the model was"):
            model.predict(["NaCl"])
        with pytest.raises(ValueError, match="5 features, but TransferMLPRegressor is expecting 6"):
            model.predict(X[:, :5])

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, matrices, value):
        X, y, *_ = matrices
        X_bad, y_bad = X.copy(), y.copy()
        X_bad[3, 2], y_bad[5] = value, value
        model = TransferMLPRegressor(**QUICK, source=None)
        with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
            model.fit(X_bad, y)
        with pytest.raises(ValueError, match=r"Input y contains (NaN|infinity)"):
            model.fit(X, y_bad)

    def test_too_few_rows(self):
        with pytest.raises(ValueError, match="minimum of 2 is required"):
            TransferMLPRegressor(**QUICK, source=None).fit(["NaCl"], [1.0])

    def test_constant_target(self, matrices):
        X, *_ = matrices
        with pytest.warns(TrainingWarning, match="is 4 in every row"):
            model = TransferMLPRegressor(**QUICK, source=None).fit(X, np.full(50, 4.0))
        np.testing.assert_allclose(model.predict(X), 4.0, atol=1.5)

    def test_divergence_names_the_network(self, matrices):
        X, y, *_ = matrices
        model = TransferMLPRegressor(**QUICK, source=None, learning_rate=1e37)
        with pytest.raises(TrainingError, match=r"network 0 \(fold 0, .* diverged by epoch"):
            model.fit(X, y)

    def test_not_fitted(self):
        with pytest.raises(NotFittedError):
            TransferMLPRegressor().predict(["NaCl"])


class TestFarFromTraining:
    """XenonPy's table gives Sc and Ti magnetic moments of 1e-5, and Ni one of 0.6."""

    FORMULAS = ("ScN", "TiO2", "NaCl", "KBr", "MgO", "ZnS", "LiF", "CaO", "SrO", "RbI") * 2

    def test_a_descriptor_that_hardly_varied_is_named(self):
        y = np.linspace(20, 50, len(self.FORMULAS))
        model = TransferMLPRegressor(**QUICK, source=None).fit(self.FORMULAS, y)
        with pytest.warns(ExtrapolationWarning, match=r"gs_mag_moment and 1 such rows, .* row 1:"):
            model.predict(["NaCl", "NiO"])

    def test_neighbours_get_no_warning(self, recwarn):
        y = np.linspace(20, 50, len(self.FORMULAS))
        model = TransferMLPRegressor(**QUICK, source=None).fit(self.FORMULAS, y)
        model.predict(["NaBr", "MgS"])
        model = TransferMLPRegressor(**QUICK, source=None, descriptors="lattice_dynamics")
        model.fit(self.FORMULAS, y).predict(["NiO"])
        assert not [w for w in recwarn if w.category is ExtrapolationWarning]
