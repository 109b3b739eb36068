"""Transforms of the target: what the network learns in place of the label."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pymatgen.core import Composition

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
    return np.array([float(own.reduced_composition.num_atoms) for own in compositions])


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
