"""Input that cannot be trained on, and the sentence for each."""

import numpy as np
import pytest

from matminer_phonon_tl.exceptions import TrainingError, TrainingWarning
from tests.networks.engine.cases import N_ROWS, SMALL, assert_equal, train


class TestBadInput:
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_descriptors(self, data, value):
        X, y, folds = data
        X = X.copy()
        X[folds[2][0], 4] = value
        with pytest.raises(
            TrainingError, match=r"expected finite descriptors in fold \d, got (nan|inf) in row"
        ):
            train(X, y, folds, SMALL, 1)

    @pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
    def test_labels(self, data, value, word):
        X, y, folds = data
        y = y.copy()
        y[7] = value
        with pytest.raises(TrainingError, match=f"finite labels in fold ., got {word} in row 7"):
            train(X, y, folds, SMALL, 1)

    def test_column_without_labels(self, data):
        X, y, folds = data
        Y = np.column_stack([y, np.full_like(y, np.nan)])
        with pytest.raises(TrainingError, match="got none in column 1 of fold 0"):
            train(X, Y, folds, SMALL, 1)

    @pytest.mark.parametrize(
        ("folds", "words"),
        [
            ([], "at least one fold of training rows, got none"),
            ([np.arange(30), np.array([], dtype=int)], "at least 2 training rows in fold 1"),
            ([np.array([3])], "at least 2 training rows in fold 0 .BatchNorm needs them., got 1"),
            ([np.array([0, 1, N_ROWS])], "row numbers from 0 to 59 in fold 0, got 0 to 60"),
            ([np.array([0, -1])], "row numbers from 0 to 59 in fold 0, got -1 to 0"),
            ([np.array([0, 1, 1])], "each row at most once in fold 0"),
            ([np.array([0.0, 1.0])], "one-dimensional array of row numbers"),
        ],
    )
    def test_folds(self, data, folds, words):
        X, y, _ = data
        with pytest.raises(TrainingError, match=words):
            train(X, y, folds, SMALL, 1)

    def test_boolean_folds_are_masks(self, data):
        X, y, folds = data
        mask = np.isin(np.arange(N_ROWS), folds[0])
        one = train(X, y, [mask], SMALL, 3).networks[0]
        assert_equal(one, train(X, y, folds[:1], SMALL, 3).networks[0])

    def test_constant_target_is_warned_of(self, data):
        X, y, folds = data
        y = np.where(np.isin(np.arange(N_ROWS), folds[1]), 3.0, y)
        with pytest.warns(TrainingWarning, match="column 0 of fold 1 is 3 in every row"):
            stack = train(X, y, folds[:2], SMALL, 3)
        assert np.isfinite(stack.predict(X)).all()

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"epochs": 0}, "expected epochs to be an integer of at least 1, got 0"),
            ({"epochs": 2.5}, "expected epochs to be an integer"),
            ({"learning_rate": 0}, "expected learning_rate to be a finite number above 0, got 0"),
            ({"learning_rate": np.nan}, "expected learning_rate to be a finite number above 0"),
            ({"weight_decay": -1}, "expected weight_decay to be a finite number of at least 0"),
            ({"dropout": 1.0}, "expected dropout to be .* of at least 0 and below 0.99, got 1.0"),
            ({"batch_size": 1}, "expected batch_size to be an integer of at least 2, got 1"),
            ({"dtype": "float16"}, 'expected dtype "float32" or "float64"'),
            ({"device": "nonsense"}, "expected a device that torch can use here"),
            ({"hidden_layer_sizes": (16, 0, 4)}, "tuple of positive integers"),
            ({"hidden_layer_sizes": [SMALL] * 3}, "each of 5 networks, got 3"),
            ({"hidden_layer_sizes": [SMALL] * 4 + [(3, 2)]}, "same number of hidden layers"),
            ({"random_state": -1}, "expected a random_state of 0 or more, got -1"),
            ({"random_state": [1, 2]}, "one random_state for each of 5 networks, got 2"),
            ({"frozen_layers": (3,)}, "frozen_layers to be .* numbers of hidden layers, 0 to 2"),
            ({"transfer_scaler": True}, "initial network to take the scaler from, got none"),
        ],
    )
    def test_settings(self, data, settings, words):
        with pytest.raises(ValueError, match=words):
            train(*data, **{"hidden_layer_sizes": SMALL, "epochs": 1, **settings})

    def test_shapes(self, data):
        X, y, folds = data
        with pytest.raises(TrainingError, match="expected labels for 60 rows"):
            train(X, y[:-1], folds, SMALL, 1)
        with pytest.raises(TrainingError, match="expected X as a matrix"):
            train(X[0], y, folds, SMALL, 1)
        stack = train(X, y, folds, SMALL, 1)
        with pytest.raises(
            ValueError, match="expected a matrix of 7 columns, got an array of shape"
        ):
            stack.predict(X[:, :3])
