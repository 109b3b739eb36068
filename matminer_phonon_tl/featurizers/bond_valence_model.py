"""Phonons of charged atoms on bond-valence springs: a guess at the bands without any fit.

Two atoms at distance d share a bond of valence s = exp((R0 - d) / 0.37 Angstrom). It is a spring
of stiffness s between them, and it moves charge: s times the ionicity of the bond (Pauling) goes to
the more electronegative atom. The charges attract and repel each other by Coulomb's law, which
softens transverse optical branches and lifts longitudinal ones; Ewald's method sums its long range.
The rest is as in :mod:`~matminer_phonon_tl.featurizers.spring_model`.

References
----------
M. O'Keeffe, N. E. Brese, J. Am. Chem. Soc. 113, 3226 (1991), doi:10.1021/ja00009a002, for R0;
L. Pauling, The Nature of the Chemical Bond (Cornell, 1960), for ionicity;
M. Born, K. Huang, Dynamical Theory of Crystal Lattices (Oxford, 1954), section 30, for Ewald's sum.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure
from scipy.special import erfc

from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.featurizers.spring_model import (
    SPRING_COLUMNS,
    Waves,
    describe_frequencies,
    lattice_frequencies,
    site_means,
)

VALENCE_DECAY = 0.37
"""A bond loses a factor e of its valence over this length, Angstrom."""
WEAKEST_BOND = 1e-3
"""Bonds below this share of the strongest one's valence are left out."""
BENDING = 0.05
"""Stiffness across a spring as a share of the stiffness along it."""
COULOMB = 0.2
"""Coulomb's constant, screened, in units of a valence-one bond's stiffness times Angstrom cubed:
14.4 eV Angstrom over a permittivity of 5, against 14.4 eV per square Angstrom."""
SPLITTING = 0.4
"""Ewald's parameter, 1 / Angstrom: the sums below have converged, whatever it is."""
MOST_WAVES = 10**6
"""A cell of 10^5 to 10^6 cubic Angstrom has as many, and takes a second."""

BOND_VALENCE_COLUMNS = {
    name.replace("spring", "bond_valence"): meaning.replace("spring", "bond-valence")
    for name, meaning in SPRING_COLUMNS.items()
}
"""Meaning of each column that :func:`describe_bond_valence_model` gives."""


def describe_bond_valence_model(structure: Structure) -> list[float]:
    """Compute the columns of one structure, in the order of ``BOND_VALENCE_COLUMNS``."""
    return describe_frequencies(bond_valence_frequencies(structure))


def bond_valence_frequencies(
    structure: Structure, *, coulomb: float = COULOMB, splitting: float = SPLITTING
) -> NDArray[np.float64]:
    """Compute the frequencies of the bond-valence model, shape (n_q, 3 n_sites), arbitrary units.

    They ascend at each q point; an unstable branch is given as zero. A disordered site has the mean
    properties of its elements. `coulomb` is the strength of the charges (:data:`COULOMB`), 0 for
    springs alone; `splitting` is where Ewald's sum is split, 1 / Angstrom.
    """
    n_sites = len(structure)
    centre, neighbour, image, distance = structure.get_neighbor_list(3.2 / splitting)
    jump = structure.frac_coords[neighbour] + image - structure.frac_coords[centre]
    along = structure.lattice.get_cartesian_coords(jump) / distance[:, None]
    radius, softness, negativity, mass = site_means(structure, _element_columns()).T

    valence = bond_valence(
        radius[centre], radius[neighbour], softness[centre], softness[neighbour], distance
    )
    valence[valence < WEAKEST_BOND * valence.max(initial=0.0)] = 0.0
    pull = negativity[neighbour] - negativity[centre]
    moved = valence * np.sign(pull) * (1 - np.exp(-(pull**2) / 4))
    charge = np.bincount(centre, moved, minlength=n_sites).astype(np.float64)

    directions = along[:, :, None] * along[:, None, :]
    forces = valence[:, None, None] * ((1 - BENDING) * directions + BENDING * np.eye(3))
    along_bond, across = _screened(distance, splitting)
    pulls = coulomb * charge[centre] * charge[neighbour]
    forces += (pulls * (along_bond - across))[:, None, None] * directions
    forces += (pulls * across)[:, None, None] * np.eye(3)
    waves = _ewald_waves(structure, np.sqrt(coulomb) * charge, splitting)
    return lattice_frequencies(mass, (centre, neighbour, image), forces, waves)


