"""Materials, read once: what every estimator, transform and predictor of the package is given."""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Composition, Structure
from pymatgen.core.structure import SiteCollection
from sklearn.utils.validation import validate_data

from matminer_phonon_tl.atoms import is_atoms
from matminer_phonon_tl.compositions import CompositionArray, FlatCompositions, composition_values
from matminer_phonon_tl.exceptions import (
    CompositionError,
    ModelFormatError,
    TrainingError,
    did_you_mean,
)
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.featurizers.lattice_dynamics import (
    COMPOSITION_COLUMNS,
    LatticeDynamicsDescriptors,
    describe_geometries,
    describe_structures,
    mean_bond,
)
from matminer_phonon_tl.featurizers.xenonpy import XenonPyDescriptors
from matminer_phonon_tl.models.state import check_arrays

_FEATURIZERS = {"xenonpy": XenonPyDescriptors, "lattice_dynamics": LatticeDynamicsDescriptors}
_BLOCKS = {
    "xenonpy": ("xenonpy",),
    "lattice_dynamics": ("lattice_dynamics",),
    "both": ("xenonpy", "lattice_dynamics"),
    "bond_valence": ("lattice_dynamics",),
    "both_bond_valence": ("xenonpy", "lattice_dynamics"),
}
"""Composition columns of each set. The structure columns of those named bond_valence come from
charged atoms on bond-valence springs, of the others from springs of the covalent radii."""
DESCRIPTOR_SETS = tuple(_BLOCKS)

_WHOLE = Composition.amount_tolerance
_SPECIAL_ELEMENTS = {
    symbol
    for formula in Composition.special_formulas
    for symbol in re.findall("[A-Z][a-z]?", formula)
}
"""Elements of the formulas that pymatgen does not reduce: H2O2, O2 and some more."""


