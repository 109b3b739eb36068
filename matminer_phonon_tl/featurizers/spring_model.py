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

from itertools import product

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import PeriodicSite, Structure

from matminer_phonon_tl.featurizers.element_table import ElementTable

DECAY = 8.0
"""The stiffness at distance d is exp(-DECAY (d / d0 - 1)); d0 is the sum of the covalent radii."""
BENDING = 0.2
"""Stiffness across a spring as a share of the stiffness along it; keeps every structure stable."""
REACH = 1.7
"""Atoms within this many sums of their covalent radii are joined."""

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


def spring_frequencies(structure: Structure) -> NDArray[np.float64]:
    """Compute the frequencies of the spring model, shape (n_q, 3 n_sites), arbitrary units.

    They ascend at each q point. A disordered site has the mean mass and radius of its elements.
    """
    mass, radius = (
        np.array([site_mean(site, name) for site in structure])
        for name in ("atomic_weight", "covalent_radius_cordero")
    )
    radius = radius / 100  # pm to Angstrom
    n_sites = len(structure)
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
    at_rest = np.zeros((n_sites, 3, 3))
    np.add.at(at_rest, centre, springs)
    phases = np.exp(2j * np.pi * (Q_POINTS @ image.T))
    pairs = np.zeros((len(Q_POINTS), n_sites * n_sites, 3, 3), dtype=complex)
    pairs[:, np.arange(n_sites) * (n_sites + 1)] = at_rest
    pair = centre * n_sites + neighbour
    for at_q, phase in zip(pairs, phases, strict=True):
        np.subtract.at(at_q, pair, phase[:, None, None] * springs)
    matrix = pairs.reshape(-1, n_sites, n_sites, 3, 3)
    matrix /= np.sqrt(mass[:, None] * mass)[:, :, None, None]
    dynamical = matrix.transpose(0, 1, 3, 2, 4).reshape(-1, 3 * n_sites, 3 * n_sites)
    # Round-off makes the three zeros at Gamma a little negative.
    return np.sqrt(np.maximum(np.linalg.eigvalsh(dynamical), 0.0))


def describe_spring_model(structure: Structure) -> list[float]:
    """Compute the columns of one structure, in the order of ``SPRING_COLUMNS``."""
    return describe_frequencies(spring_frequencies(structure))


def describe_frequencies(frequencies: NDArray[np.float64]) -> list[float]:
    """Compute ``SPRING_COLUMNS`` from bands of shape (n_q, 3 n_sites), ascending at each q point.

    A cell of one atom has no branch 4: the top of branch 3 replaces it.
    """
    smallest = np.finfo(float).tiny
    highest = max(frequencies.max(), smallest)
    acoustic = max(frequencies[:, 2].max(), smallest)
    upper = frequencies[:, 3:6] if frequencies.shape[1] > 3 else np.full((1, 1), acoustic)
    optical = max(upper[:, 0].min(), smallest)
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


def site_mean(site: PeriodicSite, name: str) -> float:
    """Return a property of a site, the mean over the elements that share it."""
    table = ElementTable.shipped()
    values = table.column(name)
    total = sum(
        values[table.index_of(member.symbol)] * share for member, share in site.species.items()
    )
    return float(total / site.species.num_atoms)
