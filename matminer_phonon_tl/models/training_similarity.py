"""How like the compounds that a predictor was trained on another compound is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element

from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.models.materials import Materials

IN_DOMAIN = 0.05
"""Rank below which a compound counts as unlike the training materials: of these, one in twenty was
as far from the others when it was held out. Farther out nothing calibrates the intervals."""


def in_domain(rank: NDArray[np.float64], unseen: list[list[str]]) -> NDArray[np.bool_]:
    """Decide whether compounds are like the training materials.

    They are for a rank, of :meth:`~matminer_phonon_tl.models.conformal.Calibration.rank`, of at
    least :data:`IN_DOMAIN` and without unseen element, of :func:`unseen_elements`.
    """
    return (rank >= IN_DOMAIN) & ~np.array([bool(symbols) for symbols in unseen], dtype=bool)


def training_elements(X: Any) -> NDArray[np.intp]:
    """Return the atomic numbers that occur in some materials, ascending."""
    return np.unique(_atomic_numbers(Materials.of(X)))


def unseen_elements(X: Any, seen: NDArray[np.intp]) -> list[list[str]]:
    """Return the symbols of each material's elements that are not among the seen atomic numbers."""
    materials = Materials.of(X)
    numbers, counts = _atomic_numbers(materials), materials.flat.counts
    row_of = np.repeat(np.arange(len(counts)), counts)
    unseen: list[list[str]] = [[] for _ in range(len(counts))]
    for entry in np.flatnonzero(~np.isin(numbers, seen)).tolist():
        symbols = unseen[row_of[entry]]
        symbols[:] = sorted({*symbols, Element.from_Z(int(numbers[entry])).symbol})
    return unseen


def _atomic_numbers(materials: Materials) -> NDArray[np.intp]:
    """Atomic number of each entry of the flat compositions."""
    numbers = ElementTable.shipped().column("atomic_number").astype(np.intp)
    return numbers[materials.flat.elements]
