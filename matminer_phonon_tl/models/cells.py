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
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.state import check_arrays
from matminer_phonon_tl.structures import structure_of

MOST_FORMULA_UNITS = 1000
N_SPACE_GROUPS = 230
SAME_SITE = 0.01
"""Angstrom within which two sites count as images of each other, as in ``phonons``: a distortion of
a tenth of an Angstrom makes another cell, with other phonons."""
_BROKEN = 1e-6
"""Amounts nearer to whole numbers than this are whole."""


def read_cell(value: Any, n_formula_units: Any = None, *, needs_structure: bool = False) -> Any:
    """Return the primitive cell that a value stands for: what is to be read in its place.

    The primitive cell of a Structure; ``n_formula_units`` reduced formula units of a formula or
    composition, where they are given; else the value, not read yet. ``needs_structure`` refuses all
    but structures. Raises CompositionError for a structure that cannot be read or has no primitive
    cell, and, if ``n_formula_units`` is given, for what is no composition.
    """
    value = structure_of(value)
    if isinstance(value, Structure):
        as_composition(value)
        try:
            if _is_primitive(value):
                return value
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


def _is_primitive(structure: Structure) -> bool:
    """Whether it is plain that pymatgen would find no smaller cell, which takes it long.

    A smaller cell needs a translation that takes every site to one of the same species, and the
    sites of each species are then a multiple of one number.
    """
    numbers = np.unique([site.species_string for site in structure], return_inverse=True)[1]
    counts = np.bincount(numbers)
    if np.gcd.reduce(counts) == 1:
        return True
    coordinates = structure.frac_coords
    rarest = coordinates[numbers == np.argmin(counts)]
    translations = rarest[1:] - rarest[0]
    # pymatgen compares two approximate vectors within twice the tolerance; this is no tighter.
    near = 2.1 * SAME_SITE / np.array(structure.lattice.abc)
    for number in range(len(counts)):
        sites = coordinates[numbers == number]
        for site in sites:  # one by one: all at once take gigabytes from 500 sites on
            apart = site + translations[:, None] - sites
            apart = np.abs(apart - np.rint(apart))
            translations = translations[(apart < near).all(axis=2).any(axis=1)]
            if not len(translations):
                return True
    return False


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

        >>> KnownCell(4, {2: [216], 4: []}).words()
        'trained on this formula in cells of 2 atoms (space group 216) and 4 atoms'
        >>> KnownCell(4, {2: [216, 225]}).words()
        'trained on this formula in a cell of 2 atoms (space groups 216, 225), not of 4'
        """
        if not self.trained:
            return ""
        cells = []
        for size, groups in self.trained.items():
            plural = "s" if len(groups) > 1 else ""
            named = f" (space group{plural} {', '.join(map(str, groups))})" if groups else ""
            cells.append(f"{size} atom{'s' if size > 1 else ''}{named}")
        listed = " and ".join(filter(None, [", ".join(cells[:-1]), cells[-1]]))
        missing = "" if self.n_atoms in self.trained else f", not of {self.n_atoms}"
        return (
            f"trained on this formula in {'cells' if len(cells) > 1 else 'a cell'} of "
            f"{listed}{missing}"
        )


class KnownCells:
    """Primitive cells of training materials, by formula.

    Parameters
    ----------
    materials : Materials
        The training materials.
    space_groups : ndarray of int16, shape (n_materials,)
        Their international numbers; 0 where it is not known.
    """

    def __init__(self, materials: Materials, space_groups: NDArray[np.int16]) -> None:
        self.materials = materials
        flat = materials.flat
        self._space_groups = space_groups
        found: dict[Any, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for key, size, group in zip(*formula_keys(flat), space_groups.tolist(), strict=True):
            found[key][size] |= {group} - {0}
        self._cells = {
            key: {size: sorted(groups) for size, groups in sorted(sizes.items())}
            for key, sizes in found.items()
        }
        self._marks = np.unique(formula_marks(flat))

    @classmethod
    def fit(cls, X: Any, space_groups: Iterable[Any] | None = None) -> Self:
        """Remember the training materials, and their international numbers of space groups.

        What is no such number counts as not known.
        """
        materials = Materials.of(X)
        numbers = np.zeros(len(materials), dtype=np.int16)
        if space_groups is not None:
            given = pd.to_numeric(pd.Series(list(space_groups)), errors="coerce").to_numpy()
            numbers[:] = np.where(np.isin(given, range(1, N_SPACE_GROUPS + 1)), given, 0)
        return cls(materials, numbers)

    def look_up(self, X: Any) -> list[KnownCell]:
        """Say which training materials have the formula of each cell."""
        flat = Materials.of(X).flat
        found = [KnownCell(0, {})] * len(flat.counts)
        maybe = np.flatnonzero(np.isin(formula_marks(flat), self._marks))
        for row, key, size in zip(maybe, *formula_keys(flat.take(maybe)), strict=True):
            found[row] = KnownCell(size, self._cells.get(key, {}))
        return found

    def get_state(self) -> dict[str, Any]:
        """Return plain arrays."""
        return {**self.materials.get_state(), "space_groups": self._space_groups}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild from :meth:`get_state`."""
        materials = Materials.from_state(state, "training cells")
        check_arrays(state, "training cells", {"space_groups": (np.int16, (len(materials),))})
        groups = state["space_groups"]
        if not ((groups >= 0) & (groups <= N_SPACE_GROUPS)).all():
            raise ModelFormatError("expected training cells of known space groups")
        return cls(materials, groups)


