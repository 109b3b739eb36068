"""Source tasks: trained once, transferred as the paper does."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from matminer_phonon_tl.models.source_tasks import load_source
from matminer_phonon_tl.networks.transfer import TransferMLPRegressor
from tests.networks.transfer.cases import QUICK


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
        before = model.fit(gapped, y).source_networks_[0].get_state()
        clone(model).set_params(epochs=50).fit(gapped, 3 * y)
        other = clone(model).fit(gapped, y)
        for name, array in other.source_networks_[0].get_state().items():
            np.testing.assert_array_equal(array, before[name])
        state = model.source_networks_[0].get_state()
        state["hidden_0_weights"][:] = 0.0
        assert not np.array_equal(model.source_networks_[0].get_state()["hidden_0_weights"], 0.0)

    def test_kyoto_by_name_masks_the_speeds_that_are_missing(self, gapped):
        y = gapped["speed_of_sound"]
        quick = {**QUICK, "source_epochs": 1, "batch_size": 2000}
        by_name = TransferMLPRegressor(**quick, source="kyoto").fit(gapped, y)
        table = load_source("kyoto")
        assert by_name.source_record_["n_samples"] == len(table) == 6179
        assert by_name.source_record_["tasks"] == list(table.columns[1:])
        complete = table[table.notna().all(axis=1)]
        on_complete = TransferMLPRegressor(**quick, source=complete).fit(gapped, y)
        filled = TransferMLPRegressor(**quick, source=table.fillna(0.0)).fit(gapped, y)
        predicted = [model.predict(gapped) for model in (by_name, on_complete, filled)]
        assert np.isfinite(predicted).all()
        assert not np.array_equal(predicted[0], predicted[1])
        assert not np.array_equal(predicted[0], predicted[2])

    def test_for_one_fit_only(self, gapped, small_source):
        y = gapped["heat_capacity"]
        model = TransferMLPRegressor(**QUICK, source=None)
        model.fit(gapped, y, source=small_source)
        assert model.source is None
        assert model.source_record_["tasks"] == ["bandgap", "speed_of_sound"]
        model.fit(gapped, y)
        assert model.source_record_ is None
        assert model.source_networks_ == ()
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
            weights = model.networks_[0].hidden_weights[layer]
            same = np.allclose(weights, source.hidden_weights[layer], atol=1e-6)
            assert same == (layer in numbers)

    def test_frozen(self, gapped, small_source):
        model = TransferMLPRegressor(**QUICK, source=small_source, frozen_layers=(0, 1))
        model.fit(gapped, gapped["heat_capacity"])
        network, source = model.networks_[0], model.source_networks_[0]
        for layer in range(3):
            same = np.array_equal(network.hidden_weights[layer], source.hidden_weights[layer])
            assert same == (layer < 2)

    @pytest.mark.parametrize("layers", ["fourth", (3,), (-1,), 2, ("first",)])
    def test_bad(self, gapped, layers):
        for name in ("transfer_layers", "frozen_layers"):
            with pytest.raises(ValueError, match=f'expected {name} to be "all", "first"'):
                TransferMLPRegressor(**QUICK, source=None, **{name: layers}).fit(
                    gapped, gapped["heat_capacity"]
                )
