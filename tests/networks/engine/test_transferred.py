"""Networks that start from a source: its weights and its scaler."""

import numpy as np
import pytest

from tests.networks.engine.cases import SMALL, train


class TestTransfer:
    def test_weights_are_copied_and_the_source_stays(self, data, source):
        X, y, folds = data
        before = source.get_state()
        rate = 1e-12  # so small that what the network started from can still be read
        stack = train(X, y, folds, SMALL, 1, initial=source, learning_rate=rate)
        for network in stack.networks:
            for layer in range(3):
                np.testing.assert_allclose(
                    network.hidden_weights[layer], source.hidden_weights[layer], atol=1e-6
                )
                np.testing.assert_allclose(network.gamma[layer], 1.0, atol=1e-6)
            assert np.abs(network.output_weights - source.output_weights).max() > 1e-3
        train(X, y, folds, SMALL, 20, initial=source)
        for name, array in source.get_state().items():
            np.testing.assert_array_equal(array, before[name])

    def test_batch_norm_on_request(self, data, source):
        X, y, folds = data
        rate = 1e-12
        stack = train(
            X,
            y,
            folds,
            SMALL,
            1,
            initial=source,
            learning_rate=rate,
            transfer_batch_norm=True,
            transfer_scaler=True,
        )
        network = stack.networks[0]
        for layer in range(3):
            np.testing.assert_allclose(network.gamma[layer], source.gamma[layer], atol=1e-6)
            np.testing.assert_allclose(network.beta[layer], source.beta[layer], atol=1e-6)
        np.testing.assert_array_equal(network.x_mean, source.x_mean)

    def test_some_layers(self, data, source):
        X, y, folds = data
        stack = train(
            X, y, folds, SMALL, 1, initial=source, learning_rate=1e-12, transfer_layers=(1,)
        )
        scratch = train(X, y, folds, SMALL, 1, learning_rate=1e-12)
        network, new = stack.networks[0], scratch.networks[0]
        np.testing.assert_allclose(network.hidden_weights[1], source.hidden_weights[1], atol=1e-6)
        # what is not transferred is what it would have been without a source
        np.testing.assert_allclose(network.hidden_weights[0], new.hidden_weights[0], atol=1e-6)
        np.testing.assert_allclose(network.hidden_weights[2], new.hidden_weights[2], atol=1e-6)

    @pytest.mark.parametrize("frozen", [(0,), (0, 1), (0, 1, 2)])
    def test_frozen_layers_keep_their_weights(self, data, source, frozen):
        X, y, folds = data
        stack = train(X, y, folds, SMALL, 20, initial=source, frozen_layers=frozen)
        for network in stack.networks:
            for layer in range(3):
                same = np.array_equal(network.hidden_weights[layer], source.hidden_weights[layer])
                assert same == (layer in frozen)
                assert not np.array_equal(network.gamma[layer], np.ones_like(network.gamma[layer]))

    def test_architecture_that_does_not_fit(self, data, source):
        X, y, folds = data
        with pytest.raises(ValueError, match=r"expected the initial network of fold 0 to have the"):
            train(X, y, folds, (16, 8, 5), 1, initial=source)
        with pytest.raises(ValueError, match=r"one initial network for each of 5 folds, got 2"):
            train(X, y, folds, SMALL, 1, initial=[source, source])


class TestInputScaler:
    def test_replaces_the_folds_own(self, data):
        X, y, folds = data
        scaler = (X.mean(0), X.std(0))
        stack = train(X, y, folds, SMALL, 3, input_scaler=scaler)
        for network in stack.networks:
            np.testing.assert_array_equal(network.x_mean, scaler[0])
            np.testing.assert_array_equal(network.x_scale, scaler[1])

    def test_bad(self, data, source):
        X, y, folds = data
        for scaler in ((X.mean(0)[:3], X.std(0)), (X.mean(0), X.std(0) * np.nan)):
            with pytest.raises(ValueError, match="expected input_scaler as finite means"):
                train(X, y, folds, SMALL, 1, input_scaler=scaler)
        with pytest.raises(ValueError, match="standard deviations of at least 0"):
            train(X, y, folds, SMALL, 1, input_scaler=(X.mean(0), -X.std(0)))
        settings = {"initial": source, "transfer_scaler": True}
        with pytest.raises(ValueError, match="expected input_scaler or transfer_scaler, got both"):
            train(X, y, folds, SMALL, 1, input_scaler=(X.mean(0), X.std(0)), **settings)
