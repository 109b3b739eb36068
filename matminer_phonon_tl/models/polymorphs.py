"""Labels of formulas that several training materials have: what an interval has to hold at least.

A composition does not tell which of its polymorphs is meant. A model of compositions has learnt
their labels as one, and is sure of it; its interval is widened to hold each of them.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models.cells import formula_keys, formula_marks
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.state import check_arrays


class PolymorphLabels:
    """Least and largest training label of each formula that several materials have.

    Parameters
    ----------
    materials : Materials
        One of each formula.
    least, most : ndarray of shape (n_formulas,)
    by_cell : bool
        Whether only cells with as many atoms count as the same, as for a gap, which depends on it.
    """

    def __init__(
        self,
        materials: Materials,
        least: NDArray[np.float64],
        most: NDArray[np.float64],
        *,
        by_cell: bool,
    ) -> None:
        self._materials = materials
        self._least, self._most = least, most
        self._by_cell = by_cell
        self._marks = np.unique(formula_marks(materials.flat))
        self._place = {key: place for place, key in enumerate(_keys(materials, by_cell))}

    @classmethod
    def fit(cls, materials: Materials, labels: NDArray[np.float64], *, by_cell: bool) -> Self:
        """Find the formulas that several of the materials have."""
        rows_of: dict[Any, list[int]] = {}
        for row, key in enumerate(_keys(materials, by_cell)):
            rows_of.setdefault(key, []).append(row)
        several = [rows for rows in rows_of.values() if len(rows) > 1]
        return cls(
            materials.take(np.array([rows[0] for rows in several], dtype=np.intp)),
            np.array([labels[rows].min() for rows in several]),
            np.array([labels[rows].max() for rows in several]),
            by_cell=by_cell,
        )

    def widen(
        self, materials: Materials, lower: NDArray[np.float64], upper: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return intervals that hold these labels as well, where there are any."""
        lower, upper = lower.copy(), upper.copy()
        maybe = np.flatnonzero(np.isin(formula_marks(materials.flat), self._marks))
        for row, key in zip(maybe, _keys(materials.take(maybe), self._by_cell), strict=True):
            place = self._place.get(key)
            if place is not None:
                lower[row] = min(lower[row], self._least[place])
                upper[row] = max(upper[row], self._most[place])
        return lower, upper

    def get_state(self) -> dict[str, Any]:
        """Return plain arrays."""
        return {**self._materials.get_state(), "least": self._least, "most": self._most}

    @classmethod
    def from_state(cls, state: dict[str, Any], *, by_cell: bool) -> Self:
        """Rebuild from :meth:`get_state`."""
        what = "labels of polymorphs"
        materials = Materials.from_state(state, what)
        fields = dict.fromkeys(("least", "most"), (np.float64, (len(materials),)))
        check_arrays(state, what, fields)
        if (state["least"] > state["most"]).any():
            raise ModelFormatError(f"expected {what} with the least one first")
        return cls(materials, state["least"], state["most"], by_cell=by_cell)


def _keys(materials: Materials, by_cell: bool) -> list[Any]:
    """Return what materials of one formula share."""
    keys, sizes = formula_keys(materials.flat)
    return list(zip(keys, sizes, strict=True)) if by_cell else keys
