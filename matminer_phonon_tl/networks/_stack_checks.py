"""Checks of what `train_folds` is given: each error says what was expected and what came."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np

from matminer_phonon_tl.exceptions import TrainingError
from matminer_phonon_tl.networks._network import TrainedNetwork

MIN_BATCH_ROWS = 2  # BatchNorm has no variance of a single row


@dataclass(frozen=True)
class StackSettings:
    """Everything that all networks of a stack have in common."""

    epochs: int
    learning_rate: float
    weight_decay: float
    dropout: float
    batch_size: int | None
    transfer_layers: tuple[int, ...]
    transfer_batch_norm: bool
    frozen_layers: tuple[int, ...]
    dtype: Literal["float32", "float64"]
    device: str


def make_settings(
    *,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
    dropout: float,
    batch_size: int | None,
    transfer_batch_norm: bool,
    dtype: Literal["float32", "float64"],
    device: str,
) -> StackSettings:
    """Check the numbers of `train_folds` and put them together."""
    _check_number("epochs", epochs, Integral, 1)
    if batch_size is not None:
        _check_number("batch_size", batch_size, Integral, MIN_BATCH_ROWS)
    _check_number("learning_rate", learning_rate, Real, 0, open_below=True)
    _check_number("weight_decay", weight_decay, Real, 0)
    _check_number("dropout", dropout, Real, 0, below=0.99)
    if dtype not in ("float32", "float64"):
        raise ValueError(f'expected dtype "float32" or "float64", got {dtype!r}')
    return StackSettings(
        epochs=int(epochs),
        learning_rate=float(learning_rate),
        weight_decay=float(weight_decay),
        dropout=float(dropout),
        batch_size=None if batch_size is None else int(batch_size),
        transfer_layers=(),
        transfer_batch_norm=bool(transfer_batch_norm),
        frozen_layers=(),
        dtype=dtype,
        device=device,
    )


def _check_number(
    name: str,
    value: Any,
    kind: type[Integral] | type[Real],
    least: float,
    *,
    below: float = math.inf,
    open_below: bool = False,
) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, kind)
        or not least <= float(value) < below
        or (open_below and float(value) == least)
    ):
        what = "an integer" if kind is Integral else "a finite number"
        bound = f"above {least}" if open_below else f"of at least {least}"
        top = "" if below == math.inf else f" and below {below}"
        raise ValueError(f"expected {name} to be {what} {bound}{top}, got {value!r}")


def check_folds(folds: Sequence[np.ndarray], n_samples: int) -> list[np.ndarray]:
    """Return the folds as index arrays, or say which one cannot be trained on."""
    if len(folds) == 0:
        raise TrainingError("expected at least one fold of training rows, got none")
    checked = []
    for number, fold in enumerate(folds):
        rows = np.asarray(fold)
        if rows.dtype == bool and rows.shape == (n_samples,):
            rows = np.flatnonzero(rows)
        if rows.ndim != 1 or (rows.size and not np.issubdtype(rows.dtype, np.integer)):
            raise TrainingError(
                f"expected fold {number} to be a one-dimensional array of row numbers, got shape "
                f"{rows.shape} of {rows.dtype}: pass the training indices a splitter yields"
            )
        if rows.size < MIN_BATCH_ROWS:
            raise TrainingError(
                f"expected at least {MIN_BATCH_ROWS} training rows in fold {number} (BatchNorm "
                f"needs them), got {rows.size}: use fewer splits or more data"
            )
        if rows.min() < 0 or rows.max() >= n_samples:
            raise TrainingError(
                f"expected row numbers from 0 to {n_samples - 1} in fold {number}, got "
                f"{rows.min()} to {rows.max()}: pass the indices of rows of X"
            )
        if np.unique(rows).size != rows.size:
            raise TrainingError(
                f"expected each row at most once in fold {number}, got repeated rows: drop the "
                "repetitions (they would weigh BatchNorm's statistics)"
            )
        checked.append(rows.astype(np.int64))
    return checked


def check_widths(hidden_layer_sizes: Any, n_networks: int) -> list[tuple[int, ...]]:
    """Return the hidden layers of every network."""
    sizes = list(hidden_layer_sizes)
    if sizes and all(isinstance(size, Integral) for size in sizes):
        sizes = [tuple(sizes)] * n_networks
    widths = [tuple(own) if isinstance(own, Sequence) else own for own in sizes]
    for own in widths:
        if (
            not isinstance(own, tuple)
            or not own
            or not all(isinstance(width, Integral) and int(width) > 0 for width in own)
        ):
            raise ValueError(
                "expected hidden_layer_sizes to be a tuple of positive integers such as "
                f"(160, 80, 30), or a list of such tuples, got {hidden_layer_sizes!r}"
            )
    if len(widths) != n_networks:
        raise ValueError(
            f"expected hidden_layer_sizes for each of {n_networks} networks, got {len(widths)}: "
            "pass one tuple for all of them, or a tuple for each"
        )
    if len({len(own) for own in widths}) > 1:
        raise ValueError(
            "expected the same number of hidden layers in all networks of a stack, got "
            f"{sorted({len(own) for own in widths})}: train them in separate calls"
        )
    return [tuple(int(width) for width in own) for own in widths]


def check_layers(name: str, layers: Sequence[int] | None, n_hidden: int) -> tuple[int, ...]:
    """Return hidden-layer numbers in order, or say which is none."""
    if layers is None:
        return tuple(range(n_hidden))
    for layer in layers:
        if not isinstance(layer, Integral) or not 0 <= int(layer) < n_hidden:
            raise ValueError(
                f"expected {name} to hold numbers of hidden layers, 0 to {n_hidden - 1}, got "
                f"{layer!r}"
            )
    return tuple(sorted({int(layer) for layer in layers}))


def check_initial(
    initial: TrainedNetwork | Sequence[TrainedNetwork] | None,
    widths: Sequence[tuple[int, ...]],
    n_features: int,
    transfer_layers: Sequence[int],
) -> Sequence[TrainedNetwork | None]:
    if initial is None:
        return [None] * len(widths)
    networks = [initial] * len(widths) if isinstance(initial, TrainedNetwork) else list(initial)
    if len(networks) != len(widths):
        raise ValueError(
            f"expected one initial network for each of {len(widths)} folds, got {len(networks)}: "
            "pass a single network for all of them, or one for each"
        )
    for number, (network, own) in enumerate(zip(networks, widths, strict=True)):
        wanted, given = (n_features, *own), (network.n_features, *network.hidden_layer_sizes)
        if len(given) != len(wanted) or any(
            given[i : i + 2] != wanted[i : i + 2] for i in transfer_layers
        ):
            raise ValueError(
                f"expected the initial network of fold {number} to have the widths {wanted} "
                f"(descriptors, then hidden layers), got {given}: transfer between networks of one "
                "architecture and the same descriptors"
            )
    return networks


def check_labels(y: Any, n_folds: int, n_samples: int) -> np.ndarray:
    """Return labels as (1 or n_folds, n_samples, n_outputs)."""
    labels = np.asarray(y, dtype=np.float64)
    if labels.ndim == 1:
        labels = labels[:, None]
    if labels.ndim == 2:
        labels = labels[None]
    if labels.ndim != 3 or labels.shape[0] not in (1, n_folds) or labels.shape[1] != n_samples:
        raise TrainingError(
            f"expected labels for {n_samples} rows, as (n_samples,), (n_samples, n_outputs) or "
            f"(n_folds, n_samples, n_outputs), got shape {np.shape(y)}"
        )
    if labels.shape[2] == 0:
        raise TrainingError("expected at least one column of labels, got none")
    return labels


def fold_labels(labels: np.ndarray, number: int, rows: np.ndarray) -> np.ndarray:
    """Return a fold's labels, after a look at them."""
    own = labels[number if labels.shape[0] > 1 else 0][rows]
    if np.isinf(own).any():
        row = int(rows[np.flatnonzero(np.isinf(own).any(axis=1))[0]])
        raise TrainingError(f"expected finite labels in fold {number}, got infinity in row {row}")
    unknown = np.isnan(own)
    if own.shape[1] == 1 and unknown.any():
        row = int(rows[np.flatnonzero(unknown)[0]])
        raise TrainingError(
            f"expected finite labels in fold {number}, got NaN in row {row}: leave the row out "
            "(labels may be missing only where there are several columns of them)"
        )
    if unknown.all(axis=0).any():
        column = int(np.flatnonzero(unknown.all(axis=0))[0])
        raise TrainingError(
            f"expected labels in every column, got none in column {column} of fold {number}: leave "
            "the column out"
        )
    return own


def check_inputs(X: np.ndarray, number: int, rows: np.ndarray) -> None:
    finite = np.isfinite(X[rows])
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise TrainingError(
            f"expected finite descriptors in fold {number}, got {X[rows[row], column]} in row "
            f"{rows[row]}, column {column}: leave the row out or repair it"
        )


def check_scaler(
    scaler: tuple[np.ndarray, np.ndarray] | None, n_features: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return means and scales in double precision, or say what is wrong with them."""
    if scaler is None:
        return None
    mean, scale = (np.asarray(part, dtype=np.float64) for part in scaler)
    for part in (mean, scale):
        if part.shape != (n_features,) or not np.isfinite(part).all():
            raise ValueError(
                f"expected input_scaler as finite means and standard deviations of {n_features} "
                f"columns, got shapes {mean.shape} and {scale.shape} or values that are not finite"
            )
    if (scale < 0).any():
        raise ValueError("expected standard deviations of at least 0 in input_scaler, got less")
    return mean, scale
