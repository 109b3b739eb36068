"""A compact set of descriptors that follow from the physics of lattice vibrations."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Composition, Element, Species, Structure
from scipy import constants

from matminer_phonon_tl.blas import one_blas_thread
from matminer_phonon_tl.citations import LIU_2020
from matminer_phonon_tl.compositions import FlatCompositions, as_composition
from matminer_phonon_tl.exceptions import CompositionError
from matminer_phonon_tl.featurizers.bond_valence_model import (
    BOND_VALENCE_COLUMNS,
    describe_bond_valence_model,
)
from matminer_phonon_tl.featurizers.composition_featurizer import CompositionFeaturizer
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.featurizers.spring_model import (
    SPRING_COLUMNS,
    describe_spring_model,
    site_means,
)

COMPOSITION_COLUMNS = {
    "log_mass_ratio": "ln(M_heavy / M_light): in the diatomic chain the gap opens with the ratio",
    "log_lightest_mass": "ln(M_light / u): sets the top of the optical branches, ~ M^(-1/2)",
    "log_heaviest_mass": "ln(M_heavy / u): sets the top of the acoustic branches",
    "log_mean_mass": "ln of the mean mass, u: the inertia of a sound wave",
    "electronegativity_difference": "largest minus smallest (Pauling): ionicity, LO-TO splitting",
    "log_cell_size": "ln of the atoms in the cell: every atom more folds three branches in",
    "n_elements": "number of elements: more kinds of bonds, more bands in between",
    "radius_sum": "covalent radii of lightest and heaviest element, pm: length of their bond",
    "light_fraction": "share of the lightest element's atoms",
    "heavy_fraction": "share of the heaviest element's atoms",
    "signed_electronegativity": "lightest minus heaviest element: who attracts the charge",
    "log_heavy_atoms": "ln of the heaviest element's atoms in the cell: one carries three branches",
    "log_light_atoms": "ln of the lightest element's atoms in the cell",
    "log_second_mass_ratio": "ln(second heaviest / lightest mass): a middle mass fills the gap",
    "mean_melting_point": "mean of the elements' melting points, K: strength of the bonds",
    "mean_bulk_modulus": "mean of the elements' bulk moduli, GPa: stiffness",
}
"""Physics of each column that the composition alone gives."""

GEOMETRY_COLUMNS = {
    "volume_per_atom": "Angstrom^3: the longer the bonds, the softer",
    "density": "g/cm3: with the stiffness it gives the speed of sound",
    "packing_fraction": "share of the cell's volume that the covalent spheres fill",
    "space_group": "international number: symmetry makes branches meet",
    "bond_length": "mean nearest-neighbour distance, Angstrom",
    "bond_length_spread": "relative spread of the nearest-neighbour distances",
    "coordination": "mean number of neighbours within 1.2 nearest-neighbour distances",
    "heavy_heavy_distance": "shortest distance between atoms of the heaviest element, Angstrom",
}
"""Physics of each column that the structure gives without a model."""
GEOMETRY_POWERS = np.array([3, -3, -3, 0, 1, 0, 0, 1])
"""Power of the length by which a cell is scaled that each of these columns grows with."""
MODEL_COLUMNS = {"covalent": SPRING_COLUMNS, "bond_valence": BOND_VALENCE_COLUMNS}
"""Physics of the columns of each spring model."""
STRUCTURE_COLUMNS = {**GEOMETRY_COLUMNS, **SPRING_COLUMNS}
"""Physics of each column that needs the structure, with the default springs."""

NEIGHBOUR_SHELL = 1.2
"""Atoms within this many nearest-neighbour distances are neighbours."""
SHORTEST_DISTANCE = 0.3
"""No two atoms of a solid are nearer than this, Angstrom; H2 has 0.74."""
LARGEST_VOLUME = 1e6
"""Of a cell, cubic Angstrom: more is vacuum, in which a search for neighbours takes all memory."""
LARGEST_NUMBER = 1e4
"""Of a position in cells, of a cell vector in Angstrom: beyond it that search does the same."""
GRAMS_PER_CM3 = constants.atomic_mass / constants.gram / (constants.angstrom / constants.centi) ** 3
"""Density of 1 u / Angstrom^3 in g/cm3."""
SYMPREC = 0.1
"""Tolerance of the symmetry search, Angstrom; as the Materials Project's."""
ANGLE_TOLERANCE = 5.0
"""The same for angles, degrees; pymatgen's default."""


