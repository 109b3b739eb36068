"""Source tasks, and the source networks trained on them.

A network is trained once in a process and then shared by all fits that start from it.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from matminer_phonon_tl.exceptions import TrainingError
from matminer_phonon_tl.models.materials import describe, holds_compositions
from matminer_phonon_tl.models.source_tasks import NAMED_SOURCES, load_source
from matminer_phonon_tl.networks.engine import train_folds
from matminer_phonon_tl.networks.network import TrainedNetwork
from matminer_phonon_tl.networks.settings import TrainingSettings

_CACHED_NETWORKS = 1024  # a quarter of a megabyte each in the paper's size
_BYTES_AT_A_TIME = 2**28  # limit of the descriptors of different tasks that are trained together


@dataclass(frozen=True, eq=False)
class SourceTask:
    """What a network learns before it sees the target."""

    X: np.ndarray
    """Descriptors; shape (n_samples, n_features)."""
    Y: np.ndarray
    """Labels; NaN where one is missing; shape (n_samples, n_tasks)."""
    name: str
    """Kind of the estimator's source: a named table, "DataFrame" or "(X_source, Y_source)"."""
    tasks: tuple[str, ...]
    """Names of the label columns."""
    sha256: str
    """Digest of X and Y."""

    def record(self) -> dict[str, Any]:
        """Return a description for a model file, which does not hold the data."""
        return {
            "name": self.name,
            "tasks": list(self.tasks),
            "n_samples": int(self.X.shape[0]),
            "sha256": self.sha256,
        }


def read_source_task(
    source: Any, n_features: int, *, has_compositions: bool, descriptors: str = "xenonpy"
) -> SourceTask | None:
    """Turn the `source` of a TransferMLPRegressor into descriptors and labels; None stays None.

    A table's compositions are described like the target's X, which must then be compositions too. A
    source that cannot be used raises ValueError, or TrainingError where a model file left only the
    record of it.
    """
    if source is None:
        return None
    if isinstance(source, dict):
        raise TrainingError(
            "expected the source data in order to fit again, got a record of it "
            f"({source.get('name')}, tasks {source.get('tasks')}): a loaded model predicts without "
            "its source, so hand it in again with fit(X, y, source=...)"
        )
    is_table = isinstance(source, (str, Path, pd.DataFrame))
    if is_table and not has_compositions:
        what = "a DataFrame" if isinstance(source, pd.DataFrame) else repr(str(source))
        raise ValueError(
            f"expected compositions as X with source={what}, got a plain matrix of {n_features} "
            'columns: pass a DataFrame with a "composition" column or a list of formulas, or use '
            "source=None or source=(X_source, Y_source)"
        )
    if is_table:
        X, Y, tasks = _read_frame(load_source(source), descriptors)
        name = "DataFrame" if isinstance(source, pd.DataFrame) else str(source)
    elif isinstance(source, tuple) and len(source) == 2:
        X, Y, tasks = _read_pair(source[0], source[1], descriptors)
        name = "(X_source, Y_source)"
    else:
        raise ValueError(
            f"expected source to be one of {', '.join(map(repr, NAMED_SOURCES))}, None, a "
            f"DataFrame, the path of a table or (X_source, Y_source), got {type(source).__name__}"
        )
    if X.shape[1] != n_features:
        raise ValueError(
            f"expected a source with the {n_features} columns of X, got {X.shape[1]}: describe "
            "both in the same way"
        )
    return SourceTask(X, Y, name, tasks, _digest(X, Y))


