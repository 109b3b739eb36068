"""Source tasks: what a network learns before it sees the target.

References
----------
Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from matminer_phonon_tl.datasets import load_phonon_tl
from matminer_phonon_tl.exceptions import TrainingError
from matminer_phonon_tl.models.materials import describe, holds_compositions

NAMED_SOURCES = ("bandgap", "multitask")
MULTITASK_COLUMNS = (
    "bandgap",
    "speed_of_sound",
    "heat_capacity_per_atom",
    "volume_per_atom",
    "formation_energy_per_atom",
)


@dataclass(frozen=True, eq=False)
class SourceData:
    """A source task, ready to be trained on.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        Descriptors.
    Y : ndarray of shape (n_samples, n_tasks)
        Labels; NaN where one is missing.
    name : str
        What the estimator was given: a named source, "DataFrame" or "(X_source, Y_source)".
    tasks : tuple of str
        Names of the label columns.
    sha256 : str
        Of X and Y.
    """

    X: np.ndarray
    Y: np.ndarray
    name: str
    tasks: tuple[str, ...]
    sha256: str

    def record(self) -> dict[str, Any]:
        """Return what is kept of the source in a model file, which does not hold the data."""
        return {
            "name": self.name,
            "tasks": list(self.tasks),
            "n_samples": int(self.X.shape[0]),
            "sha256": self.sha256,
        }


def load_source(name: str) -> pd.DataFrame:
    """Return a named source as the table an estimator would take in its place.

    Parameters
    ----------
    name : {"bandgap", "multitask", "structures"}
        "bandgap": the electronic band gaps (eV) of all 1245 materials, the paper's source.
        "multitask": band gap (eV), speed of sound (km/s), heat capacity per atom (J/mol/K), volume
        per atom (Angstrom^3) and formation energy per atom (eV) of the materials that have **no**
        acoustic-optical gap: a model of the gapped ones cannot meet its own labels in it.
        "structures": the structures of all 1245, without any label; no task for a network, but what
        :class:`~matminer_phonon_tl.models.PhononRegressor` borrows.

    Returns
    -------
    DataFrame
        Column ``composition`` and one column for each task.

    Raises
    ------
    ValueError
        If there is no source of that name.

    Examples
    --------
    >>> load_source("bandgap").shape, load_source("multitask").shape
    ((1245, 2), (1121, 6))
    """
    if name not in (*NAMED_SOURCES, "structures"):
        raise ValueError(
            f"expected source to be one of {', '.join(map(repr, NAMED_SOURCES))}, None, a "
            f"DataFrame or (X_source, Y_source), got {name!r}"
        )
    frame = _shipped()
    if name == "structures":
        return frame[["composition", "structure"]].copy()
    if name == "bandgap":
        return frame[["composition", "bandgap"]].copy()
    ungapped = frame[~frame["has_phonon_bandgap"].to_numpy(dtype=bool)]
    return ungapped[["composition", *MULTITASK_COLUMNS]].copy()


@lru_cache(maxsize=1)
def _shipped() -> pd.DataFrame:
    frame = load_phonon_tl()
    return frame.assign(volume_per_atom=frame["volume"] / frame["nsites"])


def resolve_source(
    source: Any, n_features: int, *, has_compositions: bool, descriptors: str = "xenonpy"
) -> SourceData | None:
    """Turn the estimator's `source` into descriptors and labels.

    Parameters
    ----------
    source : str, DataFrame, tuple, or None
        As `TransferMLPRegressor` takes it.
    n_features : int
        Columns of the target's X.
    has_compositions : bool
        Whether the target's X was given as compositions, so that a table of compositions can be
        described in the same way.
    descriptors : {"xenonpy", "lattice_dynamics", "both"}
        Which descriptors.

    Returns
    -------
    SourceData or None
        None for no source.

    Raises
    ------
    ValueError, TrainingError
        If it is none of these, or does not fit X.
    """
    if source is None:
        return None
    if isinstance(source, dict):
        raise TrainingError(
            "expected the source data in order to fit again, got a record of it "
            f"({source.get('name')}, tasks {source.get('tasks')}): a loaded model predicts without "
            "its source, so hand it in again with fit(X, y, source=...)"
        )
    if isinstance(source, (str, pd.DataFrame)) and not has_compositions:
        what = repr(source) if isinstance(source, str) else "a DataFrame"
        raise ValueError(
            f"expected compositions as X with source={what}, got a plain matrix of {n_features} "
            'columns: pass a DataFrame with a "composition" column or a list of formulas, or use '
            "source=None or source=(X_source, Y_source)"
        )
    if isinstance(source, str):
        X, Y, tasks = _read_frame(load_source(source), descriptors)
        name = source
    elif isinstance(source, pd.DataFrame):
        X, Y, tasks = _read_frame(source, descriptors)
        name = "DataFrame"
    elif isinstance(source, tuple) and len(source) == 2:
        X, Y, tasks = _read_pair(source[0], source[1], descriptors)
        name = "(X_source, Y_source)"
    else:
        raise ValueError(
            f"expected source to be one of {', '.join(map(repr, NAMED_SOURCES))}, None, a "
            f"DataFrame or (X_source, Y_source), got {type(source).__name__}"
        )
    if X.shape[1] != n_features:
        raise ValueError(
            f"expected a source with the {n_features} columns of X, got {X.shape[1]}: describe "
            "both in the same way"
        )
    return SourceData(X, Y, name, tasks, _hash(X, Y))


def _read_frame(
    frame: pd.DataFrame, descriptors: str
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    labels = [column for column in frame.columns if column != "composition"]
    if "composition" not in frame.columns or not labels:
        raise ValueError(
            'expected a source DataFrame with a "composition" column and one or more columns of '
            f"labels, got the columns {list(map(str, frame.columns))}"
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


def _hash(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array, dtype="<f8").data)
    return digest.hexdigest()
