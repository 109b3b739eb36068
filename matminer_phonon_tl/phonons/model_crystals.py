"""Model crystals with closed-form phonons: for tests, examples and for teaching."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import constants

from matminer_phonon_tl.exceptions import needs
from matminer_phonon_tl.units import THZ_TO_HZ

if TYPE_CHECKING:
    from phonopy import Phonopy
    from pymatgen.phonon.bandstructure import PhononBandStructureSymmLine
    from pymatgen.phonon.dos import PhononDos


def chain_frequencies(
    phase: NDArray[np.float64], masses: tuple[float, float], spring: float
) -> NDArray[np.float64]:
    r"""Frequencies of the diatomic chain's acoustic and optical branch, THz, shape (2, n_q).

    .. math:: \omega_\pm^2 = K\left(\frac1{m_1}+\frac1{m_2}\right) \pm
        K\sqrt{\left(\frac1{m_1}+\frac1{m_2}\right)^2 - \frac{4\sin^2(qa/2)}{m_1 m_2}}

    for one spring constant K (N/m), masses in u and the phase :math:`qa` from cell to cell. The gap
    opens from :math:`\sqrt{2K/m_{heavy}}` to :math:`\sqrt{2K/m_{light}}`, and sound travels at
    :math:`a\sqrt{K/2(m_1+m_2)}`, where :math:`a` is the length of the cell. M. Born and K. Huang,
    Dynamical Theory of Crystal Lattices (Oxford, 1954), section 5.

    >>> chain_frequencies(np.array([0.0]), (30.0, 70.0), 100.0).round(3).tolist()
    [[0.0], [12.053]]
    """
    m1, m2 = (mass * constants.atomic_mass for mass in masses)
    total = 1.0 / m1 + 1.0 / m2
    inner = 4.0 * np.sin(np.asarray(phase) / 2.0) ** 2 / (m1 * m2)
    root = np.sqrt(total**2 - inner)
    # total - root loses every digit at small q; inner / (total + root) is the same and does not
    squares = spring * np.stack([inner / (total + root), total + root])
    return np.sqrt(squares) / (2.0 * np.pi * THZ_TO_HZ)


def diatomic_chain(
    species: tuple[str, str] = ("Ga", "N"),
    springs: tuple[float, float, float] = (40.0, 40.0, 100.0),
    cell: tuple[float, float, float] = (4.0, 3.5, 3.5),
    n_q: int = 41,
) -> "PhononBandStructureSymmLine":
    """Band structure of a diatomic chain along [100], from Gamma to X.

    Parameters
    ----------
    species : tuple of two str, default ("Ga", "N")
        The atoms, which sit at (0, 0, 0) and (1/2, 0, 0).
    springs : tuple of three floats, default (40, 40, 100)
        Spring constants for the displacements along y, z and x, N/m.
    cell : tuple of three floats, default (4, 3.5, 3.5)
        Edges of the orthogonal cell, Angstrom; the first is the chain's period.
    n_q : int, default 41
        Number of wave vectors.

    Returns
    -------
    PhononBandStructureSymmLine
        Six branches in THz, see :func:`chain_frequencies` for their formula.

    Examples
    --------
    >>> diatomic_chain().bands.shape
    (6, 41)
    """
    from pymatgen.core import Lattice, Structure
    from pymatgen.phonon.bandstructure import PhononBandStructureSymmLine

    structure = Structure(
        Lattice.orthorhombic(*cell), list(species), [[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]
    )
    masses = tuple(float(site.specie.atomic_mass) for site in structure)
    fraction = np.linspace(0.0, 0.5, n_q)
    branches = [
        chain_frequencies(2.0 * np.pi * fraction, (masses[0], masses[1]), k) for k in springs
    ]
    return PhononBandStructureSymmLine(
        [[x, 0.0, 0.0] for x in fraction],
        np.sort(np.concatenate(branches), axis=0),
        structure.lattice.reciprocal_lattice,
        labels_dict={r"\Gamma": [0.0, 0.0, 0.0], "X": [0.5, 0.0, 0.0]},
        structure=structure,
    )


def debye_dos(cutoff: float = 10.0, n_atoms: int = 1, n_points: int = 2001) -> "PhononDos":
    r"""Debye's density of states.

    .. math:: g(f) = 9 N f^2 / f_D^3 \quad (0 \le f \le f_D)

    Parameters
    ----------
    cutoff : float, default 10
        Debye frequency, THz.
    n_atoms : int, default 1
        Atoms in the cell.
    n_points : int, default 2001
        Points of the frequency grid, the first at exactly 0 THz.

    Returns
    -------
    pymatgen.phonon.dos.PhononDos
        Density in states per THz and cell.

    References
    ----------
    P. Debye, Ann. Phys. 344, 789 (1912), doi:10.1002/andp.19123441404.

    Examples
    --------
    >>> dos = debye_dos(n_atoms=2)
    >>> round(float(np.trapezoid(dos.densities, dos.frequencies)), 4)
    6.0
    """
    from pymatgen.phonon.dos import PhononDos

    frequencies = np.linspace(0.0, cutoff, n_points)
    return PhononDos(frequencies, 9.0 * n_atoms * frequencies**2 / cutoff**3)


def zincblende_springs(
    species: tuple[str, str] = ("Ga", "N"),
    edge: float = 4.5,
    springs: tuple[float, float] = (180.0, 20.0),
    supercell: int = 3,
) -> "Phonopy":
    r"""Zincblende crystal of nearest-neighbour springs, as a phonopy calculation.

    The bond from atom i to j along the unit vector n has the force constants

    .. math:: \Phi_{ij} = -(k_c - k_t)\, n n^T - k_t\, 1

    Parameters
    ----------
    species : tuple of two str, default ("Ga", "N")
        The atoms.
    edge : float, default 4.5
        Edge of the cubic cell, Angstrom.
    springs : tuple of two floats, default (180, 20)
        Central and transverse spring constant, N/m.
    supercell : int, default 3
        Primitive cells along each lattice vector; 2 is the least whose neighbours are distinct.

    Returns
    -------
    phonopy.Phonopy
        Calculation with its force constants, of the two-atom primitive cell.

    Raises
    ------
    MissingExtraError
        phonopy is not installed.

    References
    ----------
    A. Togo and I. Tanaka, Scr. Mater. 108, 1 (2015), doi:10.1016/j.scriptamat.2015.07.021.

    Examples
    --------
    >>> zincblende_springs().primitive.symbols  # doctest: +SKIP
    ['Ga', 'N']
    """
    with needs("phonopy", "phonopy for a zincblende model crystal"):
        from phonopy import Phonopy
        from phonopy.structure.atoms import PhonopyAtoms
    cell = PhonopyAtoms(
        symbols=list(species),
        cell=edge / 2.0 * (1.0 - np.eye(3)),
        scaled_positions=[[0.0, 0.0, 0.0], [0.25, 0.25, 0.25]],
    )
    phonon = Phonopy(
        cell, supercell_matrix=supercell * np.eye(3, dtype=int), primitive_matrix=np.eye(3)
    )
    lattice = phonon.supercell.cell
    fractional = phonon.supercell.scaled_positions
    offset = fractional[None] - fractional[:, None]
    bonds = (offset - np.round(offset)) @ lattice
    length = np.linalg.norm(bonds, axis=2)
    bonded = (length > 0.1) & (length < 0.5 * edge)
    unit = bonds / np.where(length > 0.0, length, 1.0)[..., None]
    central, transverse = (k * constants.angstrom**2 / constants.e for k in springs)
    constants_ = -(central - transverse) * np.einsum("ija,ijb->ijab", unit, unit)
    constants_ = (constants_ - transverse * np.eye(3)) * bonded[..., None, None]
    atoms = np.arange(len(fractional))
    constants_[atoms, atoms] = -constants_.sum(axis=1)
    phonon.force_constants = constants_
    return phonon
