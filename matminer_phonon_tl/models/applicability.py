"""How near a compound is to what a model was trained on."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Element
from scipy.spatial.distance import cdist

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.featurizers import LatticeDynamicsDescriptors
from matminer_phonon_tl.models._descriptors import Materials

ROWS_AT_ONCE = 256
LARGEST_DESCRIPTOR = 1e6
"""Far above every element property; what lies beyond cannot be told apart in floating point."""


class Applicability:
    """Distance to the nearest training material, on the training materials' own scale.

    Distances are taken between standardised LatticeDynamicsDescriptors of compositions. A training
    material's own distance is that to its nearest neighbour of another composition.

    Parameters
    ----------
    descriptors : ndarray of shape (n_materials, n_descriptors)
        Of the training materials, each composition once.
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
        self._own_distances = np.sort(between.min(axis=1))

    @classmethod
    def fit(cls, compositions: Sequence[Composition]) -> Self:
        """Remember the training compositions."""
        descriptors = np.unique(LatticeDynamicsDescriptors().featurize_array(compositions), axis=0)
        elements = sorted({element.Z for c in compositions for element in c.elements})
        return cls(descriptors, np.array(elements, dtype=np.int16))

    def rank(self, X: Any) -> NDArray[np.float64]:
        """Share of training materials that lie at least as far from their nearest neighbour.

        Parameters
        ----------
        X : Materials, or what they are made of

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
        below = np.searchsorted(self._own_distances, nearest, side="left")
        return 1.0 - below / len(self._own_distances)

    def _nearest(self, points: NDArray[np.float64]) -> NDArray[np.intp]:
        """Which training material is nearest to each point."""
        half_squares = np.einsum("ij,ij->i", self._points, self._points) / 2
        nearest = np.empty(len(points), dtype=np.intp)
        for first in range(0, len(points), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            # Of |x - y|^2 / 2, without |x|^2 / 2, which is the same for every material.
            nearest[rows] = np.argmin(half_squares - points[rows] @ self._points.T, axis=1)
        return nearest

    def unseen_elements(self, X: Any) -> list[list[str]]:
        """Symbols of each material's elements that no training material has."""
        flat = Materials.of(X).compositions.flat(lambda symbol: Element(symbol).Z)
        row_of = np.repeat(np.arange(len(flat.counts)), flat.counts)
        unseen: list[list[str]] = [[] for _ in range(len(flat.counts))]
        for entry in np.flatnonzero(~np.isin(flat.elements, self.elements)).tolist():
            symbols = unseen[row_of[entry]]
            symbols[:] = sorted({*symbols, Element.from_Z(int(flat.elements[entry])).symbol})
        return unseen

    def get_state(self) -> dict[str, Any]:
        """Plain arrays."""
        return {"descriptors": self.descriptors, "elements": self.elements}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Restore and check."""
        descriptors, elements = state["descriptors"], state["elements"]
        width = len(LatticeDynamicsDescriptors().feature_labels())
        is_matrix = isinstance(descriptors, np.ndarray) and descriptors.ndim == 2
        if not is_matrix or descriptors.shape[1] != width or len(descriptors) < 2:
            raise ModelFormatError(f"expected training descriptors of {width} columns")
        if not (np.abs(descriptors) < LARGEST_DESCRIPTOR).all():
            raise ModelFormatError("expected training descriptors of physical size")
        known = (
            isinstance(elements, np.ndarray) and elements.dtype == np.int16 and elements.ndim == 1
        )
        if not known or not np.isin(elements, [e.Z for e in Element]).all():
            raise ModelFormatError("expected atomic numbers of the training elements")
        return cls(descriptors, elements)
