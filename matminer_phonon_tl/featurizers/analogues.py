"""Phonons of the structures a composition would have if it crystallised as its relatives do.

The structure of a new compound is unknown, but compounds of like elements in like amounts often
share one. The elements are put into the structures of the nearest relatives, each cell is scaled by
the covalent radii, and the spring model of :mod:`~matminer_phonon_tl.featurizers.spring_model`
gives its bands. The mean over the relatives knows what no mean over elements does: which atoms are
bonded.
"""

from collections import defaultdict
from functools import cache
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element, Structure
from sklearn.exceptions import NotFittedError

from matminer_phonon_tl.citations import LIU_2020
from matminer_phonon_tl.compositions import FlatCompositions, composition_values, flatten_valid
from matminer_phonon_tl.exceptions import CompositionError
from matminer_phonon_tl.featurizers.composition_featurizer import CompositionFeaturizer
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.featurizers.exchanged_structures import (
    Prototype,
    describe_exchanged,
    elements_in_order,
    make_prototypes,
)

ANALOGUE_COLUMNS = {
    "analogue_gap": "(bottom of branch 4 - top of branch 3) / highest frequency",
    "analogue_log_ratio": "ln(bottom of branch 4 / top of branch 3)",
    "analogue_acoustic_top": "top of branch 3 / root mean square frequency",
    "analogue_optical_bottom": "bottom of branch 4 / root mean square frequency",
    "analogue_log_volume": "ln of the scaled cell's volume per atom, Angstrom^3",
}
"""Meaning of each column, a mean over the relatives' structures."""

_PROPERTY_UNITS = {"en_pauling": 0.6, "covalent_radius_cordero": 30.0}
_GROUPS, _PERIODS = 6.0, 1.5
"""Differences in electronegativity, radius (pm), group and period that count as equal."""
_DECAY_OF_WEIGHT = 1.0
SMALLEST_VOLUME = 1.0
"""Lower bound of the volume per atom of a solid, Angstrom^3: diamond has 5.7."""
LONGEST_EDGE = 1e3
"""Upper bound of a cell's edges, Angstrom; cells have a dozen atoms."""


