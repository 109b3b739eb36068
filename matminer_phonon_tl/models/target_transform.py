"""Transforms of the target: what a model learns in place of the label.

A model of few materials learns best what is smooth over chemistry, so a label is first freed of
what physics knows: the number of atoms, the mass that any spring has to move, quantum statistics.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import exprel

from matminer_phonon_tl.exceptions import did_you_mean
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.units import MOLAR_GAS_CONSTANT

TARGET_TRANSFORMS = ("none", "sqrt", "log", "per_atom", "einstein", "log_stiffness")
_NEEDS_COMPOSITIONS = frozenset({"per_atom", "einstein", "log_stiffness"})
_POSITIVE = frozenset({"log", "log_stiffness"})

SOFTEST, HARDEST = 1e-3, 20.0
"""Bounds of an Einstein frequency, in units of k_B T / hbar; cold carbon has 4 at 300 K."""


def check_transform(name: Any) -> str:
    """Return the transform's name, "none" for None."""
    name = "none" if name is None else name
    if name not in TARGET_TRANSFORMS:
        raise ValueError(
            f"expected target_transform to be one of {', '.join(TARGET_TRANSFORMS)}, got {name!r}"
            f"{did_you_mean(name, TARGET_TRANSFORMS)}"
        )
    return name


def transform_target(name: str, y: NDArray[np.float64], materials: Any) -> NDArray[np.float64]:
    """Return what the model is to learn.

    Parameters
    ----------
    name : {"none", "sqrt", "log", "per_atom", "einstein", "log_stiffness"}
        - ``"per_atom"``: the label over the atoms of the reduced formula unit;
        - ``"einstein"``: the frequency, in k_B T / hbar, of the Einstein crystal that has the label
          as its heat capacity at 300 K (J/mol/K per mole of reduced formula units);
        - ``"log_stiffness"``: ln(v sqrt(M)) with v the speed and M the mean atomic mass: the root
          of a force constant, where v alone mixes force and mass.
    y : ndarray of shape (n_samples,)
        Labels.
    materials : as :meth:`Materials.of` takes, or None
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
    asked = _checked(name, materials)
    if name in _POSITIVE:
        _refuse(y <= 0, y, name, "above 0")
    if name == "sqrt":
        _refuse(y < 0, y, name, "of 0 or more")
        return np.sqrt(y)
    if name == "log":
        return np.log(y)
    if name == "per_atom":
        return y / asked.atoms_per_formula_unit
    if name == "log_stiffness":
        return np.log(y) + 0.5 * np.log(asked.mean_mass)
    if name == "einstein":
        per_atom = y / asked.atoms_per_formula_unit
        outside = (per_atom <= 0) | (per_atom >= 3 * MOLAR_GAS_CONSTANT)
        _refuse(outside, y, name, "between 0 and 3R a mole of atoms")
        return _einstein_frequency(per_atom)
    return y


def label_scale(name: str, materials: Any) -> NDArray[np.float64]:
    """Return what a transform needs to know: atoms, root of the mean mass, or nothing (1)."""
    asked = _checked(name, materials)
    if name in ("per_atom", "einstein"):
        return asked.atoms_per_formula_unit
    return np.sqrt(asked.mean_mass) if name == "log_stiffness" else np.ones(1)


def inverse_transform(
    name: str,
    prediction: NDArray[np.float64],
    materials: Any,
    scale: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return predictions of shape (..., n_samples) in the label's units.

    A negative square root stands for 0: no root is negative, and squaring it would make the least
    prediction a large one. Einstein frequencies are kept within ``SOFTEST`` and ``HARDEST``, so
    that every heat capacity lies within (0, 3R). ``materials`` are as for :func:`transform_target`,
    ``scale`` their :func:`label_scale`, where it is known already.
    """
    if scale is None:
        scale = label_scale(name, materials)
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
    name: str, materials: Any, *, non_negative: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and the largest label that each material can have.

    Labels with a root, a logarithm or an Einstein frequency cannot be negative; ``non_negative``
    says whether others are known not to be.
    """
    least = 0.0 if non_negative or name not in ("none", "per_atom") else -np.inf
    known = Materials.of(materials)
    most = np.full(len(known), np.inf)
    if name == "einstein":
        most = 3 * MOLAR_GAS_CONSTANT * known.atoms_per_formula_unit
    return np.full(len(known), least), most


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


def _checked(name: str, materials: Any) -> Materials:
    """Return the materials, which a transform that needs none may lack."""
    if name in _NEEDS_COMPOSITIONS and materials is None:
        raise ValueError(
            f'expected compositions with target_transform="{name}", got a plain matrix: pass a '
            'DataFrame with a "composition" column or a list of formulas'
        )
    return Materials.of(() if name not in _NEEDS_COMPOSITIONS else materials)


def _refuse(bad: NDArray[np.bool_], y: np.ndarray, name: str, bound: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f'expected labels {bound} with target_transform="{name}", got {y[row]:g} in row '
            f"{row}: use another transform"
        )
