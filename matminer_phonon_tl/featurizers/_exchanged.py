"""Spring-model bands of many cells at once: elements put into prototypes' slots.

The springs are those of :mod:`spring_model`. What differs from cell to cell (bonds, sites, zone
points) lies in flat arrays, cell after cell, so that the work is a few passes over long arrays.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.featurizers._prototypes import (
    PARITIES,
    Bonds,
    Prototype,
    masses,
    radii,
)
from matminer_phonon_tl.featurizers.spring_model import DECAY, REACH

N_COLUMNS = 5
_N_PARITIES = len(PARITIES)
_ALL_POINTS = np.arange(_N_PARITIES)
_PAIRS_AT_ONCE = 4096
"""Pairs of sites in a block: so many that calls cost little, so few that they stay in the cache."""
_SAME_BANDS = 1e-4
"""Points whose squared frequencies differ by less, as a share of the highest, are one by symmetry:
relaxed structures have theirs to five digits."""
_FLOOR = 1e-3
"""Smallest frequency told from zero, as a share of the highest."""


def describe_exchanged(
    library: Sequence[Prototype], numbers: NDArray[np.intp], elements: Sequence[NDArray[np.intp]]
) -> NDArray[np.float64]:
    """Describe the bands of cells.

    Parameters
    ----------
    library : sequence of Prototype
    numbers : ndarray of int, shape (n_cells,)
        Which of them each cell is.
    elements : sequence of ndarray
        What each cell has in place of the prototype's elements, in their order.

    Returns
    -------
    ndarray of shape (n_cells, N_COLUMNS)
        The columns of :data:`~matminer_phonon_tl.featurizers.analogues.ANALOGUE_COLUMNS`.
    """
    described = np.empty((len(numbers), N_COLUMNS))
    sizes = np.array([len(library[number].slot) for number in numbers], dtype=np.intp)
    # By size, because matrices of one size go to LAPACK together; then by prototype.
    order = np.lexsort((numbers, sizes))
    for own in np.split(order, np.flatnonzero(np.diff(sizes[order])) + 1):
        if not len(own):
            continue
        step = max(1, _PAIRS_AT_ONCE // int(sizes[own[0]]) ** 2)
        for first in range(0, len(own), step):
            block = own[first : first + step]
            chosen = [library[number] for number in numbers[block]]
            described[block] = _describe(_Cells.fill(chosen, [elements[cell] for cell in block]))
    return described


class _Cells(NamedTuple):
    """Prototypes of one number of sites with elements in their slots."""

    prototypes: list[Prototype]
    mass: NDArray[np.float64]
    """Shape (n_cells, n_sites)."""
    radius: NDArray[np.float64]
    """Likewise, Angstrom."""
    scale: NDArray[np.float64]
    """By how much each cell grows."""
    bonds: list[Bonds]
    """Of the different prototypes."""
    which: NDArray[np.intp]
    """Whose bonds each cell has."""

    @classmethod
    def fill(cls, chosen: list[Prototype], elements: Sequence[NDArray[np.intp]]) -> "_Cells":
        of_site = np.array(
            [own[prototype.slot] for own, prototype in zip(elements, chosen, strict=True)]
        )
        radius = radii()[of_site]
        scale = radius.sum(axis=1) / np.array([prototype.size for prototype in chosen])
        farthest: dict[Prototype, float] = {}
        for prototype, reach in zip(chosen, (2 * REACH * radius.max(axis=1) / scale), strict=True):
            farthest[prototype] = max(float(reach), farthest.get(prototype, 0.0))
        place = {prototype: number for number, prototype in enumerate(farthest)}
        return cls(
            chosen,
            masses()[of_site],
            radius,
            scale,
            bonds=[prototype.bonds(reach) for prototype, reach in farthest.items()],
            which=np.array([place[prototype] for prototype in chosen]),
        )


def _describe(cells: _Cells) -> NDArray[np.float64]:
    _find_points({each for each in cells.prototypes if each.points is None})
    points = [each.points for each in cells.prototypes if each.points is not None]
    n_points = np.array([len(own) for own, _ in points])
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
    floor = _FLOOR * highest
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
    """Find one zone point of each kind, and its share of all, for prototypes of one size.

    No two elements have one mass, so where bands of the structure itself agree, a symmetry makes
    them, and it holds for whatever stands in its slots.
    """
    own = list(prototypes)
    if not own:
        return
    cells = _Cells.fill(own, [each.elements for each in own])
    n_cells = len(own)
    bands = _squared_frequencies(
        cells, np.repeat(np.arange(n_cells), _N_PARITIES), np.tile(_ALL_POINTS, n_cells)
    ).reshape(n_cells, _N_PARITIES, -1)
    for prototype, of_points in zip(own, bands, strict=True):
        apart = np.abs(of_points[:, None] - of_points[None]).max(axis=2)
        first_alike = np.argmax(apart < _SAME_BANDS * of_points.max(), axis=1)
        points, counts = np.unique(first_alike, return_counts=True)
        prototype.points = points, counts / _N_PARITIES


def _squared_frequencies(
    cells: _Cells, cell: NDArray[np.intp], point: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Eigenvalues of dynamical matrices, shape (n_matrices, 3 n_sites), ascending.

    Parameters
    ----------
    cells : _Cells
    cell, point : ndarray of int, shape (n_matrices,)
        Each matrix is of a cell at a zone point, a row of ``PARITIES``.
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
    """Stiffness of each site at rest, and between each pair of sites by parity, negative.

    Returns
    -------
    at_rest : ndarray of shape (n_cells, n_sites, 9)
    joined : ndarray of shape (n_cells, n_sites * n_sites, n_parities, 9)
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
    # Bonds stand in the order of their atoms, so what belongs together is a run of them.
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
