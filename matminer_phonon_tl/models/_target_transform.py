"""Transforms of the target: what the network learns in place of the label."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Element

from matminer_phonon_tl.compositions import FlatCompositions, flatten

TOLERANCE = Composition.amount_tolerance
TARGET_TRANSFORMS = ("none", "sqrt", "log", "per_atom")


def check_transform(name: Any) -> str:
    """Return the transform's name, "none" for None."""
    name = "none" if name is None else name
    if name not in TARGET_TRANSFORMS:
        raise ValueError(
            f"expected target_transform to be one of {', '.join(TARGET_TRANSFORMS)}, got {name!r}"
        )
    return name


def atoms_per_formula_unit(compositions: Sequence[Composition]) -> np.ndarray:
    """Return the number of atoms in each reduced formula unit.

    Examples
    --------
    >>> atoms_per_formula_unit([Composition("In2N2"), Composition("Fe4O6")])
    array([2., 5.])
    """
    if not len(compositions):
        return np.empty(0)
    atoms = np.array([float(own.num_atoms) for own in compositions])
    units = formula_units(compositions)
    return atoms / units


def formula_units(compositions: Sequence[Composition]) -> NDArray[np.float64]:
    """Return how many reduced formula units each composition is, as pymatgen counts them.

    Examples
    --------
    >>> formula_units([Composition("Fe4O6"), Composition("O2"), Composition("Li0.5CoO2")])
    array([2., 1., 1.])
    """
    flat = flatten(compositions, lambda symbol: Element(symbol).Z)
    starts = np.cumsum(flat.counts) - flat.counts
    whole = np.rint(flat.amounts)
    is_whole = np.logical_and.reduceat(np.abs(flat.amounts - whole) < TOLERANCE, starts)
    divisors = np.gcd.reduceat(whole.astype(np.int64), starts)
    units = np.where(is_whole, divisors, 1.0)
    for row in np.flatnonzero(_is_special(flat, starts)).tolist():
        # H2O2, O2 and their like, which pymatgen does not reduce further; or an element twice.
        units[row] = compositions[row].get_reduced_composition_and_factor()[1]
    return units


def _is_special(flat: FlatCompositions, starts: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether pymatgen must be asked: equal amounts of one or two elements, or one twice."""
    most, least = (f.reduceat(flat.amounts, starts) for f in (np.maximum, np.minimum))
    equal = (flat.counts <= 2) & (most - least < TOLERANCE)
    row = np.repeat(np.arange(len(starts)), flat.counts)
    order = np.lexsort((flat.elements, row))
    again = (np.diff(row[order]) == 0) & (np.diff(flat.elements[order]) == 0)
    equal[row[order][1:][again]] = True
    return equal


def _atoms(compositions: Sequence[Composition] | None) -> np.ndarray:
    if compositions is None:
        raise ValueError(
            'expected compositions with target_transform="per_atom", got a plain matrix: pass a '
            'DataFrame with a "composition" column or a list of formulas'
        )
    return atoms_per_formula_unit(compositions)


def transform_target(
    name: str, y: np.ndarray, compositions: Sequence[Composition] | None
) -> np.ndarray:
    """Return what the network is to learn.

    Parameters
    ----------
    name : {"none", "sqrt", "log", "per_atom"}
        Transform.
    y : ndarray of shape (n_samples,)
        Labels.
    compositions : sequence of Composition, or None
        For "per_atom": the label is divided by the atoms of the reduced formula unit.

    Returns
    -------
    ndarray of shape (n_samples,)
        Transformed labels.

    Raises
    ------
    ValueError
        If a label is outside the transform's domain.
    """
    if name == "per_atom":
        return y / _atoms(compositions)
    if name in ("sqrt", "log"):
        bad = y < 0 if name == "sqrt" else y <= 0
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            bound = "of 0 or more" if name == "sqrt" else "above 0"
            raise ValueError(
                f'expected labels {bound} with target_transform="{name}", got {y[row]:g} in row '
                f"{row}: use another transform"
            )
        return np.sqrt(y) if name == "sqrt" else np.log(y)
    return y


def inverse_transform(
    name: str, prediction: np.ndarray, compositions: Sequence[Composition] | None
) -> np.ndarray:
    """Return predictions in the label's units.

    Parameters
    ----------
    name : {"none", "sqrt", "log", "per_atom"}
        Transform.
    prediction : ndarray of shape (..., n_samples)
        What the network predicts. A negative square root stands for 0: no root is negative, and
        squaring it would make the least prediction a large one.
    compositions : sequence of Composition, or None
        For "per_atom".

    Returns
    -------
    ndarray of shape (..., n_samples)
        Predictions in the label's units.
    """
    if name == "per_atom":
        return prediction * _atoms(compositions)
    if name == "sqrt":
        return np.square(np.maximum(prediction, 0.0))
    if name == "log":
        return np.exp(prediction)
    return prediction
