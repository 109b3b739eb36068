"""Model crystals against what can be written down for them."""

import inspect

import numpy as np
import pytest
from pymatgen.core import Element
from scipy import constants

from matminer_phonon_tl.phonons import debye_dos, diatomic_chain, zincblende_springs

N_PER_M = constants.angstrom**2 / constants.e
"""In eV / Angstrom^2."""


def optical_frequency(stiffness, species):
    """Of two atoms that swing against each other, THz."""
    masses = [float(Element(symbol).atomic_mass) * constants.atomic_mass for symbol in species]
    reduced = masses[0] * masses[1] / sum(masses)
    return np.sqrt(stiffness / reduced) / (2 * np.pi) / 1e12


def test_the_chain_is_the_one_its_docstring_names():
    """The neighbours on both sides pull back: at Gamma the springs count twice."""
    at_gamma = diatomic_chain().bands[:, 0]
    assert at_gamma[:3] == pytest.approx(0, abs=1e-9)
    expected = [optical_frequency(2 * spring, ("Ga", "N")) for spring in (40, 40, 100)]
    assert at_gamma[3:] == pytest.approx(expected)
    assert diatomic_chain().structure.lattice.abc == (4.0, 3.5, 3.5)


def test_the_chains_path_ends_at_the_zone_boundary():
    path = np.array([q.frac_coords for q in diatomic_chain(n_q=11).qpoints])
    np.testing.assert_allclose(path, np.outer(np.linspace(0, 0.5, 11), [1, 0, 0]))


def test_debye_states_grow_with_the_square_up_to_ten_terahertz():
    dos = debye_dos()
    assert dos.frequencies[[0, -1]] == pytest.approx([0.0, 10.0])
    assert dos.densities == pytest.approx(9 * dos.frequencies**2 / 10.0**3)
    assert np.trapezoid(dos.densities, dos.frequencies) == pytest.approx(3.0, rel=1e-5)


def test_a_zincblende_bond_is_stiff_along_itself_and_soft_across():
    pytest.importorskip("phonopy")
    crystal = zincblende_springs(("Al", "As"), springs=(150.0, 30.0))
    positions, lattice = crystal.supercell.scaled_positions, crystal.supercell.cell
    offset = positions - positions[0]
    bonds = (offset - np.round(offset)) @ lattice
    length = np.linalg.norm(bonds, axis=1)
    neighbours = np.flatnonzero(np.isclose(length, np.sqrt(3) / 4 * 4.5))
    assert len(neighbours) == 4
    for atom in neighbours:
        along = bonds[atom] / length[atom]
        across = np.linalg.svd(along[None])[2][1:]
        constants_ = crystal.force_constants[0, atom] / N_PER_M
        assert constants_ @ along == pytest.approx(-150.0 * along)
        for direction in across:
            assert constants_ @ direction == pytest.approx(-30.0 * direction)
    others = np.setdiff1d(np.arange(1, len(length)), neighbours)
    assert not crystal.force_constants[0, others].any()
    assert crystal.force_constants.sum(axis=1) == pytest.approx(0, abs=1e-9)


def test_zincblende_swings_as_four_bonds_let_it():
    """Four bonds add up to 4 (k_c + 2 k_t) / 3 in every direction."""
    pytest.importorskip("phonopy")
    defaults = inspect.signature(zincblende_springs).parameters
    assert defaults["springs"].default == (180.0, 20.0)
    crystal = zincblende_springs()
    dynamical = crystal.dynamical_matrix
    dynamical.run([0.0, 0.0, 0.0])
    squares = np.linalg.eigvalsh(dynamical.dynamical_matrix) / N_PER_M / constants.atomic_mass
    frequencies = np.sqrt(np.abs(squares)) / (2 * np.pi) / 1e12
    expected = optical_frequency(4 * (180.0 + 2 * 20.0) / 3, ("Ga", "N"))
    assert frequencies[:3] == pytest.approx(0, abs=1e-3)
    assert frequencies[3:] == pytest.approx([expected] * 3, rel=1e-3)
