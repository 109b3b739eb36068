"""A structure whose elements are exchanged: neighbours found once, bands for many cells at once."""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from matminer_phonon_tl.compositions import FlatCompositions
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.featurizers.spring_model import BENDING, DECAY, REACH

_HALVES = np.array(sorted(product((0.0, 0.5), repeat=3)))
"""Zone centre, corners, edges and faces: phases are real there, and bands have their extremes."""
_FLOOR = 1e-3
"""Smallest frequency told from zero, as a share of the highest."""


def prototypes(
    lattices: Sequence[NDArray[np.float64]],
    elements: Sequence[NDArray[np.intp]],
    coordinates: Sequence[NDArray[np.float64]],
) -> list["Prototype"]:
    """Many at once: reading each cell alone would take longer than all else."""
    counts = np.array([len(own) for own in elements])
    sites = np.concatenate(elements)
    of_cells = cells(FlatCompositions(counts, sites, np.ones(len(sites))))
    return [
        Prototype(*each) for each in zip(lattices, elements, coordinates, of_cells, strict=True)
    ]


class Prototype:
    """A structure with its elements taken out.

    Parameters
    ----------
    lattice : ndarray of shape (3, 3)
        Cell vectors, Angstrom.
    elements : ndarray of int, shape (n_sites,)
        Rows of the element table.
    coordinates : ndarray of shape (n_sites, 3)
        Fractional.
    cell : tuple of ndarray
        What :func:`cells` makes of the elements.
    """

    def __init__(
        self,
        lattice: NDArray[np.float64],
        elements: NDArray[np.intp],
        coordinates: NDArray[np.float64],
        cell: tuple[NDArray[np.intp], NDArray[np.float64]],
    ) -> None:
        self.lattice = lattice
        self.of_site = elements
        self.coordinates = coordinates
        self.elements, amounts = cell
        self.amounts = tuple(amounts.tolist())
        self.slot = np.argmax(elements[:, None] == self.elements, axis=1)
        self._size = _radii()[elements].sum()
        self._volume = abs(float(np.linalg.det(lattice)))
        self._known: Bonds | None = None

    def describe(self, elements: NDArray[np.intp]) -> NDArray[np.float64]:
        """Columns of shape (n_cells, n_columns) with other elements in the structure's slots."""
        n_sites = len(self.slot)
        of_site = elements[:, self.slot]
        mass, radius = _masses()[of_site], _radii()[of_site]
        scale = radius.sum(axis=1) / self._size
        bonds = self._bonds(2 * REACH * float((radius.max(axis=1) / scale).max()))
        values = _squared_frequencies(bonds, mass, radius, scale)
        mean_square = np.maximum(values.mean(axis=(1, 2)), np.finfo(float).tiny)
        frequency = np.sqrt(np.maximum(values, 0.0))
        highest = np.maximum(frequency.max(axis=(1, 2)), np.finfo(float).tiny)
        floor = _FLOOR * highest
        acoustic = np.maximum(frequency[:, :, 2].max(axis=1), floor)
        optical = acoustic
        if n_sites > 1:
            optical = np.maximum(frequency[:, :, 3].min(axis=1), floor)
        rms = np.sqrt(mean_square)
        volume = self._volume * scale**3 / n_sites
        return np.column_stack(
            [
                (optical - acoustic) / highest,
                np.log(optical / acoustic),
                acoustic / rms,
                optical / rms,
                np.log(volume),
            ]
        )

    def _bonds(self, reach: float) -> "Bonds":
        """Neighbours within a distance, in Angstrom of the unscaled structure, or a little more."""
        known = self._known  # another thread may put a longer list in its place
        if known is not None and known.reach >= reach:
            return known
        reach *= 1.2  # room for the next to ask
        symbols = list(ElementTable.shipped().row_of)
        structure = Structure(
            Lattice(self.lattice), [symbols[row] for row in self.of_site], self.coordinates
        )
        centre, neighbour, image, distance = structure.get_neighbor_list(reach)
        # In one order whatever the reach, so that sums are the same to the last bit.
        order = np.lexsort((*image.T, neighbour, centre))
        centre, neighbour, image, distance = (
            array[order] for array in (centre, neighbour, image, distance)
        )
        step = structure.frac_coords[neighbour] + image - structure.frac_coords[centre]
        along = structure.lattice.get_cartesian_coords(step) / distance[:, None]
        share = (1 - BENDING) * along[:, :, None] * along[:, None, :] + BENDING * np.eye(3)
        phase = np.cos(2 * np.pi * (_HALVES @ image.T))
        self._known = Bonds(reach, centre, neighbour, distance, share.reshape(-1, 9), phase)
        return self._known