class LatticeDynamicsDescriptors(CompositionFeaturizer):
    """Masses, charges and sizes of the atoms, which govern lattice vibrations, in a few columns.

    ``COMPOSITION_COLUMNS`` and ``STRUCTURE_COLUMNS`` in this module say what each column is and
    why it matters. "Light" and "heavy" are the elements of lowest and highest atomic mass.

    Parameters
    ----------
    use_structure : bool
        Append the structure columns; every input must then be a Structure.
    springs : {"covalent", "bond_valence"}
        Spring model behind the last structure columns: springs whose stiffness follows from the
        covalent radii, or bond-valence springs between charged atoms, which predict gaps better.
    standard_bonds : bool
        Scale each cell first, so that its bonds are as long as covalent radii say
        (:func:`at_standard_bonds`). The structure columns, whose names then begin with
        ``standard_``, do not depend on the volume, which tells more about the density functional
        that relaxed the cell than about the crystal.

    References
    ----------
    M. Born, K. Huang, Dynamical Theory of Crystal Lattices (Oxford, 1954), for the diatomic chain;
    Z. Liu et al., Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356, for the gap.

    Examples
    --------
    >>> descriptors = LatticeDynamicsDescriptors()
    >>> dict(zip(descriptors.feature_labels(), descriptors.featurize("BAs")))["log_mass_ratio"]
    1.93...
    """

    def __init__(
        self,
        *,
        use_structure: bool = False,
        springs: str = "covalent",
        standard_bonds: bool = False,
    ) -> None:
        self.use_structure = use_structure
        self.springs = springs
        self.standard_bonds = standard_bonds

    def feature_labels(self) -> list[str]:
        """Return the names of the columns."""
        return [*COMPOSITION_COLUMNS, *(self._structure_columns() if self.use_structure else ())]

    def citations(self) -> list[str]:
        """Return the BibTeX entry of the paper whose question the descriptors serve."""
        return [LIU_2020]

    @property
    def _column(self) -> str:
        return "structure" if self.use_structure else super()._column

    def _structure_columns(self) -> list[str]:
        if self.springs not in MODEL_COLUMNS:
            raise ValueError(
                f"expected springs to be one of {tuple(MODEL_COLUMNS)}, got {self.springs!r}"
            )
        names = [*GEOMETRY_COLUMNS, *MODEL_COLUMNS[self.springs]]
        return [f"standard_{name}" for name in names] if self.standard_bonds else names

    def _describe(self, flat: FlatCompositions) -> NDArray[np.float64]:
        return _describe_compositions(flat)

    def _featurize_valid(
        self, values: Any, first_row: int = 0
    ) -> tuple[NDArray[np.float64], dict[int, CompositionError]]:
        features, errors = super()._featurize_valid(values, first_row)
        if not self.use_structure:
            return features, errors
        n_columns = len(self._structure_columns())
        described = np.full((len(values), n_columns), np.nan)
        good = [row for row in range(len(values)) if first_row + row not in errors]
        found, refused = describe_structures(
            [values[row] for row in good], self.springs, standard_bonds=self.standard_bonds
        )
        described[good] = found
        for place, error in refused.items():
            row = good[place]
            errors[first_row + row] = error.at_row(first_row + row)
            features[row] = np.nan
        return np.hstack([features, described]), dict(sorted(errors.items()))


def _describe_compositions(flat: FlatCompositions) -> NDArray[np.float64]:
    """Compute ``COMPOSITION_COLUMNS`` for all rows at once."""
    table = ElementTable.shipped()
    n_rows = len(flat.counts)
    if n_rows == 0:
        return np.empty((0, len(COMPOSITION_COLUMNS)))
    starts = np.cumsum(flat.counts) - flat.counts
    atoms = np.add.reduceat(flat.amounts, starts)

    # An element once a row, then in the order of mass.
    n_elements, element, amount = flat.merged()
    row = np.repeat(np.arange(n_rows), n_elements)
    mass = table.column("atomic_weight")[element]
    order = np.lexsort((mass, row))
    row, element, amount, mass = row[order], element[order], amount[order], mass[order]
    light = np.cumsum(n_elements) - n_elements
    heavy = light + n_elements - 1
    second = np.maximum(heavy - 1, light)

    def mean(name: str) -> NDArray[np.float64]:
        return np.add.reduceat(table.column(name)[element] * amount, light) / atoms

    negativity = table.column("en_pauling")[element]
    radius = table.column("covalent_radius_cordero")[element]
    columns = {
        "log_mass_ratio": np.log(mass[heavy] / mass[light]),
        "log_lightest_mass": np.log(mass[light]),
        "log_heaviest_mass": np.log(mass[heavy]),
        "log_mean_mass": np.log(mean("atomic_weight")),
        "electronegativity_difference": np.maximum.reduceat(negativity, light)
        - np.minimum.reduceat(negativity, light),
        "log_cell_size": np.log(atoms),
        "n_elements": n_elements.astype(float),
        "radius_sum": radius[light] + radius[heavy],
        "light_fraction": amount[light] / atoms,
        "heavy_fraction": amount[heavy] / atoms,
        "signed_electronegativity": negativity[light] - negativity[heavy],
        "log_heavy_atoms": np.log(amount[heavy]),
        "log_light_atoms": np.log(amount[light]),
        "log_second_mass_ratio": np.log(mass[second] / mass[light]),
        "mean_melting_point": mean("melting_point"),
        "mean_bulk_modulus": mean("bulk_modulus"),
    }
    return np.column_stack([columns[name] for name in COMPOSITION_COLUMNS])


