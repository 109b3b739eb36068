"""Transforms of the target: what a model learns in place of the label.

A model of few materials learns best what is smooth over chemistry, so a label is first freed of
what physics knows: the number of atoms, the mass that any spring has to move, quantum statistics.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition
from scipy.special import exprel

from matminer_phonon_tl.compositions import FlatCompositions, flatten
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.units import MOLAR_GAS_CONSTANT

TARGET_TRANSFORMS = ("none", "sqrt", "log", "per_atom", "einstein", "log_stiffness")
_NEEDS_COMPOSITIONS = frozenset({"per_atom", "einstein", "log_stiffness"})
_POSITIVE = frozenset({"log", "log_stiffness"})

_WHOLE = Composition.amount_tolerance
_SPECIAL_ELEMENTS = {
    symbol
    for formula in Composition.special_formulas
    for symbol in re.findall("[A-Z][a-z]?", formula)
}
"""Of H2O2, O2 and their like, which pymatgen does not reduce to HO and O."""
SOFTEST, HARDEST = 1e-3, 20.0
"""Bounds of an Einstein frequency, in units of k_B T / hbar; cold carbon has 4 at 300 K."""


def check_transform(name: Any) -> str:
    """Return the transform's name, "none" for None."""
    name = "none" if name is None else name
    if name not in TARGET_TRANSFORMS:
        raise ValueError(
            f"expected target_transform to be one of {', '.join(TARGET_TRANSFORMS)}, got {name!r}"
        )
    return name


def atoms_per_formula_unit(compositions: Sequence[Composition]) -> NDArray[np.float64]:
    """Return the number of atoms in each reduced formula unit.

    Examples
    --------
    >>> atoms_per_formula_unit([Composition("In2N2"), Composition("Fe4O6")])
    array([2., 5.])
    """
    if not len(compositions):
        return np.empty(0)
    flat = _flat(compositions)
    atoms = np.add.reduceat(flat.amounts, np.cumsum(flat.counts) - flat.counts)
    return atoms / formula_units(compositions)


def formula_units(compositions: Sequence[Composition]) -> NDArray[np.float64]:
    """Return how many reduced formula units each composition is, as pymatgen counts them.

    Examples
    --------
    >>> formula_units([Composition("Fe4O6"), Composition("O2"), Composition("Li0.5CoO2")])
    array([2., 1., 1.])
    """
    flat = _flat(compositions)
    starts = np.cumsum(flat.counts) - flat.counts
    whole = np.rint(flat.amounts)
    is_whole = np.logical_and.reduceat(np.abs(flat.amounts - whole) < _WHOLE, starts)
    divisors = np.gcd.reduceat(whole.astype(np.int64), starts)
    units = np.where(is_whole, divisors, 1.0)
    for row in np.flatnonzero(_is_special(flat, starts)).tolist():
        # H2O2, O2 and their like, which pymatgen does not reduce further; or an element twice.
        units[row] = compositions[row].get_reduced_composition_and_factor()[1]
    return units


