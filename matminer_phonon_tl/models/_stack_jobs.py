"""What each network of a stack is to be trained on: rows, scalers, seeds, initial weights."""

import hashlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np

from matminer_phonon_tl.exceptions import TrainingError, TrainingWarning
from matminer_phonon_tl.models._network import TrainedNetwork

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


@dataclass(frozen=True, eq=False)
class Job:
    """One network: what it is trained on and what it starts from."""

    index: int
    rows: np.ndarray
    labels: np.ndarray  # (n_rows_of_this_fold, n_outputs), in the caller's units, NaN where unknown
    widths: tuple[int, ...]
    seed: int
    x_mean: np.ndarray
    x_scale: np.ndarray
    y_mean: np.ndarray
    y_scale: np.ndarray
    initial: TrainedNetwork | None
    batch_sizes: tuple[int, ...]
    inputs_key: bytes = field(repr=False)  # equal where rows and input scaler are equal

    @property
    def name(self) -> str:
        """How messages call the network."""
        return f"network {self.index} (fold {self.index}, hidden layers {self.widths})"

    def generators(self) -> tuple[np.random.Generator, ...]:
        """Independent streams for initial weights, dropout and batch order.

        They depend on the network's own seed and on nothing else, which is what makes a network
        the same in any stack.
        """
        children = np.random.SeedSequence(self.seed).spawn(3)
        return tuple(np.random.Generator(np.random.PCG64(child)) for child in children)


def split_batches(n_rows: int, batch_size: int | None) -> tuple[int, ...]:
    """Cut rows into the fewest batches of at most `batch_size`, as equal as can be.

    Equal batches because BatchNorm would take its statistics from whatever few rows a remainder
    holds.

    Examples
    --------
    >>> split_batches(1245, 200)
    (178, 178, 178, 178, 178, 178, 177)
    >>> split_batches(99, None)
    (99,)
    """
    if batch_size is None or batch_size >= n_rows:
        return (n_rows,)
    n_batches = math.ceil(n_rows / batch_size)
    small, n_large = divmod(n_rows, n_batches)
    return (small + 1,) * n_large + (small,) * (n_batches - n_large)


def network_seeds(random_state: int | Sequence[int] | None, n_networks: int) -> list[int]:
    """Give every network a seed of its own.

    Parameters
    ----------
    random_state : int, sequence of int, or None
        One seed for the whole stack, or one per network; None draws from the operating system.
    n_networks : int
        Number of networks.

    Returns
    -------
    list of int
        Seeds below 2**63. The first ones do not depend on how many follow.
    """
    if random_state is None or isinstance(random_state, (int, np.integer)):
        if random_state is not None and random_state < 0:
            raise ValueError(
                f"Expected a random_state of 0 or more, got {random_state}; pass a "
                "non-negative integer, one per network, or None."
            )
        entropy = None if random_state is None else int(random_state)
        words = np.random.SeedSequence(entropy).generate_state(n_networks, np.uint64)
        return [int(word >> np.uint64(1)) for word in words]
    seeds = [int(seed) for seed in random_state]
    if len(seeds) != n_networks:
        raise ValueError(
            f"Expected one random_state for each of {n_networks} networks, got {len(seeds)}; "
            "pass an integer or a sequence of that length."
        )
    return seeds


