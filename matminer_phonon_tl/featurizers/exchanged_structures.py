"""Spring-model bands of many crystals at once: structures whose elements are exchanged.

A :class:`Prototype` is a structure with its elements taken out; its neighbours are found once. The
springs are those of :mod:`~matminer_phonon_tl.featurizers.spring_model`. What differs from cell to
cell (bonds, sites, zone points) lies in flat arrays, cell after cell, so that the work is a few
passes over long arrays.
"""

from collections.abc import Collection, Sequence
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymatgen.optimization.neighbors import find_points_in_spheres

from matminer_phonon_tl.blas import one_blas_thread
from matminer_phonon_tl.compositions import FlatCompositions
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.featurizers.spring_model import BENDING, DECAY, LEAST_SHARE, REACH

N_COLUMNS = 5
PARITIES = np.array(sorted(product((0, 1), repeat=3)))
"""Zone centre, corners, edges and faces, in halves of the reciprocal vectors: phases are 1 or -1
there, and bands have their extremes."""
_N_PARITIES = len(PARITIES)
_ALL_POINTS = np.arange(_N_PARITIES)
_ROOM = 1.2
"""Neighbours are sought this factor farther than asked, so that the next cell can reuse them."""
_COINCIDENT = 1e-8
"""Largest distance of a site from itself that round-off makes, Angstrom."""
_PAIRS_AT_ONCE = 4096
"""Pairs of sites in a block: enough that calls cost little, few enough to stay in the cache."""
_SAME_BANDS = 1e-4
"""Zone points are equivalent by symmetry if their squared frequencies differ by less than this
share of the highest: relaxed structures are symmetric to five digits."""


class Bonds(NamedTuple):
    """Neighbours of a structure, in the order of their atoms and parities."""

    reach: float
    """Distance up to which neighbours were sought, Angstrom."""
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
        Result of :func:`elements_in_order` for the elements.

    Attributes
    ----------
    points : tuple of (points, weights), or None
        Zone points that differ in their bands, and the share of each; None until they are found.
    """

    def __init__(
        self,
        lattice: NDArray[np.float64],
        elements: NDArray[np.intp],
        coordinates: NDArray[np.float64],
        cell: tuple[NDArray[np.intp], NDArray[np.float64]],
    ) -> None:
        self.lattice = np.ascontiguousarray(lattice)
        self.of_site = elements
        self.coordinates = coordinates
        self.elements, amounts = cell
        self.amounts = tuple(amounts.tolist())
        self.points: tuple[NDArray[np.intp], NDArray[np.float64]] | None = None
        self._known: Bonds | None = None

    # Of a library of a thousand structures, one composition needs eight.
    @cached_property
    def slot(self) -> NDArray[np.intp]:
        """Position in the cell's elements of the element at each site, shape (n_sites,)."""
        return np.argmax(self.of_site[:, None] == self.elements, axis=1)

    @cached_property
    def size(self) -> float:
        """Sum of the covalent radii, Angstrom."""
        return float(_radii()[self.of_site].sum())

    @cached_property
    def volume(self) -> float:
        """Volume of the cell, Angstrom^3."""
        return abs(float(np.linalg.det(self.lattice)))

    def bonds(self, reach: float) -> Bonds:
        """Return all neighbours within a distance of the unscaled structure, and some beyond."""
        known = self._known  # another thread may put a longer list in its place
        if known is not None and known.reach >= reach:
            return known
        reach *= _ROOM
        # What Structure.get_neighbor_list does, in a third of the time: no Structure is made.
        places = np.array([np.dot(site, self.lattice) for site in self.coordinates])
        found = find_points_in_spheres(
            places, places, r=reach, pbc=np.ones(3, np.int64), lattice=self.lattice, tol=_COINCIDENT
        )
        others = np.flatnonzero((found[0] != found[1]) | (found[3] > _COINCIDENT))
        centre, neighbour = found[0][others], found[1][others]
        image, distance = found[2][others], found[3][others]
        parity = image.astype(np.intp) % 2 @ (4, 2, 1)
        # In one order whatever the reach, so that sums are the same to the last bit.
        order = np.lexsort((*image.T, parity, neighbour, centre))
        centre, neighbour = centre[order], neighbour[order]
        image, parity = image[order], parity[order]
        distance = distance[order]
        step = self.coordinates[neighbour] + image - self.coordinates[centre]
        along = step @ self.lattice / distance[:, None]
        share = (1 - BENDING) * along[:, :, None] * along[:, None, :] + BENDING * np.eye(3)
        self._known = Bonds(reach, centre, neighbour, parity, distance, share.reshape(-1, 9))
        return self._known


def make_prototypes(
    lattices: Sequence[NDArray[np.float64]],
    elements: Sequence[NDArray[np.intp]],
    coordinates: Sequence[NDArray[np.float64]],
) -> list[Prototype]:
    """Make many prototypes at once; ordering the elements one prototype at a time is slow."""
    counts = np.array([len(of_sites) for of_sites in elements])
    sites = np.concatenate(elements)
    cells = elements_in_order(FlatCompositions(counts, sites, np.ones(len(sites))))
    return [Prototype(*each) for each in zip(lattices, elements, coordinates, cells, strict=True)]