def _read_frame(
    frame: pd.DataFrame, descriptors: str
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    labels = [c for c in frame.columns if c not in ("composition", "formula", "structure")]
    if "composition" not in frame.columns or not labels:
        raise ValueError(
            'expected a source DataFrame with a "composition" (or "formula") column and one or '
            f"more columns of labels, got the columns {list(map(str, frame.columns))}"
        )
    for column in labels:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            raise ValueError(
                f"expected labels in every column of the source but composition, got the column "
                f"{column!r} of {frame[column].dtype}: select the columns to learn from"
            )
    X = describe(frame, descriptors).matrix
    return X, _check_labels(frame[labels].to_numpy(dtype=np.float64)), tuple(map(str, labels))


def _read_pair(
    X_source: Any, Y_source: Any, descriptors: str
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    if holds_compositions(X_source):
        X = describe(X_source, descriptors).matrix
    else:
        X = np.asarray(X_source, dtype=np.float64)
    Y = np.asarray(Y_source, dtype=np.float64)
    Y = Y[:, None] if Y.ndim == 1 else Y
    if X.ndim != 2 or Y.ndim != 2 or X.shape[0] != Y.shape[0]:
        raise ValueError(
            "expected source=(X_source, Y_source) with as many rows in both, got shapes "
            f"{np.shape(X_source)} and {np.shape(Y_source)}"
        )
    columns = getattr(Y_source, "columns", None)
    names = [f"task_{i}" for i in range(Y.shape[1])] if columns is None else map(str, columns)
    return X, _check_labels(Y), tuple(names)


def _check_labels(Y: np.ndarray) -> np.ndarray:
    if np.isinf(Y).any():
        row, column = np.argwhere(np.isinf(Y))[0]
        raise ValueError(
            f"expected finite source labels (NaN where one is missing), got {Y[row, column]} in "
            f"row {row}, column {column}"
        )
    if Y.shape[1] == 1 and np.isnan(Y).any():
        row = int(np.flatnonzero(np.isnan(Y[:, 0]))[0])
        raise ValueError(
            f"expected a label in every row of a source with one task, got NaN in row {row}: leave "
            "the row out"
        )
    return Y


def _digest(*arrays: np.ndarray) -> str:
    """Return the sha256 of arrays without copying them; networks are stacked in the order of it."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array, dtype="<f8").data)
    return digest.hexdigest()


class SourceCache:
    """Trained source networks by key; a full cache forgets the least recently used one.

    Networks are never changed after training, so fits can share them: fine-tuning starts from
    copies.
    """

    def __init__(self, size: int = _CACHED_NETWORKS) -> None:
        self._size = size
        self._networks: OrderedDict[str, TrainedNetwork] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._networks)

    def clear(self) -> None:
        """Forget all networks."""
        with self._lock:
            self._networks.clear()

    def get(self, key: str) -> TrainedNetwork | None:
        """Return a network, or None if it is not (or no longer) there."""
        with self._lock:
            if key in self._networks:
                self._networks.move_to_end(key)
            return self._networks.get(key)

    def put(self, key: str, network: TrainedNetwork) -> None:
        """Keep a network."""
        with self._lock:
            self._networks[key] = network
            while len(self._networks) > self._size:
                self._networks.popitem(last=False)


SOURCE_CACHE = SourceCache()


def train_source_networks(
    tasks: Sequence[SourceTask],
    widths: Sequence[tuple[int, ...]],
    seeds: Sequence[int],
    settings: TrainingSettings,
    *,
    progress: bool = False,
    cache: SourceCache = SOURCE_CACHE,
) -> list[TrainedNetwork]:
    """Return trained source networks, training together those that are not in the cache."""
    keys = [_key(*network, settings) for network in zip(tasks, widths, seeds, strict=True)]
    found = {key: network for key in set(keys) if (network := cache.get(key)) is not None}
    missing = {key: i for i, key in enumerate(keys) if key not in found}
    for batch in _in_batches(list(missing.values()), tasks):
        distinct = {tasks[i].sha256: tasks[i] for i in batch}
        ends = np.cumsum([task.X.shape[0] for task in distinct.values()])
        rows = {
            sha256: np.arange(end - task.X.shape[0], end)
            for (sha256, task), end in zip(distinct.items(), ends, strict=True)
        }
        stack = train_folds(
            np.concatenate([task.X for task in distinct.values()]),
            np.concatenate([task.Y for task in distinct.values()]),
            [rows[tasks[i].sha256] for i in batch],
            [widths[i] for i in batch],
            settings,
            [seeds[i] for i in batch],
            progress=progress,
        )
        for i, network in zip(batch, stack.networks, strict=True):
            found[keys[i]] = network
            cache.put(keys[i], network)
    return [found[key] for key in keys]


def _in_batches(missing: list[int], tasks: Sequence[SourceTask]) -> Iterator[list[int]]:
    """Group networks whose tasks have as many labels and fit into memory together."""
    batch: list[int] = []
    seen: dict[str, int] = {}
    for i in sorted(missing, key=lambda i: (tasks[i].Y.shape[1], tasks[i].sha256)):
        task = tasks[i]
        size = sum(seen.values()) + (0 if task.sha256 in seen else task.X.nbytes)
        other_labels = batch and tasks[batch[0]].Y.shape[1] != task.Y.shape[1]
        if batch and (other_labels or (task.sha256 not in seen and size > _BYTES_AT_A_TIME)):
            yield batch
            batch, seen = [], {}
        batch.append(i)
        seen[task.sha256] = task.X.nbytes
    if batch:
        yield batch


def _key(task: SourceTask, widths: tuple[int, ...], seed: int, settings: TrainingSettings) -> str:
    text = json.dumps([task.sha256, widths, seed, asdict(settings)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
