"""Phonons of a structure held together by generic springs: a guess at the bands without any fit.

Every pair of near atoms is joined by a spring whose stiffness falls off exponentially with the
distance over the sum of the covalent radii; the same two numbers serve all materials. Frequencies
are in arbitrary units and only their ratios mean something. Whether branch 4 lies above branch 3 is
such a ratio; it depends on the masses and on which atoms are bonded.

Born and von Karman's dynamical matrix is
D_ij(q) = (delta_ij sum_k K_ik - sum_R K_ij(R) exp(2 pi i q R)) / sqrt(m_i m_j),
with K = k ((1 - t) e e^T + t 1) of a spring of stiffness k along e and bending share t.

References
----------
M. Born, K. Huang, Dynamical Theory of Crystal Lattices (Oxford, 1954), chapter II.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from matminer_phonon_tl.featurizers.element_table import ElementTable

DECAY = 8.0
"""The stiffness at distance d is exp(-DECAY (d / d0 - 1)); d0 is the sum of the covalent radii."""
BENDING = 0.2
"""Stiffness across a spring as a share of the stiffness along it; keeps every structure stable."""
REACH = 1.7
"""Atoms within this many sums of their covalent radii are joined."""
LEAST_SHARE = 1e-3
"""Smallest frequency told from zero, as a share of the highest."""
LEAST_HIGHEST = 0.01
"""Stands for the highest frequency of atoms that no spring joins; crystals have 0.06 and more."""

SPRING_COLUMNS = {
    "spring_gap": "(bottom of branch 4 - top of branch 3) / highest frequency of the spring model",
    "spring_acoustic_top": "top of branch 3 / highest frequency",
    "spring_optical_bottom": "bottom of branch 4 / highest frequency",
    "spring_log_ratio": "ln(bottom of branch 4 / top of branch 3)",
    "spring_log_highest": "ln of the highest frequency, arbitrary units",
    "spring_log_acoustic": "ln of the top of branch 3, arbitrary units",
    "spring_mean": "mean frequency / highest frequency",
    "spring_next_mean": "mean of branches 4-6 / highest frequency",
}
"""Meaning of each column that :func:`describe_spring_model` gives."""


def _q_points() -> NDArray[np.float64]:
    """Make a 3 x 3 x 3 mesh and the zone's corners, edges and faces, in reciprocal coordinates."""
    thirds = product((0.0, 1 / 3, 2 / 3), repeat=3)
    halves = product((0.0, 0.5), repeat=3)
    return np.array(sorted({*thirds, *halves}))


Q_POINTS = _q_points()

_SIXTHS = np.rint(6 * Q_POINTS).astype(int)
_MINUS_Q = np.argmax((_SIXTHS[:, None] == -_SIXTHS % 6).all(axis=2), axis=1)
"""Place of -q, whose bands are those of q, in ``Q_POINTS``."""
_HALVES = np.flatnonzero(np.arange(len(Q_POINTS)) == _MINUS_Q)
"""Points at which q and -q are the same and matrices are real: halves of reciprocal vectors."""
_THIRDS = np.flatnonzero(np.arange(len(Q_POINTS)) < _MINUS_Q)
"""One point of each other pair: thirds of reciprocal vectors."""
_NUMBERS_AT_ONCE = 2**20
"""Largest size of the matrices that are solved together."""

Waves = Callable[[NDArray[np.float64]], NDArray[np.complex128]]
"""Gives what long-ranged forces add to the dynamical matrices at some wave vectors."""


def spring_frequencies(structure: Structure) -> NDArray[np.float64]:
    """Compute the frequencies of the spring model, shape (n_q, 3 n_sites), arbitrary units.

    They ascend at each q point. A disordered site has the mean mass and radius of its elements.
    """
    table = ElementTable.shipped()
    columns = [table.column(name) for name in ("atomic_weight", "covalent_radius_cordero")]
    mass, radius = site_means(structure, np.array(columns).T).T
    radius = radius / 100  # pm to Angstrom
    centre, neighbour, image, distance = structure.get_neighbor_list(2 * REACH * radius.max())
    bond = radius[centre] + radius[neighbour]
    joined = distance < REACH * bond
    centre, neighbour, image = centre[joined], neighbour[joined], image[joined]
    distance, bond = distance[joined], bond[joined]
    fractional = structure.frac_coords[neighbour] + image - structure.frac_coords[centre]
    along = structure.lattice.get_cartesian_coords(fractional) / distance[:, None]
    stiffness = np.exp(-DECAY * (distance / bond - 1))
    springs = stiffness[:, None, None] * (
        (1 - BENDING) * along[:, :, None] * along[:, None, :] + BENDING * np.eye(3)
    )
    return lattice_frequencies(mass, (centre, neighbour, image), springs)