class KnownFormulas:
    """Reduced formulas of materials, to find which others have one of them."""

    def __init__(self, materials: Materials) -> None:
        self._marks = np.unique(formula_marks(materials.flat))
        self._keys = frozenset(formula_keys(materials.flat)[0])

    def among(self, materials: Materials) -> NDArray[np.bool_]:
        """Say which materials have a known formula."""
        found = np.isin(formula_marks(materials.flat), self._marks)
        maybe = np.flatnonzero(found)
        keys, _ = formula_keys(materials.flat.take(maybe))
        found[maybe] = [key in self._keys for key in keys]
        return found


def formula_marks(flat: FlatCompositions) -> NDArray[np.intp]:
    """Hash of each row's elements: rows with different hashes have different elements."""
    if not len(flat.counts):
        return np.empty(0, dtype=np.intp)
    starts = np.cumsum(flat.counts) - flat.counts
    # A bit an element: to "or" it is all one whether Fe2+ and Fe3+ stand for it or Fe.
    return np.bitwise_or.reduceat(np.left_shift(1, flat.elements % 63), starts)


def formula_keys(flat: FlatCompositions) -> tuple[list[tuple[tuple[int, float], ...]], list[int]]:
    """Reduced formula of each row as a key, and the rounded number of atoms in its cell."""
    if not len(flat.counts):
        return [], []
    flat = flat.merged()
    starts = np.cumsum(flat.counts) - flat.counts
    whole = np.rint(flat.amounts)
    divisor = np.gcd.reduceat(whole.astype(np.int64), starts)
    broken = np.logical_or.reduceat(np.abs(flat.amounts - whole) > _BROKEN, starts)
    divisor[broken | (divisor == 0)] = 1
    # 0.1 + 0.2 + 0.7 is meant as 1.
    amounts = np.where(np.repeat(broken, flat.counts), flat.amounts, whole)
    amounts /= np.repeat(divisor, flat.counts)
    sizes = np.rint(np.add.reduceat(flat.amounts, starts)).astype(int).tolist()
    pairs = list(zip(flat.elements.tolist(), amounts.tolist(), strict=True))
    keys = [
        tuple(pairs[start : start + count])
        for start, count in zip(starts.tolist(), flat.counts.tolist(), strict=True)
    ]
    return keys, sizes
