"""Which primitive cell is meant, and whether training materials of the formula have another."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Structure

from matminer_phonon_tl.compositions import FlatCompositions, as_composition
from matminer_phonon_tl.exceptions import CompositionError, ModelFormatError
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.state import check_arrays

MOST_FORMULA_UNITS = 1000
N_SPACE_GROUPS = 230
SAME_SITE = 0.01
"""Angstrom within which two sites count as images of each other, as in ``phonons``: a distortion of
a tenth of an Angstrom makes another cell, with other phonons."""
_BROKEN = 1e-6
"""Amounts nearer to whole numbers than this are whole."""


def read_cell(value: Any, n_formula_units: Any = None, *, needs_structure: bool = False) -> Any:
    """Return the primitive cell that a value stands for: what is to be read in its place.

    Parameters
    ----------
    value : Structure, or anything :func:`~matminer_phonon_tl.compositions.as_composition` takes
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
        If it is a structure without a primitive cell; if ``n_formula_units`` is given, also if it
        is no composition.
    """
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


class KnownCell(NamedTuple):
    """What training materials say of a cell's formula."""

    n_atoms: int
    """Atoms in the cell that is asked for."""
    trained: dict[int, list[int]]
    """Space groups of the training materials of the formula, by the atoms in their cells, both
    ascending; no groups where the training table did not say."""

    @property
    def others(self) -> list[int]:
        """Numbers of atoms in the cells of training materials, without the cell's own."""
        return [size for size in self.trained if size != self.n_atoms]

    def words(self) -> str:
        """Say what was trained on, which vouches for no other polymorph; empty for nothing.

        Examples
        --------
        >>> KnownCell(4, {2: [216], 4: []}).words()
        'trained on this formula in cells of 2 (space group 216) and 4 atoms'
        >>> KnownCell(4, {2: [216, 225]}).words()
        'trained on this formula in a cell of 2 (space groups 216, 225) atoms, not of 4'
        """
        if not self.trained:
            return ""
        cells = []
        for size, groups in self.trained.items():
            plural = "s" if len(groups) > 1 else ""
            named = f" (space group{plural} {', '.join(map(str, groups))})" if groups else ""
            cells.append(f"{size}{named}")
        listed = " and ".join(filter(None, [", ".join(cells[:-1]), cells[-1]]))
        missing = "" if self.n_atoms in self.trained else f", not of {self.n_atoms}"
        return (
            f"trained on this formula in {'cells' if len(cells) > 1 else 'a cell'} of {listed} "
            f"atom{'' if listed == '1' else 's'}{missing}"
        )


class KnownCells:
    """Primitive cells of training materials, by formula.

    Parameters
    ----------
    flat : FlatCompositions
        The training materials, elements as rows of the element table.
    space_groups : ndarray of int16, shape (n_materials,)
        Their international numbers; 0 where it is not known.
    """

    def __init__(self, flat: FlatCompositions, space_groups: NDArray[np.int16]) -> None:
        self._flat = flat
        self._space_groups = space_groups
        found: dict[Any, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for key, size, group in zip(*_keys(flat), space_groups.tolist(), strict=True):
            found[key][size] |= {group} - {0}
        self._cells = {
            key: {size: sorted(groups) for size, groups in sorted(sizes.items())}
            for key, sizes in found.items()
        }
        self._marks = np.unique(_marks(flat))

    @classmethod
    def fit(cls, X: Any, space_groups: Iterable[Any] | None = None) -> Self:
        """Remember the training materials.

        Parameters
        ----------
        X : as :meth:`Materials.of` takes
        space_groups : iterable, optional
            International number of each material; what is none counts as not known.
        """
        flat = Materials.of(X).flat
        numbers = np.zeros(len(flat.counts), dtype=np.int16)
        if space_groups is not None:
            given = pd.to_numeric(pd.Series(list(space_groups)), errors="coerce").to_numpy()
            numbers[:] = np.where(np.isin(given, range(1, N_SPACE_GROUPS + 1)), given, 0)
        return cls(flat, numbers)

    def look_up(self, X: Any) -> list[KnownCell]:
        """Say which training materials have the formula of each cell.

        Parameters
        ----------
        X : as :meth:`Materials.of` takes
        """
        flat = Materials.of(X).flat
        found = [KnownCell(0, {})] * len(flat.counts)
        maybe = np.flatnonzero(np.isin(_marks(flat), self._marks))
        for row, key, size in zip(maybe, *_keys(flat.take(maybe)), strict=True):
            found[row] = KnownCell(size, self._cells.get(key, {}))
        return found

    def get_state(self) -> dict[str, Any]:
        """Return plain arrays."""
        return {
            "counts": self._flat.counts.astype(np.int32),
            "elements": self._flat.elements.astype(np.int16),
            "amounts": self._flat.amounts,
            "space_groups": self._space_groups,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild from :meth:`get_state`; files of earlier versions have no space groups."""
        if isinstance(state, dict) and "space_groups" not in state and "counts" in state:
            state = {**state, "space_groups": np.zeros(np.shape(state["counts"]), dtype=np.int16)}
        check_arrays(
            state,
            "training cells",
            {
                "counts": (np.int32, ("n_cells",)),
                "elements": (np.int16, ("n_entries",)),
                "amounts": (np.float64, ("n_entries",)),
                "space_groups": (np.int16, ("n_cells",)),
            },
        )
        counts, elements, amounts = (state[name] for name in ("counts", "elements", "amounts"))
        groups = state["space_groups"]
        if (
            not (counts > 0).all()
            or counts.sum() != len(elements)
            or not ((elements >= 0) & (elements < len(ElementTable.shipped().row_of))).all()
            or not (amounts > 0).all()
            or not ((groups >= 0) & (groups <= N_SPACE_GROUPS)).all()
        ):
            raise ModelFormatError("expected training cells of known elements and space groups")
        flat = FlatCompositions(counts.astype(np.intp), elements.astype(np.intp), amounts)
        return cls(flat, groups)


def _marks(flat: FlatCompositions) -> NDArray[np.intp]:
    """Hash of each row's elements: rows with different hashes have different elements."""
    if not len(flat.counts):
        return np.empty(0, dtype=np.intp)
    starts = np.cumsum(flat.counts) - flat.counts
    return np.add.reduceat((flat.elements + 1) ** 3, starts)


def _keys(flat: FlatCompositions) -> tuple[list[tuple[tuple[int, float], ...]], list[int]]:
    """Reduced formula of each row as a key, and the rounded number of atoms in its cell."""
    if not len(flat.counts):
        return [], []
    starts = np.cumsum(flat.counts) - flat.counts
    whole = np.rint(flat.amounts)
    divisor = np.gcd.reduceat(whole.astype(np.int64), starts)
    broken = np.logical_or.reduceat(np.abs(flat.amounts - whole) > _BROKEN, starts)
    divisor[broken | (divisor == 0)] = 1
    amounts = flat.amounts / np.repeat(divisor, flat.counts)
    sizes = np.rint(np.add.reduceat(flat.amounts, starts)).astype(int).tolist()
    pairs = list(zip(flat.elements.tolist(), amounts.tolist(), strict=True))
    keys = [
        tuple(sorted(pairs[start : start + count]))
        for start, count in zip(starts.tolist(), flat.counts.tolist(), strict=True)
    ]
    return keys, sizes