def input_scaler(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Column means and standard deviations; 0 marks a column that does not vary.

    The test for "does not vary" allows for the rounding of the mean, as scikit-learn's does.
    """
    mean = X.mean(axis=0)
    # block by block: a hundred thousand rows would otherwise be held twice
    var = np.zeros_like(mean)
    for start in range(0, X.shape[0], 8192):
        var += np.square(X[start : start + 8192] - mean).sum(axis=0)
    var /= X.shape[0]
    rounding = X.shape[0] * np.finfo(np.float64).eps
    constant = var <= rounding * var + np.square(rounding * mean)
    return mean, np.where(constant, 0.0, np.sqrt(var))


def label_scaler(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Means, standard deviations (1 for a constant column) and the columns that are constant."""
    mean = np.nanmean(labels, axis=0)
    scale = np.nanstd(labels, axis=0)
    constant = scale <= 1e-12 * np.abs(mean)
    return mean, np.where(constant, 1.0, scale), np.flatnonzero(constant).tolist()


def check_folds(folds: Sequence[np.ndarray], n_samples: int) -> list[np.ndarray]:
    """Return the folds as index arrays, or say which one cannot be trained on."""
    if len(folds) == 0:
        raise TrainingError("Expected at least one fold of training rows, got none.")
    checked = []
    for number, fold in enumerate(folds):
        rows = np.asarray(fold)
        if rows.dtype == bool and rows.shape == (n_samples,):
            rows = np.flatnonzero(rows)
        if rows.ndim != 1 or (rows.size and not np.issubdtype(rows.dtype, np.integer)):
            raise TrainingError(
                f"Expected fold {number} to be a one-dimensional array of row numbers, got shape "
                f"{rows.shape} of {rows.dtype}; pass the training indices a splitter yields."
            )
        if rows.size < MIN_BATCH_ROWS:
            raise TrainingError(
                f"Expected at least {MIN_BATCH_ROWS} training rows in fold {number} (BatchNorm "
                f"needs them), got {rows.size}; use fewer splits or more data."
            )
        if rows.min() < 0 or rows.max() >= n_samples:
            raise TrainingError(
                f"Expected row numbers from 0 to {n_samples - 1} in fold {number}, got "
                f"{rows.min()} to {rows.max()}; pass the indices of rows of X."
            )
        if np.unique(rows).size != rows.size:
            raise TrainingError(
                f"Expected each row at most once in fold {number}, got repeated rows; drop the "
                "repetitions (they would weigh BatchNorm's statistics)."
            )
        checked.append(rows.astype(np.int64))
    return checked


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
    _check_number("dropout", dropout, Real, 0, below=1)
    if dtype not in ("float32", "float64"):
        raise ValueError(f'Expected dtype "float32" or "float64", got {dtype!r}.')
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
    kind: type,
    least: float,
    *,
    below: float = math.inf,
    open_below: bool = False,
) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, kind)
        or not least <= value < below
        or (open_below and value == least)
    ):
        what = "an integer" if kind is Integral else "a finite number"
        bound = f"above {least}" if open_below else f"of at least {least}"
        top = "" if below == math.inf else f" and below {below}"
        raise ValueError(f"Expected {name} to be {what} {bound}{top}, got {value!r}.")


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
            or not all(isinstance(width, Integral) and width > 0 for width in own)
        ):
            raise ValueError(
                "Expected hidden_layer_sizes to be a tuple of positive integers such as "
                f"(160, 80, 30), or a list of such tuples, got {hidden_layer_sizes!r}."
            )
    if len(widths) != n_networks:
        raise ValueError(
            f"Expected hidden_layer_sizes for each of {n_networks} networks, got {len(widths)}; "
            "pass one tuple for all of them, or a tuple for each."
        )
    if len({len(own) for own in widths}) > 1:
        raise ValueError(
            "Expected the same number of hidden layers in all networks of a stack, got "
            f"{sorted({len(own) for own in widths})}; train them in separate calls."
        )
    return [tuple(int(width) for width in own) for own in widths]


def check_layers(name: str, layers: Sequence[int] | None, n_hidden: int) -> tuple[int, ...]:
    """Return hidden-layer numbers in order, or say which is none."""
    if layers is None:
        return tuple(range(n_hidden))
    for layer in layers:
        if not isinstance(layer, Integral) or not 0 <= layer < n_hidden:
            raise ValueError(
                f"Expected {name} to hold numbers of hidden layers, 0 to {n_hidden - 1}, got "
                f"{layer!r}."
            )
    return tuple(sorted({int(layer) for layer in layers}))


def _check_initial(
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
            f"Expected one initial network for each of {len(widths)} folds, got {len(networks)}; "
            "pass a single network for all of them, or one for each."
        )
    for number, (network, own) in enumerate(zip(networks, widths, strict=True)):
        wanted, given = (n_features, *own), (network.n_features, *network.hidden_layer_sizes)
        if len(given) != len(wanted) or any(
            given[i : i + 2] != wanted[i : i + 2] for i in transfer_layers
        ):
            raise ValueError(
                f"Expected the initial network of fold {number} to have the widths {wanted} "
                f"(descriptors, then hidden layers), got {given}; transfer between networks of one "
                "architecture and the same descriptors."
            )
    return networks


def _check_labels(y: Any, n_folds: int, n_samples: int) -> np.ndarray:
    """Return labels as (1 or n_folds, n_samples, n_outputs)."""
    labels = np.asarray(y, dtype=np.float64)
    if labels.ndim == 1:
        labels = labels[:, None]
    if labels.ndim == 2:
        labels = labels[None]
    if labels.ndim != 3 or labels.shape[0] not in (1, n_folds) or labels.shape[1] != n_samples:
        raise TrainingError(
            f"Expected labels for {n_samples} rows, as (n_samples,), (n_samples, n_outputs) or "
            f"(n_folds, n_samples, n_outputs), got shape {np.shape(y)}."
        )
    if labels.shape[2] == 0:
        raise TrainingError("Expected at least one column of labels, got none.")
    return labels


