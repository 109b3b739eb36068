"""What is fitted to: transformed targets, ensembles, folds at once."""

import numpy as np
import pytest
from pymatgen.core import Composition
from sklearn.base import clone
from sklearn.model_selection import KFold

from matminer_phonon_tl.featurizers import XenonPyDescriptors
from matminer_phonon_tl.networks.transfer import TransferMLPRegressor
from tests.networks.transfer.cases import QUICK


class TestTargetTransform:
    @pytest.mark.parametrize("transform", ["sqrt", "log", "per_atom", "none", None])
    def test_predicts_in_the_targets_unit(self, gapped, transform):
        y = gapped["heat_capacity"]
        model = TransferMLPRegressor(
            (32, 16, 8), source=None, epochs=150, target_transform=transform
        ).fit(gapped, y)
        assert np.abs(model.predict(gapped) - y).mean() < 0.25 * y.std()

    def test_per_atom_scales_with_the_formula_unit(self, gapped):
        model = TransferMLPRegressor(**QUICK, source=None, target_transform="per_atom")
        model.fit(gapped, gapped["heat_capacity"])
        plain = model.networks_[0].predict(XenonPyDescriptors().featurize_array(["Fe4O6"]))
        assert model.predict(["Fe4O6"])[0] == pytest.approx(5 * plain[0, 0])

    def test_per_atom_needs_compositions(self, matrices):
        X, y, *_ = matrices
        with pytest.raises(ValueError, match='compositions with target_transform="per_atom"'):
            TransferMLPRegressor(**QUICK, source=None, target_transform="per_atom").fit(X, y)

    @pytest.mark.parametrize(("transform", "value"), [("sqrt", -1.0), ("log", 0.0)])
    def test_domain(self, matrices, transform, value):
        X, y, *_ = matrices
        y = np.abs(y) + 1
        y[7] = value
        with pytest.raises(ValueError, match=f'target_transform="{transform}", got .* in row 7'):
            TransferMLPRegressor(**QUICK, source=None, target_transform=transform).fit(X, y)

    def test_unknown(self, matrices):
        X, y, *_ = matrices
        names = "none, sqrt, log, per_atom, einstein, log_stiffness"
        with pytest.raises(ValueError, match=f"one of {names}, got 'cube'"):
            TransferMLPRegressor(**QUICK, source=None, target_transform="cube").fit(X, y)


class TestEnsemble:
    def test_mean_and_spread_over_members(self, gapped, small_source):
        y = gapped["heat_capacity"]
        model = TransferMLPRegressor(
            [(16, 8, 4), (12, 6, 4), (16, 8, 4)], epochs=20, source_epochs=5, source=small_source
        ).fit(gapped, y)
        members = model.predict_members(gapped)
        mean, std = model.predict(gapped, return_std=True)
        assert members.shape == (3, 124)
        np.testing.assert_allclose(mean, members.mean(axis=0))
        np.testing.assert_allclose(std, members.std(axis=0))
        assert (std > 0).all()
        assert len(model.source_networks_) == len(model.networks_) == 3

    def test_single_network_has_no_spread(self, matrices):
        X, y, *_ = matrices
        model = TransferMLPRegressor(**QUICK, source=None).fit(X, y)
        with pytest.raises(ValueError, match="expected an ensemble for return_std=True, got a sin"):
            model.predict(X, return_std=True)


class TestFolds:
    @pytest.mark.parametrize("sizes", [(16, 8, 4), [(16, 8, 4), (12, 6, 4)]])
    def test_equal_to_fitting_one_by_one(self, gapped, small_source, sizes):
        y = gapped["heat_capacity"].to_numpy()
        model = TransferMLPRegressor(sizes, epochs=5, source_epochs=3, source=small_source)
        folds = [train for train, _ in KFold(3).split(gapped)]
        together = model.fit_folds(gapped, y, folds)
        for fold, fitted in zip(folds, together, strict=True):
            alone = clone(model).fit(gapped.iloc[fold], y[fold])
            np.testing.assert_allclose(fitted.predict(gapped), alone.predict(gapped), rtol=1e-3)
            assert fitted.get_params()["epochs"] == 5
        assert not hasattr(model, "networks_")

    def test_source_of_each_fold(self, gapped, small_source, n_source_trainings):
        y = gapped["heat_capacity"].to_numpy()
        model = TransferMLPRegressor(**QUICK, source=small_source)
        folds = [train for train, _ in KFold(3).split(gapped)]
        tables = [small_source.iloc[:150], small_source.iloc[20:], small_source.iloc[:150]]
        together = model.fit_folds(gapped, y, folds, source=tables)
        assert n_source_trainings == [2]  # two distinct sources, trained together
        for fold, table, fitted in zip(folds, tables, together, strict=True):
            alone = clone(model).fit(gapped.iloc[fold], y[fold], source=table)
            assert fitted.source_record_ == alone.source_record_
            np.testing.assert_allclose(fitted.predict(gapped), alone.predict(gapped), rtol=2e-2)
        with pytest.raises(ValueError, match="a source for each of 3 folds, got 2"):
            model.fit_folds(gapped, y, folds, source=tables[:2])
        with pytest.raises(ValueError, match="for every fold or for none, got None for some"):
            model.fit_folds(gapped, y, folds, source=[None, small_source, None])

    def test_seeds(self, gapped, small_source, n_source_trainings):
        y = gapped["heat_capacity"].to_numpy()
        model = TransferMLPRegressor(**QUICK, source=small_source)
        one, two, three = model.fit_folds(gapped, y, [np.arange(100)] * 3, seeds=[1, 2, 1])
        np.testing.assert_allclose(one.predict(gapped), three.predict(gapped), rtol=1e-3)
        assert not np.allclose(one.predict(gapped), two.predict(gapped), rtol=1e-3)
        assert n_source_trainings == [1]
        with pytest.raises(ValueError, match="a seed for each of 3 folds, got 1"):
            model.fit_folds(gapped, y, [np.arange(100)] * 3, seeds=[1])

    def test_held_out_rows_do_not_reach_the_fitted_state(self, gapped):
        y = gapped["heat_capacity"].to_numpy()
        changed, y_changed = gapped.copy(), y.copy()
        changed["composition"] = [*gapped["composition"][:100], *[Composition("U3O8")] * 24]
        y_changed[100:] = 1e5
        model = TransferMLPRegressor(**QUICK, source=None)
        one = model.fit_folds(gapped, y, [np.arange(100)])[0]
        other = model.fit_folds(changed, y_changed, [np.arange(100)])[0]
        for name, array in one.networks_[0].get_state().items():
            np.testing.assert_array_equal(array, other.networks_[0].get_state()[name])


def test_progress_goes_to_stderr(matrices, capfd):
    X, y, *_ = matrices
    TransferMLPRegressor(**QUICK, source=None, verbose=True).fit(X, y)
    out, err = capfd.readouterr()
    assert out == ""
    assert "training 1 network" in err
    TransferMLPRegressor(**QUICK, source=None).fit(X, y)
    assert capfd.readouterr().err == ""
