"""Structures whose elements are exchanged, with their neighbours, which are found once."""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from matminer_phonon_tl.compositions import FlatCompositions
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.featurizers.spring_model import BENDING

PARITIES = np.array(sorted(product((0, 1), repeat=3)))
"""Zone centre, corners, edges and faces, in halves of the reciprocal vectors: phases are 1 or -1
there, and bands have their extremes."""
_ROOM = 1.2
"""Neighbours are sought so much farther than asked, for the next to ask."""


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


class Bonds(NamedTuple):
    """Neighbours of a structure, in the order of their atoms and parities."""

    reach: float
    centre: NDArray[np.intp]
    neighbour: NDArray[np.intp]
    parity: NDArray[np.intp]
    """Which cell vectors the bond crosses an odd number of times, a row of ``PARITIES``."""
    distance: NDArray[np.float64]
    direction: NDArray[np.float64]
    """Stiffness of a bond of stiffness 1 as a 3 x 3 matrix, row by row."""


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

    Attributes
    ----------
    slot : ndarray of int, shape (n_sites,)
        Which of the cell's elements each site holds.
    size : float
        Sum of the covalent radii, Angstrom.
    volume : float
        Angstrom^3.
    points : tuple of (points, weights), or None
        Zone points that differ in their bands, and the share of each; once somebody found them.
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
        self.size = radii()[elements].sum()
        self.volume = abs(float(np.linalg.det(lattice)))
        self.points: tuple[NDArray[np.intp], NDArray[np.float64]] | None = None
        self._known: Bonds | None = None

    def bonds(self, reach: float) -> Bonds:
        """Neighbours within a distance, in Angstrom of the unscaled structure, or a little more."""
        known = self._known  # another thread may put a longer list in its place
        if known is not None and known.reach >= reach:
            return known
        reach *= _ROOM
        symbols = list(ElementTable.shipped().row_of)
        structure = Structure(
            Lattice(self.lattice), [symbols[row] for row in self.of_site], self.coordinates
        )
        centre, neighbour, image, distance = structure.get_neighbor_list(reach)
        parity = image.astype(np.intp) % 2 @ (4, 2, 1)
        # In one order whatever the reach, so that sums are the same to the last bit.
        order = np.lexsort((*image.T, parity, neighbour, centre))
        centre, neighbour, image, parity = (
            array[order] for array in (centre, neighbour, image, parity)
        )
        distance = distance[order]
        step = structure.frac_coords[neighbour] + image - structure.frac_coords[centre]
        along = structure.lattice.get_cartesian_coords(step) / distance[:, None]
        share = (1 - BENDING) * along[:, :, None] * along[:, None, :] + BENDING * np.eye(3)
        self._known = Bonds(reach, centre, neighbour, parity, distance, share.reshape(-1, 9))
        return self._known


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


def masses() -> NDArray[np.float64]:
    """Of the elements, by table row."""
    return ElementTable.shipped().column("atomic_weight")


def radii() -> NDArray[np.float64]:
    """Covalent, of the elements, by table row, Angstrom."""
    return ElementTable.shipped().column("covalent_radius_cordero") / 100  # from pm