def _fold_labels(labels: np.ndarray, number: int, rows: np.ndarray) -> np.ndarray:
    """Return a fold's labels, after a look at them."""
    own = labels[number if labels.shape[0] > 1 else 0][rows]
    if np.isinf(own).any():
        row = int(rows[np.flatnonzero(np.isinf(own).any(axis=1))[0]])
        raise TrainingError(f"Expected finite labels in fold {number}, got infinity in row {row}.")
    unknown = np.isnan(own)
    if own.shape[1] == 1 and unknown.any():
        row = int(rows[np.flatnonzero(unknown)[0]])
        raise TrainingError(
            f"Expected finite labels in fold {number}, got NaN in row {row}; leave the row out "
            "(labels may be missing only where there are several columns of them)."
        )
    if unknown.all(axis=0).any():
        column = int(np.flatnonzero(unknown.all(axis=0))[0])
        raise TrainingError(
            f"Expected labels in every column, got none in column {column} of fold {number}; leave "
            "the column out."
        )
    return own


def make_jobs(
    X: Any,
    y: Any,
    folds: Sequence[np.ndarray],
    hidden_layer_sizes: Any,
    random_state: int | Sequence[int] | None,
    settings: StackSettings,
    *,
    initial: TrainedNetwork | Sequence[TrainedNetwork] | None,
    transfer_layers: Sequence[int] | None,
    transfer_scaler: bool,
    frozen_layers: Sequence[int],
) -> tuple[np.ndarray, list[Job], StackSettings]:
    """Check the data of `train_folds` and describe each network.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Descriptors in double precision.
    jobs : list of Job
        One for each fold.
    settings : StackSettings
        With the layers filled in.
    """
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2 or 0 in X.shape:
        raise TrainingError(
            f"Expected X as a matrix (n_samples, n_features) with rows and columns, got shape "
            f"{X.shape}."
        )
    checked = check_folds(folds, X.shape[0])
    labels = _check_labels(y, len(checked), X.shape[0])
    widths = check_widths(hidden_layer_sizes, len(checked))
    n_hidden = len(widths[0])
    layers = check_layers("transfer_layers", transfer_layers, n_hidden)
    frozen = check_layers("frozen_layers", frozen_layers, n_hidden)
    settings = replace(settings, transfer_layers=layers, frozen_layers=frozen)
    networks = _check_initial(initial, widths, X.shape[1], layers)
    if transfer_scaler and initial is None:
        raise ValueError("Expected an initial network to take the scaler from, got none.")
    seeds = network_seeds(random_state, len(checked))
    scalers: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    jobs = []
    for number, rows in enumerate(checked):
        rows_key = hashlib.sha256(rows.tobytes()).digest()
        if rows_key not in scalers:
            _check_inputs(X, number, rows)
            scalers[rows_key] = input_scaler(X[rows])
        network = networks[number]
        x_mean, x_scale = scalers[rows_key]
        if transfer_scaler and network is not None:
            x_mean, x_scale = network.x_mean, network.x_scale
        own = _fold_labels(labels, number, rows)
        y_mean, y_scale, constant = label_scaler(own)
        for column in constant:
            warnings.warn(
                f"Expected labels that vary, but column {column} of fold {number} is "
                f"{y_mean[column]:g} in every row; its network can only predict that.",
                TrainingWarning,
                stacklevel=3,
            )
        jobs.append(
            Job(
                index=number,
                rows=rows,
                labels=own,
                widths=widths[number],
                seed=seeds[number],
                x_mean=x_mean,
                x_scale=x_scale,
                y_mean=y_mean,
                y_scale=y_scale,
                initial=network,
                batch_sizes=split_batches(rows.size, settings.batch_size),
                inputs_key=rows_key + hashlib.sha256(x_mean.tobytes() + x_scale.tobytes()).digest(),
            )
        )
    return X, jobs, settings


def _check_inputs(X: np.ndarray, number: int, rows: np.ndarray) -> None:
    finite = np.isfinite(X[rows])
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise TrainingError(
            f"Expected finite descriptors in fold {number}, got {X[rows[row], column]} in row "
            f"{rows[row]}, column {column}; leave the row out or repair it."
        )
