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
from itertools import product

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure
from scipy.special import erfc

from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.featurizers.spring_model import (
    Q_POINTS,
    SPRING_COLUMNS,
    describe_frequencies,
    site_mean,
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

BOND_VALENCE_COLUMNS = {
    name.replace("spring", "bond_valence"): meaning.replace("spring", "bond-valence")
    for name, meaning in SPRING_COLUMNS.items()
}
"""Meaning of each column that :func:`describe_bond_valence_model` gives."""

Tensors = NDArray[np.float64]


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
    radius, softness, negativity, mass = _site_properties(structure)

    valence = bond_valence(
        radius[centre], radius[neighbour], softness[centre], softness[neighbour], distance
    )
    valence[valence < WEAKEST_BOND * valence.max(initial=0.0)] = 0.0
    pull = negativity[neighbour] - negativity[centre]
    moved = valence * np.sign(pull) * (1 - np.exp(-(pull**2) / 4))
    charge = np.bincount(centre, moved, minlength=n_sites).astype(np.float64)
    charges = coulomb * charge[:, None] * charge

    forces = _springs(valence, along)
    forces += charges[centre, neighbour, None, None] * _screened(distance, along, splitting)
    # Acoustic sum rule: a crystal that is moved as a whole feels no force.
    at_rest = -_ewald_waves(structure, np.zeros(3), charges, splitting).real.sum(axis=1)
    np.add.at(at_rest, centre, forces)

    order = np.argsort(centre * n_sites + neighbour, kind="stable")
    pairs, first = np.unique((centre * n_sites + neighbour)[order], return_index=True)
    forces, image = forces[order].reshape(-1, 9), image[order]
    squares = np.empty((len(Q_POINTS), 3 * n_sites))
    root_mass = np.repeat(np.sqrt(mass), 3)
    for i, q in enumerate(Q_POINTS):
        matrix = _ewald_waves(structure, q, charges, splitting)
        matrix[np.arange(n_sites), np.arange(n_sites)] += at_rest
        if len(pairs):
            phase = np.exp(2j * np.pi * (image @ q))
            total = np.add.reduceat(phase[:, None] * forces, first).reshape(-1, 3, 3)
            matrix[pairs // n_sites, pairs % n_sites] -= total
        dynamical = matrix.transpose(0, 2, 1, 3).reshape(3 * n_sites, 3 * n_sites)
        squares[i] = np.linalg.eigvalsh(dynamical / np.outer(root_mass, root_mass))
    return np.sqrt(np.maximum(squares, 0.0))


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


def _site_properties(structure: Structure) -> NDArray[np.float64]:
    """Return radius, softness, electronegativity and mass of each site, shape (4, n_sites)."""
    parameters, row_of = element_parameters(), ElementTable.shipped().row_of
    bonding = [
        sum(parameters[row_of[member.symbol]] * share for member, share in site.species.items())
        / site.species.num_atoms
        for site in structure
    ]
    others = [
        [site_mean(site, name) for name in ("en_pauling", "atomic_weight")] for site in structure
    ]
    return np.hstack([bonding, others]).T


def _springs(valence: NDArray[np.float64], along: NDArray[np.float64]) -> Tensors:
    """Compute the force constants of the springs, shape (n_pairs, 3, 3)."""
    directions = along[:, :, None] * along[:, None, :]
    return valence[:, None, None] * ((1 - BENDING) * directions + BENDING * np.eye(3))


def _screened(
    distance: NDArray[np.float64], along: NDArray[np.float64], splitting: float
) -> Tensors:
    """Differentiate erfc(splitting d) / d, the short-ranged part of Coulomb's law, twice."""
    screened = erfc(splitting * distance)
    tail = 2 * splitting / np.sqrt(np.pi) * np.exp(-((splitting * distance) ** 2))
    slope = -(screened / distance**2 + tail / distance)
    curvature = 2 * (screened / distance**3 + tail / distance**2 + splitting**2 * tail)
    across = slope / distance
    directions = along[:, :, None] * along[:, None, :]
    return (curvature - across)[:, None, None] * directions + across[:, None, None] * np.eye(3)


def _ewald_waves(
    structure: Structure, q: NDArray[np.float64], charges: NDArray[np.float64], splitting: float
) -> NDArray[np.complex128]:
    """Sum the rest of Coulomb's law over waves q + G; shape (n_sites, n_sites, 3, 3)."""
    reciprocal = structure.lattice.reciprocal_lattice
    longest = 7.0 * splitting  # exp(-12) is left out
    # A plane of waves is at least 2 pi / (longest edge of the cell) from the next.
    reach = np.ceil(longest * np.array(structure.lattice.abc) / (2 * np.pi)).astype(int) + 1
    G = np.array(list(product(*(range(-n, n + 1) for n in reach))))
    K = (G + q) @ reciprocal.matrix
    square = np.sum(K**2, axis=1)
    kept = (square < longest**2) & (square > 1e-8)
    K, G, square = K[kept], G[kept], square[kept]
    weight = 4 * np.pi / structure.volume * np.exp(-square / (4 * splitting**2)) / square
    phase = np.exp(2j * np.pi * ((G + q) @ structure.frac_coords.T))
    tensors = (weight[:, None, None] * K[:, :, None] * K[:, None, :]).reshape(-1, 9)
    total = np.einsum("gi,gx,gj->ijx", phase, tensors, phase.conj(), optimize=True)
    return charges[:, :, None, None] * total.reshape(len(charges), len(charges), 3, 3)
