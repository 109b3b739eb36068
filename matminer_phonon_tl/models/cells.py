"""Which primitive cell is meant, and whether training materials of the formula have another."""

from collections import defaultdict
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from matminer_phonon_tl.compositions import FlatCompositions, as_composition
from matminer_phonon_tl.exceptions import CompositionError, ModelFormatError
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.state import check_arrays
from matminer_phonon_tl.structures import structure_of

MOST_FORMULA_UNITS = 1000
SAME_SITE = 0.01
"""Angstrom within which two sites count as images of each other, as in ``phonons``: a distortion of
a tenth of an Angstrom makes another cell, with other phonons."""
_BROKEN = 1e-6
"""Amounts nearer to whole numbers than this are whole."""


def read_cell(value: Any, n_formula_units: Any = None, *, needs_structure: bool = False) -> Any:
    """Return the primitive cell that a value stands for: what is to be read in its place.

    Parameters
    ----------
    value : anything that :func:`~matminer_phonon_tl.structures.structure_of` or
        :func:`~matminer_phonon_tl.compositions.as_composition` takes
    n_formula_units : int, optional
        Reduced formula units in the primitive cell of a formula or composition.
    needs_structure : bool
        Refuse all but structures.

    Returns
    -------
    Structure, Composition or the value itself
        The primitive cell of a Structure; ``n_formula_units`` reduced formula units, where they
        are given; else the value, not read yet.

    Raises
    ------
    CompositionError
        If it is a structure that cannot be read or has no primitive cell; if ``n_formula_units``
        is given, also if it is no composition.
    """
    value = structure_of(value)
    if isinstance(value, Structure):
        as_composition(value)
        try:
            return value.get_primitive_structure(tolerance=SAME_SITE)
        except (ValueError, ArithmeticError, TypeError) as error:
            raise CompositionError(
                f"expected a crystal with a primitive cell, got {value.composition.formula}, whose "
                f"cell cannot be reduced ({error}): check its sites"
            ) from error
    if needs_structure:
        raise CompositionError(
            f"expected a Structure, which this predictor needs, got {type(value).__name__}: give "
            "one, or use the predictor of compositions"
        )
    if n_formula_units is None:
        return value
    return as_composition(value).reduced_composition * float(n_formula_units)


def check_formula_units(n_formula_units: Any, n_rows: int) -> list[int | None]:
    """Return the number of formula units of each row; None where the formula says it."""
    if n_formula_units is None:
        return [None] * n_rows
    given = np.asarray(n_formula_units)
    if given.ndim == 0:
        given = np.full(n_rows, given)
    good = given.shape == (n_rows,) and np.issubdtype(given.dtype, np.integer)
    if not good or ((given < 1) | (given > MOST_FORMULA_UNITS)).any():
        raise ValueError(
            f"expected n_formula_units as a whole number in 1-{MOST_FORMULA_UNITS}, or one for "
            f"each of {n_rows} rows, got {n_formula_units!r}"
        )
    return [int(n) for n in given]


class KnownCells:
    """Atoms in the primitive cells of training materials, by formula.

    Parameters
    ----------
    flat : FlatCompositions
        The training materials, elements as rows of the element table.
    """

    def __init__(self, flat: FlatCompositions) -> None:
        self._flat = flat
        sizes = defaultdict(set)
        for key, size in zip(*_keys(flat), strict=True):
            sizes[key].add(size)
        self._sizes = {key: sorted(known) for key, known in sizes.items()}
        self._marks = np.unique(_marks(flat))

    @classmethod
    def fit(cls, X: Any) -> Self:
        """Remember the training materials, anything :meth:`Materials.of` takes."""
        return cls(Materials.of(X).flat)

    def look_up(self, X: Any) -> list[tuple[bool, list[int]]]:
        """Say whether each cell is known, and which other cells of its formula are.

        Parameters
        ----------
        X : as :meth:`Materials.of` takes

        Returns
        -------
        list of (bool, list of int)
            The others by their numbers of atoms.
        """
        flat = Materials.of(X).flat
        found: list[tuple[bool, list[int]]] = [(False, [])] * len(flat.counts)
        maybe = np.flatnonzero(np.isin(_marks(flat), self._marks))
        for row, key, size in zip(maybe, *_keys(flat.take(maybe)), strict=True):
            sizes = self._sizes.get(key, [])
            found[row] = (size in sizes, [known for known in sizes if known != size])
        return found

    def get_state(self) -> dict[str, Any]:
        """Return plain arrays."""
        return {
            "counts": self._flat.counts.astype(np.int32),
            "elements": self._flat.elements.astype(np.int16),
            "amounts": self._flat.amounts,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild from :meth:`get_state`."""
        check_arrays(
            state,
            "training cells",
            {
                "counts": (np.int32, ("n_cells",)),
                "elements": (np.int16, ("n_entries",)),
                "amounts": (np.float64, ("n_entries",)),
            },
        )
        counts, elements, amounts = (state[name] for name in ("counts", "elements", "amounts"))
        if (
            not (counts > 0).all()
            or counts.sum() != len(elements)
            or not ((elements >= 0) & (elements < len(ElementTable.shipped().row_of))).all()
            or not (amounts > 0).all()
        ):
            raise ModelFormatError("expected training cells of known elements")
        return cls(FlatCompositions(counts.astype(np.intp), elements.astype(np.intp), amounts))


def _marks(flat: FlatCompositions) -> NDArray[np.intp]:
    """Hash of each row's elements: rows with different hashes have different elements."""
    if not len(flat.counts):
        return np.empty(0, dtype=np.intp)
    starts = np.cumsum(flat.counts) - flat.counts
    return np.add.reduceat((flat.elements + 1) ** 3, starts)


def _keys(flat: FlatCompositions) -> tuple[list[tuple[tuple[int, float], ...]], NDArray[Any]]:
    """Reduced formula of each row as a key, and the rounded number of atoms in its cell."""
    if not len(flat.counts):
        return [], np.empty(0)
    starts = np.cumsum(flat.counts) - flat.counts
    whole = np.rint(flat.amounts)
    divisor = np.gcd.reduceat(whole.astype(np.int64), starts)
    broken = np.logical_or.reduceat(np.abs(flat.amounts - whole) > _BROKEN, starts)
    divisor[broken | (divisor == 0)] = 1
    amounts = flat.amounts / np.repeat(divisor, flat.counts)
    sizes = np.rint(np.add.reduceat(flat.amounts, starts)).astype(int)
    pairs = list(zip(flat.elements.tolist(), amounts.tolist(), strict=True))
    keys = [
        tuple(sorted(pairs[start : start + count]))
        for start, count in zip(starts.tolist(), flat.counts.tolist(), strict=True)
    ]
    return keys, sizes
