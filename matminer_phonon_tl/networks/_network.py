"""A trained network as plain arrays, which predicts with numpy alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BATCH_NORM_EPS = 1e-5  # torch's default, which the paper's networks used
_ROWS_PER_BLOCK = 65_536  # bounds the activations of one prediction to some 150 MB


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """One multilayer perceptron of the paper's form, with the scalers it was trained with.

    Every hidden layer is Linear - BatchNorm - ReLU (- Dropout in training). The hidden linear maps
    have no bias: BatchNorm subtracts the mean, and any bias with it.

    Parameters
    ----------
    hidden_weights : tuple of ndarray, each of shape (n_inputs, n_units)
        Linear maps of the hidden layers, first layer first.
    gamma, beta : tuple of ndarray, each of shape (n_units,)
        BatchNorm's scale and shift.
    running_mean, running_var : tuple of ndarray, each of shape (n_units,)
        BatchNorm's moving averages (momentum 0.1, unbiased variance), used in prediction.
    output_weights : ndarray of shape (n_units, n_outputs)
        Linear map of the output layer.
    output_bias : ndarray of shape (n_outputs,)
        Its bias.
    x_mean, x_scale : ndarray of shape (n_features,)
        Mean and standard deviation of the training rows. A column that is constant there has scale
        0 and does not enter the network: its weights were never trained.
    y_mean, y_scale : ndarray of shape (n_outputs,)
        Mean and standard deviation of the training labels.
    """

    hidden_weights: tuple[np.ndarray, ...]
    gamma: tuple[np.ndarray, ...]
    beta: tuple[np.ndarray, ...]
    running_mean: tuple[np.ndarray, ...]
    running_var: tuple[np.ndarray, ...]
    output_weights: np.ndarray
    output_bias: np.ndarray
    x_mean: np.ndarray
    x_scale: np.ndarray
    y_mean: np.ndarray
    y_scale: np.ndarray

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
        """Predict in the units of the labels the network was trained on.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Unscaled descriptors.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            Predictions, float64: the arithmetic is done in double precision whatever the training's
            was, so that a row's prediction does not depend on the rows beside it.

        Raises
        ------
        ValueError
            If X does not have `n_features` columns.
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

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, as `from_state` takes them.

        Returns
        -------
        dict of str to ndarray
            Copies, so that no change to them reaches the network.
        """
        arrays = {
            "output_weights": self.output_weights,
            "output_bias": self.output_bias,
            "x_mean": self.x_mean,
            "x_scale": self.x_scale,
            "y_mean": self.y_mean,
            "y_scale": self.y_scale,
        }
        for layer in range(len(self.hidden_weights)):
            arrays[f"hidden_{layer}_weights"] = self.hidden_weights[layer]
            arrays[f"hidden_{layer}_gamma"] = self.gamma[layer]
            arrays[f"hidden_{layer}_beta"] = self.beta[layer]
            arrays[f"hidden_{layer}_running_mean"] = self.running_mean[layer]
            arrays[f"hidden_{layer}_running_var"] = self.running_var[layer]
        return {name: array.copy() for name, array in arrays.items()}

    @classmethod
    def from_state(cls, state: dict[str, np.ndarray], n_hidden: int) -> "TrainedNetwork":
        """Build a network from `state`'s arrays without looking at them.

        Parameters
        ----------
        state : dict of str to ndarray
            As `state` returns it.
        n_hidden : int
            Number of hidden layers.

        Returns
        -------
        TrainedNetwork
            A network that predicts bit for bit like the one the arrays came from.

        Raises
        ------
        KeyError
            If an array is missing.
        """
        layers = range(n_hidden)
        return cls(
            hidden_weights=tuple(state[f"hidden_{layer}_weights"] for layer in layers),
            gamma=tuple(state[f"hidden_{layer}_gamma"] for layer in layers),
            beta=tuple(state[f"hidden_{layer}_beta"] for layer in layers),
            running_mean=tuple(state[f"hidden_{layer}_running_mean"] for layer in layers),
            running_var=tuple(state[f"hidden_{layer}_running_var"] for layer in layers),
            **{
                name: state[name]
                for name in (
                    "output_weights",
                    "output_bias",
                    "x_mean",
                    "x_scale",
                    "y_mean",
                    "y_scale",
                )
            },
        )


def predict_all(networks: Sequence[TrainedNetwork], X: np.ndarray) -> np.ndarray:
    """Predict with several networks.

    Parameters
    ----------
    networks : sequence of TrainedNetwork
        Networks with the same number of features and outputs.
    X : ndarray of shape (n_samples, n_features)
        Unscaled descriptors.

    Returns
    -------
    ndarray of shape (n_networks, n_samples, n_outputs)
        Predictions, in the order of the networks.
    """
    return np.stack([network.predict(X) for network in networks])
