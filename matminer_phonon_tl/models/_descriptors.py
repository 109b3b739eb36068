"""The descriptor matrix a model sees, chosen by name."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Structure

from matminer_phonon_tl.compositions import composition_values
from matminer_phonon_tl.exceptions import CompositionError
from matminer_phonon_tl.featurizers.lattice_dynamics import (
    COMPOSITION_COLUMNS,
    LatticeDynamicsDescriptors,
)
from matminer_phonon_tl.featurizers.xenonpy import XenonPyDescriptors

DESCRIPTOR_SETS = ("xenonpy", "lattice_dynamics", "both", "bond_valence")
"""``"bond_valence"`` is ``"lattice_dynamics"`` with another spring model of the structure."""


def descriptor_labels(name: str, *, use_structure: bool) -> list[str]:
    """Names of the columns that :func:`descriptor_matrix` gives."""
    _check_name(name)
    labels = XenonPyDescriptors().feature_labels() if name in ("xenonpy", "both") else []
    lattice = _lattice_dynamics(name, use_structure).feature_labels()
    return labels + (lattice[len(COMPOSITION_COLUMNS) :] if name == "xenonpy" else lattice)


def descriptor_matrix(X: Any, name: str, *, use_structure: bool) -> NDArray[np.float64]:
    """Describe materials; nothing is learnt here, so no row can tell another anything.

    Parameters
    ----------
    X : DataFrame, Series or sequence of compositions (structures, where they are used)
        Or the matrix itself, computed before, which is checked and passed on.
    name : {"xenonpy", "lattice_dynamics", "both", "bond_valence"}
    use_structure : bool
        Append the structure columns of LatticeDynamicsDescriptors.

    Returns
    -------
    ndarray of shape (n_rows, n_descriptors)
    """
    _check_name(name)
    if isinstance(X, np.ndarray) and X.ndim == 2:
        return _check_matrix(X, descriptor_labels(name, use_structure=use_structure))
    values = structures_of(X) if use_structure else composition_values(X)
    blocks = []
    if name in ("xenonpy", "both"):
        blocks.append(XenonPyDescriptors().featurize_array(values))
    if name != "xenonpy" or use_structure:
        lattice = _lattice_dynamics(name, use_structure).featurize_array(values)
        blocks.append(lattice[:, len(COMPOSITION_COLUMNS) :] if name == "xenonpy" else lattice)
    return np.hstack(blocks)


def structures_of(X: Any) -> list[Structure]:
    """Return the structure of each row, or say what is missing."""
    if isinstance(X, pd.DataFrame):
        if "structure" not in X.columns:
            raise CompositionError(
                "expected a DataFrame with a column 'structure' because use_structure=True, got "
                f"the columns {list(X.columns)}: add it, or use a model without structure"
            )
        values = X["structure"].tolist()
    else:
        values = composition_values(X)
    for row, value in enumerate(values):
        if not isinstance(value, Structure):
            raise CompositionError(
                f"row {row}: expected a Structure because use_structure=True, got "
                f"{type(value).__name__}: give structures, or use a model without structure"
            )
    return values


def _check_matrix(X: NDArray[Any], labels: list[str]) -> NDArray[np.float64]:
    if X.shape[1] != len(labels):
        raise ValueError(
            f"expected a matrix of the {len(labels)} descriptors {labels[0]} ... {labels[-1]}, got "
            f"{X.shape[1]} columns: pass compositions, or the columns in that order"
        )
    matrix = X.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(bad):
        raise ValueError(
            f"expected finite descriptors, got NaN or infinity in row {bad[0]} "
            f"({len(bad)} such rows): drop these rows first"
        )
    return matrix


def _lattice_dynamics(name: str, use_structure: bool) -> LatticeDynamicsDescriptors:
    springs = "bond_valence" if name == "bond_valence" else "covalent"
    return LatticeDynamicsDescriptors(use_structure=use_structure, springs=springs)


def _check_name(name: str) -> None:
    if name not in DESCRIPTOR_SETS:
        raise ValueError(f"expected descriptors to be one of {DESCRIPTOR_SETS}, got {name!r}")
