"""What each network of a stack is to be trained on: rows, scalers, seeds, initial weights."""

import hashlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from matminer_phonon_tl.exceptions import TrainingError, TrainingWarning
from matminer_phonon_tl.networks._network import TrainedNetwork
from matminer_phonon_tl.networks._stack_checks import (
    MIN_BATCH_ROWS,
    StackSettings,
    check_folds,
    check_initial,
    check_inputs,
    check_labels,
    check_layers,
    check_scaler,
    check_widths,
    fold_labels,
)


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
    """Cut rows into batches of at most `batch_size`, as equal as can be.

    Equal batches because BatchNorm would take its statistics from whatever few rows a remainder
    holds. Where even so a batch would be left with a single row, there are fewer batches, and some
    have one row more than `batch_size`.

    Examples
    --------
    >>> split_batches(1245, 200)
    (178, 178, 178, 178, 178, 178, 177)
    >>> split_batches(99, None)
    (99,)
    """
    if batch_size is None or batch_size >= n_rows:
        return (n_rows,)
    n_batches = min(math.ceil(n_rows / batch_size), n_rows // MIN_BATCH_ROWS)
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
                f"expected a random_state of 0 or more, got {random_state}: pass a "
                "non-negative integer, one per network, or None"
            )
        entropy = None if random_state is None else int(random_state)
        words = np.random.SeedSequence(entropy).generate_state(n_networks, np.uint64)
        return [int(word >> np.uint64(1)) for word in words]
    seeds = [int(seed) for seed in random_state]
    if len(seeds) != n_networks:
        raise ValueError(
            f"expected one random_state for each of {n_networks} networks, got {len(seeds)}: "
            "pass an integer or a sequence of that length"
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
    fixed_scaler: tuple[np.ndarray, np.ndarray] | None = None,
    scale_labels: bool = True,
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
            "expected X as a matrix (n_samples, n_features) with rows and columns, got shape "
            f"{X.shape}"
        )
    checked = check_folds(folds, X.shape[0])
    labels = check_labels(y, len(checked), X.shape[0])
    widths = check_widths(hidden_layer_sizes, len(checked))
    n_hidden = len(widths[0])
    layers = check_layers("transfer_layers", transfer_layers, n_hidden)
    frozen = check_layers("frozen_layers", frozen_layers, n_hidden)
    settings = replace(settings, transfer_layers=layers, frozen_layers=frozen)
    networks = check_initial(initial, widths, X.shape[1], layers)
    if transfer_scaler and initial is None:
        raise ValueError("expected an initial network to take the scaler from, got none")
    fixed = check_scaler(fixed_scaler, X.shape[1])
    if fixed is not None and transfer_scaler:
        raise ValueError("expected input_scaler or transfer_scaler, got both: leave one out")
    seeds = network_seeds(random_state, len(checked))
    scalers: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    jobs = []
    for number, rows in enumerate(checked):
        rows_key = hashlib.sha256(rows.tobytes()).digest()
        if rows_key not in scalers:
            check_inputs(X, number, rows)
            scalers[rows_key] = input_scaler(X[rows])
        network = networks[number]
        x_mean, x_scale = fixed or scalers[rows_key]
        if transfer_scaler and network is not None:
            x_mean, x_scale = network.x_mean, network.x_scale
        own = fold_labels(labels, number, rows)
        y_mean, y_scale, constant = label_scaler(own)
        for column in constant:
            warnings.warn(
                f"expected labels that vary, but column {column} of fold {number} is "
                f"{y_mean[column]:g} in every row: its network can only predict that.",
                TrainingWarning,
                stacklevel=3,
            )
        if not scale_labels:
            y_mean, y_scale = np.zeros_like(y_mean), np.ones_like(y_scale)
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
