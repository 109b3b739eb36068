"""Check the data of a training, describe each network as a job, and cut the jobs into chunks."""

import hashlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matminer_phonon_tl.exceptions import TrainingError, TrainingWarning
from matminer_phonon_tl.networks.network import TrainedNetwork
from matminer_phonon_tl.networks.settings import MIN_BATCH_ROWS, TrainingSettings, member_widths

# On a CPU a chunk's networks stay in the cache of one thread, and there are enough of them that the
# cost of calling small operations does not count; 13 to 38 networks of the paper's size measured
# the same. On a GPU a chunk is as large as the memory allows.
CPU_NETWORKS_PER_CHUNK = 20
# In a chunk, narrow networks are padded to the width of the widest. On a CPU padding costs more
# time than another chunk; on a GPU it costs less.
CPU_LARGEST_PADDING = 1.15


@dataclass(frozen=True, eq=False)
class Job:
    """What one network is trained on and what it starts from."""

    index: int
    rows: np.ndarray
    labels: np.ndarray  # (n_rows_of_the_fold, n_outputs), in the caller's units, NaN where unknown
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
        """Name of the network in messages."""
        return f"network {self.index} (fold {self.index}, hidden layers {self.widths})"

    def generators(self) -> tuple[np.random.Generator, ...]:
        """Return independent random streams for initial weights, dropout and batch order.

        They depend on the network's seed alone, so that a network is the same in any stack.
        """
        children = np.random.SeedSequence(self.seed).spawn(3)
        return tuple(np.random.Generator(np.random.PCG64(child)) for child in children)