def mean_bond(structure: Structure) -> float:
    """Return the mean bond of the atoms, in units of what covalent radii say.

    An atom's bond is its shortest distance to another atom over the sum of the two covalent radii.
    """
    radii = site_means(structure, ElementTable.shipped().column("covalent_radius_cordero")[:, None])
    radius = radii[:, 0] / 100  # pm to Angstrom
    longest = 2 * radius.max()  # sum of two radii
    cutoff = 1.5 * (structure.volume / len(structure)) ** (1 / 3)
    while True:
        centre, neighbour, _, distance = structure.get_neighbor_list(cutoff)
        shortest = np.full(len(structure), np.inf)
        np.minimum.at(shortest, centre, distance / (radius[centre] + radius[neighbour]))
        if cutoff >= longest * shortest.max():  # no atom farther away can be nearer in these units
            return float(shortest.mean())
        cutoff *= 1.5


def at_standard_bonds(structure: Structure, bond: float | None = None) -> Structure:
    """Scale a structure so that its :func:`mean_bond` is 1; angles and ratios of distances stay.

    Parameters
    ----------
    structure : Structure
        It is not changed.
    bond : float, optional
        Its mean bond, where it is known.

    Returns
    -------
    Structure

    Examples
    --------
    >>> from pymatgen.core import Lattice
    >>> sites = [[0, 0, 0], [0.5, 0.5, 0.5]]
    >>> salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.69), ["Na", "Cl"], sites)
    >>> round(at_standard_bonds(salt).lattice.a / 2, 2)  # Angstrom: radii of 1.66 and 1.02
    2.68
    """
    scaled = structure.copy()
    bond = mean_bond(structure) if bond is None else bond
    scaled.scale_lattice(structure.volume / bond**3)
    return scaled


@one_blas_thread()
def describe_structures(
    values: Sequence[Any],
    springs: str = "covalent",
    geometry: NDArray[np.float64] | None = None,
    *,
    standard_bonds: bool = False,
    bonds: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], dict[int, CompositionError]]:
    """Compute ``GEOMETRY_COLUMNS`` and ``MODEL_COLUMNS[springs]`` of many structures.

    Rows that cannot be described are NaN, and the dict says why. `geometry` is what
    :func:`describe_geometries` gave, where it is known; its errors are not told again. With
    `standard_bonds` the structures are scaled first, by their mean `bonds` where they are known.
    """
    errors: dict[int, CompositionError] = {}
    if geometry is None:
        geometry, errors = describe_geometries(values)
    describe_model = describe_spring_model if springs == "covalent" else describe_bond_valence_model
    described = np.full((len(values), len(GEOMETRY_COLUMNS) + len(MODEL_COLUMNS[springs])), np.nan)
    for row in np.flatnonzero(np.isfinite(geometry).all(axis=1)).tolist():
        cell, shape = values[row], geometry[row]
        try:
            if standard_bonds:
                cell = at_standard_bonds(cell, None if bonds is None else float(bonds[row]))
                shape = shape * (cell.volume / values[row].volume) ** (GEOMETRY_POWERS / 3)
            described[row] = [*shape, *describe_model(cell)]
        except (ValueError, ArithmeticError) as error:  # LinAlgError is a ValueError
            errors[row] = _undescribed(values[row], error, row)
    return described, errors