class Materials:
    """Materials that several models are asked about: read once, each descriptor computed once.

    Use :meth:`of`; whatever is computed here is kept, and :meth:`take` hands it on.

    Parameters
    ----------
    values : sequence, optional
        Structure of each material, or whatever was given where structures may be asked for.
    columns : list, optional
        Columns of the table that has no structures, to name in an error.
    flat : FlatCompositions, optional
        The compositions with rows of the element table, where they are known.

    Examples
    --------
    >>> materials = Materials.of(["InN", "Fe4O6"])
    >>> materials.matrix("xenonpy", use_structure=False).shape
    (2, 290)
    >>> materials.atoms_per_formula_unit
    array([2., 5.])
    """

    def __init__(
        self,
        compositions: CompositionArray,
        values: Sequence[Any] | None = None,
        columns: list[Any] | None = None,
        flat: FlatCompositions | None = None,
    ) -> None:
        self.compositions = compositions
        self._values = values
        self._columns = columns
        self._known: dict[Hashable, NDArray[Any]] = {}
        self._errors: dict[Hashable, dict[int, CompositionError]] = {}
        if flat is not None:
            self.flat = flat

    @classmethod
    def of(cls, X: Any) -> "Materials":
        """Read materials; what was read already is returned as it is.

        In a DataFrame, the column ``composition`` (failing it ``formula`` or ``structure``) holds
        the compositions, and the column ``structure`` the structures, which only models that use
        structures look at. In anything else the entries are both. Raises CompositionError or
        UnknownElementError, which names the first row that is no composition.
        """
        if isinstance(X, Materials):
            return X
        compositions = CompositionArray.read(X)
        if isinstance(X, CompositionArray):
            return cls(X)
        if not isinstance(X, pd.DataFrame):
            return cls(compositions, composition_values(X))
        columns = list(X.columns)
        if columns.count("structure") == 1:
            return cls(compositions, composition_values(X, "structure"))
        return cls(compositions, columns=columns)

    def __len__(self) -> int:
        return len(self.compositions)

    def get_state(self) -> dict[str, Any]:
        """Return the compositions as plain arrays; structures are not kept."""
        flat = self.flat
        return {
            "counts": flat.counts.astype(np.int32),
            "elements": flat.elements.astype(np.int16),
            "amounts": flat.amounts,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], what: str) -> "Materials":
        """Rebuild from :meth:`get_state`; ModelFormatError says what of is wrong."""
        check_arrays(
            state,
            what,
            {
                "counts": (np.int32, ("n_materials",)),
                "elements": (np.int16, ("n_entries",)),
                "amounts": (np.float64, ("n_entries",)),
            },
        )
        table = ElementTable.shipped().row_of
        counts, elements, amounts = (state[name] for name in ("counts", "elements", "amounts"))
        if (
            not (counts > 0).all()
            or counts.sum() != len(elements)
            or not ((elements >= 0) & (elements < len(table))).all()
            or not (amounts > 0).all()
        ):
            raise ModelFormatError(f"expected {what} of known elements")
        flat = FlatCompositions(counts.astype(np.intp), elements.astype(np.intp), amounts)
        return cls(CompositionArray.of_flat(flat, list(table)), flat=flat)

    def take(self, rows: NDArray[np.intp]) -> "Materials":
        """Return some of the materials, with all that is known of them."""
        values = None if self._values is None else [self._values[row] for row in rows.tolist()]
        part = Materials(self.compositions.take(rows), values, self._columns)
        if "flat" in self.__dict__:
            part.flat = self.flat.take(rows)
        part._known = {key: known[rows] for key, known in self._known.items()}
        place_of = {row: place for place, row in enumerate(rows.tolist())} if self._errors else {}
        part._errors = {
            key: {
                place_of[row]: error.at_row(place_of[row])
                for row, error in errors.items()
                if row in place_of
            }
            for key, errors in self._errors.items()
        }
        return part

    @cached_property
    def flat(self) -> FlatCompositions:
        """Compositions as flat arrays, elements as rows of the element table.

        Raises UnknownElementError, which names the first row with an element that the table lacks.
        """
        return self.compositions.flat(ElementTable.shipped().index_of)

    @property
    def structures(self) -> Sequence[Structure]:
        """Structure of each material; CompositionError where there is none."""
        if self._columns is not None:
            raise CompositionError(
                "expected a DataFrame with a column 'structure' because use_structure=True, got "
                f"the columns {self._columns}: add it, or use a model without structure"
            )
        values: Sequence[Any] = self.compositions if self._values is None else self._values
        for row, value in enumerate(values):
            if not isinstance(value, Structure):
                raise CompositionError(
                    f"expected a Structure because use_structure=True, got {type(value).__name__}: "
                    "give structures, or use a model without structure",
                    row=row,
                )
        return values

    def once(self, key: Hashable, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return what is known under a key, or compute and keep it: one row a material."""
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    @property
    def formula_units(self) -> NDArray[np.float64]:
        """Reduced formula units in each composition, as pymatgen counts them.

        >>> Materials.of(["Fe4O6", "O2", "Li0.5CoO2"]).formula_units
        array([2., 1., 1.])
        """
        return self.once("formula units", self._count_formula_units)

    @property
    def atoms_per_cell(self) -> NDArray[np.float64]:
        """Atoms in each primitive cell: in the formula as written, or in the structure."""
        return self.once("atoms per cell", lambda: self._sum(self.flat.amounts))

    @property
    def atoms_per_formula_unit(self) -> NDArray[np.float64]:
        """Atoms in each reduced formula unit."""
        return self.once("atoms per formula unit", lambda: self.atoms_per_cell / self.formula_units)

    @property
    def mean_mass(self) -> NDArray[np.float64]:
        """Mean atomic mass of each composition, u."""
        mass = ElementTable.shipped().column("atomic_weight")
        return self.once(
            "mean mass",
            lambda: (
                self._sum(mass[self.flat.elements] * self.flat.amounts)
                / self._sum(self.flat.amounts)
            ),
        )

    def reduced_formulas(self) -> list[str]:
        """Reduced formula of each material."""
        return [composition.reduced_formula for composition in self.compositions]

    def matrix(
        self, name: str, *, use_structure: bool, standard_bonds: bool = False
    ) -> NDArray[np.float64]:
        """Describe the materials; nothing is learnt here, so no row can tell another anything.

        The set is "xenonpy", "lattice_dynamics", "both" or "bond_valence"; ``use_structure``
        appends the structure columns of LatticeDynamicsDescriptors, ``standard_bonds`` scales the
        structures first, as it does. Columns of the shape (n_materials, n_descriptors) are named by
        :func:`descriptor_labels`.
        """
        check_descriptors(name)
        structures = self.structures if use_structure else None  # says first what is missing
        blocks = [self._describe_compositions(block) for block in _BLOCKS[name]]
        if structures is not None:
            described, errors = self._describe_structures(_springs(name), standard_bonds)
            for error in errors.values():
                raise error
            blocks.append(described)
        return np.hstack(blocks)

    def matrix_for(self, model: Any) -> NDArray[np.float64]:
        """Describe the materials as a model of this package is set to see them."""
        return self.matrix(
            model.descriptors,
            use_structure=bool(model.use_structure),
            standard_bonds=bool(model.standard_bonds),
        )

    def find_errors(self, sets: Iterable[tuple[str, bool]]) -> dict[int, CompositionError]:
        """Return the structures that cannot be described, by row.

        Of the descriptor sets that will be asked for, each with whether at standard bonds, what is
        computed on the way is kept.
        """
        errors: dict[int, CompositionError] = {}
        for name, standard_bonds in sets:
            errors |= self._describe_structures(_springs(name), standard_bonds)[1]
        return dict(sorted(errors.items()))

    def _geometry(self) -> NDArray[np.float64]:
        """Geometry columns of the structures as given, which say what cannot be described."""
        if "geometry" not in self._known:
            found = describe_geometries(self.structures)
            self._known["geometry"], self._errors["geometry"] = found
        return self._known["geometry"]

    def mean_bonds(self) -> NDArray[np.float64]:
        """Mean bond of each structure (:func:`mean_bond`); NaN where one cannot be described."""
        return self.once(
            "mean bonds",
            lambda: np.array(
                [
                    mean_bond(structure) if np.isfinite(shape).all() else np.nan
                    for structure, shape in zip(self.structures, self._geometry(), strict=True)
                ]
            ),
        )

    def _describe_compositions(self, block: str) -> NDArray[np.float64]:
        if len(self):
            _ = self.flat  # names an unknown element before the featurizer does
        return self.once(block, lambda: _FEATURIZERS[block]().featurize_array(self.compositions))

    def _describe_structures(
        self, springs: str, standard_bonds: bool
    ) -> tuple[NDArray[np.float64], dict[int, CompositionError]]:
        """Structure columns with these springs; the geometry is computed once for all."""
        key = (springs, standard_bonds)
        if key not in self._known:
            described, errors = describe_structures(
                self.structures,
                springs,
                self._geometry(),
                standard_bonds=standard_bonds,
                bonds=self.mean_bonds() if standard_bonds else None,
            )
            self._known[key], self._errors[key] = described, self._errors["geometry"] | errors
        return self._known[key], self._errors.get(key, {})

    def _sum(self, entries: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum over the entries of each composition."""
        counts = self.flat.counts
        return np.add.reduceat(entries, np.cumsum(counts) - counts) if len(counts) else np.empty(0)

    def _count_formula_units(self) -> NDArray[np.float64]:
        flat = self.flat
        if not len(flat.counts):
            return np.empty(0)
        starts = np.cumsum(flat.counts) - flat.counts
        whole = np.rint(flat.amounts)
        is_whole = np.logical_and.reduceat(np.abs(flat.amounts - whole) < _WHOLE, starts)
        divisors = np.gcd.reduceat(whole.astype(np.int64), starts)
        units = np.where(is_whole, divisors, 1.0)
        for row in np.flatnonzero(_is_special(flat, starts)).tolist():
            units[row] = self.compositions[row].get_reduced_composition_and_factor()[1]
        return units


class DescriptorInput(NamedTuple):
    """Descriptors, and the compositions they were made of where there were any."""

    matrix: NDArray[np.float64]
    compositions: Sequence[Composition] | None


def holds_compositions(X: Any) -> bool:
    """Whether X is a table, series or list of compositions rather than a matrix.

    One entry that is meant as a composition is enough: the others are then refused by their rows.

    >>> holds_compositions(["InN", "GaSb"]), holds_compositions([[1.0, 2.0], [3.0, 4.0]])
    (True, False)
    """
    if isinstance(X, Materials | CompositionArray | SiteCollection) or is_atoms(X):
        return True  # a single one is refused where it is read
    if isinstance(X, pd.DataFrame):
        return any(name in X.columns for name in ("composition", "formula", "structure"))
    if isinstance(X, np.ndarray) and X.ndim != 1:
        return False
    if isinstance(X, pd.Series | np.ndarray | list | tuple):
        meant = str | Composition | Mapping | SiteCollection
        return any(isinstance(entry, meant) or is_atoms(entry) for entry in X)
    return False


def describe(X: Any, descriptors: str) -> DescriptorInput:
    """Return materials' descriptors of the named set, and their compositions."""
    materials = Materials.of(X)
    matrix = materials.matrix(descriptors, use_structure=False)
    return DescriptorInput(matrix, materials.compositions)


def read_input(estimator: Any, X: Any, y: Any = None, *, fitting: bool) -> Any:
    """Read X (and y when fitting) for a scikit-learn estimator that also takes plain matrices.

    The estimator's ``n_features_in_`` is set when fitting, else checked. X is a matrix of numbers,
    or compositions as :meth:`Materials.of` takes them; what is returned is in double precision and
    finite. Raises ValueError where the matrix or the labels are bad (scikit-learn's message), or a
    composition is (names its row).
    """
    compositions = None
    if isinstance(X, pd.Series | list | tuple) and not len(X):
        raise CompositionError(
            "expected at least one material, got none: pass compositions, or a matrix of "
            "descriptors"
        )
    if holds_compositions(X):
        X, compositions = describe(X, estimator.descriptors)
        if not fitting and estimator.n_features_in_ != X.shape[1]:
            raise ValueError(
                f"expected a matrix of {estimator.n_features_in_} columns, as the model was fitted "
                f"on, got compositions, which have {X.shape[1]} descriptors: pass the matrix"
            )
        if hasattr(estimator, "feature_names_in_") and not fitting:
            names = estimator.feature_names_in_
            X = pd.DataFrame(X, columns=names)
    if not fitting:
        X = validate_data(estimator, X, reset=False, dtype=np.float64)
        return DescriptorInput(X, compositions)
    X, y = validate_data(
        estimator, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2, multi_output=False
    )
    return DescriptorInput(X, compositions), np.asarray(y, dtype=np.float64)


def check_target(y: Any, n_rows: int, name: str) -> NDArray[np.float64]:
    """Read a target as finite numbers, one a row."""
    target = np.asarray(y.to_numpy() if isinstance(y, pd.Series) else y)
    if target.shape != (n_rows,):
        raise TrainingError(
            f"expected {name} to hold one value for each of {n_rows} rows, got shape {target.shape}"
        )
    try:
        numbers = target.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TrainingError(f"expected {name} to hold numbers, got {target.dtype}") from error
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise TrainingError(
            f"expected finite values of {name}, got {numbers[bad[0]]} in row {bad[0]} "
            f"({len(bad)} such rows): drop these rows first"
        )
    return numbers


def check_descriptors(name: str) -> None:
    """Raise ValueError where there is no descriptor set of that name."""
    if name not in DESCRIPTOR_SETS:
        raise ValueError(
            f"expected descriptors to be one of {DESCRIPTOR_SETS}, got {name!r}"
            f"{did_you_mean(name, DESCRIPTOR_SETS)}"
        )


def descriptor_labels(name: str, *, use_structure: bool, standard_bonds: bool = False) -> list[str]:
    """Return the names of the columns that :func:`descriptor_matrix` gives."""
    check_descriptors(name)
    labels = XenonPyDescriptors().feature_labels() if "xenonpy" in _BLOCKS[name] else []
    lattice = LatticeDynamicsDescriptors(
        use_structure=bool(use_structure), springs=_springs(name), standard_bonds=standard_bonds
    ).feature_labels()
    return labels + (lattice[len(COMPOSITION_COLUMNS) :] if name == "xenonpy" else lattice)


def descriptor_matrix(
    X: Any, name: str, *, use_structure: bool, standard_bonds: bool = False
) -> NDArray[np.float64]:
    """Describe materials as :meth:`Materials.matrix` does, or check their matrix and pass it on."""
    if isinstance(X, np.ndarray) and X.ndim == 2:
        return _check_matrix(X, descriptor_labels(name, use_structure=use_structure))
    return Materials.of(X).matrix(name, use_structure=use_structure, standard_bonds=standard_bonds)


def _check_matrix(X: NDArray[Any], labels: list[str]) -> NDArray[np.float64]:
    if X.shape[1] != len(labels):
        raise ValueError(
            f"expected a matrix of the {len(labels)} descriptors {labels[0]} ... {labels[-1]}, got "
            f"{X.shape[1]} columns: pass compositions, or the columns in that order"
        )
    matrix = X.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(bad):
        raise ValueError(
            f"expected finite descriptors, got NaN or infinity in row {bad[0]} "
            f"({len(bad)} such rows): drop these rows first"
        )
    return matrix


def _springs(name: str) -> str:
    return "bond_valence" if name.endswith("bond_valence") else "covalent"


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