class AnalogueDescriptors(CompositionFeaturizer):
    """Spring-model bands of a composition in the structures of its nearest relatives.

    A relative has other elements in the same amounts per primitive cell; elements of equal amounts
    are matched in the order of their electronegativities. Structures of the formula itself are
    never used, so a material of the library is described as if it were new.

    Parameters
    ----------
    n_analogues : int
        Nearest relatives to average over, weighted by exp(-distance) beyond the nearest.
    max_sites : int
        Larger cells get no relatives: the cost grows with the cube of the size, and no material of
        the shipped set with more than 12 atoms in its cell has an acoustic-optical gap.

    Attributes
    ----------
    prototypes_ : list of Prototype
        The structures of at most ``max_sites`` sites that were given to :meth:`fit`.

    Notes
    -----
    A composition without relatives (no other compound of the library has its amounts, or the cell
    is too large) has NaN in every column, and a FeaturizationWarning names its row; :meth:`count`
    says how many relatives each has.

    Examples
    --------
    >>> from matminer_phonon_tl import load_phonon_tl
    >>> library = load_phonon_tl()["structure"]
    >>> described = AnalogueDescriptors().fit(library).featurize_array(["BAs", "GaAs"])
    >>> described.shape, bool(described[0, 0] > described[1, 0])  # BAs has the wide gap
    ((2, 5), True)
    """

    def __init__(self, n_analogues: int = 8, max_sites: int = 12) -> None:
        self.n_analogues = n_analogues
        self.max_sites = max_sites

    _reason_of_nan = "no relatives of known structure"

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Take structures as the library of relatives.

        Parameters
        ----------
        X : iterable of Structure, or DataFrame with a ``structure`` column
            Primitive cells.
        y : ignored

        Raises
        ------
        CompositionError
            If one of them is no ordered structure; names its row.
        """
        structures = composition_values(X, "structure")
        for row, structure in enumerate(structures):
            if not isinstance(structure, Structure) or not structure.is_ordered:
                raise CompositionError(
                    "expected an ordered Structure for the library of relatives, got "
                    f"{type(structure).__name__}: leave it out",
                    row=row,
                )
        if not structures:
            raise CompositionError("expected structures for the library of relatives, got none")
        row_of = ElementTable.shipped().index_of
        kept = [structure for structure in structures if len(structure) <= self.max_sites]
        if not kept:
            raise CompositionError(
                f"expected structures of at most {self.max_sites} sites for the library of "
                "relatives, got none: raise max_sites"
            )
        return self._take(
            make_prototypes(
                [structure.lattice.matrix for structure in kept],
                [np.array([row_of(site.specie.symbol) for site in each]) for each in kept],
                [structure.frac_coords for structure in kept],
            )
        )

    def get_library(self) -> dict[str, NDArray[Any]]:
        """Return the library as arrays; :meth:`from_library` restores it."""
        library = self.prototypes_
        return {
            "counts": np.array([len(each.of_site) for each in library], dtype=np.int32),
            "lattices": np.array([each.lattice for each in library]),
            "elements": np.concatenate([each.of_site for each in library]).astype(np.int16),
            "coordinates": np.concatenate([each.coordinates for each in library]),
        }

    @classmethod
    def from_library(cls, library: dict[str, NDArray[Any]], **params: int) -> Self:
        """Restore a fitted featurizer.

        Parameters
        ----------
        library : dict
            The arrays of :meth:`get_library`: sites of each crystal ``counts`` (n,), ``lattices``
            (n, 3, 3) in Angstrom, ``elements`` (n_sites,) as rows of the element table, and
            fractional ``coordinates`` (n_sites, 3).
        **params
            ``n_analogues`` and ``max_sites``.

        Raises
        ------
        ValueError
            If the arrays do not describe crystals of at most ``max_sites`` sites.
        """
        counts, lattices = library["counts"], library["lattices"]
        elements, coordinates = library["elements"], library["coordinates"]
        n_elements = len(ElementTable.shipped().row_of)
        fits = (
            counts.ndim == 1
            and len(counts) > 0
            and (counts > 0).all()
            and lattices.shape == (len(counts), 3, 3)
            and elements.shape == (counts.sum(),)
            and coordinates.shape == (counts.sum(), 3)
            and ((elements >= 0) & (elements < n_elements)).all()
        )
        if not fits or not (np.abs(np.linalg.det(lattices)) > SMALLEST_VOLUME * counts).all():
            raise ValueError("expected a library of crystals of the known elements")
        featurizer = cls(**params)
        if counts.max() > featurizer.max_sites or np.abs(lattices).max() > LONGEST_EDGE:
            raise ValueError(f"expected crystals of at most {featurizer.max_sites} sites a cell")
        return featurizer._take(_prototypes(library))

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters and the library as arrays, without what was derived from it."""
        state = dict(super().__getstate__())
        if state.pop("_by_amounts", None) is not None:
            del state["prototypes_"]
            state["library"] = self.get_library()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled featurizer."""
        others = dict(state)
        library = others.pop("library", None)
        super().__setstate__(others)
        if library is not None:
            self._take(_prototypes(library))

    def _take(self, library: list[Prototype]) -> Self:
        """Keep the library, sorted by the amounts in the cell."""
        self.prototypes_ = library
        numbers: dict[tuple[float, ...], list[int]] = defaultdict(list)
        for number, prototype in enumerate(library):
            numbers[prototype.amounts].append(number)
        self._by_amounts = {
            amounts: (np.array(members), np.array([library[m].elements for m in members]))
            for amounts, members in numbers.items()
        }
        return self

    def count(self, compositions: Any) -> NDArray[np.intp]:
        """Count the relatives that describe each composition, shape (n_compositions,)."""
        values = self._values(compositions)
        counts = np.zeros(len(values), dtype=np.intp)
        flat, rows, _ = flatten_valid(values, self._index_of)
        counts[rows] = np.bincount(self._relatives(flat).row, minlength=len(rows))
        return counts

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is a library."""
        return hasattr(self, "_by_amounts")

    def feature_labels(self) -> list[str]:
        """Return the names of the columns."""
        return list(ANALOGUE_COLUMNS)

    def citations(self) -> list[str]:
        """Return the BibTeX entry of the paper whose question the descriptors serve."""
        return [LIU_2020]

    def _describe(self, flat: FlatCompositions) -> NDArray[np.float64]:
        found = self._relatives(flat)
        bands = describe_exchanged(self.prototypes_, found.prototype, found.elements)
        total = np.zeros((len(flat.counts), bands.shape[1]))
        weight = np.zeros(len(flat.counts))
        np.add.at(total, found.row, found.weight[:, None] * bands)
        np.add.at(weight, found.row, found.weight)
        with np.errstate(invalid="ignore"):  # 0 / 0, NaN, where there is no relative
            return total / weight[:, None]

    def _relatives(self, flat: FlatCompositions) -> "_Relatives":
        """Find the nearest relatives of each row: one entry for each pair."""
        if not hasattr(self, "_by_amounts"):
            raise NotFittedError(
                "expected a library of structures before compositions, got none: call fit first"
            )
        between_elements = _element_distances()
        by_amounts: dict[tuple[float, ...], list[tuple[int, NDArray[np.intp]]]] = defaultdict(list)
        for row, (elements, amounts) in enumerate(elements_in_order(flat)):
            if tuple(amounts) in self._by_amounts:
                by_amounts[tuple(amounts)].append((row, elements))
        rows, prototypes, weights, placed = [], [], [], []
        for key, members in by_amounts.items():
            numbers, known_elements = self._by_amounts[key]
            asked = np.array([elements for _, elements in members])[:, None, :]
            distance = between_elements[asked, known_elements].mean(axis=2)
            distance[(asked == known_elements).all(axis=2)] = np.inf
            nearest = np.argsort(distance, axis=1, kind="stable")[:, : self.n_analogues]
            apart = np.take_along_axis(distance, nearest, axis=1)
            for (row, elements), chosen, far in zip(members, nearest, apart, strict=True):
                known = np.isfinite(far)
                rows += [row] * int(known.sum())
                prototypes.append(numbers[chosen[known]])
                weights.append(np.exp(-(far[known] - far[0]) / _DECAY_OF_WEIGHT))
                placed += [elements] * int(known.sum())
        return _Relatives(
            np.array(rows, dtype=np.intp),
            np.concatenate([np.empty(0, np.intp), *prototypes]),
            np.concatenate([np.empty(0), *weights]),
            placed,
        )