def _is_special(flat: FlatCompositions, starts: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether pymatgen must be asked: its special formulas, or an element that stands twice."""
    special = [
        row for symbol, row in ElementTable.shipped().row_of.items() if symbol in _SPECIAL_ELEMENTS
    ]
    asked = (flat.counts <= 2) & np.logical_and.reduceat(np.isin(flat.elements, special), starts)
    row = np.repeat(np.arange(len(starts)), flat.counts)
    order = np.lexsort((flat.elements, row))
    again = (np.diff(row[order]) == 0) & (np.diff(flat.elements[order]) == 0)
    asked[row[order][1:][again]] = True
    return asked


def transform_target(
    name: str, y: np.ndarray, compositions: Sequence[Composition] | None
) -> np.ndarray:
    """Return what the model is to learn.

    Parameters
    ----------
    name : {"none", "sqrt", "log", "per_atom", "einstein", "log_stiffness"}
        - ``"per_atom"``: the label over the atoms of the reduced formula unit;
        - ``"einstein"``: of a heat capacity at 300 K (J/mol/K per mole of reduced formula units),
          the frequency of Einstein's crystal that has it, in k_B T / hbar;
        - ``"log_stiffness"``: of a speed v, ln(v sqrt(M)) with M the mean atomic mass: the root
          of a force constant, where v alone mixes force and mass.
    y : ndarray of shape (n_samples,)
        Labels.
    compositions : sequence of Composition, or None
        Needed by the last three.

    Returns
    -------
    ndarray of shape (n_samples,)
        Transformed labels.

    Raises
    ------
    ValueError
        If a label is outside the transform's domain.

    References
    ----------
    A. Einstein, Ann. Phys. 327, 180 (1907), doi:10.1002/andp.19063270110.
    """
    asked = _checked(name, compositions)
    if name in _POSITIVE:
        _refuse(y <= 0, y, name, "above 0")
    if name == "sqrt":
        _refuse(y < 0, y, name, "of 0 or more")
        return np.sqrt(y)
    if name == "log":
        return np.log(y)
    if name == "per_atom":
        return y / atoms_per_formula_unit(asked)
    if name == "log_stiffness":
        return np.log(y) + 0.5 * np.log(_mean_mass(asked))
    if name == "einstein":
        per_atom = y / atoms_per_formula_unit(asked)
        outside = (per_atom <= 0) | (per_atom >= 3 * MOLAR_GAS_CONSTANT)
        _refuse(outside, y, name, "between 0 and 3R a mole of atoms")
        return _einstein_frequency(per_atom)
    return y


def label_scale(name: str, compositions: Sequence[Composition] | None) -> NDArray[np.float64]:
    """What a transform needs of each composition: atoms, root of the mean mass, or nothing (1)."""
    asked = _checked(name, compositions)
    if name in ("per_atom", "einstein"):
        return atoms_per_formula_unit(asked)
    return np.sqrt(_mean_mass(asked)) if name == "log_stiffness" else np.ones(1)


def inverse_transform(
    name: str,
    prediction: np.ndarray,
    compositions: Sequence[Composition] | None,
    scale: NDArray[np.float64] | None = None,
) -> np.ndarray:
    """Return predictions in the label's units.

    Parameters
    ----------
    name : one of :data:`TARGET_TRANSFORMS`
    prediction : ndarray of shape (..., n_samples)
        What the model predicts. A negative square root stands for 0: no root is negative, and
        squaring it would make the least prediction a large one. Einstein frequencies are kept
        within ``SOFTEST`` and ``HARDEST``, so that every heat capacity lies within (0, 3R).
    compositions : sequence of Composition, or None
        As for :func:`transform_target`.
    scale : ndarray of shape (n_samples,), optional
        Their :func:`label_scale`, where it is known already.

    Returns
    -------
    ndarray of shape (..., n_samples)
        Predictions in the label's units.
    """
    if scale is None:
        scale = label_scale(name, compositions)
    if name == "sqrt":
        return np.square(np.maximum(prediction, 0.0))
    if name == "log":
        return np.exp(prediction)
    if name == "per_atom":
        return prediction * scale
    if name == "log_stiffness":
        return np.exp(prediction) / scale
    if name == "einstein":
        return _heat_capacity(np.clip(prediction, SOFTEST, HARDEST)) * scale
    return prediction


def label_bounds(
    name: str, compositions: Sequence[Composition], *, non_negative: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and largest label that each composition can have.

    Parameters
    ----------
    name : one of :data:`TARGET_TRANSFORMS`
        Roots, logarithms and Einstein frequencies are of labels that cannot be negative.
    compositions : sequence of Composition
    non_negative : bool
        Whether that is known of the labels themselves.
    """
    least = 0.0 if non_negative or name not in ("none", "per_atom") else -np.inf
    most = np.full(len(compositions), np.inf)
    if name == "einstein":
        most = 3 * MOLAR_GAS_CONSTANT * atoms_per_formula_unit(compositions)
    return np.full(len(compositions), least), most


def _heat_capacity(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Einstein's C_V a mole of atoms, 3R x^2 e^x / (e^x - 1)^2."""
    return 3 * MOLAR_GAS_CONSTANT * np.exp(frequency) / exprel(frequency) ** 2


def _einstein_frequency(per_atom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert :func:`_heat_capacity`, which falls with frequency, by bisection."""
    low = np.full(per_atom.shape, SOFTEST)
    high = np.full(per_atom.shape, HARDEST)
    for _ in range(60):  # beyond the last bit of a float
        middle = (low + high) / 2
        above = _heat_capacity(middle) > per_atom
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2


def _mean_mass(compositions: Sequence[Composition]) -> NDArray[np.float64]:
    """Mean atomic mass of each composition, u."""
    flat = _flat(compositions)
    if not len(flat.counts):
        return np.empty(0)
    mass = ElementTable.shipped().column("atomic_weight")[flat.elements]
    starts = np.cumsum(flat.counts) - flat.counts
    total = np.add.reduceat(mass * flat.amounts, starts)
    return total / np.add.reduceat(flat.amounts, starts)


def _flat(compositions: Sequence[Composition]) -> FlatCompositions:
    return flatten(compositions, ElementTable.shipped().index_of)


def _checked(name: str, compositions: Sequence[Composition] | None) -> Sequence[Composition]:
    if name in _NEEDS_COMPOSITIONS and compositions is None:
        raise ValueError(
            f'expected compositions with target_transform="{name}", got a plain matrix: pass a '
            'DataFrame with a "composition" column or a list of formulas'
        )
    return compositions or ()


def _refuse(bad: NDArray[np.bool_], y: np.ndarray, name: str, bound: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f'expected labels {bound} with target_transform="{name}", got {y[row]:g} in row '
            f"{row}: use another transform"
        )