def elements_in_order(
    flat: FlatCompositions,
) -> list[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """Return the elements and amounts of each row, by amount and then electronegativity."""
    negativity = ElementTable.shipped().column("en_pauling")
    n_elements = len(negativity)
    row = np.repeat(np.arange(len(flat.counts)), flat.counts)
    # An element may stand twice (Fe2+ and Fe3+): merge.
    pairs, place = np.unique(row * n_elements + flat.elements, return_inverse=True)
    amount = np.bincount(place, flat.amounts)
    row, element = np.divmod(pairs, n_elements)
    order = np.lexsort((element, negativity[element], amount, row))
    row, element, amount = row[order], element[order], amount[order]
    ends = np.cumsum(np.bincount(row, minlength=len(flat.counts)))[:-1]
    return list(zip(np.split(element, ends), np.split(amount, ends), strict=True))


@one_blas_thread()
def describe_exchanged(
    library: Sequence[Prototype], numbers: NDArray[np.intp], elements: Sequence[NDArray[np.intp]]
) -> NDArray[np.float64]:
    """Describe the bands of cells that are prototypes with other elements.

    Cell i is prototype ``library[numbers[i]]`` with ``elements[i]`` in place of its elements, in
    the same order. The result has shape (n_cells, N_COLUMNS) and the columns
    :data:`~matminer_phonon_tl.featurizers.analogues.ANALOGUE_COLUMNS`.
    """
    described = np.empty((len(numbers), N_COLUMNS))
    sizes = np.array([len(library[number].slot) for number in numbers], dtype=np.intp)
    # Order by size, because matrices of one size go to LAPACK together; then by prototype.
    order = np.lexsort((numbers, sizes))
    for of_one_size in np.split(order, np.flatnonzero(np.diff(sizes[order])) + 1):
        if not len(of_one_size):
            continue
        step = max(1, _PAIRS_AT_ONCE // int(sizes[of_one_size[0]]) ** 2)
        for first in range(0, len(of_one_size), step):
            block = of_one_size[first : first + step]
            cells = [library[number] for number in numbers[block]]
            filled = _Cells.fill(cells, [elements[cell] for cell in block])
            described[block] = _describe(filled)
    return described


class _Cells(NamedTuple):
    """Prototypes of one number of sites with elements in their slots."""

    prototypes: list[Prototype]
    mass: NDArray[np.float64]
    """Mass of each site, u, shape (n_cells, n_sites)."""
    radius: NDArray[np.float64]
    """Covalent radius of each site, Angstrom, shape (n_cells, n_sites)."""
    scale: NDArray[np.float64]
    """Factor by which each cell's edges grow."""
    bonds: list[Bonds]
    """Bonds of each distinct prototype."""
    which: NDArray[np.intp]
    """Position of each cell's bonds in ``bonds``."""

    @classmethod
    def fill(cls, chosen: list[Prototype], elements: Sequence[NDArray[np.intp]]) -> "_Cells":
        of_site = np.array(
            [of_cell[prototype.slot] for of_cell, prototype in zip(elements, chosen, strict=True)]
        )
        radius = _radii()[of_site]
        scale = radius.sum(axis=1) / np.array([prototype.size for prototype in chosen])
        farthest: dict[Prototype, float] = {}
        for prototype, reach in zip(chosen, (2 * REACH * radius.max(axis=1) / scale), strict=True):
            farthest[prototype] = max(float(reach), farthest.get(prototype, 0.0))
        place = {prototype: number for number, prototype in enumerate(farthest)}
        return cls(
            chosen,
            ElementTable.shipped().column("atomic_weight")[of_site],
            radius,
            scale,
            bonds=[prototype.bonds(reach) for prototype, reach in farthest.items()],
            which=np.array([place[prototype] for prototype in chosen]),
        )


def _describe(cells: _Cells) -> NDArray[np.float64]:
    """Describe the bands of cells of one size."""
    _find_points({each for each in cells.prototypes if each.points is None})
    points = [each.points for each in cells.prototypes if each.points is not None]
    n_points = np.array([len(of_cell) for of_cell, _ in points])
    n_sites = cells.mass.shape[1]
    starts = np.cumsum(n_points) - n_points
    values = _squared_frequencies(
        cells, np.repeat(np.arange(len(n_points)), n_points), np.concatenate([p for p, _ in points])
    )
    weights = np.concatenate([share for _, share in points])
    tiny = np.finfo(float).tiny
    mean_square = np.maximum(np.add.reduceat(values.mean(axis=1) * weights, starts), tiny)
    frequency = np.sqrt(np.maximum(values, 0.0))
    highest = np.maximum(np.maximum.reduceat(frequency[:, -1], starts), tiny)
    floor = LEAST_SHARE * highest
    acoustic = np.maximum(np.maximum.reduceat(frequency[:, 2], starts), floor)
    optical = acoustic
    if n_sites > 1:
        optical = np.maximum(np.minimum.reduceat(frequency[:, 3], starts), floor)
    rms = np.sqrt(mean_square)
    volume = np.array([each.volume for each in cells.prototypes]) * cells.scale**3 / n_sites
    return np.column_stack(
        [
            (optical - acoustic) / highest,
            np.log(optical / acoustic),
            acoustic / rms,
            optical / rms,
            np.log(volume),
        ]
    )


def _find_points(prototypes: Collection[Prototype]) -> None:
    """Find the inequivalent zone points of prototypes of one size, and the share of each.

    No two elements have the same mass, so bands of the original structure agree only where a
    symmetry makes them agree, and the symmetry holds whatever elements fill the slots.
    """
    asked = list(prototypes)
    if not asked:
        return
    cells = _Cells.fill(asked, [each.elements for each in asked])
    n_cells = len(asked)
    bands = _squared_frequencies(
        cells, np.repeat(np.arange(n_cells), _N_PARITIES), np.tile(_ALL_POINTS, n_cells)
    ).reshape(n_cells, _N_PARITIES, -1)
    for prototype, of_points in zip(asked, bands, strict=True):
        apart = np.abs(of_points[:, None] - of_points[None]).max(axis=2)
        first_alike = np.argmax(apart < _SAME_BANDS * of_points.max(), axis=1)
        points, counts = np.unique(first_alike, return_counts=True)
        prototype.points = points, counts / _N_PARITIES


def _squared_frequencies(
    cells: _Cells, cell: NDArray[np.intp], point: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return eigenvalues of dynamical matrices, shape (n_matrices, 3 n_sites), ascending.

    Matrix i belongs to the cell ``cell[i]`` at the zone point ``point[i]``, a row of ``PARITIES``.
    """
    n_sites = cells.mass.shape[1]
    at_rest, joined = _springs(cells)
    matrix = _signed_sums(joined)[cell, :, point]
    matrix[:, np.arange(n_sites) * (n_sites + 1)] += at_rest[cell]
    matrix = matrix.reshape(-1, n_sites, n_sites, 3, 3).transpose(0, 1, 3, 2, 4).copy()
    root = np.sqrt(cells.mass)[cell]
    matrix /= (root[:, :, None] * root[:, None, :])[:, :, None, :, None]
    size = 3 * n_sites
    return np.asarray(np.linalg.eigvalsh(matrix.reshape(-1, size, size)), dtype=np.float64)


def _springs(cells: _Cells) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the force constants of each site with itself, and of each pair by parity, negative.

    Their shapes are (n_cells, n_sites, 9) and (n_cells, n_sites * n_sites, n_parities, 9).
    """
    n_cells, n_sites = cells.mass.shape
    bonds, which = cells.bonds, cells.which
    lengths = np.array([len(each.centre) for each in bonds])
    starts = np.cumsum(lengths) - lengths
    n_bonds = lengths[which]
    cell = np.repeat(np.arange(n_cells), n_bonds)
    bond = np.arange(n_bonds.sum()) + np.repeat(
        starts[which] - (np.cumsum(n_bonds) - n_bonds), n_bonds
    )
    centre = np.concatenate([each.centre for each in bonds])[bond]
    neighbour = np.concatenate([each.neighbour for each in bonds])[bond]
    site = cell * n_sites + centre
    flat_radius = cells.radius.ravel()
    natural = flat_radius[site] + flat_radius[cell * n_sites + neighbour]
    distance = np.concatenate([each.distance for each in bonds])[bond]
    stretched = cells.scale[cell] * distance / natural
    near = np.flatnonzero(stretched < REACH)
    site, bond = site[near], bond[near]
    parity = np.concatenate([each.parity for each in bonds])[bond]
    kind = (site * n_sites + neighbour[near]) * _N_PARITIES + parity
    springs = np.concatenate([each.direction for each in bonds])[bond]
    springs *= np.exp(-DECAY * (stretched[near] - 1))[:, None]
    # Bonds stand in the order of their atoms, so the bonds of one site or pair are a run.
    runs = np.flatnonzero(np.diff(site, prepend=-1))
    at_rest = np.zeros((n_cells * n_sites, 9))
    at_rest[site[runs]] = np.add.reduceat(springs, runs)
    runs = np.flatnonzero(np.diff(kind, prepend=-1))
    joined = np.zeros((n_cells * n_sites * n_sites * _N_PARITIES, 9))
    joined[kind[runs]] = -np.add.reduceat(springs, runs)
    return (
        at_rest.reshape(n_cells, n_sites, 9),
        joined.reshape(n_cells, n_sites * n_sites, _N_PARITIES, 9),
    )


def _signed_sums(by_parity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over parities with the phases of each zone point: a Walsh-Hadamard transform."""
    sums = by_parity
    for half in (1, 2, 4):
        pairs = sums.reshape(*sums.shape[:2], -1, 2, half, 9)
        even, odd = pairs[:, :, :, 0], pairs[:, :, :, 1]
        sums = np.stack([even + odd, even - odd], axis=3).reshape(by_parity.shape)
    return sums


def _radii() -> NDArray[np.float64]:
    """Return the covalent radius of each row of the element table, Angstrom."""
    return ElementTable.shipped().column("covalent_radius_cordero") / 100  # from pm
