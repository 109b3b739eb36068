import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from matminer_phonon_tl.exceptions import (
    CompositionError,
    ModelFormatError,
    TrainingError,
    TrainingWarning,
)
from matminer_phonon_tl.featurizers import XenonPyDescriptors
from matminer_phonon_tl.models import _source_networks, load_model, save_model
from matminer_phonon_tl.models.transfer import TransferMLPRegressor

QUICK = {"hidden_layer_sizes": (16, 8, 4), "source_epochs": 8, "epochs": 20}


@parametrize_with_checks([TransferMLPRegressor((16, 8, 8), source=None, epochs=60, dropout=0.0)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def gapped(phonon_tl):
    """The 124 materials with a gap; composition and three targets."""
    return phonon_tl[phonon_tl["has_phonon_bandgap"]].reset_index(drop=True)


@pytest.fixture(scope="module")
def small_source(phonon_tl):
    """Two tasks of 200 materials, the second half unknown in one."""
    frame = phonon_tl.iloc[:200][["composition", "bandgap", "speed_of_sound"]].copy()
    frame.loc[frame.index[100:], "speed_of_sound"] = np.nan
    return frame


@pytest.fixture
def matrices():
    rng = np.random.default_rng(0)
    X, X_source = rng.normal(size=(50, 6)), rng.normal(size=(80, 6))
    return X, X[:, 0] + X[:, 1] ** 2, X_source, X_source[:, 0] ** 2


@pytest.fixture
def n_source_trainings(monkeypatch):
    """Count the source networks that are trained, from an empty cache."""
    counts = []
    real = _source_networks.train_folds

    def train_folds(X, y, folds, *arguments, **settings):
        counts.append(len(folds))
        return real(X, y, folds, *arguments, **settings)

    monkeypatch.setattr(_source_networks, "train_folds", train_folds)
    _source_networks.SOURCE_CACHE.clear()
    return counts


class TestInputs:
    def test_all_kinds_of_compositions_agree(self, gapped, small_source):
        X = gapped[["composition"]]
        y = gapped["heat_capacity"]
        model = TransferMLPRegressor(**QUICK, source=small_source).fit(X, y)
        expected = model.predict(X)
        compositions = gapped["composition"].tolist()
        formulas = [own.formula.replace(" ", "") for own in compositions]
        for other in (gapped["composition"], compositions, formulas, np.array(formulas)):
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
        with pytest.raises(NotFittedError):
            TransferMLPRegressor().source_state()


class TestSource:
    def test_is_trained_once_in_a_cross_validation(self, gapped, small_source, n_source_trainings):
        model = TransferMLPRegressor(**QUICK, source=small_source)
        cross_val_predict(model, gapped, gapped["speed_of_sound"].to_numpy(), cv=4)
        assert n_source_trainings == [1]
        clone(model).set_params(epochs=3, learning_rate=0.1).fit(gapped, gapped["heat_capacity"])
        assert n_source_trainings == [1]

    @pytest.mark.parametrize(
        "change",
        [
            {"random_state": 1},
            {"source_epochs": 9},
            {"source_learning_rate": 0.02},
            {"dropout": 0.2},
            {"weight_decay": 0.0},
            {"batch_size": 100},
            {"hidden_layer_sizes": (16, 8, 5)},
        ],
    )
    def test_is_trained_anew_for_other_settings(
        self, gapped, small_source, n_source_trainings, change
    ):
        y = gapped["heat_capacity"]
        TransferMLPRegressor(**QUICK, source=small_source).fit(gapped, y)
        TransferMLPRegressor(**{**QUICK, **change}, source=small_source).fit(gapped, y)
        assert n_source_trainings == [1, 1]

    def test_is_trained_anew_for_other_data(self, gapped, small_source, n_source_trainings):
        y = gapped["heat_capacity"]
        changed = small_source.copy()
        changed.loc[changed.index[0], "bandgap"] += 1e-9
        for table in (small_source, changed):
            TransferMLPRegressor(**QUICK, source=table).fit(gapped, y)
        assert n_source_trainings == [1, 1]

    def test_weights_are_never_changed(self, gapped, small_source):
        y = gapped["heat_capacity"]
        model = TransferMLPRegressor(**QUICK, source=small_source, transfer_batch_norm=True)
        before = model.fit(gapped, y).source_state()
        clone(model).set_params(epochs=50).fit(gapped, 3 * y)
        other = clone(model).fit(gapped, y)
        for name, array in other.source_state().items():
            np.testing.assert_array_equal(array, before[name])
        state = model.source_state()
        state["member_0/hidden_0_weights"][:] = 0.0
        assert not np.array_equal(model.source_state()["member_0/hidden_0_weights"], 0.0)

    def test_for_one_fit_only(self, gapped, small_source):
        y = gapped["heat_capacity"]
        model = TransferMLPRegressor(**QUICK, source=None)
        model.fit(gapped, y, source=small_source)
        assert model.source is None
        assert model.source_record_["tasks"] == ["bandgap", "speed_of_sound"]
        model.fit(gapped, y)
        assert model.source_record_ is None
        with pytest.raises(ValueError, match="expected a model with a source, got one that was"):
            model.source_state()
        model.set_params(source=small_source).fit(gapped, y, source=None)
        assert model.source_networks_ == ()

    def test_changes_the_model(self, gapped, small_source):
        y = gapped["heat_capacity"]
        with_source = TransferMLPRegressor(**QUICK, source=small_source).fit(gapped, y)
        without = TransferMLPRegressor(**QUICK, source=None).fit(gapped, y)
        assert not np.allclose(with_source.predict(gapped), without.predict(gapped))

    def test_without_transferred_layers_equals_no_source(self, gapped, n_source_trainings):
        y = gapped["heat_capacity"]
        none = TransferMLPRegressor(**QUICK, transfer_layers="none").fit(gapped, y)
        without = TransferMLPRegressor(**QUICK, source=None).fit(gapped, y)
        np.testing.assert_array_equal(none.predict(gapped), without.predict(gapped))
        assert n_source_trainings == []

    def test_default_is_the_shipped_band_gaps(self, gapped):
        model = TransferMLPRegressor((8, 4, 4), epochs=2, source_epochs=1)
        model.fit(gapped, gapped["phonon_bandgap"])
        assert model.source_record_["name"] == "bandgap"
        assert model.source_record_["n_samples"] == 1245


class TestTransferredLayers:
    @pytest.mark.parametrize(
        ("layers", "numbers"),
        [("all", (0, 1, 2)), ("first", (0,)), ("second", (1,)), ((0, 2), (0, 2)), ((), ())],
    )
    def test_named_and_numbered(self, gapped, small_source, layers, numbers):
        model = TransferMLPRegressor(
            **{**QUICK, "epochs": 1},
            source=small_source,
            transfer_layers=layers,
            learning_rate=1e-12,
        )
        model.fit(gapped, gapped["heat_capacity"])
        source = clone(model).set_params(transfer_layers="all")
        source = source.fit(gapped, gapped["heat_capacity"]).source_networks_[0]
        for layer in range(3):
            own, theirs = model.networks_[0].hidden_weights[layer], source.hidden_weights[layer]
            assert np.allclose(own, theirs, atol=1e-6) == (layer in numbers)

    def test_frozen(self, gapped, small_source):
        model = TransferMLPRegressor(**QUICK, source=small_source, frozen_layers=(0, 1))
        model.fit(gapped, gapped["heat_capacity"])
        own, source = model.networks_[0], model.source_networks_[0]
        for layer in range(3):
            same = np.array_equal(own.hidden_weights[layer], source.hidden_weights[layer])
            assert same == (layer < 2)

    @pytest.mark.parametrize("layers", ["fourth", (3,), (-1,), 2, ("first",)])
    def test_bad(self, gapped, layers):
        for name in ("transfer_layers", "frozen_layers"):
            with pytest.raises(ValueError, match=f'expected {name} to be "all", "first"'):
                TransferMLPRegressor(**QUICK, source=None, **{name: layers}).fit(
                    gapped, gapped["heat_capacity"]
                )


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
        for fold, own in zip(folds, together, strict=True):
            alone = clone(model).fit(gapped.iloc[fold], y[fold])
            np.testing.assert_allclose(own.predict(gapped), alone.predict(gapped), rtol=1e-3)
            assert own.get_params()["epochs"] == 5
        assert not hasattr(model, "networks_")

    def test_source_of_each_fold(self, gapped, small_source, n_source_trainings):
        y = gapped["heat_capacity"].to_numpy()
        model = TransferMLPRegressor(**QUICK, source=small_source)
        folds = [train for train, _ in KFold(3).split(gapped)]
        tables = [small_source.iloc[:150], small_source.iloc[20:], small_source.iloc[:150]]
        together = model.fit_folds(gapped, y, folds, source=tables)
        assert n_source_trainings == [2]  # two distinct sources, trained together
        for fold, table, own in zip(folds, tables, together, strict=True):
            alone = clone(model).fit(gapped.iloc[fold], y[fold], source=table)
            assert own.source_record_ == alone.source_record_
            np.testing.assert_allclose(own.predict(gapped), alone.predict(gapped), rtol=2e-2)
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
        for name, array in one.networks_[0].state().items():
            np.testing.assert_array_equal(array, other.networks_[0].state()[name])


class TestScikitLearn:
    def test_clone_keeps_the_source(self, small_source):
        model = TransferMLPRegressor(source=small_source, hidden_layer_sizes=[(8, 4, 2)] * 2)
        twin = clone(model)
        pd.testing.assert_frame_equal(twin.source, small_source)
        assert twin.get_params()["hidden_layer_sizes"] == [(8, 4, 2)] * 2

    def test_pipeline(self, matrices):
        X, y, *_ = matrices
        model = make_pipeline(MinMaxScaler(), TransferMLPRegressor(**QUICK, source=None))
        assert model.fit(X, y).predict(X).shape == (50,)

    def test_grid_search(self, gapped, small_source):
        search = GridSearchCV(
            TransferMLPRegressor(**QUICK, source=small_source),
            {"learning_rate": np.array([0.01, 0.002]), "epochs": np.array([3, 5])},
            cv=2,
            scoring="neg_mean_absolute_error",
        ).fit(gapped, gapped["heat_capacity"])
        assert set(search.best_params_) == {"learning_rate", "epochs"}
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    def test_deterministic(self, gapped, small_source):
        y = gapped["heat_capacity"]
        _source_networks.SOURCE_CACHE.clear()
        one = TransferMLPRegressor(**QUICK, source=small_source).fit(gapped, y).predict(gapped)
        _source_networks.SOURCE_CACHE.clear()
        two = TransferMLPRegressor(**QUICK, source=small_source).fit(gapped, y).predict(gapped)
        np.testing.assert_array_equal(one, two)
        random = [
            TransferMLPRegressor(**QUICK, source=None, random_state=None)
            .fit(gapped, y)
            .predict(gapped)
            for _ in range(2)
        ]
        assert not np.array_equal(*random)

    @pytest.mark.parametrize("target", [None, "phonon_bandgap", "speed_of_sound", "heat_capacity"])
    def test_recommended(self, target, gapped):
        model = TransferMLPRegressor.recommended(
            target, epochs=3, source_epochs=2, hidden_layer_sizes=(8, 4, 4)
        )
        assert clone(model).get_params() == model.get_params()
        assert model.epochs == 3
        y = gapped[target or "speed_of_sound"]
        assert np.isfinite(model.fit(gapped, y).predict(gapped)).all()

    def test_recommended_for_an_unknown_target(self):
        with pytest.raises(ValueError, match=r"expected a target among None, .*, got 'x'"):
            TransferMLPRegressor.recommended("x")


class TestState:
    @pytest.fixture(scope="class")
    @staticmethod
    def model(gapped, small_source):
        return TransferMLPRegressor(
            [(16, 8, 4), (12, 6, 4)],
            epochs=10,
            source_epochs=3,
            source=small_source,
            target_transform="per_atom",
        ).fit(gapped, gapped["heat_capacity"])

    def test_round_trip_predicts_bit_for_bit(self, model, gapped, tmp_path):
        save_model(model, tmp_path / "model.json.gz")
        loaded = load_model(tmp_path / "model.json.gz")
        for one, other in zip(
            loaded.predict(gapped, return_std=True),
            model.predict(gapped, return_std=True),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)
        for name, array in loaded.source_state().items():
            np.testing.assert_array_equal(array, model.source_state()[name])
        np.testing.assert_array_equal(loaded.loss_curves_, model.loss_curves_)
        assert loaded.source_record_ == model.source_record_

    def test_loaded_model_needs_its_source_to_fit_again(self, model, gapped, small_source):
        loaded = TransferMLPRegressor.from_dict(json.loads(json.dumps(model.as_dict())))
        assert loaded.source == model.source_record_
        y = gapped["heat_capacity"]
        with pytest.raises(TrainingError, match="expected the source data in order to fit again"):
            loaded.fit(gapped, y)
        refitted = loaded.fit(gapped, y, source=small_source)
        np.testing.assert_array_equal(refitted.predict(gapped), model.predict(gapped))

    def test_unfitted_round_trip(self):
        model = TransferMLPRegressor.recommended()
        loaded = TransferMLPRegressor.from_dict(json.loads(json.dumps(model.as_dict())))
        assert loaded.get_params() == model.get_params()

    def test_feature_names(self, matrices):
        X, y, *_ = matrices
        frame = pd.DataFrame(X, columns=list("abcdef"))
        model = TransferMLPRegressor(**QUICK, source=None).fit(frame, y)
        loaded = TransferMLPRegressor.from_dict(json.loads(json.dumps(model.as_dict())))
        np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))
        with pytest.raises(ValueError, match="feature names"):
            loaded.predict(frame[list("fedcba")])

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda s: s.pop("networks"), "expected a state with the keys"),
            (lambda s: s.update(extra=1), "expected a state with the keys"),
            (lambda s: s.update(format=2), "expected state format 1, got 2"),
            (lambda s: s.update(n_features=0), "expected a positive number of features, got 0"),
            (lambda s: s.update(n_features=289), r"of shape \(289,\)|\(289, 16\)"),
            (lambda s: s.update(feature_names=["a"]), "expected 290 feature names or none"),
            (lambda s: s["networks"].pop(), "expected 2 networks, got 1"),
            (lambda s: s.update(networks="x"), "expected 2 networks, got str"),
            (lambda s: s["networks"].__setitem__(0, 3), r"arrays in networks\[0\], got int"),
            (lambda s: s["networks"][0].pop("output_bias"), "unknown: output_bias"),
            (lambda s: s["networks"][1].update(more=np.ones(2)), "unknown: more"),
            (lambda s: s["networks"][0].update(x_mean=[1.0]), "x_mean to be a 1-dim.* got list"),
            (
                lambda s: s["networks"][0].update(x_mean=np.ones(290, dtype=int)),
                "1-dimensional array of floats, got int64",
            ),
            (
                lambda s: s["networks"][0]["hidden_1_weights"].__setitem__((0, 0), np.nan),
                r"finite numbers in networks\[0\].hidden_1_weights, got NaN",
            ),
            (
                lambda s: s["source_networks"][1]["hidden_0_gamma"].__setitem__(0, np.inf),
                r"finite numbers in source_networks\[1\].hidden_0_gamma",
            ),
            (
                lambda s: s["networks"][0].update(hidden_2_weights=np.ones((8, 5))),
                r"hidden_2_weights of shape \(8, 4\), got \(8, 5\)",
            ),
            (
                lambda s: s["networks"][0].update(hidden_0_running_var=-np.ones(16)),
                "expected positive numbers in .*hidden_0_running_var",
            ),
            (
                lambda s: s["networks"][0].update(y_scale=np.zeros(1)),
                "expected positive numbers in .*y_scale",
            ),
            (lambda s: s.update(loss_curves=np.ones((3, 5))), "expected 2 loss curves"),
            (lambda s: s.update(source_record="x"), "expected a record of the source, got str"),
        ],
    )
    def test_bad_states_are_refused(self, model, change, words):
        state = model._get_state()
        change(state)
        with pytest.raises(ModelFormatError, match=words):
            clone(model)._set_state(state)

    def test_state_that_does_not_fit_the_parameters(self, model):
        state = model._get_state()
        other = TransferMLPRegressor([(16, 8, 4), (12, 6, 5)])
        with pytest.raises(ModelFormatError, match="does not fit its own hidden_layer_sizes"):
            other._set_state(state)
        with pytest.raises(ModelFormatError, match="expected hidden_layer_sizes to be a tuple"):
            TransferMLPRegressor("x")._set_state(state)


def test_neither_importing_nor_predicting_needs_torch(gapped, tmp_path):
    model = TransferMLPRegressor(**QUICK, source=None).fit(gapped, gapped["heat_capacity"])
    save_model(model, tmp_path / "model.json")
    code = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'torch':\n"
        "            raise ImportError('torch is not installed here')\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "from matminer_phonon_tl.models import TransferMLPRegressor, load_model\n"
        f"model = load_model({str(tmp_path / 'model.json')!r})\n"
        "print(model.predict(['NaCl'])[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(model.predict(["NaCl"])[0], rel=1e-12)


def test_progress_goes_to_stderr(matrices, capfd):
    X, y, *_ = matrices
    TransferMLPRegressor(**QUICK, source=None, verbose=True).fit(X, y)
    out, err = capfd.readouterr()
    assert out == ""
    assert "training 1 network" in err
    TransferMLPRegressor(**QUICK, source=None).fit(X, y)
    assert capfd.readouterr().err == ""