def _prototypes(library: dict[str, NDArray[Any]]) -> list[Prototype]:
    """Make the prototypes that :meth:`AnalogueDescriptors.get_library` gave as arrays."""
    ends = np.cumsum(library["counts"])[:-1]
    return make_prototypes(
        list(library["lattices"]),
        np.split(library["elements"].astype(np.intp), ends),
        np.split(library["coordinates"], ends),
    )


class _Relatives(NamedTuple):
    """Pairs of a composition and a structure that it is put into."""

    row: NDArray[np.intp]
    prototype: NDArray[np.intp]
    weight: NDArray[np.float64]
    elements: list[NDArray[np.intp]]
    """Table rows of the composition's elements, in the order of the structure's."""


@cache
def _element_distances() -> NDArray[np.float64]:
    """Return how unlike elements are, shape (n_elements, n_elements), by table row."""
    table = ElementTable.shipped()
    known = [Element(symbol) for symbol in table.row_of]
    inner_shells = [{"d": 1.0, "f": 2.0}.get(element.block, 0.0) for element in known]
    place = np.column_stack(
        [
            *(table.column(name) / unit for name, unit in _PROPERTY_UNITS.items()),
            np.array([element.group for element in known]) / _GROUPS,
            np.array([element.row for element in known]) / _PERIODS,
            np.array(inner_shells),
        ]
    )
    return np.linalg.norm(place[:, None, :] - place[None, :, :], axis=2)
