"""A trained network as plain arrays, which predicts with numpy alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models.state import check_arrays

BATCH_NORM_EPS = 1e-5  # torch's default, which the paper's networks used
_ROWS_PER_BLOCK = 65_536  # bounds the activations of one prediction to some 150 MB
# Names in a state: a hidden layer's arrays and the attributes that hold them, and the other arrays.
_LAYER_ARRAYS = {
    "weights": "hidden_weights",
    "gamma": "gamma",
    "beta": "beta",
    "running_mean": "running_mean",
    "running_var": "running_var",
}
_OUTER_ARRAYS = ("output_weights", "output_bias", "x_mean", "x_scale", "y_mean", "y_scale")


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """One multilayer perceptron of the paper's form, with the scalers it was trained with.

    Every hidden layer is Linear - BatchNorm - ReLU (- Dropout in training). The hidden linear maps
    have no bias, because BatchNorm would subtract it together with the mean.
    """

    hidden_weights: tuple[np.ndarray, ...]
    """Linear maps of the hidden layers, first layer first; shape (n_inputs, n_units)."""
    gamma: tuple[np.ndarray, ...]
    beta: tuple[np.ndarray, ...]
    """BatchNorm's scale and shift; shape (n_units,)."""
    running_mean: tuple[np.ndarray, ...]
    running_var: tuple[np.ndarray, ...]
    """BatchNorm's moving averages (momentum 0.1, unbiased variance), used in prediction; shape
    (n_units,)."""
    output_weights: np.ndarray
    """Linear map of the output layer; shape (n_units, n_outputs)."""
    output_bias: np.ndarray
    """Bias of the output layer; shape (n_outputs,)."""
    x_mean: np.ndarray
    x_scale: np.ndarray
    """Mean and standard deviation of the training rows. A column that is constant in them has scale
    0 and does not enter the network, because its weights were never trained; shape
    (n_features,)."""
    y_mean: np.ndarray
    y_scale: np.ndarray
    """Mean and standard deviation of the training labels; shape (n_outputs,)."""

    @property
    def hidden_layer_sizes(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        return tuple(int(weights.shape[1]) for weights in self.hidden_weights)

    @property
    def n_features(self) -> int:
        """Number of columns the network reads."""
        return int(self.hidden_weights[0].shape[0])

    @property
    def n_outputs(self) -> int:
        """Number of values the network predicts for a row."""
        return int(self.output_weights.shape[1])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict from unscaled descriptors, shape (n_samples, n_outputs), in the labels' unit.

        The arithmetic is in double precision, also where the training was not, so that a row's
        prediction does not depend on the rows beside it.
        """
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != self.n_features:
            raise ValueError(
                f"expected a matrix of {self.n_features} columns, got an array of shape {X.shape}: "
                "pass the descriptors that the network was trained on"
            )
        out = np.empty((X.shape[0], self.n_outputs))
        for start in range(0, X.shape[0], _ROWS_PER_BLOCK):
            out[start : start + _ROWS_PER_BLOCK] = self._forward(X[start : start + _ROWS_PER_BLOCK])
        return out

    def _forward(self, X: np.ndarray) -> np.ndarray:
        used = self.x_scale != 0
        inverse = np.divide(1.0, self.x_scale, out=np.zeros(self.n_features), where=used)
        hidden = (X - self.x_mean) * inverse
        for weights, gamma, beta, mean, var in zip(
            self.hidden_weights,
            self.gamma,
            self.beta,
            self.running_mean,
            self.running_var,
            strict=True,
        ):
            factor = gamma.astype(np.float64) / np.sqrt(var.astype(np.float64) + BATCH_NORM_EPS)
            hidden = hidden @ weights.astype(np.float64)
            hidden -= mean
            hidden *= factor
            hidden += beta
            np.maximum(hidden, 0.0, out=hidden)
        scaled = hidden @ self.output_weights.astype(np.float64) + self.output_bias
        return scaled * self.y_scale + self.y_mean

    def get_state(self) -> dict[str, np.ndarray]:
        """Return copies of the arrays by name, as `from_state` takes them."""
        arrays = {name: getattr(self, name) for name in _OUTER_ARRAYS}
        for kind, attribute in _LAYER_ARRAYS.items():
            for layer, array in enumerate(getattr(self, attribute)):
                arrays[f"hidden_{layer}_{kind}"] = array
        return {name: array.copy() for name, array in arrays.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], n_hidden: int) -> "TrainedNetwork":
        """Build a network from arrays that need no check, because training made them."""
        fields: dict[str, Any] = {name: arrays[name] for name in _OUTER_ARRAYS}
        for kind, attribute in _LAYER_ARRAYS.items():
            fields[attribute] = tuple(arrays[f"hidden_{i}_{kind}"] for i in range(n_hidden))
        return cls(**fields)

    @classmethod
    def from_state(
        cls, state: Any, widths: tuple[int, ...], n_features: int, name: str
    ) -> "TrainedNetwork":
        """Build a network from the arrays of a file, or raise ModelFormatError.

        Its hidden layers must have these widths, and it must read `n_features` columns; errors call
        it `name`.
        """
        fields: dict[str, Any] = {
            "output_weights": (np.float32, (widths[-1], "n_outputs")),
            "output_bias": (np.float32, ("n_outputs",)),
            "x_mean": (np.float64, (n_features,)),
            "x_scale": (np.float64, (n_features,)),
            "y_mean": (np.float64, ("n_outputs",)),
            "y_scale": (np.float64, ("n_outputs",)),
        }
        for layer, (n_inputs, width) in enumerate(pairwise((n_features, *widths))):
            for kind in _LAYER_ARRAYS:
                shape = (n_inputs, width) if kind == "weights" else (width,)
                fields[f"hidden_{layer}_{kind}"] = (np.float32, shape)
        check_arrays(state, name, fields, only=True)
        for key in fields:
            if key.endswith(("scale", "var")):
                # a constant column's scale is 0; labels are divided by their scale
                least = np.finfo(float).tiny if key == "y_scale" else 0.0
                if (state[key] < least).any():
                    raise ModelFormatError(f"expected positive numbers in {key} of {name}")
        return cls.from_arrays(state, len(widths))


def predict_all(networks: Sequence[TrainedNetwork], X: np.ndarray) -> np.ndarray:
    """Predict with several networks, shape (n_networks, n_samples, n_outputs)."""
    return np.stack([network.predict(X) for network in networks])