@one_blas_thread()
def describe_geometries(
    values: Sequence[Any],
) -> tuple[NDArray[np.float64], dict[int, CompositionError]]:
    """Compute ``GEOMETRY_COLUMNS`` of structures as they are given; NaN where one has none."""
    described = np.full((len(values), len(GEOMETRY_COLUMNS)), np.nan)
    errors: dict[int, CompositionError] = {}
    for row, value in enumerate(values):
        if not isinstance(value, Structure):
            errors[row] = CompositionError(
                f"expected a Structure because use_structure=True, got {type(value).__name__}: "
                "give structures, or set use_structure=False",
                row=row,
            )
            continue
        try:
            _check_cell(value)
            described[row] = describe_geometry(value)
        except (ValueError, ArithmeticError) as error:
            errors[row] = _undescribed(value, error, row)
    return described, errors


def _undescribed(structure: Structure, error: Exception, row: int) -> CompositionError:
    return CompositionError(
        "expected a structure with a lattice to vibrate, got "
        f"{structure.composition.reduced_formula}, of which {error}",
        row=row,
    )


@cache
def _atomic_mass(member: Species | Element) -> float:
    """Return pymatgen's mass of an element, u; pymatgen takes long to look one up."""
    return float(member.atomic_mass)


def _space_group(structure: Structure) -> int:
    """Return the number that pymatgen's SpacegroupAnalyzer gives, in half its time."""
    number_of: dict[Composition, int] = {}
    numbers = [number_of.setdefault(site.species, len(number_of)) for site in structure]
    cell = (structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), numbers)
    dataset = spglib.get_symmetry_dataset(cell, SYMPREC, ANGLE_TOLERANCE)
    if dataset is None:
        raise ValueError("the symmetry cannot be determined: check the sites")
    return int(dataset.number)


def _check_cell(structure: Structure) -> None:
    numbers = np.abs(np.vstack([structure.frac_coords, structure.lattice.matrix]))
    if not (numbers < LARGEST_NUMBER).all():  # NaN is not
        raise ValueError(
            f"a position or cell vector is not below {LARGEST_NUMBER:g} cells or Angstrom: correct "
            "it"
        )
    if not all(structure.lattice.pbc):
        raise ValueError(
            f"the lattice has pbc {structure.lattice.pbc}: set it to True three times if it is a "
            "crystal, or give the formula; the models do not know molecules and layers"
        )
    if structure.volume > LARGEST_VOLUME:
        raise ValueError(
            f"the cell is too large ({structure.volume:.3g} cubic Angstrom): give a primitive cell "
            "without a vacuum"
        )
    # pymatgen compares an atom with its neighbours, not with its own images. These are no nearer
    # than the planes of the lattice, which spares most cells the reduction.
    planes = 1 / max(structure.lattice.reciprocal_lattice_crystallographic.abc)
    near = planes < SHORTEST_DISTANCE and (
        min(structure.lattice.get_lll_reduced_lattice().abc) < SHORTEST_DISTANCE
    )
    if near or not structure.is_valid(tol=SHORTEST_DISTANCE):
        raise ValueError(f"two atoms are nearer than {SHORTEST_DISTANCE} Angstrom: check the sites")


def describe_geometry(structure: Structure) -> list[float]:
    """Compute ``GEOMETRY_COLUMNS`` of one structure."""
    composition = as_composition(structure.composition)
    n_sites = len(structure)
    table = ElementTable.shipped()
    radii = site_means(structure, table.column("covalent_radius_cordero")[:, None])[:, 0]
    volume = structure.volume
    # Grow the sphere until every atom has seen a neighbour.
    cutoff = 1.5 * (volume / n_sites) ** (1 / 3)
    while True:
        centre, neighbour, _, distance = structure.get_neighbor_list(cutoff)
        nearest = np.full(n_sites, np.inf)
        np.minimum.at(nearest, centre, distance)
        if np.isfinite(nearest).all() and cutoff >= NEIGHBOUR_SHELL * nearest.max():
            break
        cutoff *= 1.5
    coordination = np.mean(
        np.bincount(centre[distance <= NEIGHBOUR_SHELL * nearest[centre]], minlength=n_sites)
    )
    mass = sum(amount * _atomic_mass(member) for member, amount in structure.composition.items())
    heaviest = max(composition, key=_atomic_mass).symbol
    is_heavy = np.array([any(m.symbol == heaviest for m in site.species) for site in structure])
    between_heavy = distance[is_heavy[centre] & is_heavy[neighbour]]
    # With none within the sphere, the distance is at least its radius.
    heavy_distance = between_heavy.min() if len(between_heavy) else cutoff
    return [
        volume / n_sites,
        mass / volume * GRAMS_PER_CM3,
        float(4 / 3 * np.pi * np.sum((radii / 100) ** 3) / volume),
        float(_space_group(structure)),
        float(nearest.mean()),
        float(nearest.std() / nearest.mean()),
        float(coordination),
        float(heavy_distance),
    ]