def lattice_frequencies(
    mass: NDArray[np.float64],
    bonds: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]],
    springs: NDArray[np.float64],
    waves: Waves | None = None,
) -> NDArray[np.float64]:
    """Compute the frequencies of atoms on springs at ``Q_POINTS``, all wave vectors together.

    ``bonds`` are atom, neighbour and the neighbour's cell (n_bonds, 3), as pymatgen's
    ``get_neighbor_list`` gives them, each bond from both sides; ``springs`` are their force
    constants, shape (n_bonds, 3, 3). ``waves`` gives what forces without a range add to the
    dynamical matrix: from wave vectors of shape (n, 3), in reciprocal coordinates, to (n, 3
    n_sites, 3 n_sites). Returns the shape (n_q, 3 n_sites), ascending at each q point; an unstable
    branch is given as zero.
    """
    n_sites = len(mass)
    centre, neighbour, image = bonds
    # Acoustic sum rule: a crystal that is moved as a whole feels no force.
    at_rest = _sums(centre, springs, n_sites)
    if waves is not None:
        gamma = waves(np.zeros((1, 3))).real.reshape(n_sites, 3, n_sites, 3)
        at_rest -= gamma.sum(axis=2)
    pairs, place = np.unique(centre * n_sites + neighbour, return_inverse=True)
    first, second = np.divmod(pairs, n_sites)
    every = np.arange(n_sites)
    root = np.sqrt(np.repeat(mass, 3))
    scale = root[:, None] * root
    squares = np.empty((len(Q_POINTS), 3 * n_sites))
    step = max(1, _NUMBERS_AT_ONCE // scale.size)
    for points, period in ((_HALVES, 2), (_THIRDS, 3)):
        # A phase depends on the cell's number modulo the period alone.
        classes = np.array(list(product(range(period), repeat=3)))
        kind = np.rint(image).astype(np.intp) % period @ (period**2, period, 1)
        joined = _sums(kind * len(pairs) + place, springs, len(classes) * len(pairs))
        joined = joined.reshape(len(classes), 9 * len(pairs))
        for start in range(0, len(points), step):
            q = Q_POINTS[points[start : start + step]]
            phases = np.exp(2j * np.pi * (q @ classes.T))
            matrix = np.zeros((len(q), *scale.shape), dtype=complex) if waves is None else waves(q)
            if period == 2:
                phases, matrix = np.rint(phases.real), matrix.real.copy()
            blocks = matrix.reshape(len(q), n_sites, 3, n_sites, 3)
            blocks[:, every, :, every] += at_rest[:, None]
            coupled = (phases @ joined).reshape(len(q), len(pairs), 3, 3)
            blocks[:, first, :, second] -= coupled.swapaxes(0, 1)
            matrix /= scale
            squares[points[start : start + step]] = np.linalg.eigvalsh(matrix)
    squares[_MINUS_Q[_THIRDS]] = squares[_THIRDS]
    # Round-off makes the three zeros at Gamma a little negative.
    return np.sqrt(np.maximum(squares, 0.0))


def _sums(
    group: NDArray[np.intp], tensors: NDArray[np.float64], n_groups: int
) -> NDArray[np.float64]:
    """Sum tensors by group, shape (n_groups, 3, 3)."""
    entries = (9 * group[:, None] + np.arange(9)).ravel()
    sums = np.bincount(entries, tensors.ravel(), minlength=9 * n_groups)
    return sums.astype(np.float64, copy=False).reshape(n_groups, 3, 3)


def describe_spring_model(structure: Structure) -> list[float]:
    """Compute the columns of one structure, in the order of ``SPRING_COLUMNS``."""
    return describe_frequencies(spring_frequencies(structure))


def describe_frequencies(frequencies: NDArray[np.float64]) -> list[float]:
    """Compute ``SPRING_COLUMNS`` from bands of shape (n_q, 3 n_sites), ascending at each q point.

    A cell of one atom has no branch 4: the top of branch 3 replaces it.
    """
    highest = max(frequencies.max(), LEAST_HIGHEST)
    # Parts that no spring connects move freely: their logarithm must not be one of round-off.
    floor = LEAST_SHARE * highest
    acoustic = max(frequencies[:, 2].max(), floor)
    upper = frequencies[:, 3:6] if frequencies.shape[1] > 3 else np.full((1, 1), acoustic)
    optical = max(upper[:, 0].min(), floor)
    return [
        float((optical - acoustic) / highest),
        float(acoustic / highest),
        float(optical / highest),
        float(np.log(optical / acoustic)),
        float(np.log(highest)),
        float(np.log(acoustic)),
        float(frequencies.mean() / highest),
        float(upper.mean() / highest),
    ]


def site_means(structure: Structure, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return properties of each site, the mean over the elements that share it.

    From ``columns`` of shape (n_elements, n_properties), by row of the element table, to (n_sites,
    n_properties).
    """
    index_of = ElementTable.shipped().index_of
    occupants = [site.species for site in structure]
    if all(len(species) == 1 for species in occupants):
        return columns[[index_of(next(iter(species)).symbol) for species in occupants]]
    return np.array(
        [
            sum(columns[index_of(member.symbol)] * share for member, share in species.items())
            / species.num_atoms
            for species in occupants
        ]
    )
