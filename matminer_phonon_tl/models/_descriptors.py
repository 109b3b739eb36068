"""The descriptor matrix a model sees, chosen by name."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Structure

from matminer_phonon_tl.compositions import CompositionArray, composition_values
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
    lattice = _lattice_dynamics(name, use_structure=use_structure).feature_labels()
    return labels + (lattice[len(COMPOSITION_COLUMNS) :] if name == "xenonpy" else lattice)


class Materials:
    """Materials that several models are asked about: read once, each descriptor computed once.

    Parameters
    ----------
    X : DataFrame, Series or sequence of compositions (structures, where they are used)
        Of a DataFrame, compositions are those of its ``composition`` column; its ``structure``
        column is looked at by models that use structures, and by no others.
    compositions : CompositionArray, optional
        Those of X, where they have been read already.

    Raises
    ------
    CompositionError, UnknownElementError
        Names the first row that is no composition.
    """

    def __init__(self, X: Any, compositions: CompositionArray | None = None) -> None:
        self._X = X
        self.compositions = CompositionArray.read(X) if compositions is None else compositions
        self._blocks: dict[str, NDArray[np.float64]] = {}

    @classmethod
    def of(cls, X: Any) -> "Materials":
        """Return X itself where it is one already."""
        return X if isinstance(X, cls) else cls(X)

    def take(self, rows: NDArray[np.intp]) -> "Materials":
        """Return some of the materials, with what is known of them."""
        compositions = self.compositions.take(rows)
        if isinstance(self._X, CompositionArray):
            part = Materials(compositions, compositions)
        elif isinstance(self._X, pd.DataFrame):
            part = Materials(self._X.iloc[rows], compositions)
        else:
            values = composition_values(self._X)
            part = Materials([values[row] for row in rows], compositions)
        part._blocks = {key: block[rows] for key, block in self._blocks.items()}
        return part

    def matrix(self, name: str, *, use_structure: bool) -> NDArray[np.float64]:
        """As :func:`descriptor_matrix`."""
        _check_name(name)
        blocks = []
        if name in ("xenonpy", "both"):
            blocks.append(self._once("xenonpy", XenonPyDescriptors(), self.compositions))
        if name != "xenonpy":
            blocks.append(self._once("lattice", LatticeDynamicsDescriptors(), self.compositions))
        if use_structure:
            lattice = _lattice_dynamics(name, use_structure=True)
            whole = self._once(lattice.springs, lattice, structures_of(self._X))
            blocks.append(whole[:, len(COMPOSITION_COLUMNS) :])
        return np.hstack(blocks)

    def find_errors(self, names: Iterable[str]) -> dict[int, CompositionError]:
        """Structures that cannot be described, by row; what was computed on the way is kept."""
        errors: dict[int, CompositionError] = {}
        structures = structures_of(self._X)
        for name in names:
            lattice = _lattice_dynamics(name, use_structure=True)
            if lattice.springs not in self._blocks:
                described, bad = lattice.describe_valid(structures)
                errors |= bad
                if not bad:
                    self._blocks[lattice.springs] = described
        return errors

    def _once(self, key: str, featurizer: Any, values: Sequence[Any]) -> NDArray[np.float64]:
        if key not in self._blocks:
            self._blocks[key] = featurizer.featurize_array(values)
        return self._blocks[key]


def descriptor_matrix(X: Any, name: str, *, use_structure: bool) -> NDArray[np.float64]:
    """Describe materials; nothing is learnt here, so no row can tell another anything.

    Parameters
    ----------
    X : Materials, DataFrame, Series or sequence of compositions (structures, where they are used)
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
    if use_structure and not isinstance(X, Materials):
        structures_of(X)  # says what is missing before anything else fails
    return Materials.of(X).matrix(name, use_structure=use_structure)


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


def _lattice_dynamics(name: str, *, use_structure: bool) -> LatticeDynamicsDescriptors:
    springs = "bond_valence" if name == "bond_valence" else "covalent"
    return LatticeDynamicsDescriptors(use_structure=use_structure, springs=springs)


def _check_name(name: str) -> None:
    if name not in DESCRIPTOR_SETS:
        raise ValueError(f"expected descriptors to be one of {DESCRIPTOR_SETS}, got {name!r}")