def bond_valence(
    radius: NDArray[np.float64],
    other_radius: NDArray[np.float64],
    softness: NDArray[np.float64],
    other_softness: NDArray[np.float64],
    distance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Compute bond valences from O'Keeffe and Brese's two parameters of each atom and lengths."""
    product_ = radius * other_radius
    difference = np.sqrt(softness) - np.sqrt(other_softness)
    shortening = product_ * difference**2 / (softness * radius + other_softness * other_radius)
    return np.exp((radius + other_radius - shortening - distance) / VALENCE_DECAY)


@cache
def element_parameters() -> NDArray[np.float64]:
    """Return O'Keeffe and Brese's radius (Angstrom) and electronegativity of each table element.

    They give 75 elements; straight lines through these, over the covalent radius and Pauling's
    electronegativity, give the rest (correlations 0.94 and 0.90).
    """
    from pymatgen.analysis.bond_valence import BV_PARAMS

    table = ElementTable.shipped()
    known = {element.symbol: (p["r"], p["c"]) for element, p in BV_PARAMS.items()}
    rows = np.array([table.row_of[symbol] for symbol in known if symbol in table.row_of])
    given = np.array([known[symbol] for symbol in known if symbol in table.row_of])
    alike = np.column_stack([table.column("covalent_radius_cordero"), table.column("en_pauling")])
    parameters = np.column_stack(
        [
            np.polyval(np.polyfit(alike[rows, i], given[:, i], 1), alike[: len(table.row_of), i])
            for i in range(2)
        ]
    )
    parameters[rows] = given
    return parameters


@cache
def _element_columns() -> NDArray[np.float64]:
    """Return radius, softness, electronegativity and mass of each element, a row an element."""
    table = ElementTable.shipped()
    others = [table.column(name) for name in ("en_pauling", "atomic_weight")]
    return np.column_stack([element_parameters(), *others])


def _screened(
    distance: NDArray[np.float64], splitting: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Differentiate erfc(splitting d) / d, the short-ranged part of Coulomb's law, twice.

    Along the bond and across it.
    """
    screened = erfc(splitting * distance)
    tail = 2 * splitting / np.sqrt(np.pi) * np.exp(-((splitting * distance) ** 2))
    slope = -(screened / distance**2 + tail / distance)
    curvature = 2 * (screened / distance**3 + tail / distance**2 + splitting**2 * tail)
    return curvature, slope / distance


def _ewald_waves(structure: Structure, charge: NDArray[np.float64], splitting: float) -> Waves:
    """Prepare the sum of the rest of Coulomb's law over waves q + G."""
    reciprocal = structure.lattice.reciprocal_lattice.matrix
    coordinates, volume = structure.frac_coords, structure.volume
    longest = 7.0 * splitting  # exp(-12) is left out
    # A plane of waves is at least 2 pi / (longest edge of the cell) from the next.
    reach = np.ceil(longest * np.array(structure.lattice.abc) / (2 * np.pi)).astype(int) + 1
    if np.prod(2.0 * reach + 1) > MOST_WAVES:
        a, b, c = structure.lattice.abc
        raise ValueError(
            f"the cell is too large ({a:.4g} x {b:.4g} x {c:.4g} Angstrom): give a primitive cell "
            "without a vacuum"
        )
    G = np.indices((2 * reach + 1).tolist()).reshape(3, -1).T - reach
    wave_vectors = G @ reciprocal
    farthest = longest + np.linalg.norm(reciprocal, axis=1).sum() / 2  # no q is longer
    near = np.flatnonzero(np.linalg.norm(wave_vectors, axis=1) < farthest)
    wave_vectors = wave_vectors[near]
    phases = charge * np.exp(2j * np.pi * (G[near] @ coordinates.T))

    def waves(q_points: NDArray[np.float64]) -> NDArray[np.complex128]:
        q_points = q_points - np.rint(q_points)
        K = wave_vectors + (q_points @ reciprocal)[:, None]
        square = np.einsum("qgi,qgi->qg", K, K)
        point, wave = np.nonzero((square < longest**2) & (square > 1e-8))
        K, square = K[point, wave], square[point, wave]
        weight = 4 * np.pi / volume * np.exp(-square / (4 * splitting**2)) / square
        phase = phases[wave] * np.exp(2j * np.pi * (q_points @ coordinates.T))[point]
        fields = phase[:, :, None] * (np.sqrt(weight)[:, None] * K)[:, None, :]
        fields = fields.reshape(len(K), 3 * len(charge))
        ends = np.cumsum(np.bincount(point, minlength=len(q_points)))[:-1]
        return np.array([field.T @ field.conj() for field in np.split(fields, ends)])

    return waves
