"""How near a compound is to what a model was trained on."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element
from scipy.spatial.distance import cdist

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.models.materials import Materials, descriptor_labels
from matminer_phonon_tl.models.state import check_arrays

IN_DOMAIN = 0.05
"""Rank below which a compound counts as unlike the training materials."""

ROWS_AT_ONCE = 256
LARGEST_DESCRIPTOR = 1e6
"""Far above every element property; what lies beyond cannot be told apart in floating point."""


def in_domain(rank: NDArray[np.float64], unseen: list[list[str]]) -> NDArray[np.bool_]:
    """Decide whether compounds are like the training materials.

    Parameters
    ----------
    rank : ndarray of shape (n_materials,)
        Of :meth:`Applicability.rank`.
    unseen : list of list of str
        Of :meth:`Applicability.unseen_elements`.

    Returns
    -------
    ndarray of bool, shape (n_materials,)
        True for a rank of at least :data:`IN_DOMAIN` and no unseen element.
    """
    return (rank >= IN_DOMAIN) & ~np.array([bool(symbols) for symbols in unseen], dtype=bool)


class Applicability:
    """Distance to the nearest training material, ranked among the training materials' distances.

    Distances are taken between standardised LatticeDynamicsDescriptors of compositions. They are
    compared with the distances from each training material to its nearest neighbour of another
    composition.

    Parameters
    ----------
    descriptors : ndarray of shape (n_materials, n_descriptors)
        The training materials, each composition once.
    elements : ndarray of int, shape (n_elements,)
        Atomic numbers that occur in training, ascending.
    """

    def __init__(self, descriptors: NDArray[np.float64], elements: NDArray[np.int16]) -> None:
        self.descriptors = descriptors
        self.elements = elements
        self._center = descriptors.mean(axis=0)
        spread = descriptors.std(axis=0)
        self._scale = np.where(spread > 0, spread, 1.0)
        self._points = (descriptors - self._center) / self._scale
        between = cdist(self._points, self._points)
        np.fill_diagonal(between, np.inf)
        self.neighbour_distances = np.sort(between.min(axis=1))

    @classmethod
    def fit(cls, X: Any) -> Self:
        """Remember the training materials.

        Parameters
        ----------
        X : as :meth:`Materials.of` takes
        """
        materials = Materials.of(X)
        described = materials.matrix("lattice_dynamics", use_structure=False)
        elements = np.unique(_atomic_numbers(materials))
        return cls(np.unique(described, axis=0), elements.astype(np.int16))

    def rank(self, X: Any) -> NDArray[np.float64]:
        """Return the share of training materials that lie at least as far from their neighbour.

        Parameters
        ----------
        X : as :meth:`Materials.of` takes

        Returns
        -------
        ndarray of shape (n_materials,)
            1 for a training composition, 0 for one that is farther out than any of them.
        """
        described = Materials.of(X).matrix("lattice_dynamics", use_structure=False)
        points = (described - self._center) / self._scale
        nearest = np.linalg.norm(points - self._points[self._nearest(points)], axis=1)
        # Round-off in the scaler must not push a training material from itself.
        nearest[nearest < 1e-9] = 0.0
        below = np.searchsorted(self.neighbour_distances, nearest, side="left")
        return 1.0 - below / len(self.neighbour_distances)

    def _nearest(self, points: NDArray[np.float64]) -> NDArray[np.intp]:
        """Which training material is nearest to each point."""
        half_squares = np.einsum("ij,ij->i", self._points, self._points) / 2
        nearest = np.empty(len(points), dtype=np.intp)
        for first in range(0, len(points), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            # |x - y|^2 / 2 without |x|^2 / 2, which is the same for every material.
            nearest[rows] = np.argmin(half_squares - points[rows] @ self._points.T, axis=1)
        return nearest

    def unseen_elements(self, X: Any) -> list[list[str]]:
        """Return the symbols of each material's elements that no training material has."""
        materials = Materials.of(X)
        numbers, counts = _atomic_numbers(materials), materials.flat.counts
        row_of = np.repeat(np.arange(len(counts)), counts)
        symbol_of = list(ElementTable.shipped().row_of)
        unseen: list[list[str]] = [[] for _ in range(len(counts))]
        for entry in np.flatnonzero(~np.isin(numbers, self.elements)).tolist():
            symbols = unseen[row_of[entry]]
            symbols[:] = sorted({*symbols, symbol_of[materials.flat.elements[entry]]})
        return unseen

    def get_state(self) -> dict[str, Any]:
        """Return plain arrays."""
        return {"descriptors": self.descriptors, "elements": self.elements}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild from :meth:`get_state`."""
        width = len(descriptor_labels("lattice_dynamics", use_structure=False))
        sizes = check_arrays(
            state,
            "training materials",
            {
                "descriptors": (np.float64, ("n_materials", width)),
                "elements": (np.int16, ("n_elements",)),
            },
        )
        descriptors, elements = state["descriptors"], state["elements"]
        if sizes["n_materials"] < 2 or not (np.abs(descriptors) < LARGEST_DESCRIPTOR).all():
            raise ModelFormatError("expected two training descriptors or more, of physical size")
        if not np.isin(elements, [element.Z for element in Element]).all():
            raise ModelFormatError("expected atomic numbers of the training elements")
        return cls(descriptors, elements)


def _atomic_numbers(materials: Materials) -> NDArray[np.intp]:
    """Atomic number of each entry of the flat compositions."""
    numbers = ElementTable.shipped().column("atomic_number").astype(np.intp)
    return numbers[materials.flat.elements]