class Bonds(NamedTuple):
    """Neighbours of a structure, in the order of their atoms."""

    reach: float
    centre: NDArray[np.intp]
    neighbour: NDArray[np.intp]
    distance: NDArray[np.float64]
    direction: NDArray[np.float64]
    """Stiffness of a bond of stiffness 1 as a 3 x 3 matrix, row by row."""
    phase: NDArray[np.float64]
    """Of each bond at each of the zone's points."""


def _squared_frequencies(
    bonds: Bonds,
    mass: NDArray[np.float64],
    radius: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Eigenvalues of the dynamical matrices, shape (n_cells, n_q, 3 n_sites), ascending.

    The same springs as :func:`~matminer_phonon_tl.featurizers.spring_model.spring_frequencies`.
    """
    n_cells, n_sites = mass.shape
    bond = radius[:, bonds.centre] + radius[:, bonds.neighbour]
    stretched = scale[:, None] * bonds.distance / bond
    near = np.flatnonzero((stretched < REACH).any(axis=0))
    stretched = stretched[:, near]
    stiffness = np.where(stretched < REACH, np.exp(-DECAY * (stretched - 1)), 0.0)
    springs = stiffness.T[:, :, None] * bonds.direction[near, None, :]
    springs = springs.reshape(len(near), n_cells * 9)
    centre, pair = bonds.centre[near], bonds.centre[near] * n_sites + bonds.neighbour[near]
    # Bonds stand in the order of their atoms, so what belongs together is a run of them.
    runs = np.flatnonzero(np.diff(centre, prepend=-1))
    at_rest = np.zeros((n_sites, n_cells, 3, 3))
    at_rest[centre[runs]] = np.add.reduceat(springs, runs).reshape(-1, n_cells, 3, 3)
    runs = np.flatnonzero(np.diff(pair, prepend=-1))
    joined = np.add.reduceat(bonds.phase[:, near, None] * springs, runs, axis=1)
    at_q = np.zeros((len(_HALVES), n_sites * n_sites, n_cells, 3, 3))
    at_q[:, pair[runs]] = -joined.reshape(len(_HALVES), -1, n_cells, 3, 3)
    at_q = at_q.reshape(len(_HALVES), n_sites, n_sites, n_cells, 3, 3)
    site = np.arange(n_sites)
    at_q[:, site, site] += at_rest
    matrix = at_q.transpose(3, 0, 1, 4, 2, 5).copy()
    root = np.sqrt(mass)[:, None, :, None, None, None]
    matrix /= root * root.transpose(0, 1, 4, 3, 2, 5)
    size = 3 * n_sites
    values = np.linalg.eigvalsh(matrix.reshape(n_cells, len(_HALVES), size, size))
    return np.asarray(values, dtype=np.float64)


def cells(flat: FlatCompositions) -> list[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """Elements and amounts of each row, by amount and then electronegativity, ascending."""
    negativity = ElementTable.shipped().column("en_pauling")
    n_elements = len(negativity)
    row = np.repeat(np.arange(len(flat.counts)), flat.counts)
    # An element may stand twice (Fe2+ and Fe3+): merge.
    owned, place = np.unique(row * n_elements + flat.elements, return_inverse=True)
    amount = np.bincount(place, flat.amounts)
    row, element = np.divmod(owned, n_elements)
    order = np.lexsort((element, negativity[element], amount, row))
    row, element, amount = row[order], element[order], amount[order]
    ends = np.cumsum(np.bincount(row, minlength=len(flat.counts)))[:-1]
    return list(zip(np.split(element, ends), np.split(amount, ends), strict=True))


def _masses() -> NDArray[np.float64]:
    return ElementTable.shipped().column("atomic_weight")


def _radii() -> NDArray[np.float64]:
    return ElementTable.shipped().column("covalent_radius_cordero") / 100  # pm to Angstrom