def make_jobs(
    X: Any,
    y: Any,
    folds: Sequence[np.ndarray],
    hidden_layer_sizes: Any,
    settings: TrainingSettings,
    random_state: int | Sequence[int] | None,
    *,
    initial: TrainedNetwork | Sequence[TrainedNetwork] | None = None,
    input_scaler: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, list[Job]]:
    """Check the data of `train_folds`; return X in double precision and a job for each fold."""
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2 or 0 in X.shape:
        raise TrainingError(
            "expected X as a matrix (n_samples, n_features) with rows and columns, got shape "
            f"{X.shape}"
        )
    checked = _check_folds(folds, X.shape[0])
    labels = _check_labels(y, len(checked), X.shape[0])
    widths = _check_widths(hidden_layer_sizes, len(checked))
    transferred = settings.layer_numbers("transfer_layers", len(widths[0]))
    settings.layer_numbers("frozen_layers", len(widths[0]))
    networks = _check_initial(initial, widths, X.shape[1], transferred)
    if settings.transfer_scaler and initial is None:
        raise ValueError("expected an initial network to take the scaler from, got none")
    if settings.transfer_scaler and input_scaler is not None:
        raise ValueError("expected input_scaler or transfer_scaler, got both: leave one out")
    given_scaler = _check_scaler(input_scaler, X.shape[1])
    seeds = network_seeds(random_state, len(checked))
    scalers: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    jobs = []
    for number, rows in enumerate(checked):
        rows_key = hashlib.sha256(rows.tobytes()).digest()
        if rows_key not in scalers:
            _check_inputs(X, number, rows)
            scalers[rows_key] = column_scaler(X[rows])
        network = networks[number]
        x_mean, x_scale = given_scaler or scalers[rows_key]
        if settings.transfer_scaler and network is not None:
            x_mean, x_scale = network.x_mean, network.x_scale
        fold_labels = _fold_labels(labels, number, rows)
        y_mean, y_scale, constant = _label_scaler(fold_labels)
        for column in constant:
            warnings.warn(
                f"expected labels that vary, but column {column} of fold {number} is "
                f"{y_mean[column]:g} in every row: its network can only predict that.",
                TrainingWarning,
                stacklevel=3,
            )
        if not settings.scale_labels:
            y_mean, y_scale = np.zeros_like(y_mean), np.ones_like(y_scale)
        jobs.append(
            Job(
                index=number,
                rows=rows,
                labels=fold_labels,
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
    return X, jobs


def network_seeds(random_state: int | Sequence[int] | None, n_networks: int) -> list[int]:
    """Return a seed for each network; the first ones do not depend on how many follow."""
    if random_state is None or isinstance(random_state, int | np.integer):
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


def column_scaler(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means and standard deviations of columns, each of shape (n_features,).

    A constant column has standard deviation 0. The test for it allows for the rounding of the mean,
    as scikit-learn's does.
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


def split_batches(n_rows: int, batch_size: int | None) -> tuple[int, ...]:
    """Return the sizes of batches of at most `batch_size` rows that differ by at most one row.

    A small last batch would give BatchNorm poor statistics. Where a batch would have a single row,
    there are fewer batches, and some have one row more than `batch_size`.

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


def _label_scaler(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return means, standard deviations (1 for a constant column) and the constant columns."""
    mean = np.nanmean(labels, axis=0)
    scale = np.nanstd(labels, axis=0)
    constant = scale <= 1e-12 * np.abs(mean)
    return mean, np.where(constant, 1.0, scale), np.flatnonzero(constant).tolist()


def _check_folds(folds: Sequence[np.ndarray], n_samples: int) -> list[np.ndarray]:
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


def _check_widths(hidden_layer_sizes: Any, n_networks: int) -> list[tuple[int, ...]]:
    """Return the hidden layers of every network."""
    widths = member_widths(hidden_layer_sizes)
    # A single tuple of widths is for all networks; a list of one tuple is not.
    if not isinstance(hidden_layer_sizes[0], tuple | list):
        widths = widths * n_networks
    if len(widths) != n_networks:
        raise ValueError(
            f"expected hidden_layer_sizes for each of {n_networks} networks, got {len(widths)}: "
            "pass one tuple for all of them, or a tuple for each"
        )
    depths = sorted({len(network) for network in widths})
    if len(depths) > 1:
        raise ValueError(
            "expected the same number of hidden layers in all networks of a stack, got "
            f"{depths}: train them in separate calls"
        )
    return widths


def _check_initial(
    initial: TrainedNetwork | Sequence[TrainedNetwork] | None,
    widths: Sequence[tuple[int, ...]],
    n_features: int,
    transfer_layers: Sequence[int],
) -> Sequence[TrainedNetwork | None]:
    """Return the initial network of each fold, or say which one does not fit."""
    if initial is None:
        return [None] * len(widths)
    networks = [initial] * len(widths) if isinstance(initial, TrainedNetwork) else list(initial)
    if len(networks) != len(widths):
        raise ValueError(
            f"expected one initial network for each of {len(widths)} folds, got {len(networks)}: "
            "pass a single network for all of them, or one for each"
        )
    for number, network in enumerate(networks):
        wanted = (n_features, *widths[number])
        given = (network.n_features, *network.hidden_layer_sizes)
        if len(given) != len(wanted) or any(
            given[i : i + 2] != wanted[i : i + 2] for i in transfer_layers
        ):
            raise ValueError(
                f"expected the initial network of fold {number} to have the widths {wanted} "
                f"(descriptors, then hidden layers), got {given}: transfer between networks of one "
                "architecture and the same descriptors"
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
            f"expected labels for {n_samples} rows, as (n_samples,), (n_samples, n_outputs) or "
            f"(n_folds, n_samples, n_outputs), got shape {np.shape(y)}"
        )
    if labels.shape[2] == 0:
        raise TrainingError("expected at least one column of labels, got none")
    return labels


def _fold_labels(labels: np.ndarray, number: int, rows: np.ndarray) -> np.ndarray:
    """Return the labels of a fold, or say which one cannot be trained on."""
    chosen = labels[number if labels.shape[0] > 1 else 0][rows]
    if np.isinf(chosen).any():
        row = int(rows[np.flatnonzero(np.isinf(chosen).any(axis=1))[0]])
        raise TrainingError(f"expected finite labels in fold {number}, got infinity in row {row}")
    unknown = np.isnan(chosen)
    if chosen.shape[1] == 1 and unknown.any():
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
    return chosen


def _check_inputs(X: np.ndarray, number: int, rows: np.ndarray) -> None:
    """Raise TrainingError if a descriptor of the fold is not finite."""
    finite = np.isfinite(X[rows])
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise TrainingError(
            f"expected finite descriptors in fold {number}, got {X[rows[row], column]} in row "
            f"{rows[row]}, column {column}: leave the row out or repair it"
        )


def _check_scaler(
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


def flops_per_row(n_features: int, widths: Sequence[int], n_outputs: int) -> int:
    """Count the floating-point operations that one row needs in one training step.

    Each weight takes two in the forward pass, two for the weight gradient and two for the input
    gradient, which the first layer does not need. BatchNorm, dropout and the optimiser are not
    counted.

    >>> flops_per_row(290, (160, 80, 30), 1)
    276980
    """
    inputs = (n_features, *widths)
    later = sum(a * b for a, b in zip(inputs[1:], (*widths[1:], n_outputs), strict=True))
    return 4 * n_features * widths[0] + 6 * later


def plan_chunks(
    jobs: Sequence[Job],
    n_features: int,
    settings: TrainingSettings,
    n_threads: int,
    memory_limit: int,
) -> list[list[Job]]:
    """Group similar networks into chunks, each of which is trained as one stack.

    `n_threads` chunks are trained at the same time and take at most `memory_limit` bytes together,
    unless a single network needs more. The most expensive chunks come first, so that the threads
    finish together. All networks of a chunk have the same number of batches.
    """
    on_cpu = settings.device.startswith("cpu")
    itemsize = 4 if settings.dtype == "float32" else 8
    ordered = sorted(
        jobs,
        key=lambda job: (len(job.batch_sizes), job.widths, job.rows.size, job.inputs_key),
        reverse=True,
    )
    most = max(1, math.ceil(len(jobs) / n_threads))
    if on_cpu:
        # every thread gets the same number of chunks
        rounds = math.ceil(most / CPU_NETWORKS_PER_CHUNK)
        most = math.ceil(len(jobs) / (rounds * n_threads))
    chunks: list[list[Job]] = []
    for job in ordered:
        if (
            chunks
            and len(chunks[-1]) < most
            and len(chunks[-1][0].batch_sizes) == len(job.batch_sizes)
            and (not on_cpu or _padding([*chunks[-1], job], n_features) <= CPU_LARGEST_PADDING)
            and _bytes_of([*chunks[-1], job], n_features, itemsize) * n_threads <= memory_limit
        ):
            chunks[-1].append(job)
        else:
            chunks.append([job])
    chunks.sort(key=lambda chunk: -sum(_flops(job, n_features) for job in chunk))
    return chunks


def _flops(job: Job, n_features: int) -> int:
    return job.rows.size * flops_per_row(n_features, job.widths, job.labels.shape[1])


def _largest_widths(chunk: Sequence[Job]) -> list[int]:
    return [max(widths) for widths in zip(*(job.widths for job in chunk), strict=True)]


def _padding(chunk: Sequence[Job], n_features: int) -> float:
    """Return the operations of a padded chunk over those that its networks need."""
    rows = max(job.rows.size for job in chunk)
    n_outputs = chunk[0].labels.shape[1]
    padded = len(chunk) * rows * flops_per_row(n_features, _largest_widths(chunk), n_outputs)
    return padded / sum(_flops(job, n_features) for job in chunk)


def _bytes_of(chunk: Sequence[Job], n_features: int, itemsize: int) -> int:
    """Return the memory that a chunk takes: parameters (four times), activations and rows."""
    n_outputs = chunk[0].labels.shape[1]
    widths = _largest_widths(chunk)
    outputs = (*widths, n_outputs)
    n_parameters = sum(a * b for a, b in zip((n_features, *widths), outputs, strict=True))
    n_parameters += 3 * sum(outputs)
    n_batch = max(job.batch_sizes[0] for job in chunk)
    activations = n_batch * (2 * n_features + 5 * sum(widths) + 4 * n_outputs)
    n_rows = sum(job.rows.size for job in chunk)
    rows = n_rows * (n_features + 2 * n_outputs)
    return itemsize * (len(chunk) * (4 * n_parameters + activations) + rows)
